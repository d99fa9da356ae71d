"""The command line: what it prints, its exit codes, and that what a person can put right is one clear line."""

import re
from dataclasses import replace

import pytest
from support.known import with_answers
from typer.testing import CliRunner

from grader.authoring import audit
from grader.cli.main import app
from grader.cli.options import options as options_of
from grader.cli.options import parameters
from grader.course.syllabus import CourseError
from grader.records.store import read


@pytest.fixture
def grader(toy):
    """grader("grade", "1") runs the command on the toy course and the test's class."""

    def run(*arguments, course=toy):
        return CliRunner().invoke(app, [*arguments, "--course", str(course.root), "--work", str(course.work)])

    return run


def plain(text):
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", text))


def test_grade_writes_and_shows_everything(grader, toy, week, right, fill, hand_in):
    hand_in("ada", right)
    hand_in("bob", fill(double="def double(n):\n    return 2"))
    hand_in("eve [red]", "not a notebook")
    result = grader("grade", "week01", "--workers", "2")
    assert result.exit_code == 0, result.output
    out = plain(result.output)
    assert re.search(r"\[\d/3\] ada: 7\.5 of 7\.5 points, \d", out), "plain lines where there is no terminal"
    assert re.search(r"ada 4 2 1\.5 ✎ 7\.5", out) and re.search(r"bob 1 · · ✎ 1 ", out)
    assert "1 double (4) 2 table (2) 3 mean (1.5) 4 why (1.5)" in out
    assert "eve [red] could not be graded: " in out, "a name is text, whatever it looks like"
    for path in (toy.gradebook, toy.report(week), toy.feedback(week, "ada"), toy.feedback(week, "eve [red]")):
        assert path.is_file()
    page = toy.feedback(week, "bob").read_text(encoding="utf-8")
    assert "A constant was returned." in page
    assert "<img" in toy.feedback(week, "ada").read_text(encoding="utf-8"), "the evidence of the table's check"
    report = toy.report(week).read_text(encoding="utf-8")
    assert "students/ada.html" in report and "eve [red]" in report

    hand_in("bob", right)
    assert grader("grade", "1", "bob").exit_code == 0
    assert read(toy.record(week, "bob")).points == 7.5
    report = toy.report(week).read_text(encoding="utf-8")
    assert "students/ada.html" in report, "one student graded again, the report is still of the class"


def test_parameters_kernel_and_budget_reach_grading(week, monkeypatch):
    options = options_of(week, 3, ["SEED=7", "PROFILE=full", "DEVICE=", "FAST=true", "X=[1]"], "other", 2.5)
    assert options.parameters == {"SEED": 7, "PROFILE": "full", "DEVICE": "", "FAST": True, "X": "[1]"}
    assert (options.workers, options.kernel, options.budget.cell) == (3, "other", 2.5)
    assert options_of(week, None).budget is None, "the week's own"
    for bad in ("SEED", "=3", "two words=1"):
        with pytest.raises(CourseError, match="NAME=VALUE"):
            parameters([bad])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["grade", "week07"], "'week07' names no one week; there are: week01_toy, week02_other"),
        (["grade", "1"], "nothing handed in for week01_toy: submissions are expected at "),
        (["grade", "1", "nobody"], "from: nobody"),
        (["grade", "1", "--parameter", "SEED"], "is not of the form NAME=VALUE"),
        (["audit", "1"], "has no known answers to audit with"),
        (["run", "9"], "'9' names no one week"),
    ],
)
def test_errors_are_one_line(grader, hand_in, right, arguments, says):
    if "--parameter" in arguments:
        hand_in("ada", right)
    result = grader(*arguments)
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("error: ") and says in result.stderr and result.stderr.count("\n") == 1
    assert "Traceback" not in result.output


def test_outside_a_course(tmp_path):
    result = CliRunner().invoke(app, ["grade", "1", "--course", str(tmp_path)])
    assert result.exit_code == 2 and "no course found in or above" in result.stderr


def test_damaged_record_is_named(grader, toy, week, right, hand_in, monkeypatch):
    hand_in("ada", right)
    toy.record(week, "old").parent.mkdir(parents=True)
    toy.record(week, "old").write_text("{}", encoding="utf-8")
    monkeypatch.setattr("grader.grading.batch.grade_class", lambda *_, **__: [])
    result = grader("grade", "1")
    assert result.exit_code == 0 and "old.json" in result.stderr and "grade again" in result.stderr
    assert toy.report(week).is_file()


