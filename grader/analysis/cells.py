"""A cell as Python: without IPython's own syntax, and as a syntax tree.

Cells are a stranger's. What is done to one takes time in proportion to its length, and what cannot be read raises
`Unreadable`, a SyntaxError, whatever the reason: whoever asks goes on without it.
"""

from __future__ import annotations

import ast
import re
import symtable
import warnings
from functools import lru_cache

from IPython.core.inputtransformer2 import TransformerManager

MOST_CHARACTERS = 200_000
MOST_WORK = 2_000_000  # characters that IPython may look at: all of the cell, once for each line of its own syntax
OWN = re.compile(r"^[ \t]*[!%?,;/]|\?[ \t]*$|=[ \t]*[!%]", re.MULTILINE)  # where a line may be in IPython's syntax
LINE = re.compile(r"^(?P<before>[ \t]*(?:[\w.,\[\] \t]+=[ \t]*)?)(?:[!%?].*|.*\?[ \t]*)$", re.MULTILINE)


class Unreadable(SyntaxError):
    """A cell is no Python, or too long, or nested too deeply to be read."""


class TooDeep(Unreadable):
    """A cell is nested too deeply to be read, which no honest one is."""


@lru_cache(maxsize=1024)
def python(source: str) -> str:
    """The cell's code as IPython makes it Python, its lines where they were. Raises Unreadable.

    IPython looks through the whole cell again for each line of its own syntax, so that of very many a call of
    `get_ipython()` is made here, which is what IPython makes of them too.
    """
    if len(source) > MOST_CHARACTERS:
        raise Unreadable(f"more than {MOST_CHARACTERS:,} characters")
    if len(source) * len(OWN.findall(source)) > MOST_WORK:
        if source.lstrip().startswith("%%"):
            return "get_ipython()\n"
        return LINE.sub(r"\g<before>get_ipython()", source)
    blank = len(source) - len(source.lstrip())  # IPython takes away the first lines that are
    try:
        return "\n" * source[:blank].count("\n") + TransformerManager().transform_cell(source)
    except (SyntaxError, ValueError, RuntimeError, RecursionError, MemoryError) as error:
        raise Unreadable(str(error)) from None


def tree(source: str) -> ast.Module:
    """The syntax tree of a cell. Raises Unreadable."""
    return parse(python(source))


def parse(code: str) -> ast.Module:
    """The syntax tree of Python. Raises Unreadable."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of the student's escapes and comparisons
            return ast.parse(code)
    except (RecursionError, MemoryError) as error:
        raise TooDeep(str(error)) from None
    except (SyntaxError, ValueError) as error:
        raise Unreadable(str(error)) from None


def symbols(code: str) -> symtable.SymbolTable:
    """The symbol table of Python. Raises Unreadable."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return symtable.symtable(code, "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(str(error)) from None
