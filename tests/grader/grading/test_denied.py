"""What the sandbox denies a notebook is said, and an instructor can show it more."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from rich.console import Console
from support.plain import PYTHON, cell

from grader.cli import progress
from grader.course.discovery import find_course
from grader.course.syllabus import CourseError, Limits
from grader.execution import sandbox
from grader.execution.sandbox import Policy
from grader.grading import denied, fingerprints
from grader.grading.batch import grade_class
from grader.grading.options import Options
from grader.grading.pool import grade_many
from grader.records.grade import CheckResult, Grade, QuestionResult
from grader.records.store import together
from grader.reporting import class_report

needs_sandbox = pytest.mark.skipif(bool(sandbox.unavailable()), reason=f"no sandbox here: {sandbox.unavailable()}")
POLICY = Policy((Path("/srv/shown"), Path("/srv/course/weeks")), (Path("/srv/shown/course"), Path("/srv/course")))


def failed(ename: str, evalue: str, source: str = "", *frames: str):
    """An executed notebook of one cell that failed."""
    one = new_code_cell(source)
    one.outputs = [new_output("error", ename=ename, evalue=evalue, traceback=[*frames, f"{ename}: {evalue}"])]
    return new_notebook(cells=[one])


def kinds(notebook, lost: bool = True, results=()) -> list[str]:
    return denied.find(notebook, results, POLICY, lost)[0]


@pytest.mark.parametrize(
    ("ename", "evalue"),
    [
        ("URLError", "<urlopen error [Errno -3] Temporary failure in name resolution>"),
        ("gaierror", "[Errno -2] Name or service not known"),
        ("ConnectionError", "HTTPSConnectionPool(host='x.org', port=443): Max retries exceeded with url: /a.csv"),
        ("ConnectError", "[Errno -3] Temporary failure in name resolution"),
        ("ConnectError", "All connection attempts failed"),
        ("OSError", "[Errno 101] Network is unreachable"),
        ("ClientConnectorDNSError", "Cannot connect to host x.org:443 ssl:default [Name does not resolve]"),
        ("OSError", "We couldn't connect to 'https://huggingface.co' to load the files"),
        ("LocalEntryNotFoundError", "Cannot find the files on the local disk and outgoing traffic has been disabled."),
        ("OfflineModeIsEnabled", "Cannot reach https://huggingface.co/x: offline mode is enabled."),
        ("ConnectionError", "Couldn't reach 'imdb' on the Hub (OfflineModeIsEnabled)"),
        ("EndpointConnectionError", 'Could not connect to the endpoint URL: "https://s3.amazonaws.com/"'),
        ("OperationalError", 'could not translate host name "db.uni.edu" to address'),
        ("OperationalError", 'connection to server at "localhost" (127.0.0.1), port 5432 failed: Connection refused'),
        ("ERROR", "cannot open URL 'https://x.org/data.csv'"),
    ],
)
def test_errors_for_want_of_a_network(ename, evalue):
    assert kinds(failed(ename, evalue)) == ["network"]


def test_a_network_error_below_another_one():
    below = "gaierror    Traceback\nFile x.py:1\n----> 1 open()\n"
    below += "\x1b[31mgaierror\x1b[0m: [Errno -3] Temporary failure in name resolution"
    assert kinds(failed("RuntimeError", "the data could not be prepared", "", below)) == ["network"]
    source = (
        "File requests.py:9\n      8 except (NewConnectionError, ValueError):\n----> 9 raise ValueError('no scheme')"
    )
    assert kinds(failed("MissingSchema", "Invalid URL 'x'", "", source)) == [], "the library's source is no message"


@pytest.mark.parametrize(
    ("ename", "evalue", "source", "expected"),
    [
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/data/x.csv'", "", ["file"]),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '../../shared/x.csv'", "", ["file"]),
        ("FileNotFoundError", "/data/x.txt not found.", "", ["file"]),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'C:\\\\data\\\\x.csv'", "", ["file"]),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/home/student/d/x'", "open('~/d/x')", ["file"]),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/home/student/x'", "open('x')", []),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'x.csv'", "import os\nx = '/data'", []),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'maps/../x.csv'", "", []),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/usr/share/x'", "", []),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/srv/shown/x'", "", []),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/srv/shown/course/x'", "", ["file"]),
        ("FileNotFoundError", "[Errno 2] No such file or directory: '/srv/course/source/x'", "", ["file"]),
        ("OperationalError", "unable to open database file", "connect('/data/shop.db')", ["file"]),
        ("OperationalError", "unable to open database file", "connect('shop.db')", []),
        ("Exception", "File `'../lib.py'` not found.", "%run ../lib.py", ["file"]),
        ("ModuleNotFoundError", "No module named 'ours'", "import sys; sys.path.append('/srv/lib')", ["file"]),
        ("ModuleNotFoundError", "No module named 'ours'", "import sys; sys.path.append('lib')", []),
        ("PermissionError", "[Errno 13] Permission denied: '/data/x.csv'", "", ["file"]),
        ("PermissionError", "[Errno 1] Operation not permitted", "", ["write"]),
        ("OSError", "[Errno 30] Read-only file system: 'large/out.csv'", "", ["write"]),
        ("OSError", "[Errno 28] No space left on device", "", ["limit"]),
        ("OSError", "[Errno 24] Too many open files: 'x'", "", ["limit"]),
        ("RuntimeError", "can't start new thread", "", ["limit"]),
        ("MemoryError", "", "", ["limit"]),
        ("KernelDied", "it used more than 4 GB of memory, so the kernel was ended", "", ["limit"]),
        ("AssertionError", "", "path = '/data/x.csv'", []),
        ("KeyError", "'/data/x'", "", []),
        ("ValueError", "3 not found", "x = '/data'", []),
        ("NameError", "name 'requests' is not defined", "", []),
    ],
)
def test_errors_for_want_of_a_file_or_a_right(ename, evalue, source, expected):
    assert kinds(failed(ename, evalue, source)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curl: (6) Could not resolve host: x.org", ["network"]),
        ("wget: unable to resolve host address 'x.org'", ["network"]),
        ("WARNING: Retrying after connection broken by 'NewConnectionError(...)': /simple/x/", ["network"]),
        (
            "[nltk_data] Error loading punkt: <urlopen error [Errno -3] Temporary failure in name resolution>",
            ["network"],
        ),
        ("cat: /data/x.csv: No such file or directory", ["file"]),
        ("mkdir: cannot create directory '/data': Read-only file system", ["write"]),
        ("A connection refused is an error of TCP", []),
        ("The answer was not found", []),
    ],
)
def test_what_was_only_printed_counts_where_points_were_lost(text, expected):
    one = new_code_cell("")
    one.outputs = [new_output("stream", name="stderr", text=text + "\n")]
    notebook = new_notebook(cells=[one])
    assert kinds(notebook) == expected
    assert kinds(notebook, lost=False) == []


def test_checks_speak_too():
    message = "your fetch raised URLError: <urlopen error [Errno -3] Temporary failure in name resolution>"
    check = CheckResult("fetches", "It fetches.", 1.0, False, message, True, 0.1)
    result = QuestionResult("fetch", "check_fetch", 2, 0, "judged", True, checks=[check])
    found, (line,) = denied.find(new_notebook(), [result], POLICY, True)
    assert found == ["network"] and "check fetches" in line


def test_a_flood_of_text_is_looked_through_in_no_time():
    for text in ("unknown " * 120_000, "'" * 900_000, "/" * 900_000, "a\n" * 400_000):
        one = new_code_cell("")
        one.outputs = [new_output("stream", name="stdout", text=text)]
        assert kinds(new_notebook(cells=[one])) == []


def graded(student: str, *found: str) -> Grade:
    question = QuestionResult("t", "t", 1, 0, "judged", True)
    return Grade("ps1", student, "graded", "", 0, 1, [question], denied=list(found))


def test_the_class_summary_counts_them():
    grades = [graded("ada", "network"), graded("bob", "network", "file"), graded("cleo")]
    said = denied.summary(grades)
    assert said.startswith("2 submissions wanted what the sandbox does not give: the network (2), other files")
    assert "--unsandboxed" in said and "readable = [...]" in said
    assert denied.summary(grades[2:]) == ""
    out = Console(width=1000, record=True)
    out.print(*progress.class_table(grades))
    assert said in out.export_text()


CELLS = [
    ("network", "import urllib.request; urllib.request.urlopen('https://example.org/data.csv', timeout=5)"),
    ("absolute", "open({outside!r}).read()"),
    ("relative", "get_ipython().run_line_magic('run', '../lib.py')"),
    ("database", "import sqlite3; sqlite3.connect({outside!r}).execute('select 1')"),
    ("write", "open('/usr/x', 'w')"),
    ("space", "open('/tmp/x', 'wb').truncate(1 << 40)"),
    ("fine", "assert True"),
    ("own", "open('nowhere.csv')"),
]


@pytest.fixture
def plain(tmp_path) -> Path:
    """A plain course, and someone whose notebook wants all that there is outside."""
    outside = tmp_path / "outside" / "maps" / "data.csv"
    outside.parent.mkdir(parents=True)
    outside.write_text("from outside")
    root = tmp_path / "course"
    cells = [cell(code.format(outside=str(outside)), name, 1, "test") for name, code in CELLS]
    for folder in ("source", "release", "submitted/ada"):
        path = root / folder / "ps1" / "p.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(new_notebook(cells=nbformat.from_dict(cells), metadata=PYTHON), path)
    return root


def grade(root: Path) -> tuple[dict[str, float], Grade]:
    course = find_course(root)
    (found,) = grade_class(course, course.week("ps1"), options=Options(workers=1, kernel="python3"))
    return {q.question: q.points for q in found.questions}, found


@needs_sandbox
def test_the_record_and_the_report_say_what_was_denied_and_readable_allows_it(plain):
    points, found = grade(plain)
    assert {name for name, earned in points.items() if earned} == {"fine"}
    assert found.denied == ["network", "file", "write", "limit"]
    network, file, write, limit = [line for line in found.log if line.startswith("The sandbox")]
    assert network.startswith("The sandbox has no network: cell 1 (network): ") and "--unsandboxed" in network
    assert "cell 2 (absolute): FileNotFoundError" in file and "cell 3 (relative), cell 4 (database). " in file
    assert "readable = [...]" in file and "cell 5 (write)" in write and "cell 6 (space)" in limit
    course = find_course(plain)
    assert "1 submission wanted what the sandbox" in class_report.page(course, course.week("ps1"), [found])

    (plain / "nbgrader_config.py").write_text("c = get_config()\nc.Crossmodal.readable = ['../outside/maps']\n")
    points, found = grade(plain)
    assert points["absolute"] == 1, "and the earlier record did not stand"
    assert "cell 2" not in str(found.log) and "file" in found.denied


@needs_sandbox
def test_what_is_readable_is_read_only_and_hides_the_course_within(toy_tree, tmp_path, right):
    root = tmp_path / "around" / "course"
    shutil.copytree(toy_tree.root, root)
    (root.parent / "data.csv").write_text("x")
    path = root / "weeks" / "course.toml"
    path.write_text(path.read_text().replace('branch = "main"', 'branch = "main"\nreadable = [".."]'))
    right.cells[1].source += f"""
