"""A class: who has to be graded, what of it is done already, and where the results go."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import nbformat

from grader.course import settings
from grader.course.files import file_hash, write_atomically
from grader.course.notebooks import released_notebook
from grader.course.syllabus import Course, CourseError, Week
from grader.grading import fingerprints, rubric
from grader.grading.options import Options
from grader.grading.pool import begin, grade_many, ready
from grader.grading.verdicts import Result, not_gradable, placeholder
from grader.records import projection, store
from grader.records.database import GradebookError, enrolled
from grader.records.errors import RecordError
from grader.records.grade import Grade, QuestionResult
from grader.records.store import notebook_is_whole, together
from grader.submissions import beside, loading
from grader.submissions.loading import NotGradable


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
    `on_done` is called for everyone, `on_start` only for those who are graded now; where the week has several
    notebooks, for each of them, as "notebook/student". The Grades are of the whole week then, see `store.together`.
    Records are written as submissions finish, so an interrupted run loses nothing that was done. Raises GradebookError
    once everything is graded and only the gradebook could not be written.
    """
    options = options or Options()
    for one in week.notebooks:
        released_notebook(course, one)
    settled = [ready(course, one, options) for one in week.notebooks]
    if students is None:
        students = sorted({*course.students(week), *enrolled(course)})
    if course.classic and not settings.read(course.root).value("Autograde.create_student"):
        present = [name for name in students if name in course.students(week)]
        if unknown := sorted(set(present) - set(enrolled(course))):
            raise CourseError(
                f"not in the gradebook, where Autograde.create_student allows no new ones: {', '.join(unknown)}. Add "
                "them with `nbgrader db student add ID`, or name the others"
            )
    with contextlib.suppress(GradebookError):  # it will be said when there is something to write
        projection.remember(course, week)
    found: dict[str, list[Grade]] = defaultdict(list)

    def done(one: Week, student: str, result: Result) -> None:
        found[student].append(result.grade)
        if on_done:
            on_done(one.prefix + student, result)

    if again or any(not course.record(one, student).exists() for one in week.notebooks[:1] for student in students):
        begin(course, week.notebooks[0], settled[0])
    try:
        for one in week.notebooks:
            start = None if on_start is None else lambda student, one=one: on_start(one.prefix + student)
            _grade_one(course, one, students, options, start, lambda *of, one=one: done(one, *of), again)
    except BaseException:
        whole = [grades for grades in found.values() if len(grades) == len(week.notebooks)]
        with contextlib.suppress(GradebookError):  # what stopped the grading is what has to be said
            projection.project(course, week, [together(week, grades) for grades in whole])
        raise
    grades = {student: together(week, grades) for student, grades in found.items()}
    projection.project(course, week, list(grades.values()))
    return [grades[student] for student in students]


def _grade_one(
    course: Course,
    week: Week,
    students: Sequence[str],
    options: Options,
    on_start: Callable[[str], None] | None,
    done: Callable[[str, Result], None],
    again: bool,
) -> None:
    """Grade one notebook of a class. `done` gets each student's result, with the Grade as it is on disk."""
    jobs, kept = [], {}
    earlier = _Earlier(course, week, options)

    def finish(student: str, result: Result) -> None:
        done(student, replace(result, grade=save(course, week, result)))

    for student in students:
        try:
            path = loading.find(course, week, student)
        except NotGradable as error:
            finish(student, Result(earlier.unless_new(not_gradable(course, week, student, str(error), None))))
            continue
        grade, results = (None, []) if again else earlier.of(student, path)
        if grade is None:
            jobs.append((student, path))
            kept[student] = results
        else:
            done(student, Result(grade))
    if jobs:
        grade_many(course, week, jobs, options, finish, on_start, kept)


class _Earlier:
    """What the records of an earlier run are still good for."""

    def __init__(self, course: Course, week: Week, options: Options) -> None:
        fingerprints.code_hash.cache_clear()
        beside.forget()
        self.course, self.week = course, week
        self.inputs = fingerprints.inputs(course, week, options)
        self.others = {"other releases": fingerprints.other_releases(course, week)}
        self.digests = rubric.digests(course, week)

    def of(self, student: str, path: Path) -> tuple[Grade | None, list[QuestionResult]]:
        """The record that grading this file again would only repeat, or None; and the results that stand anyhow."""
        try:
            grade = store.read(self.course.record(self.week, student))
            inputs = {**self.inputs, "submission": loading.digest(path, self.course.submitted)}
            inputs |= beside.inputs(self.course, self.week, path)
        except (OSError, RecordError):
            return None, []
        if grade.outcome == "not gradable":
            inputs |= self.others
        if (grade.week, grade.student) != (self.week.name, student):
            return None, []
        now = (inputs, fingerprints.versions(), self.digests)
        if fingerprints.stands(grade, *now) and (
            not grade.handed_in or notebook_is_whole(self.course, self.week, grade)
        ):
            return grade, []
        return None, fingerprints.kept(grade, *now)

    def unless_new(self, grade: Grade) -> Grade:
        """The record on disk, where it says the same as this one."""
        try:
            old = store.read(self.course.record(self.week, grade.student))
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
            write_atomically(path, nbformat.writes(notebook))
        except OSError as error:
            raise store.not_written(path, error) from error
        grade = replace(grade, notebook=file_hash(path))
    store.write(grade, course.record(week, grade.student))
    return grade
