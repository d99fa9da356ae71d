"""A class is graded by workers that may die, into records and a gradebook that keeps what people entered."""

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from nbgrader.api import Gradebook
from support.toy import RIGHT, build_course

from grader.course.discovery import find_course
from grader.course.syllabus import CourseError
from grader.execution import workers
from grader.grading import jobs
from grader.grading.batch import grade_class
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook
from grader.grading.pool import grade_many
from grader.records import database, projection, store


@pytest.fixture
def book(toy, empty_gradebook):
    toy.work.mkdir(parents=True)
    shutil.copy(empty_gradebook, toy.gradebook)

    def opened():
        return Gradebook(database.url(toy))

    return opened


def scores(book, week) -> dict[str, dict[str, tuple]]:
    with book() as opened:
        return {
            submission.student_id: {
                grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade)
                for grade in submission.notebooks[0].grades
            }
            for submission in opened.assignment_submissions(week.slug)
        }


def test_a_class_with_bad_files(toy, week, book, hand_in, right, fill):
    hand_in("ada", right)
    hand_in("bob", fill(double="def double(n):\n    return 2"))
    hand_in("corrupt", b'{"cells": [')
    hand_in("empty", b"")
    hand_in("other", (toy.release(toy.week("2"))).read_bytes())
    (toy.work / "submitted" / "nofile" / week.slug).mkdir(parents=True)
    with book() as opened:
        opened.update_or_create_student("enrolled")
    started, done = [], {}
    grades = grade_class(
        toy, week, None, Options(workers=2), on_start=started.append, on_done=lambda name, r: done.update({name: r})
    )
    everyone = ["ada", "bob", "corrupt", "empty", "enrolled", "nofile", "other"]
    assert [grade.student for grade in grades] == everyone == sorted(done)
    assert sorted(started) == ["ada", "bob", "corrupt", "empty", "other"]
    found = {grade.student: (grade.outcome, grade.points) for grade in grades}
    assert found.pop("ada") == ("graded", 7.5) and found.pop("bob") == ("graded", 1)
    assert set(found.values()) == {("not gradable", 0)}
    reasons = {grade.student: grade.reason for grade in grades}
    assert "cut off" in reasons["corrupt"] and "empty" in reasons["empty"] and "week 2" in reasons["other"]
    assert "Nothing was handed in" in reasons["enrolled"] and "Nothing was handed in" in reasons["nofile"]
    for grade in grades:
        assert store.read(toy.record(week, grade.student)) == grade
        handed_in = grade.student not in ("enrolled", "nofile")
        assert toy.autograded(week, grade.student).exists() == handed_in, "nbgrader would skip what comes later"
    table = scores(book, week)
    assert table["ada"] == {
        "check_double": (4, None, False),
        "check_table": (2, None, False),
        "check_mean": (1.5, None, False),
        "why": (None, None, True),
    }
    assert table["bob"]["check_double"] == (1, None, False) and table["bob"]["why"] == (0, None, False)
    assert {score[0] for student in ("corrupt", "empty", "other") for score in table[student].values()} == {0}
    assert "enrolled" not in table and "nofile" not in table


def test_what_a_person_entered_survives_a_regrade(toy, week, book, hand_in, right, fill):
    hand_in("ada", right)
    grade_class(toy, week)
    with book() as opened:
        submission = opened.find_submission_notebook(week.slug, week.slug, "ada")
        by_name = {grade.name: grade for grade in submission.grades}
        by_name["why"].manual_score, by_name["why"].needs_manual_grade = 1.25, False
        by_name["check_table"].extra_credit = 0.5
        next(c for c in submission.comments if c.name == "why").manual_comment = "Well said."
        opened.db.commit()
    hand_in("ada", fill(**{**RIGHT, "double": "def double(n):\n    return 2"}))
    grade_class(toy, week, ["ada"])
    with book() as opened:
        submission = opened.find_submission_notebook(week.slug, week.slug, "ada")
        by_name = {grade.name: grade for grade in submission.grades}
        assert (by_name["why"].manual_score, by_name["check_table"].extra_credit) == (1.25, 0.5)
        assert next(c for c in submission.comments if c.name == "why").comment == "Well said."
        assert by_name["check_double"].auto_score == 1, "and table, made with double, has one check of two"
        assert submission.score == 1 + 1 + 1.5 + 1.25 + 0.5


def test_a_lost_gradebook_is_made_again_from_the_records(toy, week, book, hand_in, right, empty_gradebook):
    hand_in("ada", right)
    grades = grade_class(toy, week)
    before = scores(book, week)
    shutil.copy(empty_gradebook, toy.gradebook)
    projection.project(toy, week, grades)
    assert scores(book, week) == before


def test_a_record_of_other_questions_is_refused(toy, week, book, hand_in, right, tmp_path):
    hand_in("ada", right)
    grades = grade_class(toy, week)
    changed = copy.deepcopy(nbformat.read(toy.release(week), as_version=4))
    changed.cells = [cell for cell in changed.cells if cell.id not in ("id-mean", "id-check-mean")]
    tree = tmp_path / "tree"
    shutil.copytree(toy.root / "weeks", tree / "weeks")
    nbformat.write(changed, tree / "weeks" / week.slug / f"{week.slug}.ipynb")
    other = find_course(tree, toy.work)
    before = scores(book, week)
    with pytest.raises(CourseError, match="ada's record has other questions than week01_toy has now: grade again"):
        projection.project(other, week, grades)
    assert scores(book, week) == before


