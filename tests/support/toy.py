"""A tiny course of two weeks, without torch, on which the grader's tests run in seconds."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.course.discovery import find_course
from grader.course.syllabus import Course

MARKER = "CROSSMODAL-RUBRIC: must never reach students"


SECRET = "SECRET-OF-THE-SOLUTION"


COURSE = """
[course]
title = "Toy"
subtitle = "a course for tests"
repository = "someone/toy"
branch = "main"

[course.budget]
cell = 4
notebook = 40
check = 2

[weeks.week01_toy]
number = 1
title = "Doubling"
helper = "toy_lab"
points = 9
minutes = 10
summary = "functions and values"

[weeks.week02_other]
number = 2
title = "Tripling"
helper = "other_lab"
points = 2
minutes = 10
summary = "another week"
"""


HELPER = '''
"""The helper of a toy week."""
from pathlib import Path

from coursekit.notebook import check, use_checks

use_checks("{name}.checks", Path(__file__).parent / "points.json")
'''


TOY_CHECKS = '''
from coursekit.checks import assert_close, assert_same, check


@check("double")
def doubles_one(student, rng):
    """Twice one is two. Multiply by 2."""
    assert_same(student.double(1), 2)


@check("table")
def table_has_three_rows(student, rng):
    """The table has three numbers. Count them."""
    assert_same(len(student.table), 3)


@check("mean")
def mean_of_constant(student, rng):
    """The mean of equal numbers is that number. Divide by the count."""
    assert_close(student.mean([2.0, 2.0]), 2.0)
'''


TOY_RUBRIC = {
    "double": f'''
# {MARKER}
from coursekit.checks import assert_same, check


@check("double", weight=3)
def doubles_any(student, rng):
    """Any number is doubled. A constant was returned."""
    for n in rng.integers(-1000, 1000, size=5):
        assert_same(student.double(int(n)), 2 * int(n))
''',
    "table": f'''
# {MARKER}
import numpy as np
from coursekit.checks import assert_same, check, evidence


@check("table")
def table_is_right(student, rng):
    """The table holds the doubles of 1, 2 and 3. Use double."""
    evidence("the table", np.asarray(student.table, dtype=float)[None] / 6)
    assert_same(student.table, [2, 4, 6])
''',
    "mean": f'''
# {MARKER}
import numpy as np
from coursekit.checks import assert_close, check


@check("mean", weight=2)
def mean_of_drawn(student, rng):
    """The mean is the sum over the count. Was it the median?"""
    values = rng.normal(size=7)
    assert_close(student.mean(values), values.mean())
''',
}


OTHER_CHECKS = '''
from coursekit.checks import assert_same, check


@check("triple")
def triples(student, rng):
    """Thrice one is three. Multiply by 3."""
    assert_same(student.triple(1), 3)
'''


RIGHT = {
    "double": "def double(n):\n    return n + n",
    "table": "table = [double(n) for n in (1, 2, 3)]",
    "mean": "import numpy as np\ndef mean(values):\n    return np.mean(values)",
    "why": "Because.",
}


def markdown(source: str, name: str, **metadata: object) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source, id=name, metadata=metadata)


def code(source: str, name: str, **metadata: object) -> NotebookNode:
    return nbformat.v4.new_code_cell(source, id=name, metadata=metadata)


def answer(name: str, source: str, **more: object) -> NotebookNode:
    data = {"grade": False, "grade_id": name, "locked": False, "schema_version": 3, "solution": True, "task": False}
    return code(source, f"id-{name}", nbgrader={**data, **more})


def checked(name: str, points: float) -> NotebookNode:
    data = {"grade": True, "grade_id": f"check_{name}", "locked": True, "points": points}
    data |= {"schema_version": 3, "solution": False, "task": False}
    return code(f'check("{name}");', f"id-check-{name}", nbgrader=data)


def written(name: str, points: float) -> NotebookNode:
    data = {"grade": True, "grade_id": name, "locked": False, "points": points}
    data |= {"schema_version": 3, "solution": True, "task": False}
    return markdown("A model answer.", f"id-{name}", nbgrader=data)


def toy_notebook() -> NotebookNode:
    """The instructor's notebook of the toy week."""
    cells = [
        markdown("# Doubling\nA toy week.", "title"),
        code("from toy_lab import check", "imports"),
        code('PROFILE = "tiny"\nSEED = 0', "parameters", tags=["parameters"]),
        markdown("## Double\nMultiply by two.", "text-double"),
        answer(
            "double",
            'def double(n):\n    """n times two."""\n'
            f"    ### BEGIN SOLUTION\n    return 2 * n  # {SECRET}\n    ### END SOLUTION",
        ),
        checked("double", 4),
        markdown("## Table\nA list of three doubles.", "text-table"),
        answer("table", "### BEGIN SOLUTION\ntable = [2 * n for n in (1, 2, 3)]\n### END SOLUTION"),
        checked("table", 2),
        markdown("## Mean\nOf a list.", "text-mean"),
        answer(
            "mean",
            "def mean(values):\n    ### BEGIN SOLUTION\n    return sum(values) / len(values)\n    ### END SOLUTION",
        ),
        checked("mean", 1.5),
        markdown("## Think\nWhy two?", "text-why"),
        written("why", 1.5),
    ]
    return _notebook(cells)


def other_notebook() -> NotebookNode:
    """The instructor's notebook of the other week."""
    cells = [
        code("from other_lab import check", "imports2"),
        code("SEED = 0", "parameters2", tags=["parameters"]),
        answer("triple", "def triple(n):\n    ### BEGIN SOLUTION\n    return 3 * n\n    ### END SOLUTION"),
        checked("triple", 2),
    ]
    return _notebook(cells)


def _notebook(cells: list[NotebookNode]) -> NotebookNode:
    kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec})


def build_course(root: Path) -> Course:
    """The toy course at `root`, with nothing released yet."""
    files = {
        "weeks/course.toml": COURSE,
        "weeks/week01_toy/toy_lab/__init__.py": HELPER.format(name="toy_lab"),
        "weeks/week01_toy/toy_lab/checks/__init__.py": TOY_CHECKS,
        "weeks/week02_other/other_lab/__init__.py": HELPER.format(name="other_lab"),
        "weeks/week02_other/other_lab/checks/__init__.py": OTHER_CHECKS,
        **{f"grader/rubrics/week01_toy/checks/{question}.py": text for question, text in TOY_RUBRIC.items()},
        "grader/rubrics/week02_other/checks/__init__.py": f"# {MARKER}\n",
        "solutions/week01_toy/week01_toy.ipynb": nbformat.writes(toy_notebook()),
        "solutions/week02_other/week02_other.ipynb": nbformat.writes(other_notebook()),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return find_course(root)
