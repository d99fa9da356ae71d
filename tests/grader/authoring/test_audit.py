"""The audit finds a rubric that lets a wrong answer through, and one that refuses a right one."""

import io
import re

import nbformat
import pytest
from rich.console import Console
from support.known import with_answers

from grader.authoring import audit
from grader.course.questions import answers_in
from grader.course.syllabus import CourseError
from grader.grading.options import Options
from grader.records.grade import CheckResult, Grade, QuestionResult

TWO = Options(workers=2)


@pytest.fixture
def course(toy, tmp_path):
    return with_answers(toy, tmp_path / "course")


@pytest.fixture
def week(course):
    return course.week("1")


def planted(toy, folder, extra):
    course = with_answers(toy, folder, extra)
    return course, course.week("1")


def test_good_answers_to_a_good_rubric(course, week):
    plan = audit.plan(course, week)
    assert plan.questions == ["double", "table", "mean"] and not plan.shortages
    found = audit.run(course, week, plan, TWO)
    assert [f for f in found if not f.ok] == []
    names = {(f.question, f.answer) for f in found}
    assert len(names) == len(found) == 3 * (1 + 2) + 5 + 4 + 4, "every answer, and the solution's own, once each"
    sly = next(f for f in found if f.question == "double" and f.answer == "sly 0")
    assert sly.points == 1 and sly.max_points == 4 and sly.first_failure.startswith("doubles_any: ")


def test_every_batch_mixes_and_every_answer_is_used(course, week):
    plan = audit.plan(course, week)
    used = {(q, a.name) for b in plan.batches for q, a in b.answers.items()}
    assert used == {(a.question, a.name) for a in audit.load_answers(course, week)} | {
        (q, audit.REFERENCE) for q in plan.questions
    }
    kinds = [[a.right for a in b.answers.values()] for b in plan.batches]
    assert all(1 <= sum(right) <= 2 for right in kinds[:8]), "wrong and right ones in one notebook"
    assert len(plan.batches) == 9, "a wrong answer in every second one, of five"


def test_a_sample_is_some_of_the_whole_audit_s_notebooks(course, week):
    whole = {b.name: b.answers for b in audit.plan(course, week).batches}
    drawn = [audit.plan(course, week, sample=3) for _ in range(12)]
    assert all(len(p.batches) == 3 and all(whole[b.name] == b.answers for b in p.batches) for p in drawn)
    assert len({b.name for p in drawn for b in p.batches}) > 3, "drawn anew each time"
    assert len(audit.plan(course, week, sample=99).batches) == len(whole)


def test_isolated_puts_one_answer_in_a_notebook(course, week):
    plan = audit.plan(course, week, only=["mean"], isolated=True)
    assert [b.name for b in plan.batches][:2] == [audit.REFERENCE, "mean/wrong 0"]
    assert len(plan.batches) == 1 + 6
    assert all(a.name == audit.REFERENCE for b in plan.batches for q, a in b.answers.items() if q != "mean")


FIRST = "del ANSWERS[1:]\n"  # a right one
PLANTED = {
    "double": FIRST + "ANSWERS.wrong('planted', 'def double(n):\\n    return 3', 'a constant', visible_passes=True)",
    "table": FIRST + "ANSWERS.wrong('planted', 'table = [2, 2 + 2, 6]', 'it is right')",
    "mean": FIRST + "ANSWERS.right('planted', 'mean = sum')",
}


def test_planted_answers_are_found_both_ways(toy, tmp_path):
    """A wrong one that keeps its points, a right one that loses some, and one that a student could see to be wrong."""
    course, week = planted(toy, tmp_path / "course", PLANTED)
    found = audit.run(course, week, audit.plan(course, week), TWO)
    bad = {f.question: f.why for f in found if not f.ok}
    assert [f.answer for f in found if not f.ok] == ["planted"] * 3
    assert bad["double"] == "it should pass all visible checks, and fails doubles_one"
    assert bad["table"] == "a wrong answer kept all points"
    assert bad["mean"].startswith("a right answer lost points: mean_of_constant: ")
    shown = Console(width=160, file=io.StringIO())
    shown.print(audit.table(found))
    rows = [line for line in shown.file.getvalue().splitlines() if "planted" in line]
    assert [line.split()[-1] for line in rows] == ["BAD"] * 3


