"""Slow tests that take turns all run in the end, and as many each day."""

import re
from pathlib import Path
from types import SimpleNamespace

from support import turns
from support.turns import share, split

ROOT = Path(__file__).parents[2]

KNOWN = "tests/weeks/test_known_answers.py::test_known_answers_get_the_verdict_they_deserve"
NAMES = [f"{KNOWN}[{i}]" for i in range(16)]
NAMES += [f"tests/weeks/test_week{week:02}_claims.py::test_{i}" for week in range(1, 11) for i in range(4)]
NAMES += ["tests/repository/test_links.py::test_always", f"{KNOWN}[another]".replace("test_known_answers_get", "test")]
ITEMS = [SimpleNamespace(nodeid=name) for name in NAMES]


def of(day):
    return [item.nodeid for item in split(ITEMS, day)[0]]


def test_each_day_has_its_part_and_all_of_them_everything():
    known, claims = 8, 5
    for day in range(known * claims):
        chosen = of(day)
        assert set(NAMES[-2:]) <= set(chosen)
        assert sum(name.startswith("tests/weeks/test_known") for name in chosen) == 16 // known + 1
        assert sum("_claims" in name for name in chosen) == 4 * 10 // claims
    runs = {name: sum(name in of(day) for day in range(known * claims)) for name in NAMES}
    assert set(runs.values()) == {known, claims, known * claims}


def test_cases_of_one_test_are_dealt_out_alike():
    cases = list("abcdefg")
    days = [share(cases, 3, day) for day in range(3)]
    assert sorted(sum(days, [])) == cases and {len(part) for part in days} == {2, 3}


def test_a_file_runs_whole_or_not_at_all():
    for day in range(5):
        for week in range(1, 11):
            assert sum(f"week{week:02}_claims" in name for name in of(day)) in (0, 4)


def test_none_is_in_both_parts():
    chosen, left = split(ITEMS, 1)
    assert sorted(i.nodeid for i in chosen + left) == sorted(NAMES)


def test_a_pattern_that_names_no_file_or_no_test_is_found():
    """Each names a file that is there, and a test in it, up to what its cases are called."""
    files = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    names = [f"{name}::{test}" for name, text in files.items() for test in re.findall(r"^def (test_\w+)", text, re.M)]
    for pattern in (*turns.CASES, *turns.FILES):
        test = pattern.replace("::.*-all-", "::")  # of cases
        assert any(re.match(test, name) for name in names), pattern
    assert not any(re.match(r"tests/weeks/test_week99\.py", name) for name in names)
