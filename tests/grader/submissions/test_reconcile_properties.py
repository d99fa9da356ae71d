"""A thousand mangled notebooks: what is rebuilt is always the release with the student's answers, and nothing lost.

What an answer is worth is found out as the judge does, by what it does once the rebuilt notebook has run.
"""

import copy
import functools
import json
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from grader.course.questions import nbgrader, questions_in
from grader.submissions.cell_source import parsed
from grader.submissions.loading import NotGradable, load
from grader.submissions.reconcile import reconcile

ANSWERS = {
    "double": "def double(n):\n    return n + n",
    "table": "table = [2 * n for n in (1, 2, 3)]",
    "mean": "import numpy as np\n\ndef mean(values):\n    total = np.sum(values)\n    return total / len(values)",
    "why": "Because.",
}
RIGHT = {
    "double": lambda space: space["double"](21) == 42,
    "table": lambda space: space["table"] == [2, 4, 6],
    "mean": lambda space: space["mean"]([1, 2, 6]) == 3,
}
SCRATCH = [
    "x = 1",
    "print('double')",
    "import os",
    "%pip install torch",
    "!ls -l\n%time 1 + 1",
    "%%bash\nls",
    "name = input('Who are you? ')",
    "1 / 0",
    "def helper(n):\n    return n",
    "check('double')",
    "if True:\n  broken(",
    "#@title A form {run: 'auto'}\nn = 3 #@param",
    "y = '" + "long " * 2000 + "'",
    "# \ud800 \x00 \u202e",
    "",
]
GARBAGE = [None, 5, "text", [], {}, [[[[]]]], {"a": float("nan")}, {"x": 10**30}, {"\ud800": "\udfff"}]


class Mangled:
    """A notebook as raw JSON while it is mangled, and which of its answers are still whole.

    cells: dicts, each with "_answers", the questions whose answer it holds, and "_as_was", whether its text is.
    """

    def __init__(self, released, unanswered):
        self.top = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "python3"}}}
        self.cells, self.whole, self.empty = [], set(ANSWERS) - unanswered, set(unanswered)
        for cell in json.loads(json.dumps(released["cells"])):
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            answered = name in self.whole
            if answered:
                cell["source"] = ANSWERS[name]
            self.cells.append({**cell, "_answers": {name} if answered else set(), "_as_was": True})

    def __repr__(self):
        cells = [(cell.get("id"), str(cell["source"])[:60], cell["metadata"]) for cell in self.cells]
        return f"whole: {sorted(self.whole)}; " + ", ".join(map(str, cells))

    def lose(self, names):
        self.whole -= set(names)


def some(draw, cells):
    return [cell for cell in cells if draw(st.booleans())] if cells else []


def place(draw, m):
    return draw(st.integers(0, len(m.cells)))


def one(draw, m):
    return draw(st.sampled_from(m.cells)) if m.cells else None


def drop_metadata(draw, m):
    for cell in some(draw, m.cells):
        cell["metadata"] = draw(st.sampled_from(GARBAGE))


def drop_ids(draw, m):
    for cell in some(draw, m.cells):
        cell.pop("id", None)


def same_ids(draw, m):
    for cell in some(draw, m.cells):
        cell["id"] = "id-double"


def delete(draw, m):
    if cell := one(draw, m):
        m.cells.remove(cell)
        m.lose(name for name in cell["_answers"] if not any(name in other["_answers"] for other in m.cells))


def move(draw, m):
    if cell := one(draw, m):
        m.cells.remove(cell)
        m.cells.insert(place(draw, m), cell)


def shuffle(draw, m):
    m.cells = draw(st.permutations(m.cells))


def duplicate(draw, m):
    if cell := one(draw, m):
        m.cells.insert(place(draw, m), copy.deepcopy(cell))


def add(draw, m):
    for source in draw(st.lists(st.sampled_from(SCRATCH), min_size=1, max_size=4)):
        kind = draw(st.sampled_from(["code", "code", "markdown", "raw"]))
        cell = {"cell_type": kind, "source": source, "metadata": {}, "_answers": set(), "_as_was": False}
        m.cells.insert(place(draw, m), cell)


def retype(draw, m):
    for cell in some(draw, m.cells)[:3]:
        cell["cell_type"] = draw(st.sampled_from(["code", "markdown", "raw", "odd", ["code"], None]))


def edit_locked(draw, m):
    for cell in some(draw, [cell for cell in m.cells if not cell["_answers"]]):
        if cell["_as_was"] and not _is_stub(cell):
            cell["source"] = draw(
                st.sampled_from(["1000", "import os", "PROFILE = 'full'", "", cell["source"] + "\nx=1"])
            )
            cell["_as_was"] = False


def _is_stub(cell):
    return "YOUR " in cell["source"]


def split(draw, m):
    cell = one(draw, m)
    if cell is None or not isinstance(cell["source"], str):
        return
    lines = cell["source"].split("\n")
    at = draw(st.integers(0, len(lines)))
    second = copy.deepcopy(cell)
    cell["source"], second["source"] = "\n".join(lines[:at]), "\n".join(lines[at:])
    if draw(st.booleans()):
        second["metadata"] = {}
    if draw(st.booleans()):
        second.pop("id", None)
    m.cells.insert(m.cells.index(cell) + 1, second)
    for half in (cell, second):
        half["_as_was"], half["_half"] = False, True


