"""Rebuild a submission on the released notebook, so that what is run and scored has the course's own frame.

Order, text, locked cells, ids and all metadata come from the release. From the submission come the sources of answers
and of ordinary code cells, and the cells a student added, each after the cell it followed. A released cell is found
again by nbgrader's grade_id, else by cell id, else by its exact text, else by what it defines or resembles between its
neighbours, else by being alone between them.
"""

from __future__ import annotations

import bisect
import copy
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import nbformat
from nbformat import NotebookNode

from grader.course.questions import grade_id, is_answer, is_check, nbgrader
from grader.submissions.cell_source import added_imports
from grader.submissions.loading import NotGradable
from grader.submissions.matching import Matching, is_exercise, is_open, match, same_source

MEANS = {
    "id": "had lost its metadata; found by its cell id",
    "text": "had lost its metadata; found by its text",
    "content": "was not in a cell of its name; found by its content",
    "place": "was not in a cell of its name; found by its place",
}


@dataclass(frozen=True)
class Reconciled:
    """The notebook to run, and in plain words what had to be put right."""

    notebook: NotebookNode
    repairs: list[str] = field(default_factory=list)


def reconcile(
    submitted: NotebookNode, released: NotebookNode, others: Mapping[str, NotebookNode] | None = None
) -> Reconciled:
    """Rebuild `submitted` (of `loading.load`) on `released`.

    others: {title: released notebook} of the other weeks, to name the one that was handed in by mistake.
    Raises NotGradable where the notebook is another week's, or holds none of this week's exercises.
    """
    found = match(submitted.cells, released.cells)
    _refuse_another_week(submitted, released, others or {}, found)
    return Reconciled(_rebuild(found, released), _repairs(found))


def _refuse_another_week(
    submitted: NotebookNode, released: NotebookNode, others: Mapping[str, NotebookNode], found: Matching
) -> None:
    ours = _affinity(submitted, released)
    closest = max(others, key=lambda title: _affinity(submitted, others[title]), default=None)
    if closest is not None and _affinity(submitted, others[closest]) > ours:
        raise NotGradable(f"This is the notebook of {closest}, handed in for another. Hand in the right one.")
    answers = [i for i, cell in enumerate(released.cells) if is_answer(cell)]
    if answers and ours == 0 and not any(found.how.get(i) in ("grade_id", "id", "text", "content") for i in answers):
        raise NotGradable(
            "None of this week's exercises is in this notebook, so it seems to be another one. "
            "Hand in the week's own notebook with your answers in it."
        )


def _affinity(submitted: NotebookNode, released: NotebookNode) -> int:
    """How many cells of a submission carry the ids or the check lines of a released notebook."""
    ids = {grade_id(cell) for cell in released.cells} - {None}
    checks = {cell.source.strip() for cell in released.cells if is_check(cell)}
    return sum(cell.metadata.get("grade_id") in ids or cell.source.strip() in checks for cell in submitted.cells)


def _rebuild(found: Matching, released: NotebookNode) -> NotebookNode:
    anchors, added, taken = _in_order(found), set(found.left()), _ids(released)
    following: dict[int, list[NotebookNode]] = defaultdict(list)
    strays = {j for i, j in found.place.items() if j not in anchors and is_exercise(released.cells[i])}
    last, number = -1, 0
    for j, cell in enumerate(found.submitted):
        last = anchors.get(j, last)
        # an answer that had been moved also stays where it was: it may need what the student had put before it
        if j in added or (j in strays and cell.cell_type == "code"):
            following[last].append(_added(cell, number, taken))
            number += 1
    cells = list(following[-1])
    for i, cell in enumerate(released.cells):
        cell, kept = copy.deepcopy(cell), []
        if i in found.place:
            theirs = found.submitted[found.place[i]]
            if is_open(cell):
                cell.source = found.source(i)
                if cell.cell_type == "markdown" and "attachments" in theirs:
                    cell["attachments"] = copy.deepcopy(theirs["attachments"])
            elif cell.cell_type == theirs.cell_type == "code" and (
                imports := added_imports(theirs.source, cell.source)
            ):
                kept = [_added(nbformat.v4.new_code_cell(imports), number, taken)]
                number += 1
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cells += [cell, *kept, *following[i]]
    rebuilt = {**copy.deepcopy(released), "cells": cells, "nbformat": 4, "nbformat_minor": 5}
    made: NotebookNode = nbformat.from_dict(rebuilt)
    return made


def _added(cell: NotebookNode, number: int, taken: set[str]) -> NotebookNode:
    name = f"added-{number}"
    while name in taken:
        name += "x"
    new: NotebookNode
    if cell.cell_type == "code":
        new = nbformat.v4.new_code_cell(cell.source, id=name)
    else:
        new = nbformat.v4.new_markdown_cell(cell.source, id=name)
    if "attachments" in cell:
        new["attachments"] = copy.deepcopy(cell["attachments"])
    return new


def _ids(notebook: NotebookNode) -> set[str]:
    return {cell.get("id", "") for cell in notebook.cells}


def _in_order(found: Matching) -> dict[int, int]:
    """{submitted index: released index} of the most cells that stand in the released order.

    The longest increasing subsequence, by patience sorting: Schensted (1961), "Longest increasing and decreasing
    subsequences".
    """
    pairs = sorted((j, i) for i, j in found.place.items())
    ends: list[int] = []  # the least released index that ends a run of each length,
    last: list[int] = []  # and which pair that is
    before: list[int | None] = []
    for n, (_, i) in enumerate(pairs):
        length = bisect.bisect_left(ends, i)
        before.append(last[length - 1] if length else None)
        ends[length : length + 1], last[length : length + 1] = [i], [n]
    ordered: dict[int, int] = {}
    at = last[-1] if last else None
    while at is not None:
        j, i = pairs[at]
        ordered[j] = max(i, ordered.get(j, i))
        at = before[at]
    return ordered


def _repairs(found: Matching) -> list[str]:
    """What differs from a notebook that was merely filled in."""
    lines = []
    relevant = [i for i, cell in enumerate(found.released) if nbgrader(cell)]
    strayed = [i for i in relevant if found.how.get(i, "grade_id") != "grade_id"]
    if len(strayed) > 4:
        lines.append(f"{len(strayed)} cells had lost nbgrader's metadata; they were found by id, text or place")
    else:
        lines += [f"{_name(found.released[i])} {MEANS[found.how[i]]}" for i in strayed]
    lines += [f"{name} was there more than once; what comes last counts" for name in found.copies]
    for i, cell in enumerate(found.released):
        there = found.submitted[found.place[i]] if i in found.place else None
        if there is None and (nbgrader(cell) or cell.cell_type == "code"):
            lines.append(f"{_name(cell)} was missing; put back as released")
        elif there is not None and there.cell_type != cell.cell_type:
            lines.append(f"{_name(cell)} had become a {there.cell_type} cell; made {cell.cell_type} again")
        elif there is not None and cell.cell_type == "code" and not is_open(cell) and not same_source(there, cell):
            lines.append(f"{_name(cell)} had been edited; put back as released")
        if i in found.text:
            lines.append(f"{_name(cell)} shared a cell with something else, or was in several; put together")
    order = [found.place[i] for i in sorted(found.place)]
    if order != sorted(order):
        lines.append("cells had been moved; the released order is used")
    return lines


def _name(cell: NotebookNode) -> str:
    if name := grade_id(cell):
        return name
    first = next((line for line in cell.source.splitlines() if line.strip()), "")
    return f"the cell {first[:40]!r}"
