"""How the families change the honest notebook: an answer replaced, a cell of the student's own added."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

import nbformat
from nbformat import NotebookNode

from attacks.cases import Case, Expect, Family

FULL = {"double": 4.0, "table": 2.0, "mean": 1.5, "why": 0.0}
NONE = dict.fromkeys(FULL, 0.0)
VISIBLE = {"double": 1.0, "table": 1.0, "mean": 0.5, "why": 0.0}  # what the visible checks alone are worth
TABLE = "table = [2, 4, 6]"  # an answer that does not need that of another question

Build = Callable[[NotebookNode], NotebookNode]


def family(cases: list[Case], name: Family) -> Callable[..., Callable[[Build], Build]]:
    """A decorator for builders, that adds them to `cases`: @case("its name", points, seconds=, says=)."""

    def case(title: str, points: dict[str, float] | None = FULL, seconds: float = 30, says: str = "") -> Callable:
        def register(build: Build) -> Build:
            cases.append(Case(title, name, build, Expect("graded", points, seconds, says)))
            return build

        return register

    return case


def answer(notebook: NotebookNode, **sources: str) -> NotebookNode:
    """The notebook with these answers: answer(notebook, double="def double(n): ...")."""
    for cell in notebook.cells:
        name = cell.id.removeprefix("id-")
        if name in sources:
            cell.source = dedent(sources.pop(name)).strip()
    assert not sources
    return notebook


def cell(notebook: NotebookNode, source: str) -> NotebookNode:
    """The notebook with a code cell of the student's own, before the first answer."""
    return cell_before(notebook, "id-double", source)


def cell_before(notebook: NotebookNode, name: str, source: str) -> NotebookNode:
    """The notebook with a code cell of the student's own ahead of the one of this id."""
    at = [one.id for one in notebook.cells].index(name)
    notebook.cells.insert(at, nbformat.v4.new_code_cell(dedent(source).strip()))
    return notebook


def last_cell(notebook: NotebookNode, source: str) -> NotebookNode:
    """The notebook with a code cell of the student's own at the end, when each question was judged at its check."""
    notebook.cells.append(nbformat.v4.new_code_cell(dedent(source).strip()))
    return notebook
