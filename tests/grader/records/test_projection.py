"""The gradebook says what nbgrader's own steps would, is written only where it has to be, and never loses a person."""

import shutil
import sqlite3
from contextlib import closing

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from support.gradebooks import ZERO, content, damage, enter, run
from support.light import grade_as, refuse
from support.toy import RIGHT
from traitlets.config import Config

from grader.course import times
from grader.course.discovery import find_course
from grader.course.syllabus import Course
from grader.records import database, late, projection
from grader.records.assignment import save_assignment
from grader.records.database import GradebookError


@pytest.fixture
def book(toy, empty_gradebook):
    toy.work.mkdir(parents=True)
    shutil.copy(empty_gradebook, toy.gradebook)
    return toy.gradebook


def as_nbgrader_does(course: Course, week, grades) -> None:
    """The same through nbgrader's own preprocessors, a student at a time."""
    config = Config({"LateSubmissionPlugin": {"penalty_method": "zero"}})
    for grade in grades:
        with Gradebook(database.url(course)) as book:
            book.update_or_create_student(grade.student)
            if not grade.handed_in:
                continue
            stamp = late.timestamp(course.submission(week, grade.student).parent)
            book.update_or_create_submission(week.slug, grade.student, **({"timestamp": stamp} if stamp else {}))
        names = {
            "student": grade.student,
            "assignment": week.slug,
            "notebook": week.slug,
            "db_url": database.url(course),
        }
        notebook = nbformat.read(course.autograded(week, grade.student), as_version=4)
        for step in (SaveAutoGrades(), AssignLatePenalties(config=config)):
            notebook, _ = step.preprocess(notebook, {"nbgrader": names})


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's own
def test_it_holds_what_nbgraders_own_steps_write(toy, week, book, right, fill):
    (toy.work / "nbgrader_config.py").write_text(ZERO)
    grades = [
        grade_as(toy, week, "ada", right),
        grade_as(toy, week, "bob", fill(**{**RIGHT, "double": "def double(n):\n    return 2"}), double=1, mean=1 / 3),
        grade_as(toy, week, "empty", fill(), double=0, table=0, mean=0),
        grade_as(toy, week, "late", right, mean=0),
        refuse(toy, week, "refused"),
        refuse(toy, week, "absent", handed_in=False),
    ]
    (toy.submission(week, "late").parent / "timestamp.txt").write_text("2026-11-02 10:00:00.000000 UTC")
    (toy.submission(week, "ada").parent / "timestamp.txt").write_text("2026-10-02 10:00:00.000000 UTC")
    save_assignment(toy, week)
    run(book, "UPDATE assignment SET duedate = '2026-11-01 00:00:00.000000' WHERE name = ?", week.slug)
    other = find_course(toy.root, toy.work.parent / "other")
    shutil.copytree(toy.work, other.work)

    projection.project(toy, week, grades)
    as_nbgrader_does(other, week, grades)
    first = content(book)
    assert first == content(other.gradebook)
    assert ("late", "2026-11-02 10:00:00.000000", 6, 0) in first["submission"]
    assert ("bob", "check_mean", 0.333333, None, None, 0) in first["grade"]
    assert ("empty", "why", 0, None, None, 0) in first["grade"] and ("ada", "why", None, None, None, 1) in first[
        "grade"
    ]

    for student in ("ada", "bob"):
        enter(book, student), enter(other.gradebook, student)
    again = [
        grade_as(toy, week, "bob", fill(**{**RIGHT, "why": "Because of two."})),
        grade_as(toy, week, "late", right, mean=0.5),
    ]
    for grade in again:
        shutil.copy(toy.autograded(week, grade.student), other.autograded(week, grade.student))
    projection.project(toy, week, [*grades[:1], *again])
    as_nbgrader_does(other, week, again)
    second = content(book)
    assert second == content(other.gradebook)
    assert ("bob", "why", None, 1.25, 0.5, 1) in second["grade"], "another text: a person looks again"
    assert ("ada", "why", None, 1.25, 0.5, 0) in second["grade"], "the same text: nobody has to"


