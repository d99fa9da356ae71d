"""Rebuild a submission on the released notebook, so that what is run and scored has the course's own frame.

Order, text, locked cells, ids and all metadata come from the release. From the submission come the sources of answers
and of ordinary code cells, and the cells a student added, each after the cell it followed. A released cell is found
again by nbgrader's grade_id, else by cell id, else by its exact text, else by what it defines or resembles between its
neighbours, else by being alone between them.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import nbformat
from nbformat import NotebookNode

from grader.questions import grade_id, is_answer, is_check, nbgrader
from grader.submission import NotGradable

ALIKE = 0.6  # difflib ratio from which two sources count as the same cell
COMPARED = 2_000  # characters of a source that are compared, and
CANDIDATES = 40  # cells one cell is compared with: comparing is quadratic, and a submission may have thousands


@dataclass(frozen=True)
class Reconciled:
    """The notebook to run, and in plain words what had to be put right."""

    notebook: NotebookNode
    repairs: list[str] = field(default_factory=list)


def reconcile(
    submitted: NotebookNode, released: NotebookNode, others: Mapping[str, NotebookNode] | None = None
) -> Reconciled:
    """Rebuild `submitted` (of `submission.load`) on `released`.

    others: {title: released notebook} of the other weeks, to name the one that was handed in by mistake.
    Raises NotGradable where the notebook is another week's, or holds none of this week's exercises.
    """
    found = _Matching(submitted.cells, released.cells)
    _refuse_another_week(submitted, released, others or {}, found)
    return Reconciled(_rebuild(found, released), found.repairs())


def _refuse_another_week(
    submitted: NotebookNode, released: NotebookNode, others: Mapping[str, NotebookNode], found: _Matching
) -> None:
    ours = _affinity(submitted, released)
    closest = max(others, key=lambda title: _affinity(submitted, others[title]), default=None)
    if closest is not None and _affinity(submitted, others[closest]) > ours:
        raise NotGradable(f"This is the notebook of {closest}, handed in for another week. Hand in this week's.")
    answers = [i for i, cell in enumerate(released.cells) if is_answer(cell)]
    if ours == 0 and not any(found.how.get(i) in ("grade_id", "id", "text", "content") for i in answers):
        raise NotGradable(
            "None of this week's exercises is in this notebook, so it seems to be another one. "
            "Hand in the week's own notebook with your answers in it."
        )


def _affinity(submitted: NotebookNode, released: NotebookNode) -> int:
    """How many cells of a submission carry the ids or the check lines of a released notebook."""
    ids = {grade_id(cell) for cell in released.cells} - {None}
    checks = {cell.source.strip() for cell in released.cells if is_check(cell)}
    return sum(cell.metadata.get("grade_id") in ids or cell.source.strip() in checks for cell in submitted.cells)


def _is_open(cell: NotebookNode) -> bool:
    """Whether a student's version of a cell counts: of answers, and of code that is neither locked nor parameters."""
    if is_answer(cell):
        return True
    data = nbgrader(cell)
    fixed = data.get("grade") or data.get("locked") or "parameters" in cell.metadata.get("tags", [])
    return cell.cell_type == "code" and not fixed


