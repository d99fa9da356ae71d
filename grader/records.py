"""The Grade: everything that is known of one submission once it is graded, as one JSON record.

Gradebook, feedback, report and exports are made from these records and from nothing else.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

SCHEMA = 2

Outcome = Literal["graded", "not gradable"]
Status = Literal["judged", "manual", "not judged"]


class RecordError(ValueError):
    """A record that cannot be read. The text says which file and why."""


@dataclass(frozen=True)
class Evidence:
    """A picture for the feedback page. png: base64 of the file."""

    caption: str
    png: str


@dataclass(frozen=True)
class CheckResult:
    """What one check found."""

    check: str
    claim: str
    weight: float
    passed: bool
    message: str
    hidden: bool
    seconds: float
    evidence: list[Evidence] = field(default_factory=list)


@dataclass(frozen=True)
class QuestionResult:
    """One question of one submission. status: "judged" (its checks ran to the end), "manual" (a person grades it),
    or "not judged" (the kernel died or time ran out first: no points, and `note` says why).
    """

    question: str  # grade_id of the answer cell
    cell: str  # grade_id of the cell that carries the points
    max_points: float
    points: float  # automatic points; 0 for a manual question
    status: Status
    answered: bool  # the answer cell differs from the released one
    note: str = ""
    checks: list[CheckResult] = field(default_factory=list)
    rubric: str = ""  # of a judged question: digest of the checks that judged it


@dataclass(frozen=True)
class Grade:
    """One submission's record. Times in seconds; hashes are sha256 of file contents."""

    week: str
    student: str
    outcome: Outcome
    reason: str  # for "not gradable": what is wrong with the file and what to do
    points: float  # automatic points earned
    max_points: float  # of the whole week, manual questions included
    questions: list[QuestionResult] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)  # what reconcile put right
    log: list[str] = field(default_factory=list)  # errors of cells, time-outs, a kernel's death
    timings: dict[str, float] = field(default_factory=dict)  # start, cells, judge, total, and cells_cpu
    inputs: dict[str, str] = field(default_factory=dict)  # what it depends on besides the checks; see grader.cache
    versions: dict[str, str] = field(default_factory=dict)  # python, torch, transformers, ...
    graded_at: str = ""  # UTC, ISO 8601
    notebook: str = ""  # sha256 of the autograded notebook; empty where nbgrader wrote it, or there is none
    schema: int = SCHEMA

    @property
    def handed_in(self) -> bool:
        """Whether there was a file at all. Without one nbgrader gets no submission: its own commands say "missing"."""
        return "submission" in self.inputs

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, where: str = "record") -> Grade:
        """Read and validate a record. Raises RecordError."""
        try:
            raw: dict[str, Any] = json.loads(text)
            if raw.get("schema") != SCHEMA:
                raise RecordError(f"{where}: schema {raw.get('schema')!r}, this grader reads {SCHEMA}; grade again")
            questions = [question_from(q) for q in raw.pop("questions")]
            grade = cls(questions=questions, **raw)
        except RecordError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RecordError(f"{where}: not a record ({type(error).__name__}: {error}); grade again") from None
        earned = sum(q.points for q in grade.questions)
        if any(not 0 <= q.points <= q.max_points for q in grade.questions) or abs(earned - grade.points) > 1e-6:
            raise RecordError(f"{where}: its points do not add up; grade again")
        return grade


def question_from(raw: dict[str, Any]) -> QuestionResult:
    """One question of a record, from its JSON."""
    checks = [
        CheckResult(**{**c, "evidence": [Evidence(**e) for e in c.get("evidence", [])]}) for c in raw.pop("checks")
    ]
    return QuestionResult(checks=checks, **raw)


def write(grade: Grade, path: Path) -> None:
    """Write the record so that a reader sees the old one or the new one, never half of one."""
    write_atomically(path, grade.to_json())


def read(path: Path) -> Grade:
    """Read a record. Raises RecordError, or FileNotFoundError."""
    return Grade.from_json(path.read_text(encoding="utf-8"), where=str(path))


def write_atomically(path: Path, text: str) -> None:
    """Write a text file through a temporary one beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
