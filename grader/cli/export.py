"""`grader export`: what is known of a week's grades, in the forms of other systems."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.text import Text

from grader.cli.base import CourseDir, WorkDir, console, errors
from grader.course.discovery import find_course
from grader.course.files import write_atomically
from grader.course.syllabus import Course, CourseError, Week
from grader.course.text import clean

if TYPE_CHECKING:
    from grader.records.scores import Score

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Scores for other systems, made from the records and from what people entered in formgrader.",
)

WeekName = Annotated[str, typer.Argument(help="A week by number or name.")]
Extra = Annotated[
    float, typer.Option("--extra-credit", min=0, help="Points of extra credit that the week offers; more are refused.")
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Where to; else a file in exports/WEEK/.", show_default=False)
]


@app.command("csv")
def plain(week: WeekName, extra: Extra = 0.0, out: Out = None, course: CourseDir = None, work: WorkDir = None) -> None:
    """One CSV of the week: final scores, points by question, late penalties, what a person has still to grade.

    Example: [bold]grader export csv week01[/]
    """
    from grader.reporting import csv_export

    here = find_course(course, work)
    which = here.week(week)
    found = _scores(here, which, extra)
    _write(out or _place(here, which) / "grades.csv", csv_export.plain_csv(found), _sources(here, which))
    _warn(found)


@app.command()
def canvas(
    week: WeekName,
    roster: Annotated[
        Path | None, typer.Option(help="Canvas' own export of the gradebook: then each student is found for certain.")
    ] = None,
    assignment: Annotated[str, typer.Option(help="Its column in Canvas, as in the roster: 'Week 1 (4242)'.")] = "",
    extra: Extra = 0.0,
    out: Out = None,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """The CSV that Canvas' gradebook imports (Grades > Import).

    Who handed in nothing keeps an empty cell. Exit code 1 where the roster does not know a student, who is left out.

    Example: [bold]grader export canvas week01 --roster gradebook.csv --assignment "Week 1 (4242)"[/]
    """
    from grader.reporting import csv_export

    here = find_course(course, work)
    which = here.week(week)
    found = _scores(here, which, extra)
    text, unknown = csv_export.canvas_csv(which, found, roster, assignment)
    _write(out or _place(here, which) / "canvas.csv", text, _sources(here, which))
    _warn(found)
    if roster and (differ := csv_export.other_points(which, found, roster, assignment)):
        _say(differ)
    if unknown:
        why = f"{roster} does not know them" if roster else "what Canvas would find them by is a formula"
        _say(f"left out, because {why}: {', '.join(unknown)}")
        raise typer.Exit(1)


@app.command()
def gradescope(
    week: WeekName, extra: Extra = 0.0, out: Out = None, course: CourseDir = None, work: WorkDir = None
) -> None:
    """A results.json for each student, as Gradescope's autograders write it. --out names the folder.

    Example: [bold]grader export gradescope week01[/]
    """
    from grader.cli.progress import each
    from grader.reporting.gradescope import results

    here = find_course(course, work)
    which = here.week(week)
    folder = out or _place(here, which) / "gradescope"
    grades = [score.grade for score in _scores(here, which, extra)]
    for grade in each(grades, "Writing"):
        text = json.dumps(results(here, which, grade), indent=1)
        write_atomically(folder / grade.student / "results.json", text, _sources(here, which, grade.student))
    console().print(Text(f"wrote: {len(grades)} results.json in {folder}"), soft_wrap=True)


@app.command()
def autograder(
    week: WeekName,
    visibility: Annotated[
        str, typer.Option(help="When students see results: visible, after_due_date, after_published or hidden.")
    ] = "visible",
    unsandboxed: Annotated[
        bool, typer.Option("--unsandboxed", help="Where Gradescope's container allows no sandbox, grade without one.")
    ] = False,
    out: Out = None,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """A zip to upload to Gradescope as an autograder: this grader, the week and its hidden checks.

    It is for instructors only: the zip holds the hidden checks.

    Example: [bold]grader export autograder week01 --visibility after_due_date[/]
    """
    from grader.reporting.gradescope import VISIBILITIES, Visibility, bundle

    if visibility not in VISIBILITIES:
        raise typer.BadParameter(f"one of {', '.join(VISIBILITIES)}", param_hint="--visibility")
    shown = cast(Visibility, visibility)
    here = find_course(course, work)
    which = here.week(week)
    path = out or _place(here, which) / "autograder.zip"
    names = bundle(here, which, path, shown, unsandboxed)
    console().print(Text(f"wrote: {path} ({len(names)} files, {path.stat().st_size / 2**20:.1f} MB)"), soft_wrap=True)


@app.command()
def classroom(
    week: WeekName,
    repository: Annotated[
        str, typer.Option("--grader-repository", metavar="OWNER/NAME", help="The private repository with the grader.")
    ],
    branch: Annotated[str, typer.Option(help="Its branch.")] = "main",
    out: Out = None,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """The workflow that grades a GitHub Classroom assignment at every push; see docs/exporting.md for its secret.

    Example: [bold]grader export classroom week01 --grader-repository my-school/course[/]
    """
    from grader.reporting import github_classroom

    here = find_course(course, work)
    here.must_have_checks("export classroom", "collect what was handed in, and use `grader grade`")
    which = here.week(week)
    default = _place(here, which) / ".github" / "workflows" / "classroom.yml"
    _write(out or default, github_classroom.workflow(which, repository, branch))


def _scores(course: Course, week: Week, extra: float) -> list[Score]:
    """Everyone's final score. Raises CourseError where somebody has points that the week does not offer."""
    from grader.records.scores import beyond, scores
    from grader.reporting.csv_export import grades_of

    found = scores(course, week, grades_of(course, week))
    if lines := beyond(found, extra):
        listed = "\n  ".join(lines[:20])
        raise CourseError(
            f"{week.slug}: the gradebook has points that no question offers, so nothing is exported:\n  {listed}\n"
            "Put them right in formgrader. Extra credit that is meant: --extra-credit POINTS"
        )
    return found


def _place(course: Course, week: Week) -> Path:
    return course.work / "exports" / week.slug


def _sources(course: Course, week: Week, student: str = "*") -> list[Path]:
    """What grades are made from, so that nobody may read an export who may not read that."""
    folders = {course.record(one, "x").parent for one in week.notebooks}
    names = {f"{student}.json"} if student != "*" else {p.name for folder in folders for p in folder.glob("*.json")}
    return [course.gradebook, *(folder / name for folder in folders for name in names)]


def _write(path: Path, text: str, like: Iterable[Path] = ()) -> None:
    write_atomically(path, text, like)
    console().print(Text(f"wrote: {path}"), soft_wrap=True)


def _warn(found: list[Score]) -> None:
    """Say whose score is not final yet."""
    if waiting := [score.student for score in found if score.waiting]:
        some = ", ".join(waiting[:6]) + (" …" if len(waiting) > 6 else "")
        _say(f"not final, a person has still to grade answers of {len(waiting)}: {some}")
    if refused := [score.student for score in found if score.grade.handed_in and score.grade.outcome != "graded"]:
        _say(f"0 points, because the file could not be graded: {', '.join(refused)}")


def _say(warning: str) -> None:
    errors().print(Text(clean(warning), "yellow"))
