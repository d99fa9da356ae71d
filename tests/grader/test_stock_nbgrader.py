"""A course of plain nbgrader, graded here and by stock nbgrader: points, comments and the gradebook are the same."""

import shutil
import sqlite3
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_notebook
from nbgrader.api import Gradebook
from support.plain import PYTHON, cell, command, filled, hand_in, nbgrader, write_course

from grader.course import plain_nbgrader
from grader.course.discovery import find_course
from grader.grading import notebook_tests
from grader.grading.batch import grade_class
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook
from grader.records import projection
from grader.records.store import records_of

AUTOTESTS = '''
python3:
  setup: "from hashlib import sha256"
  hash: 'sha256(({{snippet}} + "{{salt}}").encode()).hexdigest()'
  dispatch: "type({{snippet}}).__name__"
  normalize: "str({{snippet}})"
  check: 'assert {{snippet}} == """{{value}}""", "{{message}}"'
  success: "print('well done')"
  templates:
    default:
      - test: "type({{snippet}}).__name__"
        fail: "the type of {{snippet}} is another"
      - test: "{{snippet}}"
        fail: "the value of {{snippet}} is another"
'''
CONFIG = """
c = get_config()
c.Execute.timeout = 4
c.IncludeHeaderFooter.header = "header.ipynb"
c.ClearSolutions.begin_solution_delimeter = "HIDE FROM HERE"
c.ClearSolutions.end_solution_delimeter = "HIDE UP TO HERE"
c.ClearSolutions.code_stub = {"python": "..."}
c.InstantiateTests.autotest_filename = "tests-of-the-course.yml"
"""


def answer(name: str, source: str) -> nbformat.NotebookNode:
    return cell(f"### HIDE FROM HERE\n{source}\n### HIDE UP TO HERE", name, kind="answer")


KINDS = [
    answer("half", "def half(x):\n    return x / 2"),
    cell("# what it makes of numbers\n### AUTOTEST half(6); half(1)", "auto-half", 2, "test"),
    cell("### HASHED AUTOTEST half(10)\nassert half(2) == 1", "hashed-half", 3, "test"),
    cell(
        "### AUTOTEST half(4)\n### BEGIN HIDDEN TESTS\n### AUTOTEST half(-3)\n### END HIDDEN TESTS",
        "hidden-half", 4, "test",
    ),
    answer("words", "words = open('data.txt').read().split()"),
    cell("0.5 * (len(words) == 2) + 0.5 * ('b' in words)", "part-words", 1, "test"),
    cell("made = open('made.txt', 'w').write('x')", "makes", kind="read only"),
    cell("assert open('made.txt').read() == 'x'", "nothing-words", 0, "test"),
    cell("import os\n0.5 * (os.environ.get('NBGRADER_EXECUTION') == 'autograde')"
         " + 0.5 * ('NBGRADER_VALIDATING' not in os.environ)", "how", 1, "test"),
    cell("check('mine')", "calls-check", 2, "test"),
    cell("### HIDE FROM HERE\nx = 3\n### HIDE UP TO HERE", "by-hand", 5, "manual"),
    cell("### HIDE FROM HERE\nBecause.\n### HIDE UP TO HERE", "text-by-hand", 2, "manual", markdown=True),
    cell("Draw it.", "draw", 1, "task", markdown=True),
]  # fmt: skip
GOOD = {
    "half": "def half(x):\n    return 0.5 * x",
    "words": "words = 'a b'.split()",
    "by-hand": "x = 4",
    "text-by-hand": "As it is.",
}
ANSWERS = {
    "good": GOOD,
    "wrong": {"half": "def half(x):\n    return x // 2"},
    "lucky": {**GOOD, "half": "def half(x):\n    return abs(x) / 2"},
    "slow": {"words": "while True:\n    pass"},
    "deep": {**GOOD, "words": "def words():\n    return words()\nwords()"},
    "empty": {},
    "cheat": {"auto-half": "pass", "hashed-half": "", "hidden-half": "pass", "part-words": "1", "how": "0"},
    "retyped": GOOD,
    "twice": GOOD,
}


