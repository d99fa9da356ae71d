"""Any notebook is rebuilt on the release, or it is said that it is another's."""

import copy
import time

import nbformat
import pytest
from support.toy import RIGHT

from grader.submissions.loading import NotGradable, load
from grader.submissions.reconcile import reconcile


@pytest.fixture
def rebuild(toy, week):
    released = nbformat.read(toy.release(week), as_version=4)
    others = {"week 2, Tripling": nbformat.read(toy.release(toy.week("2")), as_version=4)}

    def rebuilt(notebook):
        found = reconcile(load(notebook).notebook, released, others)
        nbformat.validate(found.notebook)
        frame = [cell.id for cell in found.notebook.cells if not cell.id.startswith("added-")]
        assert frame == [cell.id for cell in released.cells], "the released cells, all of them, in their order"
        for cell, original in zip(_released(found.notebook), released.cells, strict=True):
            assert cell.metadata == original.metadata and cell.cell_type == original.cell_type
            data = original.metadata.get("nbgrader", {})
            if (data and not data["solution"]) or "parameters" in original.metadata.get("tags", []):
                assert cell.source == original.source, "locked cells and parameters are the release's"
        return found

    return rebuilt


def _released(notebook):
    return [cell for cell in notebook.cells if not cell.id.startswith("added-")]


def sources(found) -> dict[str, str]:
    return {cell.id: cell.source for cell in found.notebook.cells}


def assert_answered(found):
    assert {name: sources(found)[f"id-{name}"] for name in RIGHT} == RIGHT


def test_a_notebook_that_was_filled_in_needs_no_repair(rebuild, right):
    found = rebuild(right)
    assert_answered(found)
    assert found.repairs == []


def test_all_metadata_lost(rebuild, right):
    for cell in right.cells:
        cell.metadata, _ = nbformat.from_dict({}), cell.pop("id")
    found = rebuild(right)
    assert_answered(found)
    assert any("lost nbgrader's metadata" in line for line in found.repairs)
    assert len(found.notebook.cells) == len(right.cells), "nothing is there twice"


def test_saved_by_colab(rebuild, right):
    for cell in right.cells:
        cell.metadata = nbformat.from_dict(
            {"id": cell.pop("id"), "outputId": "abc", "colab": {"base_uri": "https://x"}}
        )
    badge = "<a><img src='https://colab.research.google.com/assets/colab-badge.svg'/></a>"
    right.cells.insert(0, nbformat.v4.new_markdown_cell(badge, metadata={"id": "view-in-github"}))
    right.metadata = nbformat.from_dict({"colab": {"provenance": []}, "accelerator": "GPU"})
    right.nbformat_minor = 0
    found = rebuild(right)
    assert_answered(found)
    assert not any("badge" in cell.source for cell in found.notebook.cells)
    assert found.notebook.metadata.kernelspec.name == "python3" and "colab" not in found.notebook.metadata


def test_points_and_locks_come_from_the_release_only(rebuild, right):
    for cell in right.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.update(points=1000, locked=False, solution=True, grade=True)
            if cell.metadata.nbgrader.grade_id.startswith("check_"):
                cell.source = "1000"
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = 'PROFILE = "full"'
    found = rebuild(right)
    assert_answered(found)
    assert "check_double had been edited; put back as released" in found.repairs
    assert any("PROFILE" in line and "put back" in line for line in found.repairs)


def test_deleted_moved_and_retyped_cells(rebuild, right):
    cells = {cell.id: cell for cell in right.cells}
    cells["id-double"].cell_type = "raw"
    for name in ("outputs", "execution_count"):
        cells["id-double"].pop(name)
    order = ["id-mean", "id-double", "title", "id-table", "imports", "id-why"]
    right.cells = [cells[name] for name in order]
    found = rebuild(right)
    assert_answered(found)
    assert "check_double was missing; put back as released" in found.repairs
    assert "cells had been moved; the released order is used" in found.repairs
    assert "double had become a raw cell; made code again" in found.repairs


