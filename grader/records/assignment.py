"""A week as an assignment in the gradebook: its notebooks and cells, as `nbgrader generate_assignment` writes them."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import sqlite3
from typing import Any

import nbformat
from nbformat import NotebookNode

from grader.course import plain_nbgrader, settings
from grader.course.questions import grade_id, is_answer, nbgrader
from grader.course.syllabus import Course, Week
from grader.records.database import url
from grader.records.kept import cells_of, make_way, note

logger = logging.getLogger(__name__)
logger.setLevel(logging.ERROR)


def save_assignment(course: Course, week: Week) -> None:
    """The assignment's row and its notebooks with their cells, as `nbgrader generate_assignment` writes them.

    In plain nbgrader a cell holds its hidden tests, which the release does not. There the cells come from the source,
    and what nbgrader has written already stays as it is: its own autograding goes by that.
    """
    from nbgrader.api import Gradebook

    new = not course.gradebook.exists()
    if course.classic:
        opened = Gradebook(url(course), settings.read(course.root).directory.course_id)
    else:
        opened = Gradebook(url(course))
    with opened as book:
        if new:  # sqlite leaves the group's right to write out, whatever the umask says
            os.chmod(course.gradebook, 0o666 & ~_umask())
        book.update_or_create_assignment(week.slug)
    wanted = {one.stem: cells_of(_released(course, one)) for one in week.notebooks}
    with contextlib.closing(sqlite3.connect(course.gradebook)) as book, book:
        make_way(book, week.slug, wanted)
    for one in week.notebooks:
        _save_cells(course, one)
    with contextlib.closing(sqlite3.connect(course.gradebook)) as book, book:
        note(book, week.slug, wanted)


def _umask() -> int:
    """This process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _released(course: Course, week: Week) -> NotebookNode:
    """The notebook whose cells nbgrader's own commands would write down; one's own copy."""
    if course.classic:
        return copy.deepcopy(plain_nbgrader.instructor(course, week))
    released: NotebookNode = nbformat.read(course.release(week), as_version=4)
    return released


def _save_cells(course: Course, week: Week) -> None:
    from nbgrader.api import Gradebook, MissingEntry
    from nbgrader.preprocessors import ComputeChecksums

    released = _released(course, week)
    mark = settings.read(course.root).value("InstantiateTests.autotest_delimiter") if course.classic else ""
    with Gradebook(url(course)) as book, contextlib.suppress(MissingEntry):
        there = book.find_notebook(week.stem, week.slug)
        if course.classic and _as_nbgrader_has_it(there, released, mark):
            return
        if kernelspec := json.loads(there.kernelspec or "null"):
            released.metadata.kernelspec = kernelspec
    resources = {"nbgrader": {"student": ".", "assignment": week.slug, "notebook": week.stem, "db_url": url(course)}}
    for step in (*([] if course.classic else [ComputeChecksums()]), _cell_saver()):
        step.log = logger
        released, resources = step.preprocess(released, resources)


def _cell_saver() -> Any:
    """nbgrader's SaveCells, which also adds cells to a notebook that has submissions; by itself it refuses."""
    from nbgrader.preprocessors import SaveCells

    class AddsCells(SaveCells):  # type: ignore[misc]  # nbgrader has no types
        def _create_notebook(self, nb: Any) -> None:
            assignment = self.gradebook.find_assignment(self.assignment_id)
            if any(one.name == self.notebook_id and one.submissions for one in assignment.notebooks):
                for kind in ("grade", "solution", "task", "source"):
                    save = getattr(self.gradebook, f"update_or_create_{kind}_cell")
                    for name, values in getattr(self, f"new_{kind}_cells").items():
                        save(name, self.notebook_id, self.assignment_id, **values)
            super()._create_notebook(nb)

    return AddsCells()


def _as_nbgrader_has_it(there: Any, notebook: NotebookNode, mark: str) -> bool:
    """Whether a gradebook's notebook has the cells and points of this one, and no test that was never made.

    mark: of tests that nbgrader makes.
    """
    points = {
        grade_id(c): float(nbgrader(c)["points"]) for c in notebook.cells if nbgrader(c).get("points") is not None
    }
    marked = {cell.name for cell in there.source_cells if "AUTOTEST" in cell.source}
    return (
        {cell.name: cell.max_score for cell in (*there.grade_cells, *there.task_cells)} == points
        and {cell.name for cell in there.solution_cells} == {grade_id(c) for c in notebook.cells if is_answer(c)}
        and marked <= {grade_id(cell) for cell in notebook.cells if mark in cell.source}
    )
