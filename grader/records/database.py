"""The file gradebook.db: whether it is sound, and reading it without nbgrader."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from grader.course.syllabus import Course, CourseError


class GradebookError(CourseError):
    """The gradebook cannot be read or written. The text says why and what to do; the records are not concerned."""


def url(course: Course) -> str:
    """As SQLAlchemy and nbgrader name it."""
    return f"sqlite:///{course.gradebook}"


def enrolled(course: Course) -> list[str]:
    """Ids of the students in the gradebook, sorted; none where there is no gradebook yet. Raises GradebookError."""
    if not course.gradebook.is_file():
        return []
    if damage(course.gradebook):
        raise GradebookError(damaged(course))
    with reading(course) as book:
        book.execute("SELECT 1 FROM base_cell, source_cell, task_cells LIMIT 0")
        return sorted({row[0] for row in book.execute("SELECT id FROM student")} - course.excluded)


def damage(path: Path) -> str:
    """What is wrong with a gradebook's file, in sqlite's words; "" where it is sound, or there is none."""
    if not path.is_file():
        return ""
    try:
        with contextlib.closing(sqlite3.connect(path)) as book:
            found: str = book.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                return found
            tables = {name for (name,) in book.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return "" if {"student", "grade", "comment"} <= tables else "it is no gradebook of nbgrader's"
    except sqlite3.OperationalError as error:
        raise GradebookError(f"{path} cannot be read: {error}") from None
    except sqlite3.DatabaseError as error:
        return str(error)


def damaged(course: Course) -> str:
    """What to say of a gradebook that `damage` finds something wrong with."""
    return (
        f"{course.gradebook} is damaged ({damage(course.gradebook)}). It is set aside and made anew from the records, "
        "with the manual grades that can still be read, by: grader rebuild"
    )


@contextlib.contextmanager
def reading(course: Course) -> Iterator[sqlite3.Connection]:
    """The gradebook, open to be read; whatever goes wrong meanwhile is a GradebookError that says what to do."""
    try:
        with contextlib.closing(sqlite3.connect(course.gradebook)) as book:
            yield book
    except sqlite3.Error as error:
        raise GradebookError(f"{course.gradebook} cannot be read: {error}{upgrade_hint(str(error))}") from None


def upgrade_hint(reason: str) -> str:
    """What to do, where the reason is that another version of nbgrader made the gradebook; else ""."""
    if not reason.startswith(("no such table", "no such column")):
        return ""
    return ". An older nbgrader made it: keep a copy, then run `nbgrader db upgrade` in the course's folder"
