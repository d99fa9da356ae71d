"""Grades that need not be made again: a record stands as long as everything it depends on is what it was.

A Grade's `inputs` say what it depends on. Before a submission is graded, the same inputs are computed from the files as
they are now; where they equal the record's, and every question was judged to its end, the record is the grade.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from grader import records
from grader.course import Course, Week
from grader.records import Grade, RecordError

# the grader's own modules whose change could change a score; pages and reports cannot
DECISIVE = ("engine", "grading", "judge", "kernel", "questions", "reconcile", "submission")


def unchanged(
    course: Course, week: Week, student: str, inputs: dict[str, str], versions: dict[str, str]
) -> Grade | None:
    """The student's record, where grading again would only repeat it; else None."""
    try:
        grade = records.read(course.record(week, student))
    except (OSError, RecordError):
        return None
    whole = grade.outcome == "graded" and all(q.status != "not judged" for q in grade.questions)
    same = (grade.inputs, grade.versions, grade.week, grade.student) == (inputs, versions, week.slug, student)
    return grade if whole and same and course.autograded(week, student).is_file() else None


def code_hash(course: Course, week: Week) -> str:
    """sha256 over what runs besides notebook and rubric: the course's packages, its checkpoints, and the grader."""
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in DECISIVE]
    for folder in (course.root / "weeks" / "coursekit", course.root / "weeks" / week.slug, course.root / "datasets"):
        files += [p for p in folder.rglob("*") if p.suffix in (".py", ".json", ".safetensors") and p.is_file()]
    return _hash(tuple((p, p.stat().st_mtime_ns) for p in sorted(files)))


@lru_cache(maxsize=16)
def _hash(files: tuple[tuple[Path, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _ in files:
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
