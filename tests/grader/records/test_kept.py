"""Questions are added, removed and renamed after a class was graded: what people entered is never lost."""

import copy
import shutil
import sqlite3
from contextlib import closing

import nbformat
import pytest
from nbgrader.api import Gradebook
from support.gradebooks import content, enter, run
from support.light import grade_as
from support.toy import RIGHT, answer, build_course, checked, code, markdown, written
from typer.testing import CliRunner

from grader.authoring.release import release
from grader.cli.main import app
from grader.course.discovery import find_course
from grader.records import assignment, by_hand, database, kept, projection


@pytest.fixture
def course(toy_tree, tmp_path, empty_gradebook):
    """A toy course of the test's own, released, with an empty gradebook."""
    found = find_course(build_course(tmp_path / "course").root, tmp_path / "class")
    release(found)
    found.work.mkdir()
    shutil.copy(empty_gradebook, found.gradebook)
    return found


def change(course, edit):
    """Edit the released notebook's cells, as a release of an edited instructor's notebook would."""
    path = course.release(course.week("1"))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = edit(notebook.cells)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")


def grade(course, **answers):
    """Grade ada and bob anew; returns what the gradebook holds then."""
    week = course.week("1")
    notebook = copy.deepcopy(nbformat.read(course.release(week), as_version=4))
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        cell.source = {**RIGHT, **answers}.get(name, cell.source)
    projection.project(course, week, [grade_as(course, week, name, notebook) for name in ("ada", "bob")])
    return content(course.gradebook)


def renamed(old, new, new_id=False):
    def edit(cells):
        for cell in cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == old:
                cell.metadata.nbgrader.grade_id = new
                cell.id = f"id-{new}" if new_id else cell.id
        return cells

    return edit


