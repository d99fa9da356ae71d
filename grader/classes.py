"""A class: who has to be graded, what of it is done already, and where the results go."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import nbformat

from grader import beside, cache, gradebook, records, settings, submission
from grader.course import Course, CourseError, Week
from grader.gradebook import GradebookError
from grader.grading import Options, Result, grade_many, not_gradable, placeholder, ready, released_notebook
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
    `on_done` is called for everyone, `on_start` only for those who are graded now; where the week has several
    notebooks, for each of them, as "notebook/student". The Grades are of the whole week then, see `together`.
    Records are written as submissions finish, so an interrupted run loses nothing that was done. Raises GradebookError
    once everything is graded and only the gradebook could not be written.
    """
    options = options or Options()
    for one in week.notebooks:
        released_notebook(course, one)
        ready(course, one, options)
    if students is None:
        students = sorted({*course.students(week), *gradebook.enrolled(course)})
    if course.classic and not settings.read(course.root).value("Autograde.create_student"):
        present = [name for name in students if name in course.students(week)]
        if unknown := sorted(set(present) - set(gradebook.enrolled(course))):
            raise CourseError(
                f"not in the gradebook, where Autograde.create_student allows no new ones: {', '.join(unknown)}. Add "
                "them with `nbgrader db student add ID`, or name the others"
            )
    with contextlib.suppress(GradebookError):  # it will be said when there is something to write
        gradebook.remember(course, week)
    found: dict[str, list[Grade]] = defaultdict(list)

    def done(one: Week, student: str, result: Result) -> None:
        found[student].append(result.grade)
        if on_done:
            on_done(one.prefix + student, result)

    try:
        for one in week.notebooks:
            start = None if on_start is None else lambda student, one=one: on_start(one.prefix + student)
            _grade_one(course, one, students, options, start, lambda *of, one=one: done(one, *of), again)
    except BaseException:
        whole = [grades for grades in found.values() if len(grades) == len(week.notebooks)]
        with contextlib.suppress(GradebookError):  # what stopped the grading is what has to be told
            gradebook.project(course, week, [together(week, grades) for grades in whole])
        raise
    grades = {student: together(week, grades) for student, grades in found.items()}
    gradebook.project(course, week, list(grades.values()))
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
            path = submission.find(course, week, student)
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


def together(week: Week, grades: Sequence[Grade]) -> Grade:
    """A student's Grade of a week, from the records of its notebooks in their order: of one notebook, that record.

    Of several the points are added up, names of questions and cells have the notebook before them, and `reason` says of
    which there are no points because it could not be graded; the week is not gradable where that is all of them. Such a
    Grade is made to be shown, and never written.
    """
    if len(week.notebooks) == 1:
        return grades[0]
    questions, answers, inputs = [], {}, defaultdict(dict)
    lines: dict[str, list[str]] = {"reason": [], "repairs": [], "log": []}
    timings: dict[str, float] = defaultdict(float)
    for one, grade in zip(week.notebooks, grades, strict=True):
        graded = grade.outcome == "graded"
        for q in grade.questions:
            note = q.note if graded else f"{one.file} could not be graded"
            questions.append(replace(q, question=one.prefix + q.question, cell=one.prefix + q.cell, note=note))
        answers |= {one.prefix + name: digest for name, digest in grade.answers.items()}
        if grade.questions and not graded:  # who does not hand in a notebook without questions misses nothing
            lines["reason"].append(f"{one.file}: {grade.reason}")
        for name in ("repairs", "log"):
            lines[name] += [f"{one.file}: {line}" for line in getattr(grade, name)]
        for name, seconds in grade.timings.items():
            timings[name] = round(timings[name] + seconds, 3)
        for name, value in grade.inputs.items():
            inputs[name][value] = None  # once, where it is the same for all
    return Grade(
        week=week.slug,
        student=grades[0].student,
        outcome="graded" if any(g.outcome == "graded" for g in grades) else "not gradable",
        reason=" ".join(lines["reason"]),
        points=round(sum(g.points for g in grades), 4),
        max_points=sum(g.max_points for g in grades),
        questions=questions,
        answers=answers,
        repairs=lines["repairs"],
        log=lines["log"],
        denied=list(dict.fromkeys(kind for g in grades for kind in g.denied)),
        timings=dict(timings),
        inputs={name: " ".join(values) for name, values in inputs.items()},
        versions={name: version for g in grades for name, version in g.versions.items()},
        graded_at=max(g.graded_at for g in grades),
    )


class _Earlier:
    """What the records of an earlier run are still good for."""

    def __init__(self, course: Course, week: Week, options: Options) -> None:
        cache.code_hash.cache_clear()
        beside.forget()
        self.course, self.week = course, week
        self.inputs = cache.inputs(course, week, options)
        self.others = {"other releases": cache.other_releases(course, week)}
        self.digests = cache.digests(course, week)

    def of(self, student: str, path: Path) -> tuple[Grade | None, list[QuestionResult]]:
        """The record that grading this file again would only repeat, or None; and the results that stand anyhow."""
        try:
            grade = records.read(self.course.record(self.week, student))
            inputs = {**self.inputs, "submission": cache.file_hash(path)}
            inputs |= beside.inputs(self.course, self.week, path)
        except (OSError, RecordError):
            return None, []
        if grade.outcome == "not gradable":
            inputs |= self.others
        if (grade.week, grade.student) != (self.week.name, student):
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
    return sorted({path.stem for one in week.notebooks for path in course.record(one, "x").parent.glob("*.json")})


def records_of(course: Course, week: Week, students: Iterable[str]) -> tuple[list[Grade], list[RecordError]]:
    """The Grades of these students, of those that have records, and what is wrong with records that cannot be read.

    Of a week with several notebooks, see `together`, only of those that have a record of each.
    """
    grades, damaged = [], []
    for student in students:
        found = list(records.read_all(course.record(one, student) for one in week.notebooks))
        damaged += [one for one in found if isinstance(one, RecordError)]
        sound = [one for one in found if isinstance(one, Grade)]
        if len(sound) == len(week.notebooks):
            grades.append(together(week, sound))
    return grades, damaged


def notebook_is_whole(course: Course, week: Week, grade: Grade) -> bool:
    """Whether the autograded notebook that goes with a record is there as it was written."""
    path = course.autograded(week, grade.student)
    try:
        if grade.notebook:
            return cache.file_hash(path) == grade.notebook
        return bool(nbformat.read(path, as_version=4).cells)  # nbgrader wrote it, and its hash is not known
    except Exception:  # nbformat raises nearly anything for a file that is no notebook
        return False
