"""Everything that is made from the records, made again: gradebook, autograded notebooks, feedback, report."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Callable, Sequence

import nbformat
from nbformat import NotebookNode

from grader.course.files import write_atomically
from grader.course.notebooks import released_notebook
from grader.course.questions import questions_in
from grader.course.syllabus import Course, CourseError, Week
from grader.grading.harmless import harmless
from grader.grading.verdicts import placeholder, write_verdicts
from grader.records import by_hand, database, late, projection, salvage
from grader.records.grade import Grade
from grader.records.store import notebook_is_whole, recorded, records_of, together
from grader.submissions import loading
from grader.submissions.loading import NotGradable
from grader.submissions.reconcile import reconcile


def rebuild(
    course: Course,
    weeks: Sequence[Week],
    say: Callable[[str], None],
    pages: Callable[[Course, Week, list[Grade]], None],
) -> bool:
    """Rebuild these weeks from their records. Returns False where something has to be graded again.

    say: called with what was done and what could not be, line by line.  pages: writes feedback and report.
    A gradebook that is damaged is set aside, and what people entered is taken over as far as it can be read; then, and
    where there is none, all weeks that have records are written to the new one. Raises CourseError.
    """
    found = salvage.Salvaged()
    if damage := database.damage(course.gradebook):
        aside = salvage.set_aside(course.gradebook)
        found = salvage.read(aside)
        say(f"{course.gradebook.name} was damaged ({damage}); it is kept as {aside.name}")
    if not course.gradebook.is_file():
        weeks = list(course.weeks.values())
    weeks = [week for week in weeks if course.record(week, "x").parent.is_dir()]
    if not weeks:
        raise CourseError(f"there are no records in {course.work / 'records'}: nothing to rebuild from")
    whole = [_week(course, week, say, pages) for week in weeks]
    if damage:
        if course.gradebook.is_file():
            salvage.restore(course, found)
        say(f"taken over from {aside.name}: {len(found.grades)} manual grades, {len(found.comments)} comments")
    for week in weeks:
        for line in by_hand.without_question(course, week):
            say(f"kept in {course.gradebook.name}, for there is no such question now: {line}")
    return all(whole)


def _week(
    course: Course, week: Week, say: Callable[[str], None], pages: Callable[[Course, Week, list[Grade]], None]
) -> bool:
    by_notebook, whole = [], True
    for one in week.notebooks:
        fitting, sound = _fitting(course, one, say)
        by_notebook.append(fitting)
        whole = whole and sound
    students = [s for s in recorded(course, week) if all(s in fitting for fitting in by_notebook)]
    for student in sorted({s for fitting in by_notebook for s in fitting} - set(students)):
        lacking = [one.file for one, found in zip(week.notebooks, by_notebook, strict=True) if student not in found]
        say(f"left out: {student} has no record of {', '.join(lacking)} that fits; grade again")
        whole = False
    grades = [together(week, [fitting[student] for fitting in by_notebook]) for student in students]
    projection.project(course, week, grades)
    bare: list[tuple[str, str]] = []
    missing: list[tuple[str, str]] = []
    for one, fitting in zip(week.notebooks, by_notebook, strict=True):
        for grade in (fitting[student] for student in students):
            if grade.handed_in and not notebook_is_whole(course, one, grade):
                notebook, complete = _notebook(course, one, grade)
                if notebook is not None:
                    write_atomically(course.autograded(one, grade.student), nbformat.writes(notebook))
                if not complete:
                    (missing if notebook is None else bare).append((one.prefix, grade.student))
    pages(course, week, grades)
    for line in late.lateness(course, week, students):
        say(line)
    count = len(students) * len(by_notebook)
    say(f"{week.slug}: gradebook, feedback and report are made from {count} records")
    for what, which in (
        ("autograded again from answers and verdicts, without the outputs of the cells", bare),
        ("not autograded again, because what was handed in has changed since", missing),
    ):
        if which:
            say(f"{what}: {', '.join(map(''.join, which))}")
    if again := list(dict.fromkeys(student for _, student in (*bare, *missing))):
        say(f"to run them again: grader grade {week.slug} {shlex.join(again)}")
    return whole and not again


def _fitting(course: Course, week: Week, say: Callable[[str], None]) -> tuple[dict[str, Grade], bool]:
    """The records of one notebook that have its present questions, by student, and whether that is all of them."""
    grades, damaged = records_of(course, week, recorded(course, week))
    for error in damaged:
        say(f"left out: {error}")
    cells = {q.cell for q in questions_in(released_notebook(course, week), course.classic)}
    fitting = {grade.student: grade for grade in grades if {q.cell for q in grade.questions} == cells}
    for grade in grades:
        if grade.student not in fitting:
            say(f"left out: {grade.student}'s record has other questions than {week.name} has now; grade again")
    return fitting, not damaged and len(fitting) == len(grades)


def _notebook(course: Course, week: Week, grade: Grade) -> tuple[NotebookNode | None, bool]:
    """The autograded notebook as far as the record and the submission still give it, and whether that is all of it."""
    if grade.outcome != "graded":
        return placeholder(course, week, grade), True
    try:
        path = loading.find(course, week, grade.student)
        if loading.digest(path, course.submitted) != grade.inputs.get("submission"):
            return None, False
        loaded = loading.load(path, course.submitted)
        released = released_notebook(course, week)
        rebuilt = reconcile(loaded.notebook, released, {})
    except (NotGradable, OSError):
        return None, False
    notebook = copy.deepcopy(rebuilt.notebook)
    write_verdicts(notebook, grade.questions)
    return harmless(notebook, {cell.source for cell in released.cells}), False
