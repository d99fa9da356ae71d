"""Any course of nbgrader is found, by its own names; what is not for it, or is too old, says so."""

import shutil
import sqlite3

import pytest
from support.plain import command, configured, write_course

from grader.course.discovery import find_course
from grader.course.syllabus import CourseError


def test_assignments_may_be_called_by_numbers(tmp_path):
    for name in ("1", "2", "10"):
        write_course(tmp_path / "x" / name, name=name)
        shutil.copytree(tmp_path / "x" / name / "source", tmp_path / "source", dirs_exist_ok=True)
    course = find_course(tmp_path)
    assert [course.week(name).slug for name in ("1", "2", "10")] == ["1", "2", "10"]
    with pytest.raises(CourseError, match="names no one week"):
        course.week("3")


def test_the_nearest_course_wins(toy_tree, tmp_path):
    tree = shutil.copytree(toy_tree.root, tmp_path / "ours")
    inner = write_course(tree / "others" / "nb")
    assert find_course(inner / "source").root == inner
    (tree / "docs" / "source" / "pictures").mkdir(parents=True)
    assert find_course(tree / "docs" / "source").root == tree, "no course, whatever it is called"
    mine = shutil.copytree(toy_tree.root, inner / "sub" / "ours")
    assert not find_course(mine / "weeks").classic


@pytest.mark.parametrize(
    "arguments",
    [["release"], ["run"], ["audit", "ps1"], ["publish", "out"], ["export", "autograder", "ps1"],
     ["export", "classroom", "ps1", "--grader-repository", "a/b"]],
)  # fmt: skip
def test_commands_that_are_not_for_a_plain_course_say_so(arguments, tmp_path):
    configured(tmp_path)
    assert "plain nbgrader" in command(tmp_path, *arguments, code=2)


def test_a_gradebook_of_an_older_nbgrader_names_the_command_that_upgrades_it(tmp_path):
    course = configured(tmp_path)
    with sqlite3.connect(course.gradebook) as book:
        for table in ("student", "assignment", "notebook", "grade", "comment", "grade_cell", "submitted_assignment"):
            book.execute(f"CREATE TABLE {table} (id VARCHAR(32) PRIMARY KEY, name VARCHAR(128))")
    hand = course.submission(course.week("ps1"), "ada")
    hand.parent.mkdir(parents=True)
    shutil.copy(course.solution(course.week("ps1")), hand)
    shutil.copytree(tmp_path / "source", tmp_path / "release")
    assert "nbgrader db upgrade" in command(tmp_path, "grade", "ps1", code=2)
