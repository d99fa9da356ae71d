"""Rebuild a submission on the released notebook, so that what is run and scored has the course's own frame.

Order, text, locked cells, ids and all metadata come from the release. From the submission come the sources of answers
and of ordinary code cells, and the cells a student added, each after the cell it followed. A released cell is found
again by nbgrader's grade_id, else by cell id, else by its exact text, else by what it defines or resembles between its
neighbours, else by being alone between them.
"""

from __future__ import annotations

import ast
import bisect
import copy
import re
import warnings
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbformat import NotebookNode

from grader.course.questions import grade_id, is_answer, is_check, is_manual, nbgrader
from grader.submissions.loading import NotGradable

ALIKE = 0.5  # Dice's coefficient from which two sources count as the same cell
COMPARED = 2_000  # characters of a source that are compared, and
CANDIDATES = 200  # cells one cell is compared with: a submission may have thousands
READ = 100_000  # characters of a source that are searched for definitions
PARSES = 40  # cells of text that are read as Python, to see whether they are,
PARSED = 20_000  # and characters of any source that is: parsing some hostile ones is quadratic


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


def _is_open(cell: NotebookNode) -> bool:
    """Whether a student's version of a cell counts: of answers, and of code that is neither locked nor parameters."""
    if is_answer(cell):
        return True
    data = nbgrader(cell)
    fixed = data.get("grade") or data.get("locked") or _is_parameters(cell)
    return cell.cell_type == "code" and not fixed


