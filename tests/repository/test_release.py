"""What a release consists of: packages that hold what they should and nothing else, and notes of that very version."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = PROJECT["version"]
HELPERS = {week["helper"] for week in tomllib.loads((ROOT / "weeks/course.toml").read_text())["weeks"].values()}
SECRET = (b"CROSSMODAL-RUBRIC: must", b"### BEGIN SOLUTION", b"BEGIN HIDDEN TESTS")


def script(name):
    """A module of .ci/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def as_it_is():
    """The tree as it is now as a commit, committed or not."""
    stash = subprocess.run(["git", "stash", "create"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    return stash or "HEAD"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """{name of the package: its wheel}."""
    out = tmp_path_factory.mktemp("dist")
    files = script("wheels").build(out, as_it_is(), ("--wheel",))
    return {path.name.partition("-")[0].replace("_", "-"): path for path in files}


def names(wheel):
    return zipfile.ZipFile(wheel).namelist()


def metadata(wheel):
    inside = zipfile.ZipFile(wheel)
    (path,) = (name for name in inside.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(inside.read(path).decode())


def tops(wheel):
    return {name.partition("/")[0] for name in names(wheel) if ".dist-info/" not in name}


def test_students_get_the_weeks_and_the_models_and_nothing_of_the_grader(wheels):
    wheel = wheels["crossmodal"]
    assert tops(wheel) == {"coursekit", "tinyworld", *HELPERS}
    assert {f"{helper}/{name}" for helper in HELPERS for name in ("points.json", "week.json")} <= set(names(wheel))
    assert "tinyworld/checkpoints/clip/model.safetensors" in names(wheel)
    assert not any("entry_points" in name or name.endswith(".ipynb") for name in names(wheel))


def test_the_grader_comes_without_rubrics_and_requires_the_course_of_its_version(wheels):
    wheel = wheels["crossmodal-grader"]
    assert tops(wheel) == {"grader"}
    assert [name for name in names(wheel) if name.startswith("grader/rubrics/")] == ["grader/rubrics/__init__.py"]
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "grader").rglob("*")
        if path.suffix in (".py", ".html", ".css", ".txt", ".sh") and "rubrics" not in path.parts
    }
    assert there <= set(names(wheel)), "what the grader is made of"
    assert "grader/execution/kernels/crossmodal-warm/kernel.json" in names(wheel)
    required = [Requirement(one) for one in metadata(wheel).get_all("Requires-Dist")]
    (course,) = (one for one in required if one.name == "crossmodal")
    assert str(course.specifier) == f"=={VERSION}"
    own = {str(one) for one in required if not one.marker and one.name != "crossmodal"}
    assert own == {str(Requirement(one)) for one in PROJECT["optional-dependencies"]["grader"]}
    (points,) = (name for name in names(wheel) if name.endswith("/entry_points.txt"))
    assert b"grader = grader.cli.main:app" in zipfile.ZipFile(wheel).read(points)


def test_no_package_gives_an_answer_away(wheels):
    for wheel in wheels.values():
        inside = zipfile.ZipFile(wheel)
        for name in inside.namelist():
            if name.endswith((".py", ".json", ".md", ".txt")) and not name.startswith("grader/"):
                assert not any(marker in inside.read(name) for marker in SECRET), name
    inside = zipfile.ZipFile(wheels["crossmodal-grader"])
    told = [name for name in inside.namelist() if name.endswith(".py") and SECRET[0] in inside.read(name)]
    assert told == [], "hidden checks and known answers carry this"


def test_both_have_the_one_version_and_are_fit_for_an_index(wheels):
    assert {metadata(wheel)["Version"] for wheel in wheels.values()} == {VERSION}
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, wheels.values())], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_work_together_where_they_are_installed(wheels, tmp_path, toy, week, right):
    """In a folder of their own, without this tree: the toy course is graded, and gets its points."""
    for wheel in wheels.values():
        zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    path = toy.submission(week, "ada")
    path.parent.mkdir(parents=True)
    path.write_text(nbformat.writes(right))
    code = "import sys, grader; assert grader.__file__.startswith(sys.argv[1]); from grader.cli.main import app; "
    code += "sys.argv = ['grader', *sys.argv[2:]]; app()"
    command = [sys.executable, "-P", "-c", code, str(tmp_path / "site"), "grade", "1", "--kernel", "python3"]
    command += ["--workers", "1", "--course", str(toy.root), "--work", str(toy.work)]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "ada: 7.5 of 7.5 points" in done.stdout, done.stdout + done.stderr


