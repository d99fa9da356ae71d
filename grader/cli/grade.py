"""`grader grade` and `grader rebuild`: a class, its records, its gradebook and its pages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from grader.cli.base import CourseDir, Wait, WorkDir, console, errors
from grader.cli.options import (
    CellSeconds,
    Cluster,
    Device,
    GpuMemory,
    GpuSlots,
    Kernel,
    Parameters,
    Profile,
    Unsandboxed,
    Workers,
    options,
)
from grader.course.discovery import find_course
from grader.course.syllabus import Course, CourseError, Week
from grader.course.text import clean

if TYPE_CHECKING:
    from grader.records.grade import Grade


def grade(  # each parameter is an option of the command
    week: Annotated[str, typer.Argument(help="A week by number or name: 1, week01, week01_clip.")],
    students: Annotated[
        list[str] | None, typer.Argument(help="Names of students; the class where none is given.")
    ] = None,
    workers: Workers = None,
    parameter: Parameters = None,
    kernel: Kernel = None,
    cell_seconds: CellSeconds = None,
    unsandboxed: Unsandboxed = False,
    cluster: Cluster = "",
    device: Device = "",
    profile: Profile = "",
    slots: GpuSlots = None,
    gpu_memory: GpuMemory = None,
    again: Annotated[bool, typer.Option("--again", help="Grade also what has not changed since its record.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="At the end, say whose score moved and why.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The grades as one JSON document on stdout; all else goes to stderr.")
    ] = False,
    wait: Wait = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Grade a class: records, gradebook, a page for each student and a report.

    The class is everyone with a folder in submitted/ and everyone enrolled in the gradebook. A submission whose record
    shows that nothing it depends on has changed is not run again, so an interrupted run goes on where it stopped.
    What --json prints is described in docs/records.md.

    Example: [bold]grader grade week01 --workers 2[/]
    """
    from grader.cli.progress import Watch
    from grader.grading.batch import grade_class
    from grader.records.by_hand import without_question
    from grader.records.database import GradebookError
    from grader.records.grade import ClassGrades
    from grader.records.late import lateness
    from grader.records.store import records_of
    from grader.reporting import changes
    from grader.submissions import beside

    here = find_course(course, work)
    which = here.week(week)
    names = _who(here, which, students)
    out, trouble = errors() if as_json else console(), None
    _warn(line for one in which.notebooks for line in beside.refused(here, one))
    with alone(here, wait):
        before = records_of(here, which, names)[0] if diff else []
        with Watch(out, f"Grading {which.slug}", len(names) * len(which.notebooks)) as watch:
            settings = options(
                which,
                workers,
                parameter,
                kernel,
                cell_seconds,
                unsandboxed,
                cluster,
                device,
                profile,
                slots,
                gpu_memory,
            )
            try:
                grades = grade_class(here, which, names, settings, watch.on_start, watch.on_done, again)
            except GradebookError as error:  # it does not keep the class from its feedback
                grades, trouble = records_of(here, which, names)[0], error
        write_pages(here, which, grades)
    if as_json:
        most = max((grade.max_points for grade in grades), default=which.points)
        print(ClassGrades(which.slug, which.title, most, grades).to_json())
    else:
        show_grades(out, here, which, grades)
    if diff:
        out.print()
        for line in changes.report({grade.student: grade for grade in before}, grades):
            out.print(Text(clean(line)), soft_wrap=True)
    misnamed = here.misnamed(which)
    _warn(f"not graded: the name of a folder in submitted/, {name}. Rename it, and grade again" for name in misnamed)
    if trouble:
        raise trouble
    _warn(lateness(here, which, names))
    _warn(f"kept in gradebook.db, for there is no such question now: {line}" for line in without_question(here, which))
    if misnamed:
        raise typer.Exit(1)


def _who(course: Course, week: Week, students: list[str] | None) -> list[str]:
    """Who is graded: these students, or where none is named the class. Raises CourseError."""
    from grader.records.database import enrolled

    present = sorted({*course.students(week), *enrolled(course)})
    names = list(dict.fromkeys(students)) if students else present
    if unknown := sorted(set(names) - set(present)):
        raise CourseError(f"no submission of {week.slug} in {course.work / 'submitted'} from: {', '.join(unknown)}")
    if not names:
        example = course.submission(week.notebooks[0], "STUDENT")
        raise CourseError(f"nothing handed in for {week.slug}: submissions are expected at {example}")
    return names


def _warn(lines: Iterable[str]) -> None:
    """Each line once, on standard error."""
    for line in dict.fromkeys(lines):
        errors().print(Text(clean(line), "yellow"))


def rebuild(
    week: Annotated[str | None, typer.Argument(help="A week by number or name; all where none is given.")] = None,
    wait: Wait = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Make gradebook, autograded notebooks, feedback and reports again from the records.

    A damaged gradebook is set aside, and manual grades and comments are taken over as far as they can be read. Exits
    with 1 where something has to be graded again.

    Example: [bold]grader rebuild week01[/]
    """
    from grader.grading.rebuild import rebuild as run

    here = find_course(course, work)
    out = console()
    with alone(here, wait):
        whole = run(
            here,
            [here.week(week)] if week else list(here.weeks.values()),
            say=lambda line: out.print(Text(clean(line)), soft_wrap=True),
            pages=write_pages,
        )
    if not whole:
        raise typer.Exit(1)


@contextlib.contextmanager
def alone(course: Course, wait: bool) -> Iterator[None]:
    """Hold the class's folder, without what an earlier grader that was killed left half written."""
    from grader.course import plain_nbgrader
    from grader.course.files import sweep
    from grader.records.lock import locked

    with locked(course.work, wait, lambda who: errors().print(Text(f"{who} is at work here: waiting."))):
        for folder in ("records", "autograded", "reports"):
            sweep(course.work / folder)
        try:
            yield
        finally:
            if course.classic:
                plain_nbgrader.open_to_group(course)


def write_pages(course: Course, week: Week, grades: list[Grade]) -> None:
    """Feedback for each student, and the class report over everyone of whom there is a record."""
    from grader.cli.progress import each
    from grader.records.database import GradebookError
    from grader.records.scores import scores
    from grader.records.store import recorded, records_of
    from grader.reporting import class_report, feedback

    by_student = {}
    try:
        by_student = {score.student: score for score in scores(course, week, grades)}
    except GradebookError as error:
        errors().print(Text(f"pages are without what people graded: {error}", "yellow"))
    for grade in each(grades, "Writing pages"):
        feedback.write(course, week, grade, by_student.get(grade.student))
    here = {grade.student for grade in grades}
    others, damaged = records_of(course, week, [s for s in recorded(course, week) if s not in here])
    for one in damaged:  # one damaged file must not cost the class its report
        errors().print(Text(f"left out of the report: {one}", "yellow"))
    class_report.write(course, week, sorted([*grades, *others], key=lambda grade: grade.student))


def show_grades(
    out: Console, course: Course, week: Week, grades: list[Grade], notes: dict[str, str] | None = None
) -> None:
    """The table of students x questions, and where everything is."""
    from grader.cli.progress import class_table

    out.print()
    out.print(*class_table(grades, notes), sep="\n")
    out.print()
    places = {
        "gradebook": course.gradebook,
        "report": course.report(week),
        "feedback": course.feedback(week, "x").parent,
        "records": course.record(week, "x").parent,
    }
    for name, path in places.items():
        out.print(Text(f"{name:<10}", "dim") + Text(str(path)), soft_wrap=True)
