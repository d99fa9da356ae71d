"""Run All of the students' notebooks goes from top to bottom, whatever is still open or wrong in them.

All is open, or raising, or right, when figures draw what the notebook wrote; or one exercise is open or raising, and
the cells run that can tell. They take turns by day, see support/turns.py.
"""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from support.run_all import exercises, first_error, notebook_with, touched_by

from grader.course.discovery import find_course
from grader.execution import provisioner
from grader.execution.kernelspecs import usual_kernel
from grader.grading.environment import libraries_of

COURSE = find_course()


def cases() -> list[tuple[str, str, str]]:
    """(week, exercise or "all", how it is)."""
    found = []
    for slug, week in COURSE.weeks.items():
        ways = [("open", "raising", "right")[(i + week.number) % 3] for i in range(3)]  # not all weeks alike on a day
        found += [(slug, "all", how) for how in ways]
        for name in exercises(COURSE, week):
            found += [(slug, name, how) for how in ("open", "raising")]
    return found


@pytest.mark.parametrize(("slug", "exercise", "how"), cases(), ids=str)
def test_run_all_goes_on(slug, exercise, how, monkeypatch):
    week = COURSE.week(slug)
    monkeypatch.setattr(provisioner, "_usual", libraries_of(usual_kernel(), COURSE, week))
    if exercise == "all":
        answers = {} if how == "right" else dict.fromkeys(exercises(COURSE, week), how)
        notebook = notebook_with(COURSE, week, answers)
    else:
        notebook = touched_by(notebook_with(COURSE, week, {exercise: how}), exercise)
    assert first_error(COURSE, week, notebook) == ""


def test_the_cells_an_answer_can_reach_are_found():
    """By its name, by its name as a string, through names that these bind, and what they need from before."""
    sources = {
        "setup": "import numpy as np",
        "scale": "scale = 3",
        "other": "for i in range(2):\n    print(i)",
        "double": "def double(n):\n    return 2 * n",
        "check": 'check("double")',
        "made": "with needs():\n    made = [double(i * scale) for i in range(3)]",
        "figure": "for i in made:\n    show(i)",
        "yours": 'draw(yours("double"), np.ones(3))',
        "apart": "double_page = 1",
        "anew": "made = 0",
        "later": "print(made)",
    }
    notebook = new_notebook(cells=[new_code_cell(source, id=name) for name, source in sources.items()])
    answer = next(cell for cell in notebook.cells if cell.id == "double")
    answer.metadata["nbgrader"] = {"grade_id": "double", "solution": True}
    found = [cell.id for cell in touched_by(notebook, "double").cells]
    assert found == ["setup", "scale", "double", "check", "made", "figure", "yours"]