STOPPED = {"twice"}  # by stock nbgrader: a cell is there twice


def answered(root: Path, student: str, answers: dict[str, str]) -> Path:
    """Hand in these answers, in the way of this student: some change more of the notebook than that."""
    notebook = filled(root, "kinds", answers)
    if student == "cheat":
        for one in notebook.cells:
            if "points" in one.metadata.get("nbgrader", {}):
                one.metadata.nbgrader.points = 100
    if student == "retyped":
        notebook.cells = [
            nbformat.v4.new_markdown_cell(one.source, metadata=one.metadata, id=one.id)
            if one.metadata.get("nbgrader", {}).get("grade_id") in ("half", "auto-half") else one
            for one in notebook.cells
        ]  # fmt: skip
    if student == "twice":
        notebook.cells.append(nbformat.from_dict({**notebook.cells[1], "id": "again"}))
    return hand_in(root, "kinds", student, notebook)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory) -> Path:
    root = write_course(tmp_path_factory.mktemp("kinds"), KINDS, CONFIG, name="kinds")
    (root / "tests-of-the-course.yml").write_text(AUTOTESTS)
    (root / "source" / "kinds" / "data.txt").write_text("a b")
    header = [cell("def check(name):\n    assert half(8) == 4", "helper", kind="read only")]
    nbformat.write(new_notebook(cells=header, metadata=PYTHON), root / "header.ipynb")
    nbgrader(root, "generate_assignment", "kinds")
    for student, answers in ANSWERS.items():
        answered(root, student, answers)
    return root


@pytest.fixture(scope="module")
def stock(kinds, tmp_path_factory) -> Path:
    """The class, graded by stock nbgrader."""
    copy = shutil.copytree(kinds, tmp_path_factory.mktemp("stock") / "course")
    for student in STOPPED:
        shutil.rmtree(copy / "submitted" / student)
    nbgrader(copy, "autograde", "kinds")
    return copy


@pytest.fixture(scope="module")
def ours(kinds, stock) -> Path:
    """The class, graded here; after nbgrader has had its copy."""
    course = find_course(kinds)
    grade_class(course, course.week("kinds"), options=Options(workers=2))
    return kinds


NOT_GRADED = shutil.ignore_patterns("autograded", "records", ".grader*")


def entries(root: Path) -> dict[str, dict[str, tuple]]:
    """{student: {cell: (points, whether a person must look, comment)}}, as nbgrader's gradebook has them."""
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        return {
            s.student.id: {
                **{g.name: (g.auto_score, g.needs_manual_grade) for n in s.notebooks for g in n.grades},
                **{f"comment on {c.name}": c.auto_comment for n in s.notebooks for c in n.comments},
            }
            for s in book.assignment_submissions("kinds")
        }


@pytest.mark.parametrize("student", [name for name in ANSWERS if name not in STOPPED])
def test_points_and_comments_are_those_of_stock_nbgrader(student, ours, stock):
    assert entries(ours)[student] == entries(stock)[student]


@pytest.mark.parametrize("student", sorted(STOPPED))
def test_work_at_which_nbgrader_stops_is_graded_here(student, ours):
    assert entries(ours)[student] == entries(ours)["good"]


def test_the_cases_tell_right_from_wrong(stock):
    """Else the test above would prove nothing."""
    found = entries(stock)
    points = {name: sum(one[0] or 0 for one in found[name].values() if isinstance(one, tuple)) for name in found}
    assert points["good"] == 13 and points["empty"] == points["cheat"] == 1
    assert points["lucky"] == 9 and points["wrong"] < 5


def source_cells(root: Path) -> list[tuple]:
    with sqlite3.connect(root / "gradebook.db") as book:
        rows = book.execute("SELECT b.name, s.source, s.checksum FROM source_cell s JOIN base_cell b USING (id)")
        return sorted(rows.fetchall())


