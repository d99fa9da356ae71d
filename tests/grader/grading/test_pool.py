"""Workers and the server they are forked from: what each one's death costs, and what is left behind."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
from support.toy import RIGHT

from grader.course.syllabus import CourseError
from grader.execution import provisioner, workers
from grader.execution.scratch import scratch_folder, sweep_folders
from grader.grading import pool
from grader.grading.environment import kernel_environment
from grader.grading.jobs import ENTRY
from grader.grading.options import Options
from grader.grading.pool import SERVERS, grade_many

SLOW = RIGHT["double"] + "\nimport time\ntime.sleep(2)"


@pytest.fixture
def kill(monkeypatch):
    """kill(student, target, times): a second into grading the student, kill the worker or the fork server."""
    plan: dict[str, list] = {}
    ordinary = workers.Worker.do

    def do(worker, job, seconds):
        targets = plan.get(job["student"], [])
        if targets:
            target = targets.pop()

            def strike():
                server = provisioner.server_for(worker.env, worker.libraries)
                os.kill(worker.pid if target == "worker" else server.process.pid, signal.SIGKILL)

            threading.Timer(1, strike).start()
        return ordinary(worker, job, seconds)

    monkeypatch.setattr(workers.Worker, "do", do)
    return lambda student, target, times: plan.__setitem__(student, [target] * times)


def test_what_dies_twice_costs_only_its_submission(toy, week, right, fill, kill):
    kill("deadly", "worker", 2)
    done = []
    jobs = [("first", right), ("deadly", fill(**{**RIGHT, "double": SLOW})), ("last", right)]
    results = grade_many(toy, week, jobs, Options(workers=1), lambda name, result: done.append(name))
    assert done == ["first", "deadly", "last"]
    assert [result.grade.points for result in results] == [7.5, 0, 7.5]
    assert results[1].grade.outcome == "not gradable"
    assert "died twice while grading this (it was ended by SIGKILL)." in results[1].grade.reason
    assert "emory" not in results[1].grade.reason, "nothing is known of that"
    assert results[1].notebook is None


def test_the_end_of_the_server_is_no_submissions_fault(toy, week, right, fill, kill):
    """Both workers go with it, and both submissions are tried again; however often, nobody is blamed."""
    slow = fill(**{**RIGHT, "double": SLOW})
    kill("first", "server", 2)
    results = grade_many(toy, week, [("first", slow), ("second", slow)], Options(workers=2))
    assert [result.grade.points for result in results] == [7.5, 7.5]
    kill("first", "server", 2 * SERVERS)
    results = grade_many(toy, week, [("first", slow), ("second", right)], Options(workers=1))
    assert [result.grade.points for result in results] == [0, 7.5]
    assert "the fork server was ended by SIGKILL" in results[0].grade.reason
    assert "That is no fault of the notebook's: it is tried again" in results[0].grade.reason


@pytest.mark.parametrize("target", ["worker", "server"])
def test_what_died_once_is_replaced_and_the_submission_graded(toy, week, fill, kill, target):
    kill("flaky", target, 1)
    (result,) = grade_many(toy, week, [("flaky", fill(**{**RIGHT, "double": SLOW}))], Options(workers=1))
    assert result.grade.points == 7.5


def test_memory_is_named_only_where_the_system_says_so(toy, week, right, fill, kill, monkeypatch):
    told = iter(range(100))  # as the kernel's counter of processes that it ended for want of memory
    monkeypatch.setattr(workers, "memory_kills", lambda: next(told))
    kill("deadly", "worker", 2)
    (result,) = grade_many(toy, week, [("deadly", fill(**{**RIGHT, "double": SLOW}))], Options(workers=1))
    assert "memory ran out on this machine, and the system ended it" in result.grade.reason
    assert "--workers 1" in result.grade.reason


def test_the_systems_counters_are_read():
    (line,) = [line for line in Path("/proc/vmstat").read_text().splitlines() if line.startswith("oom_kill ")]
    assert workers.memory_kills() >= int(line.split()[1])


@pytest.mark.parametrize(
    ("strike", "how"),
    [
        (lambda worker: os.kill(worker.pid, signal.SIGSEGV), "it was ended by SIGSEGV"),
        (lambda worker: os.kill(worker.pid, signal.SIGABRT), "it was ended by SIGABRT"),
        (lambda worker: worker.stream.write("no job\n"), "it ended without an answer, with exit status 1"),
    ],
)
def test_how_a_worker_ended_is_told(toy, week, monkeypatch, tmp_path, strike, how):
    worker = workers.Worker(ENTRY, kernel_environment(toy, week, Options()), [], 1, tmp_path)
    start = worker._start
    monkeypatch.setattr(worker, "_start", lambda: [start(), strike(worker)])
    with pytest.raises(workers.WorkerDied, match=f"^{how}$"):
        worker.do({"root": str(toy.root)}, 20)
    worker.end()
    worker.wait(threading.Thread())


@pytest.mark.parametrize("op", ["start", "worker"])
def test_a_slow_fork_server_is_nobodys_fault(toy, week, right, monkeypatch, op):
    """As on a busy machine: it answers too late, until nothing else runs."""
    provisioner.close_servers()
    client, late, alone = provisioner.ForkServerClient, [1, 2], []
    wait, ask, grade = client.wait, client.ask, pool._grade

    def slow_wait(server, seconds=provisioner.START_SECONDS):
        if op == "start" and late:
            seconds = 0.001 * late.pop()
        wait(server, seconds)

    def slow_ask(server, what, descriptors=(), **request):
        if what == op and late:
            server.socket.settimeout(1e-6 * late.pop())
        return ask(server, what, descriptors, **request)

    def watched(*arguments, **named):
        alone.append(named == {"alone": True})
        return grade(*arguments, **named)

    monkeypatch.setattr(client, "wait", slow_wait)
    monkeypatch.setattr(client, "ask", slow_ask)
    monkeypatch.setattr(pool, "_grade", watched)
    done = []
    jobs = [(name, right) for name in "abc"]
    results = grade_many(toy, week, jobs, Options(workers=2), lambda name, _: done.append(name))
    assert [result.grade.points for result in results] == [7.5] * 3 and sorted(done) == ["a", "b", "c"]
    assert any(alone) and not late


def test_a_kernel_that_starts_too_late_is_tried_again_alone(toy, week, right, monkeypatch):
    ordinary, asked = workers.Worker.do, []

    def do(worker, job, seconds):
        asked.append(job["student"])
        if asked.count(job["student"]) == 1 or job["student"] == "never":
            return {"error": "kernel 'python3' did not start: it did not answer within 60 s", "busy": True}
        return ordinary(worker, job, seconds)

    monkeypatch.setattr(workers.Worker, "do", do)
    results = grade_many(toy, week, [(name, right) for name in ("late", "never")], Options(workers=2))
    assert results[0].grade.points == 7.5
    said = results[1].grade
    assert said.outcome == "not gradable" and "That is no fault of the notebook's" in said.reason
    assert "cells" not in said.timings and set(said.inputs) == {"release"}, "so it is tried again the next time"


def test_a_machine_that_stays_too_busy_stops_the_class(toy, week, right, monkeypatch):
    def do(worker, job, seconds):
        raise workers.WorkerDied("the fork server does not answer (timed out)", slow=True)

    monkeypatch.setattr(workers.Worker, "do", do)
    with pytest.raises(CourseError, match="too busy to grade ada, also alone .*timed out"):
        grade_many(toy, week, [("ada", right)], Options(workers=1))


def test_a_worker_that_hangs_is_ended(toy, week, tmp_path):
    worker = workers.Worker(ENTRY, kernel_environment(toy, week, Options()), [], 1, tmp_path)
    with pytest.raises(workers.WorkerDied):
        worker.do({"root": str(toy.root)}, 0.1)
    worker.end()
    worker.wait(threading.Thread())


def test_a_worker_that_is_stopped_is_not_replaced(toy, week, right, fill, monkeypatch):
    started, ordinary = [], workers.Worker._start
    monkeypatch.setattr(workers.Worker, "_start", lambda worker: [started.append(worker), ordinary(worker)])
    hangs = fill(**{**RIGHT, "double": RIGHT["double"] + "\nimport time\ntime.sleep(600)"})

    def stop(name, result):
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        grade_many(toy, week, [("hangs", hangs), ("right", right)], Options(workers=2), stop)
    assert len(started) == 2 and time.monotonic() - begun < 60


def test_nothing_is_left_behind(toy, week, right, fill, kill):
    slow = fill(**{**RIGHT, "double": SLOW})
    before = set(_ours())
    kill("second", "worker", 2)
    grade_many(toy, week, [("first", right), ("second", slow), ("third", right)], Options(workers=2))
    provisioner.close_servers()
    until = time.monotonic() + 5
    while (left := set(_ours()) - before) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == set()
    assert list(Path("/tmp").glob(f"xm-{os.getpid()}-*")) == []


def _ours() -> list[tuple[int, str]]:
    """Processes that this one started, and sandboxes that nobody has any more."""
    children = [p for p in psutil.Process().children(recursive=True) if p.status() != "zombie"]
    orphans = [p for p in psutil.process_iter(["name", "ppid"]) if p.info["name"] == "bwrap" and p.info["ppid"] == 1]
    return [(p.pid, p.name()) for p in (*children, *orphans)]


def test_scratch_of_a_killed_grader_is_removed():
    """Also where another process has its number by now, and what older graders left."""
    me = f"xm-{os.getpid()}"
    gone = [Path("/tmp", name) for name in ("xm-4194304-1700000000-left", f"{me}-1700000000-left", "xm-old")]
    for folder in gone:  # the first has a pid as large as none is on Linux
        folder.mkdir(exist_ok=True)
        (folder / "k.json").write_text("{}")
    os.utime(gone[2], (1_700_000_000, 1_700_000_000))
    (young := Path("/tmp/xm-young")).mkdir(exist_ok=True)
    mine = scratch_folder()
    sweep_folders()
    assert not any(folder.exists() for folder in gone) and young.is_dir() and mine.name.startswith(me)
    assert mine.is_dir(), "of a process that is there"
    mine.rmdir()
    young.rmdir()