def test_nothing_is_written_where_nothing_changed(toy, week, book, right, monkeypatch):
    grades = [grade_as(toy, week, "ada", right), refuse(toy, week, "absent", handed_in=False)]
    projection.project(toy, week, grades)
    before = book.read_bytes()
    monkeypatch.setattr(projection, "_write", lambda *_: pytest.fail("written"))
    monkeypatch.setattr(projection, "save_assignment", lambda *_: pytest.fail("written"))
    projection.project(toy, week, grades)
    assert book.read_bytes() == before


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE grade SET auto_score = 0",
        "DELETE FROM grade",
        "DELETE FROM comment",
        "DELETE FROM submitted_notebook",
        "DELETE FROM submitted_assignment",
        "DELETE FROM student",
        "DELETE FROM crossmodal_projected",
    ],
)
def test_what_is_missing_or_wrong_there_is_put_right(toy, week, book, right, harm):
    grades = [grade_as(toy, week, "ada", right)]
    projection.project(toy, week, grades)
    before = content(book)
    run(book, harm)
    projection.project(toy, week, grades)
    assert content(book) == before


def test_a_due_date_that_moves_moves_the_penalty(toy, week, book, right):
    (toy.work / "nbgrader_config.py").write_text(ZERO)
    grades = [grade_as(toy, week, "ada", right)]
    (toy.submission(week, "ada").parent / "timestamp.txt").write_text("2026-11-02 10:00:00.000000 UTC")
    projection.project(toy, week, grades)
    assert content(book)["submission"][0][2] is None
    run(book, "UPDATE assignment SET duedate = '2026-11-01 00:00:00.000000'")
    projection.project(toy, week, grades)
    assert content(book)["submission"][0][2] == 7.5
    run(book, "UPDATE assignment SET duedate = '2026-11-03 00:00:00.000000'")
    projection.project(toy, week, grades)
    assert content(book)["submission"][0][2] is None


STAMPS = {
    "junk": b"junk", "empty": b"", "impossible": b"2026-02-30 10:00:00", "bytes": b"\xff\x00\xe9", "year": b"2026",
    "zone": b"2026-11-02 10:00:00 XYZ",
}  # fmt: skip


def test_a_time_that_cannot_be_read_changes_nobody_and_is_said(toy, week, book, right):
    (toy.work / "nbgrader_config.py").write_text(ZERO)
    good = {
        "bom": b"\xef\xbb\xbf2026-11-02 10:00:00",
        "offset": b"2026-11-02 10:00:00 +0100",
        "ada": b"2026-10-02 10:00:00",
    }
    names = [*STAMPS, *good]
    grades = [grade_as(toy, week, name, right) for name in names]
    for name, raw in {**STAMPS, **good}.items():
        (toy.submission(week, name).parent / "timestamp.txt").write_bytes(raw)
    projection.project(toy, week, grades)
    run(book, "UPDATE assignment SET duedate = '2026-11-01 00:00:00.000000'")
    projection.project(toy, week, grades)
    found = {student: (time, penalty) for student, time, penalty, _ in content(book)["submission"]}
    assert {found[name] for name in STAMPS} == {(None, None)}
    assert found["bom"] == ("2026-11-02 10:00:00.000000", 7.5) and found["ada"][1] is None
    assert found["offset"] == ("2026-11-02 09:00:00.000000", 7.5)
    lines = late.lateness(toy, week, names)
    assert [line.partition(":")[0] for line in lines] == list(STAMPS)
    assert all("is not known" in line and "timestamp.txt" in line for line in lines)


