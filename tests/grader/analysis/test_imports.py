"""A warm server: it has imported what the week's notebooks need, and nothing else."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from support.plain import PYTHON, cell

from coursekit import models
from grader.analysis import imports
from grader.course.discovery import find_course
from grader.course.syllabus import Course
from grader.execution import provisioner
from grader.execution.forkserver import warm_up
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
    assert libraries_of(warm, toy, week) == imports.libraries(toy, week)


def test_kernels_of_a_plain_course_have_them_and_not_torch(plain, warm):
    (grade,) = grade_class(plain, plain.week("ps1"), options=Options(workers=1, kernel=warm))
    assert grade.points == 1, grade.log


def test_a_library_that_fails_costs_no_one_the_server(tmp_path, monkeypatch):
    for name, code in (("fails_oddly", "raise SystemError('x')"), ("leaves", "raise SystemExit(3)"), ("fine_one", "")):
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    warm_up(["fails_oddly", "leaves", "fine_one"])
    assert "fine_one" in sys.modules


# --- the weeks of our own course --------------------------------------------------------------------------------------

COURSE = find_course(Path(__file__).parents[3])

# Of each model's library, whether a week uses it.
USES = {
    "week01_clip": {"open_clip", "transformers.models.clip.modeling_clip", "sklearn.linear_model", "skimage"},
    "week02_diffusion": {"diffusers", "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion"},
    "week03_blip": {"transformers.models.blip.modeling_blip", "transformers.GPT2LMHeadModel", "sacrebleu.metrics"},
    "week04_whisper": {"transformers.models.whisper.modeling_whisper", "soundfile"},
    "week05_fusion": {"transformers.models.llava.modeling_llava", "sklearn.metrics"},
    "week10_studio": {"diffusers", "transformers.models.whisper.modeling_whisper", "soundfile", "PIL.Image"},
}


@pytest.mark.parametrize("slug", USES)
def test_a_week_of_ours_has_what_it_needs_and_no_other_weeks_models(slug):
    found = set(imports.libraries(COURSE, COURSE.week(slug)))
    assert USES[slug] <= found
    assert {"coursekit.student", "coursekit.models", "matplotlib.pyplot", "torch"} <= found
    others = {"open_clip", "diffusers", "soundfile", "transformers.models.llava.modeling_llava"} - USES[slug]
    assert not others & found
    assert not {name for name in found if name.partition(".")[0] in imports.NOT_TO_FORK}


@pytest.mark.parametrize("role", ["clip", "captioning"])
def test_a_models_role_says_what_loading_it_imports(role):
    """Nothing of the library's models is left to import once the server has what the role names."""
    code = f"""
import sys
from coursekit import models
from grader.execution.forkserver import warm_up
warm_up(["torch", "torchvision", *models.ROLES[{role!r}].modules])
before = set(sys.modules)
models.load({role!r}, "tiny", "cpu")
new = {{n for n in set(sys.modules) - before if n.startswith(("transformers.models", "diffusers", "open_clip"))}}
print(sorted(n for n in new if n.rpartition(".")[2].startswith(("modeling", "processing", "image_processing"))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr[-1000:]


def test_every_role_names_modules_that_exist():
    for name, role in models.ROLES.items():
        assert role.modules, name
        assert all(find_spec(module) for module in role.modules), name


def test_no_server_has_anything_that_knows_an_answer():
    """Neither checks, references and recipes of the models, nor a week's helper package."""
    code = f"""
import sys
from pathlib import Path
from grader.analysis import imports
from grader.course.discovery import find_course
from grader.execution.forkserver import warm_up
course = find_course(Path({str(COURSE.root)!r}))
warm_up(imports.every_library(course))
own = {{week.helper for week in course.weeks.values()}}
print([n for n in sys.modules if n.partition(".")[0] in own or "rubrics" in n or n.startswith("tinyworld.train")])
assert "torch" in sys.modules and "coursekit.models" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stdout + done.stderr[-1000:]


def test_a_name_that_is_no_module_is_asked_of_its_module(tmp_path, monkeypatch):
    lazy = "asked = []\ndef __getattr__(name):\n    asked.append(name)\n    raise AttributeError(name)"
    (tmp_path / "loads_later.py").write_text(lazy)
    monkeypatch.syspath_prepend(tmp_path)
    warm_up(["loads_later.Model"])
    assert "Model" in sys.modules["loads_later"].asked


def test_outside_a_course_a_kernel_has_nothing_ready_and_inside_all_weeks(tmp_path, monkeypatch, toy):
    provisioner._of_the_course_here.cache_clear()
    monkeypatch.chdir(tmp_path)
    assert provisioner._of_the_course_here() == []
    provisioner._of_the_course_here.cache_clear()
    monkeypatch.chdir(toy.root)
    assert provisioner._of_the_course_here() == imports.every_library(toy)
    provisioner._of_the_course_here.cache_clear()
