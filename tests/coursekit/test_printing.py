"""Whatever happens to what is printed, grading goes on and everything else is written."""

import errno
import fcntl
import io
import json
import os
import pty
import subprocess
import sys
import time

import pytest
from support.light import grade_as, refuse
from support.toy import RIGHT

from grader.cli import base, progress
from grader.cli.base import Steady
from grader.records import projection


@pytest.fixture
def command(toy, week, right, fill, empty_gradebook):
    """The command that grades a class anew, of which everything is known already but the pages."""
    toy.work.mkdir(parents=True)
    toy.gradebook.write_bytes(empty_gradebook.read_bytes())
    students = ["ada", "zoë ✎", *(f"student with a long name {number}" for number in range(24))]
    grades = [grade_as(toy, week, name, right) for name in students]
    grades += [grade_as(toy, week, "bob", fill(**{**RIGHT, "double": "def double(n):\n    return 2"}), double=1)]
    projection.project(toy, week, grades)
    grade = [sys.executable, "-m", "grader.cli.main", "grade", "1", "--kernel", "python3", "--workers", "1"]
    return [*grade, "--course", str(toy.root), "--work", str(toy.work)]


def done(toy, week):
    return toy.report(week).is_file() and toy.feedback(week, "zoë ✎").is_file() and toy.feedback(week, "bob").is_file()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_screen_that_lacks_characters(toy, week, command, encoding):
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    ran = subprocess.run(command, capture_output=True, env=environment)
    out = ran.stdout.decode(encoding)
    assert ran.returncode == 0 and done(toy, week), ran.stderr
    assert "ada: 7.5 of 7.5 points, as before" in out
    assert ("zo? ?: 7.5" if encoding == "ascii" else "zoë ?: 7.5") in out and "Traceback" not in ran.stderr.decode()


@pytest.mark.parametrize(
    ("redirect", "code", "says"),
    [
        (">/dev/full", 1, "What is printed could not all be written: No space left on device."),
        (">&-", 0, ""),
        (">&- 2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        ("</dev/null >/dev/full 2>&1", 1, ""),
        ("--json >/dev/full", 1, "No space left on device"),
        ("1>&0 </dev/null", 1, "Bad file descriptor"),
    ],
)
def test_streams_that_take_nothing(toy, week, command, redirect, code, says):
    ran = subprocess.run(["sh", "-c", f'exec "$@" {redirect}', "sh", *command], capture_output=True, text=True)
    assert ran.returncode == code and done(toy, week), ran.stderr
    assert says in ran.stderr and "Traceback" not in ran.stderr and "Exception ignored" not in ran.stderr


def test_a_pipe_that_is_closed(toy, week, command):
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert ran.returncode == 0 and ran.stderr == "" and done(toy, week)


@pytest.mark.parametrize("nonblocking", [False, True])
def test_a_pipe_that_nobody_reads_for_a_while(toy, week, command, nonblocking):
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(write, not nonblocking)
    os.write(write, b"x" * 4096)  # it is full from the beginning
    process = subprocess.Popen([*command, "--json"], stdout=write, stderr=subprocess.DEVNULL)
    os.close(write)
    deadline = time.monotonic() + 60
    while not done(toy, week):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    with os.fdopen(read, "rb") as file:
        told = file.read()[4096:].decode()
    assert process.wait(30) == 0
    assert len(json.loads(told)["grades"]) == 27, "all of it arrives"


def test_a_terminal_that_goes_away(toy, week, command):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs), os.close(ours)
    assert process.wait(60) == 1 and done(toy, week)


def test_an_error_of_each_kind_is_remembered():
    class Broken(io.StringIO):
        def write(self, text):
            raise OSError(errno.EIO, "Input/output error")

    stream = Steady(Broken())
    assert stream.write("x") == 1 and stream.lost == errno.EIO
    closed = io.StringIO()
    closed.close()
    stream = Steady(closed)
    assert stream.write("x") == 1 and stream.lost == errno.EBADF
    whole = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stream = Steady(whole)
    stream.write("a\ud800ë✎"), stream.flush(), stream.finish()
    assert whole.buffer.getvalue() == b"a???" and stream.lost == 0


def test_as_before_is_said_only_of_what_was_there_before(toy, week, right, capsys):
    grade = grade_as(toy, week, "ada", right)
    absent = refuse(toy, week, "gone", "Nothing was handed in: there is no week01_toy.ipynb.", handed_in=False)
    with progress.Watch(base.console(), "Grading", 3) as watch:
        watch.on_done("gone", absent)
        watch.on_start("new")
        watch.on_done("new", grade)
        watch.on_done("ada", grade)
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.endswith("there is no week01_toy.ipynb.") and "as before" not in second
    assert third == "[3/3] ada: 7.5 of 7.5 points, as before"
