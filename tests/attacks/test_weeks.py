"""The course's own weeks: a notebook that answers with what it finds of the references finds none and earns nothing."""

from pathlib import Path

import pytest

from attacks import references
from grader.course.discovery import find_course
from grader.course.notebooks import released_notebook
from grader.execution.kernelspecs import usual_kernel
from grader.grading.options import Options
from grader.grading.pool import grade_many

COURSE = find_course(Path(__file__))


def test_there_is_an_attack_on_every_week_that_is_no_draft():
    assert set(references.ANSWERS) >= {week.slug for week in COURSE.weeks.values() if not week.draft}


@pytest.mark.parametrize("slug", references.ANSWERS)
def test_no_reference_is_in_reach_of_a_graded_notebook(slug, tmp_path):
    course = find_course(COURSE.root, tmp_path)
    week = course.week(slug)
    notebook = references.attack(slug, released_notebook(course, week))
    (result,) = grade_many(course, week, [("mallory", notebook)], Options(workers=1, kernel=usual_kernel()))
    assert result.grade.outcome == "graded", result.grade.reason
    assert {q.question: q.points for q in result.grade.questions if q.points} == {}
    assert result.grade.flags, "a person is told of the search"
