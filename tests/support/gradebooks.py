"""What is in a gradebook, what people enter there, and what befalls its file."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from grader.records import database

ZERO = "c = get_config()\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"


TABLES = {
    "grade": "SELECT s.student_id, c.name, t.auto_score, t.manual_score, t.extra_credit, t.needs_manual_grade "
    "FROM grade t JOIN base_cell c ON c.id = t.cell_id JOIN submitted_notebook n ON n.id = t.notebook_id "
    "JOIN submitted_assignment s ON s.id = n.assignment_id",
    "comment": "SELECT s.student_id, c.name, t.auto_comment, t.manual_comment FROM comment t "
    "JOIN base_cell c ON c.id = t.cell_id JOIN submitted_notebook n ON n.id = t.notebook_id "
    "JOIN submitted_assignment s ON s.id = n.assignment_id",
    "submission": "SELECT s.student_id, s.timestamp, n.late_submission_penalty, n.flagged FROM submitted_assignment s "
    "JOIN submitted_notebook n ON n.assignment_id = s.id",
    "student": "SELECT id FROM student",
}


def content(path) -> dict[str, list]:
    with closing(sqlite3.connect(path)) as book:
        return {name: sorted(book.execute(query), key=repr) for name, query in TABLES.items()}


def run(path, sql, *values):
    with closing(sqlite3.connect(path)) as book, book:
        changed = book.execute(sql, values).rowcount
    assert changed > 0


def enter(path, student):
    """A person grades the text, adds a point and writes a comment."""
    one = (
        "(SELECT n.id FROM submitted_notebook n JOIN submitted_assignment s ON s.id = n.assignment_id "
        "WHERE s.student_id = ?)"
    )
    cell = "(SELECT id FROM base_cell WHERE name = ? AND type = ?)"
    run(
        path,
        "UPDATE grade SET manual_score = 1.25, extra_credit = 0.5, needs_manual_grade = 0 "
        f"WHERE notebook_id = {one} AND cell_id = {cell}",
        *(student, "why", "GradeCell"),
    )
    run(
        path,
        f"UPDATE comment SET manual_comment = 'Well said.' WHERE notebook_id = {one} AND cell_id = {cell}",
        *(student, "why", "SolutionCell"),
    )


def damage(path, how):
    raw = path.read_bytes()
    path.write_bytes({"garbage": b"not a database, " * 1000, "truncated": raw[: len(raw) * 2 // 3], "empty": b""}[how])


def overwrite_index(path, table):
    with closing(sqlite3.connect(path)) as book:
        (size,) = book.execute("PRAGMA page_size").fetchone()
        found = book.execute("SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", [table])
        pages = [page for (page,) in found]
    raw = bytearray(path.read_bytes())
    for page in pages:
        raw[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(raw)
    assert database.damage(path)
