"""nbgrader's configuration holds as in nbgrader, or a message names the setting that does not."""

import json
import shutil
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderApp
from support.plain import configured, write_course

from grader.cli.grade import alone
from grader.course import settings
from grader.course.discovery import find_course
from grader.course.syllabus import CourseError
from grader.grading.batch import grade_class
from grader.records import database
from grader.submissions import beside

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("line", "cell_seconds", "seconds"),
    [
        ("", 60, 300),
        ("c.Execute.timeout = 200", 200, 4000),
        ("c.ExecutePreprocessor.timeout = 7", 7, 300),
        ("c.NotebookClient.timeout = 90", 90, 1800),
        ("c.Execute.timeout = None", settings.UNLIMITED, settings.UNLIMITED * settings.CELLS),
        ("c.ExecutePreprocessor.timeout = -1", settings.UNLIMITED, settings.UNLIMITED * settings.CELLS),
    ],
)
def test_the_time_of_a_cell_is_what_nbgrader_would_allow(line, cell_seconds, seconds, tmp_path):
    budget = configured(tmp_path, line).week("ps1").budget
    assert (budget.cell, budget.notebook) == (cell_seconds, seconds)


def test_folders_and_gradebook_are_where_nbgrader_has_them(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    write_course(there)
    (there / "source").rename(there / "src")
    (there / "nbgrader_config.py").unlink()
    here.mkdir()
    (here / "nbgrader_config.json").write_text(
        json.dumps({"CourseDirectory": {"root": "../there", "source_directory": "src", "submitted_directory": "in"}})
    )
    (there / "nbgrader_config.py").write_text("get_config().CourseDirectory.db_url = 'sqlite:///books/b.db'")
    course = find_course(here)
    week = course.week("ps1")
    assert course.solution(week) == there / "src" / "ps1" / "ps1.ipynb" and course.solution(week).is_file()
    assert course.submission(week, "ada") == there / "in" / "ada" / "ps1" / "ps1.ipynb"
    assert course.gradebook == there / "books" / "b.db"
    assert find_course(here, tmp_path / "class").gradebook == tmp_path / "class" / "gradebook.db"
    assert find_course(course.root, course.work) == course, "as a worker finds it"


@pytest.mark.parametrize("name", settings.REFUSED)
def test_what_would_be_honoured_only_in_part_is_refused_by_name(name, tmp_path):
    value = {
        "CourseDirectory.directory_structure": "'{student_id}/{nbgrader_step}/{assignment_id}'",
        "CourseDirectory.student_id": "'a*'",
        "CourseDirectory.notebook_id": "'p*'",
        "Autograde.exporter_class": "'nbconvert.exporters.HTMLExporter'",
        "Autograde.pre_convert_hook": "print",
        "Autograde.post_convert_hook": "print",
        "Execute.extra_arguments": "['--debug']",
        "Execute.kernel_name": "'python3'",
        "Execute.timeout_func": "lambda cell: 5",
    }.get(name, "['nbgrader.preprocessors.ClearOutput']")
    with pytest.raises(CourseError, match=name):
        configured(tmp_path, f"c.{name} = {value}")


def test_a_gradebook_that_is_no_file_is_refused_without_its_password(tmp_path):
    with pytest.raises(CourseError, match="db_url") as error:
        configured(tmp_path, "c.CourseDirectory.db_url = 'postgresql://me:secret@host/grades'")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("line", ["c.CourseDirectory.root = 5", "1 / 0", "import nothing_of_this_name"])
def test_a_configuration_that_cannot_be_read_says_why(line, tmp_path):
    with pytest.raises(CourseError, match="nbgrader_config.py cannot be read"):
        configured(tmp_path, line)


def test_a_module_beside_the_configuration_is_found(tmp_path):
    (tmp_path / "stubs_of_ours.py").write_text("SECONDS = 11")
    course = configured(tmp_path, "import stubs_of_ours", "c.Execute.timeout = stubs_of_ours.SECONDS")
    assert course.week("ps1").budget.cell == 11


def test_the_excluded_are_no_part_of_the_class(tmp_path):
    course = configured(tmp_path, "c.CourseDirectory.student_id_exclude = 'bob,eve'")
    for student in ("ada", "bob", "eve"):
        (tmp_path / "submitted" / student / "ps1").mkdir(parents=True)
    with Gradebook(database.url(course)) as book:
        book.add_student("bob")
        book.add_student("cleo")
    assert course.students(course.week("ps1")) == ["ada"] and database.enrolled(course) == ["cleo"]


def test_without_create_student_nobody_new_is_graded(tmp_path):
    course = configured(tmp_path, "c.Autograde.create_student = False")
    shutil.copytree(tmp_path / "source", tmp_path / "release")
    for student in ("ada", "bob"):
        shutil.copytree(tmp_path / "source", tmp_path / "submitted" / student)
    with Gradebook(database.url(course)) as book:
        book.add_student("ada")
    with pytest.raises(CourseError, match="create_student allows no new ones: bob"):
        grade_class(course, course.week("ps1"))
    assert not (tmp_path / "records").exists()


def test_the_group_can_change_what_is_written_where_that_is_set(tmp_path):
    course = configured(tmp_path, "c.CourseDirectory.groupshared = True")
    folder = tmp_path / "records" / "ps1"
    folder.mkdir(parents=True, mode=0o755)
    (folder / "ada.json").write_text("{}")
    (folder / "ada.json").chmod(0o644)
    with alone(course, wait=False):
        pass
    assert (folder / "ada.json").stat().st_mode & 0o777 == 0o664
    assert folder.stat().st_mode & 0o7777 == 0o2775


def test_files_are_ignored_and_overwritten_as_nbgrader_does(tmp_path):
    course = configured(
        tmp_path,
        "c.CourseDirectory.ignore = ['*.log', 'old']",
        "c.Autograde.exclude_overwriting = {'ps1': ['mine.py', 'other.py']}",
    )
    for place, names in {
        "source/ps1": ["data.csv", "mine.py", "other.py", "x.log", "old/y.txt"],
        "submitted/ada/ps1": ["data.csv", "mine.py", "z.log"],
    }.items():
        for name in names:
            path = tmp_path / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(place)
    week = course.week("ps1")
    found, left_out = beside.files(course, week, course.submission(week, "ada"))
    assert left_out == [] and {file.name: file.path.read_text() for file in found} == {
        "data.csv": "source/ps1", "mine.py": "submitted/ada/ps1", "other.py": "source/ps1"
    }  # fmt: skip


def test_every_setting_of_nbgrader_is_in_the_table():
    text = (ROOT / "docs" / "grading.md").read_text()
    table = text[text.index("## nbgrader's configuration") :]
    for kind in NbGraderApp().all_configurable_classes():
        own = kind.class_own_traits(config=True)
        whole = f"`{kind.__name__}.*`" in table
        lacking = [name for name in own if not whole and f"`{kind.__name__}.{name}`" not in table]
        assert not lacking, f"{kind.__name__}: {lacking}"
    assert all(f"`{name}`" in table for name in settings.REFUSED)
