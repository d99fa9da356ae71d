"""A week's questions, read from the nbgrader metadata of its notebook: the one place where points stand.

An exercise is an answer cell whose grade_id is the question's name, and a locked cell `check_<name>` that holds
`check("<name>")` and carries the points. A question graded by hand is one cell that is both answer and grade.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

CHECK = "check_"
CHECK_CALL = re.compile(r"""\s*check\(\s*(["'])[^"'\n]*\1\s*\)\s*;?\s*(#.*)?""")


@dataclass(frozen=True)
class Question:
    """name: grade_id of the answer cell.  cell: grade_id of the cell with the points.  manual: graded by a person.

    inside: judged by tests that the cell with the points holds, as in plain nbgrader, and not by checks. The name is
    that of the test then: nbgrader does not say which answers it tests.
    """

    name: str
    cell: str
    points: float
    manual: bool
    inside: bool = False


def nbgrader(cell: NotebookNode) -> dict[str, Any]:
    """A cell's nbgrader metadata; {} where it has none."""
    return cell.metadata.get("nbgrader") or {}


def grade_id(cell: NotebookNode) -> str | None:
    """What nbgrader calls a cell; None where it does not know it."""
    return nbgrader(cell).get("grade_id")


def name_of(cell: NotebookNode) -> str:
    """The `grade_id` of a cell that is a question's or an answer; "" in a notebook where somebody took it away."""
    return grade_id(cell) or ""


def is_answer(cell: NotebookNode) -> bool:
    """A cell in which a student writes an answer."""
    return bool(nbgrader(cell).get("solution"))


def is_graded(cell: NotebookNode) -> bool:
    """A locked cell that carries the points of an exercise."""
    data = nbgrader(cell)
    return cell.cell_type == "code" and bool(data.get("grade")) and not data.get("solution")


def is_check(cell: NotebookNode) -> bool:
    """A graded cell that only names checks. Grading does not execute it: the judge runs the checks."""
    return is_graded(cell) and bool(CHECK_CALL.fullmatch(cell.source))


def is_test(cell: NotebookNode) -> bool:
    """A graded cell that holds tests itself, as in plain nbgrader."""
    return is_graded(cell) and not is_check(cell)


def is_manual(cell: NotebookNode) -> bool:
    """An answer that a person grades."""
    return is_answer(cell) and bool(nbgrader(cell).get("grade"))


def is_task(cell: NotebookNode) -> bool:
    """nbgrader's task: a description that is graded by a person, whatever the student made of it around it."""
    return bool(nbgrader(cell).get("task"))


def questions_in(notebook: NotebookNode, plain: bool = False) -> list[Question]:
    """The questions of a notebook, in its order.

    plain: of a course of plain nbgrader, where a cell that calls somebody's own `check` is a test as any other.
    """
    found = []
    for cell in notebook.cells:
        data = nbgrader(cell)
        if is_check(cell) and not plain:
            found.append(
                Question(data["grade_id"].removeprefix(CHECK), data["grade_id"], float(data["points"]), manual=False)
            )
        elif is_graded(cell):
            found.append(Question(data["grade_id"], data["grade_id"], float(data["points"]), manual=False, inside=True))
        elif is_manual(cell) or is_task(cell):
            found.append(Question(data["grade_id"], data["grade_id"], float(data["points"]), manual=True))
    return found


def answers_in(notebook: NotebookNode) -> dict[str, str]:
    """{question: source of its answer cell}."""
    return {name_of(cell): cell.source for cell in notebook.cells if is_answer(cell)}


def answer_digests(notebook: NotebookNode, released: NotebookNode) -> dict[str, str]:
    """{grade_id of an answer: sha256 of its source, "" where that is as released but for white space around it}."""
    stubs = answers_in(released)
    return {
        name: "" if source.strip() == stubs.get(name, "").strip() else hashlib.sha256(source.encode()).hexdigest()
        for name, source in answers_in(notebook).items()
    }
