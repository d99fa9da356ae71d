"""Forgery, escape, exhaustion, and the honest: each family graded as one class, among honest bystanders.

What each case must come to is said with the case. Besides: nobody's secrets are in any result, nothing outside has
changed, nothing is left running, and the bystanders have their points.
"""

import fcntl
import os
import socket
import subprocess
from pathlib import Path

import pytest
from support import turns

from attacks import escape, exhaustion, files, forgery, honest, malformed, tensors
from attacks.arena import BYSTANDERS, WARM, Arena, warm_kernelspec
from attacks.cases import faults
from attacks.edits import FULL

FAMILIES = {"forgery": forgery, "escape": escape, "exhaustion": exhaustion, "honest": honest}
FAMILIES |= {"tensors": tensors, "files": files}

# A case's seconds are those of two cores that two submissions share, which benchmarks/attacks.py holds it to. Beside
# another pytest worker, which may grade two notebooks as well, it may take three times as long; what hangs takes more.
CROWD = 3 if "PYTEST_XDIST_WORKER" in os.environ else 1


def test_there_are_cases_enough_and_each_has_a_name_of_its_own():
    sizes = {name: len(module.CASES) for name, module in FAMILIES.items()}
    least = {"forgery": 50, "escape": 20, "exhaustion": 60, "honest": 45, "tensors": 12}
    assert all(sizes[name] >= count for name, count in least.items())
    assert sum(sizes.values()) + len(malformed.CASES) >= 230
    cases = [case for module in FAMILIES.values() for case in module.CASES]
    assert len({case.name for case in cases}) == len(cases)
    assert all(case.family == name for name, module in FAMILIES.items() for case in module.CASES)


@pytest.fixture
def alone(tmp_path_factory):
    """One family at a time, also where pytest runs in several processes: the cases' times are for two workers."""
    with (tmp_path_factory.getbasetemp().parent / "attacks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("family", FAMILIES)
def test_family(family, alone, tmp_path, pytestconfig):
    cases = FAMILIES[family].CASES
    if pytestconfig.getoption("take_turns"):
        cases = turns.share(cases, turns.ATTACKS, turns.today())
    with warm_kernelspec(tmp_path / "jupyter", WARM.get(family, ())) as warm, Arena(tmp_path / "arena") as arena:
        outcomes = arena.grade(cases, kernel=warm if family in WARM else "python3")
        found = {case.name: _faults(case, outcomes[case.name]) for case in cases}
        for name in BYSTANDERS:
            earned = {question.question: question.points for question in outcomes[name].grade.questions}
            found[name] = [] if earned == FULL else [f"earned {earned}"]
        found["results"] = [f"a secret is in {path}" for path in arena.leaks()]
        found["surroundings"] = arena.harm()
    assert {name: what for name, what in found.items() if what} == {}


def _faults(case, outcome):
    return faults(case, outcome.grade, outcome.seconds, honest=FULL, crowd=CROWD) + outcome.escaped


def test_the_arena_notices_what_attacks_would_do(alone, tmp_path):
    with Arena(tmp_path / "arena") as arena:
        assert arena.harm() == [] and arena.leaks() == []
        with socket.create_connection(("127.0.0.1", arena.port)) as connection:
            assert connection.recv(100).decode() == arena.token
        (arena.secrets / "daemon").write_text("alive")
        (arena.course.root / "weeks" / "course.toml").write_text("mine")
        os.setpriority(os.PRIO_PROCESS, arena.process.pid, 19)
        scratch = Path(f"/tmp/xm-{os.getpid()}-test")
        scratch.mkdir()
        written = arena.course.autograded(arena.week, "student1")
        written.parent.mkdir(parents=True)
        written.write_text(f"...{arena.token}...")
        with subprocess.Popen(["sleep", "60"]) as child:
            harm = " ".join(arena.harm())
            child.kill()
        scratch.rmdir()
        assert arena.leaks() == [str(written)]
    for what in ("127.0.0.1", "daemon changed", "course.toml changed", "planted process", "sleep 60", str(scratch)):
        assert what in harm