class _Matching:
    """Which submitted cell is which released one.

    place: released index -> submitted index; several where answers share a cell.  how: by what means it was found.
    text: released index -> the answer, where it is not simply the whole of that cell.
    """

    def __init__(self, submitted: list[NotebookNode], released: list[NotebookNode]) -> None:
        self.submitted, self.released = _apart(submitted, released), released
        self.place: dict[int, int] = {}
        self.how: dict[int, str] = {}
        self.text: dict[int, str] = {}
        self.dropped = {i for i, cell in enumerate(self.submitted) if _is_tools_own(cell)}
        self.copies: list[str] = []
        self._names: dict[int, set[str]] = {}
        self._python: dict[int, bool] = {}
        self._by_grade_id()
        self._by_id()
        self._by_text()
        self._by_definitions()
        self._by_likeness()
        self._by_place()
        self._notes_as_answers()
        self._join_halves()
        stubs = {cell.source.strip() for cell in released if is_answer(cell)}
        self.dropped.update(j for j in self.left() if self.submitted[j].source.strip() in stubs)  # would undo an answer

    def left(self) -> list[int]:
        """Submitted cells that are no released cell, in order."""
        taken = set(self.place.values()) | self.dropped
        return [i for i in range(len(self.submitted)) if i not in taken]

    def lost(self) -> list[int]:
        """Released cells that were not found, in order."""
        return [i for i in range(len(self.released)) if i not in self.place]

    def source(self, i: int) -> str:
        """What the student made of released cell i, which was found."""
        return self.text.get(i, self.submitted[self.place[i]].source)

    def _match(self, mine: int, theirs: int, how: str) -> None:
        self.place[mine], self.how[mine] = theirs, how

    def _untouched(self, i: int) -> bool:
        return i in self.place and self.source(i).strip() == self.released[i].source.strip()

    def _defined(self, j: int) -> set[str]:
        if j not in self._names:
            self._names[j] = _names(self.submitted[j].source)
        return self._names[j]

    def _is_python(self, j: int) -> bool:
        """Whether a cell of text is code that lost its type; of thousands only the first `PARSES` are looked at."""
        if j not in self._python:
            self._python[j] = len(self._python) < PARSES and _tree(self.submitted[j].source) is not None
        return self._python[j]

    def _by_grade_id(self) -> None:
        carriers = defaultdict(list)
        for i in self.left():
            if name := self.submitted[i].metadata.get("grade_id"):
                carriers[name].append(i)
        for i, cell in enumerate(self.released):
            same = carriers.get(grade_id(cell), [])
            if not same:
                continue
            plain = [j for j in same if _same(self.submitted[j], cell)]
            answered = [j for j in same if j not in plain] if is_answer(cell) else []
            fitting = [j for j in answered if _wanted(cell) <= self._defined(j)]
            # of several the last, for it is what counted when they ran; of checks the one that is as released
            chosen = (fitting or answered or plain or same)[-1]
            self._match(i, chosen, "grade_id")
            if len(same) > 1:
                self.copies.append(grade_id(cell))
                self.dropped.update(j for j in plain if j != chosen)  # an untouched copy would undo the answer
            if len(answered) > 1 and is_manual(cell):
                self._join(i, answered)

    def _by_id(self) -> None:
        known = {grade_id(cell) for cell in self.released} - {None}
        carriers = defaultdict(list)
        for j in self.left():
            if self.submitted[j].metadata.get("grade_id") not in known:
                for name in set(self.submitted[j].metadata.get("ids", [])):
                    carriers[name].append(j)
        for i in self.lost():
            cell = self.released[i]
            same = carriers.get(cell.get("id"), [])
            fits = len(same) == 1 and (is_answer(cell) or self.submitted[same[0]].cell_type == cell.cell_type)
            if fits and same[0] not in self.place.values():
                self._match(i, same[0], "id")

    def _by_text(self) -> None:
        carriers = defaultdict(deque)
        for j in self.left():
            carriers[self.submitted[j].cell_type, self.submitted[j].source.strip()].append(j)
        for i in self.lost():
            cell = self.released[i]
            same = carriers.get((cell.cell_type, cell.source.strip()))
            if same and cell.source.strip():
                self._match(i, same.popleft(), "text")

    def _by_definitions(self) -> None:
        """An answer that is missing or untouched is where the names that its stub defines are defined.

        That may be a cell of the student's own, a cell merged with another's, or a locked cell that was written over.
        """
        claims: dict[int, list[int]] = defaultdict(list)
        for i, cell in enumerate(self.released):
            if is_answer(cell) and _wanted(cell) and (i not in self.place or self._untouched(i)):
                homes = [(rank, j) for j in range(len(self.submitted)) if (rank := self._rank(i, j)) is not None]
                # most likely first; of the like the last, for it is what counted when they ran
                for rank, j in sorted(homes, reverse=True)[:CANDIDATES]:
                    if rank or self._is_python(j):
                        claims[j].append(i)
                        break
        for j, answers in claims.items():
            owners = [k for k, theirs in self.place.items() if theirs == j and _is_open(self.released[k])]
            sharers = sorted([*owners, *answers])
            parts = cut(self.submitted[j].source, [_wanted(self.released[k]) for k in sharers])
            if len(sharers) > 1 and parts is None:
                continue
            for k, part in zip(sharers, parts or [""], strict=True):
                if k in self.place and k not in owners:
                    self.dropped.add(self.place[k])  # the untouched stub
                if len(sharers) > 1:
                    self.text[k] = part
                if k not in owners:
                    self._match(k, j, "content")

    def _rank(self, i: int, j: int) -> int | None:
        """How likely submitted cell j is the home of answer i, which is missing: greater is likelier, None is not.

        0 for text that may be code which lost its type.
        """
        if j in self.dropped or not _wanted(self.released[i]) <= self._defined(j):
            return None
        cell = self.submitted[j]
        owners = [self.released[k] for k, theirs in self.place.items() if theirs == j]
        if not owners:
            return 3 if cell.cell_type == "code" else 0
        if any(_wanted(self.released[i]) & _names(owner.source) or _is_parameters(owner) for owner in owners):
            return None
        return 2 if _is_open(owners[0]) else 1

    def _by_likeness(self) -> None:
        pairs: dict[int, Counter[tuple[str, str]]] = {}
        for i in self.lost():
            cell, best = self.released[i], (ALIKE, -1)
            ours = _pairs(cell.source)
            for j in self._between(i)[:CANDIDATES]:
                if self.submitted[j].cell_type == cell.cell_type or is_answer(cell):
                    if j not in pairs:
                        pairs[j] = _pairs(self.submitted[j].source)
                    best = max(best, (_alike(pairs[j], ours), j))
            if best[1] >= 0:
                self._match(i, best[1], "content")

    def _by_place(self) -> None:
        """A missing answer is what stands in its place, where no other missing answer could."""
        lost = [i for i in self.lost() if is_answer(self.released[i])]
        rooms = {i: self._between(i) for i in lost}
        for i in lost:
            cell = self.released[i]
            kinds = ("code", "raw") if cell.cell_type == "code" else ("markdown",)
            room = [j for j in rooms[i] if self.submitted[j].cell_type in kinds and self.submitted[j].source.strip()]
            if room and sum(rooms[k] == rooms[i] for k in lost) == 1:
                self._match(i, room[-1], "place")
                if is_manual(cell):
                    self._join(i, room)

    def _notes_as_answers(self) -> None:
        """An answer that a person grades may have been written in cells beside the one that was meant for it."""
        for i, cell in enumerate(self.released):
            if is_manual(cell) and self._untouched(i):
                room = [j for j in self._between(i) if self.submitted[j].cell_type == cell.cell_type]
                room = [j for j in room if self.submitted[j].source.strip()]
                if room:
                    self.dropped.add(self.place[i])
                    self._match(i, room[-1], "place")
                    self._join(i, room)

    def _join_halves(self) -> None:
        """Code that was split in the midst of a statement is whole again with the cell before or behind it."""
        for i, cell in enumerate(self.released):
            if not (is_answer(cell) and cell.cell_type == "code" and i in self.place and i not in self.text):
                continue
            j, free = self.place[i], set(self.left())
            for halves in ([j, j + 1], [j - 1, j], [j - 1, j, j + 1]):
                if any(k != j and (k not in free or self.submitted[k].cell_type != "code") for k in halves):
                    continue
                sources = [self.submitted[k].source for k in halves]
                broken = any(_tree(source) is None for source in sources)  # two whole cells are left as they are
                if broken and _tree("\n".join(sources)) is not None:
                    self._join(i, halves, "\n")
                    break

    def _join(self, i: int, pieces: list[int], between: str = "\n\n") -> None:
        if len(pieces) == 1:
            return
        self.text[i] = between.join(self.submitted[j].source for j in pieces)
        self.dropped.update(j for j in pieces if j != self.place[i])

    def _between(self, i: int) -> list[int]:
        """Unclaimed submitted cells between the neighbours of released cell i."""
        before = next((self.place[k] for k in range(i - 1, -1, -1) if k in self.place), -1)
        after = next((self.place[k] for k in range(i + 1, len(self.released)) if k in self.place), len(self.submitted))
        taken = set(self.place.values()) | self.dropped
        return [j for j in range(before + 1, after) if j not in taken]

    def in_order(self) -> dict[int, int]:
        """{submitted index: released index} of the most cells that stand in the released order.

        The longest increasing subsequence, by patience sorting: Schensted (1961), "Longest increasing and decreasing
        subsequences".
        """
        pairs = sorted((j, i) for i, j in self.place.items())
        ends: list[int] = []  # the least released index that ends a run of each length,
        last: list[int] = []  # and which pair that is
        before: list[int | None] = []
        for n, (_, i) in enumerate(pairs):
            length = bisect.bisect_left(ends, i)
            before.append(last[length - 1] if length else None)
            ends[length : length + 1], last[length : length + 1] = [i], [n]
        found, n = {}, last[-1] if last else None
        while n is not None:
            j, i = pairs[n]
            found[j] = max(i, found.get(j, i))
            n = before[n]
        return found

    def repairs(self) -> list[str]:
        """What differs from a notebook that was merely filled in."""
        lines = []
        means = {
            "id": "had lost its metadata; found by its cell id",
            "text": "had lost its metadata; found by its text",
            "content": "was not in a cell of its name; found by its content",
            "place": "was not in a cell of its name; found by its place",
        }
        relevant = [i for i, cell in enumerate(self.released) if nbgrader(cell)]
        strayed = [i for i in relevant if self.how.get(i, "grade_id") != "grade_id"]
        if len(strayed) > 4:
            lines.append(f"{len(strayed)} cells had lost nbgrader's metadata; they were found by id, text or place")
        else:
            lines += [f"{_name(self.released[i])} {means[self.how[i]]}" for i in strayed]
        lines += [f"{name} was there more than once; what comes last counts" for name in self.copies]
        for i, cell in enumerate(self.released):
            there = self.submitted[self.place[i]] if i in self.place else None
            if there is None and (nbgrader(cell) or cell.cell_type == "code"):
                lines.append(f"{_name(cell)} was missing; put back as released")
            elif there is not None and there.cell_type != cell.cell_type:
                lines.append(f"{_name(cell)} had become a {there.cell_type} cell; made {cell.cell_type} again")
            elif there is not None and cell.cell_type == "code" and not _is_open(cell) and not _same(there, cell):
                lines.append(f"{_name(cell)} had been edited; put back as released")
            if i in self.text:
                lines.append(f"{_name(cell)} shared a cell with something else, or was in several; put together")
        order = [self.place[i] for i in sorted(self.place)]
        if order != sorted(order):
            lines.append("cells had been moved; the released order is used")
        return lines


