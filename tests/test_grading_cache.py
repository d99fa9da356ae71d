"""What has not changed is not graded again; what has, is."""

import os

from conftest import RIGHT

from grader import records
from grader.classes import grade_class
from grader.course import Budget
from grader.grading import Options

OPTIONS = Options(workers=1)


def graded(toy, week, students=None, options=OPTIONS, **more) -> dict[str, str]:
    """{student: when the grade was made} of one run."""
    return {g.student: g.graded_at for g in grade_class(toy, week, students, options, **more)}


def age(toy, week, student) -> None:
    """Make the record look old, so that a new one is told apart from it."""
    path = toy.record(week, student)
    grade = records.read(path)
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
    rubric = toy.root / "grader" / "rubrics" / f"{week.slug}.py"
    rubric.write_text(rubric.read_text() + "\nANOTHER_THOUGHT = 1\n")
    os.utime(rubric, ns=(1, 1))
    assert old(graded(toy, week, ["ada"])) == set()

    age(toy, week, "ada")
    helper = toy.root / "weeks" / week.slug / week.helper / "extra.py"
    helper.write_text("x = 1\n")
    assert old(graded(toy, week, ["ada"])) == set()


def test_a_damaged_record_or_a_lost_notebook_is_made_again(toy, week, hand_in, right):
    hand_in("ada", right)
    graded(toy, week)
    toy.record(week, "ada").write_text("{")
    graded(toy, week)
    assert records.read(toy.record(week, "ada")).points > 0
    age(toy, week, "ada")
    toy.autograded(week, "ada").unlink()
    assert old(graded(toy, week)) == set()
    assert toy.autograded(week, "ada").is_file()


def test_what_was_not_judged_to_its_end_is_tried_again(toy, week, hand_in, fill):
    hand_in("ada", fill(**{**RIGHT, "mean": "import os\ndef mean(values):\n    os._exit(1)"}))
    graded(toy, week)
    assert any(q.status == "not judged" for q in records.read(toy.record(week, "ada")).questions)
    age(toy, week, "ada")
    assert old(graded(toy, week)) == set()
