"""Things in place of a notebook that are none: nothing hangs, nothing is followed, and the others are graded."""

import os
import time

import nbformat
import pytest
from support.toy import RIGHT

from attacks.files import PLANTS
from grader.course import untrusted
from grader.course.discovery import find_course
from grader.grading.batch import grade_class
from grader.grading.options import Options

SECONDS = 60  # far more than two runs take, and far less than for ever


def solved(course, week):
    notebook = nbformat.read(course.release(week), as_version=4)
    for cell in notebook.cells:
        cell.source = RIGHT.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    return nbformat.writes(notebook)


def plant(course, week):
    """{student: what the reason says} of submissions that are no files; `ada` is honest, and so is `zoë`."""
    for student in ("ada", "zoë"):
        course.submission(week, student).parent.mkdir(parents=True)
        course.submission(week, student).write_text(solved(course, week), encoding="utf-8")
    with open(os.path.join(os.fsencode(course.submitted / "zoë" / week.slug), b"caf\xe9.txt"), "wb") as file:
        file.write(b"a file name in Latin-1")
    for name, (put, _) in PLANTS.items():
        put(course.submission(week, name), course.submission(week, "ada"))
    (course.submitted / "away").symlink_to(course.root)
    beside = course.submission(week, "other name")
    beside.parent.mkdir(parents=True)
    os.mkfifo(beside.with_name("mine.ipynb"))
    return {name: says for name, (_, says) in PLANTS.items()} | {"other name": "not a regular file"}


@pytest.fixture(scope="module")
def graded(toy_tree, tmp_path_factory):
    """({student: Grade} of a first and of a second run, what the reasons say, seconds that both took, misnamed)."""
    course = find_course(toy_tree.root, tmp_path_factory.mktemp("class"))
    week = course.week("1")
    said = plant(course, week)
    long = course.submitted / ("x" * 255)
    (long / week.slug).mkdir(parents=True)
    bytes_ = os.path.join(os.fsencode(course.submitted), b"jos\xe9")
    os.makedirs(os.path.join(bytes_, week.slug.encode()))
    began = time.monotonic()
    runs = [{g.student: g for g in grade_class(course, week, options=Options(workers=2))} for _ in range(2)]
    return runs, said, time.monotonic() - began, course.misnamed(week)


def test_nothing_hangs_and_the_others_are_graded(graded):
    runs, _, seconds, _ = graded
    assert seconds < SECONDS
    for run in runs:
        assert run["ada"].points == run["zoë"].points == 7.5


def test_each_gets_a_verdict_that_says_what_it_is(graded):
    runs, said, _, _ = graded
    for run in runs:
        for student, words in said.items():
            grade = run[student]
            assert grade.outcome == "not gradable" and grade.points == 0, student
            assert words in grade.reason, (student, grade.reason)


def test_nobody_is_graded_for_the_work_behind_a_link(graded):
    runs, said, _, _ = graded
    assert "away" not in runs[0] or runs[0]["away"].points == 0
    assert sum(grade.points for grade in runs[0].values()) == 15 and len(said) >= 10


def test_names_that_no_record_can_have_are_said(graded):
    runs, _, _, misnamed = graded
    assert len(misnamed) == 2 and "255 bytes" in misnamed[1] and "not UTF-8" in misnamed[0]
    assert not any(name.startswith(("x" * 9, "jos")) for name in runs[0])


def test_what_changes_between_a_look_and_the_opening_is_seen(tmp_path, monkeypatch):
    """A file that becomes a pipe or a link the moment after it was looked at."""
    path, secret = tmp_path / "a.ipynb", tmp_path / "secret"
    secret.write_text("secret")
    ordinary, changes = os.open, [os.mkfifo, lambda place: place.symlink_to(secret)]

    def late(name, flags, *args, **kwargs):
        if name == path.name:
            path.unlink()
            changes.pop()(path)
        return ordinary(name, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", late)
    monkeypatch.setattr(os, "supports_dir_fd", {late})
    while changes:
        path.unlink(missing_ok=True)
        path.write_text("mine")
        with pytest.raises(OSError):
            untrusted.read(path)


def test_a_file_without_end_is_not_read_to_it(tmp_path):
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(10 * untrusted.LARGEST)
    assert len(untrusted.read(large, 100)) == 101
    first = untrusted.digest(large)
    with large.open("r+b") as file:
        file.truncate(11 * untrusted.LARGEST)
    assert untrusted.digest(large) != first, "its size counts"
