"""A throw-away course whose one notebook imports the course's libraries and asks for next to nothing.

What grading it costs is what a grader costs: the libraries, the kernel, the book-keeping.
"""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grader.authoring.audit import solved, substitute
from grader.authoring.release import release
from grader.course.discovery import find_course
from grader.course.syllabus import Course, Week

SLUG = "week01_light"
KINDS = ("right", "wrong", "crashing")
WRONG = 'def double(n):\n    """Twice n."""\n    return n + 2\n'
CRASH = "print(resluts)  # a name that nobody defined\n"

COURSE = f"""
[course]
title = "Light"
subtitle = "a course for benchmarks"
repository = "someone/light"
branch = "main"

[course.budget]
cell = 60
notebook = 300
check = 30

[weeks.{SLUG}]
number = 1
title = "Doubling"
helper = "light_lab"
points = 3
minutes = 1
summary = "imports, and twice a number"
"""

HELPER = '''"""The helper of a light week."""

from pathlib import Path

from coursekit.notebook import check, use_checks

use_checks("light_lab.checks", Path(__file__).parent / "points.json")
'''

CHECKS = '''"""What students see."""

from coursekit.checks import assert_same, check


@check("double")
def doubles_two(student, rng):
    """Twice two is four."""
    assert_same(student.double(2), 4)


@check("double", weight=2)
def doubles_any(student, rng):
    """Any number is doubled. Was two added?"""
    for n in rng.integers(-1000, 1000, size=5):
        assert_same(student.double(int(n)), 2 * int(n))
'''

IMPORTS = """import diffusers
import matplotlib.pyplot as plt
import numpy as np
import open_clip
import torch
from transformers import CLIPModel, CLIPProcessor

from coursekit import setup
from light_lab import check

session = setup(PROFILE, DEVICE, SEED)
"""
ANSWER = '''def double(n):
    """Twice n."""
    ### BEGIN SOLUTION
    return 2 * n
    ### END SOLUTION
'''


def build(root: Path) -> tuple[Course, Week]:
    """The course at `root`, with its week released."""
    files = {
        "weeks/course.toml": COURSE,
        f"weeks/{SLUG}/light_lab/__init__.py": HELPER,
        f"weeks/{SLUG}/light_lab/checks/__init__.py": CHECKS,
        f"grader/rubrics/{SLUG}/checks/__init__.py": '"""Nothing hidden."""\n',
        f"solutions/{SLUG}/{SLUG}.ipynb": nbformat.writes(_solution()),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / "datasets").mkdir()
    course = find_course(root)
    release(course)
    return course, course.week(SLUG)


def submissions(course: Course, week: Week) -> dict[str, NotebookNode]:
    """One notebook of each kind."""
    right = solved(course, week)
    crashing = substitute(right, {})
    crashing.cells.insert(3, new_code_cell(CRASH, id="own"))
    return {"right": right, "wrong": substitute(right, {"double": WRONG}), "crashing": crashing}


def hand_in(course: Course, week: Week, count: int) -> list[str]:
    """Write a class of `count`, its kinds in turn, to submitted/ of the course's work folder. Returns the names."""
    texts = {kind: nbformat.writes(notebook) for kind, notebook in submissions(course, week).items()}
    names = []
    for number, kind in enumerate(islice(cycle(KINDS), count), 1):
        names.append(f"{number:04d}-{kind}")
        path = course.submission(week, names[-1])
        path.parent.mkdir(parents=True)
        path.write_text(texts[kind], encoding="utf-8")
    return names


def _solution() -> NotebookNode:
    answer = {"grade": False, "grade_id": "double", "locked": False, "schema_version": 3, "solution": True}
    check = {"grade": True, "grade_id": "check_double", "locked": True, "points": 3, "schema_version": 3}
    cells = [
        new_markdown_cell("# Doubling", id="title"),
        new_code_cell(
            'PROFILE = "tiny"\nDEVICE = "auto"\nSEED = 0', id="parameters", metadata={"tags": ["parameters"]}
        ),
        new_code_cell(IMPORTS, id="imports"),
        new_code_cell(ANSWER, id="double", metadata={"nbgrader": {**answer, "task": False}}),
        new_code_cell(
            'check("double")', id="check_double", metadata={"nbgrader": {**check, "solution": False, "task": False}}
        ),
    ]
    kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernelspec, "language_info": {"name": "python"}})
