"""From a folder to the course it lies in: ours, or one of plain nbgrader."""

from __future__ import annotations

from pathlib import Path

from grader.course.syllabus import Course, CourseError


def find_course(start: Path | None = None, work: Path | None = None) -> Course:
    """The course whose tree holds `start` (the current folder): the nearest, ours or one of plain nbgrader.

    Raises CourseError where there is none.
    """
    start, work = (start or Path.cwd()).resolve(), work.resolve() if work else None
    for folder in (start, *start.parents):
        if (folder / "weeks" / "course.toml").is_file():
            return Course.read(folder, work or folder)
        from grader.course import plain_nbgrader  # with nbformat and traitlets, which no other course waits for

        if plain_nbgrader.is_course(folder) and (found := plain_nbgrader.at(folder, work)):
            return found
    if found := plain_nbgrader.at(start, work):  # as the user's own configuration of nbgrader names it
        return found
    raise CourseError(
        f"no course found in or above {start}: go to the folder that holds weeks/course.toml, or nbgrader's source/"
    )
