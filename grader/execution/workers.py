"""Worker processes, forked from the warm server as kernels are, but on the judge's side."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grader.course.syllabus import Limits
from grader.execution import provisioner
from grader.execution.provisioner import ForkServerClient, ForkServerDied

MEMORY = 1 << 30  # bytes that a worker may use beyond what one submission may, and beyond the libraries


class WorkerDied(RuntimeError):
    """The worker's process ended before it answered. The text says how.

    slow: because this machine was too busy to start or keep it, which is not its job's fault.
    memory: because the system ended it to free memory.   server: because what it was forked from ended.
    """

    def __init__(self, how: str, slow: bool = False, memory: bool = False, server: bool = False) -> None:
        super().__init__(how)
        self.slow, self.memory, self.server = slow, memory, server


class Worker:
    """One worker process, forked when it is first given a job.

    entry: "package.module:function", what runs in it; see `forkserver.run_worker`.   env, libraries: of the server.
    threads: of the CPU.   scratch: the folder in which its kernels get theirs.   memory: bytes that it may use beyond
    what it is forked with; 0 for no limit.
    """

    def __init__(
        self,
        entry: str,
        env: dict[str, str],
        libraries: Sequence[str],
        threads: int,
        scratch: Path,
        memory: int = 0,
    ) -> None:
        self.entry, self.env, self.libraries, self.threads, self.scratch = entry, env, libraries, threads, scratch
        self.memory = memory
        self.pid = 0
        self.server: ForkServerClient | None = None
        self.socket: socket.socket | None = None
        self.stream: Any = None
        self.ending = False
        self.patience = float(provisioner.START_SECONDS)  # for the server it is forked from

    def do(self, job: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Give the worker a job and wait for its answer, at most `seconds`. Raises WorkerDied."""
        if self.ending:  # the end of a worker is not to be answered by another one
            raise WorkerDied("grading was stopped")
        kills, overdue = memory_kills(), threading.Event()
        try:
            if self.socket is None:
                self._start()
            watchdog = threading.Timer(seconds, self._give_up, [overdue])
            watchdog.daemon = True
            watchdog.start()
            try:
                self.stream.write(json.dumps(job) + "\n")
                self.stream.flush()
                line = self.stream.readline()
            finally:
                watchdog.cancel()
        except ForkServerDied as error:
            self._drop()
            raise WorkerDied(str(error), slow=error.slow, server=not error.slow) from None
        except (OSError, ValueError):
            line = ""
        if not line.endswith("\n"):
            died = WorkerDied(f"it was ended after {seconds:g} s") if overdue.is_set() else self._how_it_ended(kills)
            self._drop()
            raise died
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _give_up(self, overdue: threading.Event) -> None:
        """End the process because its job took too long, and say so."""
        overdue.set()
        self.signal(signal.SIGKILL)

    def _how_it_ended(self, kills: int) -> WorkerDied:
        """What can be known of a process that is gone. kills: `memory_kills` before it went."""
        code, what, server = None, "it", False
        for _ in range(100):  # its socket closes before its exit status is there
            if self.server is None:
                break
            if self.server.slow:
                return WorkerDied("the fork server did not answer in time", slow=True)
            if self.server.process is not None and (code := self.server.process.poll()) is not None:
                what, server = "the fork server", True
                break
            with contextlib.suppress(ForkServerDied, RuntimeError, OSError):
                code = self.server.ask("poll", pid=self.pid)["exit"]
            if code is not None:
                break
            time.sleep(0.02)
        if code == -signal.SIGKILL and memory_kills() > kills:
            why = f"memory ran out on this machine, and the system ended {what}"
            return WorkerDied(why, memory=True, server=server)
        if code is not None and code < 0:
            return WorkerDied(f"{what} was ended by {signal.Signals(-code).name}", server=server)
        status = "" if code is None else f", with exit status {code}"
        return WorkerDied(f"{what} ended without an answer{status}", server=server)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self.server = provisioner.server_for(self.env, self.libraries, self.patience)
                asked = {"entry": self.entry, "threads": self.threads, "memory": self.memory}
                self.pid = self.server.ask("worker", [theirs.fileno()], **asked)["pid"]
        except BaseException:
            ours.close()
            raise
        self.socket, self.stream = ours, ours.makefile("rw", encoding="utf-8", newline="\n")
        # so that its kernels come from the same server; its own environment is none of the server's business
        kernels = {"env": self.env, "libraries": list(self.libraries)}
        own = os.environ | {"CUDA_VISIBLE_DEVICES": ""}  # the judge takes no room on a GPU
        self.stream.write(json.dumps({"environment": own, "kernels": kernels}) + "\n")

    def signal(self, signum: int) -> None:
        """Send the process a signal, if it is still there."""
        with contextlib.suppress(ForkServerDied, RuntimeError, OSError):
            if self.server is not None and self.server.alive:  # not another, started for this alone
                self.server.ask("signal", pid=self.pid, signum=int(signum))

    def end(self) -> None:
        """Ask the process to end; it ends its kernel first. It gets no other job."""
        self.ending = True
        self.signal(signal.SIGTERM)

    def wait(self, user: threading.Thread) -> None:
        """Wait until the process that was asked to end has done so, and end it where it does not.

        user: the thread that gives the worker its jobs. It alone reads the socket as long as it runs.
        """
        if user.ident is not None:  # it was started
            user.join(10)
        if not user.is_alive() and self.socket is not None:  # it had nothing to do
            self.socket.settimeout(10)
            with contextlib.suppress(OSError, ValueError):
                while self.socket.recv(1 << 16):
                    pass
        self.signal(signal.SIGKILL)
        if user.ident is not None:
            user.join(5)
        if not user.is_alive():
            self._drop()

    def _drop(self) -> None:
        connection, self.socket = self.socket, None
        if connection is not None:
            with contextlib.suppress(OSError, ValueError):
                self.stream.close()
            connection.close()


def memory_for(limits: Limits) -> int:
    """Bytes that a worker may use where its submissions have these limits; 0 for no limit."""
    return MEMORY + limits.memory if limits.memory else 0


def memory_kills() -> int:
    """How often the system has ended a process here to free memory; it only ever grows. 0 where it does not say."""
    total = 0
    for path in ("/proc/vmstat", "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        with contextlib.suppress(OSError, ValueError):
            counters = dict(line.split() for line in Path(path).read_text(encoding="ascii").splitlines())
            total += int(counters.get("oom_kill", 0))
    return total
