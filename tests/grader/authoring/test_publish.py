"""The tree to push: what students get, pointing at its own repository, and never anything of the instructor's."""

import subprocess
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell
from support.toy import MARKER, SECRET, build_course, markdown, toy_notebook
from typer.testing import CliRunner

from grader.authoring.publish import publish
from grader.authoring.release import linked, release
from grader.cli.main import app
from grader.course.discovery import find_course
from grader.course.syllabus import CourseError

KEPT_BACK = "/solutions export-ignore\n/grader export-ignore\n/.gitattributes export-ignore\n"
BADGE = "[![Open in Colab](https://x.y/b.svg)](https://colab.research.google.com/github/old/name/blob/dev/weeks/{0}/{0}.ipynb)"
INSTALL = '%pip install -q "git+https://github.com/old/name@dev" ftfy'


def git(folder, *arguments):
    return subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t.t", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.fixture
def committed(tmp_path):
    """The toy course with a badge and a line that installs it, released, in a git repository."""
    course = build_course(tmp_path / "course")
    notebook = toy_notebook()
    notebook.cells.insert(0, markdown(BADGE.format("week01_toy"), "badge"))
    notebook.cells.insert(1, new_code_cell(INSTALL, id="colab"))
    nbformat.write(notebook, course.solution(course.week("1")))
    (course.root / ".gitattributes").write_text(KEPT_BACK)
    (course.root / ".gitignore").write_text("/dist/\n__pycache__/\n")
    release(course)
    git(course.root, "init", "-q", "-b", "main")
    git(course.root, "add", "-A")
    git(course.root, "commit", "-qm", "The course")
    return course


def urls(folder):
    return (folder / "weeks/week01_toy/week01_toy.ipynb").read_text(), (folder / "colab_links.md").read_text()


def test_release_points_at_the_configured_repository(committed):
    notebook, links = urls(committed.root)
    for text in (notebook, links):
        assert "github/someone/toy/blob/main/weeks/week01_toy/week01_toy.ipynb" in text and "old/name" not in text
    assert "git+https://github.com/someone/toy@main" in notebook
    assert links.count("colab-badge.svg") == len(committed.weeks), "every week has its badge"


def test_links_of_others_are_left_alone(committed):
    text = "https://github.com/old/name https://colab.research.google.com/github/a/b/blob/main/other.ipynb git+ssh://x"
    assert linked(text, committed) == text


def test_the_copy(committed, tmp_path):
    folder = tmp_path / "out" / "students"
    names = publish(committed, folder)
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()) == names
    tops = {name.split("/")[0] for name in names}
    assert tops == {".gitignore", "weeks", "colab_links.md"}
    for name in names:
        text = (folder / name).read_text(encoding="utf-8")
        assert SECRET not in text and MARKER not in text and "BEGIN SOLUTION" not in text
    assert urls(folder) == urls(committed.root)
    assert not list(folder.parent.glob(".publish-*"))


def test_it_points_where_it_goes(committed, tmp_path):
    publish(committed, tmp_path / "s", "my-school/cm.2026", "autumn/1")
    notebook, links = urls(tmp_path / "s")
    for text in (notebook, links):
        assert "github/my-school/cm.2026/blob/autumn/1/weeks/week01_toy/week01_toy.ipynb" in text
        assert "someone/toy" not in text
    assert "git+https://github.com/my-school/cm.2026@autumn/1" in notebook
    told = tomllib.loads((tmp_path / "s/weeks/course.toml").read_text())["course"]
    assert (told["repository"], told["branch"], told["title"]) == ("my-school/cm.2026", "autumn/1", "Toy")
    nbformat.validate(nbformat.reads(notebook, as_version=4))
    assert find_course(tmp_path / "s").weeks == committed.weeks
    with pytest.raises(CourseError, match="OWNER/NAME"):
        publish(committed, tmp_path / "t", 'x"y')


