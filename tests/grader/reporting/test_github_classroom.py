"""GitHub Classroom: results that its reporter reads, and a workflow that grades a repository."""

import base64
import json
import subprocess
import sys

import nbformat
import pytest
import yaml

from grader.course.syllabus import CourseError
from grader.reporting import github_classroom


def as_the_reporter_reads(text):
    """(points, of, fails) by autograding-grading-reporter's main.js and notify-classroom.js."""
    result = json.loads(base64.b64decode(text))
    total = sum(test["score"] for test in result["tests"]) if result["max_score"] else 0
    return total, result["max_score"], result["status"] in ("fail", "error")


def test_classroom_results(toy, week, graded):
    found = [
        as_the_reporter_reads(github_classroom.encoded(github_classroom.result(toy, week, grade))) for grade in graded
    ]
    assert [(round(points, 3), most) for points, most, _ in found] == [(round(g.points, 3), 7.5) for g in graded]
    assert [fails for *_, fails in found] == [False, True, True, True, True]
    assert github_classroom.result(toy, week, graded[3])["status"] == "error"
    assert len(github_classroom.encoded(github_classroom.result(toy, week, graded[1]))) < 128 * 1024, (
        "one environment variable"
    )


def test_classroom_grades_a_repository(toy, week, tmp_path, monkeypatch, fill, capsys):
    repository = tmp_path / "ada"
    (repository / "weeks" / week.slug).mkdir(parents=True)
    nbformat.write(fill(double="def double(n):\n    return 2"), repository / "weeks" / week.slug / week.file)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    assert github_classroom.main(["1", str(repository), "--course", str(toy.root)]) == 0
    name, _, value = (tmp_path / "output").read_text().strip().partition("=")
    assert name == "result" and as_the_reporter_reads(value) == (1.0, 7.5, True)
    assert "A constant was returned." in capsys.readouterr().out
    assert github_classroom.main(["9", str(repository), "--course", str(toy.root)]) == 2


def test_classroom_workflow(call, toy, week):
    assert call("export", "classroom", "1", "--grader-repository", "my-school/course").exit_code == 0
    path = toy.work / "exports" / week.slug / ".github" / "workflows" / "classroom.yml"
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", path]
    assert subprocess.run(check, capture_output=True).returncode == 0
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert (made["name"], list(made["jobs"])) == ("Autograding Tests", ["run-autograding-tests"]), (
        "so the reporter asks"
    )
    steps = made["jobs"]["run-autograding-tests"]["steps"]
    grades, reports = steps[-2:]
    assert f"{reports['with']['runners'].upper()}_RESULTS" in reports["env"]
    assert reports["env"]["GRADE_RESULTS"] == f"${{{{ steps.{grades['id']}.outputs.result }}}}"
    assert steps[1]["with"]["repository"] == "my-school/course" and week.slug in grades["run"]
    for bad in ("course", "a/b/c", "/x"):
        with pytest.raises(CourseError, match="OWNER/NAME"):
            github_classroom.workflow(week, bad)
