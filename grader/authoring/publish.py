"""The students' copy of the course as a tree to push: what is committed, without what .gitattributes keeps back.

Colab opens notebooks from the repository that this tree is pushed to, so the badges in it, the line that installs the
course, and colab_links.md name that repository.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

from grader.authoring.release import linked, release
from grader.authoring.tables import colab_links
from grader.course.syllabus import Course, CourseError

SECRET = ("### BEGIN SOLUTION", "### END SOLUTION", "BEGIN HIDDEN TESTS", "CROSSMODAL-RUBRIC")  # never a student's
NOT_TEXT = {".safetensors", ".png", ".jpg", ".gif", ".wav", ".npz"}


def publish(
    course: Course, folder: Path, repository: str = "", branch: str = "", site: Path | None = None
) -> list[str]:
    """Write the students' copy to `folder`, in place of an earlier one. Returns the names of its files, sorted.

    repository ("OWNER/NAME"), branch: where it will be pushed to, if not where weeks/course.toml says.
    site: the pages that `make site` made; a copy of them is put into `site/`, and its Colab links point there too.
    A `.git` in the folder stays, so that what is new can be committed there. Raises CourseError, and then the folder is
    as it was: where the release is stale, the tree has changes that are not committed, or anything of the solutions or
    the checks would be published.
    """
    if course.classic:
        raise CourseError("only a course of this kind can be published; of plain nbgrader, publish its release/")
    if repository and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise CourseError(f"--repository {repository!r} is not of the form OWNER/NAME")
    target = replace(course, repository=repository or course.repository, branch=branch or course.branch)
    _must_be_replaceable(course, folder)
    if stale := release(course, check=True):
        raise CourseError(f"the release is stale ({', '.join(stale)}): run `grader release`, look at it, and commit it")
    if changed := _git(course.root, "status", "--porcelain", "--untracked-files=no", ".").decode().splitlines():
        raise CourseError(
            f"{len(changed)} files have changes that are not committed ({changed[0].strip()}): commit them"
        )
    if site and not (site / "index.html").is_file():
        raise CourseError(f"{site} has no index.html: `make site` makes the pages in dist/site")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".publish-") as scratch:
        tree = Path(scratch)
        with tarfile.open(fileobj=io.BytesIO(_git(course.root, "archive", "--format=tar", "HEAD"))) as archive:
            archive.extractall(tree, filter="data")
        _point_at(tree, target)
        _must_tell_nothing(tree)
        if site:
            _add_site(site, tree / "site", target)
        names = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            if old.name != ".git":
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
        for new in tree.iterdir():
            shutil.move(new, folder / new.name)
    return names


def next_steps(course: Course, folder: Path, repository: str = "", branch: str = "") -> list[str]:
    """What to type to push it."""
    branch = branch or course.branch
    if (folder / ".git").exists():
        return [f"cd {folder}", "git add -A && git commit -m 'Update the course' && git push"]
    remote = f"https://github.com/{repository or course.repository}.git"
    return [
        f"cd {folder} && git init -b {branch} && git add -A && git commit -m 'Publish the course'",
        f"git remote add origin {remote} && git push -u origin {branch}",
    ]


def _git(root: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True)
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        raise CourseError(f"git {arguments[0]} failed in {root}: {why[-1] if why else done.returncode}")
    return done.stdout


def _must_be_replaceable(course: Course, folder: Path) -> None:
    """Never the instructor's own tree, and nothing but an empty folder or an earlier copy."""
    place, root = folder.resolve(), course.root.resolve()
    inside = root in place.parents
    ignored = inside and subprocess.run(["git", "check-ignore", "-q", str(place)], cwd=root).returncode == 0
    if place == root or place in root.parents or (inside and not ignored):
        raise CourseError(f"{folder} is in the instructor's own tree: publish to a folder outside it")
    if folder.exists() and not folder.is_dir():
        raise CourseError(f"{folder} is a file: name a folder")
    there = [path.name for path in folder.iterdir() if path.name != ".git"] if folder.is_dir() else []
    if there and not ((folder / "weeks" / "course.toml").is_file() and not (folder / "solutions").exists()):
        raise CourseError(f"{folder} holds other things ({sorted(there)[0]}): name an empty folder, or an earlier copy")


def _point_at(tree: Path, course: Course) -> None:
    """Make badges, the line that installs the course, and course.toml name the repository that this goes to."""
    for path in [*tree.glob("*.md"), *tree.glob("weeks/*/*.ipynb"), *tree.glob("weeks/*/*.md")]:
        text = path.read_text(encoding="utf-8")
        path.write_text(linked(text, course), encoding="utf-8")
    syllabus = tree / "weeks" / "course.toml"
    text = syllabus.read_text(encoding="utf-8")
    for name, value in (("repository", course.repository), ("branch", course.branch)):
        text = re.sub(rf'^{name} = ".*"$', f'{name} = "{value}"', text, count=1, flags=re.MULTILINE)
    syllabus.write_text(text, encoding="utf-8")
    (tree / "colab_links.md").write_text(colab_links(course), encoding="utf-8")


def _add_site(site: Path, folder: Path, course: Course) -> None:
    """A copy of the pages, whose links to Colab and to the notebooks are those of the course that is published."""
    shutil.copytree(site, folder)
    (folder / ".nojekyll").touch()  # GitHub's pages would leave out what begins with an underscore
    for path in [*folder.rglob("*.html"), *folder.glob("notebooks/*.ipynb")]:
        path.write_text(linked(path.read_text(encoding="utf-8"), course), encoding="utf-8")


def _must_tell_nothing(tree: Path) -> None:
    """Raises CourseError where the tree holds anything of the solutions or the checks."""
    if there := [name for name in ("solutions", "grader", "tests") if (tree / name).exists()]:
        raise CourseError(f"{', '.join(there)} would be published: .gitattributes must mark it export-ignore")
    for path in sorted(tree.rglob("*")):
        if path.is_file() and path.suffix not in NOT_TEXT:
            text = path.read_text(encoding="utf-8", errors="replace")
            if found := [marker for marker in SECRET if marker in text]:
                raise CourseError(f"{path.relative_to(tree)} would be published, and holds {found[0]!r}")