def test_release_check(toy, tmp_path):
    course = with_answers(toy, tmp_path / "course")
    call = [["release", "--check"], ["release"], ["release", "--check"]]
    runner = [lambda a=a: CliRunner().invoke(app, [*a, "--course", str(course.root)]) for a in call]
    assert runner[0]().exit_code == 0
    path = course.release(course.week("1"))
    path.write_text(path.read_text(encoding="utf-8").replace("Multiply by two.", "Edited."), encoding="utf-8")
    stale = runner[0]()
    assert stale.exit_code == 1 and "stale: weeks/week01_toy/week01_toy.ipynb" in plain(stale.output)
    assert "Edited." in path.read_text(encoding="utf-8"), "--check changes nothing"
    assert "wrote: weeks/week01_toy/week01_toy.ipynb" in plain(runner[1]().output)
    assert runner[2]().exit_code == 0


def test_run_wants_all_points(grader, toy, tmp_path):
    result = grader("run", "1")
    assert result.exit_code == 0 and "week01_toy: all points" in plain(result.output)
    course = with_answers(toy, tmp_path / "course")
    path = course.solution(course.week("1"))
    path.write_text(path.read_text(encoding="utf-8").replace("(1, 2, 3)", "(1, 2, 4)"), encoding="utf-8")
    result = grader("run", "1", course=course)
    assert result.exit_code == 1
    assert "table: 1 of 2; table_is_right: the result is [2, 4, 8] where [2, 4, 6] was expected" in plain(result.output)


def test_audit_exit_codes(toy, tmp_path, grader, monkeypatch):
    course = with_answers(toy, tmp_path / "course")
    ok = audit.Finding("table", "sly 0", False, 1.0, 2.0, "table_is_right: off", "")
    monkeypatch.setattr(audit, "run", lambda *_, **__: [ok])
    result = grader("audit", "1", "--only", "table", course=course)
    assert result.exit_code == 0 and "1 question, 1 wrong and 0 right answers" in plain(result.output)
    bad = replace(ok, why="a wrong answer kept all points")
    monkeypatch.setattr(audit, "run", lambda *_, **__: [ok, bad])
    result = grader("audit", "1", "--only", "table", course=course)
    assert result.exit_code == 1 and "BAD table/sly 0: a wrong answer kept all points" in plain(result.output)
    monkeypatch.setattr(audit, "run", lambda *_, **__: [ok])
    monkeypatch.setattr(audit, "LEAST_WRONG", 5)
    result = grader("audit", "1", "--only", "table", course=course)
    assert result.exit_code == 1 and "table has 4 wrong answers; at least 5 are due" in plain(result.output)


def test_interrupted_is_said(grader, hand_in, right, monkeypatch):
    hand_in("ada", right)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("grader.grading.batch.grade_class", interrupted)
    result = grader("grade", "1")
    assert result.exit_code == 130 and "What was finished is kept" in plain(result.stderr)


def test_diff_says_that_nothing_moved_or_what(grader, toy, week, right, fill, hand_in, monkeypatch):
    from support.light import grade_as

    def regrade(course, week, names, *_):
        return [read(course.record(week, name)) for name in names if grade_as(course, week, name, right, **marks)]

    monkeypatch.setattr("grader.grading.batch.grade_class", regrade)
    marks = {}
    grade_as(toy, week, "ada", right)
    assert "No score moved, of 1 that were graded before." in grader("grade", "1", "--diff").output
    marks = {"double": 1}
    said = grader("grade", "1", "--diff").output
    assert "ada: 7.5 -> 4.5 points\n  double: 4 of 4 -> 1 of 4; double_holds fails now: it is 3\n" in said
    toy.record(week, "ada").write_text("{}")
    assert "1 student had no earlier record to compare with." in grader("grade", "1", "--diff").output


def test_a_time_that_cannot_be_read_is_said_and_keeps_nobody(grader, toy, week, right, hand_in):
    hand_in("ada", right)
    (toy.submission(week, "ada").parent / "timestamp.txt").write_bytes(b"31st of Never\x1b[2J")
    hand_in("bob", "not a notebook")
    (toy.submission(week, "bob").parent / ".late").touch()
    result = grader("grade", "1", "--workers", "1")
    assert result.exit_code == 0 and "\x1b[2J" not in result.output
    out = plain(result.output)
    assert "ada: when it was handed in is not known" in out and "31st of Never" in out
    assert "marked as late" in out and "--duedate" in out
    assert read(toy.record(week, "ada")).points == 7.5
