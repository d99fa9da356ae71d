"""The commands that benchmarks/grading.py compares on one class: stock nbgrader, otter, and ours."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from measure import Run, must, run, together
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from grader.authoring import demo
from grader.authoring.audit import substitute
from grader.course.discovery import find_course
from grader.course.notebooks import released_notebook
from grader.course.questions import grade_id, is_check, questions_in
from grader.course.syllabus import Course, Week
from grader.grading.rubric import Rubric
from grader.records import store
from grader.records.grade import Grade

CELL_SECONDS = 60
DAMAGED = '{"cells": ['


BIN = Path(sys.executable).parent


OTTER_TEST = """import os

from coursekit.checks import checks_in, run_check
from coursekit.student import local_student
from otter.test_files import test_case
from {helper} import checks

OK_FORMAT = False
name = {question!r}
points = {points!r}
WANTED = {{one.name: one for one in checks_in(checks)}}


def verdict_of(check, env):
    verdict = run_check(WANTED[check], local_student(env), os.urandom(8).hex())
    assert verdict.passed, verdict.message
"""


OTTER_CASE = """

@test_case(name={check!r}, points={points!r})
def test_{number}(env):
    verdict_of({check!r}, env)
"""


@dataclass(frozen=True)
class Class:
    """Submissions of one week. slices: names; a name begins with its slice. kinds: what each is."""

    title: str
    course: Course
    week: Week
    slices: list[list[str]]
    kinds: dict[str, str]
    notebooks: dict[str, NotebookNode]  # by kind

    @property
    def names(self) -> list[str]:
        return [name for one in self.slices for name in one]


class Stock:
    """nbgrader as it comes."""

    label = "nbgrader autograde"

    def __init__(self, group: Class, folder: Path) -> None:
        self.group, self.folder = group, folder
        slug = group.week.slug
        source = folder / "source" / slug / f"{slug}.ipynb"
        source.parent.mkdir(parents=True)
        shutil.copy(group.course.solution(group.week), source)
        settings = f"c = get_config()\nc.CourseDirectory.course_id = 'stock'\nc.Execute.timeout = {CELL_SECONDS}\n"
        (folder / "nbgrader_config.py").write_text(settings, encoding="utf-8")
        must(run(["nbgrader", "generate_assignment", slug], folder, environment(group)), "nbgrader generate_assignment")
        _hand_in(group, folder)

    def grade(self, names: Sequence[str]) -> Run:
        whole = names[0].partition("-")[0]  # nbgrader takes a pattern, not a list
        command = ["nbgrader", "autograde", self.group.week.slug, "--force", f"--student={whole}-*"]
        return run(command, self.folder, environment(self.group))

    def start(self) -> Run:
        return self.grade(["damaged-file"])

    def points(self) -> dict[str, float]:
        from nbgrader.api import Gradebook, MissingEntry

        found, slug = {}, self.group.week.slug
        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as gradebook:
            for name in self.group.names:
                if not (self.folder / "autograded" / name / slug / f"{slug}.ipynb").is_file():
                    continue
                try:
                    notebook = gradebook.find_submission_notebook(slug, slug, name)
                except MissingEntry:
                    continue
                found[name] = sum(grade.auto_score or 0 for grade in notebook.grades)
        return found


class Otter:
    """otter-grader 7 in an environment of its own, which sees the heavy libraries of this one."""

    label = "otter run"

    def __init__(self, group: Class, folder: Path, python: Path) -> None:
        self.group, self.folder = group, folder
        self.program = python.parent / "otter"
        (folder / "results").mkdir(parents=True)
        tests = folder / "tests"
        tests.mkdir()
        for name, text in otter_tests(group).items():
            (tests / name).write_text(text, encoding="utf-8")
        command = [self.program, "generate", "-t", tests, "-o", folder / "autograder.zip", "--no-environment"]
        must(run(command, folder, self._environment()), "otter generate")
        for name, kind in group.kinds.items():
            path = folder / "submitted" / name / f"{group.week.slug}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_text(nbformat.writes(for_otter(group.notebooks[kind])), encoding="utf-8")

    def _environment(self) -> dict[str, str]:
        env = environment(self.group)
        return {**env, "PATH": os.pathsep.join([str(self.program.parent), env["PATH"]])}

    def grade(self, names: Sequence[str]) -> Run:
        runs = []
        for name in names:
            out = self.folder / "results" / name
            out.mkdir(exist_ok=True)
            path = self.folder / "submitted" / name / f"{self.group.week.slug}.ipynb"
            command = [self.program, "run", path, "-a", self.folder / "autograder.zip", "-o", out, "--no-logo"]
            runs.append(run(command, self.folder, self._environment()))
        return together(runs)

    def start(self) -> None:
        return None

    def points(self) -> dict[str, float]:
        found = {}
        for name in self.group.names:
            path = self.folder / "results" / name / "results.json"
            if path.is_file():
                tests = json.loads(path.read_text(encoding="utf-8"))["tests"]
                if not any(test["name"] == "Autograder Failed" for test in tests):
                    found[name] = sum(test.get("score", 0) for test in tests)
        return found


class Ours:
    """`grader grade`, from nothing each time."""

    def __init__(self, group: Class, folder: Path, workers: int, sandboxed: bool = True) -> None:
        self.group, self.folder, self.workers = group, folder, workers
        self.loose = [] if sandboxed else ["--unsandboxed"]
        self.label = " ".join([f"grader grade --workers {workers}", *self.loose])
        self.course = find_course(group.course.root, folder)
        _hand_in(group, folder)

    def grade(self, names: Sequence[str]) -> Run:
        command = [
            "grader",
            "grade",
            self.group.week.slug,
            *names,
            "--again",
            "--workers",
            str(self.workers),
            *self.loose,
        ]
        command += ["--cell-seconds", str(CELL_SECONDS), "--course", self.course.root, "--work", self.folder]
        return must(run(command, self.folder, {"PATH": _path()}), self.label)

    def start(self) -> Run:
        return self.grade(["damaged-file"])

    def records(self) -> list[Grade]:
        return [store.read(self.course.record(self.group.week, name)) for name in self.group.names]

    def points(self) -> dict[str, float]:
        return {grade.student: grade.points for grade in self.records() if grade.outcome == "graded"}


def environment(group: Class) -> dict[str, str]:
    """For the others: the same helper packages as in our kernels, and no network either."""
    weeks = group.course.root / "weeks"
    ours = find_course(Path(__file__).parent).root
    paths = [weeks, weeks / group.week.slug, ours / "weeks", ours / "datasets"]
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return {"PATH": _path(), "PYTHONPATH": os.pathsep.join(map(str, paths)), **offline}


def _path() -> str:
    return os.pathsep.join([str(BIN), os.environ.get("PATH", "")])  # nbgrader calls alembic by name


def _hand_in(group: Class, folder: Path) -> None:
    slug = group.week.slug
    files = {name: demo.to_text(group.notebooks[kind]) for name, kind in group.kinds.items()}
    for name, text in {**files, "damaged-file": DAMAGED}.items():
        path = folder / "submitted" / name / slug / f"{slug}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")


def for_otter(notebook: NotebookNode) -> NotebookNode:
    """The same notebook as an otter assignment hands it out: `grader.check("...")` where ours calls `check("...")`."""
    copy = substitute(notebook, {})
    copy.cells.insert(0, new_code_cell("import otter\n\ngrader = otter.Notebook()", id="otter"))
    for cell in filter(is_check, copy.cells):
        cell.source = f'grader.check("{grade_id(cell).removeprefix("check_")}")'
    return copy


def otter_tests(group: Class) -> dict[str, str]:
    """{file name: exception-based test file}: for every question its visible checks, with their share of the points."""
    rubric, files = Rubric.load(group.course, group.week), {}
    for question in questions_in(released_notebook(group.course, group.week)):
        if question.manual:
            continue
        visible = [one for one, hidden in rubric.checks[question.name] if not hidden]
        total = sum(one.weight for one in visible)
        text = OTTER_TEST.format(helper=group.week.helper, question=question.name, points=float(question.points))
        # rounded down: otter refuses cases that together have more points than the question
        shares = [int(1e6 * question.points * one.weight / total) / 1e6 for one in visible]
        for number, (one, share) in enumerate(zip(visible, shares, strict=True), 1):
            text += OTTER_CASE.format(check=one.name, points=share, number=number)
        files[f"{question.name}.py"] = text
    return files


def otter_environment(folder: Path) -> Path:
    """The Python of a new virtual environment with otter-grader 7. Raises RuntimeError, which says why not."""
    place = folder / "otter-environment"
    python = place / "bin" / "python"
    packages = ["otter-grader>=7,<8", "ipykernel"]
    try:
        if shutil.which("uv"):
            steps = [["uv", "venv", "--python", sys.executable, place]]
            steps += [["uv", "pip", "install", "--python", python, *packages]]
        else:
            steps = [[sys.executable, "-m", "venv", place], [python, "-m", "pip", "install", *packages]]
        for step in steps:
            done = run(step, folder)
            if done.code:
                raise RuntimeError(done.output.strip().splitlines()[-1][:300] if done.output.strip() else "no reason")
    except OSError as error:
        raise RuntimeError(str(error)) from error
    own = next((place / "lib").glob("python*")) / "site-packages"
    # after its own packages on the path, so that otter runs with what it asked for
    shared = [path for path in map(Path, sys.path) if path.name == "site-packages" and path.is_dir()]
    (own / "shared.pth").write_text("".join(f"{path}\n" for path in shared), encoding="utf-8")
    return python
