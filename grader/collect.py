"""From what an LMS or a shared folder gives to submitted/<student>/<week>/<week>.ipynb.

Nothing is ever unpacked to a path that an archive names: a name only says whose a file is, and where that is not clear
the file is listed and left alone. `grader collect` is `command`.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from grader import names, pages
from grader.cli_base import CourseDir, WorkDir
from grader.course import Course, CourseError, Week
from grader.records import write_atomically
from grader.sources import Entry, Refused, entries
from grader.submission import named_in
from grader.whose import NUMBERED, Claim, Roster, around, whose

Status = Literal["collected", "replaced", "already there", "older", "not replaced", "unclear", "refused", "missing"]
IN_ORDER = ("collected", "replaced", "already there", "older")


@dataclass(frozen=True)
class Row:
    """What became of one file. file: its path in the source.  student: "" where that is not clear."""

    file: str
    student: str
    status: Status
    note: str = ""


def collect(
    course: Course,
    week: Week,
    source: Path,
    roster: Path | None = None,
    replacing: bool = False,
    dry_run: bool = False,
) -> list[Row]:
    """Put each student's notebook of a folder or zip where grading looks for it, and say what became of each file.

    roster: a CSV of the class, see `Roster`.   replacing: also where another file is there, which is kept in replaced/.
    Raises CourseError where source or roster cannot be read at all.
    """
    submitted = course.work / "submitted"
    if source.resolve() == submitted.resolve():
        raise CourseError(f"{submitted} is where submissions belong: there is nothing to collect")
    class_list = Roster.read(roster) if roster else None
    with contextlib.ExitStack() as stack:
        return _collect(course, week, list(entries(source, stack)), class_list, replacing, dry_run)


def _collect(
    course: Course,
    week: Week,
    files: list[tuple[Entry, str]],
    roster: Roster | None,
    replacing: bool,
    dry_run: bool,
) -> list[Row]:
    rows, of_student = [], defaultdict(list)
    outside = around([entry.path for entry, why in files if not why])
    for entry, why in files:
        claim, unclear = whose(_as_notebook(entry.path[outside:]), week, roster)
        if why:
            theirs = claim.student if claim and not entry.name.lower().endswith(".ipynb") else ""
            rows.append(Row(entry.name, theirs, "refused", why))
            continue
        if claim is None:
            rows.append(Row(entry.name, "", "unclear", unclear))
        else:
            of_student[claim.student].append((entry, claim))
    taken = _alike([*of_student, *_present(course.work / "submitted")])
    for student, theirs in of_student.items():
        if rivals := [name for name in taken[names.key(student)] if name != student]:
            note = f"{student} and {rivals[0]} cannot be told apart in file names; name them in a roster"
            rows += [Row(entry.name, student, "unclear", note) for entry, _ in theirs]
        else:
            rows += _take(course, week, student, theirs, replacing, dry_run)
    if roster:
        found = {row.student for row in rows}
        rows += [Row("", name, "missing", "nothing in this source") for name in roster.students if name not in found]
    return sorted(rows, key=lambda row: (row.status in IN_ORDER, row.student, row.file))


def _as_notebook(path: tuple[str, ...]) -> tuple[str, ...]:
    """Where a student's notebook would be in place of this file: it says whose an essay is, or a zip."""
    *folders, file = path or ("",)
    return (*folders, file if file.lower().endswith(".ipynb") else f"{Path(file).stem}.ipynb")


def _present(submitted: Path) -> list[str]:
    return [path.name for path in submitted.iterdir() if path.is_dir()] if submitted.is_dir() else []


def _alike(students: list[str]) -> dict[str, set[str]]:
    """Names by what makes them the same on some file systems."""
    found = defaultdict(set)
    for name in students:
        found[names.key(name)].add(name)
    return found


def _take(
    course: Course, week: Week, student: str, files: list[tuple[Entry, Claim]], replacing: bool, dry_run: bool
) -> list[Row]:
    """Choose a student's file, of several notebooks one for each, and write it."""
    rows, readable, chosen = [], defaultdict(list), {}
    for entry, claim in files:
        one = _stands_for(week, claim.file)
        if one is None:
            why = f"its name is that of none of the notebooks: {', '.join(week.parts)}"
            rows.append(Row(entry.name, student, "unclear", why))
            continue
        try:
            readable[one].append(_File(entry, claim, hashlib.sha256(entry.read()).digest()))
        except Refused as error:
            rows.append(Row(entry.name, student, "refused", str(error)))
    for one, found in readable.items():
        newest = _newest(found, one)
        if newest is None:
            listed = " and ".join(file.entry.name for file in found)
            why = f"several files, and nothing says which is the newest: {listed}"
            rows += [Row(file.entry.name, student, "unclear", why) for file in found]
        else:
            chosen[one] = newest
            note = f"taken instead: {newest.entry.name}"
            rows += [Row(file.entry.name, student, "older", note) for file in found if file is not newest]
    when = max((file.claim.when for file in chosen.values()), default="")  # nbgrader has one time for all of them
    for one, file in chosen.items():
        status, note = _write(course, one, student, file.entry.read(), when, replacing, dry_run)
        rows.append(Row(file.entry.name, student, status, note))
    return rows


