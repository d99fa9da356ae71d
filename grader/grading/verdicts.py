"""Verdicts without a run, and verdicts as the outputs of a notebook's check cells."""

from __future__ import annotations

import contextlib
import copy
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.course.files import file_hash
from grader.course.notebooks import released_notebook
from grader.course.questions import is_graded, name_of, questions_in
from grader.course.syllabus import Course, Week
from grader.course.text import LONGEST, printable
from grader.grading import fingerprints
from grader.grading.harmless import harmless
from grader.grading.judge import not_judged
from grader.records.grade import Grade, QuestionResult
from grader.submissions import loading


@dataclass(frozen=True)
class Result:
    """A Grade, and the executed notebook with the verdicts as the outputs of its check cells.

    notebook: None where the submission was not gradable.   crowded: the memory of a GPU that it shared ran out, which
    may be another's fault, so the grade does not count.   again: what the same work got on other inputs, without
    evidence; see Options.repeat.   busy: why the grade does not count, where this machine had too much else to do.
    """

    grade: Grade
    notebook: NotebookNode | None = None
    crowded: bool = False
    again: Sequence[Grade] = ()
    busy: str = ""


def not_gradable(
    course: Course,
    week: Week,
    student: str,
    reason: str,
    source: Path | NotebookNode | None,
    inputs: dict[str, str] | None = None,
) -> Grade:
    """The record of a submission that could not be graded.

    inputs: what the reason depends on, where that is known; without them it is tried again the next time.
    """
    questions = questions_in(released_notebook(course, week), course.classic)
    inputs = dict(inputs or {"release": file_hash(course.release(week))})
    if isinstance(source, Path):
        with contextlib.suppress(OSError):
            inputs["submission"] = loading.digest(source, course.submitted)
    return Grade(
        week=week.name,
        student=student,
        outcome="not gradable",
        reason=printable(reason, LONGEST),
        points=0.0,
        max_points=sum(q.points for q in questions),
        questions=[not_judged(q, "the submission could not be graded") for q in questions],
        inputs=inputs,
        versions=fingerprints.versions(),
        graded_at=now(),
    )


def write_verdicts(notebook: NotebookNode, results: Sequence[QuestionResult]) -> None:
    """Make verdicts and evidence the outputs of the check cells, in the form in which nbgrader reads points.

    nbgrader takes a number as the last value for partial credit, and full marks where there is no output at all.
    """
    by_cell = {result.cell: result for result in results}
    for cell in notebook.cells:
        if not is_graded(cell):
            continue
        result = by_cell[name_of(cell)]
        text, points = verdict_text(result), f"{result.points:g}"
        cell.outputs = [
            nbformat.v4.new_output("stream", name="stdout", text=text + "\n"),
            *_evidence(result),
            nbformat.v4.new_output("execute_result", {"text/plain": points}, execution_count=None),
        ]


def _evidence(result: QuestionResult) -> Iterator[NotebookNode]:
    """The pictures that checks kept, each below its caption."""
    for picture in (picture for check in result.checks for picture in check.evidence):
        yield nbformat.v4.new_output("stream", name="stdout", text=f"\n{picture.caption}\n")
        yield nbformat.v4.new_output("display_data", {"image/png": picture.png})


def verdict_text(result: QuestionResult) -> str:
    """What `check` prints, for the visible and the hidden checks together."""
    right = sum(check.passed for check in result.checks)
    if result.status == "not judged":
        lines = [f"{result.question}   not judged: {result.note}"]
    else:
        done = right == len(result.checks)
        lines = [f"{result.question}   {right} of {len(result.checks)}" + ("   all right" if done else "")]
    lines += [f"  ok    {c.claim}" if c.passed else f"  no    {c.check}: {c.message}" for c in result.checks]
    # formgrader cuts off what is wider
    return "\n".join(textwrap.fill(one, 100, subsequent_indent=8 * " ") for line in lines for one in line.split("\n"))


def placeholder(course: Course, week: Week, grade: Grade) -> NotebookNode:
    """The notebook that stands for a submission that was not gradable: the release with the reason on top."""
    notebook = copy.deepcopy(released_notebook(course, week))
    released = {cell.source for cell in notebook.cells}
    write_verdicts(notebook, grade.questions)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(f"**Not gradable.** {grade.reason}", id="not-gradable"))
    return harmless(notebook, released)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
