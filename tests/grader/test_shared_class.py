"""Modes and groups of what the grader writes, and two teachers who grade one class."""

import os
import shutil
import stat
import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.gradebooks import content
from support.light import grade_as
from typer.testing import CliRunner

from grader.cli.grade import alone, write_pages
from grader.cli.main import app
from grader.course.discovery import find_course
from grader.course.files import write_atomically
from grader.records import projection, store
from grader.records.lock import locked

GROUP, ANN, BEN, EVE = 61_000, 61_001, 61_002, 61_003  # made up: a group of two, and one who is not in it


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0o002, 0o077])
def test_files_have_the_mode_that_the_umask_leaves(toy, week, right, mask):
    with umask(mask):
        grades = [grade_as(toy, week, "ada", right)]
        projection.project(toy, week, grades)
        write_pages(toy, week, grades)
    written = [toy.record(week, "ada"), toy.autograded(week, "ada"), toy.report(week), toy.feedback(week, "ada")]
    for path in (*written, toy.gradebook):
        assert mode(path) == 0o666 & ~mask, path
    assert mode(toy.record(week, "ada").parent) & 0o777 == 0o777 & ~mask


def test_files_have_the_group_of_a_setgid_folder(tmp_path):
    groups = [GROUP] if os.geteuid() == 0 else os.getgroups()
    os.chown(tmp_path, -1, groups[-1])
    tmp_path.chmod(0o2770)
    with umask(0o002):
        write_atomically(tmp_path / "new" / "a.json", "{}")
    assert (tmp_path / "new" / "a.json").stat().st_gid == groups[-1]
    assert mode(tmp_path / "new") == 0o2775 and mode(tmp_path / "new" / "a.json") == 0o664


@pytest.fixture
def ada_and_bob(toy, week, right, fill, empty_gradebook):
    """Their records, which all may read, and a gradebook made from them. The course, with its class."""
    with umask(0o022):
        toy.work.mkdir()
        shutil.copy(empty_gradebook, toy.gradebook)
        grades = [grade_as(toy, week, "ada", right), grade_as(toy, week, "bob", fill())]
        projection.project(toy, week, grades)
    return toy


@pytest.mark.parametrize(
    ("file", "folder", "book", "most"),
    [
        (0o644, 0o755, 0o644, 0o644),
        (0o640, 0o755, 0o644, 0o640),
        (0o600, 0o755, 0o644, 0o600),
        (0o644, 0o750, 0o644, 0o640),
        (0o644, 0o700, 0o644, 0o600),
        (0o644, 0o755, 0o600, 0o600),
    ],
)
def test_an_export_is_no_wider_than_what_it_is_made_from(ada_and_bob, week, call, file, folder, book, most):
    course = ada_and_bob
    course.record(week, "bob").chmod(file)
    course.record(week, "x").parent.chmod(folder)
    course.gradebook.chmod(book)
    with umask(0o022):
        for kind in ("csv", "canvas", "gradescope"):
            assert call("export", kind, "1").exit_code == 0
    made = course.work / "exports" / week.slug
    assert mode(made / "grades.csv") == mode(made / "canvas.csv") == most
    assert mode(made / "gradescope" / "bob" / "results.json") == most
    assert mode(made / "gradescope" / "ada" / "results.json") == most | (
        0o044 if folder == 0o755 and book != 0o600 else 0
    )


def test_an_export_elsewhere_is_no_wider_than_the_way_to_the_records(toy, week, right, call, tmp_path, empty_gradebook):
    with umask(0o022):
        toy.work.mkdir()
        shutil.copy(empty_gradebook, toy.gradebook)
        projection.project(toy, week, [grade_as(toy, week, "ada", right)])
        toy.work.chmod(0o700)
        assert call("export", "csv", "1", "--out", str(tmp_path / "for all" / "grades.csv")).exit_code == 0
    assert mode(tmp_path / "for all" / "grades.csv") == 0o600


def test_a_failed_write_leaves_nothing(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(path, "text")
    assert list(tmp_path.iterdir()) == [path]


def as_user(user, work):
    """Do something as another user, in a fork; whether that went well. Modules it needs are imported already."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([] if user == EVE else [GROUP])
            os.setgid(user), os.setuid(user), os.umask(0o002)
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.fixture
def shared(toy_tree, week, right, empty_gradebook):
    """A course that all may read, and the class's folder of ANN's and her group's (chmod g+ws)."""
    if os.geteuid() != 0:
        pytest.skip("only root can be two teachers")
    place = Path(tempfile.mkdtemp(prefix="class-", dir="/tmp"))
    try:
        shutil.copytree(toy_tree.root, place / "course")
        work = place / "class"
        work.mkdir()
        shutil.copy(empty_gradebook, work)
        for path, bits in ((place, 0o755), (place / "course", 0o755), (work, 0o2770), (work / "gradebook.db", 0o660)):
            os.chown(path, ANN, GROUP if path not in (place, place / "course") else ANN)
            path.chmod(bits)
        yield find_course(place / "course", work)
    finally:
        shutil.rmtree(place)


def grade(course, notebook, students, double):
    week = course.week("1")
    with alone(course, wait=False):
        grades = [grade_as(course, week, name, notebook, double=double) for name in students]
        projection.project(course, week, grades)
        write_pages(course, week, grades)


def export(course, out):
    done = CliRunner().invoke(
        app, ["export", "csv", "1", "--course", str(course.root), "--work", str(course.work), "--out", str(out)]
    )
    assert done.exit_code == 0, done.output


def test_two_teachers_of_a_group_share_a_class(toy, shared, week, right):
    """One after the other, each with a umask of 002."""
    grade(toy, right, ["ada"], 4), export(toy, toy.work / "grades.csv")  # all that is imported late
    assert as_user(ANN, lambda: grade(shared, right, ["ada", "bob"], 4))
    assert as_user(BEN, lambda: grade(shared, right, ["bob", "cy"], 1))
    assert as_user(ANN, lambda: grade(shared, right, ["cy"], 4))
    assert store.read(shared.record(week, "bob")).points == 4.5
    scores = {row[0]: row[2] for row in content(shared.gradebook)["grade"] if row[1] == "check_double"}
    assert scores == {"ada": 4, "bob": 1, "cy": 4}
    for path in shared.work.rglob("*"):
        assert path.stat().st_gid == GROUP and mode(path) & 0o060 == 0o060, path
    out = shared.work.parent / "class" / "grades.csv"
    assert as_user(BEN, lambda: export(shared, out)) and mode(out) == 0o660, "as the gradebook"
    assert as_user(ANN, out.read_text) and not as_user(EVE, out.read_text)
    assert not as_user(EVE, lambda: export(shared, "/tmp/grades-of-others.csv"))


def test_a_lock_file_of_anothers_can_be_held(shared):
    shared.work.chmod(0o777)

    def hold():
        with locked(shared.work):
            pass

    with umask(0o022):
        hold()
    assert as_user(EVE, hold)
    with locked(shared.work):
        assert not as_user(EVE, hold)
