"""The course's own notebooks: what was released, and the instructor's."""

from __future__ import annotations

from functools import lru_cache

import nbformat
from nbformat import NotebookNode

from grader.course.syllabus import Course, CourseError, Week


def released_notebook(course: Course, week: Week) -> NotebookNode:
    """The week's released notebook. Raises CourseError where there is none. Not to be changed: it is shared."""
    path = course.release(week)
    if not path.is_file():
        how = "nbgrader generate_assignment" if course.classic else "grader release"
        raise CourseError(f"{path} is not there: run `{how} {week.slug}` first")
    return _parse(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=32)
def _parse(text: str) -> NotebookNode:
    notebook: NotebookNode = nbformat.reads(text, as_version=4)
    return notebook


def read_solution(course: Course, week: Week) -> NotebookNode:
    """The instructor's notebook. Raises CourseError where it is missing or no notebook."""
    path = course.solution(week)
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise CourseError(f"{week.slug} has no instructor notebook: expected {path}") from None
    except Exception as error:
        raise CourseError(f"{path} is not a notebook: {type(error).__name__}: {str(error)[:200]}") from None
    return notebook
