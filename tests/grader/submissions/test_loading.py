"""Any file becomes a notebook or a clear reason."""

import json
import os
import time
from pathlib import Path

import nbformat
import pytest

from grader.submissions import loading
from grader.submissions.loading import NotGradable, load


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
        (b'{"cells": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "no cells"),
        (b'{"worksheets": [{"cells": 5}], "nbformat": 3}', "no cells"),
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
    assert "The file has 10,737,418,240 bytes; at most 67,108,864 (64 MB)" in reason(path)
    with path.open("wb") as file:
        file.truncate(loading.MAX_BYTES + 1)
    assert "The file has 67,108,865 bytes; at most 67,108,864 (64 MB)" in reason(path), "sizes that differ"


def test_encodings_and_line_ends(tmp_path: Path, right):
    text = nbformat.writes(right)
    expected = [cell.source for cell in load(right).notebook.cells]
    path = tmp_path / "week.ipynb"
    for raw in (
        b"\xef\xbb\xbf" + text.encode(),
        text.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" * 2 + text.encode(),
        *(text.encode(name) for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")),
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
        loading.find(toy, week, "ada")
    nbformat.write(right, folder / "Copy of week01_toy.ipynb")
    (folder / "._Copy of week01_toy.ipynb").write_bytes(b"left by macOS")
    path = loading.find(toy, week, "ada")
    assert path.name == "Copy of week01_toy.ipynb" and "Copy of" in loading.other_name(week, path)[0]
    nbformat.write(right, folder / "another.ipynb")
    with pytest.raises(NotGradable, match="several"):
        loading.find(toy, week, "ada")


def test_what_is_overlooked_in_a_file_is_noted(tmp_path, right):
    path, raw = tmp_path / "week.ipynb", nbformat.writes(right).encode()
    path.write_bytes(raw + b"\n}\n" + raw)
    assert load(path).notes == ["what stood after the notebook's end was left out"]
    path.write_bytes(raw.replace(b"Because.", b"Parce que \xe9."))
    assert load(path).notes == ["the file was not UTF-8; read as Windows-1252"]
    assert load(path).notebook.cells[-1].source == "Parce que é."
    path.write_bytes(raw.replace(b"Because.", "Parce que é, ".encode() + b"\xe9."))
    assert load(path).notes == ["characters that are not UTF-8 were replaced"]
    path.write_bytes(raw.replace(b"Because.", b"a raw\ttab") + b"\x00" * 512)
    assert load(path).notes == []


def test_half_characters_never_reach_the_record(tmp_path):
    picture = {"\ud800.png": {"image/png": "aGk="}}
    cells = [{"cell_type": "markdown", "source": ["\udfff"], "attachments": picture, "metadata": {}}]
    path = tmp_path / "week.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}))
    nbformat.writes(load(path).notebook).encode()


def test_a_note_on_the_files_name(week):
    assert loading.other_name(week, Path("week01_toy.ipynb")) == []
    assert loading.other_name(week, Path("a/mine.ipynb")) == [
        "the file is called mine.ipynb; taken as week01_toy.ipynb"
    ]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"cells": [' + b"{}," * 9_000_000 + b"{}]}", "holds too much"),
        (b'{"cells": [' + b'{"source": 1},' * 6_000 + b"{}]}", "6001 cells"),
        (b'{"a": ' * 100_000, "nested too deeply"),
    ],
)
def test_files_made_to_exhaust_are_refused_in_seconds(tmp_path, raw, says):
    path = tmp_path / "week.ipynb"
    path.write_bytes(raw)
    began = time.process_time()
    assert says in reason(path)
    assert time.process_time() - began < 5
