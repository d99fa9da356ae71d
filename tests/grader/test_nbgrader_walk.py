"""What an instructor does in a week with nbgrader, from the release to the exported scores, formgrader in a browser.

The steps build on each other, so they are taken once, in order, in `walk`; each test looks at one of them.
"""

import csv
import html
import io
import json
import os
import re
import shutil
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import nbformat
import pytest
from support import browser, formgrader
from support.toy import RIGHT, TOY_RUBRIC
from typer.testing import CliRunner

from grader.authoring.release import generate, validate
from grader.cli.main import app
from grader.course.discovery import find_course
from grader.course.questions import questions_in
from grader.course.syllabus import Course

WEEK = "week01_toy"
DUE = "2026-11-01 18:00:00 UTC"
SETTINGS = """
c.CourseDirectory.course_id = "toy"
c.Exchange.root = "exchange"
c.AssignLatePenalties.plugin_class = "late.SubMarks"
"""
LATE = '''
"""The plugin of nbgrader's own documentation."""
from nbgrader.plugins import BasePlugin


class SubMarks(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        """Penalty of 1 mark per hour late."""
        return round(total_seconds_late / 3600, 0)
'''
# what is wrong with the rubric is found out when everyone's mean fails
FAULTY = TOY_RUBRIC["mean"].replace("student.mean(values), values.mean()", "student.mean(values), np.median(values)")
HANDED_IN = {
    "ada": ("2026-11-01 17:00:00 UTC", {**RIGHT, "why": "Because two is the least of the primes."}),
    "ben": ("2026-11-01 20:00:00 UTC", {**RIGHT, "double": "def double(n):\n    return 2", "why": "It is even."}),
    "cem": ("2026-11-01 12:00:00 UTC", {"double": RIGHT["double"]}),
}


@dataclass
class Walk:
    """What each step left. pages: text of pages in the browser."""

    course: Course
    collected: list[str] = field(default_factory=list)
    autograded: dict = field(default_factory=dict)
    pages: dict = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    diff: str = ""


@contextmanager
def inside(folder):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def nbgrader(course, *arguments):
    """One of nbgrader's commands, as typed in the course's folder; here, because each costs seconds to import."""
    from jupyter_core.application import NoStart
    from nbgrader.apps import NbGraderApp

    with inside(course.root):
        command = NbGraderApp.instance()
        try:
            command.initialize(list(arguments))
            with suppress(NoStart):  # it says that a subcommand has done all there was to do
                command.start()
        except SystemExit as ended:
            assert not ended.code, f"nbgrader {' '.join(arguments)} exited with {ended.code}"
        finally:
            command.reset()
            NbGraderApp.clear_instance()


def grader(course, *arguments):
    done = CliRunner().invoke(app, [*arguments, "--course", str(course.root), "--work", str(course.work)])
    assert done.exit_code == 0, done.output
    return done.output


