"""Records as grading writes them, made without running anything, for tests of what is made from records."""

from __future__ import annotations

import copy

import nbformat
from nbformat import NotebookNode

from grader.course import files
from grader.course.questions import answers_in, questions_in
from grader.course.syllabus import Course, Week
from grader.grading import fingerprints, rubric
from grader.grading.batch import save
from grader.grading.options import Options
from grader.grading.verdicts import Result, not_gradable, now, write_verdicts
from grader.records.grade import CheckResult, Grade, QuestionResult


def grade_as(
    course: Course, week: Week, student: str, notebook: NotebookNode, options: Options | None = None, **points: float
) -> Grade:
    """Hand in `notebook`, and save it as graded with these points by question, the others in full."""
    path = course.submission(week, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")
    digests = rubric.question_digests(*rubric.check_sources(course.root, week).values())
    released = answers_in(nbformat.read(course.release(week), as_version=4))
    answers = answers_in(notebook)
    results = []
    for q in questions_in(notebook):
        answered = answers[q.name] != released[q.name]
        if q.manual:
            results.append(QuestionResult(q.name, q.cell, q.points, 0.0, "manual", answered, "graded by hand"))
            continue
        earned = float(points.get(q.name, q.points))
        checks = [CheckResult(f"{q.name}_holds", "It holds", 1.0, earned == q.points, "it is 3", True, 0.01)]
        digest = digests[q.name]
        results.append(QuestionResult(q.name, q.cell, q.points, earned, "judged", answered, "", checks, digest))
    grade = Grade(
        week.slug,
        student,
        "graded",
        "",
        sum(r.points for r in results),
        sum(r.max_points for r in results),
        results,
        inputs={**fingerprints.inputs(course, week, options or Options()), "submission": files.file_hash(path)},
        versions=fingerprints.versions(),
        graded_at=now(),
    )
    executed = copy.deepcopy(notebook)
    write_verdicts(executed, results)
    return save(course, week, Result(grade, executed))


def refuse(
    course: Course, week: Week, student: str, reason: str = "The file is empty.", handed_in: bool = True
) -> Grade:
    """Save a submission as not gradable; without one, as not handed in."""
    path = course.submission(week, student)
    if handed_in:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return save(course, week, Result(not_gradable(course, week, student, reason, path if handed_in else None)))


def grade_of(name: str, points: float = 1.0) -> Grade:
    """A Grade with one question, of 2 points."""
    return Grade("w", name, "graded", "", points, 2, [QuestionResult("q", "check_q", 2.0, points, "judged", True)])
