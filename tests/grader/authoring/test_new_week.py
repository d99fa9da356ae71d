"""`grader new-week`: a week in a copy of this tree passes everything, and nothing else in the tree had to change."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from support.toy import build_course
from typer.testing import CliRunner

from grader.authoring import audit
from grader.authoring.new_week import new_week
from grader.authoring.release import release, run_solution
from grader.authoring.tables import readme_table
from grader.cli.main import app
from grader.course.discovery import find_course
from grader.course.syllabus import Course, CourseError
from grader.grading.batch import grade_class
from grader.grading.options import Options

ROOT = Path(__file__).parents[3]
SLUG = "week12_colour"
OWN = (f"weeks/{SLUG}/", f"solutions/{SLUG}/", f"grader/rubrics/{SLUG}/", "tests/weeks/")
# The tests that are about every week, or every notebook.
PER_WEEK = [
    *("weeks/test_notebooks", "weeks/test_known_answers", "weeks/test_references"),
    *("repository/test_links", "repository/test_versions", "repository/test_colab"),
    *("grader/analysis/test_introspection", "grader/analysis/test_figures"),
]


def git(folder, *arguments):
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t.t", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Course:
    """A copy of this tree, as it is now, committed, and then a new week in it."""
    root = tmp_path_factory.mktemp("copy") / "tree"
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file() and not name.startswith("datasets/"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    (root / "datasets").symlink_to(ROOT / "datasets")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "The course")
    new_week(find_course(root), SLUG, "Colour")
    return find_course(root)


@pytest.fixture(scope="module")
def week(made):
    return made.week("12")


def test_nothing_else_in_the_tree_had_to_change(made):
    changed = [line[3:] for line in git(made.root, "status", "--porcelain", "-uall").splitlines()]
    assert "weeks/course.toml" in changed
    assert [path for path in changed if not path.startswith(OWN)] == ["weeks/course.toml"]
    assert all(any(path.startswith(own) for path in changed) for own in OWN)
    added, removed, _ = git(made.root, "diff", "--numstat", "weeks/course.toml").split()
    assert int(added) == 11 and removed == "0", "comments and other rows stand"


def test_it_is_released_and_in_the_syllabus(made, week):
    assert release(made, check=True) == []
    assert (week.title, week.helper, week.minutes, week.draft) == ("Colour", "colour_lab", 120, True)
    points = json.loads((made.root / "weeks" / SLUG / "colour_lab" / "points.json").read_text())
    assert points == {"mean_colour": 3, "reflection": 3}
    told = json.loads((made.root / "weeks" / SLUG / "colour_lab" / "week.json").read_text())
    assert told["minutes"] == {"mean_colour": 5, "reflection": 15} and told["by_hand"] == ["reflection"]
    last = nbformat.read(made.release(week), as_version=4).cells[-1]
    assert (last.id, last.source, last.metadata.tags) == (
        "summary",
        "from coursekit import summary\n\nsummary()",
        ["figure"],
    )


def test_it_is_in_the_tables_once_it_is_no_draft(made, tmp_path):
    (tmp_path / "weeks").mkdir()
    text = (made.root / "weeks" / "course.toml").read_text()
    (tmp_path / "weeks" / "course.toml").write_text(text.replace("draft = true", "draft = false"))
    assert f"[12 Colour](weeks/{SLUG}/README.md)" in readme_table(find_course(tmp_path))
    assert "Colour" not in readme_table(made)


def test_the_packages_of_the_course_are_found_with_it(made):
    code = "from setuptools import setup; from distutils.core import run_setup\n"
    code += "found = run_setup('setup.py', stop_after='init'); print(found.packages, found.package_data)"
    done = subprocess.run([sys.executable, "-c", code], cwd=made.root, capture_output=True, text=True)
    assert "'colour_lab', 'colour_lab.checks'" in done.stdout and "'colour_lab': ['*.json']" in done.stdout


def test_make_env_then_installs_the_course_again_and_no_more(tmp_path):
    for number, name in enumerate(
        ["requirements.lock", "pyproject.toml", "setup.py", "weeks/course.toml", ".venv/.ready", ".venv/.installed"]
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1e9 + number, 1e9 + number))

    def would_run():
        command = ["make", "-n", "-f", str(ROOT / "Makefile"), "env"]
        lines = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.splitlines()
        return [line.split("uv ")[1].split() for line in lines if "uv " in line]

    assert would_run() == []
    (tmp_path / "weeks" / "course.toml").touch()
    assert would_run() == [["pip", "install", "--quiet", "--no-deps", "-e", "."]]


def test_ruff_has_nothing_to_say(made):
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "."], cwd=made.root, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


def test_the_instructors_notebook_earns_everything(made, week):
    grade = run_solution(made, week, Options(workers=1)).grade
    assert (grade.points, grade.log) == (3, [])


def test_a_right_and_a_wrong_submission(made, week, tmp_path):
    course = find_course(made.root, tmp_path)
    sources = {answer.name: answer.source for answer in audit.load_answers(course, week)}
    for student, name in (("ada", "in PyTorch"), ("bob", "the median"), ("eve", "")):
        notebook = audit.solved(course, week) if name else nbformat.read(course.release(week), as_version=4)
        notebook = audit.substitute(notebook, {"mean_colour": sources[name]} if name else {})
        path = course.submission(week, student)
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    ada, bob, eve = grade_class(course, week, options=Options(workers=1))
    assert (ada.points, bob.points, eve.points) == (3, 1, 0)
    failing = [check for check in bob.questions[0].checks if not check.passed]
    assert [check.check for check in failing] == ["every_pixel_counts_the_same"] and failing[0].hidden


def test_the_audit_trusts_its_checks(made, week):
    plan = audit.plan(made, week)
    assert plan.shortages == []
    found = audit.run(made, week, plan, Options(workers=1))
    assert len(found) >= 1 + audit.LEAST_RIGHT + audit.LEAST_WRONG
    assert [(finding.answer, finding.why) for finding in found if not finding.ok] == []


def test_the_tests_that_are_about_every_week_pass(made):
    """Those of the copy, with its own grader; the new package is found as after `make env`."""
    paths = [made.root, made.root / "weeks" / SLUG]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
    files = [f"tests/{name}.py" for name in PER_WEEK if (made.root / f"tests/{name}.py").is_file()]
    assert len(files) == len(PER_WEEK)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-k",
        SLUG,
        *files,
        f"tests/weeks/test_{SLUG}.py",
    ]
    done = subprocess.run(command, cwd=made.root, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert int(done.stdout.rsplit(" passed", 1)[0].split()[-1]) > 20


# --- what is refused --------------------------------------------------------------------------------------------------


def tree(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


@pytest.fixture
def course(tmp_path):
    """The toy course, released."""
    built = build_course(tmp_path / "toy")
    release(built)
    return built


@pytest.mark.parametrize(
    ("slug", "more", "says"),
    [
        ("week01_again", {}, "there is a week 1 already: week01_toy"),
        ("week01_toy", {}, "there is a week 1 already"),
        ("week7_short", {}, "'week7_short' is no name for a week"),
        ("week07-dash", {}, "no name for a week"),
        ("week07_", {}, "no name for a week"),
        ("Week07_big", {}, "no name for a week"),
        ("week07_../up", {}, "no name for a week"),
        ("week07_" + 40 * "a", {}, "at most 40 letters"),
        ("week07_new", {"helper": "toy_lab"}, "the helper package of week01_toy is called toy_lab"),
        ("week07_new", {"helper": "json"}, "Python has a module json of its own"),
        ("week07_new", {"helper": "class"}, "cannot be called 'class'"),
        ("week07_new", {"helper": "New-Lab"}, "cannot be called 'New-Lab'"),
        ("week07_new", {"helper": "torch"}, "there is a module torch already"),
        ("week07_new", {"helper": "coursekit"}, "there is a module coursekit already"),
        ("week07_new", {"helper": "solutions"}, "there is a module solutions already"),
        ("week07_new", {"minutes": 100}, "a week takes 120 to 330, in steps of 30"),
        ("week07_new", {"title": "two\nlines"}, "is not a title"),
        ("week07_new", {"title": "a | b"}, "is not a title"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(course, slug, more, says):
    before = tree(course.root)
    with pytest.raises(CourseError) as caught:
        new_week(course, slug, **more)
    assert says in str(caught.value)
    assert tree(course.root) == before


def test_what_is_there_already_is_not_written_over(course):
    for place in ("weeks/week07_new", "solutions/week07_new", "grader/rubrics/week07_new"):
        (course.root / place).mkdir()
        with pytest.raises(CourseError, match=f"{place} is there already"):
            new_week(course, "week07_new")
        (course.root / place).rmdir()


def test_where_something_fails_nothing_is_left(course, monkeypatch):
    before, folders = tree(course.root), {path for path in course.root.rglob("*") if path.is_dir()}

    def fails(*arguments):
        release(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr("grader.authoring.new_week.release", fails)
    with pytest.raises(KeyboardInterrupt):
        new_week(course, "week07_new")
    assert tree(course.root) == before
    assert {path for path in course.root.rglob("*") if path.is_dir()} == folders


def test_odd_titles_and_the_command(course):
    arguments = ["new-week", "week07_new_one", "--title", 'He said "no" \\ é', "--minutes", "150"]
    done = CliRunner().invoke(app, [*arguments, "--course", str(course.root)])
    assert done.exit_code == 0, done.output
    row = tomllib.loads((course.root / "weeks" / "course.toml").read_text())["weeks"]["week07_new_one"]
    assert (row["title"], row["helper"], row["minutes"]) == ('He said "no" \\ é', "new_one_lab", 150)
    assert "wrote: weeks/week07_new_one/new_one_lab/__init__.py" in done.stdout.replace("\n", " ")
    text = (course.root / "weeks" / "week07_new_one" / "README.md").read_text()
    assert "about two and a half hours" in text
    again = CliRunner().invoke(app, [*arguments, "--course", str(course.root)])
    assert again.exit_code == 2 and "there is a week 7 already" in again.stderr
