"""Files beside a notebook of plain nbgrader: the instructor's are there whatever they are, a student's up to caps."""

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from support.plain import PYTHON, cell
from typer.testing import CliRunner

from grader.cli.main import app
from grader.course.discovery import find_course
from grader.execution import sandbox
from grader.execution.kernel import Kernel, environment
from grader.grading.batch import grade_class
from grader.grading.options import Options
from grader.submissions import beside

MB = 10**6
BIG = 210 * MB
USES = {  # {what a test says of the files: the code of it}
    "copied": "open('data.csv', 'a').write('5\\n'); assert open('data.csv').read() == '2\\n4\\n5\\n'",
    "link": "assert open('linked.csv').read() == 'from afar'",
    "linked folder": "assert open('maps/deep/one.txt').read() == 'one'",
    "link in a folder": "assert open('mixed/linked.csv').read() == 'from afar'",
    "large": f"import os; assert os.path.getsize('large.bin') == {BIG} and open('large.bin', 'rb').read(3) == b'abc'",
    "dot-file": "assert open('.env').read() == 'KEY=1' and open('.hidden/x.txt').read() == 'x'",
    "many": "assert len(os.listdir('many')) == 1200 and open('many/7.txt').read() == '7'",
    "writes": "open('mixed/out.txt', 'w').write('o'); os.mkdir('results'); open('results/r', 'w').write('r')",
    "notebook": "get_ipython().run_line_magic('run', 'lib.ipynb'); assert helper(2) == 'of the course'",
    "neighbour": "get_ipython().run_line_magic('run', 'second.ipynb'); assert mine == 'by the student'",
    "own file": "assert open('my/notes.txt').read() == 'mine' and open('.mine').read() == 'm'",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A released assignment with every kind of file beside it, and one who handed in some more."""
    root, away = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("away")
    source, release, theirs = (root / place / "ps1" for place in ("source", "release", "submitted/ada"))
    tests = [cell(code, name.replace(" ", "-"), 1, "test") for name, code in USES.items()]
    notebooks = {
        "first": [cell("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", "x", kind="answer"), *tests],
        "lib": [new_code_cell("def helper(x):\n    return 'of the course'")],
        "second": [cell("### BEGIN SOLUTION\nmine = 'THE SOLUTION'\n### END SOLUTION", "mine", kind="answer")],
    }
    for folder, answer in ((source, None), (release, "raise NotImplementedError"), (theirs, "mine = 'by the student'")):
        folder.mkdir(parents=True)
        for name, cells in notebooks.items():
            book = new_notebook(cells=nbformat.from_dict(cells), metadata=PYTHON)
            if name == "second" and answer:
                book.cells[0].source = answer
            if name == "lib" and folder == theirs:
                book.cells[0].source = "helper = 'changed by the student'"
            nbformat.write(book, folder / f"{name}.ipynb")
    (away / "afar.csv").write_text("from afar")
    (away / "maps" / "deep").mkdir(parents=True)
    (away / "maps" / "deep" / "one.txt").write_text("one")
    for folder in ("mixed", "many", ".hidden"):
        (source / folder).mkdir()
    for name, text in (("data.csv", "2\n4\n"), (".env", "KEY=1"), (".hidden/x.txt", "x"), ("mixed/plain.txt", "p")):
        (source / name).write_text(text)
    for number in range(1200):
        (source / "many" / f"{number}.txt").write_text(str(number))
    with (source / "large.bin").open("wb") as file:
        file.write(b"abc")
        file.truncate(BIG)
    for name, target in (("linked.csv", "afar.csv"), ("mixed/linked.csv", "afar.csv"), ("maps", "maps")):
        (source / name).symlink_to(away / target)
    (theirs / "my").mkdir()
    for name, text in (("data.csv", "changed"), ("my/notes.txt", "mine"), (".mine", "m"), ("many/mine.txt", "no")):
        (theirs / name).parent.mkdir(exist_ok=True)
        (theirs / name).write_text(text)
    (theirs / "stolen").symlink_to("/etc/passwd")
    (theirs / "my" / "folder").symlink_to(away)
    return root


@pytest.fixture(scope="module", params=[True, False], ids=["sandbox", "no sandbox"])
def graded(tree, request):
    if request.param and sandbox.unavailable():
        pytest.skip(sandbox.unavailable())
    course = find_course(tree)
    options = Options(workers=1, kernel="python3", sandboxed=request.param)
    (grade,) = grade_class(course, course.week("ps1"), options=options)
    return {question.question: question for question in grade.questions}, grade


@pytest.mark.parametrize("name", USES)
def test_what_lies_beside_the_notebook_is_there(graded, name):
    question = graded[0]["first/" + name.replace(" ", "-")]
    assert question.points == 1, question.checks[0].message


def test_what_was_left_out_of_a_student_s_files_is_in_the_record(graded):
    log = [line for line in graded[1].log if "Not in the working folder" in line]
    assert log == [
        "first.ipynb: Not in the working folder: stolen, my/folder (a link).",
        "first.ipynb: Not in the working folder: many/mine.txt (the course has something of the same name there).",
    ] + [line.replace("first.ipynb:", "lib.ipynb:") for line in log[:2]] + [
        line.replace("first.ipynb:", "second.ipynb:") for line in log[:2]
    ]  # fmt: skip


def test_nothing_of_the_course_s_was_changed_and_no_solution_shown(graded, tree):
    course = find_course(tree)
    first = course.week("ps1").notebooks[0]
    assert (tree / "source" / "ps1" / "data.csv").read_text() == "2\n4\n"
    assert not (tree / "source" / "ps1" / "mixed" / "out.txt").exists()
    for submission in (None, course.submission(first, "ada")):
        for file in beside.files(course, first, submission)[0]:
            assert file.path.is_dir() or b"THE SOLUTION" not in file.path.read_bytes()


def test_what_is_large_is_shown_and_not_copied(tree):
    course = find_course(tree)
    files = {file.name: file for file in beside.files(course, course.week("ps1").notebooks[0], None)[0]}
    assert {name for name, file in files.items() if file.shared} == {"large.bin", "many"}
    assert sum(f.path.stat().st_size for f in files.values() if not f.shared) < beside.COPIED_BYTES


def test_a_file_that_changes_is_another_input(tree, tmp_path):
    copy = shutil.copytree(tree, tmp_path / "c", symlinks=True, ignore=shutil.ignore_patterns("large.bin", "many"))
    course = find_course(copy)
    first, lib, _ = course.week("ps1").notebooks
    found = []
    for name, text in ((None, ""), ("source/ps1/mixed/plain.txt", "q"), ("submitted/ada/ps1/my/notes.txt", "other")):
        if name:
            (copy / name).write_text(text)
        beside.forget()
        found.append(beside.inputs(course, first, course.submission(first, "ada")))
    assert len({one["files"] for one in found}) == 3
    before = beside.inputs(course, lib, course.submission(lib, "ada"))
    path = course.submission(course.week("ps1").notebooks[2], "ada")
    path.write_text(path.read_text().replace("by the student", "changed"))
    assert beside.inputs(course, lib, course.submission(lib, "ada")) == before, "which does not name it"
    assert beside.inputs(course, first, course.submission(first, "ada")) != found[-1]


def test_what_cannot_be_given_is_said_once_before_grading(tmp_path):
    root = tmp_path / "course"
    source = root / "source" / "ps1"
    (source / ".git").mkdir(parents=True)
    for folder in (root / "release" / "ps1", source, root / "submitted" / "ada" / "ps1", root / "submitted/bob/ps1"):
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(new_notebook(cells=[cell("assert True", "t", 1, "test")], metadata=PYTHON), folder / "p.ipynb")
    (source / "data.csv").write_text("1")
    for name, target in (
        ("gone", "nowhere"),
        ("around", "."),
        ("self", "self"),
        ("all", root),
        ("book", root / "gradebook.db"),
    ):
        (source / name).symlink_to(target)
    (root / "gradebook.db").touch()
    (source / "more").mkdir()
    nbformat.write(new_notebook(), source / "more" / "draft.ipynb")
    os.mkfifo(source / "pipe")
    (source / "theirs").symlink_to(root / "submitted" / "ada")
    beside.forget()
    course = find_course(root)
    lines = beside.refused(course, course.week("ps1"))
    said = {line.partition(" is left out: ")[0].removeprefix(f"{source}/"): line for line in lines}
    assert set(said) == {"gone", "around", "self", "all", "book", ".git", "more/draft.ipynb", "pipe", "theirs"}
    assert "leads nowhere" in said["gone"] and "generate_assignment" in said["more/draft.ipynb"]
    assert all("solutions" in said[name] for name in ("all", "book", "theirs"))
    assert "around it" in said["around"]
    assert [f.name for f in beside.files(course, course.week("ps1"), None)[0]] == ["data.csv"]
    (root / "gradebook.db").unlink()
    done = CliRunner().invoke(
        app, ["grade", "ps1", "--kernel", "python3", "--course", str(root)], catch_exceptions=False
    )
    assert done.stderr.count("pipe is left out") == 1


def test_a_student_s_files_have_caps(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(beside, "FILES", 3)
    monkeypatch.setattr(beside, "FILE_BYTES", 2 * MB)
    course = find_course(tree, tmp_path)
    first = course.week("ps1").notebooks[0]
    path = course.submission(first, "bob")
    (path.parent / ".ipynb_checkpoints").mkdir(parents=True)
    (path.parent / ".local").mkdir()
    for number in range(9):
        (path.parent / f"{number}.txt").write_text("x")
    (path.parent / "0.bin").write_bytes(bytes(3 * MB))
    files, left_out = beside.files(course, first, path)
    assert [f.name for f in files if f.path.is_relative_to(tmp_path)] == ["0.txt", "1.txt", "2.txt"]
    assert left_out == [
        "Not in the working folder: .local (a hidden folder).",
        "Not in the working folder: 0.bin (together the files have more than 2 MB).",
        "Not in the working folder: 3.txt, 4.txt, 5.txt, 6.txt, 7.txt and 1 more (there are more than 3 files).",
    ]


def test_a_student_s_version_stands_where_nbgrader_is_told_so(tree, tmp_path):
    copy = shutil.copytree(tree, tmp_path / "c", symlinks=True, ignore=shutil.ignore_patterns("large.bin", "many"))
    (copy / "nbgrader_config.py").write_text("c.Autograde.exclude_overwriting = {'ps1': ['data.csv']}\n")
    for student, owner in (("ada", "submitted"), ("bob", "source")):
        course = find_course(copy)
        first = course.week("ps1").notebooks[0]
        files = {f.name: f.path for f in beside.files(course, first, course.submission(first, student))[0]}
        assert files["data.csv"].relative_to(copy).parts[0] == owner


def test_names_that_are_no_text(tmp_path):
    source = tmp_path / "source" / "ps1"
    source.mkdir(parents=True)
    nbformat.write(new_notebook(), source / "p.ipynb")
    (source / os.fsdecode(b"caf\xe9.csv")).write_text("1")
    (source / os.fsdecode(b"gone\xe9")).symlink_to("nowhere")
    course = find_course(tmp_path)
    (line,) = beside.refused(course, course.week("ps1"))
    assert "gone?" in line and beside.inputs(course, course.week("ps1"), None)
    for sandboxed in (True, False):
        policy = None if not sandboxed or sandbox.unavailable() else sandbox.Policy()
        with Kernel(
            "python3", environment([], 1), policy, files=beside.files(course, course.week("ps1"), None)[0]
        ) as k:
            assert k.run("import os; assert b'caf\\xe9.csv' in os.listdir(b'.')", 10).error == ""


def test_a_course_behind_a_link_is_as_good(tree, tmp_path):
    (tmp_path / "link").symlink_to(tree)
    course = find_course(tmp_path / "link")
    first = course.week("ps1").notebooks[0]
    names = {file.name for file in beside.files(course, first, course.submission(first, "ada"))[0]}
    assert {"data.csv", "my/notes.txt", "maps/deep/one.txt"} <= names


def test_many_large_files_are_shown_as_one_folder_or_named(tmp_path, monkeypatch):
    monkeypatch.setattr(beside, "COPIED_BYTES", 0)
    monkeypatch.setattr(beside, "SHOWN", 40)
    source = tmp_path / "source" / "ps1"
    (source / "plain").mkdir(parents=True)
    (source / "links").mkdir()
    nbformat.write(new_notebook(), source / "p.ipynb")
    for number in range(60):
        (source / "plain" / f"{number:02}").write_text("x")
        (source / "links" / f"{number:02}").symlink_to(source / "plain" / f"{number:02}")
    course = find_course(tmp_path)
    given = beside.course_files(course, course.week("ps1"))
    assert [file.name for file in given.files] == [f"links/{number:02}" for number in range(40)]
    assert len(given.refused) == 21 and "more than 40" in given.refused[0]
