"""A tiny course of two weeks, without torch, on which the grader's tests run in seconds."""

from __future__ import annotations

# isort: off
import grader  # noqa: F401  before nbformat, whose import it makes two seconds shorter

# isort: on
import copy
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from click.testing import Result
from nbformat import NotebookNode
from support import gpus, turns
from support.toy import RIGHT, build_course
from typer.testing import CliRunner

from grader.course.discovery import find_course
from grader.course.syllabus import Course, Week
from grader.grading.options import cores

# Parallel workers share the cores: torch, which counts them for itself, would start a thread on each in every worker,
# and threads that wait by spinning take the cores from those they wait for.
if count := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // count)))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell that starts tests in the background has them ignore Ctrl-C, and so all they start, which some tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--take-turns", action="store_true", help="leave out slow tests whose day it is not")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("take_turns"):
        items[:], left = turns.split(items, turns.today())
        config.hook.pytest_deselected(items=left)


@pytest.fixture(autouse=True)
def as_many_threads_as_before() -> Iterator[None]:
    """Recipes set torch's number of threads for the process that they have to themselves, which here others share."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    yield
    if before:
        torch.set_num_threads(before)


@pytest.fixture(scope="session")
def toy_tree(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """The toy course, released. Tests grade in `work` folders of their own and leave the tree as it is."""
    from grader.authoring.release import release

    course = build_course(tmp_path_factory.mktemp("toy"))
    release(course)
    return course


@pytest.fixture
def toy(toy_tree: Course, tmp_path: Path) -> Course:
    """The released toy course with an empty folder for its class."""
    return find_course(toy_tree.root, tmp_path / "class")


@pytest.fixture(scope="session", autouse=True)
def alembic_is_asked_once() -> None:
    """For each gradebook it makes, nbgrader asks a process of its own, for a second or two, what version to note."""
    import nbgrader.api

    nbgrader.api.get_alembic_version = functools.cache(nbgrader.api.get_alembic_version)


@pytest.fixture(scope="session")
def empty_gradebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradebook without entries: nbgrader takes seconds to make one, so tests copy it."""
    from nbgrader.api import Gradebook

    from grader.records import database

    course = find_course(build_course(tmp_path_factory.mktemp("empty")).root)
    with Gradebook(database.url(course)):
        return course.gradebook


@pytest.fixture
def week(toy: Course) -> Week:
    return toy.week("1")


@pytest.fixture
def fill(toy: Course, week: Week) -> Callable[..., NotebookNode]:
    """fill(double="...", ...) is the released notebook with these answers; fill() is the untouched one."""

    def filled(**answers: str) -> NotebookNode:
        notebook = copy.deepcopy(nbformat.read(toy.release(week), as_version=4))
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in answers:
                cell.source = answers.pop(name)
        assert not answers, f"no such question: {answers}"
        return notebook

    return filled


@pytest.fixture
def right(fill: Callable[..., NotebookNode]) -> NotebookNode:
    """A notebook with every answer right."""
    return fill(**RIGHT)


@pytest.fixture
def hand_in(toy: Course, week: Week) -> Callable[..., Path]:
    """hand_in("ada", notebook or text or bytes) puts it where the student's file is expected."""

    def handed(student: str, what: NotebookNode | str | bytes) -> Path:
        path = toy.submission(week, student)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(what, bytes):
            path.write_bytes(what)
        else:
            path.write_text(what if isinstance(what, str) else nbformat.writes(what), encoding="utf-8")
        return path

    return handed


@pytest.fixture
def call(toy: Course) -> Callable[..., Result]:
    """call("export", "csv", "1") runs the command line on the toy course."""
    from grader.cli.main import app

    def called(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--course", str(toy.root), "--work", str(toy.work)])

    return called


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """A machine with two GPUs. smi(gpus=..., apps=...) changes what it prints of GPUs and of processes."""
    folder = tmp_path / "nvidia"
    folder.mkdir()
    script = folder / "nvidia-smi"
    script.write_text(f'#!/bin/sh\ncase "$1" in *compute-apps*) cat {folder}/apps;; *) cat {folder}/gpus;; esac\n')
    script.chmod(0o755)

    def say(gpus=gpus.TABLE, apps=""):
        for name, text in (("gpus", gpus), ("apps", apps)):
            (folder / "new").write_text(text)
            (folder / "new").replace(folder / name)

    say()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return say