def test_a_mark_of_lateness_reaches_the_penalty(toy, week, book, right):
    (toy.work / "nbgrader_config.py").write_text(ZERO)
    grades = [grade_as(toy, week, name, right) for name in ("ada", "bob")]
    for name in ("ada", "bob"):
        (toy.submission(week, name).parent / times.LATE).touch()
    (toy.submission(week, "bob").parent / "timestamp.txt").write_text("2026-11-01 00:00:10")

    def found():
        projection.project(toy, week, grades)
        return {student: (time and time[:19], penalty) for student, time, penalty, _ in content(book)["submission"]}

    assert found() == {"ada": (None, None), "bob": ("2026-11-01 00:00:10", None)}
    (line,) = late.lateness(toy, week, ["ada", "bob"])
    assert "--duedate" in line and line.endswith(": ada")
    run(book, "UPDATE assignment SET duedate = '2026-11-01 00:00:00.000000'")
    assert found() == {"ada": ("2026-11-01 00:00:01", 7.5), "bob": ("2026-11-01 00:00:10", 7.5)}
    assert "one second late" in late.lateness(toy, week, ["ada", "bob"])[0]
    run(book, "UPDATE submitted_assignment SET extension = '1970-01-03 00:00:00.000000'")
    assert {penalty for _, penalty in found().values()} == {None}, "a person gave more time"
    (toy.submission(week, "ada").parent / times.LATE).unlink()
    assert found()["ada"] == (None, None), "the mark is gone, and so is what it said"


def test_another_rubric_asks_nobody_to_read_the_texts_again(toy, week, book, right):
    projection.project(toy, week, [grade_as(toy, week, "ada", right, mean=0), grade_as(toy, week, "bob", right)])
    enter(book, "ada"), enter(book, "bob")
    other = nbformat.from_dict(right)
    other.cells[-1].source = "Because of three."
    projection.project(toy, week, [grade_as(toy, week, "ada", right), grade_as(toy, week, "bob", other)])
    found = content(book)["grade"]
    assert ("ada", "check_mean", 1.5, None, None, 0) in found and ("ada", "why", None, 1.25, 0.5, 0) in found
    assert ("bob", "why", None, 1.25, 0.5, 1) in found, "another text"


def test_late_penalties_by_a_plugin_that_lies_beside_the_settings(toy, week, book, right):
    settings = toy.work / "nbgrader_config.py"
    settings.write_text("c = get_config()\nc.AssignLatePenalties.plugin_class = 'a_point_an_hour.Plugin'\n")
    (toy.work / "a_point_an_hour.py").write_text(
        "from nbgrader.plugins import BasePlugin\n\n\nclass Plugin(BasePlugin):\n"
        "    def late_submission_penalty(self, student, score, seconds):\n        return seconds / 3600\n"
    )
    grades = [grade_as(toy, week, "ada", right)]
    (toy.submission(week, "ada").parent / "timestamp.txt").write_text("2026-11-02 10:00:00.000000 UTC")
    projection.project(toy, week, grades)
    run(book, "UPDATE assignment SET duedate = '2026-11-02 07:00:00.000000'")
    projection.project(toy, week, grades)
    assert content(book)["submission"][0][2] == 3
    settings.write_text("c = get_config()\nc.AssignLatePenalties.plugin_class = 'not_there.Plugin'\n")
    with pytest.raises(GradebookError, match="nbgrader_config.py sets late penalties that cannot be: .*not_there"):
        projection.project(toy, week, grades)


@pytest.mark.parametrize("harm", ["garbage", "truncated", "empty"])
def test_a_damaged_one_is_refused_clearly(toy, week, book, right, harm):
    grades = [grade_as(toy, week, "ada", right)]
    projection.project(toy, week, grades)
    damage(book, harm)
    before = book.read_bytes()
    for ask in (lambda: database.enrolled(toy), lambda: projection.project(toy, week, grades)):
        with pytest.raises(GradebookError, match="is damaged .*grader rebuild"):
            ask()
    assert book.read_bytes() == before


def test_one_that_is_in_use_is_said(toy, week, book, right, monkeypatch):
    grades = [grade_as(toy, week, "ada", right)]
    save_assignment(toy, week)
    monkeypatch.setattr(projection, "save_assignment", lambda *_: None)
    monkeypatch.setattr(projection, "url", lambda course: f"sqlite:///{course.gradebook}?timeout=0.2")
    with closing(sqlite3.connect(book)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GradebookError, match="database is locked.*grader rebuild week01_toy"):
            projection.project(toy, week, grades)
    projection.project(toy, week, grades)
    assert ("ada", "check_double", 4, None, None, 0) in content(book)["grade"]
