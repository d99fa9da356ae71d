"""The warm server of a plain course: it has imported what the course's notebooks import, and nothing else."""

import json
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from test_classic import PYTHON, cell

from grader.analysis import imports
from grader.course.discovery import find_course
from grader.course.syllabus import Course
from grader.execution import provisioner
from grader.execution.forkserver import LIBRARIES, warm_up
from grader.grading.batch import grade_class
from grader.grading.environment import libraries_of
from grader.grading.options import Options

WARM_YAML = "import sys; assert 'yaml' in sys.modules and 'torch' not in sys.modules"


@pytest.fixture
def plain(tmp_path) -> Course:
    """A plain course that imports yaml, and one submission."""
    cells = {
        "source": [
            new_code_cell("%matplotlib inline\nfrom yaml import safe_load\nimport json, helper, no_such_module")
        ],
        "release": [new_code_cell("def later():\n    import jinja2.sandbox, jax")],
        "submitted/ada": [new_code_cell("")],
    }
    for folder, own in cells.items():
        path = tmp_path / folder / "ps1" / "p.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(new_notebook(cells=[cell(WARM_YAML, "t", 1, "test"), *own], metadata=PYTHON), path)
    (tmp_path / "source" / "ps1" / "helper.py").write_text("raise RuntimeError('imported outside the sandbox')")
    return find_course(tmp_path)


@pytest.fixture
def warm(tmp_path, monkeypatch) -> str:
    """The name of a warm kernelspec that does not list its libraries, as the course's own."""
    folder = tmp_path / "jupyter" / "kernels" / "warm-plain"
    folder.mkdir(parents=True)
    spec = {"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "warm"}
    spec |= {"language": "python", "metadata": {"kernel_provisioner": {"provisioner_name": "crossmodal-warm"}}}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(folder.parent.parent))
    yield "warm-plain"
    provisioner.close_servers()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy as np, os.path", {"numpy", "os.path"}),
        ("from scipy import stats", {"scipy", "scipy.stats"}),
        ("from sklearn.metrics import *", {"sklearn.metrics"}),
        ("%matplotlib inline\n!pip install x\ndef f():\n    import torch", {"torch"}),
        ("from . import near\nfrom .near import x", set()),
        ("import this is no Python", set()),
        ("# import pandas\ntext = 'import polars'", set()),
    ],
)
def test_import_statements(source, expected):
    assert set(imports.imported(source)) == expected


def test_only_installed_packages_that_survive_a_fork(plain, monkeypatch):
    monkeypatch.syspath_prepend(plain.root / "source" / "ps1")
    found = imports.libraries(plain, plain.week("ps1"))
    assert found == ["jinja2.sandbox", "yaml", "yaml.safe_load"]


def test_which_libraries_a_kernelspec_has(plain, toy, week, warm):
    assert libraries_of("python3", plain, plain.week("ps1")) == []
    assert "yaml" in libraries_of(warm, plain, plain.week("ps1"))
    assert libraries_of(warm, toy, week) == list(LIBRARIES)


def test_kernels_of_a_plain_course_have_them_and_not_torch(plain, warm):
    (grade,) = grade_class(plain, plain.week("ps1"), options=Options(workers=1, kernel=warm))
    assert grade.points == 1, grade.log


def test_a_library_that_fails_costs_no_one_the_server(tmp_path, monkeypatch):
    for name, code in (("fails_oddly", "raise SystemError('x')"), ("leaves", "raise SystemExit(3)"), ("fine_one", "")):
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    warm_up(["fails_oddly", "leaves", "fine_one"])
    assert "fine_one" in sys.modules
