"""Any file becomes a notebook or a clear reason; any notebook is rebuilt on the release."""

import copy
import json
import os
from pathlib import Path

import nbformat
import pytest
from conftest import RIGHT

from grader import submission
from grader.reconcile import reconcile
from grader.submission import NotGradable, load


def reason(source) -> str:
    with pytest.raises(NotGradable) as caught:
        load(source)
    text = str(caught.value)
    assert text.endswith(".") and "Traceback" not in text
    return text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \n\xef\xbb\xbf", "empty"),
        (b"\x00" * 100, "empty"),
        (b"not json", "not a notebook"),
        (b'{"cells": [', "cut off"),
        (b"[1, 2]", "no cells"),
        (b'{"a": 1}', "no cells"),
        (b'{"cells": {}}', "no cells"),
        (b'{"cells": [], "nbformat": 4, "metadata": {}}', "no cells"),
        (b'{"cells": [1, 2], "nbformat": 4}', "no cells"),
        (b'{"cells": [{}], "nbformat": 99}', "format 99"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"PK\x03\x04....", "zip"),
        (b"\xff\xfa\x80abc", "not text"),
        (b'{"cells": ' + b"[" * 100_000, "cut off"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "damaged"),
        (b'{"worksheets": [{"cells": 5}], "nbformat": 3}', "damaged"),
    ],
)
def test_a_broken_file_is_a_reason(tmp_path: Path, content: bytes, says: str):
    path = tmp_path / "week.ipynb"
    path.write_bytes(content)
    assert says in reason(path)


def test_what_is_not_a_file_is_a_reason(tmp_path: Path):
    assert "Nothing was handed in" in reason(tmp_path / "absent.ipynb")
    assert "folder" in reason(tmp_path)
    os.mkfifo(tmp_path / "pipe.ipynb")
    assert "regular file" in reason(tmp_path / "pipe.ipynb")


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path, right):
    outside = tmp_path / "secret.ipynb"
    nbformat.write(right, outside)
    inside = tmp_path / "mine" / "week.ipynb"
    inside.parent.mkdir()
    inside.symlink_to(outside)
    assert "link" in reason(inside)


def test_a_huge_file_is_refused_without_being_read_whole(tmp_path: Path):
    path = tmp_path / "big.ipynb"
    with path.open("wb") as file:
        file.truncate(10 * 2**30)  # sparse: takes no disk
    assert "at most 64 MB" in reason(path)


def test_encodings_and_line_ends(tmp_path: Path, right):
    text = nbformat.writes(right)
    expected = [cell.source for cell in load(right).notebook.cells]
    path = tmp_path / "week.ipynb"
    for raw in (
        b"\xef\xbb\xbf" + text.encode(),
        text.replace("\n", "\r\n").encode(),
        text.encode("utf-16"),
        text.replace("\\n", "\\r\\n").encode(),
    ):
        path.write_bytes(raw)
        assert [cell.source for cell in load(path).notebook.cells] == expected


def test_nan_in_metadata_and_odd_cells_are_survived(tmp_path: Path):
    cells = [
        {"cell_type": "code", "source": ["a = 1\n", "b = 2"], "metadata": {"x": float("nan")}, "outputs": "none"},
        {"cell_type": "code", "source": None, "metadata": None},
        {"cell_type": ["odd"], "source": "\ud800", "metadata": {"nbgrader": [], "tags": "t"}, "id": 5},
        {"cell_type": "markdown", "source": "text", "attachments": {"a.png": {"image/png": 3}}},
        "not a cell",
    ]
    path = tmp_path / "week.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "metadata": {"widgets": float("inf")}}))
    found = load(path)
    assert found.notebook.cells[0].source == "a = 1\nb = 2"
    assert [cell.cell_type for cell in found.notebook.cells] == ["code", "code", "markdown", "markdown"]
    assert found.notes == ["1 damaged cells were left out"]
    found.notebook.cells[2].source.encode()


def test_an_old_notebook_is_converted(tmp_path: Path):
    cell = {"cell_type": "code", "input": "x = 1", "language": "python", "outputs": [], "metadata": {}}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"metadata": {}, "cells": [cell]}]}
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps(old))
    found = load(path)
    assert found.notebook.cells[0].source == "x = 1" and "format 3" in found.notes[0]


def test_a_file_under_another_name_is_found(toy, week, right):
    folder = toy.submission(week, "ada").parent
    folder.mkdir(parents=True)
    with pytest.raises(NotGradable, match="Nothing was handed in"):
        submission.find(toy, week, "ada")
    nbformat.write(right, folder / "Copy of week01_toy.ipynb")
    path, notes = submission.find(toy, week, "ada")
    assert path.name == "Copy of week01_toy.ipynb" and "Copy of" in notes[0]
    nbformat.write(right, folder / "another.ipynb")
    with pytest.raises(NotGradable, match="several"):
        submission.find(toy, week, "ada")


# --- reconcile --------------------------------------------------------------------------------------------------------


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


def test_thousands_of_cells_take_seconds(rebuild, right):
    import time

    right.cells += [nbformat.v4.new_code_cell("x = 1  # " + "y" * 3000 + str(n)) for n in range(3000)]
    for cell in right.cells[:14]:
        cell.metadata = nbformat.from_dict({})
    began = time.monotonic()
    rebuild(right)
    assert time.monotonic() - began < 20
