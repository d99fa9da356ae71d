"""From the instructor's notebooks to what students get: weeks/<slug>/<slug>.ipynb, the points, what students
are told of the week, the tables of the weeks.

The notebook goes through nbgrader's own generator, in a course folder made for that, so the class's gradebook is not
touched. What is written is the same, byte for byte, whenever the source is.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from coursekit import progress
from grader.authoring.tables import COLAB, in_colab, week_tables
from grader.authoring.week_file import week_file
from grader.course.files import write_atomically
from grader.course.notebooks import read_solution
from grader.course.questions import (
    CHECK,
    grade_id,
    is_answer,
    is_check,
    is_graded,
    is_manual,
    name_of,
    nbgrader,
    questions_in,
)
from grader.course.settings import Said
from grader.course.syllabus import Course, CourseError, Week
from grader.grading.options import Options
from grader.grading.pool import grade_many
from grader.grading.verdicts import Result

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
INSTALLED = r"git\+https://github\.com/[\w.-]+/[\w.-]+@[\w./-]+"  # what a set-up cell installs the course from


def release(course: Course, weeks: Iterable[Week] | None = None, check: bool = False) -> list[str]:
    """Generate the students' side of `weeks` (all by default). Returns the paths that were stale, relative to the root.

    check: write nothing. Raises CourseError where a source notebook is missing or wrong.
    """
    course.must_have_checks("release", "release an assignment with `nbgrader generate_assignment`")
    wanted: dict[Path, str] = {}
    for week in weeks or course.weeks.values():
        source = read_solution(course, week)
        validate(source, week)
        wanted[course.release(week)] = linked(_text(generate(source, week)), course)
        points = {q.name: _number(q.points) for q in questions_in(source)}
        helper = course.root / "weeks" / week.slug / week.helper
        wanted[helper / "points.json"] = json.dumps(points, indent=1) + "\n"
        wanted[helper / progress.FILE] = week_file(course, week, source)
    wanted |= week_tables(course)
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if not check:
        for path in stale:
            write_atomically(path, wanted[path])
    return [path.relative_to(course.root).as_posix() for path in stale]


def run_solution(course: Course, week: Week, options: Options | None = None) -> Result:
    """Execute and judge the instructor's notebook. Its Grade's log has the errors of cells, if there were any."""
    course.must_have_checks("run", "hand the instructor's notebook in as a student's, and grade that")
    source = read_solution(course, week)
    validate(source, week)
    return grade_many(course, week, [("instructor", source)], options, as_is=True)[0]


def validate(notebook: NotebookNode, week: Week) -> None:
    """Raises CourseError that lists everything in an instructor's notebook that would break grading."""
    wrong = []
    ids = [cell.get("id", "") for cell in notebook.cells]
    names = [name_of(cell) for cell in notebook.cells if nbgrader(cell)]
    answers = {name_of(cell) for cell in notebook.cells if is_answer(cell)}
    wrong += [f"cell {i + 1} has no id" for i, name in enumerate(ids) if not name]
    wrong += [f"two cells have the id {name!r}" for name in sorted({n for n in ids if n and ids.count(n) > 1})]
    wrong += [f"two cells have the grade_id {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]
    tagged = sum("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells)
    if tagged != 1:
        wrong.append(f"{tagged} cells are tagged `parameters`; one must be")
    for number, cell in enumerate(notebook.cells, start=1):
        where = f"cell {number} ({grade_id(cell) or cell.get('id')})"
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count):
            wrong.append(f"{where} has outputs: clear them before you save")
        if is_graded(cell):
            question = name_of(cell).removeprefix(CHECK)
            if not name_of(cell).startswith(CHECK) or question not in answers:
                wrong.append(f"{where} carries points, but no answer cell is called {question!r}")
            if not is_check(cell) or repr(question) not in cell.source.replace('"', "'"):
                wrong.append(f'{where} must be check("{question}") alone: tests belong in the checks and the rubric')
        elif is_answer(cell) and cell.cell_type == "code" and "BEGIN SOLUTION" not in cell.source:
            wrong.append(f"{where} is an answer without ### BEGIN SOLUTION and ### END SOLUTION")
        elif "BEGIN SOLUTION" in cell.source and not is_answer(cell):
            wrong.append(f"{where} holds a solution but is no answer cell: it would be released")
    judged = {q.name for q in questions_in(notebook)}
    wrong += [f"the answer {name!r} has no cell {CHECK}{name} with points" for name in sorted(answers - judged)]
    total = sum(q.points for q in questions_in(notebook))
    if total != week.points:
        wrong.append(f"its points sum to {total:g}, and the syllabus says {week.points:g}")
    if wrong:
        raise CourseError(f"{week.slug}: the instructor notebook needs mending:\n  " + "\n  ".join(wrong))


def generate(source: NotebookNode, week: Week) -> NotebookNode:
    """The students' version of an instructor's notebook, by nbgrader's GenerateAssignment."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import SaveCells
    from traitlets.config import Config

    folder = Path(tempfile.mkdtemp(prefix="crossmodal-release-"))
    said = Said()
    try:
        path = folder / "source" / week.slug / f"{week.slug}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(source, path)
        config = Config()
        config.CourseDirectory.update(root=str(folder), assignment_id=week.slug)
        config.GenerateAssignment.no_database = True
        generator = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
        generator.preprocessors = [step for step in generator.preprocessors if step is not SaveCells]
        generator.log = said.logger
        generator.start()
        made: NotebookNode = nbformat.read(folder / "release" / week.slug / f"{week.slug}.ipynb", as_version=4)
    except Exception as error:
        reason = "\n".join(said.lines) or f"{type(error).__name__}: {error}"
        raise CourseError(f"nbgrader could not generate {week.slug}: {reason}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    made.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": {"name": "python"}})
    made.nbformat, made.nbformat_minor = 4, 5
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "BEGIN SOLUTION" in cell.source:
            raise CourseError(f"{week.slug}: a solution would be released in cell {grade_id(cell) or cell.id}")
        if is_manual(cell) and cell.cell_type == "code" and not cell.source.strip():
            raise CourseError(f"{week.slug}: the released {grade_id(cell)} is empty")
    return made


def linked(text: str, course: Course) -> str:
    """A notebook or a page whose badges, and whose line that installs the course, name the course's repository."""
    text = re.sub(rf"{COLAB}/[\w.-]+/[\w.-]+/blob/[^\s\"'()]+?/weeks/", f"{in_colab(course)}/weeks/", text)
    return re.sub(INSTALLED, f"git+https://github.com/{course.repository}@{course.branch}", text)


def _text(notebook: NotebookNode) -> str:
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def _number(points: float) -> float | int:
    return int(points) if points == int(points) else points
