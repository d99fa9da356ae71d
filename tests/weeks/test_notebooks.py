"""Every week's notebook, checks and known answers keep the course's contract. Nothing long runs here."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from support.known import checks_of, known_answers

from coursekit.checks import checks_in
from grader.course.discovery import find_course

ROOT = Path(__file__).parents[2]
WEEKS = find_course(ROOT).weeks
RUBRICS = ROOT / "grader" / "rubrics"
MARKER = "CROSSMODAL-RUBRIC: must never reach students"


def metadata(cell) -> dict:
    return cell.metadata.get("nbgrader", {})


@pytest.fixture(scope="module", params=WEEKS)
def week(request):
    return WEEKS[request.param]


def source_of(week) -> Path:
    return ROOT / "solutions" / week.slug / f"{week.slug}.ipynb"


def visible(week):
    return importlib.import_module(f"{week.helper}.checks")


@pytest.fixture(scope="module")
def notebook(week):
    return nbformat.read(source_of(week), as_version=4)


@pytest.fixture(scope="module")
def answer_cells(notebook):
    """The auto-graded answer cells by question, in order."""
    return {
        metadata(c)["grade_id"]: c for c in notebook.cells if metadata(c).get("solution") and not metadata(c)["grade"]
    }


# --- the notebook ---------------------------------------------------------------------------------------------------


def test_the_time_stated_covers_the_exercises(week, notebook):
    """The week's minutes are those of its exercises and some for reading, and the first cell says as much in words."""
    if week.draft:
        pytest.skip("a draft has one exercise, and the time of a whole week")
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    asked = sum(int(minutes) for minutes in re.findall(r"> \*\*Exercise .*about (\d+) minutes", text))
    assert 1.05 * asked <= week.minutes <= 1.5 * asked
    words = ["", "one", "two", "three", "four", "five"][week.minutes // 60] + " and a half" * (week.minutes % 60 == 30)
    assert f"**Time** about {words} hours" in text
    assert f"**Time** about {words} hours" in (ROOT / "weeks" / week.slug / "README.md").read_text(encoding="utf-8")


def test_the_notebook_is_valid_clean_and_alone(week, notebook):
    nbformat.validate(notebook)
    source = source_of(week)
    assert [path.name for path in source.parent.iterdir() if not path.name.startswith(".")] == [source.name]
    ids = [cell["id"] for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in ids)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_a_figure_shows_its_picture_and_not_what_its_function_returns(week, notebook):
    """A dictionary of numbers below a picture is for tests; a semicolon keeps it from being printed."""
    package = importlib.import_module(week.helper)
    for cell in notebook.cells:
        if "figure" not in cell.metadata.get("tags", []) or cell.source.rstrip().endswith(";"):
            continue
        match ast.parse(cell.source).body[-1]:
            case ast.Expr(ast.Call(ast.Attribute(ast.Name(owner), name))) if owner == week.helper:
                assert inspect.signature(getattr(package, name)).return_annotation in (None, "None"), cell["id"]


def test_the_points_are_those_of_the_syllabus(week, notebook, answer_cells):
    points = {metadata(c)["grade_id"]: metadata(c)["points"] for c in notebook.cells if metadata(c).get("grade")}
    assert sum(points.values()) == week.points
    assert 8 <= len(answer_cells) <= 12 or week.draft
    assert set(points) == {f"check_{question}" for question in answer_cells} | {"reflection"}


def test_every_answer_has_its_check_right_below(notebook, answer_cells):
    for question, cell in answer_cells.items():
        below = notebook.cells[notebook.cells.index(cell) + 1]
        assert below.source == f'check("{question}")'
        assert below["id"] == metadata(below)["grade_id"] == f"check_{question}"
        assert metadata(below)["grade"] and metadata(below)["locked"] and not metadata(below)["solution"]
        assert not metadata(cell)["locked"] and cell["id"] == question


def test_the_text_tells_the_same_points(notebook, answer_cells):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    told = dict(re.findall(r"\*\*Exercise `(\w+)`\*\*.*?· (\d+) points", text))
    points = {
        metadata(c)["grade_id"].removeprefix("check_"): metadata(c) for c in notebook.cells if metadata(c).get("grade")
    }
    assert {name: int(n) for name, n in told.items()} == {name: meta["points"] for name, meta in points.items()}


def test_one_parameters_cell_and_one_reflection(notebook):
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    namespace: dict = {}
    exec(tagged[0].source, namespace)
    assert (namespace["PROFILE"], namespace["DEVICE"], namespace["SEED"]) == ("tiny", "auto", 0)
    by_hand = [cell for cell in notebook.cells if metadata(cell).get("solution") and metadata(cell)["grade"]]
    assert [(cell.cell_type, metadata(cell)["grade_id"]) for cell in by_hand] == [("markdown", "reflection")]


def test_sections_are_numbered_as_the_text_says(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    numbers = [int(n) for n in re.findall(r"^## (\d+) · ", text, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    # a paper's section stands after its year or an "their", and with a § mostly
    ours = re.findall(r"(?<!\d, )(?<!their )\b[Ss]ections? (\d+)(?![\d.])", text + re.sub(r'"""[\s\S]*?"""', "", code))
    assert all(int(n) in numbers for n in ours), (ours, numbers)


def test_the_reflection_asks_outside_of_its_cell(notebook):
    """What stands in the cell is taken out of the release, as the solution it is."""
    (cell,) = (c for c in notebook.cells if metadata(c).get("grade_id") == "reflection")
    assert re.fullmatch(r"\*Your answers? [^*\n]*here[^*\n]*\.\*", cell.source), (
        "a table or a form belongs to the question's text"
    )


def test_a_solution_stands_in_every_answer_and_nowhere_else(notebook, answer_cells):
    for cell in notebook.cells:
        begins, ends = cell.source.count("### BEGIN SOLUTION"), cell.source.count("### END SOLUTION")
        assert begins == ends
        assert bool(begins) == (cell["id"] in answer_cells)


# --- checks and answers ---------------------------------------------------------------------------------------------


def test_every_question_has_visible_and_hidden_checks(week, answer_cells):
    shown = checks_in(visible(week))
    secret = [one for question in answer_cells for one in checks_of(week.slug, question)[1]]
    assert {one.question for one in shown} == {one.question for one in secret} == set(answer_cells)
    names = [(one.question, one.name) for one in (*shown, *secret)]
    assert len(set(names)) == len(names)
    assert all(len(one.claim) <= 120 for one in (*shown, *secret))


def test_every_question_has_enough_known_answers(week, answer_cells):
    answers = known_answers(week.slug)
    right = Counter(answer.question for answer in answers if answer.right)
    wrong = Counter(answer.question for answer in answers if not answer.right)
    assert set(right) == set(wrong) == set(answer_cells)
    assert min(right.values()) >= 2 and min(wrong.values()) >= 4
    names = [(answer.question, answer.name) for answer in answers]
    assert len(set(names)) == len(names)
    assert all(answer.why for answer in answers if not answer.right)
    subtle = {answer.question for answer in answers if answer.visible_passes}
    assert subtle == set(answer_cells), "each question has a wrong answer that the visible checks let through"


def test_an_answer_defines_what_the_stub_defines(week, answer_cells):
    def defined(source: str) -> set[str]:
        return {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}

    for answer in known_answers(week.slug):
        assert defined(answer.source) >= defined(answer_cells[answer.question].source), (answer.question, answer.name)


def test_a_question_is_one_file_of_checks_and_one_of_answers(week, answer_cells):
    """What several questions need is in `shared`, so that a question's files can be read, and removed, alone."""
    for folder in (RUBRICS / week.slug / "checks", RUBRICS / week.slug / "answers"):
        files = {path.stem: path for path in folder.glob("*.py")}
        assert set(files) - {"__init__", "shared"} == set(answer_cells)
        for name, path in files.items():
            ours = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if is_ours(node, week.slug)]
            assert {node.module for node in ours} <= {f"grader.rubrics.{week.slug}.{folder.name}.shared"}
            assert not (ours and name == "shared")
    for question in answer_cells:
        module = importlib.import_module(f"grader.rubrics.{week.slug}.answers.{question}")
        assert {answer.question for answer in module.ANSWERS} == {question}
        assert {one.question for one in checks_of(week.slug, question)[1]} == {question}


def is_ours(node: ast.AST, slug: str) -> bool:
    """An import from the week's own rubric."""
    return isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(f"grader.rubrics.{slug}.")


def test_everything_in_a_rubric_carries_the_marker(week):
    for path in (RUBRICS / week.slug).rglob("*.*"):
        if path.suffix != ".pyc":
            start = {".py": f"# {MARKER}", ".md": f"<!-- {MARKER} -->"}[path.suffix]
            assert path.read_text(encoding="utf-8").startswith(start), path


def test_the_last_cell_sums_up(notebook):
    last = notebook.cells[-1]
    assert (last.id, last.metadata.get("tags")) == ("summary", ["figure"])
    assert last.source == "from coursekit import summary\n\nsummary()"


NOT_SHOWN = {"sample", "guided"}  # one draw of `filtered`; one step of `write_guided`, which may call it or not


def test_what_is_written_is_used(notebook, answer_cells):
    """A student sees their own work: each function is called by the notebook, or a figure asks for it with `yours`."""
    used: set[str] = set()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            plain = re.sub(r"^( *)%.*$", r"\1pass", cell.source, flags=re.MULTILINE)
            others = [one for one in ast.parse(plain).body if not isinstance(one, ast.FunctionDef)]
            for one in (node for other in others for node in ast.walk(other)):
                used |= {one.id} if isinstance(one, ast.Name) else set()
                used |= {one.value} if isinstance(one, ast.Constant) and isinstance(one.value, str) else set()
    written = {
        one.name
        for cell in answer_cells.values()
        if cell.cell_type == "code"
        for one in ast.parse(cell.source).body
        if isinstance(one, ast.FunctionDef)
    }
    assert written and written - used <= NOT_SHOWN | {name for name in written if name.startswith("_")}
