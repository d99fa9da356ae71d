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
RUNNABLE = "RD"  # states of proc_pid_stat(5): running or in the queue, and waiting for a disk

# positions in proc_pid_stat(5) after the name, which may hold blanks
STATE, USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM, THREADS, STARTED = 0, 11, 12, 13, 14, 17, 19


class Usage:
    """A meter of processes: `cpu` and `cost`, in seconds since it was made, as of the last look.

    proc: the folder in which /proc of these processes is seen, and `pids`, which of them count, as they are named
    there. Where there is no such folder (not Linux), the cost is what the clock says and `cpu` stays 0.
    """

    def __init__(self, proc: Callable[[], Path], pids: Callable[[], Iterable[int]]) -> None:
        self._proc, self._pids = proc, pids
        self._own: dict[tuple[int, str], float] = {}  # by process, living or not, its CPU time when last seen
        self.cpu = self.cost = 0.0
        self._looked = time.monotonic()

    def look(self, answered: bool | None = None) -> float:
        """Take in what happened since the last look, unless that was a moment ago. Returns the cost so far.

        answered: None while they work. True: just now they answered, so they did not wait. False: they waited for us.
        With either it is not put off.
        """
        now = time.monotonic()
        passed = now - self._looked
        if passed >= OFTEN or answered is not None:
            self._looked = now
            before, runnable = self.cpu, self._take_in()
            used = self.cpu - before
            self.cost += used if runnable or answered else max(used, passed)
        return self.cost

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
            runnable = runnable or fields[STATE] in RUNNABLE or int(fields[THREADS]) > 1 and _any_runs(proc / str(pid))
        # those that ended are also in their parents' account, with those that nobody saw
        ended = sum(seconds for one, seconds in self._own.items() if one not in living)
        self.cpu = max(self.cpu, sum(self._own[one] for one in living) + max(ended, reaped))
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
    return any(fields is not None and fields[STATE] in RUNNABLE for fields in found)
