"""The source of one cell, read and never run: what it defines, how it is cut up, how alike two are."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter

COMPARED = 2_000  # characters of a source that are compared
SEARCHED = 100_000  # characters of a source that are searched for definitions
PARSED = 20_000  # characters of a source that is parsed: for some hostile ones the time is quadratic

_DEFINITION = re.compile(r"^(?:async\s+def|def|class)\s+(\w+)|^(\w+)[ \t]*(?::[^=\n]*)?=[^=]", re.MULTILINE)
_MAGIC = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)
_MAGIC_VALUE = re.compile(r"=[ \t]*[%!].*$", re.MULTILINE)


def defined_names(source: str) -> set[str]:
    """Names a cell defines at its top level, as far as its text tells."""
    return {a or b for a, b in _DEFINITION.findall(source[:SEARCHED])}


def parsed(source: str) -> ast.Module | None:
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


def split_among(source: str, wanted: list[set[str]]) -> list[str] | None:
    """A cell's statements, split among questions: each has those that define the names it wants, and what follows them.

    Imports go with what they stand before, and what comes before any wanted name goes to the first question.
    None where the source is no Python.
    """
    tree = parsed(source)
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


def added_imports(source: str, released: str) -> str:
    """The imports that a student added to a locked cell: without them an honest answer elsewhere may fail."""
    tree = parsed(source) if source.strip() != released.strip() else None
    nodes = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)] if tree else []
    found = [ast.get_source_segment(source, node) or "" for node in nodes[:50]]
    return "\n".join(line for line in found if line and line not in released)


def word_pairs(source: str) -> Counter[tuple[str, str]]:
    """Neighbouring words and signs of a source, counted."""
    words = re.findall(r"\w+|[^\w\s]", source[:COMPARED])
    return Counter(zip(words, words[1:], strict=False))


def similarity(a: Counter[tuple[str, str]], b: Counter[tuple[str, str]]) -> float:
    """Dice's coefficient of two sources, from their pairs of words: 0 for nothing in common, 1 for the same."""
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 0.0