def _rebuild(found: _Matching, released: NotebookNode) -> NotebookNode:
    anchors, added, taken = found.in_order(), set(found.left()), _ids(released)
    following: dict[int, list[NotebookNode]] = defaultdict(list)
    strays = {j for i, j in found.place.items() if j not in anchors and _is_exercise(released.cells[i])}
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
            if _is_open(cell):
                cell.source = found.source(i)
                if cell.cell_type == "markdown" and "attachments" in theirs:
                    cell["attachments"] = copy.deepcopy(theirs["attachments"])
            elif cell.cell_type == theirs.cell_type == "code" and (imports := _imports(theirs.source, cell.source)):
                kept = [_added(nbformat.v4.new_code_cell(imports), number, taken)]
                number += 1
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        cells += [cell, *kept, *following[i]]
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


def _is_parameters(cell: NotebookNode) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def _is_exercise(cell: NotebookNode) -> bool:
    return is_answer(cell) and cell.cell_type == "code"


def _apart(submitted: list[NotebookNode], released: list[NotebookNode]) -> list[NotebookNode]:
    """The submitted cells, with those cut apart that hold the whole of a released cell and something else.

    So merged cells come apart at the checks and headings between them, and what a student wrote into a locked cell is a
    cell of its own. Only released cells that are found nowhere else are looked for.
    """
    whole = {cell.source.strip() for cell in submitted}
    sought = [cell for cell in released if cell.source.strip() not in whole and not _is_open(cell)]
    pieces = list(submitted)
    for cell in sought:
        text = cell.source.strip()
        for n, piece in enumerate(pieces):
            start = f"\n{piece.source}\n".find(f"\n{text}\n") if text and text in piece.source else -1
            if start >= 0:
                pieces[n : n + 1] = _three(piece, cell, start, start + len(text))
                break
    return pieces


