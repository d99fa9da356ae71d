"""The sandbox: what is inside, what is not, what happens at its limits, and what grading does without one."""

import os
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from support.toy import RIGHT

from grader.course.discovery import find_course
from grader.course.syllabus import Course, Limits
from grader.execution import confine, sandbox
from grader.execution.kernel import Kernel, environment
from grader.execution.sandbox import Policy, Sandbox, SandboxError
from grader.grading.options import Options
from grader.grading.pipeline import grade_notebook
from grader.grading.pool import grade_many

needs_sandbox = pytest.mark.skipif(bool(sandbox.unavailable()), reason=f"no sandbox here: {sandbox.unavailable()}")
MB = 1 << 20


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A course-like folder with something to show and something to hide."""
    root = tmp_path_factory.mktemp("course")
    for name in ("weeks/lab.py", "solutions/secret.txt", "gradebook.db"):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("GRANARY = 1\n")
    return root


@pytest.fixture(scope="module")
def kernel(tree):
    limits = Limits(memory=256 * MB, disk=16 * MB, processes=40, files=256)
    env = environment([tree / "weeks"], threads=1) | {"MARK": "seven"}
    with Kernel("python3", env, Policy((tree / "weeks",), (tree,), limits)) as kernel:
        yield kernel


@pytest.fixture
def run(kernel):
    """run(code) is what a cell with this code printed, or its error."""

    def ran(code: str, seconds: float = 20) -> str:
        result = kernel.run(code, seconds)
        return result.error or "".join(o.get("text", "") for o in result.outputs)

    return ran


@needs_sandbox
class TestLeftBehind:
    def test_by_one_who_is_killed_while_it_starts(self):
        for delay in range(40):
            child = os.fork()
            if child == 0:
                try:
                    with Sandbox(Policy()):
                        time.sleep(5)
                finally:
                    os._exit(0)
            time.sleep(delay / 1000)
            os.kill(child, 9)
            os.waitpid(child, 0)
        sandbox.sweep()
        assert _within(5, lambda: not _orphans())

    def test_sweep_ends_what_has_lost_its_first_process(self, tmp_path):
        listed = tmp_path / "args"
        listed.write_bytes(b"--ro-bind\0/\0/\0--proc\0/proc\0--unshare-pid")
        bwrap, cat = shutil.which("bwrap"), shutil.which("cat")
        with listed.open() as file, Sandbox(Policy()) as good:
            orphaned = subprocess.Popen(
                [bwrap, "--args", str(file.fileno()), "--", cat],
                stdin=subprocess.PIPE,
                pass_fds=[file.fileno()],
                start_new_session=True,
            )
            (second,) = _within(5, lambda: psutil.Process(orphaned.pid).children())
            orphaned.kill()
            orphaned.wait()
            assert second.is_running()
            sandbox.sweep()
            assert _within(5, lambda: not second.is_running())
            assert psutil.pid_exists(good.pid)
        orphaned.stdin.close()


def _orphans() -> list[int]:
    """Sandboxes that nobody has any more; those of tests beside this one have a parent."""
    return [p.pid for p in psutil.process_iter(["name", "ppid"]) if p.info["name"] == "bwrap" and p.info["ppid"] == 1]


def _within(seconds, what):
    """What comes of it as soon as it is true, or at last."""
    until = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < until:
        time.sleep(0.01)
    return found


@needs_sandbox
class TestInside:
    def test_shown_and_hidden(self, run, tree):
        assert run("import lab; print(lab.GRANARY)") == "1\n"
        assert run(f"import os; print(os.listdir({str(tree)!r}))") == "['weeks']\n"
        assert "Read-only" in run(f"open({str(tree / 'weeks' / 'x')!r}, 'w')")
        assert "No such file" in run(f"open({str(tree / 'gradebook.db')!r})")

    def test_environment(self, run, monkeypatch):
        assert (
            run("print(os.environ['MARK'], os.environ['HOME'], os.getcwd())") == "seven /home/student /home/student\n"
        )
        assert "AWS" not in run("print(open('/proc/self/environ').read())")

    def test_no_network(self, run):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            said = run(f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
        assert "refused" in said or "unreachable" in said
        assert "gaierror" in run("socket.getaddrinfo('example.org', 80)") or "resolution" in run(
            "socket.getaddrinfo('example.org', 80)"
        )

    def test_no_other_process(self, run):
        seen = run("print(*[p for p in os.listdir('/proc') if p.isdigit()])").split()
        assert len(seen) < 8 and str(os.getpid()) not in seen

    def test_no_privileges(self, run):
        status = run("print(open('/proc/self/status').read())")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert fields["NoNewPrivs"] == "1"
        assert run("print(os.getuid())") == "1000\n"
        failed = run("import ctypes; libc = ctypes.CDLL(None); print(libc.unshare(0x10000000), libc.unshare(0x20000))")
        assert failed == "-1 -1\n"
        refused = "import socket\nfor family in (socket.AF_VSOCK, socket.AF_PACKET):\n  try: socket.socket(family)\n"
        assert run(refused + "  except PermissionError: print('no')") == "no\nno\n"
        assert "not permitted" in run("os.memfd_create('x')")
        assert "Read-only" in run("open('/proc/sys/kernel/core_pattern', 'w')")

    def test_own_folders_are_small_and_all_that_can_be_written(self, run):
        home = "os.path.expanduser('~/b')"
        assert run(f"import os; open('/tmp/a', 'w').write('a'); open({home}, 'w').write('b'); print('ok')") == "ok\n"
        assert "space" in (said := run("open('/tmp/big', 'wb').write(bytes(20_000_000))")) or "too large" in said
        assert "No space" in run("[open(f'/tmp/{i}', 'wb').write(bytes(4_000_000)) for i in range(9)]")
        assert "Read-only" in run("open('/dev/x', 'w')") and "Read-only" in run("open('/x', 'w')")
        run("import shutil; [os.remove(f'/tmp/{n}') for n in os.listdir('/tmp') if os.path.isfile(f'/tmp/{n}')]")

    def test_memory(self, run):
        assert "MemoryError" in run("x = bytearray(900_000_000)")
        assert run("print('still here')") == "still here\n"

    def test_open_files(self, run):
        assert "Too many open files" in run("held = [open('/dev/null') for _ in range(400)]")
        run("del held")


@needs_sandbox
def test_memory_of_all_together_and_processes_are_watched(tree):
    limits = Limits(memory=300 * MB, processes=40)
    hog = "import subprocess, sys\nkids = [subprocess.Popen([sys.executable, '-c', {!r}]) for _ in range({})]\n"
    hog += "import time\ntime.sleep(20)"
    for code, count, says in (
        ("x = bytearray(130_000_000); import time; time.sleep(20)", 4, "GB of memory"),
        ("import os, time\nwhile True:\n  try: os.fork() or time.sleep(20)\n  except OSError: time.sleep(20)", 1, ""),
    ):
        with Kernel("python3", environment([], 1), Policy((), (tree,), limits)) as kernel:
            began, pid = time.monotonic(), kernel.pid
            ran = kernel.run(hog.format(code, count), 6)
            assert time.monotonic() - began < 12
            assert says in ran.why and ran.status in ("dead", "timeout")
        assert not psutil.pid_exists(pid)


@needs_sandbox
@pytest.mark.skipif(confine._release() < (6, 14), reason="process numbers are the whole machine's before Linux 6.14")
def test_a_fork_bomb_runs_out_of_numbers(tree):
    """However slowly it is watched, as the machine's root too, which no limit on processes holds."""
    outside = Path("/proc/sys/kernel/pid_max").read_text()
    bomb = "import os, time\nfor _ in range(10):\n  try: os.fork()\n  except OSError: time.sleep(0.1)\ntime.sleep(20)"
    with Kernel("python3", environment([], 1), Policy((), (tree,), Limits(processes=40))) as kernel:
        asked = "print(open('/proc/sys/kernel/pid_max').read().strip()); open('/proc/sys/kernel/pid_max', 'w')"
        told = kernel.run(asked, 5)
        assert told.outputs[0]["text"].strip() == "340" and "Read-only file system" in str(told.outputs)
        most, ended = [0], threading.Event()
        counting = threading.Thread(target=_count, args=(kernel.sandbox, most, ended))
        counting.start()
        ran = kernel.run(bomb, 6)
        ended.set()
        counting.join()
        assert ran.status == "dead" and "more than 40 processes" in ran.why
        assert 40 < most[0] <= 345
    assert Path("/proc/sys/kernel/pid_max").read_text() == outside


