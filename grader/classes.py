"""A class: who has to be graded, what of it is done already, and where the results go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import nbformat

from grader import cache, gradebook, records, submission
from grader.course import Course, Week
from grader.grading import Options, Result, grade_many, not_gradable, placeholder, released_notebook
from grader.records import Grade, QuestionResult, RecordError
from grader.submission import NotGradable


def grade_class(
    course: Course,
    week: Week,
    students: Sequence[str] | None = None,
    options: Options | None = None,
    on_start: Callable[[str], None] | None = None,
    on_done: Callable[[str, Result], None] | None = None,
    again: bool = False,
) -> list[Grade]:
    """Grade what students handed in, and write records, autograded notebooks and the gradebook.

    students: who; by default everyone with a folder in submitted/ and everyone enrolled in the gradebook.
    again: grade also those whose record shows that nothing they depend on has changed.
    `on_done` is called for everyone, `on_start` only for those who are graded now.
    Records are written as submissions finish, so an interrupted run loses nothing that was done.
    """
    options = options or Options()
    released_notebook(course, week)
    if students is None:
        students = sorted({*course.students(week), *gradebook.enrolled(course)})
    grades: dict[str, Grade] = {}

    def finish(student: str, result: Result) -> None:
        grades[student] = save(course, week, result)
        if on_done:
            on_done(student, replace(result, grade=grades[student]))

    jobs, kept = [], {}
    earlier = _Earlier(course, week, options)
    try:
        for student in students:
            try:
                path, _ = submission.find(course, week, student)
            except NotGradable as error:
                finish(student, Result(earlier.unless_new(not_gradable(course, week, student, str(error), None))))
                continue
            grade, results = (None, []) if again else earlier.of(student, path)
            if grade is None:
                jobs.append((student, path))
                kept[student] = results
            else:
                grades[student] = grade
                if on_done:
                    on_done(student, Result(grade))
        if jobs:
            grade_many(course, week, jobs, options, finish, on_start, kept)
    finally:
        gradebook.project(course, week, list(grades.values()))
    return [grades[student] for student in students]


class _Earlier:
    """What the records of an earlier run are still good for."""

    def __init__(self, course: Course, week: Week, options: Options) -> None:
        cache.code_hash.cache_clear()
        self.course, self.week = course, week
        self.inputs = cache.inputs(course, week, options)
        self.others = {"other releases": cache.other_releases(course, week)}
        self.digests = cache.question_digests(*cache.check_sources(course.root, week))

    def of(self, student: str, path: Path) -> tuple[Grade | None, list[QuestionResult]]:
        """The record that grading this file again would only repeat, or None; and the results that stand anyhow."""
        try:
            grade = records.read(self.course.record(self.week, student))
            inputs = {**self.inputs, "submission": cache.file_hash(path)}
        except (OSError, RecordError):
            return None, []
        if grade.outcome == "not gradable":
            inputs |= self.others
        if (grade.week, grade.student) != (self.week.slug, student):
            return None, []
        now = (inputs, cache.versions(), self.digests)
        if cache.stands(grade, *now) and self._notebook_is_there(grade):
            return grade, []
        return None, cache.kept(grade, *now)

    def unless_new(self, grade: Grade) -> Grade:
        """The record on disk, where it says the same as this one."""
        try:
            old = records.read(self.course.record(self.week, grade.student))
        except (OSError, RecordError):
            return grade
        return old if replace(old, graded_at=grade.graded_at) == grade else grade

    def _notebook_is_there(self, grade: Grade) -> bool:
        path = self.course.autograded(self.week, grade.student)
        try:
            return cache.file_hash(path) == grade.notebook if grade.notebook else path.stat().st_size > 0
        except OSError:
            return False


def save(course: Course, week: Week, result: Result) -> Grade:
    """Write a result's record and its autograded notebook, where nbgrader and its formgrader look for it.

    Returns the record as written. The notebook comes first: a record never speaks of one that is not there.
    """
    grade = result.grade
    if grade.handed_in:
        path = course.autograded(week, grade.student)
        records.write_atomically(path, nbformat.writes(result.notebook or placeholder(course, week, grade)))
        grade = replace(grade, notebook=cache.file_hash(path))
    records.write(grade, course.record(week, grade.student))
    return grade
