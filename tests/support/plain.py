"""Courses of plain nbgrader, made and released by nbgrader itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from typer.testing import CliRunner

from grader.cli.main import app
from grader.course.discovery import find_course
from grader.course.syllabus import Course

BIN = Path(sys.executable).parent


def cell(source, grade_id="", points=None, kind="", **metadata):
    """kind: "answer" (a student's), "test", "manual", "read only"."""
    data = {"schema_version": 3, "grade_id": grade_id, "solution": kind in ("answer", "manual")}
    data |= {"grade": kind in ("test", "manual"), "locked": kind in ("test", "read only", "task")}
    data["task"] = kind == "task"
    if points is not None:
        data["points"] = points
    make = new_markdown_cell if metadata.pop("markdown", False) else new_code_cell
    return make(source, id=grade_id or "plain", metadata={"nbgrader": data} if kind else {})


PYTHON: dict[str, Any] = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def nbgrader(root: Path, *arguments: str, check: bool = True) -> None:
    done = subprocess.run([BIN / "nbgrader", *arguments], cwd=root, capture_output=True, text=True, env=ENV)
    assert not check or done.returncode == 0, done.stderr


ENV = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}


def command(root: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*arguments, "--course", str(root)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def write_course(
    root: Path,
    cells: Sequence[NotebookNode] = (cell("1", "a", 1, "test"),),
    config: str = "c = get_config()",
    metadata: dict[str, Any] = PYTHON,
    name: str = "ps1",
) -> Path:
    """A course of one assignment, not released. Returns its folder."""
    folder = root / "source" / name
    folder.mkdir(parents=True)
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), folder / f"{name}.ipynb")
    (root / "nbgrader_config.py").write_text(config)
    return root


def configured(root: Path, *lines: str) -> Course:
    """A course with these settings."""
    if not (root / "source").exists():
        write_course(root)
    (root / "nbgrader_config.py").write_text("\n".join(["c = get_config()", *lines]))
    return find_course(root)


def filled(root: Path, name: str, answers: dict[str, str]) -> NotebookNode:
    """The released notebook with these sources: {grade_id: source}."""
    notebook = nbformat.read(root / "release" / name / f"{name}.ipynb", 4)
    for one in notebook.cells:
        one.source = answers.get(one.metadata.get("nbgrader", {}).get("grade_id"), one.source)
    return notebook


def hand_in(root: Path, name: str, student: str, notebook: NotebookNode) -> Path:
    """Hand the notebook in for this student. Returns the path of the file."""
    path = root / "submitted" / student / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path