def _count(sandbox, most, ended):
    while not ended.wait(0.005):
        most[0] = max(most[0], len(sandbox.processes()))


@needs_sandbox
def test_all_ends_with_the_sandbox(tree):
    with Sandbox(Policy((), (tree,))) as box:
        pid = box.pid
        assert psutil.pid_exists(pid) and len(box.processes()) == 2
    assert not psutil.pid_exists(pid)


@needs_sandbox
def test_what_lies_within_something_shown_is_hidden_all_the_same(tree):
    with Sandbox(Policy((tree, tree / "weeks"), (tree / "solutions",))) as box:
        assert os.listdir(box.path(tree / "solutions")) == []
        assert os.listdir(box.path(tree / "weeks")) == ["lab.py"]


@needs_sandbox
def test_two_submissions_do_not_meet(toy, week, fill):
    leave = "import os\nfor p in ('/tmp', os.path.expanduser('~'), '/dev/shm'): open(f'{p}/note', 'w').write('hi')\n"
    look = (
        "import os\nfound = [p for p in ('/tmp', os.path.expanduser('~'), '/dev/shm') if os.path.exists(f'{p}/note')]\n"
    )
    look += "assert not found, found\n"
    jobs = [
        ("first", fill(**{**RIGHT, "double": leave + RIGHT["double"]})),
        ("second", fill(**{**RIGHT, "double": look + RIGHT["double"]})),
    ]
    results = grade_many(toy, week, jobs, Options(workers=1, sandboxed=True))
    assert [r.grade.points for r in results] == [7.5, 7.5] and results[1].grade.log == []