def merge(draw, m):
    if len(m.cells) < 2:
        return
    first = draw(st.integers(0, len(m.cells) - 2))
    pieces = m.cells[first : first + draw(st.integers(2, 4))]
    answers = set().union(*(piece["_answers"] for piece in pieces))
    # prose in a cell of code can be told from it only where it is a released cell's, and that is there once
    prose = any(piece["cell_type"] != "code" or not piece["_as_was"] for piece in pieces)
    if prose or "why" in answers:
        m.lose(answers)
    kept = draw(st.sampled_from([pieces[0], pieces[-1]]))
    source = "\n\n".join(piece["source"] for piece in pieces if isinstance(piece["source"], str))
    together = {**kept, "source": source, "_answers": answers, "_as_was": False}
    together.pop("_odd", None)
    m.cells[first : first + len(pieces)] = [together]


def forge(draw, m):
    for cell in some(draw, m.cells):
        if isinstance(cell["metadata"], dict) and isinstance(cell["metadata"].get("nbgrader"), dict):
            cell["metadata"]["nbgrader"] |= {"points": 1000, "locked": False, "solution": True, "grade": True}
        elif not cell["_answers"]:
            invented = draw(st.sampled_from(["check_double", "double", "why", "check_bonus", "", 5, None]))
            cell["metadata"] = {"nbgrader": {"grade_id": invented, "grade": True, "points": 50}, "tags": ["parameters"]}


def colab(draw, m):
    for cell in m.cells:
        cell["metadata"] = {"id": cell.pop("id", "x"), "outputId": "1", "colab": {}, "cellView": "form"}
    badge = {"cell_type": "markdown", "metadata": {"id": "view-in-github"}, "_answers": set(), "_as_was": False}
    m.cells.insert(0, badge | {"source": "<img src='https://colab.research.google.com/assets/colab-badge.svg'>"})
    m.top["metadata"] = {"colab": {"provenance": []}}


def vscode(draw, m):
    for cell in m.cells:
        if isinstance(cell["metadata"], dict):
            cell["metadata"]["vscode"] = {"languageId": "python"}


def old_format(draw, m):
    m.top["nbformat"], m.top["worksheets"] = 3, True


def odd_top(draw, m):
    m.top["metadata"] = draw(st.sampled_from(GARBAGE))
    m.top["nbformat"] = draw(st.sampled_from([4, 4.0, "4", None, 0, -1]))


def odd_outputs(draw, m):
    for cell in some(draw, m.cells):
        cell["outputs"] = draw(st.sampled_from(GARBAGE))
        cell["execution_count"] = draw(st.sampled_from(GARBAGE))
        cell["attachments"] = draw(st.sampled_from([*GARBAGE, {"a": {"image/png": "aGk="}}]))


def damaged_cells(draw, m):
    for odd in draw(st.lists(st.sampled_from(GARBAGE), max_size=3)):
        if not isinstance(odd, dict):
            cell = {"cell_type": "code", "source": "", "metadata": {}, "_answers": set(), "_as_was": False}
            m.cells.insert(place(draw, m), cell | {"_odd": odd})


def lines(draw, m):
    for cell in some(draw, m.cells):
        cell["_lines"] = True


def windows(draw, m):
    for cell in m.cells:
        cell["_crlf"] = True


MUTATIONS = [
    drop_metadata, drop_ids, same_ids, delete, move, shuffle, duplicate, add, retype, edit_locked, split, merge, forge,
    colab, vscode, old_format, odd_top, odd_outputs, damaged_cells, lines, windows,
]  # fmt: skip


def written(m):
    cells = []
    for cell in m.cells:
        plain = {name: value for name, value in cell.items() if not name.startswith("_")}
        if cell.get("_crlf") and isinstance(plain["source"], str):
            plain["source"] = plain["source"].replace("\n", "\r\n")
        if cell.get("_lines") and isinstance(plain["source"], str):
            plain["source"] = plain["source"].splitlines(keepends=True)
        if m.top.get("worksheets") and plain["cell_type"] == "code":
            plain["input"] = plain.pop("source")
        cells.append(cell.get("_odd", plain))
    top = {name: value for name, value in m.top.items() if name != "worksheets"}
    where = {"worksheets": [{"cells": cells}]} if m.top.get("worksheets") else {"cells": cells}
    return json.dumps({**top, **where}).encode()


@st.composite
def mangled(draw, release):
    """A Mangled notebook and its bytes."""
    m = Mangled(release.notebook, draw(st.sets(st.sampled_from(sorted(ANSWERS)))))
    for mutate in draw(st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=5)):
        mutate(draw, m)
    # a question for a person has no name that its answer defines: it must have kept nbgrader's id, in one cell
    homes = [cell for cell in m.cells if "why" in cell["_answers"]]
    if len(homes) != 1 or homes[0].get("_half") or not _has_grade_id(homes[0], "why"):
        m.lose({"why"})
    for question in list(m.whole - {"why"}):
        if not _in_one_piece(m, question):
            m.lose({question})
    return m, written(m)


