"""What students get is generated, complete, free of solutions, and the same every time."""

import copy
import json

import nbformat
import pytest
from support.toy import MARKER, SECRET, build_course, toy_notebook

from grader.authoring.release import release, run_solution, validate
from grader.course.questions import questions_in
from grader.course.syllabus import CourseError


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return build_course(tmp_path_factory.mktemp("fresh"))


EXPECTED = [
    "weeks/week01_toy/week01_toy.ipynb",
    "weeks/week01_toy/toy_lab/points.json",
    "weeks/week01_toy/toy_lab/week.json",
    "weeks/week02_other/week02_other.ipynb",
    "weeks/week02_other/other_lab/points.json",
    "weeks/week02_other/other_lab/week.json",
    "colab_links.md",
]


def test_release_writes_once_and_check_writes_nothing(fresh):
    assert release(fresh, check=True) == EXPECTED
    assert not any((fresh.root / path).exists() for path in EXPECTED)
    assert release(fresh) == EXPECTED
    assert release(fresh) == release(fresh, check=True) == []
    before = {path: (fresh.root / path).read_bytes() for path in EXPECTED}
    released = fresh.root / EXPECTED[0]
    released.write_text(released.read_text().replace("Multiply", "Divide"))
    assert release(fresh, check=True) == [EXPECTED[0]]
    assert release(fresh, [fresh.week("1")]) == [EXPECTED[0]]
    assert {path: (fresh.root / path).read_bytes() for path in EXPECTED} == before
    assert not fresh.gradebook.exists(), "the class's gradebook is not touched"


def test_what_is_released(toy, week):
    notebook = nbformat.read(toy.release(week), as_version=4)
    nbformat.validate(notebook)
    text = toy.release(week).read_text(encoding="utf-8")
    assert SECRET not in text and MARKER not in text and "SOLUTION" not in text and "return 2" not in text
    source = toy_notebook()
    assert [cell.id for cell in notebook.cells] == [cell.id for cell in source.cells]
    assert questions_in(notebook) == questions_in(source)
    cells = {cell.id: cell for cell in notebook.cells}
    assert "raise NotImplementedError()" in cells["id-double"].source
    assert cells["id-double"].source.startswith('def double(n):\n    """n times two."""')
    assert cells["id-check-double"].metadata.editable is False
    points = json.loads((toy.root / "weeks/week01_toy/toy_lab/points.json").read_text())
    assert points == {"double": 4, "table": 2, "mean": 1.5, "why": 1.5}
    links = (toy.root / "colab_links.md").read_text()
    assert "github/someone/toy/blob/main/weeks/week01_toy/week01_toy.ipynb" in links and "Doubling" in links


def test_the_instructors_notebook_earns_everything(toy, week):
    result = run_solution(toy, week)
    assert (result.grade.points, result.grade.max_points, result.grade.log) == (7.5, 9, [])
    assert all(cell.execution_count for cell in result.notebook.cells if cell.id in ("imports", "id-double"))


def _edit(name, **changes):
    def edit(notebook):
        cell = next(cell for cell in notebook.cells if cell.id == name)
        for key, value in changes.items():
            if key in cell:
                cell[key] = value
            else:
                cell.metadata.nbgrader[key] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_edit("id-check-mean", points=2), "points sum to 9.5, and the syllabus says 9"),
        (_edit("id-mean", grade_id="meen"), "no answer cell is called 'mean'"),
        (_edit("id-mean", grade_id="meen"), "the answer 'meen' has no cell check_meen"),
        (_edit("id-mean", id="title"), "two cells have the id 'title'"),
        (_edit("id-mean", grade_id="double"), "two cells have the grade_id 'double'"),
        (_edit("id-check-mean", source="check('double')"), 'must be check("mean") alone'),
        (_edit("id-mean", source="pass"), "is an answer without ### BEGIN SOLUTION"),
        (_edit("imports", source="### BEGIN SOLUTION\n1\n### END SOLUTION"), "holds a solution but is no answer cell"),
        (_edit("imports", execution_count=3), "has outputs"),
        (_edit("parameters", metadata={}), "0 cells are tagged `parameters`"),
    ],
)
def test_a_faulty_source_is_refused(week, edit, says):
    notebook = copy.deepcopy(toy_notebook())
    validate(notebook, week)
    edit(notebook)
    with pytest.raises(CourseError, match="needs mending") as caught:
        validate(notebook, week)
    assert says in str(caught.value)


def test_an_open_solution_block_is_refused_with_nbgraders_reason(tmp_path):
    course = build_course(tmp_path)
    path = course.solution(course.week("1"))
    path.write_text(path.read_text().replace("### END SOLUTION", "###", 1))
    with pytest.raises(CourseError, match="nbgrader could not generate week01_toy: .*(?s:.*)solution"):
        release(course)


def test_a_missing_source_is_named(tmp_path):
    course = build_course(tmp_path)
    course.solution(course.week("1")).unlink()
    with pytest.raises(CourseError, match="has no instructor notebook"):
        release(course)