def _three(piece: NotebookNode, cell: NotebookNode, start: int, end: int) -> list[NotebookNode]:
    """What stands before a released cell's text in a submitted cell, that text, and what stands behind it."""
    middle = _piece(cell, cell.source, grade_id=grade_id(cell), ids=[cell.get("id", "")])
    around = [text.strip("\n") for text in (piece.source[:start], piece.source[end:])]
    bare = [_piece(piece, text) for text in around]
    if piece.metadata.get("grade_id") != grade_id(cell) and cell.get("id") not in piece.metadata.get("ids", []):
        owner = 1 if not around[0].strip() else 0
        bare[owner] = _piece(piece, around[owner], **piece.metadata)
    found = [bare[0], middle, bare[1]]
    return [one for one in found if one.source.strip()]


def _piece(like: NotebookNode, source: str, **metadata: Any) -> NotebookNode:
    kept = {name: value for name, value in metadata.items() if value}
    return nbformat.from_dict({"cell_type": like.cell_type, "source": source, "metadata": kept})


_DEFINITION = re.compile(r"^(?:async\s+def|def|class)\s+(\w+)|^(\w+)[ \t]*(?::[^=\n]*)?=[^=]", re.MULTILINE)
_MAGIC = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)
_MAGIC_VALUE = re.compile(r"=[ \t]*[%!].*$", re.MULTILINE)


