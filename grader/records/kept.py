"""Keeps what people entered in a gradebook when its questions change.

nbgrader refuses to change the cells of an assignment that has submissions, and removing the assignment would remove
what people entered. So cells are renamed, added and removed in place. The manual scores, extra credit and comments of a
cell that is gone move to a table of our own, `crossmodal_kept`, until there is a cell of that name again. A second
table, `crossmodal_cells`, describes a question by more than its name, so that a renamed one is recognised.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from nbformat import NotebookNode

ENTRIES = {  # what people enter, by table
    "grade": ("manual_score", "extra_credit", "needs_manual_grade"),
    "comment": ("manual_comment",),
}
NAMES = ("assignment", "notebook", "student", "cell", "submission")
ROWS = {"GradeCell": "grade_cells", "SolutionCell": "solution_cells", "TaskCell": "task_cells"}  # beside base_cell's
TABLES = (
    "CREATE TABLE IF NOT EXISTS crossmodal_kept (assignment TEXT, notebook TEXT, student TEXT, cell TEXT, "
    "manual_score REAL, extra_credit REAL, needs_manual_grade BOOLEAN, manual_comment TEXT, submission TEXT)",
    "CREATE TABLE IF NOT EXISTS crossmodal_cells (assignment TEXT, notebook TEXT, cell TEXT, id TEXT, place TEXT)",
)
# of every grade or comment: where it is, by names
PLACES = (
    "FROM {table} t JOIN base_cell c ON c.id = t.cell_id JOIN submitted_notebook n ON n.id = t.notebook_id "
    "JOIN notebook b ON b.id = n.notebook_id JOIN submitted_assignment s ON s.id = n.assignment_id "
    "JOIN assignment a ON a.id = s.assignment_id "
)


class Cell(NamedTuple):
    """A cell of nbgrader's. kinds: types of its rows in base_cell.   id: nbformat's, or "".   place: below which text
    it stands, or a hash of its own text where there is none."""

    kinds: frozenset[str]
    id: str
    place: str


def cells_of(notebook: NotebookNode) -> dict[str, Cell]:
    """The cells of a released notebook that a gradebook knows, by name."""
    from nbgrader import utils

    found, text, number = {}, "", 0
    for cell in notebook.cells:
        is_kind = {
            "GradeCell": utils.is_grade(cell),
            "SolutionCell": utils.is_solution(cell),
            "TaskCell": utils.is_task(cell),
        }
        kinds = frozenset(kind for kind, it_is in is_kind.items() if it_is)
        if not kinds and cell.cell_type == "markdown":
            text, number = cell.source, 0
        if not (kinds or utils.is_locked(cell)):
            continue
        name = cell.metadata.nbgrader["grade_id"]
        number += bool(kinds)
        own = "" if text and "TaskCell" not in kinds else cell.source.replace(name, "")
        place = repr((text, own, number, cell.cell_type))
        found[name] = Cell(kinds, cell.get("id", ""), hashlib.sha256(place.encode("utf-8", "replace")).hexdigest())
    return found


def make_way(book: sqlite3.Connection, assignment: str, wanted: Mapping[str, Mapping[str, Cell]]) -> None:
    """Remove from an assignment every notebook and cell but the wanted ones, {notebook: {cell: what it is}}.

    One that has another name now is renamed. What people entered for one that is gone is kept. Adding new ones is left
    to nbgrader. The caller commits.
    """
    for table in TABLES:
        book.execute(table)
    (owner,) = book.execute("SELECT id FROM assignment WHERE name = ?", [assignment]).fetchone()
    there = dict(book.execute("SELECT name, id FROM notebook WHERE assignment_id = ?", [owner]))
    for gone in [name for name in there if name not in wanted]:
        old = {name for (name,) in book.execute("SELECT name FROM base_cell WHERE notebook_id = ?", [there[gone]])}
        alike = [name for name, cells in wanted.items() if name not in there and old and old <= {*cells}]
        key = there.pop(gone)
        if len(alike) == 1:
            there[alike[0]] = key
            book.execute("UPDATE notebook SET name = ? WHERE id = ?", [alike[0], key])
            for table in ("crossmodal_cells", "crossmodal_kept"):
                sql = f"UPDATE {table} SET notebook = ? WHERE assignment = ? AND notebook = ?"
                book.execute(sql, [alike[0], assignment, gone])
        else:
            _keep_but(book, key, {})
            book.execute("DELETE FROM source_cell WHERE notebook_id = ?", [key])
            book.execute("DELETE FROM submitted_notebook WHERE notebook_id = ?", [key])
            book.execute("DELETE FROM notebook WHERE id = ?", [key])
    for name, key in there.items():
        _rename(book, assignment, name, key, wanted[name])
        _keep_but(book, key, wanted[name])
        names = [old for (old,) in book.execute("SELECT name FROM source_cell WHERE notebook_id = ?", [key])]
        gone = [[key, old] for old in names if old not in wanted[name]]
        book.executemany("DELETE FROM source_cell WHERE notebook_id = ? AND name = ?", gone)


def _rename(book: sqlite3.Connection, assignment: str, notebook: str, key: str, wanted: Mapping[str, Cell]) -> None:
    """Rename cells that have another name now: they are recognised by their id, else by their place."""
    rows = book.execute("SELECT name, type FROM base_cell WHERE notebook_id = ?", [key]).fetchall()
    kinds = {name: frozenset(kind for other, kind in rows if other == name) for name, _ in rows}
    known = book.execute(
        "SELECT cell, id, place FROM crossmodal_cells WHERE assignment = ? AND notebook = ?", [assignment, notebook]
    )
    gone = {name: Cell(kinds[name], *rest) for name, *rest in known if name in kinds and name not in wanted}
    new = {name: cell for name, cell in wanted.items() if name not in kinds and cell.kinds}
    for same in (_same_id, _same_place):
        for old, cell in list(gone.items()):
            found = [name for name, other in new.items() if cell.kinds == other.kinds and same(cell, other)]
            if len(found) != 1:
                continue
            for table in ("base_cell", "source_cell"):
                sql = f"UPDATE {table} SET name = ? WHERE notebook_id = ? AND name = ?"
                book.execute(sql, [found[0], key, old])
            del gone[old], new[found[0]]


def _same_id(one: Cell, other: Cell) -> bool:
    return bool(one.id) and one.id == other.id


def _same_place(one: Cell, other: Cell) -> bool:
    return one.place == other.place


def _keep_but(book: sqlite3.Connection, key: str, wanted: Mapping[str, Cell]) -> None:
    """Remove all cells of a notebook but the wanted ones, and keep what people entered for them."""
    rows = book.execute("SELECT id, name, type FROM base_cell WHERE notebook_id = ?", [key]).fetchall()
    for cell, name, kind in rows:
        if name in wanted and kind in wanted[name].kinds:
            continue
        for table, columns in ENTRIES.items():
            names = ", ".join(columns)
            digest = "''"
            if book.execute("SELECT 1 FROM sqlite_master WHERE name = 'crossmodal_projected'").fetchone():
                digest = "(SELECT substr(digest, 1, 16) FROM crossmodal_projected WHERE id = s.id)"
            entered = "t.manual_score IS NOT NULL OR coalesce(t.extra_credit, 0) != 0"
            entered = entered if table == "grade" else "trim(coalesce(t.manual_comment, '')) != ''"
            book.execute(
                f"INSERT INTO crossmodal_kept (assignment, notebook, student, cell, submission, {names}) "
                f"SELECT a.name, b.name, s.student_id, c.name, {digest}, {', '.join('t.' + n for n in columns)} "
                f"{PLACES.format(table=table)} WHERE c.id = ? AND ({entered})",
                [cell],
            )
            book.execute(f"DELETE FROM {table} WHERE cell_id = ?", [cell])
        book.execute(f"DELETE FROM {ROWS[kind]} WHERE id = ?", [cell])
        book.execute("DELETE FROM base_cell WHERE id = ?", [cell])


def note(book: sqlite3.Connection, assignment: str, wanted: Mapping[str, Mapping[str, Cell]]) -> None:
    """Write down each cell's id and place, by which it is recognised under another name. The caller commits."""
    for table in TABLES:
        book.execute(table)
    book.execute("DELETE FROM crossmodal_cells WHERE assignment = ?", [assignment])
    rows = [
        [assignment, notebook, name, cell.id, cell.place]
        for notebook, cells in wanted.items()
        for name, cell in cells.items()
    ]
    book.executemany("INSERT INTO crossmodal_cells VALUES (?, ?, ?, ?, ?)", rows)


