"""The notebook's last cell, `summary()`: it tells a student how far they are, and can move no grade."""

import copy

import nbformat
import pytest
from support.toy import RIGHT, build_course

from grader.analysis.figures import only_drawn
from grader.authoring.release import release, run_solution
from grader.course.discovery import find_course
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook

SUMMARY = "from coursekit import summary\n\nsummary()"
QUICK = Options(kernel="python3")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The toy course with a summary at the end of week 1, released."""
    root = tmp_path_factory.mktemp("summary")
    made = build_course(root)
    path = made.solution(made.week("1"))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(SUMMARY, id="summary", metadata={"tags": ["figure"]}))
    nbformat.write(notebook, path)
    release(made)
    return find_course(root, tmp_path_factory.mktemp("class"))


@pytest.fixture
def answered(course):
    """The released notebook, its answers right."""
    notebook = nbformat.read(course.release(course.week("1")), as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = RIGHT.get(name, cell.source)
    return notebook


def executed(result):
    return {cell.id: cell for cell in result.notebook.cells}


def test_it_is_released_as_it_is_and_grading_leaves_it_out(course, answered):
    released = nbformat.read(course.release(course.week("1")), as_version=4)
    assert released.cells[-1].id == "summary" and released.cells[-1].source == SUMMARY
    assert only_drawn(answered, released) == {SUMMARY}
    result = grade_notebook(course, course.week("1"), answered, "ada", QUICK)
    assert result.grade.points == 7.5 and result.grade.repairs == []
    assert not executed(result)["summary"].execution_count


def test_in_the_instructor_s_run_it_is_executed_and_raises_nothing(course):
    result = run_solution(course, course.week("1"), QUICK)
    assert (result.grade.points, result.grade.log) == (7.5, [])
    (output,) = executed(result)["summary"].outputs
    assert "week 1: 0 of 3 done, 0 of 7.5 points" in output.text and "a person grades it" in output.text


@pytest.mark.parametrize("theirs", [None, SUMMARY + "\nsummary = 3", "import os\nos.environ.clear()\n" + SUMMARY])
def test_what_a_student_makes_of_it_moves_no_points(course, answered, theirs):
    """Taken away as in a notebook of before it was there, or changed: then it runs, and says one line."""
    notebook = copy.deepcopy(answered)
    if theirs is None:
        notebook.cells.pop()
    else:
        notebook.cells[-1].source = theirs
    result = grade_notebook(course, course.week("1"), notebook, "ada", QUICK)
    assert result.grade.points == 7.5, result.grade.log
    if theirs is None:
        assert result.grade.repairs == ["the cell 'from coursekit import summary' was missing; put back as released"]
    elif "environ" not in theirs:
        (output,) = executed(result)["summary"].outputs
        assert output.text.startswith("The summary is for you")
