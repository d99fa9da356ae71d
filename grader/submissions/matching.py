"""Which submitted cell is which released one.

A released cell is found by nbgrader's grade_id, else by cell id, else by its exact text, else by what it defines or
resembles between its neighbours, else by being alone between them. `match` takes these steps one after another.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from typing import Any, Literal

import nbformat
from nbformat import NotebookNode

from grader.course.questions import grade_id, is_answer, is_manual, nbgrader
from grader.submissions.cell_source import defined_names, parsed, similarity, split_among, word_pairs

ALIKE = 0.5  # Dice's coefficient from which two sources count as the same cell
CANDIDATES = 200  # cells that one cell is compared with: a submission may have thousands
PARSES = 40  # cells of text that are parsed, to see whether they are Python

Means = Literal["grade_id", "id", "text", "content", "place"]


@dataclass
class Matching:
    """What is found so far.

    submitted: the cells, merged ones split; see `split_merged`.
    place: {released index: submitted index}, one submitted cell for several where answers share it.
    how: {released index: by what means it was found}.
    text: {released index: the answer}, where that is not simply the whole of its cell.
    dropped: submitted indices of what is neither a released cell nor the student's own.
    copies: grade_ids that several cells carry.
    """

    submitted: list[NotebookNode]
    released: list[NotebookNode]
    place: dict[int, int] = field(default_factory=dict)
    how: dict[int, Means] = field(default_factory=dict)
    text: dict[int, str] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    copies: list[str] = field(default_factory=list)
    _defined: dict[int, set[str]] = field(default_factory=dict)
    _python: dict[int, bool] = field(default_factory=dict)

    def left(self) -> list[int]:
        """Submitted cells that are no released cell, in order."""
        taken = set(self.place.values()) | self.dropped
        return [i for i in range(len(self.submitted)) if i not in taken]

    def lost(self) -> list[int]:
        """Released cells that were not found, in order."""
        return [i for i in range(len(self.released)) if i not in self.place]

    def source(self, i: int) -> str:
        """What the student made of released cell i, which was found."""
        return self.text[i] if i in self.text else str(self.submitted[self.place[i]].source)

    def match(self, i: int, j: int, how: Means) -> None:
        """Note that released cell i is submitted cell j."""
        self.place[i], self.how[i] = j, how

    def join(self, i: int, pieces: list[int], between: str = "\n\n") -> None:
        """Note that the answer i, which was found, is written in several submitted cells."""
        if len(pieces) == 1:
            return
        self.text[i] = between.join(self.submitted[j].source for j in pieces)
        self.dropped.update(j for j in pieces if j != self.place[i])

    def between(self, i: int) -> list[int]:
        """Unclaimed submitted cells between the neighbours of released cell i."""
        before = next((self.place[k] for k in range(i - 1, -1, -1) if k in self.place), -1)
        after = next((self.place[k] for k in range(i + 1, len(self.released)) if k in self.place), len(self.submitted))
        taken = set(self.place.values()) | self.dropped
        return [j for j in range(before + 1, after) if j not in taken]

    def is_untouched(self, i: int) -> bool:
        """Whether released cell i was found as it was released."""
        return i in self.place and self.source(i).strip() == self.released[i].source.strip()

    def defined(self, j: int) -> set[str]:
        """The names that submitted cell j defines."""
        if j not in self._defined:
            self._defined[j] = defined_names(self.submitted[j].source)
        return self._defined[j]

    def is_python(self, j: int) -> bool:
        """Whether a cell of text is code that lost its type; of thousands only the first `PARSES` are looked at."""
        if j not in self._python:
            self._python[j] = len(self._python) < PARSES and parsed(self.submitted[j].source) is not None
        return self._python[j]


def match(submitted: list[NotebookNode], released: list[NotebookNode]) -> Matching:
    """Find the released cells among the submitted ones."""
    found = Matching(split_merged(submitted, released), released)
    found.dropped = {j for j, cell in enumerate(found.submitted) if _is_of_tool(cell)}
    _by_grade_id(found)
    _by_id(found)
    _by_text(found)
    _by_definitions(found)
    _by_similarity(found)
    _by_place(found)
    _answers_in_notes(found)
    _join_halves(found)
    stubs = {cell.source.strip() for cell in released if is_answer(cell)}
    # a stub that is left over would undo the answer
    found.dropped.update(j for j in found.left() if found.submitted[j].source.strip() in stubs)
    return found


def _by_grade_id(found: Matching) -> None:
    carriers: dict[str, list[int]] = defaultdict(list)
    for j in found.left():
        if carried := found.submitted[j].metadata.get("grade_id"):
            carriers[carried].append(j)
    for i, cell in enumerate(found.released):
        name = grade_id(cell) or ""
        same = carriers.get(name, [])
        if not same:
            continue
        plain = [j for j in same if same_source(found.submitted[j], cell)]
        answered = [j for j in same if j not in plain] if is_answer(cell) else []
        fitting = [j for j in answered if wanted_names(cell) <= found.defined(j)]
        # of several the last, for it is what counted when they ran; of checks the one that is as released
        chosen = (fitting or answered or plain or same)[-1]
        found.match(i, chosen, "grade_id")
        if len(same) > 1:
            found.copies.append(name)
            found.dropped.update(j for j in plain if j != chosen)  # an untouched copy would undo the answer
        if len(answered) > 1 and is_manual(cell):
            found.join(i, answered)


def _by_id(found: Matching) -> None:
    known = {grade_id(cell) for cell in found.released} - {None}
    carriers: dict[str, list[int]] = defaultdict(list)
    for j in found.left():
        if found.submitted[j].metadata.get("grade_id") not in known:
            for name in set(found.submitted[j].metadata.get("ids", [])):
                carriers[name].append(j)
    for i in found.lost():
        cell = found.released[i]
        same = carriers.get(cell.get("id", ""), [])
        fits = len(same) == 1 and (is_answer(cell) or found.submitted[same[0]].cell_type == cell.cell_type)
        if fits and same[0] not in found.place.values():
            found.match(i, same[0], "id")


def _by_text(found: Matching) -> None:
    carriers: dict[tuple[str, str], deque[int]] = defaultdict(deque)
    for j in found.left():
        carriers[found.submitted[j].cell_type, found.submitted[j].source.strip()].append(j)
    for i in found.lost():
        cell = found.released[i]
        same = carriers.get((cell.cell_type, cell.source.strip()))
        if same and cell.source.strip():
            found.match(i, same.popleft(), "text")


def _by_definitions(found: Matching) -> None:
    """An answer that is missing or untouched is where the names that its stub defines are defined.

    That may be a cell of the student's own, a cell merged with another's, or a locked cell that was written over.
    """
    claims: dict[int, list[int]] = defaultdict(list)
    for i, cell in enumerate(found.released):
        if is_answer(cell) and wanted_names(cell) and (i not in found.place or found.is_untouched(i)):
            homes = [(rank, j) for j in range(len(found.submitted)) if (rank := _rank(found, i, j)) is not None]
            # most likely first; of the like the last, for it is what counted when they ran
            for rank, j in sorted(homes, reverse=True)[:CANDIDATES]:
                if rank or found.is_python(j):
                    claims[j].append(i)
                    break
    for j, answers in claims.items():
        owners = [k for k, theirs in found.place.items() if theirs == j and is_open(found.released[k])]
        sharers = sorted([*owners, *answers])
        parts = split_among(found.submitted[j].source, [wanted_names(found.released[k]) for k in sharers])
        if len(sharers) > 1 and parts is None:
            continue
        for k, part in zip(sharers, parts or [""], strict=True):
            if k in found.place and k not in owners:
                found.dropped.add(found.place[k])  # the untouched stub
            if len(sharers) > 1:
                found.text[k] = part
            if k not in owners:
                found.match(k, j, "content")


def _rank(found: Matching, i: int, j: int) -> int | None:
    """How likely submitted cell j is the home of answer i, which is missing: greater is likelier, None is not.

    0 for text that may be code which lost its type.
    """
    if j in found.dropped or not wanted_names(found.released[i]) <= found.defined(j):
        return None
    cell = found.submitted[j]
    owners = [found.released[k] for k, theirs in found.place.items() if theirs == j]
    if not owners:
        return 3 if cell.cell_type == "code" else 0
    if any(wanted_names(found.released[i]) & defined_names(owner.source) or _is_parameters(owner) for owner in owners):
        return None
    return 2 if is_open(owners[0]) else 1


def _by_similarity(found: Matching) -> None:
    pairs: dict[int, Counter[tuple[str, str]]] = {}
    for i in found.lost():
        cell, best = found.released[i], (ALIKE, -1)
        ours = word_pairs(cell.source)
        for j in found.between(i)[:CANDIDATES]:
            if found.submitted[j].cell_type == cell.cell_type or is_answer(cell):
                if j not in pairs:
                    pairs[j] = word_pairs(found.submitted[j].source)
                best = max(best, (similarity(pairs[j], ours), j))
        if best[1] >= 0:
            found.match(i, best[1], "content")


def _by_place(found: Matching) -> None:
    """A missing answer is what stands in its place, where no other missing answer could."""
    lost = [i for i in found.lost() if is_answer(found.released[i])]
    rooms = {i: found.between(i) for i in lost}
    for i in lost:
        cell = found.released[i]
        kinds = ("code", "raw") if cell.cell_type == "code" else ("markdown",)
        room = [j for j in rooms[i] if found.submitted[j].cell_type in kinds and found.submitted[j].source.strip()]
        if room and sum(rooms[k] == rooms[i] for k in lost) == 1:
            found.match(i, room[-1], "place")
            if is_manual(cell):
                found.join(i, room)


def _answers_in_notes(found: Matching) -> None:
    """An answer that a person grades may have been written in cells beside the one that was meant for it."""
    for i, cell in enumerate(found.released):
        if is_manual(cell) and found.is_untouched(i):
            room = [j for j in found.between(i) if found.submitted[j].cell_type == cell.cell_type]
            room = [j for j in room if found.submitted[j].source.strip()]
            if room:
                found.dropped.add(found.place[i])
                found.match(i, room[-1], "place")
                found.join(i, room)


def _join_halves(found: Matching) -> None:
    """Code that was split in the midst of a statement is whole again with the cell before or behind it."""
    for i, cell in enumerate(found.released):
        if not (is_answer(cell) and cell.cell_type == "code" and i in found.place and i not in found.text):
            continue
        j, free = found.place[i], set(found.left())
        for halves in ([j, j + 1], [j - 1, j], [j - 1, j, j + 1]):
            if any(k != j and (k not in free or found.submitted[k].cell_type != "code") for k in halves):
                continue
            sources = [found.submitted[k].source for k in halves]
            broken = any(parsed(source) is None for source in sources)  # two whole cells are left as they are
            if broken and parsed("\n".join(sources)) is not None:
                found.join(i, halves, "\n")
                break


def is_open(cell: NotebookNode) -> bool:
    """Whether a student's version of a cell counts: of answers, and of code that is neither locked nor parameters."""
    if is_answer(cell):
        return True
    data = nbgrader(cell)
    fixed = data.get("grade") or data.get("locked") or _is_parameters(cell)
    return cell.cell_type == "code" and not fixed


