"""Courses of plain nbgrader: graded in the sandbox with nbgrader's points, beside stock nbgrader on the same files."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook

from grader import gradebook
from grader.classes import grade_class
from grader.course import Course, CourseError
from grader.grading import Options

BIN = Path(sys.executable).parent


def cell(source, grade_id="", points=None, kind="", **metadata):
    """kind: "answer" (a student's), "test", "manual", "read only"."""
    data = {"schema_version": 3, "grade_id": grade_id, "solution": kind in ("answer", "manual")}
    data |= {"grade": kind in ("test", "manual"), "locked": kind in ("test", "read only"), "task": kind == "task"}
    if points is not None:
        data["points"] = points
    make = new_markdown_cell if metadata.pop("markdown", False) else new_code_cell
    return make(source, id=grade_id or "plain", metadata={"nbgrader": data} if kind else {})


SOURCE = [
    cell("import csv\nrows = list(csv.reader(open('data.csv')))", "load", kind="read only"),
    cell("def square(x):\n    ### BEGIN SOLUTION\n    return x * x\n    ### END SOLUTION", "square", kind="answer"),
    cell(
        "assert square(2) == 4\n### BEGIN HIDDEN TESTS\nassert square(-3) == 9\n### END HIDDEN TESTS",
        "test-square", 2, "test",
    ),
    cell("### BEGIN SOLUTION\ntotal = 6\n### END SOLUTION", "total", kind="answer"),
    cell("score = 0.5 * (total > 0) + 1 * (total == 6)\nscore", "test-total", 1.5, "test"),
    cell("### BEGIN SOLUTION\ndef mean(v):\n    return sum(v) / len(v)\n### END SOLUTION", "mean", kind="answer"),
    cell("assert mean([1, 2, 3]) == 2\nassert mean([int(r[0]) for r in rows]) == 3", "test-mean", 3, "test"),
    cell("### BEGIN SOLUTION\nBecause.\n### END SOLUTION", "why", 4, "manual", markdown=True),
]  # fmt: skip
RIGHT = {
    "square": "def square(x):\n    return x ** 2",
    "total": "total = 1 + 2 + 3",
    "mean": "def mean(v):\n    return sum(v) / len(v)",
}
CLASS = {
    "right": (RIGHT, {"test-square": 2, "test-total": 1.5, "test-mean": 3}),
    "hidden": (
        {**RIGHT, "square": "def square(x):\n    return 2 * x"},
        {"test-square": 0, "test-total": 1.5, "test-mean": 3},
    ),
    "partial": ({**RIGHT, "total": "total = 5"}, {"test-square": 2, "test-total": 0.5, "test-mean": 3}),
    "empty": ({}, {"test-square": 0, "test-total": 0, "test-mean": 0}),
    "raises": ({**RIGHT, "total": "1 / 0"}, {"test-square": 2, "test-total": 0, "test-mean": 3}),
}
# where nbgrader is not followed: what it gives, and what is given here
DEVIATIONS = {
    "stderr": (
        {**RIGHT, "square": RIGHT["square"].replace("    ", "    import sys; print('hm', file=sys.stderr); ")},
        0,
        2,
    ),
    "dies": ({**RIGHT, "total": "import os; os._exit(1)"}, None, 2),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """An nbgrader course with a released assignment and a class."""
    root = tmp_path_factory.mktemp("nbgrader")
    folder = root / "source" / "ps1"
    folder.mkdir(parents=True)
    nbformat.write(new_notebook(cells=SOURCE, metadata=PYTHON), folder / "problems.ipynb")
    (folder / "data.csv").write_text("2\n4\n")
    (root / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'old'\nc.Execute.timeout = 30\n"
    )
    nbgrader(root, "generate_assignment", "ps1")
    for student, (answers, *_) in {**CLASS, **DEVIATIONS}.items():
        notebook = nbformat.read(root / "release" / "ps1" / "problems.ipynb", 4)
        for one in notebook.cells:
            one.source = answers.get(one.metadata.get("nbgrader", {}).get("grade_id"), one.source)
        path = root / "submitted" / student / "ps1" / "problems.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    return root


PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def nbgrader(root: Path, *arguments: str, check: bool = True) -> None:
    done = subprocess.run([BIN / "nbgrader", *arguments], cwd=root, capture_output=True, text=True, env=ENV)
    assert not check or done.returncode == 0, done.stderr


ENV = {**__import__("os").environ, "PATH": f"{BIN}:{__import__('os').environ['PATH']}"}


def scores(book_at: Path) -> dict[str, dict[str, float | None]]:
    with Gradebook(f"sqlite:///{book_at}") as book:
        return {
            s.student.id: {g.cell.name: g.auto_score for n in s.notebooks for g in n.grades}
            for s in book.assignment_submissions("ps1")
        }


@pytest.fixture(scope="module")
def stock(tree, tmp_path_factory):
    """What stock nbgrader gives."""
    import shutil

    copy = tmp_path_factory.mktemp("stock") / "course"
    shutil.copytree(tree, copy)
    nbgrader(copy, "autograde", "ps1", check=False)
    return scores(copy / "gradebook.db")


@pytest.fixture(scope="module")
def ours(tree):
    course = Course.find(tree)
    grades = grade_class(course, course.week("ps1"), options=Options(workers=2))
    return {grade.student: grade for grade in grades}


def test_an_nbgrader_course_is_found(tree):
    course = Course.find(tree / "source")
    assert course.classic and list(course.weeks) == ["ps1"]
    assert course.submission(course.week("ps1"), "ada") == tree / "submitted" / "ada" / "ps1" / "problems.ipynb"


@pytest.mark.parametrize("student", CLASS)
def test_the_same_points_as_stock_nbgrader(student, stock, ours, tree):
    expected = CLASS[student][1]
    assert {name: stock[student][name] for name in expected} == expected
    assert {q.question: q.points for q in ours[student].questions if q.inside} == expected
    mine = scores(tree / "gradebook.db")[student]
    assert mine == stock[student]


def test_each_such_score_is_marked(ours):
    tested = [q for q in ours["right"].questions if q.question != "why"]
    assert all(q.inside and "inside the student's process" in q.note for q in tested)


@pytest.mark.parametrize("student", DEVIATIONS)
def test_where_nbgrader_is_not_followed(student, stock, ours):
    _, theirs, here = DEVIATIONS[student]
    assert stock.get(student, {}).get("test-square") == theirs
    points = {q.question: q.points for q in ours[student].questions}
    assert points["test-square"] == here
    assert points["test-total"] == (0 if student == "dies" else 1.5)


def test_a_test_that_never_ran_earns_nothing(tree):
    course = Course.find(tree)
    week = course.week("ps1")
    from dataclasses import replace

    from grader.course import Budget
    from grader.grading import grade_notebook

    notebook = nbformat.read(course.submission(week, "right"), 4)
    for one in notebook.cells:
        if one.metadata.get("nbgrader", {}).get("grade_id") == "total":
            one.source = "import time; time.sleep(30)"
    result = grade_notebook(course, replace(week, budget=Budget(60, 4, 5)), notebook, "late")
    assert {q.question: q.status for q in result.grade.questions if q.inside} == {
        "test-square": "judged", "test-total": "not judged", "test-mean": "not judged"
    }  # fmt: skip


def test_hidden_tests_stay_hidden(tree, ours):
    text = (tree / "autograded" / "hidden" / "ps1" / "problems.ipynb").read_text()
    assert "square(-3)" not in text


def test_a_second_run_repeats_nothing_until_a_test_changes(tree, ours):
    course = Course.find(tree)
    week, ran = course.week("ps1"), []
    grade_class(course, week, options=Options(workers=2), on_start=ran.append)
    assert ran == []
    path = course.solution(week)
    path.write_text(path.read_text().replace("square(-3) == 9", "square(-4) == 16"))
    grade_class(course, week, ["hidden"], options=Options(workers=2), on_start=ran.append)
    assert ran == ["hidden"]


def test_several_notebooks_in_one_assignment_are_refused_by_name(tree, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "source" / "ps2").mkdir(parents=True, exist_ok=True)
        nbformat.write(new_notebook(), tmp_path / "source" / "ps2" / f"{name}.ipynb")
    with pytest.raises(CourseError, match=r"2 notebooks \(a.ipynb, b.ipynb\)"):
        Course.find(tmp_path).week("ps2")
    assert gradebook.enrolled(Course.find(tmp_path)) == []
