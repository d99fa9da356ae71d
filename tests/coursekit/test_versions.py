"""Packages that are missing or too old: told in one line, with the command, and each as pyproject.toml asks."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from coursekit import versions

ROOT = Path(__file__).parents[2]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
HERE = {"numpy": "2.1.3", "transformers": "5.9.1", "torch": "2.11.0+cu128", "diffusers": "0.39.0"}
ASKED = [
    "numpy",
    "torch",
    "transformers>=5.15",
    "diffusers>=0.39",
    "open_clip_torch>=3",
    'nbgrader>=0.9; extra == "grader"',
]


@pytest.fixture
def machine(monkeypatch):
    """A machine with the packages of HERE, and a course that asks for those of ASKED."""

    def version(name):
        try:
            return HERE[name]
        except KeyError:
            raise metadata.PackageNotFoundError(name) from None

    monkeypatch.setattr(versions.metadata, "requires", lambda name: ASKED)
    monkeypatch.setattr(versions.metadata, "version", version)
    versions.wanted.cache_clear()
    yield
    versions.wanted.cache_clear()


def test_one_line_names_what_is_too_old_and_what_is_missing_with_the_command(machine):
    assert versions.advice() == (
        "This course needs transformers>=5.15 (here is 5.9.1), open_clip_torch>=3 (missing). "
        'Type in a cell: %pip install -U "transformers>=5.15" "open_clip_torch>=3"  and then restart the kernel.'
    )


def test_what_a_week_does_without_may_be_missing_but_not_too_old(machine):
    told = versions.advice(["numpy"])
    assert "transformers>=5.15 (here is 5.9.1)" in told and "open_clip" not in told
    assert "open_clip_torch>=3 (missing)" in versions.advice(["Open.CLIP_torch"])


def test_nothing_is_said_where_all_is_there(machine, monkeypatch):
    monkeypatch.setitem(HERE, "transformers", "5.15.0")
    assert versions.advice(["numpy", "torch"]) == ""


def test_it_asks_for_what_pyproject_declares_installed_or_not(monkeypatch):
    declared = {canonicalize_name(Requirement(one).name): Requirement(one) for one in DECLARED}

    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(versions.metadata, "requires", absent)
    versions.wanted.cache_clear()
    try:
        assert versions.wanted() == declared, "of a tree that is not installed"
        monkeypatch.setattr(versions, "PYPROJECT", ROOT / "no.toml")
        versions.wanted.cache_clear()
        assert versions.wanted() == {} and versions.advice() == ""
    finally:
        versions.wanted.cache_clear()
    monkeypatch.undo()
    assert versions.wanted() == declared, "of the installed course: make env"


def test_as_a_command_it_says_so_of_this_environment():
    done = subprocess.run([sys.executable, "-m", "coursekit.versions"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "All packages that the course needs are there.\n"), done.stderr