def test_what_is_written_changes_nothing_of_what_nbgrader_gives_later(ours, stock, tmp_path):
    assert source_cells(ours) == source_cells(stock)
    copy = shutil.copytree(ours, tmp_path / "course")
    nbgrader(copy, "autograde", "kinds", "--force", "--student", "wrong")
    assert entries(copy)["wrong"] == entries(stock)["wrong"]


def test_a_gradebook_made_here_holds_what_nbgrader_would_have_written(kinds, stock, tmp_path):
    course = find_course(kinds, tmp_path)
    week = course.week("kinds")
    path = kinds / "submitted" / "good" / "kinds" / "kinds.ipynb"
    projection.project(course, week, [grade_notebook(course, week, path, "good").grade])

    def cells(path):
        with Gradebook(f"sqlite:///{path}") as book:
            found = book.find_notebook("kinds", "kinds")
            return {c.name: (c.source, c.checksum, c.locked, c.cell_type) for c in found.source_cells}, found.kernelspec

    assert cells(course.gradebook) == cells(stock / "gradebook.db")


def test_tests_that_an_earlier_grader_left_as_comments_are_mended(ours, stock, tmp_path):
    root = shutil.copytree(ours, tmp_path / "course")
    with sqlite3.connect(root / "gradebook.db") as book:
        book.execute("UPDATE source_cell SET source = '### AUTOTEST half(6)' WHERE source LIKE '%half(6)%'")
        book.execute("UPDATE crossmodal_projected SET digest = substr(digest, 6) WHERE digest LIKE 'made %'")
    course = find_course(root)
    projection.project(course, course.week("kinds"), records_of(course, course.week("kinds"), ["good"])[0])
    assert source_cells(root) == source_cells(stock)


def test_tests_are_made_once_and_anew_when_the_course_changes(kinds, tmp_path):
    root = shutil.copytree(kinds, tmp_path / "course", ignore=NOT_GRADED)
    course = find_course(root)
    week = course.week("kinds")
    first = notebook_tests.digests(plain_nbgrader.instructor(course, week))
    kept = [path.name for path in (root / plain_nbgrader.TESTS).iterdir()]
    (root / "tests-of-the-course.yml").write_text(AUTOTESTS.replace("well done", "done"))
    second = notebook_tests.digests(plain_nbgrader.instructor(course, week))
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"auto-half", "hashed-half", "hidden-half"} and len(kept) == 1


def test_tests_that_cannot_be_made_stop_grading_before_anyone_gets_a_0(kinds, tmp_path):
    root = shutil.copytree(kinds, tmp_path / "course", ignore=NOT_GRADED)
    (root / "tests-of-the-course.yml").unlink()
    said = command(root, "grade", "kinds", code=2)
    assert "No autotests.yml file found" in said and "generate_assignment" in said
    assert not (root / "records").exists()


# --- what people graded -----------------------------------------------------------------------------------------------


def give(root: Path, student: str, cell_name: str, points: float) -> None:
    with Gradebook(f"sqlite:///{root / 'gradebook.db'}") as book:
        grade = book.find_grade(cell_name, "kinds", "kinds", student)
        grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def waits(root: Path, student: str) -> set[str]:
    return {name for name, found in entries(root)[student].items() if isinstance(found, tuple) and found[1]}


@pytest.mark.parametrize("by", ["ours", "stock"])
def test_work_graded_by_hand_stays_graded_until_its_answer_changes(by, ours, stock, request, tmp_path):
    root = shutil.copytree(request.getfixturevalue(by), tmp_path / "course")
    course = find_course(root)
    for name in ("by-hand", "text-by-hand", "hidden-half"):
        give(root, "good", name, 1.5)
    before = waits(root, "good")
    path = answered(root, "good", GOOD)
    path.write_text(path.read_text() + "\n\n")  # another file, the same answers
    grade_class(course, course.week("kinds"), ["good"], Options(workers=1))
    assert waits(root, "good") == before
    answered(root, "good", {**GOOD, "text-by-hand": "For another reason."})
    grade_class(course, course.week("kinds"), ["good"], Options(workers=1))
    assert waits(root, "good") - before == {"text-by-hand", "hidden-half"}, "a test does not say what it is about"
