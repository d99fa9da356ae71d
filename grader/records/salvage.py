"""What people entered in a gradebook whose file is damaged: read as far as it goes, and put into a new one."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.course.syllabus import Course
from grader.records import kept

TABLES = (
    *("student", "assignment", "notebook", "base_cell", "submitted_assignment", "submitted_notebook"),
    *("grade", "comment", "crossmodal_kept"),
)


@dataclass(frozen=True)
class Salvaged:
    """What people entered in a gradebook, as far as it can still be read. Keys of rows as sqlite has the columns.

    students, assignments: rows.  grades, comments: rows with "assignment", "student" and "cell" (names), and with
    "notebook", which is None where it cannot be read.
    """

    students: list[dict[str, Any]] = field(default_factory=list)
    assignments: list[dict[str, Any]] = field(default_factory=list)
    grades: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)


def set_aside(path: Path) -> Path:
    """Rename a gradebook, and what sqlite keeps beside it, to the next free `.damaged-N`. Nothing is ever deleted."""
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    aside = path.with_name(f"{path.name}.damaged-{number}")
    path.rename(aside)
    for suffix in ("-journal", "-wal"):  # of another database they would be taken for the new one's
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def read(path: Path) -> Salvaged:
    """What can still be read of it in a damaged gradebook. Never raises for what the file holds."""
    tables = {name: _salvage(path, name) for name in TABLES}
    by_id = {name: {row.get("id"): row for row in rows} for name, rows in tables.items()}

    def place(row: dict[str, Any]) -> dict[str, Any] | None:
        notebook = by_id["submitted_notebook"].get(row.get("notebook_id"), {})
        submission = by_id["submitted_assignment"].get(notebook.get("assignment_id"), {})
        assignment = by_id["assignment"].get(submission.get("assignment_id"), {})
        cell = by_id["base_cell"].get(row.get("cell_id"), {})
        names = {
            "assignment": assignment.get("name"),
            "student": submission.get("student_id"),
            "cell": cell.get("name"),
        }
        if not all(isinstance(name, str) for name in names.values()):
            return None
        return {**row, **names, "notebook": by_id["notebook"].get(notebook.get("notebook_id"), {}).get("name")}

    def graded(row: dict[str, Any]) -> bool:
        return any(isinstance(row.get(name), int | float) for name in ("manual_score", "extra_credit"))

    placed = ("assignment", "student", "cell")
    aside = [row for row in tables["crossmodal_kept"] if all(isinstance(row.get(name), str) for name in placed)]
    grades = [found for row in tables["grade"] if graded(row) and (found := place(row))]
    comments = [found for row in tables["comment"] if row.get("manual_comment") and (found := place(row))]
    return Salvaged(
        students=[row for row in tables["student"] if isinstance(row.get("id"), str)],
        assignments=[row for row in tables["assignment"] if isinstance(row.get("name"), str)],
        grades=grades + [row for row in aside if graded(row)],
        comments=comments + [row for row in aside if row.get("manual_comment")],
    )


def _salvage(path: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table from its beginning to the first that cannot be read, and from its end likewise."""
    rows: dict[Any, dict[str, Any]] = {}
    for order in ("", " DESC"):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(_unchanging(path)) as book:
            cursor = book.execute(f"SELECT rowid AS place, * FROM {table} ORDER BY rowid{order}")
            names = [column[0] for column in cursor.description]
            for row in cursor:  # one by one: what came before the damage is kept
                rows[row[0]] = dict(zip(names[1:], row[1:], strict=True))
    return [rows[place] for place in sorted(rows)]


def _unchanging(path: Path) -> sqlite3.Connection:
    book = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    book.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return book


def restore(course: Course, found: Salvaged) -> list[str]:
    """Put back what people entered. Returns what found no place, and is kept in the gradebook, a line each."""
    with contextlib.closing(sqlite3.connect(course.gradebook)) as book, book:
        for row in found.students:
            book.execute("INSERT OR IGNORE INTO student (id) VALUES (?)", [row["id"]])
            _update(book, "student", row["id"], row, ("first_name", "last_name", "email", "lms_user_id"))
        for row in found.assignments:
            for (key,) in book.execute("SELECT id FROM assignment WHERE name = ?", [row["name"]]).fetchall():
                _update(book, "assignment", key, row, ("duedate",))
        for table, rows in (("grade", found.grades), ("comment", found.comments)):
            kept.add(book, [{name: row.get(name) for name in (*kept.NAMES, *kept.ENTRIES[table])} for row in rows])
        kept.put_back(book, {})
        return kept.listed(book)


def _update(book: sqlite3.Connection, table: str, key: str, row: dict[str, Any], columns: tuple[str, ...]) -> None:
    for column in columns:
        if row.get(column) is not None:
            book.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", [row[column], key])
