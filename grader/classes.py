"""A class: who has to be graded, what of it is done already, and where the results go."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import nbformat

from grader import cache, classic, gradebook, records, submission
from grader.course import Course, Week
from grader.gradebook import GradebookError
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
    Records are written as submissions finish, so an interrupted run loses nothing that was done. Raises GradebookError
    once everything is graded and only the gradebook could not be written.
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
                path = submission.find(course, week, student)
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
    except BaseException:
        with contextlib.suppress(GradebookError):  # what stopped the grading is what has to be told
            gradebook.project(course, week, list(grades.values()))
        raise
    gradebook.project(course, week, list(grades.values()))
    return [grades[student] for student in students]


class _Earlier:
    """What the records of an earlier run are still good for."""

    def __init__(self, course: Course, week: Week, options: Options) -> None:
        cache.code_hash.cache_clear()
        self.course, self.week = course, week
        self.inputs = cache.inputs(course, week, options)
        self.others = {"other releases": cache.other_releases(course, week)}
        self.digests = cache.digests(course, week)

    def of(self, student: str, path: Path) -> tuple[Grade | None, list[QuestionResult]]:
        """The record that grading this file again would only repeat, or None; and the results that stand anyhow."""
        try:
            grade = records.read(self.course.record(self.week, student))
            inputs = {**self.inputs, "submission": cache.file_hash(path)}
            inputs |= classic.inputs(self.course, self.week, path)
        except (OSError, RecordError):
            return None, []
        if grade.outcome == "not gradable":
            inputs |= self.others
        if (grade.week, grade.student) != (self.week.slug, student):
            return None, []
        now = (inputs, cache.versions(), self.digests)
        if cache.stands(grade, *now) and (not grade.handed_in or notebook_is_whole(self.course, self.week, grade)):
            return grade, []
        return None, cache.kept(grade, *now)

    def unless_new(self, grade: Grade) -> Grade:
        """The record on disk, where it says the same as this one."""
        try:
            old = records.read(self.course.record(self.week, grade.student))
        except (OSError, RecordError):
            return grade
        return old if replace(old, graded_at=grade.graded_at) == grade else grade


def save(course: Course, week: Week, result: Result) -> Grade:
    """Write a result's record and its autograded notebook, where nbgrader and its formgrader look for it.

    Returns the record as written. The notebook comes first: a record never speaks of one that is not there.
    """
    grade = result.grade
    if grade.handed_in:
        path, notebook = course.autograded(week, grade.student), result.notebook or placeholder(course, week, grade)
        try:
            records.write_atomically(path, nbformat.writes(notebook))
        except OSError as error:
            raise records.not_written(path, error) from error
        grade = replace(grade, notebook=cache.file_hash(path))
    records.write(grade, course.record(week, grade.student))
    return grade


def recorded(course: Course, week: Week) -> list[str]:
    """Who has a record, sorted."""
    return sorted(path.stem for path in course.record(week, "x").parent.glob("*.json"))


def records_of(course: Course, week: Week, students: Iterable[str]) -> tuple[list[Grade], list[RecordError]]:
    """The records of these students, of those that have one, and what is wrong with those that cannot be read."""
    found = list(records.read_all(course.record(week, student) for student in students))
    return [one for one in found if isinstance(one, Grade)], [one for one in found if isinstance(one, RecordError)]


def notebook_is_whole(course: Course, week: Week, grade: Grade) -> bool:
    """Whether the autograded notebook that goes with a record is there as it was written."""
    path = course.autograded(week, grade.student)
    try:
        if grade.notebook:
            return cache.file_hash(path) == grade.notebook
        return bool(nbformat.read(path, as_version=4).cells)  # nbgrader wrote it, and its hash is not known
    except Exception:  # nbformat raises nearly anything for a file that is no notebook
        return False
