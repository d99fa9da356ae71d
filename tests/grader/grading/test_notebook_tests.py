"""Courses of plain nbgrader: graded in the sandbox with nbgrader's points, beside stock nbgrader on the same files."""

import contextlib
import csv
import shutil
import sqlite3
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_notebook
from nbgrader.api import Gradebook
from support.plain import PYTHON, cell, command, nbgrader

from grader.course.discovery import find_course
from grader.grading.batch import grade_class
from grader.grading.options import Options
from grader.records import database, salvage
from grader.records.store import records_of
from grader.submissions.collect import collect
from grader.submissions.loading import NotGradable, find, named_in

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
    "dies": ({**RIGHT, "total": "import os; os._exit(os.getpid())"}, None, 2),
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


def scores(book_at: Path) -> dict[str, dict[str, float | None]]:
    with Gradebook(f"sqlite:///{book_at}") as book:
        return {
            s.student.id: {g.cell.name: g.auto_score for n in s.notebooks for g in n.grades}
            for s in book.assignment_submissions("ps1")
        }


@pytest.fixture(scope="module")
def stock(tree, tmp_path_factory):
    """What stock nbgrader gives."""
    copy = tmp_path_factory.mktemp("stock") / "course"
    shutil.copytree(tree, copy)
    nbgrader(copy, "autograde", "ps1", check=False)
    return scores(copy / "gradebook.db")


@pytest.fixture(scope="module")
def ours(tree, stock):  # stock is given a copy of what nobody has graded yet
    course = find_course(tree)
    grades = grade_class(course, course.week("ps1"), options=Options(workers=2))
    return {grade.student: grade for grade in grades}


def test_an_nbgrader_course_is_found(tree):
    course = find_course(tree / "source")
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


def test_nothing_is_flagged_where_the_tests_are_inside_anyway(ours):
    assert not any(grade.flags for grade in ours.values())


@pytest.mark.parametrize("student", DEVIATIONS)
def test_where_nbgrader_is_not_followed(student, stock, ours):
    _, theirs, here = DEVIATIONS[student]
    assert stock.get(student, {}).get("test-square") == theirs
    points = {q.question: q.points for q in ours[student].questions}
    assert points["test-square"] == here
    assert points["test-total"] == (0 if student == "dies" else 1.5)


def test_a_test_that_never_ran_earns_nothing(tree):
    course = find_course(tree)
    week = course.week("ps1")
    from dataclasses import replace

    from grader.course.syllabus import Budget
    from grader.grading.pipeline import grade_notebook

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
    course = find_course(tree)
    week, ran = course.week("ps1"), []
    grade_class(course, week, options=Options(workers=2), on_start=ran.append)
    assert ran == []
    path = course.solution(week)
    path.write_text(path.read_text().replace("square(-3) == 9", "square(-4) == 16"))
    grade_class(course, week, ["hidden"], options=Options(workers=2), on_start=ran.append)
    assert ran == ["hidden"]


# --- assignments of several notebooks ---------------------------------------------------------------------------------

SECOND = [  # some of its cells are called as cells of the first notebook are
    cell("### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION", "square", kind="answer"),
    cell(
        "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(-3) == -6\n### END HIDDEN TESTS",
        "test-square", 5, "test",
    ),
    cell("1.25 * (double(1) == 2)", "test-half", 2.5, "test"),
    cell("### BEGIN SOLUTION\nBecause.\n### END SOLUTION", "why", 4, "manual", markdown=True),
    cell("Draw it.", "draw", 1, "task", markdown=True),
]  # fmt: skip
NOTEBOOKS = {"problem1": SOURCE, "problem2": SECOND}
TWICE = {"square": "def double(x):\n    return x + x", "why": "Since."}
PAIRS = {  # what each hands in, and the automatic points of the two notebooks
    "both": ({"problem1": RIGHT, "problem2": TWICE}, 6.5, 6.25),
    "late": ({"problem1": RIGHT, "problem2": TWICE}, 6.5, 6.25),
    "part": (
        {
            "problem1": {**RIGHT, "total": "total = 5"},
            "problem2": {**TWICE, "square": "def double(x):\n    return abs(2 * x)"},
        },
        5.5,
        1.25,
    ),
    "empty": ({"problem1": {}, "problem2": {}}, 0, 0),
    "first": ({"problem1": RIGHT}, 6.5, 0),
}
DAMAGED = "damaged"  # its second notebook is cut off; nbgrader stops with it


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Path:
    """An nbgrader course with an assignment of two notebooks and a class."""
    root = tmp_path_factory.mktemp("pair")
    folder = root / "source" / "ps1"
    folder.mkdir(parents=True)
    for name, cells in NOTEBOOKS.items():
        nbformat.write(new_notebook(cells=cells, metadata=PYTHON), folder / f"{name}.ipynb")
    (folder / "data.csv").write_text("2\n4\n")
    (root / "nbgrader_config.py").write_text(
        "c = get_config()\nc.Execute.timeout = 30\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
    )
    nbgrader(root, "generate_assignment", "ps1")
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        book.update_or_create_assignment("ps1", duedate="2026-01-01 00:00:00 UTC")
    for student, (notebooks, *_) in {**PAIRS, DAMAGED: PAIRS["both"]}.items():
        for name, answers in notebooks.items():
            hand_in(root, student, name, answers)
    (root / "submitted" / "late" / "ps1" / "timestamp.txt").write_text("2026-01-02 00:00:00 UTC")
    path = root / "submitted" / DAMAGED / "ps1" / "problem2.ipynb"
    path.write_bytes(path.read_bytes()[:700])
    return root


