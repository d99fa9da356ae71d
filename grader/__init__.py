"""The harness: releases the weeks, grades submissions, and reports. For instructors; students never need it.

Who builds on it needs one call: `from grader import grade`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.grading.options import Options
    from grader.records.grade import Grade

# jsonschema, under nbformat, would build a grammar of international web addresses at import: 2 to 3 CPU seconds in
# every command and every worker, for formats that no notebook has. Where the module is missing it does without.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def grade(
    notebook: Path | str,
    week: str = "",
    *,
    course: Path | str | None = None,
    student: str = "student",
    options: Options | None = None,
) -> Grade:
    """Grade one notebook file as `grader grade` would, and write nothing.

    week: number or name; where it is not given, the week that the file's name speaks of.
    course: any folder of the course's tree, else the current one.   student: whom the record is to name.
    options: see `grader.grading.options.Options`; by default in a sandbox, in a warm kernel where that is installed.

    Whatever is wrong with the submission is in the Grade (`outcome`, `reason`, `questions`; docs/records.md). Raises
    CourseError where the course, the arguments or this machine is at fault.
    """
    from grader.grading.pool import grade_file

    return grade_file(Path(notebook), week, Path(course) if course else None, student, options).grade
