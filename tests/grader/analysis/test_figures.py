"""Which cells grading leaves out: those that only draw, as long as nothing that runs needs them."""

import copy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from grader.analysis.figures import TAG, names, only_drawn
from grader.course import notebooks
from grader.grading import pipeline

DRAWS = "bars = measure(model)\nshow(bars)"
ANSWER = "def double(x):\n    bars = 2 * x\n    return bars"


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[3] / "solutions").rglob("*.ipynb")), ids=lambda p: p.stem
)
def test_nothing_needs_the_courses_own_figures(path):
    whole = nbformat.read(path, as_version=4)
    figures = {cell["id"]: cell.source for cell in whole.cells if TAG in cell.metadata.get("tags", [])}
    left_out = only_drawn(whole, whole)
    assert [name for name, source in figures.items() if source not in left_out] == [], (
        "cells that run use what these bind"
    )


def notebook(*sources, tagged=(DRAWS,)):
    cells = [new_code_cell(s, metadata={"tags": ["figure"]} if s in tagged else {}) for s in sources]
    return new_notebook(cells=cells)


RELEASE = notebook("model = load()", "def double(x):\n    ...", DRAWS)


def test_a_figure_is_left_out_and_a_local_of_the_same_name_is_another():
    assert only_drawn(notebook("model = load()", ANSWER, DRAWS), RELEASE) == {DRAWS}


@pytest.mark.parametrize(
    "answer",
    [
        "def double(x):\n    return 2 * x + bars[0]",
        "print(bars)",
        "double = lambda x: 2 * x + bars[0]",
        "def double(x):\n    return [bars for _ in range(x)]",
        "class Double:\n    def __call__(self, x):\n        return bars",
        "double = globals()['ba' + 'rs']",
        "double = eval('bars')",
        "double = get_ipython().user_ns",
        "%store bars",
        "double = Out[3]",
        "import __main__\ndouble = __main__.__dict__",
        "def double(x):\n    return (",
        "def double(x):\n    return '\0'",
    ],
)
def test_what_may_use_a_figure_makes_it_run(answer):
    assert only_drawn(notebook("model = load()", answer, DRAWS), RELEASE) == set()


def test_a_figure_that_was_edited_is_the_students_own():
    assert only_drawn(notebook("model = load()", ANSWER, DRAWS + "\nmine = 1"), RELEASE) == set()


def test_only_the_releases_tags_count():
    theirs = notebook("model = load()", ANSWER, tagged=("model = load()", ANSWER))
    assert only_drawn(theirs, RELEASE) == set()


def test_figures_that_need_each_other_stay_together():
    second = "show(bars, again=True)"
    release = notebook(DRAWS, second, tagged=(DRAWS, second))
    assert only_drawn(release, release) == {DRAWS, second}
    changed = notebook(DRAWS, second + "\n", ANSWER)
    assert only_drawn(changed, release) == set()  # the second one runs, so the first must


def test_the_releases_own_cells_may_ask_for_what_was_answered():
    asks = "if 'double' in globals():\n    show(double)"
    release = notebook(DRAWS, asks)
    assert only_drawn(release, release) == {DRAWS}
    asks = "if 'bars' in globals():\n    show()"
    release = notebook(DRAWS, asks)
    assert only_drawn(release, release) == set()


def test_names_are_those_of_the_notebook_and_not_of_its_functions():
    bound, used = names(
        "import a.b as c, d.e\nfor i in r:\n    [q for q in i]\ndef f(y):\n    global z\n    z = y + w\n%time x\nx = 1"
    )
    assert bound == {"c", "d", "i", "f", "z", "x"}
    assert used >= {"r", "w", "i", "get_ipython"} and not used & {"q", "y", "f", "c"}


@pytest.fixture
def drawing(toy, week, right, monkeypatch):
    """The toy week's right notebook, whose release has a cell that draws."""
    released = copy.deepcopy(notebooks.released_notebook(toy, week))
    figure = new_code_cell("print('drawn')", id="figure", metadata={"tags": ["figure"]})
    for notebook in (released, right):
        notebook.cells.insert(4, copy.deepcopy(figure))
    monkeypatch.setattr(pipeline, "released_notebook", lambda course, week: released)
    return right


def printed(notebook) -> list[str]:
    return [o.text for cell in notebook.cells if "'drawn'" in cell.source for o in cell.outputs]


def test_grading_leaves_figures_out_and_the_instructors_run_does_not(toy, week, drawing):
    graded = pipeline.grade_notebook(toy, week, drawing)
    assert graded.grade.points == 7.5 and printed(graded.notebook) == []
    assert printed(pipeline.run_as_is(toy, week, drawing).notebook) == ["drawn\n"]
    drawing.cells[4].source += "\n"  # as a student who played with it
    assert printed(pipeline.grade_notebook(toy, week, drawing).notebook) == ["drawn\n"]


@pytest.mark.parametrize("magic", ["%%time", "\n%%capture --no-stderr\n%%time", "  %%prun -q"])
def test_a_cell_under_a_magic_that_runs_it_as_it_is_is_read(magic):
    assert names(f"{magic}\nx = y + 1")[0] == {"x"}
    assert only_drawn(notebook("model = load()", f"{magic}\n{ANSWER}", DRAWS), RELEASE) == {DRAWS}
