"""Courses of plain nbgrader: no syllabus of ours, and tests that are cells of the notebook.

Any folder with nbgrader's source/ is such a course, and each folder in it an assignment. Its tests run in the student's
own kernel, as nbgrader runs them, so what they say is worth as much as that process: a student who means to can fool
them. Such scores are marked in the record. Weeks of our own have checks instead, and `grader release` refuses tests.

What differs from nbgrader is deliberate: a test that did not run earns nothing (nbgrader: full points), and what was
printed to stderr costs nothing (nbgrader: all points).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat import NotebookNode
from traitlets.config.loader import Config, ConfigFileNotFound, PyFileConfigLoader

from grader.course import Budget, Course, CourseError, Folders, Limits, Week, limits_from, readable_from
from grader.questions import Question, grade_id, is_test, questions_in
from grader.records import CheckResult, QuestionResult

if TYPE_CHECKING:
    from grader.engine import CellRan, Journal

CONFIG = "nbgrader_config.py"
NOTE = "judged by tests in the notebook, inside the student's process"


def find(start: Path, work: Path | None = None) -> Course | None:
    """The nbgrader course whose folder holds `start`, or None. Raises CourseError where it cannot be read."""
    for folder in (start, *start.parents):
        if not (folder / CONFIG).is_file() and not (folder / "source").is_dir():
            continue
        config = _config(folder)
        folders = _folders(config)
        if (folder / folders.solutions).is_dir():
            weeks = _assignments(folder, folders, config)
            return Course(folder, work or folder, folder.name, "", "", weeks, folders, True)
    return None


def _config(root: Path) -> Config:
    """What nbgrader's own configuration says; and ours in it, under Crossmodal."""
    try:
        return PyFileConfigLoader(CONFIG, path=str(root)).load_config()
    except ConfigFileNotFound:
        return Config()
    except Exception as error:
        raise CourseError(f"{root / CONFIG} cannot be read: {type(error).__name__}: {error}") from None


def _folders(config: Config) -> Folders:
    """nbgrader's folders, as its own configuration names them."""
    from nbgrader.coursedir import CourseDirectory

    named = CourseDirectory(config=config)
    return Folders(
        named.source_directory,
        named.release_directory,
        named.submitted_directory,
        named.autograded_directory,
        tuple(named.ignore),
    )


def _limits(config: Config) -> Limits:
    """What a submission may use, as in weeks/course.toml: c.Crossmodal.limits = {"memory": 8}."""
    given = config.Crossmodal.get("limits", {})
    try:
        return limits_from(dict(given))
    except (TypeError, ValueError):
        raise CourseError(
            f'c.Crossmodal.limits is {given!r} in {CONFIG}; it is numbers by name, as in {{"memory": 8, "disk": 2}}: '
            "memory and disk in GB, processes, files"
        ) from None


def _assignments(root: Path, folders: Folders, config: Config) -> dict[str, Week]:
    limits, readable = _limits(config), readable_from(config.Crossmodal.get("readable"), root)
    theirs = config.Autograde.get("exclude_overwriting", {})
    weeks = {}
    for number, folder in enumerate(sorted(p for p in (root / folders.solutions).iterdir() if p.is_dir()), 1):
        notebooks = sorted(p.stem for p in folder.glob("*.ipynb") if not p.name.startswith("."))
        if not notebooks:
            continue
        weeks[folder.name] = Week(
            slug=folder.name,
            number=number,
            title=folder.name,
            helper="",
            points=0,
            minutes=0,
            summary="",
            budget=Budget(),
            limits=limits,
            notebook=notebooks[0] if len(notebooks) == 1 else "",
            parts=tuple(notebooks) if len(notebooks) > 1 else (),
            theirs=tuple(theirs.get(folder.name, ())),
            readable=readable,
        )
    return weeks


def with_tests(notebook: NotebookNode, solution: NotebookNode) -> None:
    """Put another version's tests in place of a notebook's: the instructor's, with the hidden ones, or the released."""
    tests = {grade_id(cell): cell.source for cell in solution.cells if is_test(cell)}
    for cell in filter(is_test, notebook.cells):
        cell.source = tests.get(grade_id(cell), cell.source)


def digests(solution: NotebookNode) -> dict[str, str]:
    """{question: sha256 of the test that judges it}."""
    return {
        q.name: hashlib.sha256(cell.source.encode()).hexdigest()
        for q in questions_in(solution)
        for cell in solution.cells
        if q.inside and grade_id(cell) == q.cell
    }


def results(
    questions: Sequence[Question], journal: Journal, digests: Mapping[str, str], answered: bool
) -> list[QuestionResult]:
    """What the executed tests of a notebook say.

    answered: whether any answer differs from the release; nbgrader does not say which of them a test is about.
    """
    cells = {grade_id(cell): i for i, cell in enumerate(journal.notebook.cells)}
    ran = {one.index: one for one in journal.cells}
    return [
        _result(q, journal.notebook.cells[cells[q.cell]], ran.get(cells[q.cell]), answered, digests.get(q.name, ""))
        for q in questions
        if q.inside
    ]


def _result(question: Question, cell: NotebookNode, ran: CellRan | None, answered: bool, digest: str) -> QuestionResult:
    """By nbgrader's rules but for those named above: an error is 0 points, a number as the last value is partial
    credit, anything else is full points."""
    points, why = question.points, ""
    if ran is None or ran.status not in ("ok", "error"):
        why = "its test took too long" if ran and ran.status == "timeout" else "its test did not run"
    elif (partial := _number(cell.outputs)) is not None and partial > question.points:
        why = f"its test gave {partial:g} points, and there are {question.points:g}"
    elif ran.status == "error":
        points = 0.0
    elif partial is not None and partial >= 0:
        points = partial
    if why:
        return QuestionResult(
            question.name, question.cell, question.points, 0.0, "not judged", answered, why, [], "", inside=True
        )
    error = next((o for o in cell.outputs if o.output_type == "error"), None)
    message = f"{error.ename}: {error.evalue}"[:500] if error else "" if points == question.points else "in part"
    claim = CheckResult(
        question.cell, "The notebook's own test passes", 1.0, points == question.points, message, True, ran.seconds
    )
    return QuestionResult(
        *(question.name, question.cell, question.points, points, "judged", answered, NOTE, [claim], digest), inside=True
    )


def _number(outputs: Sequence[NotebookNode]) -> float | None:
    """The last value of a cell, where it is a number."""
    for output in outputs:
        if output.output_type == "execute_result":
            try:
                return float(output.data.get("text/plain", ""))
            except ValueError:
                return None
    return None


def read_solution(course: Course, week: Week) -> NotebookNode:
    """The instructor's notebook. Raises CourseError."""
    try:
        return nbformat.read(course.solution(week), as_version=4)
    except Exception as error:
        raise CourseError(f"{course.solution(week)} cannot be read: {type(error).__name__}: {error}") from None
