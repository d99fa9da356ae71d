"""What befalls a grader at work: it is killed, the disk is full, the gradebook cannot be written, another one starts,
the clock jumps. Nothing finished is lost, and nothing counts that did not run.
"""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from support.gradebooks import content
from support.light import grade_as
from support.toy import RIGHT
from typer.testing import CliRunner

from grader.cli.main import app
from grader.course import files
from grader.course.syllabus import Budget
from grader.execution.kernel import Kernel
from grader.grading import batch, rubric
from grader.grading.batch import grade_class
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook
from grader.records import projection, store
from grader.records.errors import RecordError
from grader.records.lock import NAME, Busy, locked

TESTS = Path(__file__).parents[1]


def command(toy, *arguments):
    here = ["--course", str(toy.root), "--work", str(toy.work)]
    return [sys.executable, "-m", "grader.cli.main", *arguments, *here]


def grade(toy, *arguments):
    return command(toy, "grade", "1", "--workers", "1", "--kernel", "python3", *arguments)


@pytest.fixture
def book(toy, empty_gradebook):
    toy.work.mkdir(parents=True, exist_ok=True)
    shutil.copy(empty_gradebook, toy.gradebook)
    return toy.gradebook


def wait_for(what, seconds=120):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_the_same_command_finishes_what_was_interrupted(toy, week, book, right, hand_in, how, code):
    students = ["a", "b", "c", "d"]
    for name in students:
        hand_in(name, right)
    process = subprocess.Popen(grade(toy), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: toy.record(week, "a").exists() or process.poll() is not None)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert psutil.wait_procs(family, timeout=20)[1] == [], "no process is left"
    if how == signal.SIGINT:
        assert said.endswith("Stopped. What was finished is kept; the same command does the rest.\n")
    finished = {name: toy.record(week, name).read_bytes() for name in students if toy.record(week, name).exists()}
    assert 1 <= len(finished) < 4
    half = toy.record(week, "x").with_name(f".{process.pid}.abc.part")
    half.write_text("{")  # as a grader leaves it that is killed while it writes

    done = subprocess.run(grade(toy), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for name in students:
        assert store.read(toy.record(week, name)).points == 7.5
        assert f"{name}: 7.5 of 7.5 points, {'as before' if name in finished else ''}" in done.stdout
        assert name not in finished or toy.record(week, name).read_bytes() == finished[name]
    assert {row[0] for row in content(book)["grade"]} == set(students)
    assert not half.exists()


FILL = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import nbformat
from support.light import grade_as
from grader.course.discovery import find_course
from grader.records import store as records
from grader.records.errors import RecordError
course = find_course(Path({root!r}), Path({work!r}))
week = course.week("1")
notebook = nbformat.read(course.release(week), as_version=4)
try:
    for number in range(1000):
        grade_as(course, week, f"s{{number}}", notebook)
except RecordError as error:
    print(error)
except OSError as error:
    print("handing in:", error)
kept = sorted((course.work / "records").rglob("*.json"))
assert all(records.read(path).points == 7.5 for path in kept)
assert not list(course.work.rglob("*.part"))
print(len(kept))
"""


def test_on_a_disk_that_is_really_full(toy, week, tmp_path):
    """A file system of 256 kB of its own, where this machine allows one."""
    work = tmp_path / "disk"
    work.mkdir()
    script = FILL.format(tests=str(TESTS), root=str(toy.root), work=str(work))
    mount = f"mount -t tmpfs -o size=256k tmpfs {work}"
    if (
        not shutil.which("unshare")
        or subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True).returncode
    ):
        pytest.skip("this machine lends nobody a file system")
    program = ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$0" "$@"', sys.executable, "-c", script]
    done = subprocess.run(program, capture_output=True, text=True, cwd=TESTS.parent)
    assert done.returncode == 0, done.stderr
    said, kept = done.stdout.strip().rsplit("\n", 1)
    assert "No space left on device" in said and int(kept) > 3


def test_a_record_that_cannot_be_written_stops_clearly(toy, week, book, right, hand_in, monkeypatch):
    hand_in("a", right)
    hand_in("b", right)
    written = files.write_atomically

    def full(path, text):
        if path == toy.record(week, "b"):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        written(path, text)

    monkeypatch.setattr(store, "write_atomically", full)
    with pytest.raises(RecordError, match=r"b\.json cannot be written: No space left on device. What was finished"):
        grade_class(toy, week, None, Options(workers=1))
    assert store.read(toy.record(week, "a")).points == 7.5 and not toy.record(week, "b").exists()
    monkeypatch.undo()
    first = toy.record(week, "a").read_bytes()
    assert [g.points for g in grade_class(toy, week, None, Options(workers=1))] == [7.5, 7.5]
    assert toy.record(week, "a").read_bytes() == first


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    files.write_atomically(path, "old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomically(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_read_only_gradebook_costs_no_record(toy, week, book, right, hand_in):
    grades = [grade_as(toy, week, "ada", right)]
    projection.project(toy, week, grades)
    hand_in("bob", right)
    before = content(book)
    book.chmod(0o444)
    program = grade(toy)
    if os.geteuid() == 0:  # whom modes do not stop, unless that power is given up
        if not shutil.which("setpriv"):
            pytest.skip("root can write everything here")
        program = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *program]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert f"error: {book} cannot be written: attempt to write a readonly database" in done.stderr
    assert "grader rebuild week01_toy" in done.stderr
    assert store.read(toy.record(week, "bob")).points == 7.5
    assert toy.feedback(week, "bob").is_file() and "bob" in toy.report(week).read_text()
    assert content(book) == before
    book.chmod(0o644)
    assert CliRunner().invoke(app, command(toy, "rebuild", "1")[3:]).exit_code == 0
    assert ("bob", "check_double", 4, None, None, 0) in content(book)["grade"]


def test_a_second_grader_is_refused_or_waits(toy, week, right, hand_in):
    hand_in("ada", right)
    with locked(toy.work):
        for arguments in (["grade", "1"], ["rebuild"]):
            done = CliRunner().invoke(app, command(toy, *arguments)[3:])
            assert done.exit_code == 2 and done.stdout == ""
            assert f"Another grader (process {os.getpid()}, since 20" in done.stderr and "--wait" in done.stderr
    assert not toy.record(week, "ada").exists()

    order, holding = [], threading.Event()

    def first():
        with locked(toy.work):
            holding.set()
            time.sleep(0.5)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    holding.wait()
    with locked(toy.work, wait=True, on_wait=order.append):
        order.append("second")
    thread.join()
    assert order[0].startswith("Another grader") and order[1:] == ["first", "second"]


def test_a_dead_grader_blocks_nobody(toy):
    code = "import sys, time; from pathlib import Path; from grader.records.lock import locked\n"
    code += "with locked(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(600)"
    holder = subprocess.Popen([sys.executable, "-c", code, str(toy.work)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Busy, match=f"process {holder.pid}, since"), locked(toy.work):
        pass
    holder.kill()
    holder.wait()
    assert json.loads((toy.work / NAME).read_text())["pid"] == holder.pid, "it could not tidy up"
    with locked(toy.work):
        pass


def test_time_stamps_of_files_decide_nothing(toy, week, right, fill):
    grade = grade_as(toy, week, "ada", right)
    earlier = batch._Earlier(toy, week, Options())
    path = toy.submission(week, "ada")
    for stamp in (0, 1, 4_000_000_000):
        for file in (path, toy.release(week), toy.autograded(week, "ada"), rubric.visible_checks(toy.root, week)):
            os.utime(file, (stamp, stamp))
        assert earlier.of("ada", path) == (grade, [])
        assert batch._Earlier(toy, week, Options()).of("ada", path) == (grade, [])
    text = path.read_text()
    path.write_text(text.replace("n + n", "n - n"))  # of the same length, and soon of the same age
    os.utime(path, (stamp, stamp))
    assert earlier.of("ada", path) == (None, [])
    path.write_text(text)
    record = toy.record(week, "ada")
    for moment in ("1970-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"):
        record.write_text(record.read_text().replace(store.read(record).graded_at, moment))
        assert earlier.of("ada", path)[0] is not None


def test_budgets_do_not_follow_the_clock(toy, week, fill, monkeypatch):
    """The clock jumps by a day, to and fro, as soon as cells run."""
    real, run, jumps = time.time, Kernel.run, []

    def jumping():
        jumps.append(1)
        return real() + 86_400 * (-1) ** len(jumps)

    def started(*arguments):
        monkeypatch.setattr(time, "time", jumping)
        return run(*arguments)

    monkeypatch.setattr(Kernel, "run", started)
    answers = {**RIGHT, "table": "while True: pass", "mean": "import time\ntime.sleep(0.3)\n" + RIGHT["mean"]}
    began = time.monotonic()
    result = grade_notebook(toy, week, fill(**answers), "ada", Options(budget=Budget(2, 60, 5)))
    assert {q.question: q.points for q in result.grade.questions} == {"double": 4, "table": 0, "mean": 1.5, "why": 0}
    assert result.grade.log == ["Cell 8 (table): it took longer than 2 s, and was interrupted."]
    assert 2 < result.grade.timings["total"] <= time.monotonic() - began < 60
