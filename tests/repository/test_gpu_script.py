"""benchmarks/gpu.py where there is no GPU: what it says then, that its claims can fail, and its table of tolerances."""

import sys
from pathlib import Path

import pytest

from grader.course.discovery import find_course
from grader.course.notebooks import released_notebook
from grader.course.questions import questions_in
from grader.execution.kernelspecs import usual_kernel
from grader.grading.options import Options

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import gpu  # noqa: E402
import light_course  # noqa: E402


def script(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["gpu.py", *map(str, arguments)])
    return gpu.main()


def test_without_a_gpu_it_says_so_and_exits_with_3(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert script(monkeypatch, "--output", tmp_path / "page.md") == gpu.NO_GPU == 3
    assert "Nothing was checked. no GPU: nvidia-smi" in capsys.readouterr().err and not (tmp_path / "page.md").exists()
    assert "3 where\nthere is no GPU" in gpu.__doc__


def test_a_gpu_that_does_not_work_fails_the_claim(smi, monkeypatch, tmp_path, capsys):  # noqa: F811
    """nvidia-smi tells of two, and CUDA finds none of them."""
    page = tmp_path / "page.md"
    assert script(monkeypatch, "--only", "fork", "--week", "1", "--output", page) == 1
    assert "NVIDIA A100, 40 GB; NVIDIA H100, 80GB, 80 GB" in page.read_text()
    (claim,) = [line for line in page.read_text().splitlines() if "a forked kernel sees one GPU" in line]
    assert claim.endswith("| NO |") and page.read_text() in capsys.readouterr().out


def test_hogs_and_honest_ones_are_told_apart(smi, monkeypatch, tmp_path):  # noqa: F811
    """With errors such as a full GPU raises; one hog that loses nothing fails its claim."""
    monkeypatch.setattr(light_course, "IMPORTS", "import torch\nfrom light_lab import check\n")
    monkeypatch.setattr(gpu, "HONEST", "def double(n):\n    return 2 * n\n")
    full = 'raise torch.OutOfMemoryError("CUDA out of memory.")\n'
    monkeypatch.setattr(gpu, "HOGS", {"keeps the cap": full, "lifts the cap": gpu.HONEST})
    found = gpu.Found()
    gpu.hog(tmp_path, Options(workers=1, parameters={"DEVICE": "cuda"}, kernel=usual_kernel()), 1, found)
    holds = {what: held for what, _, held in found.claims}
    assert len(holds) == 7 and [what for what, held in holds.items() if not held] == [
        "the hog that lifts the cap loses its points, and its record says why"
    ]
    assert gpu.OWN in gpu.page(found, "a GPU", "python benchmarks/gpu.py")


def test_notebooks_and_slots_are_tried_on_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "CLASS", 2)
    course, week = light_course.build(tmp_path)
    found = gpu.check(course, [week], "cpu", [], ["fork", "notebooks", "hog", "slots"], lambda line: None)
    assert [what for what, _, held in found.claims if held] == [
        f"{week.slug} on cpu: all points",
        "the same points and messages, however many share a GPU",
    ]
    assert [title for title, _ in found.tables] == ["Notebooks", f"Slots: 2 of {week.slug}"]


# --- tolerances -------------------------------------------------------------------------------------------------------

VISIBLE = """
@check("mean")
def is_close(student, rng):
    assert_close(student.mean, 1, atol=0.001)
    helper(student)

def helper(student):
    assert_close(student.library("lab").model(), 2, rtol=3e-3)
    again(student)

def again(student):
    assert_that(True, "")
    helper(student)
"""
HIDDEN = """
@check("mean", weight=2)
def is_same(student, rng):
    assert_same(student.mean, 1)

@check("name")
def named(student, rng):
    assert_close(student.name, 1, atol=LOOSE)
"""


def test_tolerances_are_read_from_the_checks_and_what_they_call():
    found = gpu._allowed([VISIBLE, HIDDEN])
    assert found == {
        "mean": {"close": {"0.001 + 1e-5 of it", "1e-5 + 0.003 of it"}, "same": True, "that": True, "inside": True},
        "name": {"close": {"`LOOSE` + 1e-5 of it"}, "same": False, "that": False, "inside": False},
    }


def test_the_usual_tolerances_are_those_of_assert_close():
    from inspect import signature

    from coursekit.checks import assert_close

    usual = {name: float(value) for name, value in gpu.USUAL.items()}
    assert usual == {name: signature(assert_close).parameters[name].default for name in usual}


def test_the_page_has_every_question_as_its_checks_are_now():
    course = find_course(ROOT)
    text = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    table = text.split(gpu.BEGIN)[1].split(gpu.END)[0].strip()
    assert table == gpu.tolerances(course), "python benchmarks/gpu.py --tolerances docs/gpu.md"
    rows = {line.split(" |")[0].removeprefix("| "): line.split(" | ")[1:] for line in table.splitlines()[2:]}
    asked = [
        f"{week.slug}: {question.name}"
        for week in course.weeks.values()
        if not week.draft
        for question in questions_in(released_notebook(course, week))
        if not question.manual
    ]
    assert sorted(rows) == sorted(asked)
    assert all(any(not cell.startswith("-") for cell in row) for row in rows.values()), "a question that allows nothing"


def test_a_page_without_the_place_for_the_table_is_refused(tmp_path):
    (tmp_path / "page.md").write_text("# A page\n")
    with pytest.raises(gpu.CourseError, match="has no place for the table"):
        gpu.write_tolerances(find_course(ROOT), tmp_path / "page.md")
