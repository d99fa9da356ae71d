"""Which cells only draw for the reader. Grading does not run them: they are often most of what a notebook computes.

A cell of the release is tagged `figure` where it draws and changes nothing that others use. It is left out of grading
as long as the student left it alone and no cell that runs uses a name it binds; else it runs like any other.
"""

from __future__ import annotations

import ast
import re

from nbformat import NotebookNode

from grader.analysis.cells import Unreadable, parse, python, symbols
from grader.course.questions import is_check

TAG = "figure"
# cell magics whose cell is Python like any other
AROUND_CODE = re.compile(r"\A(\s*%%(?:time|timeit|capture|prun)\b[^\n]*\n)+")
# whoever writes these can reach any name without spelling it
BY_OTHER_MEANS = {"globals", "locals", "vars", "dir", "eval", "exec", "get_ipython", "__main__", "In", "Out", "_"}


def only_drawn(notebook: NotebookNode, released: NotebookNode) -> set[str]:
    """The sources of the cells of `notebook` that grading may leave out."""
    tagged = {cell.source for cell in released.cells if TAG in cell.metadata.get("tags", [])}
    given = {cell.source for cell in released.cells}
    figures, used = {}, set()
    for cell in notebook.cells if tagged else ():
        if cell.cell_type != "code" or is_check(cell):
            continue
        try:
            bound, uses = names(cell.source)
        except Unreadable:
            return set()
        if cell.source in tagged:
            figures[cell.source] = bound, uses
        elif cell.source not in given and uses & BY_OTHER_MEANS:
            return set()
        else:
            used |= uses
    while needed := [source for source, (bound, _) in figures.items() if bound & used]:
        for source in needed:
            used |= figures.pop(source)[1]
    return set(figures)


def names(source: str) -> tuple[set[str], set[str]]:
    """The global names that a cell binds, and those that it uses. Raises Unreadable.

    Where it asks for globals(), its strings may be names too, as in `"answer" in globals()`.
    """
    source = python(AROUND_CODE.sub("\n", source))
    whole = symbols(source)
    bound = {s.get_name() for s in whole.get_symbols() if s.is_assigned() or s.is_imported()}
    used = {s.get_name() for s in whole.get_symbols() if s.is_referenced()}
    inner = list(whole.get_children())
    while inner:
        table = inner.pop()
        inner += table.get_children()
        outer = [s for s in table.get_symbols() if s.is_global()]
        bound |= {s.get_name() for s in outer if s.is_assigned() or s.is_imported()}
        used |= {s.get_name() for s in outer}
    if used & BY_OTHER_MEANS:
        constants = (node.value for node in ast.walk(parse(source)) if isinstance(node, ast.Constant))
        used |= {value for value in constants if isinstance(value, str)}
    return bound, used
