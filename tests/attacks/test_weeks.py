"""The course's own weeks: what is found of references, copied or posing earns nothing."""

from pathlib import Path

import pytest

from attacks import posing, references
from grader.course.discovery import find_course
from grader.course.notebooks import read_solution, released_notebook
from grader.course.questions import questions_in
from grader.execution.kernelspecs import usual_kernel
from grader.grading.options import Options
from grader.grading.pool import grade_many

COURSE = find_course(Path(__file__))
WEEKS = [week.slug for week in COURSE.weeks.values() if not week.draft]


def grade(slug, notebooks, tmp_path):
    """{student: Grade} of notebooks of a week."""
    course = find_course(COURSE.root, tmp_path)
    results = grade_many(course, course.week(slug), list(notebooks.items()), Options(workers=2, kernel=usual_kernel()))
    for result in results:
        assert result.grade.outcome == "graded", result.grade.reason
    return {result.grade.student: result.grade for result in results}


def test_there_is_an_attack_on_every_week_that_is_no_draft():
    assert set(references.ANSWERS) >= set(WEEKS)


@pytest.mark.parametrize("slug", references.ANSWERS)
def test_no_reference_is_in_reach_of_a_graded_notebook(slug, tmp_path):
    notebook = references.attack(slug, released_notebook(COURSE, COURSE.week(slug)))
    (grade_,) = grade(slug, {"mallory": notebook}, tmp_path).values()
    assert {q.question: q.points for q in grade_.questions if q.points} == {}
    assert grade_.flags, "a person is told of the search"


@pytest.mark.parametrize("slug", WEEKS)
def test_artefacts_earn_nothing_beside_a_hollow_answer(slug, tmp_path):
    notebook, emptied = posing.hollow(read_solution(COURSE, COURSE.week(slug)))
    (found,) = grade(slug, {"mallory": notebook}, tmp_path).values()
    assert len(emptied) >= 10, "nearly all questions ask for a function"
    assert {q.question: q.points for q in found.questions if q.question in emptied and q.points} == {}


@pytest.mark.parametrize("slug", sorted({slug for slug, _ in posing.POSES}))
def test_what_poses_as_a_trained_network_is_none(slug, tmp_path):
    """The functions are right and earn their part; what was trained does not."""
    week = COURSE.week(slug)
    released, solution = released_notebook(COURSE, week), read_solution(COURSE, week)
    made = {way: posing.posing(slug, way, released, solution) for way in posing.ways(slug)}
    grades = grade(slug, {f"student{i}": notebook for i, (notebook, _) in enumerate(made.values())}, tmp_path)
    largest = {question.name: question.points for question in questions_in(released)}
    for (way, (_, touched)), found in zip(made.items(), grades.values(), strict=True):
        for question in (q for q in found.questions if q.question in touched):
            assert 0 < question.points < largest[question.question], (way, question)
