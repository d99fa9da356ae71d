"""A busy machine: processes that do nothing but work, for as long as a test needs them and not longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# it ends with whoever started it, and by itself: a test that is killed leaves no load behind
BURN = """
import os, sys, time
parent, core = int(sys.argv[1]), int(sys.argv[2])
if core >= 0:
    os.sched_setaffinity(0, [sorted(os.sched_getaffinity(0))[core]])
print(flush=True)
until = time.monotonic() + 600
while os.getppid() == parent and time.monotonic() < until:
    sum(range(100_000))
"""


@contextmanager
def busy(processes: int, core: int = -1) -> Iterator[None]:
    """Meanwhile so many processes work without a pause, on one core (its place among ours), or anywhere."""
    command = [sys.executable, "-I", "-S", "-c", BURN, str(os.getpid()), str(core)]
    # each in a session of its own: Linux shares the cores fairly among sessions first
    burning = [subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) for _ in range(processes)]
    try:
        for one in burning:
            assert one.stdout and one.stdout.readline(), "it works now"
        yield
    finally:
        for one in burning:
            one.send_signal(signal.SIGKILL)
        for one in burning:
            one.communicate()