def _names(source: str) -> set[str]:
    """Names a cell defines at its top level, as far as its text tells."""
    return {a or b for a, b in _DEFINITION.findall(source[:READ])}


def _wanted(cell: NotebookNode) -> set[str]:
    """Names that an answer must define: those of its stub, else its own."""
    name = grade_id(cell)
    if not _is_exercise(cell):
        return set()
    return _names(cell.source) or ({name} if name and name.isidentifier() else set())


def _tree(source: str) -> ast.Module | None:
    """A cell's code as Python reads it, IPython's magics aside; None where it is no Python."""
    if len(source) > PARSED:
        return None
    plain = _MAGIC_VALUE.sub("= None", _MAGIC.sub(r"\1pass", source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in a student's text
            return ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def cut(source: str, wanted: list[set[str]]) -> list[str] | None:
    """Share a cell's statements out among questions: to each those that define the names it wants, and what follows.

    Imports go with what they stand before, and what comes before any wanted name goes to the first question.
    None where the source is no Python.
    """
    tree = _tree(source)
    if tree is None:
        return None
    lines, parts = source.split("\n"), [""] * len(wanted)
    owner, done, waiting = 0, 0, ""
    for node in tree.body:
        names, begin = _bound(node), min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        text = "".join(line + "\n" for line in lines[done : node.end_lineno])
        if isinstance(node, ast.Import | ast.ImportFrom):
            waiting += text
        else:
            if begin > done:  # not behind a semicolon
                owner = next((n for n, want in enumerate(wanted) if want & names), owner)
            parts[owner] += waiting + text
            waiting = ""
        done = max(done, node.end_lineno or done)
    parts[owner] += waiting + "\n".join(lines[done:])
    return [part.strip("\n") for part in parts]


def _bound(node: ast.stmt) -> set[str]:
    """Names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {name.id for target in targets if target for name in ast.walk(target) if isinstance(name, ast.Name)}


def _imports(source: str, released: str) -> str:
    """The imports that a student added to a locked cell: without them an honest answer elsewhere may fail."""
    tree = _tree(source) if source.strip() != released.strip() else None
    nodes = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)] if tree else []
    found = [ast.get_source_segment(source, node) or "" for node in nodes[:50]]
    return "\n".join(line for line in found if line and line not in released)


def _same(a: NotebookNode, b: NotebookNode) -> bool:
    return a.source.strip() == b.source.strip()


def _pairs(source: str) -> Counter[tuple[str, str]]:
    """Neighbouring words and signs of a source, counted."""
    words = re.findall(r"\w+|[^\w\s]", source[:COMPARED])
    return Counter(zip(words, words[1:], strict=False))


def _alike(a: Counter[tuple[str, str]], b: Counter[tuple[str, str]]) -> float:
    """Dice's coefficient of two sources, from their pairs of words: 0 for nothing in common, 1 for the same."""
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 0.0


def _name(cell: NotebookNode) -> str:
    if name := grade_id(cell):
        return name
    first: Iterable[str] = (line for line in cell.source.splitlines() if line.strip())
    return f"the cell {next(iter(first), '')[:40]!r}"
