"""A graded class, as what is made from records needs it."""

import shutil

import pytest
from support.gradebooks import ZERO, enter, run
from support.light import grade_as, refuse

from grader.records import projection


@pytest.fixture
def graded(toy, week, right, fill, empty_gradebook):
    """ada: graded by hand too, and late. bob: part. emmy: nothing yet. eve: a broken file. zed: nothing handed in."""
    toy.work.mkdir(parents=True)
    shutil.copy(empty_gradebook, toy.gradebook)
    (toy.work / "nbgrader_config.py").write_text(ZERO.replace("'zero'", "'none'"))
    grades = [
        grade_as(toy, week, "ada", right),
        grade_as(toy, week, "bob@school.edu", right, double=1, mean=1 / 3),
        grade_as(toy, week, "emmy", fill(), double=0, table=0, mean=0),
        refuse(toy, week, "eve", "The file is empty,\nsorry."),
        refuse(toy, week, "zed", "Nothing was handed in.", handed_in=False),
    ]
    projection.project(toy, week, grades)
    enter(toy.gradebook, "ada")
    late = "SELECT n.id FROM submitted_notebook n JOIN submitted_assignment s ON s.id = n.assignment_id"
    late = f"UPDATE submitted_notebook SET late_submission_penalty = 2 WHERE id IN ({late} WHERE s.student_id = 'ada')"
    run(toy.gradebook, late)
    run(toy.gradebook, "UPDATE student SET first_name = 'Ada', last_name = '=Lovelace' WHERE id = 'ada'")
    return grades
