"""Answers and cells of the toy notebook, and what is flagged in them."""

from __future__ import annotations

import copy

from grader.analysis.introspection import flags
from grader.course.questions import grade_id
from support.toy import code, toy_notebook


def found(answer: str = "", *cells: str, name: str = "double") -> list[str]:
    """What is flagged where this answers `double`, with these cells of the student's own before it."""
    released = toy_notebook()
    notebook = copy.deepcopy(released)
    place = next(i for i, cell in enumerate(notebook.cells) if grade_id(cell) == name)
    if answer:
        notebook.cells[place].source = answer
    notebook.cells[place:place] = [code(source, f"own-{i}") for i, source in enumerate(cells)]
    return flags(notebook, released, "toy_lab")


def function(body: str, head: str = "") -> str:
    """An answer with this body."""
    lines = "\n".join("    " + line for line in body.splitlines())
    return f"{head}\ndef double(n):\n{lines}\n    return 2 * n\n"