def _in_one_piece(m, question):
    """Whether an answer that was split still stands in neighbouring cells of code."""
    at = [n for n, cell in enumerate(m.cells) if question in cell["_answers"]]
    if not any(m.cells[n].get("_half") for n in at):
        return True
    source = "\n".join(m.cells[n]["source"] for n in at)
    return (
        source.count(ANSWERS[question]) == 1
        and at == list(range(at[0], at[-1] + 1))
        and all(m.cells[n]["cell_type"] == "code" for n in at)
    )


def _has_grade_id(cell, name):
    metadata = cell["metadata"] if isinstance(cell["metadata"], dict) else {}
    data = metadata.get("nbgrader")
    return isinstance(data, dict) and data.get("grade_id") == name


@functools.lru_cache(maxsize=4096)
def compiled(source):
    tree = parsed(source)
    try:
        return compile(tree, "cell", "exec") if tree else None
    except (SyntaxError, ValueError):
        return None


def run(notebook):
    """The names that are there once the notebook's cells but its checks have run, each on its own as in a kernel."""

    def nobody(prompt=""):
        raise EOFError

    space = {"input": nobody, "print": lambda *_: None}
    for cell in notebook.cells:
        code = compiled(cell.source) if cell.cell_type == "code" and not nbgrader(cell).get("grade") else None
        if code:
            try:
                exec(code, space)
            except Exception:
                continue
    return space


def holds(question, space):
    try:
        return bool(RIGHT[question](space))
    except Exception:
        return False


def assert_is_the_release(found, released):
    nbformat.validate(found)
    assert questions_in(found) == questions_in(released), "ids and points come from the release"
    frame = [cell for cell in found.cells if not cell.id.startswith("added-")]
    assert [cell.id for cell in frame] == [cell.id for cell in released.cells]
    assert found.metadata == released.metadata
    for cell, original in zip(frame, released.cells, strict=True):
        assert (cell.cell_type, cell.metadata) == (original.cell_type, original.metadata)
        fixed = nbgrader(original).get("locked") or original.metadata.get("tags") or not nbgrader(original)
        if fixed and original.id != "imports":
            assert cell.source == original.source, "checks, locked cells, parameters and text are the release's"
    assert all(not cell.metadata for cell in found.cells if cell.id.startswith("added-"))


class Release(NamedTuple):
    """The toy week's notebook, and the other weeks'."""

    notebook: nbformat.NotebookNode
    others: dict[str, nbformat.NotebookNode]
    folder: Path

    def __repr__(self):  # hypothesis prints what failed, and this is always the same
        return "the toy week"

    def rebuild(self, raw):
        path = self.folder / "week01_toy.ipynb"
        path.write_bytes(raw)
        return reconcile(load(path).notebook, self.notebook, self.others).notebook


@pytest.fixture(scope="module")
def release(toy_tree, tmp_path_factory):
    first, second = (nbformat.read(toy_tree.release(toy_tree.week(n)), as_version=4) for n in "12")
    return Release(first, {"week 2": second}, tmp_path_factory.mktemp("mangled"))


def quick(examples):
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.large_base_example,
        ],
    )


@quick(1000)
@given(data=st.data())
def test_a_mangled_notebook_is_the_release_with_what_was_answered(release, data):
    m, raw = data.draw(mangled(release))
    try:
        found = release.rebuild(raw)
    except NotGradable as reason:
        assert not m.whole - {"why"}, f"answers to {m.whole} were there: {reason}"
        return
    assert_is_the_release(found, release.notebook)
    space = run(found)
    stubs = {cell.id: cell.source for cell in release.notebook.cells}
    answers = {cell.id: cell.source for cell in found.cells}
    for question in m.whole:
        assert answers[f"id-{question}"].strip() != stubs[f"id-{question}"].strip(), f"{question} counts as unanswered"
        assert question == "why" or holds(question, space), f"the answer to {question} was lost"
    assert "why" not in m.whole or "Because." in answers["id-why"]
    for question in m.empty - {"why"}:
        assert not holds(question, space), f"{question} was right out of nothing"


@quick(300)
@given(
    at=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    end=st.floats(0.5, 1),
    ahead=st.sampled_from([b"", b"\xef\xbb\xbf", b"\n\n", b"\xff\xfe", b"\x00"]),
    behind=st.sampled_from([b"", b"\n", b"}", b"\x00" * 9, b"<html>"]),
)
def test_damaged_bytes_are_a_reason_or_the_release(release, at, end, ahead, behind):
    raw = bytearray(written(Mangled(release.notebook, set())))
    raw = raw[: int(end * len(raw)) + 1]
    for where, byte in at:
        raw[int(where * (len(raw) - 1))] = byte
    try:
        found = release.rebuild(ahead + bytes(raw) + behind)
    except NotGradable as reason:
        assert str(reason).endswith(".")
        return
    assert_is_the_release(found, release.notebook)
