"""Which cells of a notebook give a question's names another value, read from their text.

A question is judged as the notebook stands at its check. These are for saying what happened to a name before that, and
for knowing whether it is worth while to look again at the end.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from functools import lru_cache

from nbformat import NotebookNode

from grader.figures import BY_OTHER_MEANS, names
from grader.questions import Question, grade_id, is_answer, is_check


@lru_cache(maxsize=4096)
def _names(source: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """The names a cell binds and uses, see `figures.names`; None where it cannot be read."""
    try:
        bound, used = names(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return frozenset(bound), frozenset(used)


class Bindings:
    """The names that the code cells of a notebook bind and use.

    notebook: the one that is run.   released: the week's; cells that stand in it are nobody's doing.
    """

    def __init__(self, notebook: NotebookNode, released: NotebookNode) -> None:
        given = {cell.source for cell in released.cells}
        self.cells: list[tuple[int, frozenset[str], frozenset[str]]] = []
        self.theirs: set[int] = set()
        self._answer: dict[str, int] = {}
        self._check: dict[str, int] = {}
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            if is_answer(cell):
                self._answer[grade_id(cell)] = index
            if is_check(cell):
                self._check[grade_id(cell)] = index
                continue
            if (found := _names(cell.source)) is not None:
                self.cells.append((index, *found))
                if cell.source not in given:
                    self.theirs.add(index)

    def later(self, question: Question, asked: Iterable[str]) -> list[int]:
        """The student's cells after the check that may change what the question is about, by their indices.

        asked: the names that its checks ask for.
        """
        own = self._own(question, asked)
        reached = self._reached(own)
        return [
            index
            for index, bound, used in self._theirs_after(question)
            if bound & reached or used & own or used & BY_OTHER_MEANS
        ]

    def rebound_later(self, question: Question, asked: Iterable[str]) -> list[tuple[int, str]]:
        """(cell, name) where a cell after the check binds anew what the checks ask for."""
        return [(i, name) for i, bound, _ in self._theirs_after(question) for name in sorted(bound & set(asked))]

    def rebound_before(self, question: Question, asked: Iterable[str]) -> list[tuple[int, str]]:
        """(cell, name) where a cell between answer and check binds anew what the checks ask for, or one anywhere before
        the check binds a name of Python's own that the answer uses."""
        answer, check = self._answer.get(question.name, -1), self._check.get(question.cell, -1)
        used = {name for i, _, uses in self.cells if i == answer for name in uses if hasattr(builtins, name)}
        found = []
        for index, bound, _ in self.cells:
            if index in self.theirs and index < check:
                anew = bound & used | (bound & set(asked) if answer < index else set())
                found += [(index, name) for name in sorted(anew)]
        return found

    def _own(self, question: Question, asked: Iterable[str]) -> set[str]:
        """The names that the checks ask for, and those that the answer binds."""
        answer = self._answer.get(question.name, -1)
        return {question.name, *asked}.union(*(bound for index, bound, _ in self.cells if index == answer))

    def _reached(self, own: set[str]) -> set[str]:
        """Those names, the names that the cells which bind them use, and so on."""
        found: set[str] = set()
        new = set(own)
        while new:
            found |= new
            new = {name for _, bound, used in self.cells if bound & new for name in used} - found
        return found

    def _theirs_after(self, question: Question) -> list[tuple[int, frozenset[str], frozenset[str]]]:
        check = self._check.get(question.cell, -1)
        return [one for one in self.cells if one[0] > check and one[0] in self.theirs]
