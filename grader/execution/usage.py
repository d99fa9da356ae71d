"""What a kernel's work costs: CPU seconds of it and of all it started, and the time in which all of that only waits.

On a machine that has nothing else to do, work on one core costs what the clock says. On a busy one it costs the same:
a process that could run but does not, because others run, costs nothing meanwhile. Sleeping, waiting for a lock or for
an answer costs what the clock says everywhere. So a budget in these seconds cuts the same work off on every machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100  # a second in /proc/PID/stat
OFTEN = 0.1  # seconds between two looks at the processes, which take a fraction of a millisecond
CORES = os.cpu_count() or 1
RUNNABLE = "R"  # the state of proc_pid_stat(5): running or in the queue; any code can put itself into D

# positions in proc_pid_stat(5) after the name, which may hold blanks
STATE, USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM, THREADS, STARTED = 0, 11, 12, 13, 14, 17, 19


class Usage:
    """A meter of processes: `cost`, in seconds since it was made, as of the last look.

    proc: the folder in which /proc of these processes is seen, and `pids`, which of them count, as they are named
    there. Where there is no such folder (not Linux), the cost is what the clock says and their CPU time 0.
    """

    def __init__(self, proc: Callable[[], Path], pids: Callable[[], Iterable[int]]) -> None:
        self._proc, self._pids = proc, pids
        self._own: dict[tuple[int, str], float] = {}  # by process, living or not, its CPU time when last seen
        self._cpu = self.cost = 0.0
        self._looked = time.monotonic()

    def begin(self) -> float:
        """They are given something to do. That they waited for us until now is free. Returns the cost so far."""
        self._looked = time.monotonic()
        return self.cost

    def look(self) -> float:
        """Take in what they did since the last look, unless that was a moment ago. Returns the cost so far."""
        passed = time.monotonic() - self._looked
        if passed >= OFTEN:
            used, runnable = self._used(passed)
            self.cost += used if runnable else max(used, passed)
        return self.cost

    def answered(self) -> float:
        """They are done, so they did not wait just now. Returns the cost so far.

        Where that took but a moment it costs what the clock says, for to look takes longer.
        """
        passed = time.monotonic() - self._looked
        if passed >= OFTEN:
            self.cost += self._used(passed)[0]
        else:
            self.cost += passed
            self._looked += passed
        return self.cost

    def cpu_seconds(self) -> float:
        """CPU time of all of them so far, also of those that have ended."""
        self._take_in()
        return self._cpu

    def _used(self, passed: float) -> tuple[float, bool]:
        """Seconds of CPU time in this time, and whether one of their threads could run at this moment."""
        self._looked += passed
        before, runnable = self._cpu, self._take_in()
        return min(self._cpu - before, CORES * passed), runnable

    def _take_in(self) -> bool:
        """Count the CPU time of every process; whether one of their threads could run at this moment."""
        proc, runnable, reaped, living = self._proc(), False, 0.0, set()
        for pid in self._pids():
            fields = _stat(proc / str(pid) / "stat")
            if fields is None:
                continue
            one = (pid, fields[STARTED])
            living.add(one)
            self._own[one] = (int(fields[USER]) + int(fields[SYSTEM])) / TICK
            reaped += (int(fields[CHILDREN_USER]) + int(fields[CHILDREN_SYSTEM])) / TICK
            runnable = runnable or fields[STATE] == RUNNABLE or int(fields[THREADS]) > 1 and _any_runs(proc / str(pid))
        # those that ended are also in their parents' account, with those that nobody saw
        ended = sum(seconds for one, seconds in self._own.items() if one not in living)
        self._cpu = max(self._cpu, sum(self._own[one] for one in living) + max(ended, reaped))
        return runnable


def _stat(path: Path) -> list[str] | None:
    """The fields of a process or thread after its name; None where it is gone."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _any_runs(process: Path) -> bool:
    """Whether one of a process's threads could run."""
    try:
        threads = os.listdir(process / "task")
    except OSError:
        return False
    found = (_stat(process / "task" / thread / "stat") for thread in threads)
    return any(fields is not None and fields[STATE] == RUNNABLE for fields in found)
