"""What work costs: the same on a busy machine as on a quiet one."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.load import busy

from grader.execution import usage
from grader.execution.usage import Usage

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")

WORK = "import time\nwhile time.process_time() < {seconds}: sum(range(1000))\n"
ON_THAT_CORE = "import os\nos.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"


def watched(code: str, seconds: float = 60) -> tuple[Usage, float]:
    """The usage of a Python that runs this to its end, and how long that took by the clock."""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        began = time.monotonic()

        def pids() -> list[int]:
            try:
                root = psutil.Process(process.pid)
                return [root.pid, *(child.pid for child in root.children(recursive=True))]
            except psutil.Error:
                return []

        meter = Usage(lambda: Path("/proc"), pids)
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() - began < seconds
            meter.look()
            time.sleep(0.02)
        meter.look(answered=True)
        return meter, time.monotonic() - began


def test_work_costs_its_cpu_time_however_busy_the_machine_is():
    with busy(8, core=0):
        meter, took = watched(ON_THAT_CORE + WORK.format(seconds=0.5))
    assert took > 1.5, "it had to share"
    assert 0.4 <= meter.cpu <= 0.8 and meter.cost < 0.5 * took


def test_waiting_costs_what_the_clock_says():
    meter, took = watched("import time; time.sleep(1.5)")
    assert took > 1.4 and meter.cpu < 0.5
    assert meter.cost == pytest.approx(took, abs=0.6)


def test_who_waits_for_its_own_thread_or_process_does_not_wait():
    work = WORK.format(seconds=0.5)
    thread = f"import threading\none = threading.Thread(target=exec, args=({work!r},))\none.start(); one.join()"
    process = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {work!r}])"
    for code in (thread, process):
        with busy(8, core=0):
            meter, took = watched(ON_THAT_CORE + code)
        assert meter.cpu >= 0.4 and meter.cost < 0.6 * took, code


def test_what_has_ended_is_counted_once():
    one = f"subprocess.run([sys.executable, '-c', {WORK.format(seconds=0.2)!r}])"
    meter, _ = watched(f"import subprocess, sys\nfor _ in range(4): {one}")
    assert 0.7 <= meter.cpu <= 2.0


def test_where_there_is_no_proc_the_clock_counts(tmp_path):
    meter = Usage(lambda: tmp_path, lambda: [os.getpid()])
    time.sleep(0.2)
    assert meter.look() == pytest.approx(0.2, abs=0.1) and meter.cpu == 0


def test_what_waits_for_us_between_two_requests_is_seen(monkeypatch):
    clock = iter([0.0, 5.0, 5.01, 9.0])
    monkeypatch.setattr(usage.time, "monotonic", lambda: next(clock))
    meter = Usage(lambda: Path("/nowhere"), lambda: [])
    assert meter.look(answered=False) == 5.0, "this time is over when the next request begins"
    assert meter.look() == 5.0, "it was a moment ago"
    assert meter.look(answered=True) == 5.0, "who answers did not wait"
