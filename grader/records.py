"""The Grade: everything that is known of one submission once it is graded, as one JSON record.

Gradebook, feedback, report and exports are made from these records and from nothing else. The types below are the
schema; docs/records.md says it in words. A record that does not fit it to the letter is refused when it is read.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import psutil
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

SCHEMA = 2

Outcome = Literal["graded", "not gradable"]
Status = Literal["judged", "manual", "not judged"]
Denied = Literal["network", "file", "write", "limit"]
Name = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Hash = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
Moment = Annotated[str, Field(pattern=r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00)?$")]
Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]

STRICT = ConfigDict(extra="forbid", strict=True)


class RecordError(ValueError):
    """A record that cannot be read or written. The text says which file and why."""


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
    status: Status
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
    inputs: dict[str, str] = field(default_factory=dict)  # what it depends on besides the checks; see grader.cache
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


def write(grade: Grade, path: Path) -> None:
    """Write the record so that a reader sees the old one or the new one, never half of one. Raises RecordError."""
    text = grade.to_json()
    Grade.from_json(text, where=str(path))  # nothing is written that could not be read
    try:
        write_atomically(path, text)
    except OSError as error:
        raise not_written(path, error) from error


def not_written(path: Path, error: OSError) -> RecordError:
    """What to say where a result cannot be kept."""
    return RecordError(
        f"{path} cannot be written: {error.strerror or error}. What was finished before it is kept: put that right, "
        "and the same command does the rest"
    )


def read(path: Path) -> Grade:
    """Read a record. Raises RecordError, or FileNotFoundError."""
    return Grade.from_json(path.read_bytes(), where=str(path))


def read_all(paths: Iterable[Path]) -> Iterator[Grade | RecordError]:
    """Each file's record, or what is wrong with it. Files that are not there are passed over."""
    for path in paths:
        try:
            yield read(path)
        except FileNotFoundError:
            continue
        except RecordError as error:
            yield error


def write_atomically(path: Path, content: str | bytes, like: Iterable[Path] = ()) -> None:
    """Write a file, text as UTF-8, through a temporary one beside it. Raises OSError, and then nothing has changed.

    Its mode is what the umask leaves, its group the folder's where that is setgid. like: files that it is made from;
    the group and others get no more of it than of each of them, see `_narrow`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}.{secrets.token_hex(4)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            _narrow(part, [source.absolute() for source in like if source.exists()])
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _narrow(path: Path, sources: Sequence[Path]) -> None:
    """Take from a file's mode what its group and others may not do with all of these, folders above them included."""
    if not sources:
        return
    with contextlib.suppress(OSError):  # their group, where it may be given
        os.chown(path, -1, sources[0].stat().st_gid)
    mode, group, above = stat.S_IMODE(path.stat().st_mode), path.stat().st_gid, set(path.absolute().parents)
    for place in {*sources, *(folder for source in sources for folder in source.parents if folder not in above)}:
        seen = place.stat()
        others = seen.st_mode & 7
        members = seen.st_mode >> 3 & 7 if seen.st_gid == group else others
        if place.is_dir():  # who may pass it may have all that lies beyond
            members, others = (7 if may & 1 else 0 for may in (members, others))
        mode &= 0o700 | members << 3 | others
    os.chmod(path, mode)


def sweep(folder: Path) -> None:
    """Remove what `write_atomically` left anywhere under `folder` when its process was killed."""
    for path in folder.rglob(".*.part"):
        if (found := re.match(r"\.(\d+)\.", path.name)) and not psutil.pid_exists(int(found[1])):
            with contextlib.suppress(OSError):  # another's, who will do it
                path.unlink()


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))