def test_again_replaces_the_earlier_copy_and_keeps_its_history(committed, tmp_path):
    folder = tmp_path / "s"
    publish(committed, folder)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    (folder / "weeks" / "stray.py").write_text("x")
    publish(committed, folder)
    assert git(folder, "status", "--porcelain") == "" and git(folder, "log", "--format=%s").strip() == "first"


def test_what_must_not_be_replaced_is_not(committed, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    (tmp_path / "file").write_text("")
    for folder, says in (
        (tmp_path / "thesis", r"holds other things \(chapter.tex\)"),
        (tmp_path / "file", "is a file"),
        (committed.root, "the instructor's own tree"),
        (tmp_path, "the instructor's own tree"),
        (committed.root / "weeks", "the instructor's own tree"),
        (committed.root / "new", "the instructor's own tree"),
    ):
        with pytest.raises(CourseError, match=says):
            publish(committed, folder)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"
    assert publish(committed, committed.root / "dist" / "students"), "what git ignores may be in the tree"


def test_only_what_is_committed_and_fresh_is_published(committed, tmp_path):
    readme = committed.root / "weeks" / "course.toml"
    readme.write_text(readme.read_text() + "# new\n")
    with pytest.raises(CourseError, match=r"1 files have changes that are not committed \(M weeks/course.toml\)"):
        publish(committed, tmp_path / "s")
    released = committed.release(committed.week("1"))
    released.write_text(released.read_text().replace("Multiply", "Divide"))
    with pytest.raises(CourseError, match="the release is stale .*week01_toy.ipynb.*grader release"):
        publish(committed, tmp_path / "s")
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (".gitattributes", "", "grader.* would be published: .gitattributes must mark it export-ignore"),
        ("weeks/hint.md", "### BEGIN SOLUTION", "weeks/hint.md would be published, and holds '### BEGIN SOLUTION'"),
        ("weeks/week01_toy/toy_lab/extra.py", f"# {MARKER}", "extra.py would be published"),
    ],
)
def test_nothing_secret_is_published(committed, tmp_path, name, text, says):
    (committed.root / name).write_text(text)
    git(committed.root, "add", "-A")
    git(committed.root, "commit", "-qm", "oops")
    with pytest.raises(CourseError, match=says):
        publish(committed, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_the_command_says_how_to_push(committed, tmp_path):
    def call(*more):
        return CliRunner().invoke(app, ["publish", str(tmp_path / "s"), *more, "--course", str(committed.root)])

    first = call("--repository", "me/mine").stdout.replace("\n", " ")
    assert "git init -b main" in first and "https://github.com/me/mine.git" in first
    git(tmp_path / "s", "init", "-q")
    assert "git add -A && git commit" in call().stdout and "remote" not in call().stdout
    outside = CliRunner().invoke(app, ["publish", str(tmp_path / "x"), "--course", str(tmp_path)])
    assert outside.exit_code == 2 and "no course found" in outside.stderr


def test_without_git_it_is_said(tmp_path):
    course = build_course(Path(tmp_path / "bare"))
    release(course)
    with pytest.raises(CourseError, match="git status failed in"):
        publish(course, tmp_path / "s")


def test_the_pages_can_be_put_beside_it(committed, tmp_path):
    site = tmp_path / "site"
    with pytest.raises(CourseError, match="no index.html"):
        publish(committed, tmp_path / "s", site=site)
    (site / "weeks").mkdir(parents=True)
    colab = "https://colab.research.google.com/github/crossmodal-course/crossmodal/blob/main/weeks/a/a.ipynb"
    (site / "index.html").write_text("<h1>Crossmodal</h1>", encoding="utf-8")
    (site / "weeks" / "a.html").write_text(f'<a href="{colab}">Open</a>', encoding="utf-8")
    names = publish(committed, tmp_path / "s", "my-school/cm", site=site)
    assert {"site/index.html", "site/weeks/a.html", "site/.nojekyll"} <= set(names)
    assert "github/my-school/cm/blob" in (tmp_path / "s/site/weeks/a.html").read_text(encoding="utf-8")
