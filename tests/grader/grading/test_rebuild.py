"""All else is made again from the records, and what people entered is not lost with a damaged gradebook."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import nbformat
import pytest
from support.gradebooks import content, damage, enter, overwrite_index
from support.light import grade_as, refuse
from support.toy import RIGHT
from typer.testing import CliRunner

from grader.cli.grade import write_pages
from grader.cli.main import app
from grader.records import projection, salvage


@pytest.fixture
def graded(toy, week, right, fill, empty_gradebook):
    """A class of four with gradebook and pages, as `grader grade` leaves it."""
    toy.work.mkdir(parents=True)
    shutil.copy(empty_gradebook, toy.gradebook)
    grades = [
        grade_as(toy, week, "ada", right),
        grade_as(toy, week, "bob", fill(**{**RIGHT, "double": "def double(n):\n    return 2"}), double=1),
        refuse(toy, week, "eve"),
        refuse(toy, week, "gone", handed_in=False),
    ]
    projection.project(toy, week, grades)
    write_pages(toy, week, grades)
    return grades


@pytest.fixture
def rebuild(toy):
    def run(*arguments, code=0):
        done = CliRunner().invoke(
            app, ["rebuild", *arguments, "--course", str(toy.root), "--work", str(toy.work)], catch_exceptions=False
        )
        assert done.exit_code == code, done.output
        return done.output

    return run


def files(toy) -> dict[str, bytes]:
    """Everything but the gradebook, whose ids are drawn anew."""
    paths = (p for folder in ("records", "autograded", "reports") for p in (toy.work / folder).rglob("*"))
    return {p.relative_to(toy.work).as_posix(): p.read_bytes() for p in paths if p.is_file()}


def test_a_lost_gradebook_and_lost_pages_are_made_again(toy, week, graded, rebuild):
    book, rest = content(toy.gradebook), files(toy)
    toy.gradebook.unlink()
    shutil.rmtree(toy.report(week).parent)
    assert "4 records" in rebuild()
    assert content(toy.gradebook) == book and files(toy) == rest
    assert rebuild(week.slug) and content(toy.gradebook) == book and files(toy) == rest


def test_people_keep_what_they_entered(toy, week, graded, rebuild):
    enter(toy.gradebook, "bob")
    book = content(toy.gradebook)
    rebuild()
    assert content(toy.gradebook) == book
    assert ("bob", "why", None, 1.25, 0.5, 0) in book["grade"] and ("bob", "why", None, "Well said.") in book["comment"]


@pytest.mark.parametrize("harm", ["garbage", "truncated", "overwritten"])
def test_a_damaged_gradebook_is_set_aside(toy, week, graded, rebuild, harm):
    with closing(sqlite3.connect(toy.gradebook)) as book, book:
        book.execute("UPDATE student SET first_name = 'Bob', email = 'bob@example.org' WHERE id = 'bob'")
        book.execute("INSERT INTO student (id) VALUES ('enrolled')")
        book.execute("UPDATE assignment SET duedate = '2026-11-01 00:00:00.000000'")
    enter(toy.gradebook, "bob")
    before = content(toy.gradebook)
    if harm == "overwritten":  # the pages of an index: tables can still be read, row by row
        overwrite_index(toy.gradebook, "grade")
    else:
        damage(toy.gradebook, harm)
    broken = toy.gradebook.read_bytes()
    said = rebuild()
    assert (toy.work / "gradebook.db.damaged-1").read_bytes() == broken, "it is kept"
    assert "gradebook.db was damaged" in said and "damaged-1" in said
    after = content(toy.gradebook)
    scores = {row[:3] for row in after["grade"]}
    assert scores == {row[:3] for row in before["grade"]}, "no automatic score is lost"
    if harm == "overwritten":
        assert after == before, "nor anything else"
        with closing(sqlite3.connect(toy.gradebook)) as book:
            assert book.execute("SELECT first_name, email FROM student WHERE id = 'bob'").fetchone() == (
                "Bob",
                "bob@example.org",
            )
            assert book.execute("SELECT duedate FROM assignment").fetchone() == ("2026-11-01 00:00:00.000000",)
        assert "1 manual grade" in said and "1 comment" in said


def test_nothing_is_ever_set_aside_over_another(tmp_path):
    for number, name in enumerate(("first", "second"), 1):
        (tmp_path / "gradebook.db").write_text(name)
        (tmp_path / "gradebook.db-journal").write_text(name)
        assert salvage.set_aside(tmp_path / "gradebook.db").name == f"gradebook.db.damaged-{number}"
        assert (tmp_path / f"gradebook.db.damaged-{number}-journal").read_text() == name
    assert (tmp_path / "gradebook.db.damaged-1").read_text() == "first"


def test_autograded_notebooks_as_far_as_records_go(toy, week, graded, rebuild, right):
    shutil.rmtree(toy.work / "autograded")
    toy.submission(week, "ada").write_text(nbformat.writes(right) + " ")
    said = rebuild("1", code=1)
    assert "without the outputs of the cells: bob" in said
    assert "has changed since: ada" in said and "grader grade week01_toy bob ada" in said
    notebook = nbformat.read(toy.autograded(week, "bob"), as_version=4)
    outputs = {cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code" and cell.outputs}
    assert outputs["id-check-double"][1].data["text/plain"] == "1" and "id-double" not in outputs
    assert not toy.autograded(week, "ada").exists()
    eve = nbformat.read(toy.autograded(week, "eve"), as_version=4)
    assert "The file is empty." in eve.cells[0].source, "all of it: there was nothing to run"


def test_records_that_cannot_serve_are_named(toy, week, graded, rebuild):
    toy.record(week, "bob").write_text("{")
    toy.gradebook.unlink()
    said = rebuild(code=1)
    assert "bob.json" in said and "grade again" in said and "3 records" in said
    assert {row[0] for row in content(toy.gradebook)["grade"]} == {"ada", "eve"}


def test_without_records_there_is_nothing_to_rebuild(toy, rebuild):
    assert "there are no records" in rebuild(code=2)


def test_pages_are_written_only_when_they_would_differ(toy, week, graded):
    page = toy.feedback(week, "ada")
    whole, stamp = page.read_bytes(), page.stat().st_mtime_ns
    write_pages(toy, week, graded)
    assert page.stat().st_mtime_ns == stamp
    for harm in (whole[:-20], whole.replace(b"<body", b"<!--><body", 1), b""):
        page.write_bytes(harm)
        write_pages(toy, week, graded)
        assert page.read_bytes() == whole
    page.unlink()
    write_pages(toy, week, graded)
    assert page.read_bytes() == whole
    write_pages(toy, week, [replace(graded[0], log=["Cell 3: it said something else"])])
    assert b"it said something else" in page.read_bytes()