def _is_of_tool(cell: NotebookNode) -> bool:
    """Whether Colab or papermill put the cell there."""
    badge = cell.cell_type == "markdown" and "colab-badge.svg" in cell.source and len(cell.source) < 1_000
    return badge or "injected-parameters" in cell.metadata.get("tags", [])


def _is_parameters(cell: NotebookNode) -> bool:
    return "parameters" in cell.metadata.get("tags", [])


def is_exercise(cell: NotebookNode) -> bool:
    return is_answer(cell) and cell.cell_type == "code"


def wanted_names(cell: NotebookNode) -> set[str]:
    """Names that an answer must define: those of its stub, else its own."""
    name = grade_id(cell)
    if not is_exercise(cell):
        return set()
    return defined_names(cell.source) or ({name} if name and name.isidentifier() else set())


def same_source(a: NotebookNode, b: NotebookNode) -> bool:
    return bool(a.source.strip() == b.source.strip())


def split_merged(submitted: list[NotebookNode], released: list[NotebookNode]) -> list[NotebookNode]:
    """The submitted cells, of which those are split that hold the whole of a released cell and something else.

    So merged cells are split at the checks and headings between them, and what a student wrote into a locked cell is a
    cell of its own. Only released cells that are found nowhere else are looked for.
    """
    whole = {cell.source.strip() for cell in submitted}
    sought = [cell for cell in released if cell.source.strip() not in whole and not is_open(cell)]
    pieces = list(submitted)
    for cell in sought:
        text = cell.source.strip()
        for n, piece in enumerate(pieces):
            start = f"\n{piece.source}\n".find(f"\n{text}\n") if text and text in piece.source else -1
            if start >= 0:
                pieces[n : n + 1] = _split_around(piece, cell, start, start + len(text))
                break
    return pieces


def _split_around(piece: NotebookNode, cell: NotebookNode, start: int, end: int) -> list[NotebookNode]:
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
    made: NotebookNode = nbformat.from_dict({"cell_type": like.cell_type, "source": source, "metadata": kept})
    return made