class _Matching:
    """Which submitted cell is which released one. `place`: released index -> submitted index; `how`: by what means."""

    def __init__(self, submitted: list[NotebookNode], released: list[NotebookNode]) -> None:
        self.submitted, self.released = submitted, released
        self.place: dict[int, int] = {}
        self.how: dict[int, str] = {}
        self.dropped = {i for i, cell in enumerate(submitted) if _is_tools_own(cell)}
        self.copies: list[str] = []
        self._by_grade_id()
        self._by_id()
        self._by_text()
        self._by_definitions()
        self._by_likeness()
        self._by_place()

    def left(self) -> list[int]:
        """Submitted cells that are no released cell, in order."""
        taken = set(self.place.values()) | self.dropped
        return [i for i in range(len(self.submitted)) if i not in taken]

    def lost(self) -> list[int]:
        """Released cells that were not found, in order."""
        return [i for i in range(len(self.released)) if i not in self.place]

    def _match(self, mine: int, theirs: int, how: str) -> None:
        self.place[mine], self.how[mine] = theirs, how

    def _by_grade_id(self) -> None:
        carriers = defaultdict(list)
        for i in self.left():
            if name := self.submitted[i].metadata.get("grade_id"):
                carriers[name].append(i)
        for i, cell in enumerate(self.released):
            same = carriers.get(grade_id(cell), [])
            if not same:
                continue
            answered = [j for j in same if self.submitted[j].source.strip() != cell.source.strip()]
            chosen = answered[-1] if answered and is_answer(cell) else same[-1]  # what ran last is what counts
            self._match(i, chosen, "grade_id")
            if len(same) > 1:
                self.copies.append(grade_id(cell))
                # an untouched copy would undo the answer, and a second check has nothing to say
                self.dropped.update(j for j in same if j != chosen and (j not in answered or not is_answer(cell)))

    def _by_id(self) -> None:
        known = {grade_id(cell) for cell in self.released} - {None}
        carriers = defaultdict(list)
        for j in self.left():
            if self.submitted[j].metadata.get("grade_id") not in known:
                for name in set(self.submitted[j].metadata.get("ids", [])):
                    carriers[name].append(j)
        for i in self.lost():
            cell = self.released[i]
            same = [j for j in carriers.get(cell.get("id"), []) if j not in self.place.values()]
            fits = len(same) == 1 and (is_answer(cell) or self.submitted[same[0]].cell_type == cell.cell_type)
            if fits:
                self._match(i, same[0], "id")

    def _by_text(self) -> None:
        carriers = defaultdict(list)
        for j in self.left():
            carriers[self.submitted[j].cell_type, self.submitted[j].source.strip()].append(j)
        for i in self.lost():
            cell = self.released[i]
            same = carriers.get((cell.cell_type, cell.source.strip()))
            if same and cell.source.strip():
                self._match(i, same.pop(0), "text")

    def _by_definitions(self) -> None:
        """An answer is where the names that its stub defines are defined."""
        defined = {j: _names(self.submitted[j].source) for j in self.left()}
        for i in self.lost():
            wanted = _names(self.released[i].source) if is_answer(self.released[i]) else set()
            homes = [j for j, names in defined.items() if wanted and wanted <= names]
            if homes:
                self._match(i, homes[-1], "content")
                del defined[homes[-1]]

    def _by_likeness(self) -> None:
        for i in self.lost():
            cell, best = self.released[i], (ALIKE, -1)
            for j in self._between(i)[:CANDIDATES]:
                if self.submitted[j].cell_type == cell.cell_type:
                    best = max(best, (_alike(self.submitted[j].source, cell.source), j))
            if best[1] >= 0:
                self._match(i, best[1], "content")

    def _by_place(self) -> None:
        for i in self.lost():
            cell, room = self.released[i], self._between(i)
            kinds = ("code", "raw") if cell.cell_type == "code" else ("markdown",)
            room = [j for j in room if self.submitted[j].cell_type in kinds]
            rivals = [k for k in self.lost() if is_answer(self.released[k]) and self._between(k) == self._between(i)]
            if is_answer(cell) and len(room) == 1 and len(rivals) == 1:
                self._match(i, room[0], "place")

    def _between(self, i: int) -> list[int]:
        """Unclaimed submitted cells between the neighbours of released cell i."""
        before = next((self.place[k] for k in range(i - 1, -1, -1) if k in self.place), -1)
        after = next((self.place[k] for k in range(i + 1, len(self.released)) if k in self.place), len(self.submitted))
        taken = set(self.place.values()) | self.dropped
        return [j for j in range(before + 1, after) if j not in taken]

    def repairs(self) -> list[str]:
        """What differs from a notebook that was merely filled in."""
        lines = []
        means = {"id": "by its cell id", "text": "by its text", "content": "by its content", "place": "by its place"}
        relevant = [i for i, cell in enumerate(self.released) if nbgrader(cell)]
        strayed = [i for i in relevant if self.how.get(i, "grade_id") != "grade_id"]
        if len(strayed) > 4:
            lines.append(f"{len(strayed)} cells had lost nbgrader's metadata; they were found by id, text or place")
        else:
            lines += [f"{_name(self.released[i])} had lost its metadata; found {means[self.how[i]]}" for i in strayed]
        lines += [f"{name} was there more than once; what comes last counts" for name in self.copies]
        for i, cell in enumerate(self.released):
            there = self.submitted[self.place[i]] if i in self.place else None
            if there is None and (nbgrader(cell) or cell.cell_type == "code"):
                lines.append(f"{_name(cell)} was missing; put back as released")
            elif there is not None and there.cell_type != cell.cell_type:
                lines.append(f"{_name(cell)} had become a {there.cell_type} cell; made {cell.cell_type} again")
            elif there is not None and cell.cell_type == "code" and not _is_open(cell) and not _same(there, cell):
                lines.append(f"{_name(cell)} had been edited; put back as released")
        order = [self.place[i] for i in sorted(self.place)]
        if order != sorted(order):
            lines.append("cells had been moved; the released order is used")
        return lines