def hand_in(root: Path, student: str, name: str, answers: dict[str, str]) -> None:
    notebook = nbformat.read(root / "release" / "ps1" / f"{name}.ipynb", 4)
    for one in notebook.cells:
        one.source = answers.get(one.metadata.get("nbgrader", {}).get("grade_id"), one.source)
    path = root / "submitted" / student / "ps1" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def stock_pair(pair, tmp_path_factory):
    """What stock nbgrader writes."""
    assert not (pair / "autograded").exists(), "nobody has graded it before"
    copy = shutil.copytree(pair, tmp_path_factory.mktemp("stock") / "course")
    nbgrader(copy, "autograde", "ps1", check=False)
    return by_notebook(copy)


def by_notebook(root: Path) -> dict[str, dict]:
    """{student: (score, {notebook: (late penalty, {cell: (automatic score, whether a person must look)})})}."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        return {
            s.student.id: (
                s.score,
                {
                    n.name: (
                        n.late_submission_penalty,
                        {g.cell.name: (g.auto_score, g.needs_manual_grade) for g in n.grades},
                    )
                    for n in s.notebooks
                },
            )
            for s in book.assignment_submissions("ps1")
        }


@pytest.fixture(scope="module")
def graded(pair, stock_pair) -> tuple[Path, str]:
    """The class, graded by the command; and what it said. After nbgrader has had its copy of what was handed in."""
    return pair, command(pair, "grade", "ps1", "--kernel", "python3", "--workers", "2")


@pytest.fixture
def copy(graded, tmp_path) -> Path:
    """The graded class, to be changed."""
    return shutil.copytree(graded[0], tmp_path / graded[0].name)  # which is its title


@pytest.mark.parametrize("student", PAIRS)
def test_two_notebooks_have_the_points_of_stock_nbgrader(student, graded, stock_pair):
    here = by_notebook(graded[0])
    assert here[student] == stock_pair[student]
    _, first, second = PAIRS[student]
    assert here[student][0] == first + second, "the sum"
    course = find_course(graded[0])
    (whole,), _ = records_of(course, course.week("ps1"), [student])
    assert whole.points == first + second and whole.max_points == 10.5 + 12.5


def test_a_missing_notebook_earns_nothing_and_says_so(graded):
    root, said = graded
    course = find_course(root)
    week = course.week("ps1")
    reason = "problem2.ipynb: Nothing was handed in: there is no problem2.ipynb."
    assert f"first could be graded in part: {reason}" in said
    for page in (course.feedback(week, "first"), course.report(week)):
        assert reason in page.read_text()
    assert sorted(path.name for path in (root / "autograded" / "first" / "ps1").iterdir()) == ["problem1.ipynb"]
    text = course.feedback(week, "first").read_text()
    assert "problem1/test-mean" in text and "problem2.ipynb could not be graded" in text


def test_a_damaged_notebook_leaves_the_other_its_points(graded, stock_pair):
    root, said = graded
    assert f"{DAMAGED} could be graded in part: problem2.ipynb: The file is cut off or damaged" in said
    score, notebooks = by_notebook(root)[DAMAGED]
    assert score == 6.5 and notebooks["problem1"] == by_notebook(root)["both"][1]["problem1"]
    assert {score for score, _ in notebooks["problem2"][1].values()} == {0}
    theirs = stock_pair.get(DAMAGED, (0, {}))[1].get("problem2", (None, {}))[1]
    assert not any(score for score, _ in theirs.values()), "nbgrader too"


def test_only_the_notebook_that_changed_runs_again_and_the_diff_names_it(copy):
    course, ran = find_course(copy), []
    grade_class(course, course.week("ps1"), options=Options(workers=2), on_start=ran.append)
    assert ran == []
    hand_in(copy, "first", "problem2", TWICE)
    said = command(copy, "grade", "ps1", "--kernel", "python3", "--workers", "2", "--diff")
    assert "problem1/first: 6.5 of 6.5 points, as before" in said
    assert "first: 6.5 -> 12.75 points" in said and "problem2/test-square: 0 of 5 -> 5 of 5" in said
    assert said.count("-> 12.75") == 1 and "because of: another submission" in said
    assert by_notebook(copy)["first"] == by_notebook(copy)["both"]


def test_gradebook_and_pages_are_made_again_from_the_records(copy):
    before, page = by_notebook(copy), (copy / "reports" / "ps1" / "students" / "both.html").read_bytes()
    (copy / "gradebook.db").unlink()
    shutil.rmtree(copy / "reports")
    assert "12 records" in command(copy, "rebuild", "ps1")
    with Gradebook(f"sqlite:///{copy / 'gradebook.db'}") as book:
        book.update_or_create_assignment("ps1", duedate="2026-01-01 00:00:00 UTC")
    command(copy, "rebuild", "ps1")
    assert by_notebook(copy) == before
    assert (copy / "reports" / "ps1" / "students" / "both.html").read_bytes() == page
    (copy / "records" / "ps1" / "problem2" / "both.json").unlink()
    assert "both has no record of problem2.ipynb that fits" in command(copy, "rebuild", "ps1", code=1)


def test_what_a_person_entered_goes_back_to_its_own_notebook(copy):
    course = find_course(copy)
    with contextlib.closing(sqlite3.connect(course.gradebook)) as book, book:
        book.execute(
            "UPDATE grade SET manual_score = 3.5 WHERE id IN (SELECT g.id FROM grade g JOIN base_cell c ON "
            "c.id = g.cell_id JOIN submitted_notebook n ON n.id = g.notebook_id "
            "JOIN notebook b ON b.id = n.notebook_id "
            "JOIN submitted_assignment s ON s.id = n.assignment_id "
            "WHERE c.name = 'why' AND b.name = 'problem2' AND s.student_id = 'both')"
        )
    found = salvage.read(course.gradebook)
    course.gradebook.unlink()
    command(copy, "rebuild", "ps1")
    assert salvage.restore(course, found) == []
    with Gradebook(database.url(course)) as book:
        assert book.find_grade("why", "problem2", "ps1", "both").manual_score == 3.5
        assert book.find_grade("why", "problem1", "ps1", "both").manual_score is None


def test_nbgrader_exports_and_gives_feedback_on_the_whole(copy):
    nbgrader(copy, "export")
    with (copy / "grades.csv").open(newline="") as file:
        scores = {row["student_id"]: float(row["raw_score"]) for row in csv.DictReader(file)}
    assert scores == {student: a + b for student, (_, a, b) in PAIRS.items()} | {DAMAGED: 6.5}
    nbgrader(copy, "generate_feedback", "ps1")
    made = {path.parent.parent.name: path for path in copy.glob("feedback/*/ps1/problem2.html")}
    assert set(made) == {*PAIRS, DAMAGED} - {"first"}


def test_each_file_is_collected_for_the_notebook_it_names(pair, tmp_path):
    course = find_course(pair, tmp_path)
    week, inbox = course.week("ps1"), tmp_path / "inbox"
    content = (pair / "submitted" / "both" / "ps1" / "problem1.ipynb").read_bytes()
    expected = {
        "ada_1_11_problem1.ipynb": ("ada_1", "collected"),
        "ada_1_12_problem2.ipynb": ("ada_1", "older"),
        "ada_1_13_problem2-1.ipynb": ("ada_1", "collected"),
        "bob_2_14_mine.ipynb": ("bob_2", "unclear"),
        "Cleo - problem1.ipynb": ("Cleo", "collected"),
    }
    inbox.mkdir()
    for name in expected:
        (inbox / name).write_bytes(content + name.encode())
    assert {row.file: (row.student, row.status) for row in collect(course, week, inbox)} == expected
    submitted = tmp_path / "submitted"
    assert {path.relative_to(submitted).as_posix(): path.read_bytes() for path in submitted.rglob("*.ipynb")} == {
        "ada_1/ps1/problem1.ipynb": content + b"ada_1_11_problem1.ipynb",
        "ada_1/ps1/problem2.ipynb": content + b"ada_1_13_problem2-1.ipynb",
        "Cleo/ps1/problem1.ipynb": content + b"Cleo - problem1.ipynb",
    }


@pytest.mark.parametrize(
    ("file", "notebook"),
    [
        ("problem1.ipynb", "problem1"),
        ("Copy of Problem1 (2).ipynb", "problem1"),
        ("ada_problem1.ipynb", "problem1"),
        ("problem10-1.ipynb", "problem10"),
        ("problem1-extra.ipynb", "problem1-extra"),
        ("problem1 and problem10.ipynb", ""),
        ("problem.ipynb", ""),
        ("homework.ipynb", ""),
    ],
)
def test_which_notebook_a_file_stands_for(file, notebook):
    assert named_in(file, ["problem1", "problem10", "problem1-extra"]) == notebook


def test_no_notebook_stands_for_its_neighbour(pair, tmp_path):
    course = find_course(pair, tmp_path)
    first, second = course.week("ps1").notebooks
    folder = course.submission(first, "ada").parent
    folder.mkdir(parents=True)
    (folder / "problem1 (1).ipynb").write_text("{}")
    assert find(course, first, "ada").name == "problem1 (1).ipynb"
    with pytest.raises(NotGradable, match="there is no problem2.ipynb"):
        find(course, second, "ada")
