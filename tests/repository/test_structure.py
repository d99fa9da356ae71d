"""The shape of the tree: every arrow points down, nothing goes in a circle, and no file or function grows too long.

docs/architecture.md says why. Imports count wherever they stand: in functions and under TYPE_CHECKING too.
"""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
WEEKS = tomllib.loads((ROOT / "weeks" / "course.toml").read_text(encoding="utf-8"))["weeks"].values()
LABS = [week["helper"] for week in WEEKS]
# of the grader, from the lowest: a package imports from those before it
ORDER = ("course", "analysis", "records", "execution", "submissions", "grading", "reporting", "authoring", "cli")
MOST_LINES, MOST_OF_A_FUNCTION, MOST_PARAMETERS = 500, 60, 8
DATA = re.compile(r"grader/rubrics/\w+/answers/")  # known answers are texts


def python_files() -> list[Path]:
    """Every Python file of the tree that git knows or would know."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("grader", "coursekit", "tinyworld", *LABS, cache_dir=None)


def test_every_arrow_of_the_grader_points_down(graph):
    found = graph.find_illegal_dependencies_for_layers(layers=tuple(reversed(ORDER)), containers={"grader"})
    assert not [f"{one.importer} -> {one.imported}" for one in found]
    # `grader` itself is what others call: within it, only commands and known answers of rubrics stand above all
    top = {name.split(".")[1] for name in graph.modules if name.startswith("grader.")}
    assert top == {*ORDER, "rubrics"}


def test_students_never_need_the_grader_and_the_world_needs_nobody(graph):
    layers = ("grader", " | ".join(LABS), "coursekit", "tinyworld")
    found = graph.find_illegal_dependencies_for_layers(
        layers=tuple(grimp.Layer(*name.split(" | "), independent=False) for name in layers)
    )
    assert not [f"{one.importer} -> {one.imported}" for one in found]


def test_nothing_imports_in_a_circle(graph):
    arrows = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("package", ORDER)
def test_a_package_says_its_idea_and_what_it_may_import(package):
    text = ast.get_docstring(ast.parse((ROOT / "grader" / package / "__init__.py").read_text(encoding="utf-8")))
    before = ", ".join(ORDER[: ORDER.index(package)]) or "nothing of the grader"
    assert text and text.splitlines()[0].endswith(".") and text.splitlines()[-1] == f"Imports: {before}."
    for module in re.findall(r"`(\w+)(?:\.\w+)*`", text):
        if (ROOT / "grader" / package / f"{module}.py").is_file():
            continue
        assert module in ("grader",), f"{package} has no module {module}"
    for module, name in re.findall(r"`(\w+)\.(\w+)`", text):
        source = (ROOT / "grader" / package / f"{module}.py").read_text(encoding="utf-8")
        assert re.search(rf"^(def|class) {name}\b|^{name}\b", source, re.MULTILINE), f"{package}.{module} has no {name}"


def test_no_file_is_too_long():
    long = {}
    for path in python_files():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MOST_LINES and not DATA.match(path.relative_to(ROOT).as_posix()):
            long[path.relative_to(ROOT).as_posix()] = lines
    assert not long


def reasons(lines: list[str], function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a comment stands on the line of the `def`, or directly above it and its decorators."""
    first = min([function.lineno, *(one.lineno for one in function.decorator_list)])
    beside, above = lines[function.lineno - 1].partition("#")[2], lines[first - 2].strip()
    said = [beside, above[1:] if above.startswith("#") else ""]  # not the heading of a section, nor a word to a tool
    return any(text.strip() and not re.match(r"\s*(---|noqa|type:|fmt:|pragma)", text) for text in said)


def test_no_function_is_too_long_or_asks_too_much_without_a_reason():
    found = []
    for path in python_files():
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
            count = len([one for one in given if one is not None and one.arg not in ("self", "cls")])
            lines = node.end_lineno - node.lineno + 1
            if (lines > MOST_OF_A_FUNCTION or count > MOST_PARAMETERS) and not reasons(text.splitlines(), node):
                found.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines, {count} parameters")
    assert not found


def test_no_test_imports_another():
    found = []
    for path in python_files():
        if path.relative_to(ROOT).parts[0] != "tests":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path.name}: {name}" for name in names if re.search(r"(^|\.)test_\w+", name)]
    assert not found
