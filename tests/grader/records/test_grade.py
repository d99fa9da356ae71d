"""A record is what docs/records.md says, and nothing else is believed."""

import json
import os
import re
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from grader.course import files
from grader.records import store
from grader.records.errors import RecordError
from grader.records.grade import SCHEMA, CheckResult, Evidence, Grade, QuestionResult

DOC = Path(__file__).parents[3] / "docs" / "records.md"
DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def grade() -> Grade:
    check = CheckResult("rows", "rows are right", 1.0, True, "", False, 0.1, [Evidence("a picture", "iVBORw0KGgo=")])
    question = QuestionResult("cosine", "check_cosine", 2.0, 1.5, "judged", True, "", [check], DIGEST)
    essay = QuestionResult("essay", "essay", 1.0, 0.0, "manual", True)
    return Grade(
        *("week01", "zoë", "graded", "", 1.5, 3.0, [question, essay]),
        timings={"total": 1.0},
        inputs={"submission": DIGEST},
        versions={"python": "3.11"},
        graded_at="2026-11-02T10:00:00+00:00",
    )


def test_it_is_read_as_it_was_written(grade, tmp_path):
    store.write(grade, tmp_path / "zoë.json")
    assert store.read(tmp_path / "zoë.json") == grade
    assert [path.name for path in tmp_path.iterdir()] == ["zoë.json"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 1}, "schema 1, this grader reads 2; grade again"),
        ({"colour": "red"}, "colour: Unexpected keyword argument"),
        ({"points": "1.5"}, "points: Input should be a valid number"),
        ({"points": True}, "points: Input should be a valid number"),
        ({"points": -1.5}, "points: Input should be greater than or equal to 0"),
        ({"max_points": float("nan")}, "max_points: Input should be"),
        ({"timings": {"total": float("inf")}}, "timings.total: Input should be a finite number"),
        ({"student": ""}, "student: String should have at least 1 character"),
        ({"outcome": "perfect"}, "outcome: Input should be 'graded' or 'not gradable'"),
        ({"graded_at": "yesterday"}, "graded_at: String should match"),
        ({"notebook": "abc"}, "notebook: String should match"),
        ({"log": [1]}, "log.0: Input should be a valid string"),
        ({"inputs": {"seed": None}}, "inputs.seed: Input should be a valid string"),
        ({"points": 1.0}, "its points do not add up"),
        ({"outcome": "not gradable"}, "not gradable without a reason, or with points"),
        ({"questions.0.points": 2.5, "points": 2.5}, "its points do not add up"),
        ({"questions.0.status": "not judged"}, "points for a question that was not judged"),
        ({"questions.1.question": "cosine"}, "a question twice"),
        ({"questions.0.answered": 1}, "questions.0.answered: Input should be a valid boolean"),
        ({"questions.0.rubric": "x" * 64}, "questions.0.rubric: String should match"),
        ({"questions.0.checks.0.weight": 0}, "questions.0.checks.0.weight: Input should be greater than 0"),
        ({"questions.0.checks.0.surprise": 0}, "questions.0.checks.0.surprise: Unexpected keyword argument"),
        ({"questions.0.checks.0.evidence.0.png": "<svg>"}, "evidence.0.png: String should match"),
        ({"questions.0.checks.0.evidence.0.wav": "<svg>"}, "evidence.0.wav: String should match"),
    ],
)
def test_anything_else_is_refused(grade, tmp_path, change, says):
    raw = asdict(grade)
    for place, value in change.items():
        *path, last = place.split(".")
        target = raw
        for step in path:
            target = target[int(step) if step.isdigit() else step]
        target[last] = value
    file = tmp_path / "r.json"
    file.write_text(json.dumps(raw))
    with pytest.raises(RecordError, match=re.escape(says)) as refused:
        store.read(file)
    assert str(file) in str(refused.value) and str(refused.value).endswith("; grade again")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"schema": 2}', '{"schema": "2"}', "\x00" * 100])
def test_a_damaged_file_is_refused(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(RecordError, match="r.json: .*; grade again"):
        store.read(tmp_path / "r.json")


def test_what_could_not_be_read_is_not_written(grade, tmp_path):
    object.__setattr__(grade, "points", float("nan"))
    with pytest.raises(RecordError):
        store.write(grade, tmp_path / "r.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "heading"), [(Grade, "Grade"), (QuestionResult, "Question"), (CheckResult, "Check")])
def test_the_page_names_every_field(kind, heading):
    section = DOC.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` ", section, re.MULTILINE) == [field.name for field in fields(kind)]
    assert f"`schema` is {SCHEMA}" in DOC.read_text(encoding="utf-8")


def test_only_a_dead_graders_leftovers_are_swept(tmp_path):
    dead, own, other = (tmp_path / "a" / name for name in (".999999999.x.part", f".{os.getpid()}.x.part", ".x.part"))
    dead.parent.mkdir()
    for path in (dead, own, other):
        path.touch()
    files.sweep(tmp_path)
    assert not dead.exists() and own.exists() and other.exists()