def test_what_was_not_judged_proves_nothing(course, week):
    plan = audit.plan(course, week, only=["double"])
    dead = QuestionResult("double", "check_double", 4, 0, "not judged", True, "the kernel had ended")
    grades = {b.name: [Grade(week.slug, "", "graded", "", 0, 9, [dead])] for b in plan.batches}
    found = audit.findings(plan, grades)
    assert found and all("not judged (the kernel had ended)" in f.why for f in found)
    grades = {b.name: [Grade(week.slug, "", "not gradable", "no kernel", 0, 9)] for b in plan.batches}
    assert all("could not be graded: no kernel" in f.why for f in audit.findings(plan, grades))


def test_worst_appearance_counts(course, week):
    plan = audit.plan(course, week, only=["mean"])

    def graded(right):
        check = CheckResult("mean_of_drawn", "claim", 1.0, right, "off", True, 0.0)
        result = QuestionResult("mean", "check_mean", 1.5, 1.5 * right, "judged", True, "", [check])
        return Grade(week.slug, "", "graded", "", 1.5 * right, 9, [result])

    grades = {b.name: [graded(b.answers["mean"].right)] for b in plan.batches}
    assert all(f.ok for f in audit.findings(plan, grades))
    own = [b.name for b in plan.batches if b.answers["mean"].name == audit.REFERENCE]
    grades[own[0]] = [graded(True), graded(False)]
    bad = [f for f in audit.findings(plan, grades) if not f.ok]
    assert [f.answer for f in bad] == [audit.REFERENCE]
    assert bad[0].why.startswith(f"in 1 of {len(own) + 1} judgings a right answer lost points: ")


LUCKY = {
    "double": FIRST
    + "ANSWERS.wrong('wrong for high numbers', 'double = lambda n: 2 * n if n < 800 else 0', 'a limit of its own')",
    "mean": FIRST
    + "ANSWERS.right('wrong for values apart', 'mean = lambda v: sum(v) / len(v) if max(v) - min(v) < 3 else 0')",
}


def test_judging_again_finds_what_chance_lets_through(toy, tmp_path):
    """Each time on other inputs: an answer that is wrong on few is found on some and not on others."""
    course, week = planted(toy, tmp_path / "course", LUCKY)
    plan = audit.plan(course, week, only=["double", "mean"])
    again = audit.run(course, week, plan, Options(workers=2, repeat=30))
    bad = {f.question: f.why for f in again if not f.ok}
    count = re.fullmatch(r"in (\d+) of 30 judgings a wrong answer kept all points", bad["double"])
    assert 3 <= int(count[1]) <= 29, "about 0.9 to the power of 5 of them"
    assert re.match(r"in \d+ of \d+ judgings a right answer lost points: mean_of_drawn: ", bad["mean"])


def test_too_few_answers_are_named(toy, tmp_path):
    course, week = planted(toy, tmp_path / "course", {"mean": "ANSWERS.clear()"})
    assert audit.plan(course, week).shortages == [
        "mean has 0 wrong answers; at least 4 are due",
        "mean has 0 right answers; at least 2 are due",
    ]


def test_stray_answers_and_unknown_questions_are_errors(toy, tmp_path, course, week):
    with pytest.raises(CourseError, match="no question is called cosine; there are: double, table, mean"):
        audit.plan(course, week, only=["cosine"])
    stray, its_week = planted(toy, tmp_path / "stray", {"mean": "ANSWERS.append(Answer('cosine', 'x', True, ''))"})
    with pytest.raises(CourseError, match="week01_toy does not have: cosine"):
        audit.plan(stray, its_week)
    with pytest.raises(CourseError, match="write .*week01_toy/answers/QUESTION.py"):
        audit.plan(toy, toy.week("1"))


def test_base_is_the_release_with_the_solutions_answers(course, week):
    base = audit.solved(course, week)
    released = nbformat.read(course.release(week), as_version=4)
    assert [c.id for c in base.cells] == [c.id for c in released.cells]
    assert "2 * n" in answers_in(base)["double"] and "SOLUTION" not in answers_in(base)["double"].replace(
        "SECRET-OF-THE-SOLUTION", ""
    )
    assert "YOUR CODE HERE" in answers_in(released)["double"]
