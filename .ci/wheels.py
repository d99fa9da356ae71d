"""Build what a release consists of, from what is committed: the students' packages and the grader's.

    python .ci/wheels.py dist

crossmodal is built from the students' copy of the tree, which is what `git archive` gives: coursekit, the weeks' helper
packages, tinyworld with its checkpoints. crossmodal-grader is built from a tree that has the grader alone, without the
weeks' rubrics, which it reads from the instructor's tree. Its pyproject.toml is made from the course's own, so version,
licence and requirements stand in one place; setup.py takes the packages that it finds.

`python -m build` makes both, here with what the environment has (no isolation), so that no index is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GRADER = "crossmodal-grader"
KEPT = ("requires-python", "license", "license-files", "dynamic")  # of the course's [project], as they are there
NEEDED = ("setup.py", "MANIFEST.in", "pyproject.toml", "weeks/course.toml", "LICENSE", "grader")
RUBRICS = "grader/rubrics/"


def students_tree(commit: str, folder: Path) -> None:
    """What is committed, without what .gitattributes keeps back."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)


def graders_tree(commit: str, folder: Path) -> None:
    """The grader as it is committed, without the weeks' rubrics, and a pyproject.toml of its own."""
    environment = {**os.environ, "GIT_INDEX_FILE": str(folder.parent / "index")}  # the tree's own stays as it is
    subprocess.run(["git", "read-tree", commit], cwd=ROOT, env=environment, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", *NEEDED], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    wanted = [name for name in listed if not name.startswith(RUBRICS) or name == f"{RUBRICS}__init__.py"]
    subprocess.run(
        ["git", "checkout-index", "-z", "--stdin", f"--prefix={folder}/"],
        cwd=ROOT,
        env=environment,
        check=True,
        input="\0".join(wanted),
        text=True,
    )
    project = folder / "pyproject.toml"
    project.write_text(graders_project(tomllib.loads(project.read_text(encoding="utf-8"))), encoding="utf-8")


def graders_project(course: dict) -> str:
    """The grader's pyproject.toml, from the course's: it requires the course of its own version."""
    project = course["project"]
    extras = project["optional-dependencies"]
    told = {
        "name": GRADER,
        "version": project["version"],
        "description": "The grader of Crossmodal: notebooks run in sandboxes, judged from another process",
        "readme": "grader/README.md",
        **{name: project[name] for name in KEPT},
        "dependencies": [f"{project['name']}=={project['version']}", *extras["grader"]],
    }
    # strings and lists of strings are the same in TOML as in JSON
    return "\n".join(
        [
            "[build-system]",
            *(f"{name} = {json.dumps(value)}" for name, value in course["build-system"].items()),
            "",
            "[project]",
            *(f"{name} = {json.dumps(value)}" for name, value in told.items()),
            "",
            "[project.optional-dependencies]",
            f"cluster = {json.dumps(extras['cluster'])}",
            "",
        ]
    )


def build(out: Path, commit: str = "HEAD", kinds: tuple[str, ...] = ()) -> list[Path]:
    """Write both packages to the folder `out`, in place of earlier ones. Returns the files, sorted.

    kinds: ("--wheel",) for wheels alone. Raises subprocess.CalledProcessError.
    """
    for old in (path for ending in ("whl", "tar.gz") for path in out.glob(f"crossmodal*.{ending}")):
        old.unlink()
    for make in (students_tree, graders_tree):
        with tempfile.TemporaryDirectory() as scratch:
            tree = Path(scratch) / "tree"
            tree.mkdir()
            make(commit, tree)
            command = [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(out.resolve()), "."]
            subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)
    return sorted(out.glob("crossmodal*"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder for the packages")
    parser.add_argument("--commit", default="HEAD", help="what to build (by default what is checked out)")
    args = parser.parse_args()
    for path in build(args.out, args.commit):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