def test_a_deleted_answer_is_the_released_stub(rebuild, right, fill):
    right.cells = [cell for cell in right.cells if cell.id != "id-mean"]
    found = rebuild(right)
    stub = next(cell.source for cell in fill().cells if cell.id == "id-mean")
    assert sources(found)["id-mean"] == stub
    assert "mean was missing; put back as released" in found.repairs


def test_cells_of_ones_own_stay_where_they_were(rebuild, right):
    own = nbformat.v4.new_code_cell("def helper(n): return n")
    place = next(i for i, cell in enumerate(right.cells) if cell.id == "id-double")
    right.cells.insert(place, own)
    right.cells.insert(0, nbformat.v4.new_code_cell("%pip install x\n!ls"))
    found = rebuild(right)
    order = [cell.source for cell in found.notebook.cells]
    assert order[0] == "%pip install x\n!ls"
    assert order.index("## Double\nMultiply by two.") + 1 == order.index(own.source)
    assert found.notebook.cells[0].metadata == {}
    assert found.repairs == []


def test_duplicate_answers_count_as_they_ran(rebuild, fill):
    notebook = fill(double="def double(n):\n    return 1")
    place = next(i for i, cell in enumerate(notebook.cells) if cell.id == "id-double")
    second = copy.deepcopy(notebook.cells[place])
    second.source, second.id = "def double(n):\n    return 2 * n", "copy"
    stub = next(cell for cell in fill().cells if cell.id == "id-double")
    notebook.cells[place + 1 : place + 1] = [second, nbformat.from_dict({**stub, "id": "stub"})]
    found = rebuild(notebook)
    order = [cell.source for cell in found.notebook.cells]
    assert sources(found)["id-double"] == second.source
    assert order.index("def double(n):\n    return 1") < order.index(second.source)
    assert order.count(stub.source) == 0, "an untouched copy behind the answer would undo it"
    assert "double was there more than once; what comes last counts" in found.repairs


def test_an_answer_in_a_new_cell_is_found_by_what_it_defines(rebuild, right):
    for cell in list(right.cells):
        if cell.id == "id-double":
            right.cells.remove(cell)
    right.cells.append(nbformat.v4.new_code_cell("import math\ndef double(n):\n    return n * 2"))
    found = rebuild(right)
    assert sources(found)["id-double"].endswith("return n * 2")


def place(notebook, name: str) -> int:
    return next(i for i, cell in enumerate(notebook.cells) if cell.id == name)


def remove(notebook, *names: str) -> None:
    notebook.cells = [cell for cell in notebook.cells if cell.id not in names]


def test_merged_cells_come_apart_at_the_checks_between_them(rebuild, right):
    merged = ("id-double", "id-check-double", "text-table", "id-table")
    cells = {cell.id: cell for cell in right.cells}
    cells["id-double"].source = "\n\n".join(cells[name].source for name in merged)
    remove(right, *merged[1:])
    assert_answered(rebuild(right))


@pytest.mark.parametrize("kept", ["id-double", "id-table", "id-mean"])
def test_merged_answers_are_shared_out_by_what_they_define(rebuild, right, kept):
    names = ("id-double", "id-table", "id-mean")
    cells = {cell.id: cell for cell in right.cells}
    cells[kept].source = "%matplotlib inline\n" + "\n\n".join(cells[name].source for name in names)
    remove(right, *(name for name in names if name != kept))
    found = rebuild(right)
    assert sources(found)["id-double"] == "%matplotlib inline\n" + RIGHT["double"]
    assert {name: sources(found)[f"id-{name}"] for name in ("table", "mean")} == {
        name: RIGHT[name] for name in ("table", "mean")
    }


