"""One Jupyter kernel for one submission: start it, run code with a time limit and caps on output, and end it for sure.

The kernel is chosen by kernelspec name, so anything Jupyter can start will do. Nothing here trusts it: it may print
without end, never answer, or die, and each of these is a `Ran` with a status rather than an exception.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from queue import Empty
from typing import Any, Literal, NamedTuple, cast

import psutil
import zmq
from jupyter_client.manager import KernelManager
from nbformat import NotebookNode

from coursekit.codec import parse, proof
from grader.execution import cgroup, gpus
from grader.execution.gpus import Share
from grader.execution.kernelspecs import WARM, KernelStartError, needs_of, spec_of
from grader.execution.outputs import Outputs, Room
from grader.execution.provisioner import START_SECONDS, WarmProvisioner
from grader.execution.sandbox import HOME, Policy, Sandbox, SandboxError
from grader.execution.scratch import scratch_folder
from grader.execution.usage import Usage

# What the kernel is given of our environment: how to find programs, libraries, caches and devices, and nothing else.
PASSED_ON = (
    *("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "SYSTEMROOT"),
    *("PYTHONPATH", "PYTHONHASHSEED", "XDG_CACHE_HOME", "MPLCONFIGDIR", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE"),
    *("TORCH_HOME", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
)
# seconds as `usage` counts them, so that a busy machine changes nothing
GRACE = 3.0  # that a kernel has to answer an interrupt
GRACE_TALKING = 12.0  # for a kernel that has printed a lot: it sends that first
LATE_OUTPUT = 2.0  # without a message, after the reply, until no more output is waited for
LATEST_OUTPUT = 15.0  # after the reply until no more output is waited for in any case
PATIENCE = 10  # times what may be spent, by the clock: then this machine is too busy for it
FLOOD_BYTES = 40_000_000  # of output for which a cell is interrupted: what was sent and not read yet takes memory
WATCH_SECONDS = 0.25  # between looks at whether the kernel lives and at what it uses
FORK_WATCH_SECONDS = 0.05  # between counts of its processes: the system's limit does not hold root, and bombs grow
GPU_WATCH_SECONDS = 1.0  # between looks at its use of a GPU: nvidia-smi has to be started for each
HOLDERS = 2  # processes of the sandbox itself
INSIDE = {  # the environment in a sandbox that differs from outside
    "HOME": str(HOME),
    "USER": "student",
    "LOGNAME": "student",
    "TMPDIR": "/tmp",
    "IPYTHONDIR": str(HOME / ".ipython"),
}
NOT_INSIDE = ("XDG_CACHE_HOME", "MPLCONFIGDIR", "TORCH_HOME", "HF_HOME", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
JUDGED = "coursekit.judged.JudgedKernel"  # the kernel that answers a judge
HISTORY = ["--HistoryManager.hist_file=:memory:"]
MESSAGES_WAITING = 8  # of one socket, in our memory
MESSAGE_VALUES = 2_000_000  # numbers, texts, lists and so on in one message
MESSAGE_BYTES = 80_000_000  # a longer one is never received; codec.Limits allows 64 MB of text

RunStatus = Literal["ok", "error", "timeout", "dead"]


class File(NamedTuple):
    """A file or folder, and its name in the working folder. shared: it is shown there read-only; else it is copied."""

    path: Path
    name: str
    shared: bool = False


@dataclass
class Ran:
    """What came of one request. "timeout": interrupted, and it answered; "dead": the kernel is gone, as `why` says."""

    status: RunStatus
    seconds: float  # by the clock
    outputs: list[NotebookNode] = field(default_factory=list)
    execution_count: int | None = None
    error: str = ""  # "NameError: name 'x' is not defined"
    why: str = ""
    expressions: dict[str, Any] = field(default_factory=dict)
    reply: dict[str, Any] = field(default_factory=dict)  # all of it
    cost: float = 0.0  # seconds of its budget, see `usage`
    busy: bool = False  # it was interrupted because this machine did not get to it
    forged: bool = False  # to a judge's request: something else than the course's own handler answered, or nothing did


def environment(paths: list[Path], threads: int, offline: bool = True) -> dict[str, str]:
    """The kernel's environment. paths: folders to import from first.  threads: CPU threads it may use."""
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    env.update({name: value for name, value in os.environ.items() if name.startswith("LC_")})
    env["PYTHONPATH"] = os.pathsep.join([*map(str, paths), *filter(None, [env.get("PYTHONPATH")])])
    for name in ("CROSSMODAL_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        env[name] = str(max(1, threads))
    # Threads that spin while they wait take the cores from those they wait for, as soon as anything else runs: on two
    # busy cores a training loop of 3 s took 75 s.
    env["OMP_WAIT_POLICY"] = "PASSIVE"
    # The same of OpenBLAS, which starts its threads anew in every fork that answers the judge: they spin for 2^4 cycles
    # instead of 2^26, which had cost a tenth of a second a question.
    env["OPENBLAS_THREAD_TIMEOUT"] = "4"
    if offline:
        env.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    return env


class Kernel:
    """A running kernel, as a context manager. Its working folder is fresh and goes with it.

    name: of a kernelspec.  env: all of its environment.  policy: of the sandbox it runs in; None for no sandbox.
    scratch: where its folders outside a sandbox are made.  files: what lies in its working folder.
    gpu: what it may have of one; `env` binds it to that, see `gpus.environment`.
    judged: whether it can be asked about the student's values, see `ask`; for that it needs ipykernel and coursekit.
    Entering raises KernelStartError or SandboxError.
    """

    def __init__(
        self,
        name: str,
        env: dict[str, str],
        policy: Policy | None = None,
        scratch: Path | None = None,
        start_seconds: float = START_SECONDS,
        files: Sequence[File] = (),
        gpu: Share | None = None,
        judged: bool = False,
    ) -> None:
        self.name, self.env, self.start_seconds = name, env, start_seconds
        self._policy, self._scratch, self._files, self._gpu = policy, scratch, files, gpu
        self._judged = judged
        self._key = secrets.token_bytes(32)  # with which the handler of the judge's requests signs
        self.sandbox: Sandbox | None = None
        self._group: cgroup.Group | None = None
        self.excess = ""  # which limit it was ended for
        self.usage = Usage(self._proc, self._processes)
        self._room = Room()  # of all outputs together
        self._stack = contextlib.ExitStack()
        self.alive = False

    def __enter__(self) -> Kernel:
        try:
            self._start()
        except BaseException as error:
            self._stack.close()
            if isinstance(error, Exception) and not isinstance(error, SandboxError):
                raise KernelStartError(
                    f"kernel {self.name!r} did not start: {type(error).__name__}: {error}"
                ) from error
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        self.alive = False
        self._stack.close()

    def _start(self) -> None:
        folder = self._temporary(self._scratch)
        private = self._temporary(self._scratch)  # a unix socket's path must be short
        self.manager = KernelManager(kernel_name=self.name)
        if os.name == "posix":
            self.manager.transport = "ipc"  # no port to lose to a neighbour
            self.manager.ip = str(private / "k")
        self.manager.connection_file = str(private / "k.json")
        self._stack.callback(self._stop)
        given: dict[str, Any] = {}
        env = {**self.env, "IPYTHONDIR": str(private / "ipython")}  # no start-up file from one student to the next
        if self._policy is not None:
            self._use_our_provisioner()
            policy = replace(
                self._policy,
                readable=(*self._policy.readable, *needs_of(spec_of(self.manager))),
                beside=tuple((file.path, file.name) for file in self._files if file.shared),
            )
            given["sandbox"] = self.sandbox = self._stack.enter_context(Sandbox(policy))
            given["group"] = self._limited(policy)
            env = {name: value for name, value in env.items() if name not in NOT_INSIDE} | INSIDE
        for file in self._files:
            if self.sandbox is None or not file.shared:
                _copy(file, self.sandbox.path(HOME) if self.sandbox else folder)
        self.manager.start_kernel(
            cwd=str(folder),
            env=env,
            extra_arguments=[
                *(HISTORY if spec_of(self.manager).language.lower() == "python" else []),
                *([f"--IPKernelApp.kernel_class={JUDGED}"] if self._judged else []),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **given,
        )
        self.manager.context.setsockopt(zmq.RCVHWM, MESSAGES_WAITING)
        self.manager.context.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES)
        self.client = self.manager.blocking_client()
        self.client.session.unpack = _unpack
        self._stack.callback(self.client.stop_channels)
        self.client.start_channels()
        self.client.allow_stdin = False
        self._poller = zmq.Poller()
        for channel in (self.client.shell_channel, self.client.iopub_channel):
            self._poller.register(channel.socket, zmq.POLLIN)
        self._wait_until_ready()
        if self.sandbox is not None:
            cast(WarmProvisioner, self.manager.provisioner).seal()  # see `_use_our_provisioner`
            self._stack.enter_context(self._watched(self.sandbox))
        self.alive = True
        if self._judged:
            key = self.client.session.msg("judge_request", {"key": self._key.hex()})
            if self._request(partial(self._post, key), self.start_seconds, shown=False).status != "ok":
                raise RuntimeError("it did not take the judge's key")
        if self._gpu is not None:
            capped = self.evaluate(gpus.set_cap(self._gpu), self.start_seconds)
            if capped.status != "ok" or capped.expressions.get("r", {}).get("status") != "ok":
                why = capped.expressions.get("r", {}).get("evalue") or capped.error or capped.why or capped.status
                raise RuntimeError(f"the cap on its GPU memory could not be set: {why}")

    def _wait_until_ready(self) -> None:
        """Until it answers, and what it publishes arrives too. Raises RuntimeError.

        jupyter_client's own way of waiting takes a fifth of a second longer.
        """
        deadline, waiting = time.monotonic() + self.start_seconds, {"shell", "iopub"}
        while waiting:
            self.client.kernel_info()
            ready = dict(self._poller.poll(200))
            while ready and waiting:
                for name, channel in (("shell", self.client.shell_channel), ("iopub", self.client.iopub_channel)):
                    if channel.socket in ready and self._messages(channel):
                        waiting.discard(name)
                ready = dict(self._poller.poll(20))
            if waiting and not self.manager.is_alive():
                raise RuntimeError("it ended while it started")
            if waiting and time.monotonic() > deadline:
                raise RuntimeError(f"it did not answer within {self.start_seconds:g} s")

    def _use_our_provisioner(self) -> None:
        """Only ours can start a kernel in a sandbox; for a kernelspec of another it executes the command there."""
        theirs = spec_of(self.manager).metadata.setdefault("kernel_provisioner", {})
        if theirs.get("provisioner_name") != WARM:
            theirs.update(provisioner_name=WARM, config={"libraries": [], "warm": False})

    def _limited(self, policy: Policy) -> Path | None:
        """The folder of a control group for the kernel, where the system gives one."""
        parent = cgroup.delegated()
        if parent is None or not policy.limits.memory or self._gpu is not None:
            return None
        try:
            self._group = self._stack.enter_context(cgroup.Group(parent, policy.limits.memory))
        except OSError:  # then without
            return None
        return self._group.folder

    def _temporary(self, where: Path | None) -> Path:
        if where is None:
            made = scratch_folder()
            self._stack.callback(shutil.rmtree, made, ignore_errors=True)
            return made
        inner = tempfile.TemporaryDirectory(prefix="xm-", dir=where, ignore_cleanup_errors=True)
        return Path(self._stack.enter_context(inner))

    def _stop(self) -> None:
        self.kill()
        self.manager.cleanup_resources()

    @property
    def pid(self) -> int | None:
        return getattr(self.manager.provisioner, "pid", None)

    def cpu_seconds(self) -> float:
        """CPU time that the kernel and all that it started have used; 0 where that cannot be known."""
        return self.usage.cpu_seconds()

    def _proc(self) -> Path:
        return self.sandbox.path(Path("/proc")) if self.sandbox else Path("/proc")

    def _processes(self) -> list[int]:
        """The pids of the kernel and of what it started, as `_proc` shows them."""
        if self.sandbox is not None:
            return self.sandbox.processes()
        try:
            process = psutil.Process(self.pid)
            return [process.pid, *(child.pid for child in process.children(recursive=True))]
        except (psutil.Error, TypeError, ValueError):
            return []

    def kill(self) -> None:
        """End the kernel and what it started, now."""
        self.alive = False
        if self.sandbox is not None:
            self.sandbox.close()
        with contextlib.suppress(Exception):  # it may be gone already, in ways that differ between provisioners
            children = psutil.Process(self.pid).children(recursive=True)
            for child in children:
                with contextlib.suppress(psutil.Error):
                    child.kill()
        with contextlib.suppress(Exception):
            self.manager.shutdown_kernel(now=True)

    def run(self, code: str, seconds: float) -> Ran:
        """Run a cell at a cost (see `usage`) of at most `seconds`; then interrupt it, then kill what goes on."""
        return self._execute(seconds, code=code, store_history=True)

    def evaluate(self, expression: str, seconds: float) -> Ran:
        """Evaluate an expression beside the student's cells: no code runs, so no input transformer of theirs does."""
        return self._execute(seconds, code="", silent=True, user_expressions={"r": expression})

    def ask(self, question: str, text: str, seconds: float, caller: Sequence[str] = ("", "", "", "")) -> Ran:
        """Put a request of the judge to the student's values as they are when the question is first named.

        `reply` has "text", the answer, or "lost", why there is none; see `coursekit.judged`. question: "" to be done
        with the last one.  caller: its name, and file, name and module of a visible check that calls seem to come from.
        """
        fork = self._gpu is None and sys.platform == "linux"
        content = {"question": question, "text": text, "fork": fork, "caller": [*caller]}
        message = self.client.session.msg("judge_request", content)
        ran = self._request(partial(self._post, message), seconds, shown=False)
        if ran.status in ("ok", "error") and not self._is_proven(ran.reply, message["header"]["msg_id"], text):
            return replace(ran, reply={}, forged=True)
        return ran

    def _post(self, message: dict[str, Any]) -> str:
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def _is_proven(self, reply: dict[str, Any], message: str, text: str) -> bool:
        """Whether the course's own handler gave this reply to this message."""
        replaced = reply.get("replaced", [])
        parts = [reply.get("text", ""), reply.get("lost", ""), *(replaced if isinstance(replaced, list) else [None])]
        text_only = all(isinstance(part, str) for part in parts)
        return text_only and reply.get("proof") == proof(self._key, message, text, *parts)

    @staticmethod
    def _is_over(spent: float, passed: float, seconds: float) -> bool:
        """Whether these seconds are spent, or so long by the clock that they never will be."""
        return spent > seconds or passed > PATIENCE * seconds

    def _execute(self, seconds: float, **request: Any) -> Ran:
        return self._request(lambda: self.client.execute(**request, allow_stdin=False, stop_on_error=False), seconds)

    def _request(self, send: Callable[[], str], seconds: float, shown: bool = True) -> Ran:
        """shown: whether what it prints and displays is waited for, which a thread of the notebook can draw out."""
        if not self.alive:
            return Ran("dead", 0.0, why="the kernel was not running")
        began, before = time.monotonic(), self.usage.begin()
        mine = send()
        outputs = Outputs(self._room)
        reply: dict[str, Any] | None = None
        replied = heard = interrupted_at = cost = took = 0.0
        interrupted = busy = False
        idle, idled = not shown, -1.0
        checked = stopped = began

        def ended(status: RunStatus, why: str = "") -> Ran:
            cost = self.usage.answered() - before
            return Ran(status, time.monotonic() - began, outputs.done(), why=why, cost=cost, busy=busy)

        while not (reply is not None and idle):
            ready = dict(self._poller.poll(50))
            now, spent = time.monotonic(), self.usage.look() - before
            if self.client.iopub_channel.socket in ready:
                heard = spent
                for message in self._messages(self.client.iopub_channel):
                    if message.get("parent_header", {}).get("msg_id") == mine and outputs.take(message):
                        idle, idled = True, spent
            if self.client.shell_channel.socket in ready:
                for message in self._messages(self.client.shell_channel):
                    if message.get("parent_header", {}).get("msg_id") == mine:
                        reply, took = message["content"], now - began
                        replied = cost = self.usage.answered() - before
            if reply is not None:
                if spent - max(replied, heard) > LATE_OUTPUT or spent - replied > LATEST_OUTPUT:
                    break
            elif idled >= 0 and not (shown or interrupted) and spent > max(seconds, idled + LATE_OUTPUT):
                return ended("error")  # the kernel is done with it, and nothing answered
            elif not interrupted and (self._is_over(spent, now - began, seconds) or outputs.seen > FLOOD_BYTES):
                interrupted, interrupted_at, stopped = True, spent, now
                busy = spent <= seconds and outputs.seen <= FLOOD_BYTES
                with contextlib.suppress(Exception):
                    self.manager.interrupt_kernel()
            elif interrupted and self._is_over(
                spent - interrupted_at, now - stopped, GRACE_TALKING if outputs.cut else GRACE
            ):
                why = f"it took longer than {seconds:g} s and did not stop when interrupted, so the kernel was ended"
                lost = ended("dead", why)
                self.kill()
                return lost
            elif now - checked > WATCH_SECONDS:
                checked = now
                if not self.manager.is_alive():
                    self.alive = False
                    if self._group is not None and self._group.was_full():
                        self.excess = self.excess or self._over_memory()
                    return ended("dead", self.excess or "the kernel died")
        assert reply is not None  # else the loop would go on
        status: RunStatus = "timeout" if interrupted else "ok" if reply.get("status") == "ok" else "error"
        why = f"it printed more than {FLOOD_BYTES // 10**6} MB" if outputs.seen > FLOOD_BYTES else ""
        why = f"after {PATIENCE * seconds:g} s this busy machine had not got through it" if busy else why
        ran = Ran(status, took, outputs.done(), why=why if interrupted else "", reply=reply, cost=cost, busy=busy)
        return self._with_reply(ran, reply)

    def _with_reply(self, ran: Ran, reply: dict[str, Any]) -> Ran:
        """The same, with what the kernel replied; which is that it ends, where a cell asked for that."""
        payload = reply.get("payload")
        if isinstance(payload, list) and any(isinstance(p, dict) and p.get("source") == "ask_exit" for p in payload):
            self.kill()  # else it would stop a moment later, and the next cell would get the blame
            return replace(ran, status="dead", why="it ended the kernel with exit() or quit()", reply={})
        error = f"{reply.get('ename', '')}: {reply.get('evalue', '')}"[:500] if reply.get("status") == "error" else ""
        count = reply.get("execution_count")
        found = reply.get("user_expressions")
        return replace(
            ran,
            execution_count=count if type(count) is int and count >= 0 else None,  # a bool is an int too
            error=error,
            expressions=found if isinstance(found, dict) else {},
        )

    def _over_memory(self) -> str:
        assert self._policy is not None
        return f"it used more than {self._policy.limits.memory / 2**30:.3g} GB of memory, so the kernel was ended"

    @contextlib.contextmanager
    def _watched(self, sandbox: Sandbox) -> Iterator[None]:
        """While this lasts, end the sandbox once its processes together are over a limit.

        The system holds only each of them to limits. It goes on between requests too: what was left running works on.
        """
        limits, done = sandbox.policy.limits, threading.Event()
        start = sandbox.used_memory(enough=0)  # much of it pages shared with the server
        most = self._gpu.memory + gpus.CONTEXT if self._gpu else 0

        def watch() -> None:
            weighed = looked = 0.0
            while not done.wait(FORK_WATCH_SECONDS):
                now = time.monotonic()
                if limits.processes and len(sandbox.processes()) > limits.processes + HOLDERS:
                    self.excess = f"it had more than {limits.processes} processes, so the kernel was ended"
                elif limits.memory and now - weighed > WATCH_SECONDS:
                    weighed = now
                    if sandbox.used_memory(start + limits.memory) > start + limits.memory:
                        self.excess = self._over_memory()
                if not self.excess and self._gpu and now - looked > GPU_WATCH_SECONDS:
                    looked = now
                    if gpus.used(self._gpu, sandbox.pid) > most:
                        cap = f"{self._gpu.memory / 2**30:.3g} GB of GPU memory"
                        self.excess = f"its own use passed the cap of {cap} for one submission, so the kernel was ended"
                if self.excess:
                    sandbox.close()
                    return

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _messages(self, channel: Any) -> list[dict[str, Any]]:
        """What has arrived, for half a second at most: a kernel that never stops talking must not hold us here."""
        found: list[dict[str, Any]] = []
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            try:
                message = channel.get_msg(timeout=0)
            except Empty:
                break
            except Exception:  # signed wrongly or not a message: the student's code can write to these sockets
                continue
            if isinstance(message.get("parent_header"), dict) and isinstance(message.get("content"), dict):
                found.append(message)
        return found


def _copy(file: File, folder: Path) -> None:
    """A copy that the notebook may write to; scripts stay executable."""
    target = folder / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.path.is_dir():
        shutil.copytree(file.path, target, dirs_exist_ok=True)
    else:
        shutil.copy(file.path, target)
        target.chmod(target.stat().st_mode | 0o600)


def _unpack(text: bytes) -> Any:
    """JSON of a message, counted before it is read: a few bytes a value in text are a hundred in memory."""
    return parse(text.decode("utf-8", "replace"), MESSAGE_VALUES)
