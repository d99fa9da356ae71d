"""Gradescope: its results, and a bundle that grades there as the class is graded here."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest
from support.toy import MARKER, RIGHT, SECRET

import grader
from grader.course.syllabus import Budget
from grader.grading.options import Options
from grader.reporting import gradescope

PATIENT = Budget(cell=90, notebook=200, check=30)  # of a cold kernel on a busy machine


def as_gradescope_reads(made):
    """The score by Gradescope's rules (autograder specifications), which must be all that it can read."""
    assert set(made) <= {"score", "execution_time", "output", "visibility", "stdout_visibility", "extra_data", "tests"}
    assert made["visibility"] in gradescope.VISIBILITIES and made["stdout_visibility"] in gradescope.VISIBILITIES
    known = {"score", "max_score", "status", "name", "number", "output", "tags", "visibility", "extra_data"}
    for test in made["tests"]:
        assert set(test) <= known and test["status"] in ("passed", "failed")
        assert 0 <= test["score"] <= test["max_score"] and isinstance(test["output"], str)
    return made["score"] if "score" in made else sum(test["score"] for test in made["tests"])


def test_results_json(call, toy, graded):
    assert call("export", "gradescope", "1", "--extra-credit", "0.5").exit_code == 0
    folder = toy.work / "exports" / "week01_toy" / "gradescope"
    found = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("*/results.json")}
    assert {name: round(as_gradescope_reads(made), 3) for name, made in found.items()} == {
        grade.student: round(grade.points, 3) for grade in graded
    }
    bob = found["bob@school.edu"]
    assert [test["name"] for test in bob["tests"]] == ["Double", "Table", "Mean"], "what a person grades is not there"
    assert "double_holds: it is 3" in bob["tests"][0]["output"] and "1.5 more points" in bob["output"]
    assert found["eve"]["output"].startswith("The file is empty,")


@pytest.fixture
def unpacked(toy, week, tmp_path):
    """/autograder as Gradescope builds it from the bundle, elsewhere."""
    root = tmp_path / "autograder"
    gradescope.bundle(toy, week, tmp_path / "autograder.zip", "after_due_date")
    for name in ("source", "submission", "results"):
        (root / name).mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "zipfile", "-e", tmp_path / "autograder.zip", root / "source"], check=True)
    shutil.copy(root / "source" / "run_autograder", root)
    (root / "run_autograder").chmod(0o755)
    return root


def autograde(root):
    env = {**os.environ, "AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable}
    env["AUTOGRADER_KERNEL"] = "python3"  # a toy week needs no models, and the others take long to import
    done = subprocess.run([root / "run_autograder"], env=env, cwd="/", capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return json.loads((root / "results" / "results.json").read_text()), done


def test_the_bundle_grades_as_the_class_is_graded(toy, week, unpacked, fill):
    notebook = fill(double="def double(n):\n    return 2", mean="import numpy as np\nmean = np.median")
    syllabus = unpacked / "source" / "course" / "weeks" / "course.toml"
    limits = f"cell = {PATIENT.cell}\nnotebook = {PATIENT.notebook}\ncheck = {PATIENT.check}\n"
    syllabus.write_text(syllabus.read_text().replace("cell = 4\nnotebook = 40\ncheck = 2\n", limits))
    assert limits in syllabus.read_text()
    mark = "print('graded by the code in the bundle')\n"
    module = unpacked / "source" / "course" / "grader" / "reporting" / "gradescope.py"
    module.write_text(module.read_text(encoding="utf-8") + mark, encoding="utf-8")
    nbformat.write(notebook, unpacked / "submission" / "my answers.ipynb")
    made, done = autograde(unpacked)
    patient = Options(kernel="python3", budget=PATIENT)
    here = grader.grade(unpacked / "submission" / "my answers.ipynb", "1", course=toy.root, options=patient)
    assert as_gradescope_reads(made) == here.points == 1.5
    expected = gradescope.results(toy, week, here, "after_due_date")
    assert made["tests"] == expected["tests"] and made["visibility"] == "after_due_date"
    assert "called my answers.ipynb" in made["output"] and "graded by the code in the bundle" in done.stdout
    assert made["extra_data"]["sandbox"] == here.inputs["sandbox"]


def test_the_bundle_always_leaves_a_result(unpacked):
    made, _ = autograde(unpacked)
    assert as_gradescope_reads(made) == 0 and "Nothing was handed in" in made["output"]
    (unpacked / "source" / "autograder.json").write_text("{}")
    made, done = autograde(unpacked)
    assert as_gradescope_reads(made) == 0 and "not your fault" in made["output"] and "KeyError" in done.stderr


def test_without_a_sandbox_nothing_is_graded_unless_the_instructor_said_so(toy, week, unpacked, right, monkeypatch):
    nbformat.write(right, unpacked / "submission" / "week01_toy.ipynb")
    monkeypatch.setattr(gradescope, "unavailable", lambda: "user namespaces are forbidden.")
    asked = []
    monkeypatch.setattr(gradescope, "grade_many", lambda c, w, jobs, options: asked.append(options) or [None])
    made = gradescope.run(unpacked)
    assert as_gradescope_reads(made) == 0 and "not your fault" in made["output"] and not asked
    settings = unpacked / "source" / "autograder.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "unsandboxed": True}))
    gradescope.run(unpacked)
    assert [options.sandboxed for options in asked] == [False]


def test_what_is_in_the_bundle(call, toy, week, tmp_path):
    path = tmp_path / "a.zip"
    result = call("export", "autograder", "1", "-o", str(path))
    assert result.exit_code == 0
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        modes = {name: archive.getinfo(name).external_attr >> 16 & 0o111 for name in gradescope.AT_THE_ROOT}
        texts = {name: archive.read(name) for name in names}
    assert {"setup.sh", "run_autograder"} <= set(names) and all(modes.values()), "at the root, to be executed"
    tops = {name.split("/")[1] for name in names if "/" in name}
    assert tops == {"weeks", "datasets", "grader", *gradescope.INSTALLED}
    rubrics = {name for name in names if "/rubrics/" in name}
    checks = {f"course/grader/rubrics/week01_toy/checks/{name}.py" for name in RIGHT if name != "why"}
    assert rubrics == {"course/grader/rubrics/__init__.py", *checks}, "and no answers"
    assert not any("week02" in name or "__pycache__" in name or "solutions/" in name for name in names)
    assert not any(SECRET.encode() in text for text in texts.values())
    assert {name for name in names if MARKER.encode() in texts[name]} == checks
    first = path.read_bytes()
    gradescope.bundle(toy, week, path)
    assert path.read_bytes() == first, "the same course makes the same bytes"
    for name in gradescope.AT_THE_ROOT:
        assert subprocess.run(["bash", "-n"], input=texts[name], check=False).returncode == 0
    assert call("export", "autograder", "1", "--visibility", "never").exit_code == 2
