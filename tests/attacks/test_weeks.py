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
    assert set(references.ANSWERS) >= set(WEEKS) >= {slug for slug, _ in posing.POSES}


@pytest.mark.parametrize("slug", WEEKS)
def test_nothing_hostile_earns_points(slug, tmp_path):
    """A week's thief, its hollow answers beside copied artefacts, and what poses as trained, graded as one class."""
    week = COURSE.week(slug)
    released, solution = released_notebook(COURSE, week), read_solution(COURSE, week)
    hollow, emptied = posing.hollow(solution)
    poses = {way: posing.posing(slug, way, released, solution) for way in posing.ways(slug)}
    notebooks = {"thief": references.attack(slug, released), "hollow": hollow}
    notebooks |= {f"pose{i}": notebook for i, (notebook, _) in enumerate(poses.values())}
    grades = grade(slug, notebooks, tmp_path)

    assert {q.question: q.points for q in grades["thief"].questions if q.points} == {}, "what was found of references"
    assert grades["thief"].flags, "a person is told of the search"

    assert len(emptied) >= 10, "nearly all questions ask for a function"
    copied = {q.question: q.points for q in grades["hollow"].questions if q.question in emptied and q.points}
    assert copied == {}, "artefacts beside an answer that is hollow"

    # the functions are right and earn their part; what was trained does not
    largest = {question.name: question.points for question in questions_in(released)}
    for i, (way, (_, touched)) in enumerate(poses.items()):
        for question in (q for q in grades[f"pose{i}"].questions if q.question in touched):
            assert 0 < question.points < largest[question.question], (way, question)