for name, found in (("data.csv", True), ("course/solutions/week01_toy/week01_toy.ipynb", False)):
    assert __import__("os").path.exists("{root.parent}/" + name) == found, name
try:
    open("{root.parent}/data.csv", "a")
    raise ValueError("written to")
except OSError:
    pass
"""
    course = find_course(root)
    (result,) = grade_many(course, course.week("1"), [("ada", right)], Options(workers=1, sandboxed=True))
    assert result.grade.log == [] and result.grade.points == 7.5 and result.grade.denied == []


def test_limits_of_a_plain_course(plain):
    config = plain / "nbgrader_config.py"
    assert find_course(plain).week("ps1").limits == Limits()
    config.write_text("c.Crossmodal.limits = {'memory': 1.5, 'processes': 7}\n")
    assert find_course(plain).week("ps1").limits == Limits(memory=1536 << 20, processes=7)
    for wrong in ("{'memroy': 1}", "{'memory': 'much'}", "{'files': 'few'}", "8"):
        config.write_text(f"c.Crossmodal.limits = {wrong}\n")
        with pytest.raises(CourseError, match="numbers by name"):
            find_course(plain)


def test_readable_of_the_course_and_of_a_week(toy_tree, tmp_path):
    root = Path(shutil.copytree(toy_tree.root, tmp_path / "c"))
    path = root / "weeks" / "course.toml"
    text = path.read_text().replace('branch = "main"', 'branch = "main"\nreadable = ["/data/all", "maps"]')
    path.write_text(text + '\nreadable = ["~/own"]\n')
    course = find_course(root)
    assert course.week("1").readable == (Path("/data/all"), root / "maps")
    assert course.week("2").readable == (Path("/data/all"), root / "maps", Path.home() / "own")
    names = [fingerprints.inputs(course, course.week(number), Options()).get("readable") for number in "12"]
    assert names[0] != names[1] and "/data/all" in names[0]
    with pytest.raises(CourseError, match=re.escape("/data/all, which the course names under readable, is not there")):
        grade_many(course, course.week("1"), [("ada", new_notebook())], Options(sandboxed=True, kernel="python3"))


@pytest.mark.parametrize("listed", ['"/data"', '["/"]', '["/proc/1"]', "[3]", '[""]'])
def test_readable_that_is_none_is_refused(toy_tree, tmp_path, listed):
    root = Path(shutil.copytree(toy_tree.root, tmp_path / "c"))
    path = root / "weeks" / "course.toml"
    path.write_text(path.read_text().replace('branch = "main"', f'branch = "main"\nreadable = {listed}'))
    with pytest.raises(CourseError, match="readable"):
        find_course(root)


def test_of_several_notebooks_all_kinds_are_of_the_whole(plain):
    nbformat.write(new_notebook(), plain / "source" / "ps1" / "q.ipynb")
    week = find_course(plain).week("ps1")
    assert together(week, [graded("ada", "file"), graded("ada", "network", "file")]).denied == ["file", "network"]
