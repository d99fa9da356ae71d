"""A process that has imported the course's libraries once and forks fresh IPython kernels, and workers, from itself.

Importing torch, transformers, diffusers and open_clip costs 6 to 8 CPU seconds; a fork of a process that has done so
costs milliseconds, and its memory is shared until written to. The server runs no one's code: it imports, then answers
requests on sockets, one JSON object a line, each in kind:

    {"op": "spawn", "argv": [...], "env": {...}, "cwd": ..., "sandbox": ..., "limits": ...}   ->  {"pid": 123}
    {"op": "signal", "pid": 123, "signum": 2}          ->  {"sent": true}
    {"op": "poll", "pid": 123}                         ->  {"exit": null | 0 | -9 | ...}
    {"op": "seal", "pid": 123}                         ->  {"sent": true}
    {"op": "worker", "entry": "package.module:function", "threads": 1, "memory": 0} and a socket  ->  {"pid": 124}
    anything that fails                                ->  {"error": "..."}

A kernel belongs to the connection that asked for it, and is killed with all its children when that closes; when the
first connection closes, the server ends, and everything it forked with it. With `sandbox`, the pid of a process inside
a `sandbox.Sandbox`, the kernel joins it before it runs anything. A worker (`workers.Worker`) is a fork too, and gets a
connection of its own. Run as `python -m grader.execution.forkserver FD MODULE...`. POSIX only.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from grader.course.syllabus import Limits
from grader.execution import cgroup, confine
from grader.execution.sandbox import RUN, WRITABLE

# what every kernel imports when it starts
KERNEL = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "IPython.core.completer", "jedi", "zmq")
REQUEST_BYTES = 1 << 20


def warm_up(libraries: Iterable[str]) -> None:
    """Import the libraries, and read the models named like "coursekit.models:clip", so that forks have them already.

    Those that this machine lacks, or that fail, are left for the notebooks to miss.

    Nothing among them may use CUDA: a forked child could not use it any more.
    """
    gc.disable()  # as gc.freeze's documentation asks: collections would take a second, and leave holes in shared pages
    for name in (*KERNEL, *libraries):
        with contextlib.suppress(Exception, SystemExit):
            _import(name)
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_initialized():
        raise RuntimeError("a library uses CUDA while it is imported, and no fork could use it after that")
    gc.freeze()  # else the first collection in a child would write to, and so copy, every page of the shared heap


def _import(name: str) -> None:
    """Import a module, or what a module has under this name: some libraries load their parts when they are asked for.

    For "module:role" the module is told to keep its model of this role. Raises whatever the import does.
    """
    name, _, role = name.partition(":")
    if role:
        importlib.import_module(name).keep(role)
        return
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        if not module:
            raise
        getattr(importlib.import_module(module), attribute)


@dataclass
class Client:
    """One connection: what has arrived of its next request, and the kernels it asked for."""

    socket: socket.socket
    buffer: bytes = b""
    received: list[int] = field(default_factory=list)  # descriptors that came with the bytes


@dataclass
class Child:
    """One forked process.

    pid: of the one to wait for, which is not the kernel's own where that runs in a process namespace of its own.
    group: whether signals that end it go to its whole process group.
    """

    pid: int
    owner: Client | None
    group: bool = True
    exit: int | None = None


class ForkServer:
    """Forks kernels and workers, passes signals on, and reaps."""

    def __init__(self, first: socket.socket) -> None:
        self.first = Client(first)
        self.children: dict[int, Child] = {}  # by the pid that those who ask know
        self.ended: dict[int, int | None] = {}  # exit codes of workers
        self.selector = selectors.DefaultSelector()
        self._listen(self.first)

    def _listen(self, client: Client) -> None:
        self.selector.register(client.socket, selectors.EVENT_READ, client)

    def serve(self) -> None:
        """Answer requests until the first connection closes."""
        while True:
            for key, _ in self.selector.select(1):
                if not self._hear(key.data):
                    self._end(key.data)
                    if key.data is self.first:
                        return
            for pid in [pid for pid, child in self.children.items() if child.owner is None]:
                if self._poll(pid) is not None:  # a worker: whoever gives it jobs sees its socket close
                    self.ended[pid] = self.children.pop(pid).exit

    def _hear(self, client: Client) -> bool:
        """Take what has arrived and answer whole requests; False at the end of the connection."""
        try:
            data, descriptors, _, _ = socket.recv_fds(client.socket, REQUEST_BYTES, 4)
        except OSError:
            return False
        client.received += descriptors
        *lines, client.buffer = (client.buffer + data).split(b"\n")
        for line in lines:
            try:
                request = json.loads(line)
                answer = getattr(self, "op_" + request.pop("op"))(client, **request)
            except Exception as error:  # the server outlives any request
                answer = {"error": f"{type(error).__name__}: {error}"}
            try:
                client.socket.sendall(json.dumps(answer).encode() + b"\n")
            except OSError:
                return False
        return bool(data)

    def _end(self, client: Client) -> None:
        """The connection is gone: so are its kernels."""
        self.selector.unregister(client.socket)
        client.socket.close()
        for pid in [pid for pid, child in self.children.items() if child.owner is client or client is self.first]:
            self.op_forget(client, pid)

    def op_spawn(
        self,
        client: Client,
        argv: list[str],
        env: dict[str, str],
        cwd: str | None,
        warm: bool = True,
        sandbox: int | None = None,
        limits: dict[str, int] | None = None,
        group: str = "",
    ) -> dict[str, Any]:
        """Fork a kernel. warm: it runs in the fork itself; else the fork only executes argv. group: see `cgroup`."""
        server = os.getpid()
        reader, writer = os.pipe()
        first = os.fork()
        if first == 0:
            try:
                _keep_only(writer)
                if sandbox is None:
                    os.setsid()
                    confine.die_with(server)
                else:
                    if group:
                        cgroup.enter(group)
                    _enter(sandbox, server, Limits(**(limits or {})))
                os.close(KEPT)
                run_kernel(argv, env, cwd, warm, parent=server if sandbox is None else 0)
            except BaseException as error:
                with contextlib.suppress(OSError):
                    os.write(KEPT, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
            finally:
                os._exit(1)
        os.close(writer)
        with open(reader, encoding="utf-8") as file:
            news = {key: value for line in file for key, value in json.loads(line).items()}
        if "error" in news:
            os.waitpid(first, 0)
            return news
        pid = news.get("pid", first)
        self.children[pid] = Child(first, client, group=sandbox is None)
        return {"pid": pid}

    def op_worker(self, client: Client, entry: str, threads: int, memory: int = 0) -> dict[str, Any]:
        """Fork a worker. It gets its jobs, and its environment, by the socket that was sent along.

        Not through here: what does stays in memory of which every later kernel is a copy.
        """
        jobs = client.received.pop(0)
        ours, theirs = socket.socketpair()
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                _keep_only(jobs, theirs.fileno())
                run_worker(entry, threads, server, memory)
            finally:
                os._exit(1)
        theirs.close()
        os.close(jobs)
        self._listen(Client(ours))
        self.children[pid] = Child(pid, None)
        return {"pid": pid}

    def op_signal(self, client: Client, pid: int, signum: int) -> dict[str, Any]:
        child = self.children[pid]
        if self._poll(pid) is None:
            # an interrupt is for the kernel itself; what ends it, ends all it started
            whole = child.group and signum != signal.SIGINT
            (os.killpg if whole else os.kill)(pid, signum)
        return {"sent": child.exit is None}

    def op_seal(self, client: Client, pid: int) -> dict[str, Any]:
        """Have the sandbox of a kernel that has made its sockets keep them as they are."""
        os.kill(self.children[pid].pid, signal.SIGUSR1)
        return {"sent": True}

    def op_poll(self, client: Client, pid: int) -> dict[str, Any]:
        return {"exit": self._poll(pid) if pid in self.children else self.ended[pid]}

    def op_forget(self, client: Client, pid: int) -> dict[str, Any]:
        """The kernel is done with: end what it left running, and drop its exit code."""
        child = self.children.pop(pid, None)
        if child is None:
            return {"exit": None}
        if child.exit is None or child.group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                (os.killpg if child.group else os.kill)(pid, signal.SIGKILL)
        if child.exit is None:
            child.exit = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
        return {"exit": child.exit}

    def _poll(self, pid: int) -> int | None:
        child = self.children[pid]
        if child.exit is None:
            done, status = os.waitpid(child.pid, os.WNOHANG)
            if done:
                child.exit = os.waitstatus_to_exitcode(status)
        return child.exit


KEPT = 3  # the first descriptor that a forked child still has besides the standard ones


def _keep_only(*descriptors: int) -> None:
    """Close all but the standard ones and these, which become KEPT and the next: the server's sockets are its own."""
    out_of_the_way = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 100) for descriptor in descriptors]
    for target, descriptor in enumerate(out_of_the_way, KEPT):
        os.dup2(descriptor, target)
    os.closerange(KEPT + len(descriptors), os.sysconf("SC_OPEN_MAX"))


