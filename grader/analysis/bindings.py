"""Which cells of a notebook give a question's names another value, read from their text.

A question is judged as the notebook stands at its check. These are for saying what happened to a name before that, and
for knowing whether it is worth while to look again at the end.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from nbformat import NotebookNode

from grader.analysis.cells import Unreadable, tree
from grader.analysis.figures import BY_OTHER_MEANS, names
from grader.course.questions import Question, grade_id, is_answer, is_check


class Names(NamedTuple):
    """The global names that a cell binds, those of them that it imports or defines (def, class), and those it uses.

    starred: whether it imports all that a module has.
    """

    bound: frozenset[str]
    imported: frozenset[str]
    defined: frozenset[str]
    used: frozenset[str]
    starred: bool


@lru_cache(maxsize=4096)
def _names(source: str) -> Names | None:
    """See `figures.names`; None where the cell cannot be read."""
    try:
        bound, used = names(source)
        nodes = list(ast.walk(tree(source)))
    except Unreadable:
        return None
    imports = (node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))
    imported = {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    defined = {node.name for node in nodes if isinstance(node, definitions)}
    return Names(
        frozenset(bound), frozenset(imported & bound), frozenset(defined & bound), frozenset(used), "*" in imported
    )


class Bindings:
    """The names that the code cells of a notebook bind and use.

    notebook: the one that is run.   released: the week's; cells that stand in it are nobody's doing.
    """

    def __init__(self, notebook: NotebookNode, released: NotebookNode) -> None:
        given = {cell.source for cell in released.cells}
        self.cells: list[tuple[int, Names]] = []
        self.theirs: set[int] = set()
        self.unread = False  # whether the student wrote a cell that cannot be read
        self._answer: dict[str, int] = {}
        self._check: dict[str, int] = {}
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                continue
            if is_answer(cell):
                self._answer[grade_id(cell) or ""] = index
            if is_check(cell):
                self._check[grade_id(cell) or ""] = index
                continue
            if (found := _names(cell.source)) is not None:
                self.cells.append((index, found))
                if cell.source not in given:
                    self.theirs.add(index)
            elif cell.source not in given:
                self.unread = True
        self._binding: dict[str, list[int]] = {}  # by name, places in `cells`
        for place, (_, cell) in enumerate(self.cells):
            for name in cell.bound:
                self._binding.setdefault(name, []).append(place)

    def may_answer(self, question: Question, asked: Iterable[str]) -> bool:
        """Whether anything that the student wrote may bind what the question is about. asked: as in `later`."""
        own = self._own(question, asked)
        theirs = [cell for index, cell in self.cells if index in self.theirs]
        return self.unread or any(cell.bound & own or cell.used & BY_OTHER_MEANS or cell.starred for cell in theirs)

    def later(self, question: Question, asked: Iterable[str]) -> list[int]:
        """The student's cells after the check that may change what the question is about, by their indices.

        asked: the names that its checks ask for.
        """
        own = self._own(question, asked)
        reached = self._reached(own)
        check = self._check.get(question.cell, -1)
        earlier = [cell for index, cell in self.cells if index < check]
        # to import once more what was imported before changes nothing, nor does using a function
        before = frozenset().union(*(cell.imported for cell in earlier))
        changeable = own - frozenset().union(*(cell.defined | cell.imported for cell in earlier))
        return [
            index
            for index, cell in self._theirs_after(question)
            if (cell.bound - (cell.imported & before)) & reached or cell.used & changeable or cell.used & BY_OTHER_MEANS
        ]

    def rebound_later(self, question: Question, asked: Iterable[str]) -> list[tuple[int, str]]:
        """(cell, name) where a cell after the check binds anew what the checks ask for."""
        return [(i, name) for i, cell in self._theirs_after(question) for name in sorted(cell.bound & set(asked))]

    def rebound_before(self, question: Question, asked: Iterable[str]) -> list[tuple[int, str]]:
        """(cell, name) where a cell between answer and check binds anew what the checks ask for, or one anywhere before
        the check binds a name of Python's own that the answer uses."""
        answer, check = self._answer.get(question.name, -1), self._check.get(question.cell, -1)
        used = {name for i, cell in self.cells if i == answer for name in cell.used if hasattr(builtins, name)}
        found = []
        for index, cell in self.cells:
            if index in self.theirs and index < check:
                anew = cell.bound & used | (cell.bound & set(asked) if answer < index else set())
                found += [(index, name) for name in sorted(anew)]
        return found

    def _own(self, question: Question, asked: Iterable[str]) -> set[str]:
        """The names that the checks ask for, and those that the answer binds."""
        answer = self._answer.get(question.name, -1)
        return {question.name, *asked}.union(*(cell.bound for index, cell in self.cells if index == answer))

    def _reached(self, own: set[str]) -> set[str]:
        """Those names, the names that the cells which bind them use, and so on."""
        found: set[str] = set()
        seen: set[int] = set()
        new = set(own)
        while new:
            found |= new
            cells = {place for name in new for place in self._binding.get(name, ())} - seen
            seen |= cells
            new = {name for place in cells for name in self.cells[place][1].used} - found
        return found

    def _theirs_after(self, question: Question) -> list[tuple[int, Names]]:
        check = self._check.get(question.cell, -1)
        return [(index, cell) for index, cell in self.cells if index > check and index in self.theirs]