def add(book: sqlite3.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep entries from elsewhere: rows as `salvage.Salvaged` has them. The caller commits."""
    for table in TABLES:
        book.execute(table)
    for row in rows:
        values = {name: row.get(name) for columns in ENTRIES.values() for name in columns}
        values |= {name: row.get(name) for name in NAMES}
        sql = f"INSERT INTO crossmodal_kept ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
        book.execute(sql, list(values.values()))


def put_back(book: sqlite3.Connection, submissions: Mapping[str, str]) -> None:
    """Put kept entries back where their cell is there again and nobody has entered anything since. The caller commits.

    submissions: {id of a submission: hash of what was handed in now}. Where that is another than when a person graded
    it, a person has to look again.
    """
    for row in _kept(book):
        table = "comment" if row["manual_comment"] is not None else "grade"
        places = book.execute(
            f"SELECT t.id, s.id, b.name, t.{', t.'.join(ENTRIES[table])} {PLACES.format(table=table)} "
            "WHERE c.name = ? AND s.student_id = ? AND a.name = ?",
            [row["cell"], row["student"], row["assignment"]],
        ).fetchall()
        places = [place for place in places if place[2] == row["notebook"]] or places
        if len(places) != 1:
            continue
        key, submission, _, *there = places[0]
        if any(value not in (None, "", 0, row[name]) for name, value in zip(ENTRIES[table][:2], there, strict=False)):
            continue
        values = {name: row[name] for name in ENTRIES[table] if row[name] is not None}
        if row["submission"] and submissions.get(submission, row["submission"]) != row["submission"]:
            values["needs_manual_grade"] = 1
        values = {name: value for name, value in values.items() if name in ENTRIES[table]}
        sets = ", ".join(f"{name} = ?" for name in values)
        book.execute(f"UPDATE {table} SET {sets} WHERE id = ?", [*values.values(), key])
        book.execute("DELETE FROM crossmodal_kept WHERE rowid = ?", [row["place"]])


def listed(book: sqlite3.Connection, assignment: str = "") -> list[str]:
    """What is kept, of an assignment or of all, one line each: "week, student, cell: 1.5 points, a comment"."""
    lines = []
    for row in _kept(book):
        if assignment not in ("", row["assignment"]):
            continue
        points = [(row["manual_score"], "points"), (row["extra_credit"], "points of extra credit")]
        what = [f"{value:g} {name}" for value, name in points if isinstance(value, int | float)]
        if row["manual_comment"]:
            what.append("a comment")
        lines.append(f"{row['assignment']}, {row['student']}, {row['cell']}: {', '.join(what)}")
    return sorted(lines)


def _kept(book: sqlite3.Connection) -> list[dict[str, Any]]:
    if not book.execute("SELECT 1 FROM sqlite_master WHERE name = 'crossmodal_kept'").fetchone():
        return []
    cursor = book.execute("SELECT rowid AS place, * FROM crossmodal_kept")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
