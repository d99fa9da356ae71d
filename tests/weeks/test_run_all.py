"""Run All of the students' notebooks goes from top to bottom, whatever is still open or wrong in them.

All open is tried in every run. Of all raising, and one exercise open or raising, each run tries one or the other,
another every day. `RUN_ALL=every pytest tests/weeks/test_run_all.py -k week02` tries all of them. Where one exercise is
open or raising, the cells run that can tell.
"""

from __future__ import annotations

import datetime
import os

import pytest
from support.run_all import exercises, first_error, notebook_with, touched_by

from grader.course.discovery import find_course
from grader.execution import provisioner
from grader.execution.kernelspecs import usual_kernel
from grader.grading.environment import libraries_of

COURSE = find_course()
EVERY = os.environ.get("RUN_ALL") == "every"


def cases() -> list[tuple[str, str, str]]:
    """(week, exercise or "all", how it is)."""
    found = []
    for slug, week in COURSE.weeks.items():
        found.append((slug, "all", "open"))
        single = [(slug, "all", "raising")]
        single += [(slug, name, how) for name in exercises(COURSE, week) for how in ("open", "raising")]
        today = datetime.date.today().toordinal() + week.number
        found += single if EVERY else [single[today % len(single)]]
    return found


@pytest.mark.parametrize(("slug", "exercise", "how"), cases(), ids=str)
def test_run_all_goes_on(slug, exercise, how, monkeypatch):
    week = COURSE.week(slug)
    monkeypatch.setattr(provisioner, "_usual", libraries_of(usual_kernel(), COURSE, week))
    if exercise == "all":
        notebook = notebook_with(COURSE, week, dict.fromkeys(exercises(COURSE, week), how))
    else:
        notebook = touched_by(notebook_with(COURSE, week, {exercise: how}), exercise)
    assert first_error(COURSE, week, notebook) == ""
