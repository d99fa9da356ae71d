"""nbgrader's gradebook as a projection of the records: made from them, and made again from them at any time.

Automatic scores come from the records. What people entered in formgrader (manual scores, extra credit, comments) is
never written here, and so survives every regrade.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import AssignLatePenalties, ComputeChecksums, SaveAutoGrades, SaveCells
from sqlalchemy.exc import SAWarning

from grader.course import Course, CourseError, Week
from grader.grading import released_notebook
from grader.records import Grade

if shutil.which("alembic") is None:  # nbgrader calls it by name, also where the environment is not activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
_log = logging.getLogger(__name__)
_log.setLevel(logging.ERROR)


def url(course: Course) -> str:
    return f"sqlite:///{course.gradebook}"


def enrolled(course: Course) -> list[str]:
    """Ids of the students in the gradebook, sorted; none where there is no gradebook yet."""
    if not course.gradebook.is_file():
        return []
    with Gradebook(url(course)) as book:
        return sorted(student.id for student in book.students)


def project(course: Course, week: Week, grades: Sequence[Grade]) -> None:
    """Write grades to the gradebook, with the assignment, students and submissions they need.

    Each student's autograded notebook must be there: nbgrader's own SaveAutoGrades reads the points from it.
    Raises CourseError where the release has other questions than submissions that are in the gradebook already.
    """
    if not grades:
        return
    course.gradebook.parent.mkdir(parents=True, exist_ok=True)
    _save_assignment(course, week)
    for grade in grades:
        with Gradebook(url(course)) as book, warnings.catch_warnings(category=SAWarning, action="ignore"):
            book.update_or_create_student(grade.student)
            if grade.handed_in:
                stamp = _timestamp(course.submission(week, grade.student).parent)
                book.update_or_create_submission(week.slug, grade.student, **({"timestamp": stamp} if stamp else {}))
        if grade.handed_in:
            notebook = nbformat.read(course.autograded(week, grade.student), as_version=4)
            _run([SaveAutoGrades, AssignLatePenalties], notebook, course, week, grade.student)


def _save_assignment(course: Course, week: Week) -> None:
    """The assignment's row and its cells, as `nbgrader generate_assignment` writes them."""
    with Gradebook(url(course)) as book:
        book.update_or_create_assignment(week.slug)
        kernelspec = _kernelspec(book, week)
    released = nbformat.from_dict(json.loads(json.dumps(released_notebook(course, week))))
    if kernelspec:
        released.metadata.kernelspec = kernelspec
    try:
        _run([ComputeChecksums, SaveCells], released, course, week, ".")
    except RuntimeError as error:  # SaveCells refuses to drop cells that have grades
        raise CourseError(
            f"{course.gradebook} has submissions of {week.slug} with other questions than the release has now. "
            "To start afresh, keep a copy of the gradebook and run: "
            f"nbgrader db assignment remove {week.slug} --force"
        ) from error


def _kernelspec(book: Gradebook, week: Week) -> dict | None:
    try:
        return json.loads(book.find_notebook(week.slug, week.slug).kernelspec or "null")
    except MissingEntry:
        return None


def _run(preprocessors: list[type], notebook: NotebookNode, course: Course, week: Week, student: str) -> None:
    resources = {
        "nbgrader": {"student": student, "assignment": week.slug, "notebook": week.slug, "db_url": url(course)}
    }
    for preprocessor in preprocessors:
        step = preprocessor()
        step.log = _log
        notebook, resources = step.preprocess(notebook, resources)


def _timestamp(folder: Path) -> str | None:
    """When it was handed in, from nbgrader's timestamp.txt, where a collector left one."""
    path = folder / "timestamp.txt"
    return path.read_text(encoding="utf-8").strip() or None if path.is_file() else None
