"""Tests that are cells of the notebook, as in a course of plain nbgrader: which there are, and what they said.

They run in the student's own kernel, as nbgrader runs them, so what they say is worth as much as that process: a
student who means to can fool them. Such scores are marked in the record. Weeks of our own have checks instead, and
`grader release` refuses tests.

What differs from nbgrader is deliberate: a test that did not run earns nothing (nbgrader: full points), and what was
printed to stderr costs nothing (nbgrader: all points).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from nbformat import NotebookNode

from grader.course.questions import Question, grade_id, is_graded, questions_in
from grader.execution.engine import CellRan, Journal
from grader.records.grade import CheckResult, QuestionResult

NOTE = "judged by tests in the notebook, inside the student's process"
SKIPPED = "skip-execution"  # the tag of cells that nbclient, with which nbgrader runs notebooks, does not run


def with_tests(notebook: NotebookNode, other: NotebookNode) -> None:
    """Put another version's tests in place of a notebook's: the instructor's, with the hidden ones, or the released."""
    tests = {grade_id(cell): cell.source for cell in other.cells if is_graded(cell)}
    for cell in filter(is_graded, notebook.cells):
        cell.source = tests.get(grade_id(cell), cell.source)


def is_skipped(cell: NotebookNode) -> bool:
    """Whether nbgrader would not run a cell. A test that is so tagged runs: unlike there, it earns nothing else."""
    return SKIPPED in cell.metadata.get("tags", []) and not is_graded(cell)


def digests(instructor: NotebookNode) -> dict[str, str]:
    """{question: sha256 of the test that judges it}."""
    return {
        q.name: hashlib.sha256(cell.source.encode()).hexdigest()
        for q in questions_in(instructor, plain=True)
        for cell in instructor.cells
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
    found = []
    for question in (one for one in questions if one.inside):
        index = cells[question.cell]
        evidence = ran.get(index, CellRan(index, "not run"))
        digest = digests.get(question.name, "")
        found.append(_result(question, journal.notebook.cells[index], evidence, answered, digest))
    return found


def _result(question: Question, cell: NotebookNode, ran: CellRan, answered: bool, digest: str) -> QuestionResult:
    """By nbgrader's rules, except for what the module's docstring names.

    An error is 0 points, a number as the last value is partial credit, anything else is full points.
    """
    points, why = question.points, ""
    if ran.status not in ("ok", "error"):
        why = "its test took too long" if ran.status == "timeout" else "its test did not run"
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
