"""What students get: the tree without solutions and grader. It installs, week 1 runs in it, it gives nothing away."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
SECRET = ("CROSSMODAL-RUBRIC", "### BEGIN SOLUTION", "### END SOLUTION", "BEGIN HIDDEN TESTS")


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The students' copy of the tree as it is now, committed or not."""
    folder = tmp_path_factory.mktemp("student")
    stash = subprocess.run(["git", "stash", "create"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    archive = subprocess.run(["git", "archive", stash or "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


@pytest.fixture(scope="module")
def wheel(copy, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--quiet",
        "-w",
        str(out),
        ".",
    ]
    subprocess.run(command, cwd=copy, check=True)
    return next(out.glob("crossmodal-*.whl"))


def test_it_holds_the_weeks_and_neither_solutions_nor_grader(copy):
    names = {p.name for p in copy.iterdir()}
    assert {"weeks", "datasets", "README.md", "LICENSE", "pyproject.toml"} <= names
    assert not names & {"solutions", "grader", "tests", "benchmarks", "nbgrader_config.py"}


def test_it_gives_no_answer_away(copy):
    for path in copy.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors":
            text = path.read_text(encoding="utf-8", errors="replace")
            found = [marker for marker in SECRET if marker in text]
            assert not found, f"{path.relative_to(copy)} holds {found}"


def test_make_sets_it_up_without_the_grader_s_kernel(copy, tmp_path):
    """`make lab` and `make studio` are for students too."""
    planned = subprocess.run(
        ["make", "-n", "env", f"VENV={tmp_path}"], cwd=copy, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    (line,) = (line for line in planned if "kernelspec install" in line)
    assert subprocess.run(["sh", "-c", line], cwd=copy).returncode == 0
    assert subprocess.run(["sh", "-c", line], cwd=ROOT, capture_output=True).returncode == 127, "no such jupyter there"


def test_its_dev_container_and_its_image_are_the_student_s(copy):
    assert [path.name for path in (copy / ".devcontainer").iterdir()] == ["student"]
    assert {"Dockerfile", ".dockerignore", "MANIFEST.in", "CITATION.cff"} <= {path.name for path in copy.iterdir()}


def test_its_wheel_has_the_student_side_and_the_checkpoints_only(copy, wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    helpers = {week["helper"] for week in tomllib.loads((copy / "weeks/course.toml").read_text())["weeks"].values()}
    assert tops == {"coursekit", "tinyworld", *helpers}
    assert "tinyworld/checkpoints/clip/model.safetensors" in names
    assert {f"{helper}/{name}" for helper in helpers for name in ("points.json", "week.json")} <= set(names)
    assert not any("entry_points" in name for name in names)


def test_week_1_runs_in_it_from_beginning_to_end(copy, wheel, tmp_path):
    """Unsolved, as a student opens it: no cell fails, and every check says that there is no answer yet."""
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", str(tmp_path), str(wheel)],
        check=True,
    )
    week = copy / "weeks" / "week01_clip"
    notebook = nbformat.read(week / "week01_clip.ipynb", as_version=4)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "HF_HUB_OFFLINE": "1", "CROSSMODAL_THREADS": "1"}
    notebook.cells.append(nbformat.v4.new_code_cell("import coursekit, tinyworld; print(coursekit.__file__)"))
    NotebookClient(notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(week)}}).execute(
        env=env
    )
    assert notebook.cells[-1].outputs[0].text.startswith(str(tmp_path))
    checks = [cell for cell in notebook.cells if cell.source.startswith("check(")]
    assert len(checks) >= 8
    for cell in checks:
        text = "".join(output.get("text", "") for output in cell.outputs)
        assert "not answered yet" in text, f"{cell.source}: {text}"
