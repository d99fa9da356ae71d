"""Grading on a real Ray cluster of two nodes, which are two sets of processes on this machine."""

import os
import signal
import threading
import time
from collections import Counter

import psutil
import pytest
from support.toy import RIGHT

from grader.course.syllabus import CourseError
from grader.grading import cluster
from grader.grading.options import Options
from grader.grading.pool import grade_many

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'crossmodal[cluster]'")

SLOW = RIGHT["double"] + "\nimport time\ntime.sleep(3)"


@pytest.fixture(scope="module")
def nodes():
    """A cluster with two nodes of one CPU each; the second one is for killing."""
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    for attempt in range(3):  # Ray gives a node half a minute to start, which a busy machine may miss
        made = Cluster()
        try:
            made.add_node(include_dashboard=False, **small)
            second = made.add_node(**small)
            break
        except Exception:
            made.shutdown()
            if attempt == 2:
                raise
    yield made, second
    ray.shutdown()
    made.shutdown()


def at_work(node) -> list[psutil.Process]:
    """The fork servers under a node's raylet: it has one once it grades."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [p for p in raylet.children(recursive=True) if "grader.execution.forkserver" in " ".join(p.cmdline())]


def test_a_node_that_is_killed_costs_nobody_a_grade(nodes, toy, week, right, fill, hand_in):
    made, second = nodes
    students = ["amina", "ben", "chiara", "dev", "emre", "nobody"]
    jobs = [(name, hand_in(name, fill(**{**RIGHT, "double": SLOW}))) for name in students[:-1]]
    jobs.append(("nobody", toy.submission(week, "nobody")))  # a file that is not there
    servers, killed = [], threading.Event()

    def kill():
        while not servers:
            servers.extend(at_work(second))
            time.sleep(0.1)
        time.sleep(1)
        raylet = second.all_processes["raylet"][0].process
        os.kill(raylet.pid, signal.SIGKILL)
        raylet.wait()  # its processes end once it is gone, and a zombie is not
        killed.set()

    threading.Thread(target=kill, daemon=True).start()
    done = Counter()
    options = Options(workers=2, cluster=made.address)
    results = grade_many(toy, week, jobs, options, lambda name, result: done.update([name]))
    assert killed.is_set(), "the second node never graded"
    assert done == Counter(students)
    assert [r.grade.student for r in results] == students
    assert [r.grade.points for r in results] == [7.5] * 5 + [0]
    assert "Nothing was handed in" in results[-1].grade.reason
    assert psutil.wait_procs(servers, timeout=20)[1] == []


def test_a_node_with_another_version_is_named(nodes, toy, week, right, monkeypatch):
    monkeypatch.setattr(cluster, "_version", lambda course, week: "another")
    with pytest.raises(CourseError, match="on node .* holds another version"):
        grade_many(toy, week, [("ada", right)], Options(workers=1, cluster=nodes[0].address))


def test_no_cluster_is_said_with_what_to_do(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **_: (_ for _ in ()).throw(ConnectionError("nobody answers")))
    with pytest.raises(CourseError, match="no cluster at 10.0.0.1:6379 .*ray start --head"):
        cluster.connect("10.0.0.1:6379")