def without(*names):
    return lambda cells: [c for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") not in names]


def entries(found):
    grades = [row for row in found["grade"] if row[3] is not None or row[4]]
    return grades, [row for row in found["comment"] if row[3]]


ENTERED = ([("bob", "why", None, 1.25, 0.5, 0)], [("bob", "why", None, "Well said.")])


def test_a_question_that_is_added_leaves_what_was_entered(course):
    grade(course)
    enter(course.gradebook, "bob")
    change(course, lambda cells: [*cells, markdown("## More\nAnd how?", "text-how"), written("how", 2)])
    found = grade(course, how="So.")
    again = [("bob", "why", None, 1.25, 0.5, 1)]  # another file was handed in: a person has to look
    assert entries(found) == (again, ENTERED[1])
    assert ("ada", "how", None, None, None, 1) in found["grade"] and len(found["grade"]) == 10
    with Gradebook(database.url(course)) as book:
        assert book.find_assignment("week01_toy").max_score == 11
        assert book.find_submission("week01_toy", "bob").score == 7.5 + 1.25 + 0.5
    assert by_hand.without_question(course, course.week("1")) == []


@pytest.mark.parametrize("new_id", [False, True])
def test_a_renamed_question_takes_what_was_entered_along(course, new_id):
    grade(course)
    enter(course.gradebook, "bob")
    change(course, renamed("why", "reason", new_id))
    found = grade(course, reason=RIGHT["why"])
    assert entries(found)[1] == [("bob", "reason", None, "Well said.")]
    assert [row[:5] for row in entries(found)[0]] == [("bob", "reason", None, 1.25, 0.5)]
    assert {row[1] for row in found["grade"]} == {"check_double", "check_table", "check_mean", "reason"}
    assert by_hand.without_question(course, course.week("1")) == []


def test_a_score_that_overrides_a_check_goes_with_its_check_cell(course):
    grade(course)
    where = "cell_id = (SELECT id FROM base_cell WHERE name = 'check_mean' AND type = 'GradeCell')"
    run(course.gradebook, f"UPDATE grade SET manual_score = 1, needs_manual_grade = 0 WHERE {where}")
    visible = course.root / "weeks/week01_toy/toy_lab/checks/__init__.py"
    for path in (course.root / "grader/rubrics/week01_toy/checks/mean.py", visible):
        path.write_text(path.read_text().replace('"mean"', '"average"'))
    change(course, lambda cells: renamed("check_mean", "check_average", True)(renamed("mean", "average", True)(cells)))
    found = grade(course, average=RIGHT["mean"])
    assert [row[:5] for row in entries(found)[0]] == [(name, "check_average", 1.5, 1, None) for name in ("ada", "bob")]


def test_what_a_removed_question_had_is_kept_and_comes_back_with_it(course):
    grade(course)
    enter(course.gradebook, "bob")
    before = course.release(course.week("1")).read_text(encoding="utf-8")
    change(course, without("why"))
    found = grade(course)
    assert entries(found) == ([], []) and len(found["grade"]) == 6
    said = by_hand.without_question(course, course.week("1"))
    assert said == [
        "week01_toy, bob, why: 1.25 points, 0.5 points of extra credit",
        "week01_toy, bob, why: a comment",
    ]
    assert grade(course) == found and by_hand.without_question(course, course.week("1")) == said
    where = ["--course", str(course.root), "--work", str(course.work)]
    told = CliRunner().invoke(app, ["rebuild", "1", *where])
    assert "for there is no such question now: week01_toy, bob, why: 1.25 points" in told.output

    course.release(course.week("1")).write_text(before, encoding="utf-8")
    assert entries(grade(course)) == ENTERED
    assert by_hand.without_question(course, course.week("1")) == []


def test_an_answer_that_changed_meanwhile_is_looked_at_again(course):
    grade(course)
    enter(course.gradebook, "bob")
    before = course.release(course.week("1")).read_text(encoding="utf-8")
    change(course, without("why"))
    grade(course)
    course.release(course.week("1")).write_text(before, encoding="utf-8")
    assert entries(grade(course, why="Another thought."))[0] == [("bob", "why", None, 1.25, 0.5, 1)]


def test_another_question_in_its_place_does_not_inherit(course):
    grade(course)
    enter(course.gradebook, "bob")
    other = [markdown("## Look\nWhat do you see?", "text-look"), written("look", 1.5)]
    change(course, lambda cells: [*without("why")([c for c in cells if c.id != "text-why"]), *other])
    assert entries(grade(course, look="A cat.")) == ([], [])
    assert len(by_hand.without_question(course, course.week("1"))) == 2


def test_many_changes_at_once(course):
    """One renamed, one removed, one added, one that moved, and one that a person graded and a check does now."""
    grade(course)
    enter(course.gradebook, "bob")

    def edit(cells):
        cells = renamed("why", "reason")(without("table", "check_table")(cells))
        new = [code("K = 1", "k"), answer("half", "def half(n):\n    pass")]
        return [*cells[:3], *cells[-2:], *cells[3:-2], *new]

    change(course, edit)
    found = grade(course, reason=RIGHT["why"], half="def half(n): return n / 2")
    assert [row[:5] for row in entries(found)[0]] == [("bob", "reason", None, 1.25, 0.5)]
    assert {row[1] for row in found["grade"]} == {"check_double", "check_mean", "reason"}
    assert {row[1] for row in found["comment"]} == {"double", "mean", "reason", "half"}

    def judged(cells):
        at = next(i for i, cell in enumerate(cells) if cell.id == "id-why")
        return [*cells[:at], answer("reason", "reason = 1"), checked("reason", 1.5), *cells[at + 1 :]]

    change(course, judged)
    (course.root / "grader/rubrics/week01_toy/checks/reason.py").write_text(
        "from coursekit.checks import check\n\n\n"
        '@check("reason")\ndef it_is_two(student, rng):\n    """It is two. One was released."""\n'
    )
    found = grade(course, reason="reason = 2")
    assert by_hand.without_question(course, course.week("1")) == [
        "week01_toy, bob, reason: 1.25 points, 0.5 points of extra credit"
    ]
    assert entries(found)[1] == [("bob", "reason", None, "Well said.")], "its answer cell is there as before"


def test_a_gradebook_that_does_not_know_its_cells_places_keeps_all(course):
    """Made by an earlier version, or by nbgrader alone."""
    grade(course)
    enter(course.gradebook, "bob")
    run(course.gradebook, "DELETE FROM crossmodal_cells")
    change(course, renamed("why", "reason"))
    grade(course, reason=RIGHT["why"])
    assert len(by_hand.without_question(course, course.week("1"))) == 2
    change(course, renamed("reason", "why"))
    assert entries(grade(course)) == ENTERED


def test_what_is_kept_outlives_a_damaged_gradebook(course):
    from support.gradebooks import overwrite_index

    grade(course)
    enter(course.gradebook, "bob")
    change(course, without("why"))
    grade(course)
    said = by_hand.without_question(course, course.week("1"))
    overwrite_index(course.gradebook, "grade")
    where = ["--course", str(course.root), "--work", str(course.work)]
    assert CliRunner().invoke(app, ["rebuild", *where]).exit_code == 0
    assert by_hand.without_question(course, course.week("1")) == said and len(said) == 2


def test_stopped_in_the_midst_it_is_finished_by_the_next_run(course, monkeypatch):
    grade(course)
    enter(course.gradebook, "bob")
    change(course, renamed("why", "reason"))

    def stopped(*_):
        raise KeyboardInterrupt

    for module, name in ((assignment, "_save_cells"), (projection, "_write")):
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(module, name, stopped)
            grade(course, reason=RIGHT["why"])
    found = grade(course, reason=RIGHT["why"])
    assert entries(found)[1] == [("bob", "reason", None, "Well said.")] and len(entries(found)[0]) == 1


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's own
def test_notebooks_of_an_assignment_come_and_go(empty_gradebook, tmp_path):
    """Of plain nbgrader's assignments, which may have several."""
    path = tmp_path / "gradebook.db"
    shutil.copy(empty_gradebook, path)
    with Gradebook(f"sqlite:///{path}") as book:
        book.add_assignment("ps1")
        book.add_student("ada")
        for name in ("one", "two"):
            book.add_notebook(name, "ps1")
            for cell in ("why", f"how_{name}"):
                book.add_grade_cell(cell, name, "ps1", max_score=2, cell_type="markdown")
                book.add_solution_cell(cell, name, "ps1")
                book.add_source_cell(cell, name, "ps1", cell_type="markdown", source="")
        book.add_submission("ps1", "ada")
        for name in ("one", "two"):
            book.find_grade("why", name, "ps1", "ada").manual_score = {"one": 1, "two": 2}[name]
            book.find_comment("why", name, "ps1", "ada").manual_comment = name
        book.db.commit()
    cell = kept.Cell(frozenset({"GradeCell", "SolutionCell"}), "", "")
    wanted = {"uno": {"why": cell, "how_one": cell, "more": cell}}
    with closing(sqlite3.connect(path)) as book, book:
        kept.make_way(book, "ps1", wanted)
        assert kept.listed(book) == ["ps1, ada, why: 2 points", "ps1, ada, why: a comment"]
        kept.put_back(book, {})
        assert len(kept.listed(book)) == 2, "the other notebook's question of that name has its own"
    with Gradebook(f"sqlite:///{path}") as book:
        assert [one.name for one in book.find_assignment("ps1").notebooks] == ["uno"]
        assert book.find_grade("why", "uno", "ps1", "ada").manual_score == 1
        assert book.find_submission("ps1", "ada").score == 1
