"""Courses of plain nbgrader, made and released by nbgrader itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell
from typer.testing import CliRunner

from grader.cli.main import app

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


PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def nbgrader(root: Path, *arguments: str, check: bool = True) -> None:
    done = subprocess.run([BIN / "nbgrader", *arguments], cwd=root, capture_output=True, text=True, env=ENV)
    assert not check or done.returncode == 0, done.stderr


ENV = {**__import__("os").environ, "PATH": f"{BIN}:{__import__('os').environ['PATH']}"}


def command(root: Path, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*arguments, "--course", str(root)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())
