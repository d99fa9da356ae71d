"""What has not changed is not graded again; what has, is."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.light import grade_as
from support.toy import RIGHT

from coursekit.checks import run_check
from coursekit.student import local_student
from grader.course.discovery import find_course
from grader.course.files import GRADER
from grader.course.syllabus import Budget, CourseError
from grader.grading import fingerprints
from grader.grading import rubric as rubric_
from grader.grading.batch import grade_class
from grader.grading.options import Options
from grader.grading.rubric import (
    Rubric,
    check_sources,
    digest_of,
    digests,
    hidden_checks,
    question_digests,
    visible_checks,
)
from grader.records import projection, store
from grader.reporting.changes import report

OPTIONS = Options(workers=1)


def graded(toy, week, students=None, options=OPTIONS, **more) -> dict[str, str]:
    """{student: when the grade was made} of one run."""
    return {g.student: g.graded_at for g in grade_class(toy, week, students, options, **more)}


def age(toy, week, student) -> None:
    """Make the record look old, so that a new one is told apart from it."""
    path = toy.record(week, student)
    grade = store.read(path)
    path.write_text(grade.to_json().replace(grade.graded_at, "2020-01-01T00:00:00+00:00"))


def old(times: dict[str, str]) -> set[str]:
    return {student for student, time in times.items() if time.startswith("2020")}


def test_only_what_changed_is_graded_again(toy, week, hand_in, right, fill):
    for name in ("ada", "bob"):
        hand_in(name, right)
    hand_in("corrupt", b"{")
    assert old(graded(toy, week)) == set()
    for name in ("ada", "bob", "corrupt"):
        age(toy, week, name)

    seen = []
    assert old(graded(toy, week, on_done=lambda name, result: seen.append(name))) == {"ada", "bob", "corrupt"}
    assert sorted(seen) == ["ada", "bob", "corrupt"], "progress counts everyone"

    hand_in("bob", fill(**{**RIGHT, "double": "def double(n):\n    return 2"}))
    assert old(graded(toy, week)) == {"ada", "corrupt"}

    assert old(graded(toy, week, ["ada"], Options(workers=1, seed="other"))) == set()
    age(toy, week, "ada")
    assert old(graded(toy, week, ["ada"])) == set(), "that was another seed"
    age(toy, week, "ada")
    assert old(graded(toy, week, ["ada"], Options(workers=1, budget=Budget(5, 50, 3)))) == set()
    assert old(graded(toy, week, ["ada"], again=True)) == set()

    age(toy, week, "ada")
    rubric = toy.root / "grader" / "rubrics" / week.slug / "checks" / "mean.py"
    rubric.write_text(rubric.read_text() + "\nANOTHER_THOUGHT = 1\n")
    os.utime(rubric, ns=(1, 1))
    assert old(graded(toy, week, ["ada"])) == set()

    age(toy, week, "ada")
    helper = toy.root / "weeks" / week.slug / week.helper / "extra.py"
    helper.write_text("x = 1\n")
    assert old(graded(toy, week, ["ada"])) == set()


def test_what_answers_are_compared_with_is_part_of_what_judges_them(toy, week, hand_in, tmp_path):
    """It is imported by the checks, is run as its text says, and is no part of what else a grade depends on."""
    course = find_course(shutil.copytree(toy.root, tmp_path / "course"), tmp_path / "class")
    checks = visible_checks(course.root, week)
    reference = checks.with_name("reference.py")
    text = checks.read_text().replace("2.0]), 2.0)", "2.0]), HALF)") + "\nfrom toy_lab.checks.reference import HALF\n"
    digests, rubrics, codes = [], [], []
    for half in (None, "HALF = 2.0\n", "HALF = 3.0\n"):
        if half:
            checks.write_text(text)
            reference.write_text(half)
        fingerprints.code_hash.cache_clear()
        codes.append(fingerprints.code_hash(course.root, week))
        digests.append(rubric_.digests(course, week))
        rubrics.append(Rubric.load(course, week))
    assert len(set(codes)) == 1
    assert all(digests[1][name] != digests[2][name] for name in ("double", "table", "mean"))
    assert [dict(rubric.digests) for rubric in rubrics] == [dict(one) for one in digests]
    student = local_student({"mean": lambda values: sum(values) / len(values)})
    for rubric, passed in zip(rubrics, (True, True, False), strict=True):
        (one, hidden), _ = rubric.checks["mean"]
        assert not hidden and run_check(one, student, "a seed").passed == passed


def test_what_hidden_checks_share_is_part_of_what_judges_them(toy, week, tmp_path):
    """A helper in a module beside them is run as its text says, and its change is another judge of every question."""
    course = find_course(shutil.copytree(toy.root, tmp_path / "course"), tmp_path / "class")
    mean = course.root / "grader" / "rubrics" / week.slug / "checks" / "mean.py"
    own = mean.read_text().replace("values.mean())", "wanted(values))")
    student = local_student({"mean": lambda values: sum(values) / len(values)})
    digests, passed = [], []
    for body in ("values.mean()", "values.mean() + 1"):
        helper = f"def wanted(values):\n    return {body}\n"
        mean.write_text(f"from grader.rubrics.{week.slug}.checks.shared import wanted\n{own}")
        mean.with_name("shared.py").write_text(helper)
        rubric = Rubric.load(course, week)
        assert dict(rubric.digests) == dict(rubric_.digests(course, week))
        digests.append(rubric.digests)
        hidden = [one for one, is_hidden in rubric.checks["mean"] if is_hidden]
        passed.append([run_check(one, student, "a seed").passed for one in hidden])
    assert passed == [[True], [False]]
    assert all(digests[0][name] != digests[1][name] for name in ("double", "table", "mean"))


def test_a_damaged_record_or_a_lost_notebook_is_made_again(toy, week, hand_in, right):
    hand_in("ada", right)
    graded(toy, week)
    toy.record(week, "ada").write_text("{")
    graded(toy, week)
    assert store.read(toy.record(week, "ada")).points > 0
    age(toy, week, "ada")
    toy.autograded(week, "ada").unlink()
    assert old(graded(toy, week)) == set()
    assert toy.autograded(week, "ada").is_file()


def test_what_was_not_judged_to_its_end_is_tried_again(toy, week, hand_in, fill):
    hand_in("ada", fill(**{**RIGHT, "mean": "import os\ndef mean(values):\n    os.kill(os.getppid(), 9)"}))
    graded(toy, week)
    assert any(q.status == "not judged" for q in store.read(toy.record(week, "ada")).questions)
    age(toy, week, "ada")
    assert old(graded(toy, week)) == set()


# --- which questions a changed check touches --------------------------------------------------------------------------

VISIBLE = '''
from coursekit.checks import check

def shared(x): return x

@check("one")
def first(student, rng):
    """It holds."""
    shared(student.one)

@check("two", weight=2)
def second(student, rng):
    """It holds."""
    shared(student.two)
'''
HIDDEN = """
from coursekit.checks import check
@check("one")
def third(student, rng): assert student.one
"""


def changed(old: str, new: str, *, visible=VISIBLE, hidden=HIDDEN) -> set[str]:
    """The questions whose digest is another once `old` is `new`."""
    assert old in visible + hidden
    before = question_digests(visible, hidden)
    after = question_digests(visible.replace(old, new), hidden.replace(old, new))
    names = before.keys() | after.keys()
    return {name for name in names if name and digest_of(name, before) != digest_of(name, after)}


def test_a_check_touches_its_own_question():
    assert changed("shared(student.two)", "shared(student.two + 1)") == {"two"}
    assert changed("weight=2", "weight=3") == {"two"}
    assert changed("assert student.one", "assert student.one > 1") == {"one"}
    assert changed('@check("two", weight=2)', '@check("three", weight=2)') == {"two", "three"}


def test_what_checks_share_touches_all_of_them():
    assert changed("def shared(x): return x", "def shared(x): return -x") == {"one", "two"}
    assert changed("import check\n", "import check, evidence\n", visible="", hidden=VISIBLE) == {"one", "two"}


def test_comments_and_layout_touch_none():
    assert changed("    shared(student.two)", "    # why\n    shared( student.two )") == set()


@pytest.mark.parametrize(
    "more",
    [
        "second.run",  # named elsewhere
        "getattr(0, 'second')",
        "def other():\n    global second",
        "from somewhere import third as second",
        "def second(): ...",  # defined twice
    ],
)
def test_a_check_that_may_be_more_than_a_check_touches_all(more):
    assert changed("student.two)", "student.two + 1)", visible=VISIBLE + more + "\n") == {"one", "two"}


def test_code_that_cannot_be_read_is_the_courses_fault():
    with pytest.raises(CourseError, match="the checks cannot be read: .* in line 2"):
        question_digests("import os\ndef (:", HIDDEN)


def test_a_check_that_is_not_plainly_one_touches_all():
    odd = VISIBLE.replace('@check("two", weight=2)\n', '@check("two", weight=2)\n@twice\n')
    assert changed("student.two)", "student.two + 1)", visible=odd) == {"one"}
    before = question_digests(odd, HIDDEN)
    after = question_digests(odd.replace("student.two)", "student.two + 1)"), HIDDEN)
    assert digest_of("two", before) != digest_of("two", after), "all of the code stands for it"
    nested = VISIBLE.replace('@check("two", weight=2)\ndef', 'if True:\n  @check("two", weight=2)\n  def')
    nested = nested.replace('    """It holds."""\n    shared(student.two)', "    shared(student.two)")
    assert changed("student.two)", "student.two + 1)", visible=nested) == {"one", "two"}


@pytest.mark.parametrize("package", [path.parent.name for path in sorted(GRADER.glob("[a-z]*/__init__.py"))])
def test_a_changed_line_of_what_can_move_a_score_makes_grades_anew(toy, week, right, tmp_path, monkeypatch, package):
    copy = tmp_path / "grader"
    shutil.copytree(GRADER, copy, ignore=shutil.ignore_patterns("__pycache__", "week*"))
    monkeypatch.setattr(fingerprints, "GRADER", copy)
    grade = grade_as(toy, week, "ada", right)

    def stands() -> bool:
        fingerprints.code_hash.cache_clear()
        inputs = fingerprints.inputs(toy, week, OPTIONS) | {"submission": grade.inputs["submission"]}
        return fingerprints.stands(grade, inputs, fingerprints.versions(), digests(toy, week))

    assert stands()
    for module in (copy / package).glob("*.py"):
        text = module.read_text(encoding="utf-8")
        module.write_text(text + "# one more line\n", encoding="utf-8")
        # pages, commands and releases are made from grades or before them, and rubrics are looked at by question
        assert stands() == (package in ("reporting", "authoring", "cli", "rubrics")), module
        module.write_text(text, encoding="utf-8")
        assert stands()


def test_every_question_of_the_real_course_is_told_apart():
    course = find_course(Path(__file__).parent)
    for week in course.weeks.values():
        sources = check_sources(course.root, week)
        before = question_digests(*sources.values())
        for path in hidden_checks(course.root, week):
            if path.stem == "shared":
                continue
            own = f'@check("{path.stem}"'
            other = sources[path].replace(own, f"{own}, 1.0)\ndef one_more(student, rng): ...\n\n\n{own}", 1)
            assert other != sources[path]
            after = question_digests(*(sources | {path: other}).values())
            assert {q for q in before if q and before[q] != after[q]} == {path.stem}


def test_only_the_changed_questions_are_judged_again(toy, week, hand_in, right, fill, tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(toy.root, tree)
    course = find_course(tree, toy.work)
    answers = {**RIGHT, "mean": "import random\ndef mean(values):\n    return random.random()"}
    hand_in("ada", fill(**answers))
    (first,) = grade_class(course, week, ["ada"], OPTIONS)
    rubric = tree / "grader" / "rubrics" / week.slug / "checks" / "table.py"
    rubric.write_text(rubric.read_text().replace("[2, 4, 6]", "[2, 4, 7]"))
    (second,) = grade_class(course, week, ["ada"], OPTIONS)
    before, after = ({q.question: q for q in grade.questions} for grade in (first, second))
    assert after["table"].points == 1 and after["table"].rubric != before["table"].rubric
    for kept in ("double", "mean"):
        assert after[kept] == before[kept], "with the messages and times of the first judging"
    assert second.points == first.points - 1
    said = report({"ada": first}, [second])
    assert said[0] == "ada: 6 -> 5 points"
    assert said[1].startswith("  table: 2 of 2 -> 1 of 2; table_is_right fails now: ")
    assert said[2] == "  because of: other checks of table"

    hand_in("ada", fill(**{**answers, "double": "def double(n):\n    return 2"}))
    (third,) = grade_class(course, week, ["ada"], OPTIONS)
    mean = next(q for q in third.questions if q.question == "mean")
    assert mean.checks[0].message != after["mean"].checks[0].message, "another submission: all of it is judged"
    assert "  because of: another submission" in report({"ada": second}, [third])


LOOK = """
import sys
from typer.testing import CliRunner
from grader.cli.main import app
done = CliRunner().invoke(app, ["grade", "1", "--kernel", "python3", *sys.argv[1:]])
assert done.exit_code == 0, done.output
print(done.output.splitlines()[0])
print([m for m in sys.modules if m in ("torch", "nbgrader.api") or "rubrics" in m or m == "toy_lab"])
"""


def test_an_unchanged_class_costs_no_import_of_rubric_torch_or_nbgrader(toy, week, right, empty_gradebook):
    toy.work.mkdir(parents=True)
    shutil.copy(empty_gradebook, toy.gradebook)
    projection.project(toy, week, [grade_as(toy, week, "ada", right)])
    arguments = ["--course", str(toy.root), "--work", str(toy.work)]
    done = subprocess.run([sys.executable, "-c", LOOK, *arguments], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[1/1] ada: 7.5 of 7.5 points, as before", "[]"], done.stderr
