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
        meter.answered()
        return meter, time.monotonic() - began


def test_work_costs_its_cpu_time_however_busy_the_machine_is():
    with busy(8, core=0):
        meter, took = watched(ON_THAT_CORE + WORK.format(seconds=0.5))
    assert took > 1.5, "it had to share"
    assert 0.4 <= meter.cpu_seconds() <= 0.8 and meter.cost < 0.5 * took


def test_waiting_costs_what_the_clock_says():
    meter, took = watched("import time; time.sleep(1.5)")
    assert took > 1.4 and meter.cpu_seconds() < 0.5
    assert meter.cost == pytest.approx(took, abs=0.6)


def test_who_waits_for_its_own_thread_or_process_does_not_wait():
    work = WORK.format(seconds=0.5)
    thread = f"import threading\none = threading.Thread(target=exec, args=({work!r},))\none.start(); one.join()"
    process = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {work!r}])"
    for code in (thread, process):
        with busy(8, core=0):
            meter, took = watched(ON_THAT_CORE + code)
        assert meter.cpu_seconds() >= 0.4 and meter.cost < 0.6 * took, code


def test_what_has_ended_is_counted_once():
    one = f"subprocess.run([sys.executable, '-c', {WORK.format(seconds=0.2)!r}])"
    meter, _ = watched(f"import subprocess, sys\nfor _ in range(4): {one}")
    assert 0.7 <= meter.cpu_seconds() <= 2.0


def test_where_there_is_no_proc_the_clock_counts(tmp_path):
    meter = Usage(lambda: tmp_path, lambda: [os.getpid()])
    time.sleep(0.2)
    assert meter.look() == pytest.approx(0.2, abs=0.1) and meter.cpu_seconds() == 0


def test_what_waits_for_us_between_two_requests_is_free(monkeypatch):
    clock = iter([0.0, 5.0, 5.01, 7.0, 7.02])
    monkeypatch.setattr(usage.time, "monotonic", lambda: next(clock))
    meter = Usage(lambda: Path("/nowhere"), lambda: [])
    assert meter.begin() == 0, "it waited for us"
    assert meter.look() == 0, "it began a moment ago"
    assert meter.look() == 2
    assert meter.answered() == pytest.approx(2.02)


def test_many_short_answers_are_not_charged_twice(monkeypatch):
    """Their CPU time is not looked at, and is there at the next look."""
    now = [0.0]
    monkeypatch.setattr(usage.time, "monotonic", lambda: now[0])
    meter = Usage(lambda: Path("/nowhere"), lambda: [])
    monkeypatch.setattr(meter, "_take_in", lambda: setattr(meter, "_cpu", 30.0) or True)
    for _ in range(1000):
        meter.begin()
        now[0] += 0.03
        meter.answered()
    meter.begin()
    now[0] += 0.2
    assert meter.answered() == pytest.approx(30 + 0.2 * usage.CORES)
