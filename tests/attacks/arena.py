"""Where attacks are graded: the toy course with small limits, and around it what an attacker would like to have.

Planted are a solution and a rubric, a gradebook, records and work of another student, a private key, a variable in the
grader's environment, a key in its session keyring, a process, and listeners on TCP, on an abstract and on a named
socket. All hold or answer one token, so that it can be looked for wherever results are written.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbformat import NotebookNode
from support.toy import MARKER, RIGHT, SECRET, build_course

from attacks.cases import Case, handed_in
from grader.authoring.release import release
from grader.course.discovery import find_course
from grader.execution import provisioner
from grader.grading.batch import save
from grader.grading.options import Options
from grader.grading.pool import grade_many
from grader.records.grade import Grade

LIMITS = "\n[course.limits]\nmemory = 0.5\ndisk = 0.0625\nprocesses = 64\nfiles = 256\n"
# What the judge asks with inside the kernel, and what the visible checks compare with: the one is to be patched, the
# other to be found.
PROBES = '"""Small handles that the checks use."""\n\n\ndef given(function, *args):\n    return function(*args)\n'
REFERENCE = f"""# {MARKER}
table = [2, 4, 6]


def double(n):
    return 2 * n


def mean(values):
    return sum(values) / len(values)
"""
ESCAPED = "ESCAPED:"
# families graded in forked kernels, as the course uses them, and with which libraries besides; else in Jupyter's own
WARM = {"forgery": (), "escape": (), "exhaustion": (), "tensors": ("torch", "torch._dynamo")}
BYSTANDERS = ("bystander-first", "bystander-last")
KEYCTL, ADD_KEY = {"x86_64": (250, 248), "aarch64": (219, 217)}.get(os.uname().machine, (0, 0))


@dataclass(frozen=True)
class Outcome:
    """What came of one submission. seconds: that grading it took.  escaped: attempts that succeeded, as it says."""

    grade: Grade
    seconds: float
    escaped: list[str] = field(default_factory=list)


class Arena:
    """A context manager. Inside, `grade` grades cases as one batch, and `harm` says what that did around it."""

    def __init__(self, folder: Path) -> None:
        self.token = f"CANARY-{secrets.token_hex(12)}"
        self.abstract = f"xm-{secrets.token_hex(6)}"
        self.secrets = folder / "secrets"
        build_course(folder / "course")
        table = folder / "course" / "weeks" / "course.toml"
        table.write_text(table.read_text(encoding="utf-8") + LIMITS, encoding="utf-8")
        helper = folder / "course" / "weeks" / "week01_toy" / "toy_lab"
        (helper / "probes.py").write_text(PROBES, encoding="utf-8")
        (helper / "checks" / "reference.py").write_text(REFERENCE, encoding="utf-8")
        rubric = folder / "course" / "grader" / "rubrics" / "week01_toy" / "checks" / "mean.py"
        asked = 'student.library("toy_lab.probes").given(student.mean, values)'
        rubric.write_text(rubric.read_text(encoding="utf-8").replace("student.mean(values)", asked), encoding="utf-8")
        self.course = find_course(folder / "course", folder / "class")
        release(self.course)
        self.week = self.course.week("1")
        self.visits: list[str] = []  # connections to the listeners
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Arena:
        work, week = self.course.work, self.week
        for path in (
            work / "gradebook.db",
            work / "records" / week.slug / "ada.json",
            work / "submitted" / "ada" / week.slug / f"{week.slug}.ipynb",
            self.secrets / ".ssh" / "id_rsa",
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.token, encoding="utf-8")
        provisioner.close_servers()  # those to come inherit what is planted in this process
        self._stack.callback(provisioner.close_servers)
        os.environ["CROSSMODAL_TEST_TOKEN"] = self.token
        self._stack.callback(os.environ.pop, "CROSSMODAL_TEST_TOKEN")
        if KEYCTL:
            libc, text = ctypes.CDLL(None), f"note-{self.token}".encode()
            libc.syscall(KEYCTL, 1, None)  # a session keyring of this process's own
            libc.syscall(ADD_KEY, b"user", b"xm-note", text, len(text), -3)
        self.port = self._listen(socket.AF_INET, ("127.0.0.1", 0)).getsockname()[1]
        self._listen(socket.AF_UNIX, "\0" + self.abstract)
        self._listen(socket.AF_UNIX, str(self.secrets / "listen.sock"))
        sleep = [sys.executable, "-c", "import time; time.sleep(3600)", self.token]
        self.process = subprocess.Popen(sleep, env={**os.environ, "TOKEN": self.token})
        self._stack.callback(self.process.wait)
        self._stack.callback(self.process.kill)
        self.remember()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stack.close()

    def _listen(self, family: int, address: Any) -> socket.socket:
        listener = self._stack.enter_context(socket.socket(family))
        listener.bind(address)
        listener.listen()

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    self.visits.append(str(address))
                    connection.sendall(self.token.encode())
                    connection.close()

        threading.Thread(target=answer, daemon=True).start()
        return listener

    def solved(self) -> NotebookNode:
        """The released notebook with every answer right."""
        notebook = nbformat.read(self.course.release(self.week), as_version=4)
        for cell in notebook.cells:
            cell.source = RIGHT.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
        return notebook

    def hand_in(self, case: Case, solved: NotebookNode | None = None) -> bytes:
        """The case's file, with the real places in it. solved: to build it from, instead of this course's."""
        text = handed_in(case, copy.deepcopy(solved or self.solved()))
        for name, value in (
            ("WORK", self.course.work),
            ("ROOT", self.course.root),
            ("SECRETS", self.secrets),
            ("PORT", self.port),
            ("ABSTRACT", self.abstract),
            ("PID", self.process.pid),
        ):
            text = text.replace(f"@{name}@".encode(), str(value).encode())
        return text

    def grade(self, cases: Sequence[Case], kernel: str) -> dict[str, Outcome]:
        """{name: Outcome} of the cases, and of an honest bystander before and behind them, graded as one batch."""
        jobs, began, seconds, names = [], {}, {}, {}
        honest = nbformat.writes(self.solved()).encode()
        files = [(BYSTANDERS[0], honest), *((c.name, self.hand_in(c)) for c in cases), (BYSTANDERS[1], honest)]
        plants = {case.name: case.plant for case in cases if case.plant}
        for number, (name, content) in enumerate(files):
            names[f"student{number}"] = name
            path = self.course.submission(self.week, f"student{number}")
            if plant := plants.get(name):
                plant(path, self.course.submission(self.week, "student0"))
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            jobs.append((f"student{number}", path))
        self.remember()
        results = grade_many(
            self.course,
            self.week,
            jobs,
            Options(workers=2, kernel=kernel),
            on_start=lambda student: began.setdefault(student, time.monotonic()),
            on_done=lambda student, result: seconds.update({student: time.monotonic() - began[student]}),
        )
        outcomes = {}
        for (student, _), result in zip(jobs, results, strict=True):
            save(self.course, self.week, result)
            outcomes[names[student]] = Outcome(result.grade, seconds[student], escapes(result.notebook))
        return outcomes

    def remember(self) -> None:
        """From now on, what differs from how it is now is harm."""
        self._before = self._state()

    def leaks(self) -> list[str]:
        """Which of the results hold something that a student must not see."""
        secrets = [text.encode() for text in (self.token, MARKER, SECRET)]
        slug = self.week.slug
        made = [*self.course.work.glob("autograded/**/*"), *self.course.work.glob(f"records/{slug}/student*.json")]
        found = {path: path.read_bytes() for path in made if path.is_file()}
        return [str(path) for path, content in found.items() if any(secret in content for secret in secrets)]

    def harm(self) -> list[str]:
        """What is not as it was before the batch, in words."""
        provisioner.close_servers()
        found = [f"somebody connected to {address}" for address in sorted(set(self.visits))]
        after = self._state()
        found += [f"{path} changed" for path in sorted(self._before.keys() ^ after.keys())]
        found += [f"{path} changed" for path in sorted(after) if self._before.get(path, after[path]) != after[path]]
        until = time.monotonic() + 8  # the daemons of one case wake after six seconds
        while (left := self._left()) and time.monotonic() < until:
            time.sleep(0.2)
        return found + left

    def _state(self) -> dict[str, str]:
        """What must stay as it is: {file: hash of its content} and how the planted process does."""
        kept = (self.course.root, self.secrets, self.course.work / "gradebook.db", self.course.work / "submitted")
        files = [path for base in kept for path in (base.rglob("*") if base.is_dir() else [base])]
        state = {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else str(path.lstat().st_mode)
            for path in files
            if "__pycache__" not in path.parts
        }
        state["the class folder"] = str(sorted(set(os.listdir(self.course.work)) - {"autograded", "records"}))
        process = psutil.Process(self.process.pid)
        status = "stopped" if process.status() in ("stopped", "tracing-stop", "zombie") else "as ever"
        return state | {"the planted process": f"{status}, nice {process.nice()}"}

    def _left(self) -> list[str]:
        """Processes and folders that should be gone: ours, those of daemons, and sandboxes that lost their grader."""
        left = []
        mine = {process.pid for process in psutil.Process().children(recursive=True)} - {self.process.pid}
        for process in psutil.process_iter(["pid", "cmdline", "status"]):
            told = process.info
            line = " ".join(told["cmdline"] or [])
            orphan = told["cmdline"] and "bwrap" in told["cmdline"][0] and self._is_in_mounts_of(told["pid"])
            daemon = self.abstract in line or "sleep 64.25" in line
            if told["status"] != "zombie" and (told["pid"] in mine or orphan or daemon):
                left.append(f"process {told['pid']} is left: {line[:100]}")
        return left + [f"{path} is left" for path in Path("/tmp").glob(f"xm-{os.getpid()}-*")]

    def _is_in_mounts_of(self, pid: int) -> bool:
        with contextlib.suppress(OSError):
            return str(self.course.root) in Path(f"/proc/{pid}/mountinfo").read_text()
        return False


def escapes(notebook: NotebookNode | None) -> list[str]:
    """The lines with which cells say that they got out or over a limit."""
    lines = []
    for cell in notebook.cells if notebook else []:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stdout":
                lines += [line for line in output.text.splitlines() if line.startswith(ESCAPED)]
    return lines


@contextlib.contextmanager
def warm_kernelspec(folder: Path, libraries: Sequence[str] = ()) -> Any:
    """A kernelspec of forked kernels with few libraries and these; gives its name."""
    python = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    config = {
        "provisioner_name": "crossmodal-warm",
        "config": {"libraries": ["numpy", "coursekit.student", *libraries]},
    }
    spec = {"argv": python, "display_name": "warm", "language": "python", "metadata": {"kernel_provisioner": config}}
    (folder / "kernels" / "warm-attack").mkdir(parents=True)
    (folder / "kernels" / "warm-attack" / "kernel.json").write_text(json.dumps(spec))
    old = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(folder), old]))
    try:
        yield "warm-attack"
    finally:
        os.environ.pop("JUPYTER_PATH") if old is None else os.environ.update(JUPYTER_PATH=old)
        shutil.rmtree(folder, ignore_errors=True)