def _rebuild(found: _Matching, released: NotebookNode) -> NotebookNode:
    owner = {theirs: mine for mine, theirs in found.place.items()}
    following: dict[int, list[NotebookNode]] = defaultdict(list)
    added = set(found.left())
    last = -1
    for j, cell in enumerate(found.submitted):
        last = owner.get(j, last)
        if j in added:
            following[last].append(_added(cell, sum(map(len, following.values())), _ids(released)))
    cells = list(following[-1])
    for i, cell in enumerate(released.cells):
        cell = copy.deepcopy(cell)
        if i in found.place and _is_open(cell):
            theirs = found.submitted[found.place[i]]
            cell.source = theirs.source
            if cell.cell_type == "markdown" and "attachments" in theirs:
                cell["attachments"] = copy.deepcopy(theirs["attachments"])
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cells += [cell, *following[i]]
    return nbformat.from_dict({**copy.deepcopy(released), "cells": cells, "nbformat": 4, "nbformat_minor": 5})


def _added(cell: NotebookNode, number: int, taken: set[str]) -> NotebookNode:
    name = f"added-{number}"
    while name in taken:
        name += "x"
    make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
    new = make(cell.source, id=name)
    if "attachments" in cell:
        new["attachments"] = copy.deepcopy(cell["attachments"])
    return new


def _ids(notebook: NotebookNode) -> set[str]:
    return {cell.get("id", "") for cell in notebook.cells}


def _is_tools_own(cell: NotebookNode) -> bool:
    """A cell that Colab or papermill put there."""
    badge = cell.cell_type == "markdown" and "colab-badge.svg" in cell.source and len(cell.source) < 1_000
    return badge or "injected-parameters" in cell.metadata.get("tags", [])


_DEFINITION = re.compile(r"^(?:async\s+def|def|class)\s+(\w+)|^(\w+)[ \t]*(?::[^=\n]*)?=[^=]", re.MULTILINE)


def _names(source: str) -> set[str]:
    """Names a cell defines at its top level, as far as its text tells."""
    return {a or b for a, b in _DEFINITION.findall(source[:100_000])}


def _same(a: NotebookNode, b: NotebookNode) -> bool:
    return a.source.strip() == b.source.strip()


def _alike(a: str, b: str) -> float:
    matcher = difflib.SequenceMatcher(None, a[:COMPARED], b[:COMPARED], autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= ALIKE else 0.0


def _name(cell: NotebookNode) -> str:
    if name := grade_id(cell):
        return name
    first: Iterable[str] = (line for line in cell.source.splitlines() if line.strip())
    return f"the cell {next(iter(first), '')[:40]!r}"
