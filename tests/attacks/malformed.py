"""Broken, mangled and oversized files: each is graded for what is honest in it, or refused with its reason."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable

import nbformat
from nbformat import NotebookNode

from attacks.cases import Case, Expect

FULL = {"double": 4.0, "table": 2.0, "mean": 1.5, "why": 0.0}
NONE = {"double": 0.0, "table": 0.0, "mean": 0.0, "why": 0.0}
ANSWERS = ("id-double", "id-table", "id-mean")

CASES: list[Case] = []


def graded(
    name: str, points: dict[str, float] = FULL, says: str = "", seconds: float = 60
) -> Callable[[Callable], Callable]:
    """Register a builder whose notebook must be graded, with these points."""
    return _register(name, Expect("graded", points, seconds, says))


def refused(name: str, says: str, seconds: float = 20) -> Callable[[Callable], Callable]:
    """Register a builder whose file must be refused with a reason that says this."""
    return _register(name, Expect("not gradable", None, seconds, says))


def _register(name: str, expect: Expect) -> Callable[[Callable], Callable]:
    def register(build: Callable) -> Callable:
        CASES.append(Case(name, "malformed", build, expect))
        return build

    return register


def code(source: str) -> NotebookNode:
    return nbformat.v4.new_code_cell(source)


def text(source: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source)


def by_id(notebook: NotebookNode) -> dict[str, NotebookNode]:
    return {cell.id: cell for cell in notebook.cells}


def without(notebook: NotebookNode, *ids: str) -> NotebookNode:
    notebook.cells = [cell for cell in notebook.cells if cell.id not in ids]
    return notebook


def raw(notebook: NotebookNode) -> bytes:
    return json.dumps(notebook).encode()


STUBS = {
    "id-double": 'def double(n):\n    """n times two."""\n    # YOUR CODE HERE\n    raise NotImplementedError()',
    "id-table": "# YOUR CODE HERE\nraise NotImplementedError()",
    "id-mean": "def mean(values):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "id-why": "YOUR ANSWER HERE",
}


def unanswered(notebook: NotebookNode) -> NotebookNode:
    for cell in notebook.cells:
        cell.source = STUBS.get(cell.id, cell.source)
    return notebook


# --- what tools do to a file ------------------------------------------------------------------------------------------


@graded("all metadata stripped", says="lost nbgrader's metadata")
def _(notebook):
    for cell in notebook.cells:
        cell.metadata = {}
        del cell["id"]
    return notebook


@graded("every cell has the same id")
def _(notebook):
    for cell in notebook.cells:
        cell.id = "same"
    return notebook


@graded("nbformat 3", says="old format 3")
def _(notebook):
    cells = [
        {"cell_type": "heading", "level": 1, "source": "Doubling", "metadata": {}},
        *(
            {"cell_type": cell.cell_type, "metadata": {}, "outputs": [], "language": "python"}
            | {"input" if cell.cell_type == "code" else "source": cell.source.splitlines(keepends=True)}
            for cell in notebook.cells[1:]
        ),
    ]
    return raw({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]})


@graded("saved by Colab, with a badge and a form")
def _(notebook):
    for cell in notebook.cells:
        cell.metadata = {"id": cell.pop("id"), "outputId": "f00", "colab": {"base_uri": "https://localhost:8080/"}}
    notebook.cells[4].source = '#@title Double { display-mode: "form" }\n' + notebook.cells[4].source
    notebook.cells[4].metadata["cellView"] = "form"
    badge = "<a href='https://colab'><img src='https://colab.research.google.com/assets/colab-badge.svg'></a>"
    notebook.cells.insert(0, {"cell_type": "markdown", "source": badge, "metadata": {"id": "view-in-github"}})
    notebook.metadata = {"colab": {"provenance": [], "toc_visible": True}, "accelerator": "GPU"}
    notebook.nbformat_minor = 0
    return notebook


@graded("saved by VS Code")
def _(notebook):
    for cell in notebook.cells:
        cell.metadata["vscode"] = {"languageId": "python"}
        cell.metadata.pop("nbgrader", None)
        cell.id = f"#{cell.id[:6]}{len(cell.source)}"
    notebook.metadata = {"language_info": {"name": "python"}, "vscode": {"interpreter": {"hash": "a" * 64}}}
    return notebook


@graded("widget metadata without state, and an output that is none")
def _(notebook):
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"version_major": 2}}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [{"output_type": "display_data"}, 5, {"output_type": "stream", "text": None}]
            cell.execution_count = "seven"
    return notebook


@graded("a byte order mark and Windows line ends")
def _(notebook):
    for cell in notebook.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    return b"\xef\xbb\xbf" + json.dumps(notebook, indent=1).replace("\n", "\r\n").encode()


@graded("UTF-16")
def _(notebook):
    return raw(notebook).decode().encode("utf-16")


@graded("bytes that are not UTF-8", says="not UTF-8")
def _(notebook):
    return raw(notebook).replace(b"Because.", b"Parce qu'\xe9videmment.")


@graded("Windows' own characters", says="not UTF-8")
def _(notebook):
    return raw(notebook).replace(b"Because.", "“Because” – it’s so…".encode("cp1252"))


@graded("another alphabet's bytes in names, comments and keys", says="not UTF-8")
def _(notebook):
    notebook.cells[1].source += "\n# NOTE"
    told = raw(notebook).replace(b"NOTE", "да".encode("koi8-r")).replace(b"Because.", "なぜ".encode("shift_jis"))
    return told.replace(b'"metadata"', b'"\xff\xfe": 1, "metadata"', 1)


@graded("characters that are cut off, overlong and half", says="not UTF-8")
def _(notebook):
    return raw(notebook).replace(b"Because.", b"\xe2\x82 \xc0\xaf \xed\xa0\x80 \xf5\x80\x80\x80 \xfe")


@refused("bytes of no text at all", "not text")
def _(notebook):
    return bytes(range(256)) * 4000


@refused("a notebook pressed together", "not text")
def _(notebook):
    return gzip.compress(raw(notebook))


@refused("UTF-8 in which every byte was made a character, and cut off", "cut off or damaged")
def _(notebook):
    return raw(notebook).decode("latin-1").encode()[:-40].replace(b"Because.", b"\xff" * 100_000)


@graded("NaN, Infinity and a whole number of 100 000 digits in the metadata")
def _(notebook):
    number = b'{"a": NaN, "b": [Infinity, -Infinity], "c": ' + b"9" * 100_000 + b"}"
    return raw({**notebook, "metadata": "HERE"}).replace(b'"HERE"', number)


@graded("another kernel and another language")
def _(notebook):
    notebook.metadata = {
        "kernelspec": {"name": "../../bin/sh", "language": "julia", "display_name": "Julia"},
        "language_info": {"name": "julia", "version": "1.10"},
    }
    return notebook


@graded("the same key twice: the last counts, as in Jupyter")
def _(notebook):
    return raw(notebook).replace(b'"source": "def double', b'"source": "1 / 0", "source": "def double')


@graded("two notebooks in one file, and zeros behind", says="after the notebook's end")
def _(notebook):
    return raw(notebook) + b"\n" + raw(unanswered(copy.deepcopy(notebook))) + b"\x00" * 4096


@graded("half characters and control characters everywhere")
def _(notebook):
    notebook.cells.append(text("\ud800 \x00 \x1b[2J \u202e"))
    notebook.cells[-1]["attachments"] = {"\udfff.png": {"image/png": "\ud800"}}
    notebook.cells[-1].metadata = {"nbgrader": {"grade_id": "\ud800"}, "tags": ["\ud800", 5], "id": "\x00"}
    notebook.cells.append(code("'\udcff \x00'"))
    return notebook


# --- what students do to a notebook -----------------------------------------------------------------------------------


@graded("installs, shell commands and a question to the keyboard", says="input")
def _(notebook):
    notebook.cells.insert(1, code("%pip install --quiet --no-index nothing-of-this-name\n!echo hello; cat"))
    notebook.cells.insert(2, code("name = input('Who are you? ')"))
    notebook.cells.insert(3, code("%%time\n%no_such_magic\n"))
    return notebook


@graded("answers merged into one cell, the others deleted", says="found by its content")
def _(notebook):
    cells = by_id(notebook)
    cells["id-double"].source = "\n\n".join(cells[name].source for name in ANSWERS)
    return without(notebook, "id-table", "id-mean")


@graded("cells merged with the check between them")
def _(notebook):
    cells = by_id(notebook)
    merged = ("id-double", "id-check-double", "text-table", "id-table")
    cells["id-double"].source = "\n\n".join(cells[name].source for name in merged)
    return without(notebook, *merged[1:])


@graded("a function split in two cells")
def _(notebook):
    at = [cell.id for cell in notebook.cells].index("id-double")
    second = copy.deepcopy(notebook.cells[at])
    notebook.cells[at].source, _, second.source = second.source.partition("\n")
    second.id = "second"
    notebook.cells.insert(at + 1, second)
    return notebook


@graded("every answer in one cell at the end, every stub as it was", says="found by its content")
def _(notebook):
    cells = by_id(notebook)
    together = "\n\n".join(cells[name].source for name in ANSWERS)
    unanswered(notebook).cells.append(code(together))
    return notebook


@graded("answers in the check cells", says="check_double had been edited")
def _(notebook):
    given = {name: cell.source for name, cell in by_id(notebook).items()}
    for name, cell in by_id(unanswered(notebook)).items():
        if name.startswith("id-check-"):
            cell.source = given[name.replace("check-", "")]
    return notebook


@graded("cells reversed and retyped", says="cells had been moved")
def _(notebook):
    by_id(notebook)["id-mean"]["cell_type"] = "markdown"
    by_id(notebook)["id-why"]["cell_type"] = "code"
    by_id(notebook)["id-table"]["cell_type"] = "raw"
    notebook.cells.reverse()
    by_id(notebook)["id-table"].source = "table = [2, 4, 6]"
    return notebook


@graded("checks deleted, a stub behind the answer, two thousand cells of one's own", says="check_mean was missing")
def _(notebook):
    notebook = without(notebook, "id-check-mean", "id-check-double", "title")
    stub = next(cell for cell in unanswered(copy.deepcopy(notebook)).cells if cell.id == "id-double")
    notebook.cells.append(stub)
    notebook.cells[2:2] = [text(f"note {n} on double and mean and table") for n in range(2000)]
    return notebook


@graded("a line of five million characters")
def _(notebook):
    notebook.cells.insert(0, code("# " + "y" * 5_000_000))
    notebook.cells.append(text("z" * 5_000_000))
    return notebook


@graded("one answer damaged beyond repair leaves the others", {**FULL, "double": 0.0, "table": 0.0})
def _(notebook):
    by_id(notebook)["id-double"]["source"] = {"not": ["a", "source"]}
    return notebook


@graded("points, locks and ids of one's own, and no answer", NONE, says="put back as released")
def _(notebook):
    for cell in unanswered(notebook).cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.update(points=1000, grade=True, locked=False, solution=True, cell_type="code")
            if cell.id.startswith("id-check-"):
                cell.source = "1000"
    invented = {"grade": True, "grade_id": "check_bonus", "locked": True, "points": 50, "solution": False}
    notebook.cells.append(code("50"))
    notebook.cells[-1].metadata = {"nbgrader": {**invented, "schema_version": 3, "task": False}}
    return notebook


# --- files that are refused -------------------------------------------------------------------------------------------


@refused("cut off", "cut off or damaged")
def _(notebook):
    return raw(notebook)[: len(raw(notebook)) // 2]


@refused("a hundred thousand lists within each other", "nested too deeply")
def _(notebook):
    return b'{"metadata": ' + b"[" * 100_000 + b"]" * 100_000 + b', "cells": []}'


@refused("twenty million empty objects", "holds too much")
def _(notebook):
    return b'{"cells": [' + b"{}," * 20_000_000 + b"{}]}"


@refused("64.3 MB of output", "bytes; at most 67,108,864 (64 MB)")
def _(notebook):
    notebook.cells[1].outputs = [{"output_type": "stream", "name": "stdout", "text": "spam " * 13_480_000}]
    return notebook


@refused("ten thousand cells", "10014 cells")
def _(notebook):
    notebook.cells += [{"cell_type": "code", "source": f"x{n} = {n}", "metadata": {}} for n in range(10_000)]
    return notebook


@refused("an empty file", "empty")
def _(notebook):
    return b""


@refused("the sign-in page of a web site", "web page")
def _(notebook):
    return b"<!DOCTYPE html><html><title>Sign in</title></html>"


@refused("a zip with the notebook's name", "zip archive")
def _(notebook):
    return b"PK\x03\x04" + bytes(100)


@refused("another week's notebook", "week 2, Tripling")
def _(notebook):
    notebook.cells = [code('check("triple");'), code("def triple(n):\n    return 3 * n")]
    return notebook


@refused("a notebook of something else", "None of this week's exercises")
def _(notebook):
    notebook.cells = [text("# My holidays"), code("print('sea')"), code("x = 1")]
    return notebook
