"""Slow tests take turns by day, so that `make test` ends while somebody still waits for it.

Whoever runs tests by name runs all that is named; only `pytest --take-turns`, which `make test` says, leaves out those
whose turn it is not. `make test EVERY=1` runs all, as the project's workflow does every night.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import TypeVar

import pytest

Case = TypeVar("Case")

# Tests by their name, and on one day of how many they run: each case of a test on another day, or a file as a whole.
CASES = {
    r"tests/weeks/test_known_answers\.py::test_known_answers_get": 8,
    r"tests/weeks/test_run_all\.py::.*-all-": 18,
    r"tests/weeks/test_run_all\.py::test_run_all_goes_on": 72,
    r"tests/attacks/test_weeks\.py::test_nothing_hostile_earns_points": 8,
    r"tests/weeks/test_references\.py::test_(everything_else|it_reads|and_none|an_attack_finds)": 8,
}
FILES = {
    r"tests/weeks/test_week\d\d_claims\.py": 5,
    r"tests/weeks/test_week10_app\.py": 4,
    r"tests/tinyworld/test_\w+_recipes?\.py": 6,
    r"tests/tinyworld/test_\w+_checkpoints?\.py": 6,
    # what each stands alone for; in one pattern, so that each day has some of them
    r"tests/(grader/(authoring/test_new_week|test_stock_nbgrader|grading/test_notebook_tests)|weeks/test_decoders"
    r"|coursekit/test_full_profile|repository/test_(gpu_script|release|student_copy))\.py": 2,
}
ATTACKS = 3  # a family of attacks is one test: of its cases those of one day in so many
PAGES = 4  # of the site, which one fixture visits in a browser


def split(items: Sequence[pytest.Item], day: int) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The tests whose turn it is on a day, and the others.

    What one pattern names is dealt out in order, so each day has as many as the next.
    """
    dealt: dict[str, dict[str, int]] = {pattern: {} for pattern in (*CASES, *FILES)}
    chosen, left = [], []
    for item in items:
        pattern = next((p for p in dealt if re.match(p, item.nodeid)), None)
        if pattern is None:
            chosen.append(item)
            continue
        name = item.nodeid if pattern in CASES else item.nodeid.partition("::")[0]
        number = dealt[pattern].setdefault(name, len(dealt[pattern]))
        days = CASES.get(pattern) or FILES[pattern]
        (chosen if _turn(number, days, day) else left).append(item)
    return chosen, left


def share(cases: Sequence[Case], days: int, day: int) -> list[Case]:
    """The cases of one test whose turn it is on a day: as many as on the next."""
    return [case for number, case in enumerate(cases) if _turn(number, days, day)]


def _turn(number: int, days: int, day: int) -> bool:
    """Whether it is the turn of what has this number."""
    return (number + day) % days == 0


def today() -> int:
    """The number of the day in UTC."""
    return datetime.datetime.now(datetime.UTC).date().toordinal()
