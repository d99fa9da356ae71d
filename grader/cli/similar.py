"""`grader similar`: answers that are suspiciously alike."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from grader.cli.base import CourseDir, WorkDir, console, errors
from grader.course.discovery import find_course
from grader.course.text import clean, percent, plural


def command(
    week: Annotated[str, typer.Argument(help="A week by number or name.")],
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Show answers that are suspiciously alike, side by side, for a person to judge. It changes no grade.

    Every two students are compared by syntax tree; what the release holds, and what many wrote, does not count.

    Example: [bold]grader similar week01[/]
    """
    from grader.cli.progress import each
    from grader.reporting import similarity

    here = find_course(course, work)
    which = here.week(week)
    out = console()

    found = similarity.find(here, which, lambda names: each(names, "Reading"))
    path = similarity.write(here, which, found)
    for pair in found.pairs:
        names, titles = " and ".join(pair.students), ", ".join(match.title for match in pair.matches)
        out.print(Text(clean(f"{names}: {percent(pair.overlap)} shared; {titles}")), soft_wrap=True)
    for student, lines in found.flags.items():
        for line in lines:
            out.print(Text(clean(f"{student}: {line}")), soft_wrap=True)
    for line in found.left_out:
        errors().print(Text(clean(f"not compared: {line}"), "yellow"))
    out.print(
        f"{plural(len(found.pairs), 'pair')} to look at, of {plural(len(found.students), 'student')}. "
        "This is for a person to judge, and it is no verdict."
    )
    out.print(Text(f"page       {path}"), soft_wrap=True)