def hand_in(course, student, when, answers):
    """As `nbgrader submit` leaves it in the exchange."""
    notebook = nbformat.read(course.root / "exchange" / "toy" / "outbound" / WEEK / f"{WEEK}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    folder = course.root / "exchange" / "toy" / "inbound" / f"{student}+{WEEK}+{when}+0123456789abcdef"
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{WEEK}.ipynb")
    (folder / "timestamp.txt").write_text(when)


def book(course):
    """{student: ({cell: (automatic, manual, extra)}, penalty)} as nbgrader's gradebook has it."""
    found = {}
    with closing(sqlite3.connect(course.gradebook)) as opened:
        for student, penalty, cell, *scores in opened.execute(
            "SELECT s.student_id, n.late_submission_penalty, c.name, g.auto_score, g.manual_score, g.extra_credit "
            "FROM grade g JOIN base_cell c ON c.id = g.cell_id JOIN submitted_notebook n ON n.id = g.notebook_id "
            "JOIN submitted_assignment s ON s.id = n.assignment_id"
        ):
            found.setdefault(student, ({}, penalty))[0][cell] = tuple(scores)
    return found


def out_and_back(walk):
    """Released, handed in through nbgrader's exchange, collected, and graded by a rubric with a fault."""
    course = walk.course
    nbgrader(course, "db", "assignment", "add", WEEK, f"--duedate={DUE}")
    nbgrader(course, "generate_assignment", WEEK)
    nbgrader(course, "release_assignment", WEEK)
    for student, (when, answers) in HANDED_IN.items():
        hand_in(course, student, when, answers)
    nbgrader(course, "collect", WEEK)
    walk.collected = course.students(course.week("1"))
    nbgrader(course, "autograde", WEEK)
    walk.autograded = book(course)
    grade(course)


def grade(course, *options):
    return grader(course, "grade", "1", "--kernel", "python3", "--workers", "1", *options)


def in_the_browser(walk, settings):
    """A look at what was graded, reflections graded by hand, and a question edited. settings: JupyterLab's own."""
    course, pages = walk.course, walk.pages
    ids = formgrader.submissions(course.gradebook, WEEK)
    (course.root / "edited").mkdir()
    shutil.copy(course.solution(course.week("1")), course.root / "edited" / "edited.ipynb")
    with (
        browser.jupyter(course.root, settings) as at,
        browser.browser(viewport={"width": 1200, "height": 900}) as window,
    ):
        page = window.new_page()
        page.goto(at(f"formgrader/gradebook/{WEEK}/{WEEK}"))
        page.wait_for_function("document.querySelectorAll('#main-table tr').length === 3")
        pages["list"] = page.inner_text("#main-table")
        pages["waiting"] = page.locator("#main-table .needs-manual-grade .glyphicon-ok").count()
        formgrader.open_submission(page, at, ids["ada"])
        pages["automatic"] = page.eval_on_selector_all(".score", "all => all.map(one => [one.id, one.placeholder])")
        pages["notebook"] = page.inner_text("#notebook")
        pages["pictures"] = page.eval_on_selector_all("#notebook img", "all => all.map(one => one.naturalWidth)")
        formgrader.give(page, "why", 1.25, extra=0.5, comment="Well argued, Ada.")
        formgrader.open_submission(page, at, ids["ben"])
        formgrader.give(page, "why", 1)
        formgrader.open_submission(page, at, ids["ada"])
        typed = "all => all.map(one => [one.id, one.value])"
        pages["typed"] = page.eval_on_selector_all("input, textarea", typed)
        page.goto(at(f"formgrader/manage_submissions/{WEEK}"))
        page.wait_for_function("document.querySelectorAll('#main-table tr').length === 3")
        pages["scores"] = page.inner_text("#main-table")
        walk.errors = list(window.errors)

        formgrader.open_toolbar(page, at, "edited/edited.ipynb")
        formgrader.set_points(page, "check_double", 5)
        formgrader.save(page)


def afterwards(walk):
    """The rubric put right, everyone graded again, feedback and scores."""
    course = walk.course
    (course.root / "grader" / "rubrics" / WEEK / "checks" / "mean.py").write_text(TOY_RUBRIC["mean"])
    walk.diff = grade(course, "--diff")
    nbgrader(course, "generate_feedback", WEEK)
    nbgrader(course, "export")
    grader(course, "export", "csv", "1", "--extra-credit", "0.5")


@pytest.fixture(scope="module")
def walk(toy_tree, empty_gradebook, tmp_path_factory):
    if why := browser.missing():
        pytest.skip(why)
    root = tmp_path_factory.mktemp("walk") / "course"
    shutil.copytree(toy_tree.root, root)
    shutil.copy(empty_gradebook, root)
    (root / "grader" / "rubrics" / WEEK / "checks" / "mean.py").write_text(FAULTY)
    syllabus = root / "weeks" / "course.toml"  # with patience for a busy machine, where nothing of it is waited for
    syllabus.write_text(re.sub(r"^(cell|notebook|check) = \d+", r"\1 = 600", syllabus.read_text(), flags=re.MULTILINE))
    ours = (Path(__file__).parents[2] / "nbgrader_config.py").read_text(encoding="utf-8")
    (root / "nbgrader_config.py").write_text(ours + SETTINGS)
    (root / "late.py").write_text(LATE)
    (root / "exchange").mkdir()
    (root / "exchange").chmod(0o777)  # whatever the umask
    taken = Walk(find_course(root, root))
    out_and_back(taken)
    in_the_browser(taken, tmp_path_factory.mktemp("jupyter"))
    afterwards(taken)
    return taken


def test_collected_by_nbgrader_with_the_time(walk):
    assert walk.collected == ["ada", "ben", "cem"]
    stamp = walk.course.root / "submitted" / "ben" / WEEK / "timestamp.txt"
    assert stamp.read_text() == HANDED_IN["ben"][0]


def test_autograde_fills_the_gradebook_through_our_judge(walk):
    ada, ben, cem = (walk.autograded[name] for name in ("ada", "ben", "cem"))
    assert ada[0] == {
        "check_double": (4, None, None),
        "check_table": (2, None, None),
        "check_mean": (0.5, None, None),
        "why": (None, None, None),
    }
    assert ben[0]["check_double"][0] == 1 and cem[0]["why"][0] == 0


def test_nbgraders_late_plugin_acts_on_our_scores(walk):
    before = {student: penalty for student, (_, penalty) in walk.autograded.items()}
    assert before == {"ada": None, "ben": 2, "cem": None}, "two hours late"
    after = {student: penalty for student, (_, penalty) in book(walk.course).items()}
    assert after == before, "`grader grade` takes off the same, by the same plugin"


def test_formgrader_lists_what_is_to_be_graded(walk):
    assert walk.pages["list"].count("Submission #") == 3
    assert walk.pages["waiting"] == 2, "of the third the text is as released"
    assert "ada" in walk.pages["scores"] and "ben" in walk.pages["scores"]


def test_formgrader_shows_automatic_scores_with_verdicts_and_evidence(walk):
    assert dict(walk.pages["automatic"]) == {
        "check_double": "4",
        "check_table": "2",
        "check_mean": "0.5",
        "why": "",
    }
    text = " ".join(walk.pages["notebook"].split())
    assert "mean 1 of 2" in text and "no mean_of_drawn: " in text and "Was it the median?" in text
    assert "the table" in text and walk.pages["pictures"] and min(walk.pages["pictures"]) > 0


def test_what_was_typed_is_there_when_the_page_is_opened_again(walk):
    typed = dict(walk.pages["typed"])
    assert (typed["why"], typed["why_extra_credit"], typed["why-comment"]) == ("1.25", "0.5", "Well argued, Ada.")
    assert typed["check_double"] == "", "automatic scores are not overwritten by looking"


def test_nothing_breaks_in_the_browser_but_what_needs_the_network(walk):
    assert not [error for error in walk.errors if "MathJax" not in error]


def test_the_regrade_says_whose_score_moved_and_why(walk):
    assert "ada: 6.5 -> 7.5 points" in walk.diff and "ben: 2.5 -> 3.5 points" in walk.diff
    assert "mean: 0.5 of 1.5 -> 1.5 of 1.5; mean_of_drawn passes now" in walk.diff
    assert "because of: other checks of mean" in walk.diff
    assert not re.search(r"^cem: .* -> ", walk.diff, re.MULTILINE), "nothing of hers changed"


def test_what_a_person_gave_survives_the_regrade(walk):
    ada, ben = (book(walk.course)[name][0] for name in ("ada", "ben"))
    assert ada["check_mean"] == (1.5, None, None) and ada["why"] == (None, 1.25, 0.5)
    assert ben["why"] == (None, 1, None)


def words(path):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", path.read_text(encoding="utf-8"))).split())


def test_our_feedback_has_what_the_person_gave(walk):
    week = walk.course.week("1")
    ada = words(walk.course.feedback(week, "ada"))
    assert "9.25 of 9 points" in ada and "0.5 of the points are extra credit." in ada
    assert "1.75 of 1.5" in ada and "graded by a person" in ada and "Well argued, Ada." in ada
    assert "given by a person who reads" not in ada
    ben = words(walk.course.feedback(week, "ben"))
    assert "2.5 of 9 points" in ben and "2 points are taken off because this was handed in late." in ben
    assert "1.5 more points are given by a person" in words(walk.course.feedback(week, "cem")), "not answered"


def test_nbgraders_feedback_has_it_too(walk):
    ada = words(walk.course.root / "feedback" / "ada" / WEEK / f"{WEEK}.html")
    assert "Well argued, Ada." in ada and "mean_of_drawn" not in ada.partition("Mean")[0]
    assert "Score: 9.25 / 9.0" in ada


def test_both_exports_have_the_final_scores(walk):
    course = walk.course
    rows = {row["student_id"]: row for row in csv.DictReader((course.root / "grades.csv").open())}
    assert {student: float(row["score"]) for student, row in rows.items()} == {"ada": 9.25, "ben": 2.5, "cem": 4}
    (path,) = (course.work / "exports" / WEEK).glob("*.csv")
    ours = {row["student"]: row for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))}
    assert {student: float(row["points"]) for student, row in ours.items()} == {"ada": 9.25, "ben": 2.5, "cem": 4}
    assert ours["ada"]["extra_credit"] == "0.5" and ours["ben"]["late_penalty"] == "2"
    assert json.loads((course.record(course.week("1"), "ada")).read_text())["points"] == 7.5


def test_nbgraders_toolbar_edits_a_question_and_leaves_the_rest_as_it_was(walk):
    week = walk.course.week("1")
    before = nbformat.read(walk.course.solution(week), as_version=4)
    after = nbformat.read(walk.course.root / "edited" / "edited.ipynb", as_version=4)
    nbformat.validate(after)
    moved = [
        (old.metadata.nbgrader, new.metadata.nbgrader)
        for old, new in zip(before.cells, after.cells, strict=True)
        if old.metadata != new.metadata
    ]
    assert moved == [(moved[0][0], {**moved[0][0], "points": 5})] and moved[0][0].grade_id == "check_double"
    assert [(cell.id, cell.cell_type, cell.source) for cell in after.cells] == [
        (cell.id, cell.cell_type, cell.source) for cell in before.cells
    ]
    assert after.metadata.kernelspec.name == before.metadata.kernelspec.name
    validate(after, replace(week, points=10))
    released = {q.name: q.points for q in questions_in(generate(after, week))}
    assert released == {"double": 5, "table": 2, "mean": 1.5, "why": 1.5}
