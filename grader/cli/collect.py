"""`grader collect`: what was collected, as a table."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from grader.cli.base import CourseDir, WorkDir, console
from grader.course.discovery import find_course
from grader.course.text import clean, printable

if TYPE_CHECKING:
    from grader.submissions.collect import Row

# --- the command ------------------------------------------------------------------------------------------------------

COLOURS = {"collected": "green", "replaced": "green", "missing": "yellow"}
COLOURS |= dict.fromkeys(("already there", "older", "left out"), "dim")
FEW = 3  # files that are left out for one reason are listed one by one, up to so many


def table(rows: list[Row]) -> Table:
    """What became of each file, what needs a person first."""
    shown = Table(box=None, padding=(0, 1), header_style="dim")
    for column in ("student", "file", "", ""):
        shown.add_column(column, overflow="fold")
    for row in _folded(rows):
        cells = [row.student, row.file, row.status, row.note]
        style = COLOURS.get(row.status, "red")
        shown.add_row(*(Text(_shown(text), style if n == 2 else "") for n, text in enumerate(cells)))
    return shown


def _folded(rows: list[Row]) -> list[Row]:
    """The rows, with what a system leaves beside files by the hundred in one row."""
    from grader.submissions.collect import Row

    of_note = defaultdict(list)
    for row in rows:
        if row.status == "left out" and not row.student:
            of_note[row.note].append(row)
    many = {note: found for note, found in of_note.items() if len(found) > FEW}
    kept = [row for row in rows if row.status != "left out" or row.student or row.note not in many]
    return kept + [
        Row(f"{found[0].file} and {len(found) - 1} more", "", "left out", note) for note, found in many.items()
    ]


def _shown(text: str) -> str:
    """Text from a file name, for a terminal: no control characters, no bytes that are no text, not endless."""
    return str(clean(printable(text))).replace("\n", " ")[:300]


def command(
    week: Annotated[str, typer.Argument(help="A week by number or name.")],
    source: Annotated[Path, typer.Argument(help="A folder of notebooks, or the zip an LMS gives.")],
    roster: Annotated[Path | None, typer.Option(help="A CSV of the class: ids, and names or addresses.")] = None,
    replacing: Annotated[bool, typer.Option("--replace", help="Also where another file is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Collect what was handed in into submitted/, from the zip of an LMS or from a folder.

    Whose a file is must be clear from its name, its folder or the roster; what is not clear is listed and left alone.
    Exit code 1 where something needs a look.

    Example: [bold]grader collect week01 submissions.zip --roster class.csv[/]
    """
    from grader.submissions.collect import IN_ORDER, collect

    here = find_course(course, work)
    rows = collect(here, here.week(week), source, roster, replacing, dry_run)
    out = console()
    if rows:
        out.print(table(rows))
    if all(row.status in ("left out", "missing") for row in rows):
        out.print("There is no notebook in it.")
        raise typer.Exit(1)
    counted = Counter(row.status for row in rows)
    out.print("\n" + ", ".join(f"{count} {status}" for status, count in counted.items()) + ".")
    if any(row.status not in (*IN_ORDER, "missing") for row in rows):
        raise typer.Exit(1)