def _stands_for(week: Week, file: str) -> Week | None:
    """The week, or the one of its several notebooks that a file's name speaks of."""
    if not week.parts:
        return week
    return next((one for one in week.notebooks if one.notebook == named_in(file, week.parts)), None)


@dataclass(frozen=True)
class _File:
    """One of a student's files. digest: of its content."""

    entry: Entry
    claim: Claim
    digest: bytes


def _newest(files: list[_File], week: Week) -> _File | None:
    """The one that counts: called as the week is, and of those the newest by the LMS's own marker. None if unclear."""
    named = [file for file in files if _base(file.claim.file) in (week.slug, week.stem.lower())] or files
    if all(file.claim.order is not None for file in named) and len({_base(file.claim.file) for file in named}) == 1:
        newest = max(file.claim.order for file in named)
        named = [file for file in named if file.claim.order == newest]
    return named[0] if len({file.digest for file in named}) == 1 else None


def _base(file: str) -> str:
    """A file's name without its ending, and without the number of a second file of that name."""
    return NUMBERED.sub("", file[: -len(".ipynb")] if file.lower().endswith(".ipynb") else file).strip().lower()


def _write(
    course: Course, week: Week, student: str, content: bytes, when: str, replacing: bool, dry_run: bool
) -> tuple[Status, str]:
    path = course.submission(week, student)
    status: Status = "collected"
    if path.is_symlink() or path.parent.is_symlink() or path.parent.parent.is_symlink():
        return "refused", f"{path} is a link, or in a folder that is one"
    if path.exists():
        if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
            return "already there", ""
        if not replacing:
            return "not replaced", "another file is there; --replace takes this one, and keeps that one in replaced/"
        status = "replaced"
    if dry_run:
        return status, "dry run: nothing written"
    note = ""
    if status == "replaced":
        aside = course.work / "replaced" / student / week.name / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S-%f}.ipynb"
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, aside)
        note = f"the other is kept as {aside.relative_to(course.work)}"
    write_atomically(path, content)
    stamp = path.parent / "timestamp.txt"
    if when:
        write_atomically(stamp, when.encode())
    else:
        stamp.unlink(missing_ok=True)  # it was the other file's
    return status, note


# --- the command ------------------------------------------------------------------------------------------------------

COLOURS = {"collected": "green", "replaced": "green", "already there": "dim", "older": "dim", "missing": "yellow"}


def table(rows: list[Row]) -> Table:
    """What became of each file, what needs a person first."""
    shown = Table(box=None, padding=(0, 1), header_style="dim")
    for column in ("student", "file", "", ""):
        shown.add_column(column, overflow="fold")
    for row in rows:
        cells = [row.student, row.file, row.status, row.note]
        style = COLOURS.get(row.status, "red")
        shown.add_row(*(Text(_shown(text), style if n == 2 else "") for n, text in enumerate(cells)))
    return shown


def _shown(text: str) -> str:
    """Text from a file name, for a terminal: no control characters, no bytes that are no text, not endless."""
    return pages.clean(text.encode("utf-8", "replace").decode()).replace("\n", " ")[:300]


def command(
    week: Annotated[str, typer.Argument(help="A week by number or name.")],
    source: Annotated[Path, typer.Argument(help="A folder of notebooks, or the zip an LMS gives.")],
    roster: Annotated[Path | None, typer.Option(help="A CSV of the class: ids, and names or addresses.")] = None,
    replacing: Annotated[bool, typer.Option("--replace", help="Also where another file is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False,
    course: CourseDir = None,
    work: WorkDir = None,
) -> None:
    """Collect what was handed in into submitted/: from Canvas, Moodle, Blackboard, Google Classroom or a folder.

    Whose a file is must be clear from its name, its folder or the roster; what is not clear is listed and left alone.
    Exit code 1 where something needs a look.

    Example: [bold]grader collect week01 submissions.zip --roster class.csv[/]
    """
    from grader.progress import console

    here = Course.find(course, work)
    rows = collect(here, here.week(week), source, roster, replacing, dry_run)
    out = console()
    if not rows:
        out.print("There is no notebook in it.")
        raise typer.Exit(1)
    out.print(table(rows))
    counted = Counter(row.status for row in rows)
    out.print("\n" + ", ".join(f"{count} {status}" for status, count in counted.items()) + ".")
    if any(row.status not in (*IN_ORDER, "missing") for row in rows):
        raise typer.Exit(1)