def test_answers_in_cells_of_ones_own_count_though_the_stubs_stand(rebuild, right, fill):
    notebook = fill()
    notebook.cells.insert(place(notebook, "id-double") + 1, nbformat.v4.new_code_cell(RIGHT["double"]))
    notebook.cells.append(nbformat.v4.new_code_cell(RIGHT["table"] + "\n\n" + RIGHT["mean"]))
    notebook.cells.append(nbformat.v4.new_markdown_cell(RIGHT["why"]))
    found = rebuild(notebook)
    assert_answered(found)
    assert "NotImplementedError" not in "".join(sources(found).values())


def test_a_note_is_no_answer_to_a_question_of_code(rebuild, fill):
    notebook = fill()
    note = "Look:\n```\ndef double(n):\n    return n + n\n```\n\ndef double(n): is what I tried"
    notebook.cells.append(nbformat.v4.new_markdown_cell(note))
    notebook.cells.append(nbformat.v4.new_code_cell("x = 1\nprint('double')"))
    found = rebuild(notebook)
    assert sources(found)["id-double"] == sources(rebuild(fill()))["id-double"]


def test_answers_written_into_locked_cells_count(rebuild, right, fill):
    stubs = {cell.id: cell.source for cell in fill().cells}
    cells = {cell.id: cell for cell in right.cells}
    cells["id-check-double"].source, cells["id-double"].source = RIGHT["double"], stubs["id-double"]
    cells["id-check-table"].source += "\n\n" + RIGHT["table"]
    cells["id-table"].source = stubs["id-table"]
    cells["text-why"].source += "\n" + RIGHT["why"]
    cells["id-why"].source = stubs["id-why"]
    assert_answered(rebuild(right))


def test_imports_added_to_a_locked_cell_are_kept_and_nothing_else(rebuild, right):
    cells = {cell.id: cell for cell in right.cells}
    cells["parameters"].source = 'PROFILE = "full"\nimport numpy as np\nfrom math import (\n  pi,\n)\nSEED = 5'
    order = [cell.source for cell in rebuild(right).notebook.cells]
    at = order.index('PROFILE = "tiny"\nSEED = 0')
    assert order[at + 1] == "import numpy as np\nfrom math import (\n  pi,\n)"
    assert not any('"full"' in source for source in order)


@pytest.mark.parametrize("tagged", ["both", "first", "second"])
def test_a_function_split_in_two_is_whole_again(rebuild, right, tagged):
    at = place(right, "id-double")
    first, second = right.cells[at], copy.deepcopy(right.cells[at])
    first.source, second.source = "def double(n):", "    return n + n"
    first.id, second.id = "half-1", "half-2"
    for half, name in ((first, "second"), (second, "first")):
        if tagged == name:
            half.metadata = nbformat.from_dict({})
    right.cells.insert(at + 1, second)
    assert sources(rebuild(right))["id-double"] == "def double(n):\n    return n + n"


def test_a_half_that_is_whole_python_takes_in_the_rest(rebuild, right):
    at = place(right, "id-mean")
    right.cells[at].source = "def mean(values):\n    total = sum(values)"
    right.cells.insert(at + 1, nbformat.v4.new_code_cell("    return total / len(values)"))
    right.cells.insert(at + 2, nbformat.v4.new_code_cell("print(mean([1]))"))
    found = rebuild(right)
    assert sources(found)["id-mean"] == "def mean(values):\n    total = sum(values)\n    return total / len(values)"
    assert "print(mean([1]))" in sources(found).values()


def test_a_written_answer_split_in_two_is_whole_again(rebuild, right):
    second = copy.deepcopy(right.cells[place(right, "id-why")])
    second.source, second.id = "And more.", "half"
    right.cells.append(second)
    assert sources(rebuild(right))["id-why"] == "Because.\n\nAnd more."


def test_a_copied_cell_that_holds_another_answer(rebuild, right):
    at = place(right, "id-mean")
    copied = copy.deepcopy(right.cells[place(right, "id-double")])
    copied.source, copied.id = RIGHT["mean"], "copied"
    right.cells[at] = copied
    assert_answered(rebuild(right))


