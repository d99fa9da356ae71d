"""What others build on: the JSON document of a class, the Python call, and README's example of it."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import jsonschema
import pytest
from support.light import grade_as, refuse

import grader
from grader.course.syllabus import CourseError
from grader.records.database import GradebookError
from grader.records.grade import ClassGrades, Grade, json_schema
from grader.records.store import read

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs" / "grades.schema.json"


def test_json_is_one_document_and_all_else_goes_to_stderr(call, toy, week, right, fill, hand_in):
    hand_in("ada", right)
    hand_in("bob", fill(double="def double(n):\n    return 2"))
    hand_in("eve", "not a notebook")
    result = call("grade", "1", "--json", "--diff")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert (document["week"], document["title"], document["max_points"]) == ("week01_toy", "Doubling", 9)
    assert [(g["student"], g["outcome"], g["points"]) for g in document["grades"]] == [
        ("ada", "graded", 7.5),
        ("bob", "graded", 1.0),
        ("eve", "not gradable", 0.0),
    ]
    for one in document["grades"]:
        assert Grade.from_json(json.dumps(one)) == read(toy.record(week, one["student"])), "just as in the record"
    assert "/3] ada: 7.5 of 7.5 points" in result.stderr and "3 students had no earlier record" in result.stderr
    assert "gradebook" not in result.stdout.replace(str(toy.work), "").split('"grades"')[0]


def test_json_where_nothing_could_be_graded(call, toy, week, right, monkeypatch):
    result = call("grade", "1", "--json")
    assert (result.exit_code, result.stdout) == (2, "") and "nothing handed in" in result.stderr

    def no_gradebook(*_, **__):
        raise GradebookError("gradebook.db cannot be written: disk full")

    grade_as(toy, week, "ada", right)
    monkeypatch.setattr("grader.grading.batch.grade_class", no_gradebook)
    result = call("grade", "1", "--json")
    assert result.exit_code == 2 and "disk full" in result.stderr
    assert [g["student"] for g in json.loads(result.stdout)["grades"]] == ["ada"], "the grades are there all the same"


def test_the_schema_on_file_is_that_of_the_types_and_refuses_what_they_refuse(toy, week, right):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema == json_schema(), "python -m grader.records.grade > docs/grades.schema.json"
    grades = [grade_as(toy, week, "ada", right), refuse(toy, week, "eve")]
    document = asdict(ClassGrades(week.slug, week.title, 9.0, grades))
    jsonschema.validate(document, schema)
    for spoil in ({"colour": "red"}, {"points": -1}, {"outcome": "perfect"}, {"student": ""}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document, "grades": [{**document["grades"][0], **spoil}]}, schema)


def test_the_call_grades_as_the_class_is_graded(call, toy, week, fill, hand_in):
    path = hand_in("bob", fill(double="def double(n):\n    return 2", mean="import numpy as np\nmean = np.median"))
    found = grader.grade(path, course=toy.root, student="bob")
    assert not (toy.work / "records").exists() and not toy.gradebook.exists(), "it writes nothing"
    assert call("grade", "1").exit_code == 0
    record = read(toy.record(week, "bob"))

    def results(grade):
        return [
            (q.question, q.points, q.status, [(c.check, c.passed, c.message) for c in q.checks])
            for q in grade.questions
        ]

    assert results(found) == results(record) and found.points == record.points
    assert found.inputs == record.inputs, "and so the record would stand"


def test_the_call_says_what_is_wrong(toy, tmp_path):
    (tmp_path / "mine.ipynb").write_text("not a notebook")
    with pytest.raises(CourseError, match="does not say which week it is of; name it: one of week01_toy, week02_other"):
        grader.grade(tmp_path / "mine.ipynb", course=toy.root)
    with pytest.raises(CourseError, match="no course found"):
        grader.grade(tmp_path / "mine.ipynb", "1", course=tmp_path)
    refused = grader.grade(str(tmp_path / "mine.ipynb"), "1", course=toy.root)
    assert refused.outcome == "not gradable" and refused.reason and refused.student == "student"


def test_readmes_example_runs(toy, fill, hand_in, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    hand_in("amina", fill(double="def double(n):\n    return 2"))
    monkeypatch.chdir(toy.work)
    monkeypatch.setattr("grader.grading.pool.find_course", lambda start=None, work=None: toy)
    exec(example.replace("week01_clip", "week01_toy"), {})
    out = capsys.readouterr().out
    assert out.startswith("graded: 1 of 9 points\n") and "double: " in out