def test_the_record_says_whether_there_was_a_sandbox(toy, week, right):
    (loose,) = grade_many(toy, week, [("ada", right)], Options(workers=1, sandboxed=False))
    assert loose.grade.inputs["sandbox"] == "none" and loose.grade.points == 7.5
    if not sandbox.unavailable():
        safe = grade_notebook(toy, week, right, "ada", Options(sandboxed=True))
        assert safe.grade.inputs["sandbox"] == "bubblewrap"


@pytest.mark.parametrize("lacking", ["program", "system", "permission"])
def test_without_a_sandbox_grading_refuses_and_says_what_to_do(toy, week, right, monkeypatch, tmp_path, lacking):
    sandbox.unavailable.cache_clear()
    if lacking == "program":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    elif lacking == "system":
        monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    else:
        (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
        (tmp_path / "bwrap").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(SandboxError, match="--unsandboxed") as raised:
        grade_many(toy, week, [("ada", right)], Options(sandboxed=True))
    assert {"program": "not installed", "system": "need Linux", "permission": "No permissions"}[lacking] in str(
        raised.value
    )
    monkeypatch.undo()
    sandbox.unavailable.cache_clear()


def test_limits_come_from_the_syllabus(toy_tree: Course, tmp_path):
    shutil.copytree(toy_tree.root, tmp_path / "c")
    path = tmp_path / "c" / "weeks" / "course.toml"
    path.write_text(
        path.read_text() + "\n[course.limits]\nmemory = 1.5\n\n[weeks.week02_other.limits]\nprocesses = 7\n"
    )
    course = find_course(tmp_path / "c")
    assert course.week("1").limits == replace(Limits(), memory=1536 * MB)
    assert course.week("2").limits == replace(Limits(), memory=1536 * MB, processes=7)