# --- notes and citation -----------------------------------------------------------------------------------------------

LOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-12-24

### Added

- Snow.

## [1.1.0] - 2026-11-01

- Rain.
"""


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(LOG)
    return tmp_path


def test_the_notes_are_the_section_of_that_version(tree):
    assert script("notes").notes("v1.2.0", tree) == "### Added\n\n- Snow.\n"


@pytest.mark.parametrize(
    ("tag", "old", "new", "says"),
    [
        ("v1.2.1", "", "", "not v1.2.0, the version in pyproject.toml"),
        ("1.2.0", "", "", "not v1.2.0"),
        ("v1.2.0", "## [1.2.0]", "## [1.2]", "has 0 sections"),
        ("v1.2.0", "[1.1.0]", "[1.2.0]", "has 2 sections"),
        ("v1.2.0", " - 2026-12-24", "", "the section's heading"),
        ("v1.2.0", "### Added\n\n- Snow.\n", "", "is empty"),
    ],
)
def test_what_is_no_release_is_none(tree, tag, old, new, says):
    (tree / "CHANGELOG.md").write_text(LOG.replace(old, new) if old else LOG)
    with pytest.raises(ValueError, match=re.escape(says)):
        script("notes").notes(tag, tree)


def test_as_a_command_it_fails_with_a_line():
    done = subprocess.run([sys.executable, ROOT / ".ci/notes.py", "v0.0.0"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == "" and len(done.stderr.splitlines()) == 1


def test_the_version_stands_in_one_place():
    """In pyproject.toml. Elsewhere it is read from there, or is the release's own."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)
    for name in ("setup.py", "CITATION.cff", "Dockerfile", "Makefile", "weeks/course.toml"):
        assert not re.search(rf"\bversion\b.*{re.escape(VERSION)}", (ROOT / name).read_text(encoding="utf-8")), name
    project = script("wheels").graders_project(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    assert tomllib.loads(project)["project"]["version"] == VERSION


def test_the_citation_fits_its_schema_and_names_the_course_s_repository(tmp_path):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format"]
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert subprocess.run([*command, ROOT / "CITATION.cff"], capture_output=True).returncode == 0
    (tmp_path / "CITATION.cff").write_text(text.replace("authors:", "writers:"))
    assert subprocess.run([*command, tmp_path / "CITATION.cff"], capture_output=True).returncode == 1
    repository = tomllib.loads((ROOT / "weeks/course.toml").read_text(encoding="utf-8"))["course"]["repository"]
    assert f'repository-code: "https://github.com/{repository}"' in text
    licences = re.findall(r"^  - (\S+)$", text[text.index("license:") : text.index("repository-code")], re.MULTILINE)
    assert " AND ".join(licences) == PROJECT["license"]


def test_an_earlier_build_is_replaced(tmp_path, monkeypatch):
    wheels = script("wheels")
    for name in ("crossmodal-0.0.1-py3-none-any.whl", "crossmodal_grader-0.0.1.tar.gz", "notes.md"):
        (tmp_path / name).touch()
    monkeypatch.setattr(wheels, "students_tree", lambda commit, folder: shutil.copy(ROOT / "LICENSE", folder))
    monkeypatch.setattr(wheels, "graders_tree", lambda commit, folder: None)
    monkeypatch.setattr(wheels.subprocess, "run", lambda *args, **more: None)
    assert wheels.build(tmp_path) == [] and [path.name for path in tmp_path.iterdir()] == ["notes.md"]
