"""nbgrader's own commands, as an instructor types them, grade through the judge and give away nothing."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from support.toy import MARKER, RIGHT, SECRET

from grader.course.discovery import find_course
from grader.course.syllabus import Course
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook
from grader.records import store


@pytest.fixture(scope="module")
def classroom(toy_tree, tmp_path_factory) -> Course:
    """A copy of the course with nbgrader_config.py and a class in it, taken through all four commands."""
    root = tmp_path_factory.mktemp("nbgrader") / "course"
    shutil.copytree(toy_tree.root, root)
    shutil.copy(Path(__file__).parents[3] / "nbgrader_config.py", root)
    (root / "solutions" / "week01_toy" / "notes.py").write_text(f"# {MARKER}")
    course = find_course(root)
    week = course.week("1")
    released = nbformat.read(course.release(week), as_version=4)
    for student, answers in {"ada": RIGHT, "bob": {"double": "def double(n):\n    return 2"}, "lost": RIGHT}.items():
        notebook = nbformat.from_dict(released)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = answers.get(name, cell.source)
            if student == "lost":
                cell.metadata = nbformat.from_dict({})
        hand_in(course, student, nbformat.writes(notebook))
        released = nbformat.read(course.release(week), as_version=4)
    hand_in(course, "broken", '{"cells": [')
    hand_in(course, "other", course.release(course.week("2")).read_text())
    nbgrader(course, "generate_assignment", "week01_toy")
    nbgrader(course, "autograde", "week01_toy")
    nbgrader(course, "generate_feedback", "week01_toy")
    nbgrader(course, "export")
    return course


def hand_in(course: Course, student: str, text: str) -> None:
    path = course.submission(course.week("1"), student)
    path.parent.mkdir(parents=True)
    path.write_text(text)


def nbgrader(course: Course, *arguments: str) -> None:
    command = [sys.executable, "-c", "import grader; from nbgrader.apps.nbgraderapp import main; main()", *arguments]
    done = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_the_exported_points_are_those_of_grader_grade(classroom):
    week = classroom.week("1")
    with (classroom.root / "grades.csv").open() as file:
        exported = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert exported == {"ada": 7.5, "bob": 1, "lost": 7.5, "broken": 0, "other": 0}
    for student in ("ada", "bob", "lost", "broken", "other"):
        path = classroom.submission(week, student)
        assert grade_notebook(classroom, week, path, student, Options()).grade.points == exported[student]


def test_records_are_written_too(classroom):
    week = classroom.week("1")
    assert store.read(classroom.record(week, "ada")).points == 7.5
    assert "cut off" in store.read(classroom.record(week, "broken")).reason
    assert "week 2, Tripling" in store.read(classroom.record(week, "other")).reason
    assert store.read(classroom.record(week, "lost")).repairs


def test_feedback_shows_the_verdicts(classroom):
    page = (classroom.root / "feedback" / "bob" / "week01_toy" / "week01_toy.html").read_text()
    assert "doubles_any" in page and "A constant was returned" in page
    broken = (classroom.root / "feedback" / "broken" / "week01_toy" / "week01_toy.html").read_text()
    assert "Not gradable." in broken and "cut off" in broken


def test_nothing_of_rubric_or_solutions_is_given_away(classroom):
    seen = 0
    for folder in ("release", "autograded", "feedback", "weeks", "submitted"):
        for path in (classroom.root / folder).rglob("*"):
            if path.is_file():
                text = path.read_text(errors="replace")
                assert MARKER not in text and SECRET not in text and "rng.integers" not in text, path
                seen += folder in ("release", "autograded", "feedback")
    assert seen == 1 + 5 + 5
