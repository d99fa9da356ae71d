"""Workers and the server they are forked from: what each one's death costs, and what is left behind."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest
from conftest import RIGHT

from grader import pool, provisioner
from grader.grading import Options, grade_many, kernel_environment

SLOW = RIGHT["double"] + "\nimport time\ntime.sleep(2)"


@pytest.fixture
def kill(monkeypatch):
    """kill(student, target, times): a second into grading the student, kill the worker or the fork server."""
    plan: dict[str, list] = {}
    ordinary = pool.Worker.do

    def do(worker, job, seconds):
        targets = plan.get(job["student"], [])
        if targets:
            target = targets.pop()

            def strike():
                server = provisioner.server_for(worker.env, worker.libraries)
                os.kill(worker.pid if target == "worker" else server.process.pid, signal.SIGKILL)

            threading.Timer(1, strike).start()
        return ordinary(worker, job, seconds)

    monkeypatch.setattr(pool.Worker, "do", do)
    return lambda student, target, times: plan.__setitem__(student, [target] * times)


@pytest.mark.parametrize("target", ["worker", "server"])
def test_what_dies_twice_costs_only_its_submission(toy, week, right, fill, kill, target):
    kill("deadly", target, 2)
    done = []
    jobs = [("first", right), ("deadly", fill(**{**RIGHT, "double": SLOW})), ("last", right)]
    results = grade_many(toy, week, jobs, Options(workers=1), lambda name, result: done.append(name))
    assert done == ["first", "deadly", "last"]
    assert [result.grade.points for result in results] == [7.5, 0, 7.5]
    assert results[1].grade.outcome == "not gradable" and "died twice" in results[1].grade.reason
    assert results[1].notebook is None


@pytest.mark.parametrize("target", ["worker", "server"])
def test_what_died_once_is_replaced_and_the_submission_graded(toy, week, fill, kill, target):
    kill("flaky", target, 1)
    (result,) = grade_many(toy, week, [("flaky", fill(**{**RIGHT, "double": SLOW}))], Options(workers=1))
    assert result.grade.points == 7.5


def test_a_worker_that_hangs_is_ended(toy, week, tmp_path):
    worker = pool.Worker(kernel_environment(toy, week, Options()), [], 1, tmp_path)
    with pytest.raises(pool.WorkerDied):
        worker.do({"root": str(toy.root)}, 0.1)
    worker.end()
    worker.wait(threading.Thread())


def test_a_worker_that_is_stopped_is_not_replaced(toy, week, right, fill, monkeypatch):
    started, ordinary = [], pool.Worker._start
    monkeypatch.setattr(pool.Worker, "_start", lambda worker: [started.append(worker), ordinary(worker)])
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
    gone = Path("/tmp/xm-4194304-left")  # no pid is as large on Linux
    gone.mkdir(exist_ok=True)
    pool.scratch_folder().rmdir()
    assert not gone.exists()
