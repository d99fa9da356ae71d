"""A notebook runs in the kernel it names, and where that is not installed, a message says how to install it."""

import json
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_notebook
from support.plain import cell, command, filled, hand_in, nbgrader, write_course

from grader.course.discovery import find_course
from grader.execution.kernelspecs import WARM, KernelStartError, own_kernel
from grader.grading.batch import grade_class
from grader.grading.options import Options


def of(name: str, language: str = "", told: str = ""):
    spec = {"name": name, "display_name": name} | ({"language": language} if language else {})
    return new_notebook(metadata={"kernelspec": spec} | ({"language_info": {"name": told}} if told else {}))


@pytest.fixture
def bash(tmp_path, monkeypatch):
    """The kernelspec `bash`, installed."""
    folder = tmp_path / "jupyter" / "kernels" / "bash"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Bash", "language": "bash", "env": {"PS1": "$"}}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))


@pytest.mark.parametrize(
    ("notebook", "chosen", "expected"),
    [
        (of("python3", "python"), WARM, WARM),
        (of("conda-env-ml-py", "python"), WARM, WARM),
        (of("python38"), "python3", "python3"),
        (of("xyz", told="python"), WARM, WARM),
        (new_notebook(), WARM, WARM),
        (of("bash", "bash"), WARM, "bash"),
        (of("ir", "R"), "bash", "bash"),  # somebody chose it
    ],
)
def test_a_notebook_runs_in_the_kernel_it_names(notebook, chosen, expected, bash):
    assert own_kernel(notebook, chosen) == expected


@pytest.mark.parametrize(
    ("notebook", "words"),
    [
        (of("ir", "R"), ["'ir'", "IRkernel"]),
        (of("ir", told="R"), ["'ir'", "IRkernel"]),
        (of("julia-1.9", "julia"), ["'julia-1.9'", "IJulia"]),
        (of("octave", "octave"), ["octave_kernel"]),
        (of("coq", "coq"), ["'coq'", "Jupyter-kernels"]),
        (of("nobody-says"), ["'nobody-says'"]),
    ],
)
def test_a_kernel_that_is_not_here_is_refused_by_name_with_how_to_install_it(notebook, words):
    with pytest.raises(KernelStartError) as error:
        own_kernel(notebook, WARM)
    assert all(word in str(error.value) for word in words)


SHELL = [
    cell("### BEGIN SOLUTION\ndouble() { echo $((2 * $1)); }\n### END SOLUTION", "double", kind="answer"),
    cell(
        '[ "$(double 2)" = 4 ]\n### BEGIN HIDDEN TESTS\n[ "$(double 5)" = 10 ]\n### END HIDDEN TESTS',
        "test-double", 3, "test",
    ),
    cell('[ "$NBGRADER_EXECUTION" = autograde ]', "test-how", 1, "test"),
]  # fmt: skip
IN_BASH = {"kernelspec": {"name": "bash", "display_name": "Bash", "language": "bash"}}
IN_R = {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}
STUBS = "c = get_config()\nc.ClearSolutions.code_stub = {'bash': 'false'}\n"


@pytest.fixture
def shell(tmp_path) -> Path:
    """A course in bash with a stub of its own: one student is right, one only where it is seen."""
    root = write_course(tmp_path / "course", SHELL, STUBS, IN_BASH, "sh")
    nbgrader(root, "generate_assignment", "sh")
    assert nbformat.read(root / "release" / "sh" / "sh.ipynb", 4).cells[0].source == "false"
    hand_in(root, "sh", "right", filled(root, "sh", {"double": "double() { echo $(($1 + $1)); }"}))
    hand_in(root, "sh", "seen", filled(root, "sh", {"double": "double() { echo 4; }"}))
    return root


def test_a_course_in_another_language_is_graded(shell, bash):
    course = find_course(shell)
    grades = grade_class(course, course.week("sh"), options=Options(workers=2))
    assert {grade.student: grade.points for grade in grades} == {"right": 4, "seen": 1}
    failed = next(q for grade in grades if grade.student == "seen" for q in grade.questions if q.points == 0)
    assert failed.checks[0].message, "the kernel's reply, which no output repeats"


def test_where_its_kernel_is_not_installed_nobody_is_graded(shell):
    said = command(shell, "grade", "sh", code=2)
    assert "'bash'" in said and "pip install bash_kernel" in said
    assert not (shell / "records").exists() and not (shell / "autograded").exists()


def test_a_second_notebook_that_cannot_run_stops_before_the_first_is_graded(tmp_path):
    root = write_course(tmp_path)
    shutil.copy(root / "source" / "ps1" / "ps1.ipynb", root / "source" / "ps1" / "a.ipynb")
    other = nbformat.read(root / "source" / "ps1" / "ps1.ipynb", 4)
    other.metadata = IN_R
    nbformat.write(other, root / "source" / "ps1" / "ps1.ipynb")
    shutil.copytree(root / "source", root / "release")
    shutil.copytree(root / "source", root / "submitted" / "ada")
    assert "'ir'" in command(root, "grade", "ps1", code=2)
    assert not (root / "records").exists()
