"""A week's notebook run as a student's "Run All" runs it: from top to bottom, until a cell ends with an error."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping

from nbformat import NotebookNode

from grader.analysis.cells import parse, python
from grader.analysis.figures import names
from grader.course.notebooks import read_solution, released_notebook
from grader.course.questions import answers_in, name_of
from grader.course.syllabus import Course, Week
from grader.execution.kernel import File, Kernel
from grader.execution.kernelspecs import usual_kernel
from grader.grading.environment import kernel_environment
from grader.grading.options import Options

STUB = "raise NotImplementedError()"
SLIP = 'raise ValueError("a slip of the student")'


def exercises(course: Course, week: Week) -> list[str]:
    """The names of the week's exercises in code, in their order."""
    return [name for name, source in answers_in(released_notebook(course, week)).items() if STUB in source]


def notebook_with(course: Course, week: Week, answers: Mapping[str, str]) -> NotebookNode:
    """The released notebook with the instructor's answers, but for the exercises in `answers`: "open" or "raising"."""
    released, solved = released_notebook(course, week), answers_in(read_solution(course, week))
    notebook = copy.deepcopy(released)
    for cell in notebook.cells:
        name = name_of(cell)
        if name in solved and STUB in cell.source:
            kind = answers.get(name)
            cell.source = cell.source if kind == "open" else solved[name] if kind is None else raising(cell.source)
    return notebook


def touched_by(notebook: NotebookNode, exercise: str) -> NotebookNode:
    """The part of the notebook that can tell whether `exercise` is open, wrong or right.

    These are its cell, the cells after it that use a name it binds, or say its name as check("...") does, and so on
    with the names which those bind, and every cell before that binds a name one of them uses. The others run alike
    whatever the answer is, unless a cell changes something in place that it does not bind: that is not followed, and
    left to the runs in which all is open or raising. A name missed here would end the run with a NameError.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    bound, used = [names(cell.source)[0] for cell in cells], [_taken(cell.source) for cell in cells]
    own, changed = {exercise}, set[str]()
    kept: set[int] = set()
    for index, cell in enumerate(cells):
        if name_of(cell) == exercise:
            own |= bound[index]
        elif not kept or not (used[index] & changed or own & _said(cell.source)):
            changed -= bound[index]
            continue
        kept.add(index)
        changed |= bound[index]
    needed: set[str] = set()
    for index in reversed(range(len(cells))):
        if index in kept or bound[index] & needed:
            kept.add(index)
            needed |= used[index]
    part = copy.deepcopy(notebook)
    part.cells = [copy.deepcopy(cells[index]) for index in sorted(kept)]
    return part


def _taken(source: str) -> set[str]:
    """The global names that a cell uses as it found them, not as it made them: `i` of `for i in ...` is its own."""
    taken: set[str] = set()
    made: set[str] = set()
    for statement in parse(python(source)).body:
        bound, used = names(ast.unparse(statement))
        loops = [loop.target for loop in ast.walk(statement) if isinstance(loop, ast.For)]
        inner = {name.id for target in loops for name in ast.walk(target) if isinstance(name, ast.Name)}
        taken |= used - made - inner
        made |= bound
    return taken


def _said(source: str) -> set[str]:
    """The strings in a cell, such as the question's name in check("...")."""
    constants = (node.value for node in ast.walk(parse(python(source))) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def raising(source: str) -> str:
    """The stub of an exercise, with functions that raise an error of their own."""
    return source.replace(STUB, SLIP)


def first_error(course: Course, week: Week, notebook: NotebookNode, seconds: float = 300) -> str:
    """Run All; where it stops and why, or "" where it does not. seconds: a cell may cost."""
    env = kernel_environment(course, week, Options(workers=2), graded=False)
    folder = course.root / "weeks" / week.slug
    files = [File(path, path.name) for path in folder.iterdir() if path.suffix != ".ipynb" and path.name[0] not in "._"]
    with Kernel(usual_kernel(), env, files=files) as kernel:
        for index, cell in enumerate(notebook.cells):
            if cell.cell_type == "code" and cell.source.strip():
                ran = kernel.run(cell.source, seconds)
                if ran.status != "ok":
                    return f"cell {index + 1} ({cell.get('id')}): {ran.error or ran.why or ran.status}"
    return ""