def test_the_timestamp_of_a_collector_is_kept(toy, week, book, hand_in, right):
    path = hand_in("ada", right)
    (path.parent / "timestamp.txt").write_text("2026-11-02 10:00:00.000000 UTC")
    grade_class(toy, week)
    with book() as opened:
        assert opened.find_submission(week.slug, "ada").timestamp.isoformat() == "2026-11-02T10:00:00"


def test_workers_agree_with_this_process(toy, week, right, fill):
    wrong = fill(mean="def mean(v):\n    return 0.0")
    here = [grade_notebook(toy, week, notebook, "x").grade for notebook in (right, wrong)]
    there = [result.grade for result in grade_many(toy, week, [("x", right), ("x", wrong)], Options(workers=2))]
    assert [g.points for g in here] == [g.points for g in there] == [7.5, 0]
    assert [[c.message for q in g.questions for c in q.checks] for g in here] == [
        [c.message for q in g.questions for c in q.checks] for g in there
    ]


def test_a_fault_of_ours_costs_only_its_submission(toy, week, right, monkeypatch):
    monkeypatch.setattr(workers.Worker, "do", _failing(workers.Worker.do))
    results = grade_many(toy, week, [("bad", right), ("good", right)], Options(workers=1))
    assert [result.grade.points for result in results] == [0, 7.5]
    assert "ZeroDivisionError" in results[0].grade.reason


def _failing(do):
    def wrapped(self, job, seconds):
        return {"error": "ZeroDivisionError: division by zero"} if job["student"] == "bad" else do(self, job, seconds)

    return wrapped


def test_faults_of_the_course_are_raised_before_anything_runs(toy, week, right, tmp_path):
    with pytest.raises(CourseError, match="no Jupyter kernel is called 'nonsense'"):
        grade_many(toy, week, [("ada", right)], Options(kernel="nonsense"))
    bare = build_course(tmp_path / "bare")
    with pytest.raises(CourseError, match="run `grader release week01_toy` first"):
        grade_many(bare, week, [("ada", right)])
    shutil.copytree(toy.root / "weeks", bare.root / "weeks", dirs_exist_ok=True)
    shutil.rmtree(bare.root / "grader" / "rubrics" / "week01_toy")
    with pytest.raises(CourseError, match="week01_toy has no rubric"):
        grade_many(bare, week, [("ada", right)])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopping_leaves_no_process_and_keeps_what_was_done(toy, week, book, hand_in, right, fill, how):
    hand_in("a", right)
    hand_in("b", fill(double="import time\ntime.sleep(600)"))
    script = (
        "import sys; from pathlib import Path; from grader.course.discovery import find_course\n"
        "from grader.course.syllabus import Budget; from grader.grading.batch import grade_class\n"
        "from grader.grading.options import Options\n"
        f"course = find_course(Path({str(toy.root)!r}), Path({str(toy.work)!r}))\n"
        "options = Options(workers=1, budget=Budget(500, 500, 5))\n"
        "grade_class(course, course.week('1'), None, options, on_done=lambda n, r: print(n, flush=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "a\n"
    deadline = time.monotonic() + 60
    while not any("ipykernel" in " ".join(p.cmdline()) for p in psutil.Process(process.pid).children(recursive=True)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(1)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode != 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert store.read(toy.record(week, "a")).points == 7.5 and not toy.record(week, "b").exists()
    if how == signal.SIGINT:
        assert scores(book, week)["a"]["check_double"] == (4, None, False)


def test_what_crosses_between_processes_is_json(toy, week, right, tmp_path):
    job = {"root": str(toy.root), "work": str(toy.work), "week": week.slug, "student": "ada", "path": None}
    job |= {"notebook": right, "scratch": str(tmp_path), "as_is": False, "kept": []}
    job["options"] = {"workers": 1, "parameters": {}, "kernel": "python3", "budget": None, "seed": "", "share": None}
    answer = json.loads(json.dumps(jobs.answer(json.loads(json.dumps(job)))))
    assert json.loads(answer["grade"])["points"] == 7.5 and answer["notebook"]["cells"]
    first = json.loads(answer["grade"])["questions"]
    answer = json.loads(json.dumps(jobs.answer(json.loads(json.dumps({**job, "kept": first})))))
    assert json.loads(answer["grade"])["questions"] == first, "kept, times and all: none was judged again"


def test_names_and_bytes_that_are_not_utf8_cost_nobody_a_point(toy, week, right, call):
    """A file's bytes, a file's name, an id with half a character: graded. A student's folder: said."""
    text = nbformat.writes(right)
    half = nbformat.from_dict(right)
    half.cells[4].id = half.cells[4].metadata.nbgrader.grade_id = "double\ud800"
    files = {
        "bytes": ("week01_toy.ipynb", text.replace("Because.", "Parce que \xe9.").encode("latin-1")),
        "name": (os.fsdecode(b"week01_toy \xe9.ipynb"), text.encode()),
        "half": ("week01_toy.ipynb", json.dumps(half).encode()),
        os.fsdecode(b"zo\xeb"): ("week01_toy.ipynb", text.encode()),
    }
    for student, (name, raw) in files.items():
        folder = toy.submission(week, student).parent
        folder.mkdir(parents=True)
        (folder / name).write_bytes(raw)
    done = call("grade", "1", "--workers", "1", "--kernel", "python3")
    assert done.exit_code == 1 and "the name of a folder in submitted/, zo?: it is not UTF-8. Rename it" in done.stderr
    grades = {name: store.read(toy.record(week, name)) for name in ("bytes", "half", "name")}
    assert {name: grade.points for name, grade in grades.items()} == dict.fromkeys(grades, 7.5)
    assert grades["name"].repairs == ["the file is called week01_toy ?.ipynb; taken as week01_toy.ipynb"]
