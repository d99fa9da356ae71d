"""Run a command and watch it: wall and CPU seconds, memory, and what it leaves behind. And pages of results."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import psutil

from grader.grading.options import cores

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
PATIENCE = 3.0  # seconds that what a command started has to end after it


@dataclass(frozen=True)
class Sample:
    """All processes of a command at one moment. seconds: since it began.  memory: bytes.  descriptors: open ones.

    server: resident bytes of the warm server.   fork: bytes that the largest of its forks has to itself.
    """

    seconds: float
    memory: int
    processes: int
    descriptors: int
    server: int = 0
    fork: int = 0


@dataclass(frozen=True)
class Run:
    """What a command took. cpu: seconds of it and of everything it started.  began: by the clock, as `time.time`.

    left: command lines of processes that were still there PATIENCE seconds after its end; they are ended then.
    """

    wall: float
    cpu: float
    began: float
    code: int
    output: str
    samples: list[Sample] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def peak(self) -> int:
        """Bytes."""
        return max((sample.memory for sample in self.samples), default=0)


def together(runs: Sequence[Run]) -> Run:
    """Runs that came one after the other, as one."""
    samples, passed = [], 0.0
    for run in runs:
        samples += [replace(sample, seconds=sample.seconds + passed) for sample in run.samples]
        passed += run.wall
    return Run(
        wall=passed,
        cpu=sum(run.cpu for run in runs),
        began=runs[0].began,
        code=max(abs(run.code) for run in runs),
        output="".join(run.output for run in runs),
        samples=samples,
        left=[line for run in runs for line in run.left],
    )


def run(command: Sequence[str | Path], folder: Path, env: Mapping[str, str] | None = None, every: float = 0.5) -> Run:
    """Run a command in `folder` to its end, whatever its exit code.

    env: added to ours.   every: seconds between samples.
    Orphans of the command become children of this process (Linux), so their CPU time is counted and none escapes.
    """
    others = set(psutil.Process().children(recursive=True))
    _adopt_orphans(True)
    before, began, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), time.time()
    samples: list[Sample] = []
    over = threading.Event()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        watch = threading.Thread(target=_watch, args=(process.pid, began, every, samples, over), daemon=True)
        watch.start()
        process.wait()
        wall = time.monotonic() - began
        over.set()
        watch.join()
        left = _end_what_is_left(others)
        _adopt_orphans(False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        said.seek(0)
        output = said.read()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, clock, process.returncode, output, samples, left)


def must(done: Run, what: str) -> Run:
    """The same run. Exits with its last words where it failed."""
    if done.code:
        raise SystemExit(f"{what} failed with exit code {done.code}:\n{done.output[-4000:]}")
    return done


def _watch(pid: int, began: float, every: float, samples: list[Sample], over: threading.Event) -> None:
    while not over.wait(every):
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
            found = [one for one in map(_one, tree) if one is not None]
            memory, descriptors = sum(one.memory for one in found), sum(one.descriptors for one in found)
            ours = {one.pid: one for one in found if one.forks}
            forks = [one for one in ours.values() if one.parent in ours]
            server = max((one.resident for one in ours.values() if one not in forks), default=0)
            fork = max((one.own for one in forks), default=0)
            samples.append(Sample(time.monotonic() - began, memory, len(found), descriptors, server, fork))


class _Process(NamedTuple):
    """One process. memory, resident, own: bytes, see `_one`.   forks: whether it is the warm server or a fork of it."""

    pid: int
    parent: int
    memory: int
    resident: int
    own: int
    descriptors: int
    forks: bool


def _one(process: psutil.Process) -> _Process | None:
    """What a process has; None where it is gone.

    memory: a page that n processes share counts 1/n for each (PSS), where the system tells; else resident less shared.
    """
    try:
        with process.oneshot():
            plain = process.memory_info()
            memory = own = plain.rss - getattr(plain, "shared", 0)
            with contextlib.suppress(psutil.AccessDenied, AttributeError):
                full = process.memory_full_info()
                memory, own = full.pss, full.uss
            descriptors = 0
            with contextlib.suppress(psutil.AccessDenied):
                descriptors = process.num_fds()
            forks = "grader.execution.forkserver" in process.cmdline()
            return _Process(process.pid, process.ppid(), memory, plain.rss, own, descriptors, forks)
    except psutil.Error:
        return None


def _adopt_orphans(yes: bool) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0)


def _end_what_is_left(others: set[psutil.Process]) -> list[str]:
    """Wait for adopted orphans, end those that stay, and say which those were. others: not the command's."""
    deadline = time.monotonic() + PATIENCE
    while (left := _reap(others)) and time.monotonic() < deadline:
        time.sleep(0.05)
    lines = []
    while left:
        for process in left:
            with contextlib.suppress(psutil.Error):
                lines.append(" ".join(process.cmdline())[:200] or process.name())
                process.kill()
                process.wait()
        left = _reap(others)  # what those had started is ours now
    return lines


def _reap(others: set[psutil.Process]) -> list[psutil.Process]:
    """Our processes, without `others`, that still run; those that have ended are waited for."""
    me, left = psutil.Process(), []
    for process in set(me.children(recursive=True)) - others:
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
            elif process.ppid() == me.pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
    return left


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table's lines; the first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return ["| " + " | ".join(row) + " |" for row in (head, rule, *rows)]


BESIDE = {
    "Python": """
n = 0
for i in range(8_000_000):
    n += i * i % 7
""",
    "convolutions": """
import torch
torch.set_num_threads(1)
x, f = torch.ones(4, 64, 64, 64), torch.ones(64, 64, 3, 3)
for _ in range(60):
    torch.conv2d(x, f)
""",
    "sums of 32 MB": """
import torch
torch.set_num_threads(1)
x = torch.ones(8_000_000)
for _ in range(150):
    x = x + 1
""",
}


def beside() -> dict[str, float]:
    """How many times as fast two processes that share nothing are as one, by kind of work."""
    found = {}
    for name, work in BESIDE.items():
        timed = f"{work}\nimport time\nbegan = time.perf_counter()\n{work}\nprint(time.perf_counter() - began)"

        def took(count: int, timed: str = timed) -> float:
            command = [sys.executable, "-c", timed]
            those = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
            return max(float(one.communicate()[0]) for one in those)

        found[name] = 2 * min(took(1) for _ in range(2)) / min(took(2) for _ in range(2))
    return found


def machine() -> str:
    """What this ran on, in a line."""
    model = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        rows = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = rows[0] if rows else model
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = f"{platform.system()} {platform.release()}"
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"Machine: {model}, {cores()} cores, {memory:.0f} GB of memory, {system}, Python {platform.python_version()}."
    )
