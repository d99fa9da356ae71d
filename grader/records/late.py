"""When work was handed in, and what handing in late costs by nbgrader's own rules."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grader.course import settings, times
from grader.course.files import file_hash
from grader.course.syllabus import Course, Week
from grader.records.database import GradebookError, reading

logger = logging.getLogger(__name__)
logger.setLevel(logging.ERROR)


def lateness(course: Course, week: Week, students: Sequence[str]) -> list[str]:
    """What is not known of when these students handed in: one line each. Raises GradebookError."""
    lines, late = [], []
    for student in students:
        folder = course.submission(week, student).parent
        time, why = times.stamp(folder)
        if why:
            lines.append(f"{student}: when it was handed in is not known, and counts as in time: {why}")
        if time is None and (folder / times.LATE).is_file():
            late.append(student)
    if late:
        found = "SELECT duedate FROM assignment WHERE name = ? AND duedate IS NOT NULL"
        due = False
        if course.gradebook.is_file():
            with reading(course) as book:
                due = book.execute(found, [week.slug]).fetchone() is not None
        rest = (
            "as one second late, for by how much the LMS does not say"
            if due
            else f"only once the gradebook has a due date: nbgrader db assignment add {week.slug} --duedate '...'; "
            "then grade again"
        )
        lines.append(f"marked as late, which counts {rest}: {', '.join(late)}")
    return lines


def timestamp(folder: Path) -> str | None:
    """When it was handed in, where that was left there and can be read; times.LATE where it is just late."""
    time, _ = times.stamp(folder)
    if time:
        return time.isoformat()
    return times.LATE if (folder / times.LATE).is_file() else None


def penalise(course: Course, book: Any, submitted: Sequence[tuple[Any, Any]]) -> None:
    """What AssignLatePenalties does, with the course's settings for it. submitted: (submission, notebook of it)."""
    from nbgrader.preprocessors import AssignLatePenalties
    from traitlets import TraitError

    try:
        with _own_plugins(course):
            step = AssignLatePenalties(config=_nbgrader_config(course))
            step.log = logger
            step.init_plugin()
    except TraitError as error:
        raise GradebookError(
            f"{_config_file(course)} sets late penalties that cannot be: {error}. The records are complete; put it "
            "right and grade again"
        ) from error
    step.plugin_inst.log = logger
    for submission, notebook in submitted:
        penalty = None
        if late := submission.total_seconds_late:
            book.db.expire(notebook)  # its score was made by now
            penalty = step.plugin_inst.late_submission_penalty(submission.student_id, notebook.score, late)
            penalty = None if penalty is None else step._check_late_penalty(notebook, penalty)
        if notebook.late_submission_penalty != penalty:
            notebook.late_submission_penalty = penalty


def _config_file(course: Course) -> Path | None:
    """The configuration that nbgrader's own commands would read for this class."""
    names = (f"{settings.NAME}.py", f"{settings.NAME}.json")
    places = (folder / name for folder in (course.work, course.root) for name in names)
    return next((path for path in places if path.is_file()), None)


@contextlib.contextmanager
def _own_plugins(course: Course) -> Iterator[None]:
    """Let nbgrader_config.py name a class of a module that lies beside it, as with nbgrader's own commands."""
    path, before = _config_file(course), list(sys.path)
    try:
        if path:
            sys.path.insert(0, str(path.parent))
        yield
    finally:
        sys.path[:] = before


def late_settings(course: Course) -> str:
    """Hashes of nbgrader_config.py, and of what may be a plugin beside it."""
    path = _config_file(course)
    beside = (p for kind in ("*.py", f"{settings.NAME}.json") for p in path.parent.glob(kind)) if path else ()
    return " ".join(map(file_hash, sorted(beside)))


def _nbgrader_config(course: Course) -> Any:
    path = _config_file(course)
    if path is None or course.classic and str(course.work) == settings.read(course.root).directory.root:
        return settings.read(course.root).config  # of both folders, where they are two
    return settings.read(path.parent).config