def test_a_moved_answer_also_runs_where_it_stood(rebuild, right):
    cells = {cell.id: cell for cell in right.cells}
    cells["id-table"].source = "table = list(np.array([2, 4, 6]))"
    remove(right, "id-table")
    right.cells += [nbformat.v4.new_code_cell("import numpy as np"), cells["id-table"]]
    order = [cell.source for cell in rebuild(right).notebook.cells]
    assert order.count(cells["id-table"].source) == 2
    assert order[-2:] == ["import numpy as np", cells["id-table"].source], "it needs what stands before it"


def test_one_moved_cell_does_not_draw_others_along(rebuild, right):
    right.cells.insert(0, right.cells.pop(place(right, "id-why")))
    right.cells.insert(1, nbformat.v4.new_code_cell("import numpy as np"))
    order = [cell.source for cell in rebuild(right).notebook.cells]
    assert order[0] == "import numpy as np"


def test_checks_written_over_and_all_metadata_lost(rebuild, right):
    for cell in right.cells:
        cell.metadata, _ = nbformat.from_dict({}), cell.pop("id")
        if cell.source.startswith("check("):
            cell.source = "1000"
    found = rebuild(right)
    assert_answered(found)
    assert "check_mean was missing; put back as released" in found.repairs


def test_edited_parameters_without_metadata_are_known_by_likeness(rebuild, right):
    right.cells[place(right, "parameters")].source = 'PROFILE = "full"\nSEED = 0'
    for cell in right.cells:
        cell.metadata, _ = nbformat.from_dict({}), cell.pop("id")
    assert not any('"full"' in cell.source for cell in rebuild(right).notebook.cells)


def test_another_weeks_notebook_is_named(toy, rebuild):
    with pytest.raises(NotGradable, match="week 2, Tripling"):
        rebuild(nbformat.read(toy.release(toy.week("2")), as_version=4))


def test_another_weeks_notebook_without_metadata_is_named(toy, rebuild):
    notebook = nbformat.read(toy.release(toy.week("2")), as_version=4)
    for cell in notebook.cells:
        cell.metadata, _ = nbformat.from_dict({}), cell.pop("id")
    with pytest.raises(NotGradable, match="week 2, Tripling"):
        rebuild(notebook)


def test_some_other_notebook_is_refused(rebuild):
    cells = [nbformat.v4.new_code_cell(f"print({n})") for n in range(20)]
    with pytest.raises(NotGradable, match="None of this week's exercises"):
        rebuild(nbformat.v4.new_notebook(cells=cells))


def test_one_answered_cell_is_enough(rebuild, right):
    right.cells = [cell for cell in right.cells if cell.id == "id-double"]
    found = rebuild(right)
    assert sources(found)["id-double"] == right.cells[0].source


@pytest.mark.parametrize("source", ["x = 1  # " + "y" * 3000, "def double(n): pass\n" * 100, "a = 1\n" * 1000])
def test_thousands_of_cells_take_seconds(rebuild, right, source):
    right.cells[3:3] = [nbformat.v4.new_code_cell(f"{source}{n}") for n in range(1500)]
    for cell in right.cells:
        cell.metadata = nbformat.from_dict({})
    began = time.process_time()
    rebuild(right)
    assert time.process_time() - began < 15


def test_a_line_of_megabytes_takes_seconds(rebuild, right):
    right.cells[3:3] = [nbformat.v4.new_code_cell("a" * 20_000_000), nbformat.v4.new_code_cell("b=" * 5_000_000)]
    fields = "def double(n): return f'" + "{n}" * 6_000 + "'"  # parsing these is quadratic
    right.cells += [nbformat.v4.new_markdown_cell(f"{fields}\n# {n}") for n in range(1000)]
    for cell in right.cells:
        cell.metadata = nbformat.from_dict({})
    remove(right, "id-double")
    began = time.process_time()
    rebuild(right)
    assert time.process_time() - began < 30
