"""The course's own weeks: a notebook that answers with what it finds of the references finds none and earns nothing."""

from pathlib import Path

import pytest

from attacks import references
from grader.course import Course
from grader.grading import Options, grade_many, released_notebook
from grader.kernel import usual_kernel

COURSE = Course.find(Path(__file__))


@pytest.mark.parametrize("slug", references.HELPERS)
def test_no_reference_is_in_reach_of_a_graded_notebook(slug, tmp_path):
    course = Course.find(COURSE.root, tmp_path)
    week = course.week(slug)
    notebook = references.attack(slug, released_notebook(course, week))
    (result,) = grade_many(course, week, [("mallory", notebook)], Options(workers=1, kernel=usual_kernel()))
    assert result.grade.outcome == "graded", result.grade.reason
    assert {q.question: q.points for q in result.grade.questions if q.points} == {}
    assert result.grade.flags, "a person is told of the search"
