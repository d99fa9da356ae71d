"""The Grade: everything that is known of one submission once it is graded, as one JSON record.

Gradebook, feedback, report and exports are made from these records and from nothing else. The types below are the
schema; docs/records.md says it in words. A record that does not fit it to the letter is refused when it is read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from grader.records.errors import RecordError

PASS = 0.5  # the part of the points from which on a submission counts as passed, in progress lines and reports


def standing(question: QuestionResult) -> str:
    """Where a question stands, as one word: full, part, none, empty (not answered), manual, unjudged."""
    if question.status == "manual":
        return "manual"
    if question.status == "not judged":
        return "unjudged"
    if question.points >= question.max_points - 1e-9:
        return "full"
    if question.points > 0:
        return "part"
    return "none" if question.answered else "empty"


def automatic_points(grade: Grade) -> float:
    """The most that the grader itself could give: the week's points without those a person gives."""
    by_hand = sum(q.max_points for q in grade.questions if q.status == "manual")
    return grade.max_points - by_hand


def passed(grade: Grade) -> bool:
    return grade.outcome == "graded" and grade.points >= PASS * automatic_points(grade) - 1e-9


SCHEMA = 2

Outcome = Literal["graded", "not gradable"]
QuestionStatus = Literal["judged", "manual", "not judged"]
Denied = Literal["network", "file", "write", "limit"]
Name = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Hash = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
Moment = Annotated[str, Field(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00)?$")]
Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]

STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Evidence:
    """A picture for the feedback page, or a sound with its spectrogram. png, wav: base64 of the files."""

    __pydantic_config__ = STRICT

    caption: str
    png: Base64
    wav: Annotated[str, Field(pattern=r"^([A-Za-z0-9+/]+={0,2})?$")] = ""


@dataclass(frozen=True)
class CheckResult:
    """What one check found."""

    __pydantic_config__ = STRICT

    check: Name
    claim: str
    weight: Weight
    passed: bool
    message: str
    hidden: bool
    seconds: Number
    evidence: list[Evidence] = field(default_factory=list)
    mistake: str = ""  # the one known mistake that explains what was found


@dataclass(frozen=True)
class QuestionResult:
    """One question of one submission. status: "judged" (its checks ran to the end), "manual" (a person grades it),
    or "not judged" (the kernel died or time ran out first: no points, and `note` says why).
    """

    __pydantic_config__ = STRICT

    question: Name  # grade_id of the answer cell
    cell: Name  # grade_id of the cell that carries the points
    max_points: Number
    points: Number  # automatic points; 0 for a manual question
    status: QuestionStatus
    answered: bool  # the answer cell differs from the released one
    note: str = ""
    checks: list[CheckResult] = field(default_factory=list)
    rubric: Hash = ""  # of a judged question: digest of the checks that judged it
    inside: bool = False  # judged by tests in the notebook, in the student's process, which can be fooled


@dataclass(frozen=True)
class Grade:
    """One submission's record. Times in seconds; hashes are sha256 of file contents."""

    __pydantic_config__ = STRICT

    week: Name  # the slug; of one of several notebooks, slug/notebook
    student: Name
    outcome: Outcome
    reason: str  # for "not gradable": what is wrong with the file and what to do
    points: Number  # automatic points earned
    max_points: Number  # of the whole week, manual questions included
    questions: list[QuestionResult] = field(default_factory=list)
    answers: dict[str, Hash] = field(default_factory=dict)  # of each answer cell's source; empty where as released
    repairs: list[str] = field(default_factory=list)  # what reconcile put right
    log: list[str] = field(default_factory=list)  # errors of cells, time-outs, a kernel's death
    denied: list[Denied] = field(default_factory=list)  # what the sandbox did not give it and it failed for
    flags: list[str] = field(default_factory=list)  # code for a person to look at; they cost nothing
    # of the wall: start, cells, judge, total; of CPU time the same with _cpu, and grader_cpu of the grader itself
    timings: dict[str, Number] = field(default_factory=dict)
    # what it depends on besides the checks; see grader.grading.fingerprints
    inputs: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)  # python, torch, transformers, ...
    graded_at: Moment = ""  # UTC, ISO 8601
    notebook: Hash = ""  # of the autograded notebook; empty where nbgrader wrote it, or there is none
    schema: int = SCHEMA

    @property
    def handed_in(self) -> bool:
        """Whether there was a file at all. Without one nbgrader gets no submission: its own commands say "missing"."""
        return "submission" in self.inputs

    def to_json(self) -> str:
        return _GRADE.dump_json(self, indent=1).decode()

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "record") -> Grade:
        """Read and validate a record. Raises RecordError."""
        try:
            grade = _GRADE.validate_json(text)
        except ValidationError as error:
            raise RecordError(f"{where}: {_why(text, error)}; grade again") from None
        if fault := _inconsistent(grade):
            raise RecordError(f"{where}: {fault}; grade again")
        return grade


@dataclass(frozen=True)
class ClassGrades:
    """What `grader grade --json` prints. max_points: of the week, questions graded by hand included."""

    __pydantic_config__ = STRICT

    week: Name  # the slug
    title: str
    max_points: Number
    grades: list[Grade]  # sorted as asked for; of a week with several notebooks, of the whole
    schema: int = SCHEMA

    def to_json(self) -> str:
        return _CLASS.dump_json(self, indent=1).decode()


_GRADE = TypeAdapter(Grade)
_CLASS = TypeAdapter(ClassGrades)
_QUESTION = TypeAdapter(QuestionResult)


def _why(text: str | bytes, error: ValidationError) -> str:
    try:
        raw = json.loads(text)
    except ValueError:
        raw = None
    if isinstance(raw, dict) and raw.get("schema") != SCHEMA:
        return f"schema {raw.get('schema')!r}, this grader reads {SCHEMA}"
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"not a record ({place + ': ' if place else ''}{first['msg']})"


def _inconsistent(grade: Grade) -> str:
    """What contradicts itself in a record whose types are right; "" where nothing does."""
    questions = grade.questions
    if grade.schema != SCHEMA:
        return f"schema {grade.schema!r}, this grader reads {SCHEMA}"
    if any(q.points > q.max_points for q in questions) or abs(sum(q.points for q in questions) - grade.points) > 1e-3:
        return "its points do not add up"
    if any(q.points and q.status != "judged" for q in questions):
        return "it has points for a question that was not judged"
    if len({q.question for q in questions}) < len(questions):
        return "it has a question twice"
    if grade.outcome == "not gradable" and (grade.points or not grade.reason):
        return "it is not gradable without a reason, or with points"
    return ""


def json_schema() -> dict[str, Any]:
    """The JSON schema of `ClassGrades`, and in it that of a record: docs/grades.schema.json is this."""
    return _CLASS.json_schema()


def question_from(raw: dict[str, Any]) -> QuestionResult:
    """One question of a record, from its JSON."""
    return _QUESTION.validate_json(json.dumps(raw))


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))
