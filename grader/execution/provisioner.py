"""`crossmodal-warm`: a Jupyter kernel provisioner whose kernels are forked from a warm process, see `forkserver`.

Anything that starts kernels by kernelspec can use it: papermill, nbclient, nbgrader, JupyterLab. Connections go over
ipc sockets in a short private folder, not over TCP ports. A KernelManager that is given a sandbox with `start_kernel`
gets a kernel inside it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Bool, List, Unicode, default

from grader.execution.sandbox import HOME, RUN, Sandbox
from grader.execution.scratch import scratch_folder

# Variables that the libraries read when they are imported, so kernels that differ in them need different servers.
READ_AT_IMPORT = (
    "HF_",
    "TRANSFORMERS_",
    "DIFFUSERS_",
    "TORCH_",
    "PYTORCH_",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "CUDA_",  # except READ_LATER
    "PYTHON",
)
READ_LATER = "CUDA_VISIBLE_DEVICES"  # when CUDA is first used, which no server does: each kernel has its own
START_SECONDS = 120


class ForkServerDied(RuntimeError):
    """The warm process is gone, and its kernels with it. The next kernel gets a new one.

    slow: it was given up because it did not answer in time, which a busy machine is enough for.
    """

    slow = False


class ForkServerClient:
    """This process's end of a connection to a fork server. Requests from several threads take turns."""

    def __init__(self, connection: socket.socket, process: subprocess.Popen[bytes] | None = None) -> None:
        self.socket, self.process = connection, process
        self.socket.settimeout(START_SECONDS)
        self.stream = connection.makefile("r", encoding="utf-8", newline="\n")
        self.lock = threading.Lock()
        self.lost = self.slow = False
        self.ready = process is None  # else it has to import first

    @classmethod
    def start(cls, env: dict[str, str], libraries: Sequence[str]) -> ForkServerClient:
        """Start a fork server of our own, and do not wait for it."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "grader.execution.forkserver", str(theirs.fileno()), *libraries],
                pass_fds=[theirs.fileno()],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        return cls(ours, process)

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Wait until it is ready, for which and for each answer it has `seconds`. Raises ForkServerDied."""
        with self.lock:
            if self.ready:
                return
            if self.lost:  # another thread waited too
                raise self._died("the fork server is gone", TimeoutError() if self.slow else OSError())
            self.socket.settimeout(seconds)
            try:
                self._receive()
            except ForkServerDied:
                self.close()
                raise
            self.ready = True

    @property
    def alive(self) -> bool:
        return not self.lost and (self.process is None or self.process.poll() is None)

    def ask(self, op: str, descriptors: Sequence[int] = (), **request: Any) -> dict[str, Any]:
        """One request, one answer. descriptors: sent along.

        Raises ForkServerDied, or RuntimeError where the server refused.
        """
        line = json.dumps({"op": op, **request}).encode() + b"\n"
        with self.lock:
            try:
                sent = socket.send_fds(self.socket, [line], descriptors) if descriptors else 0
                self.socket.sendall(line[sent:])
            except (OSError, ValueError) as error:
                raise self._died("the fork server is gone", error) from None
            answer = self._receive()
        if "error" in answer:
            raise RuntimeError(f"fork server: {answer['error']}")
        return answer

    def _receive(self) -> dict[str, Any]:
        try:
            line = self.stream.readline()
        except (OSError, ValueError) as error:
            raise self._died("the fork server does not answer", error) from None
        if not line:
            self.lost = True
            status = f" (exit status {self.process.wait()})" if self.process else ""
            raise ForkServerDied(f"the fork server died{status}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _died(self, what: str, error: Exception) -> ForkServerDied:
        self.lost, self.slow = True, isinstance(error, TimeoutError)
        died = ForkServerDied(f"{what} ({error})")
        died.slow = self.slow
        return died

    def close(self) -> None:
        """End the connection. Our own server ends with it, and takes its kernels along."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.close()
        self.socket.close()
        if self.process is None:
            return
        if not self.ready:  # it looks for the end of the connection only once it has imported everything
            self.process.kill()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


_servers: dict[tuple[Any, ...], ForkServerClient] = {}
_servers_lock = threading.Lock()
_usual: list[str] | None = None  # imported by a server whose kernelspec does not say; see `use_server`


def _key(env: dict[str, str], libraries: Sequence[str]) -> tuple[Any, ...]:
    read = {name: value for name, value in env.items() if name.startswith(READ_AT_IMPORT) and name != READ_LATER}
    return (*libraries, *sorted(read.items()))


def server_for(env: dict[str, str], libraries: Sequence[str], seconds: float = START_SECONDS) -> ForkServerClient:
    """The fork server of this process for kernels with this environment, started where there is none or it died.

    Raises ForkServerDied where it is not ready after so many seconds.
    """
    server = begin_server(env, libraries)
    server.wait(seconds)
    return server


def begin_server(env: dict[str, str], libraries: Sequence[str]) -> ForkServerClient:
    """The same, but it may not be ready yet."""
    key = _key(env, libraries)
    with _servers_lock:
        server = _servers.get(key)
        if server is None or not server.alive:
            if server is not None:
                server.close()
            server = _servers[key] = ForkServerClient.start(env, libraries)
        return server


def use_server(connection: socket.socket, env: dict[str, str], libraries: Sequence[str]) -> None:
    """Use somebody else's fork server, by a connection to it, for kernels with this environment and these libraries.

    The libraries are the usual ones here from now on.
    """
    global _usual
    _usual = list(libraries)
    with _servers_lock:
        _servers[_key(env, libraries)] = ForkServerClient(connection)


@atexit.register
def close_servers() -> None:
    """End every fork server of this process."""
    with _servers_lock:
        for server in _servers.values():
            server.close()
        _servers.clear()


@lru_cache(maxsize=1)
def _of_the_course_here() -> list[str]:
    """What the weeks of the course around the current folder need; nothing outside a course."""
    from grader.analysis import imports
    from grader.course.discovery import find_course
    from grader.course.syllabus import CourseError

    try:
        return imports.every_library(find_course())
    except CourseError:
        return []


class WarmProvisioner(LocalProvisioner):
    """Launches kernels by fork. Signals, waiting and exit status go through the server, whose children they are."""

    libraries = List(
        Unicode(),
        help="Modules to import before forking. A kernelspec sets them: metadata.kernel_provisioner.config.libraries.",
    ).tag(config=True)
    warm = Bool(
        True, help="Run the kernel in the fork itself; else the fork only executes the kernelspec's command."
    ).tag(config=True)

    @default("libraries")
    def _usual_libraries(self) -> list[str]:
        return list(_usual) if _usual is not None else _of_the_course_here()

    sandbox: Sandbox | None = None  # given to KernelManager.start_kernel(sandbox=...)
    group: Path | None = None  # and the folder of a control group for it
    server: ForkServerClient | None = None
    folder: Path | None = None
    exit_code: int | None = None

    @property
    def has_process(self) -> bool:
        return self.pid is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        manager = self.parent
        self.sandbox = kwargs.pop("sandbox", None)
        self.group = kwargs.pop("group", None)
        if manager is not None and self.folder is None:
            # a unix socket's path may have 107 bytes, and the usual runtime folder can be long
            self.folder = scratch_folder()
            manager.transport = "ipc"
            manager.connection_file = str(self.folder / "k.json")
            # sockets in a sandbox are on its own file system, and reached through its first process
            manager.ip = str(self.sandbox.path(RUN / "k") if self.sandbox else self.folder / "k")
        return await super().pre_launch(**kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        env = dict(kwargs.get("env") or os.environ)
        cwd = kwargs.get("cwd")
        if self.warm:
            cmd = ["ipykernel_launcher", *cmd[cmd.index("ipykernel_launcher") + 1 :]]
        request: dict[str, Any] = {"argv": cmd, "env": env, "cwd": str(cwd) if cwd else None, "warm": self.warm}
        if self.sandbox is not None and self.parent is not None:
            outside, inside = self.parent.connection_file, str(RUN / "k.json")
            connection = json.loads(Path(outside).read_text()) | {"ip": str(RUN / "k")}
            self.sandbox.path(Path(inside)).write_text(json.dumps(connection))
            request["argv"] = [argument.replace(outside, inside) for argument in cmd]
            limits = asdict(self.sandbox.policy.limits)
            if self.sandbox.policy.devices:
                limits["memory"] = 0  # CUDA reserves far more than it uses; what is used the kernel's watch counts
            request |= {"sandbox": self.sandbox.pid, "limits": limits, "cwd": str(HOME)}
            request |= {"group": str(self.group)} if self.group else {}

        def spawn() -> tuple[ForkServerClient, int]:
            for attempt in (1, 2):  # a server that died unnoticed is replaced once
                server = server_for(env, self.libraries)
                try:
                    return server, server.ask("spawn", **request)["pid"]
                except ForkServerDied:
                    if attempt == 2:
                        raise
            raise AssertionError("unreachable")

        self.server, self.pid = await asyncio.to_thread(spawn)
        self.pgid, self.cwd, self.exit_code = self.pid, cwd, None
        return self.connection_info

    def seal(self) -> None:
        """Keep the sandbox's sockets as they are from now on. Raises RuntimeError.

        Else the student could put links in their place, which we would follow out of the sandbox.
        """
        if self.sandbox is None or self.server is None:
            return
        self.server.ask("seal", pid=self.pid)
        for _ in range(1000):
            if os.statvfs(self.sandbox.path(RUN)).f_flag & os.ST_RDONLY:
                return
            time.sleep(0.005)
        raise RuntimeError("the sandbox could not be sealed")

    async def poll(self) -> int | None:
        if self.pid is None or self.server is None:
            return 0 if self.exit_code is None else self.exit_code
        try:
            self.exit_code = self.server.ask("poll", pid=self.pid)["exit"]
        except (ForkServerDied, RuntimeError):
            self.exit_code = -9  # its kernels die with it
        return self.exit_code

    async def wait(self) -> int | None:
        while (code := await self.poll()) is None:
            await asyncio.sleep(0.02)
        self._forget()
        return code

    async def send_signal(self, signum: int) -> None:
        if self.pid is not None and self.server is not None:
            with contextlib.suppress(ForkServerDied, RuntimeError):
                self.server.ask("signal", pid=self.pid, signum=int(signum))

    async def kill(self, restart: bool = False) -> None:
        await self.send_signal(9)
        for _ in range(50):  # it takes milliseconds; a KernelManager would look again only after 0.1 s
            if await self.poll() is not None:
                break
            await asyncio.sleep(0.002)

    async def terminate(self, restart: bool = False) -> None:
        await self.send_signal(15)

    async def cleanup(self, restart: bool = False) -> None:
        self._forget()
        if self.folder is not None and not restart:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def _forget(self) -> None:
        if self.pid is not None and self.server is not None:
            with contextlib.suppress(ForkServerDied, RuntimeError):
                self.server.ask("forget", pid=self.pid)
        self.pid = None