def _enter(sandbox: int, server: int, limits: Limits) -> None:
    """Go on as a process inside the sandbox, without privileges; the process that does not waits for it outside."""
    user = confine.enter(sandbox)
    confine.die_with(server)  # not before: the system forgets it when privileges change
    confine.fit(WRITABLE)
    signal.signal(signal.SIGUSR1, lambda *_: confine.seal(str(RUN)))  # out here it still has the privileges for that
    inner = os.fork()
    if inner:
        os.write(KEPT, json.dumps({"pid": inner}).encode() + b"\n")
        os.closerange(0, KEPT + 1)
        code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
        if code < 0:  # end as it did
            with contextlib.suppress(OSError):
                signal.signal(-code, signal.SIG_DFL)
            os.kill(os.getpid(), -code)
        os._exit(abs(code))
    os.setsid()
    confine.give_up(user, limits)
    confine.die_with(0)  # its parent has no number here


def run_kernel(argv: list[str], env: dict[str, str], cwd: str | None, warm: bool, parent: int) -> NoReturn:
    """Become an IPython kernel: in the forked child, with no way back."""
    _reset_signals()
    quiet = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # what it prints goes by its own sockets
        os.dup2(quiet, standard)
    if parent:
        env = {**env, "JPY_PARENT_PID": str(parent)}
    if cwd:
        os.chdir(cwd)
    if not warm:
        os.execvpe(argv[0], argv, env)
    for name in [name for name in sys.modules if name.partition(".")[0] == "grader"]:
        del sys.modules[name]  # the grader is not there for students
    os.environ.clear()
    os.environ.update(env)
    _fresh_randomness()
    _use_threads(env.get("CROSSMODAL_THREADS"))
    sys.argv = list(argv)
    gc.enable()
    from ipykernel.kernelapp import IPKernelApp

    code = 0
    try:
        IPKernelApp.launch_instance(argv=argv[1:])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def run_worker(entry: str, threads: int, server: int, memory: int = 0) -> NoReturn:
    """Become a worker: in the forked child, with no way back. memory: see `workers.Worker`.

    entry: "package.module:function", which is called with the sockets of its jobs and of this server. It is named, not
    imported here, because what this server imports, every student's kernel inherits.
    """
    os.setsid()
    confine.die_with(server)
    _reset_signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who gives the jobs
    _fresh_randomness()
    _use_threads(str(threads))
    if memory:  # what a kernel sends is read here, and no cap on its parts is one on the whole
        confine.limit_data(memory)
    gc.enable()
    module, _, function = entry.partition(":")
    work = getattr(importlib.import_module(module), function)
    work(socket.socket(fileno=KEPT), socket.socket(fileno=KEPT + 1))
    os._exit(0)


def _reset_signals() -> None:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(signum, signal.SIG_DFL)


def _use_threads(count: str | None) -> None:
    if count and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(count))


def _fresh_randomness() -> None:
    """Else every kernel would draw the same 'random' numbers."""
    import random

    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the terminal is the grader's to handle
    connection = socket.socket(fileno=int(sys.argv[1]))
    # ipykernel sets this too, but in the child, when matplotlib has been imported and has read it. The backend itself
    # is left for the child to import: it looks for a running IPython then, to show figures at the end of a cell.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # the debugger's remark on frozen modules
    warm_up(sys.argv[2:])
    with contextlib.suppress(OSError):
        confine.seccomp()  # loaded once
    connection.sendall(b'{"ready": true}\n')
    ForkServer(connection).serve()
    os._exit(0)  # there is nothing to tidy, and some libraries complain about their own tidying


if __name__ == "__main__":
    main()
