"""Hostile and broken submissions against `grader` and against stock `nbgrader autograde`, side by side.

    python benchmarks/attacks.py
    python benchmarks/attacks.py --kinds benchmarks/results/attacks-kinds.md   # what is no submission of that course

The cases are those of tests/attacks. Stock nbgrader gets the same assignment as it is usually written for it: asserts,
and hidden tests, inside the notebook. Whatever could harm this machine runs there in a sandbox around all of nbgrader,
with files of its own, limits and a time limit; what would need more than that is left out. Needs Linux and bubblewrap.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import psutil
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
# folders of tests are named like what they test: the packages themselves are found first
sys.path[:0] = [str(ROOT), *(str(ROOT / name) for name in ("datasets", "weeks", "tests"))]

from attacks import escape, exhaustion, files, forgery, honest, malformed, tensors  # noqa: E402
from attacks.arena import BYSTANDERS, WARM, Arena, escapes, warm_kernelspec  # noqa: E402
from attacks.cases import Case  # noqa: E402
from attacks.edits import FULL  # noqa: E402
from attacks.forgery import borrowed  # noqa: E402
from grading import machine  # noqa: E402
from support.toy import RIGHT, toy_notebook  # noqa: E402

from grader.cli.base import console  # noqa: E402

FAMILIES = {
    module.CASES[0].family: module.CASES for module in (forgery, escape, exhaustion, malformed, honest, tensors, files)
}
# what is no submission of the toy course, by the tests that try it
KINDS = {
    "nbgrader's pages on hostile notebooks, opened in Chromium": ["tests/browser/test_hostile_in_nbgrader.py"],
    "the course's own weeks: references looked for, artefacts beside hollow answers, things that pose as trained": [
        "tests/attacks/test_weeks.py"
    ],
    "a batch with pipes, links, devices and names that are no text": ["tests/attacks/test_files.py"],
    "the fork server, workers or the command killed meanwhile": [
        f"tests/grader/grading/test_{name}"
        for name in (
            "pool.py::test_the_end_of_the_server_is_no_submissions_fault",
            "pool.py::test_scratch_of_a_killed_grader_is_removed",
            "pool.py::test_how_a_worker_ended_is_told",
            "pool.py::test_a_worker_that_hangs_is_ended",
            "batch.py::test_stopping_leaves_no_process_and_keeps_what_was_done",
        )
    ],
    "cells of exports that a spreadsheet could take for formulas": ["tests/grader/reporting/test_csv_export.py"],
}
KINDS_HEAD = [
    "# Attacks that are no submission of the toy course",
    "",
    f"Made by `python benchmarks/attacks.py --kinds benchmarks/results/attacks-kinds.md`. {machine()}",
    "",
]
CELL_SECONDS = 4
WORKER = "a worker or the server they are forked from"
PRIVATE = ("Private_Dirty:", "Private_Clean:")
BATCH_SECONDS = {"forgery": 1200, "malformed": 600, "honest": 1200, "tensors": 400}  # of stock nbgrader; else
ALONE_SECONDS = 180
LIMITS = ["prlimit", f"--data={3 << 30}", f"--fsize={256 << 20}", "--core=0", "--nofile=1024"]
# Against stock nbgrader each of these is a batch of its own: the case, and an honest bystander behind it. The others
# of the two families are for what only a sandbox has, or could not be contained (forks, disk and memory without end).
ALONE = {
    "escape": (
        "solutions, rubrics, the gradebook, records and other work by path",
        "the same through /proc and inherited descriptors",
        "environments of all processes, and what memory holds",
        "the system, the course and the settings of the machine written to",
        "every process it can name killed, stopped and starved",
        "daemons that outlive the notebook",
        "this machine's ports, names, the internet, raw packets",
        "sockets of the host by name, abstract and in files",
        "start-up files and caches laid for the next kernel",
    ),
    "exhaustion": (
        "a loop without end, below an answer that is fine",
        "sleep that ignores interrupts",
        "a loop without end in C",
        "one call of the judge without end",
        "a crash in native code",
        "exit, abort and a kill of its own",
        "memory in one process",
        "lines without end",
        "displays of a gigabyte",
    ),
    "files": tuple(files.PLANTS),
}
HIDDEN = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"
TWICE = "start-up files and caches laid for the next kernel"  # by one student, found by the next
# right numbers in types of their own, which asserts may well accept
NOT_CHEATS = (
    "arrays that broadcast: no entries, too many, negative and no strides",
    "numbers in disguise: text, fractions, one-element lists, half characters",
    *(f"the course's reference {way}" for way in borrowed.BORROWED),  # nbgrader's own tests have none
)
TESTED = {  # the toy week's checks as nbgrader's own tests
    "double": "import random\nassert double(1) == 2\n"
    + HIDDEN.format("for n in random.sample(range(-1000, 1000), 5):\n    assert double(n) == 2 * n"),
    "table": "assert len(table) == 3\n" + HIDDEN.format("assert list(table) == [2, 4, 6]"),
    "mean": "import numpy as np\nassert mean([2.0, 2.0]) == 2.0\n"
    + HIDDEN.format("values = np.random.normal(size=7)\nassert np.allclose(mean(values), values.mean())"),
}


@dataclass
class Found:
    """What one grader made of one case. points: {question: points}, None where it was not graded at all."""

    points: dict[str, float] | None = None
    escaped: list[str] = field(default_factory=list)
    bystander: bool = True  # the honest one in the same batch has its points
    seconds: float = 0.0


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "attacks.md")
    arguments.add_argument(
        "--kinds", type=Path, help="instead write here the table of kinds that are no submission of the toy course"
    )
    arguments.add_argument("--inside", type=Path, help=argparse.SUPPRESS)  # of the sandbox around stock nbgrader
    options = arguments.parse_args()
    if options.inside:
        inside(options.inside)
        return
    out = console()
    if options.kinds:
        with tempfile.TemporaryDirectory(prefix="attacks-") as temporary:
            text = "\n".join([*KINDS_HEAD, *beyond(Path(temporary)), ""])
        out.print(text, markup=False, soft_wrap=True)
        options.kinds.write_text(text, encoding="utf-8")
        return
    with tempfile.TemporaryDirectory(prefix="attacks-") as temporary:
        began = time.monotonic()
        theirs, aborted = stock(Path(temporary) / "stock")
        out.print(f"nbgrader autograde: {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        with Watched() as watched:
            mine = ours(Path(temporary) / "ours")
        out.print(f"grader: {time.monotonic() - began:.0f} s")
    text = page(theirs, mine, aborted, watched)
    out.print(text, markup=False, soft_wrap=True)
    options.output.write_text(text, encoding="utf-8")
    out.print(f"written to {options.output}", soft_wrap=True)


class Watched:
    """A context manager: the most memory that each of the grader's own processes had meanwhile, looked at often.

    Its own, that is: pages that are shared with others it was forked from are not its.
    """

    def __init__(self) -> None:
        self.most = {"the command": 0, WORKER: 0}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def __str__(self) -> str:
        return ", ".join(f"{who} {size / 2**20:,.0f} MB" for who, size in self.most.items())

    def _look(self) -> None:
        here = os.readlink("/proc/self/ns/pid")
        while not self._done.wait(0.05):
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                with contextlib.suppress(OSError, psutil.Error, StopIteration, ValueError):
                    who = "the command" if process.pid == os.getpid() else WORKER
                    if who == WORKER and "grader.execution.forkserver" not in process.cmdline():
                        continue
                    if os.readlink(f"/proc/{process.pid}/ns/pid") != here:
                        continue  # a kernel
                    lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
                    own = sum(int(line.split()[1]) << 10 for line in lines if line.startswith(PRIVATE))
                    self.most[who] = max(self.most[who], own)


# --- ours -------------------------------------------------------------------------------------------------------------


def ours(folder: Path) -> dict[str, Found]:
    """Every case, each family as one batch over two workers, as in the tests."""
    found: dict[str, Found] = {}
    for family, cases in FAMILIES.items():
        with (
            warm_kernelspec(folder / f"{family}-jupyter", WARM.get(family, ())) as warm,
            Arena(folder / family) as arena,
        ):
            kernel = warm if family in WARM else "python3"
            outcomes = arena.grade(cases, kernel)
            outside = [*arena.leaks(), *arena.harm()]
        fair = all(outcomes[name].grade.points == sum(FULL.values()) for name in BYSTANDERS)
        for case in cases:
            outcome = outcomes[case.name]
            points = {question.question: question.points for question in outcome.grade.questions}
            graded = points if outcome.grade.outcome == "graded" else None
            found[case.name] = Found(graded, outcome.escaped, fair, outcome.seconds)
        if outside:
            found[cases[0].name].escaped += outside
    return found


# --- stock nbgrader ---------------------------------------------------------------------------------------------------


def stock(folder: Path) -> tuple[dict[str, Found], list[str]]:
    """The cases that apply, and those at which a batch ended before its end."""
    batches = {family: [c.name for c in FAMILIES[family] if c.name not in NOT_CHEATS] for family in BATCH_SECONDS}
    batches |= {name: [name] * (1 + (name == TWICE)) for names in ALONE.values() for name in names}
    folder.mkdir(parents=True)

    def run(number_and_title: tuple[int, str]) -> dict[str, Found]:
        number, title = number_and_title
        return contained(folder / str(number), batches[title], BATCH_SECONDS.get(title, ALONE_SECONDS))

    with ThreadPoolExecutor(3) as pool:  # much of it is waiting
        results = dict(zip(batches, pool.map(run, enumerate(batches)), strict=True))
    found = {name: one for batch in results.values() for name, one in batch.items()}
    return found, [name for name, one in found.items() if not one.bystander]


def contained(folder: Path, names: Sequence[str], seconds: float) -> dict[str, Found]:
    """Grade these cases with stock nbgrader, in a sandbox around it. What does not come back was aborted."""
    for name in ("home", "tmp", "arena"):
        (folder / name).mkdir(parents=True)
    (folder / "names.json").write_text(json.dumps(names))
    sandbox = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", str(folder), str(folder)]
    sandbox += ["--tmpfs", "/run", "--ro-bind", "/proc/sys", "/proc/sys"]  # sockets and settings of this machine
    sandbox += ["--unshare-all", "--die-with-parent", "--new-session", "--chdir", str(folder)]
    for name, value in (("HOME", folder / "home"), ("TMPDIR", folder / "tmp"), ("OMP_NUM_THREADS", "1")):
        sandbox += ["--setenv", name, str(value)]
    command = [*LIMITS, "timeout", "--signal=KILL", str(seconds), *sandbox]
    began = time.monotonic()
    subprocess.run(
        [*command, sys.executable, str(Path(__file__).resolve()), "--inside", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=(folder / "errors.txt").open("w"),
        stdin=subprocess.DEVNULL,
    )
    took = time.monotonic() - began
    with contextlib.suppress(OSError, ValueError):
        told = json.loads((folder / "found.json").read_text())
        return {name: Found(**one) for name, one in told.items()}
    return {name: Found(None, bystander=False, seconds=took) for name in names}  # it took all down with it


def inside(folder: Path) -> None:
    """In the sandbox: an nbgrader course with these cases, graded as nbgrader does; its results in found.json."""
    cases = {case.name: case for family in FAMILIES.values() for case in family}
    names = json.loads((folder / "names.json").read_text())
    # one student after another, in the order of their names: the bystander is last
    students = {f"student{number:03d}": cases[name] for number, name in enumerate(names)}
    with Arena(folder / "arena") as arena:
        released = prepare(arena)
        for student, case in students.items():
            if case.plant:
                case.plant(
                    arena.course.submission(arena.week, student), arena.course.submission(arena.week, "aa-honest")
                )
            else:
                _write(arena, student, arena.hand_in(case, released))
        if names and cases[names[0]].plant:
            _write(arena, "aa-honest", nbformat.writes(released).encode())
        _write(arena, "zz-bystander", nbformat.writes(released).encode())
        arena.remember()
        began = time.monotonic()
        stopped = autograde(arena, list(students))
        seconds = (time.monotonic() - began) / (len(students) + 1)
        fair = points_of(arena, "zz-bystander") == FULL
        harm = [line for line in arena.harm() if not line.startswith((str(arena.course.work), "the class folder"))]
        outside = [*arena.leaks(), *harm]  # nbgrader writes to the class folder itself
        found = {}
        for student, case in students.items():
            path = arena.course.autograded(arena.week, student)
            said = escapes(nbformat.read(path, as_version=4)) if path.is_file() else []
            found[case.name] = Found(points_of(arena, student), said, fair and student not in stopped, seconds)
        if len(found) == 1:
            found[names[0]].escaped += outside
    (folder / "found.json").write_text(json.dumps({name: asdict(one) for name, one in found.items()}))


def prepare(arena: Arena) -> NotebookNode:
    """An nbgrader course in the class folder, its assignment released. Returns that with every answer right."""
    work, slug = arena.course.work, arena.week.slug
    (work / "gradebook.db").unlink()
    shutil.rmtree(work / "submitted")
    source = work / "source" / slug / f"{slug}.ipynb"
    source.parent.mkdir(parents=True)
    notebook = toy_notebook()
    for cell in notebook.cells:
        cell.source = TESTED.get(cell.id.removeprefix("id-check-"), cell.source)
    nbformat.write(notebook, source)
    settings = "c = get_config()\nc.CourseDirectory.course_id = 'stock'\nc.Execute.interrupt_on_timeout = True\n"
    (work / "nbgrader_config.py").write_text(f"{settings}c.Execute.timeout = {CELL_SECONDS}\n")
    _nbgrader(arena, "generate_assignment")
    released = nbformat.read(work / "release" / slug / f"{slug}.ipynb", as_version=4)
    for cell in released.cells:
        cell.source = RIGHT.get(cell.id.removeprefix("id-"), cell.source)
    return released


def autograde(arena: Arena, students: Sequence[str]) -> list[str]:
    """Grade as nbgrader does; where it stops at a submission, go on with the next. Returns where it stopped."""
    stopped = []
    while students:
        log = _nbgrader(arena, "autograde")
        begun = [student for student in students if f"/{student}/" in log]
        if "/zz-bystander/" in log or not begun:
            break
        stopped.append(begun[-1])
        for student in students[: students.index(begun[-1]) + 1]:
            shutil.move(arena.course.work / "submitted" / student, arena.course.work / "tried" / student)
        students = students[students.index(begun[-1]) + 1 :]
    return stopped


def _write(arena: Arena, student: str, content: bytes) -> None:
    path = arena.course.submission(arena.week, student)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


def _nbgrader(arena: Arena, command: str) -> str:
    """Run it on the week; what it logged."""
    weeks = arena.course.root / "weeks"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (weeks, weeks / arena.week.slug)))}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])  # it calls alembic by name
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", command, arena.week.slug],
        cwd=arena.course.work,
        env=env,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    return done.stderr.decode("utf-8", "replace")


def points_of(arena: Arena, student: str) -> dict[str, float] | None:
    """{question: points} in nbgrader's gradebook; None where the student was not graded."""
    from nbgrader.api import Gradebook, MissingEntry

    with Gradebook(f"sqlite:///{arena.course.work}/gradebook.db") as gradebook, contextlib.suppress(MissingEntry):
        notebook = gradebook.find_submission_notebook(arena.week.slug, arena.week.slug, student)
        if arena.course.autograded(arena.week, student).is_file():
            return {grade.name.removeprefix("check_"): grade.score for grade in notebook.grades}
    return None


# --- the table --------------------------------------------------------------------------------------------------------


def judged(case: Case, found: Found) -> str:
    """What went wrong with a case, in a word or two; "" where all is as it should be."""
    wanted, earned = case.expect.points or {}, found.points or {}
    if case.family == "files" and sum(earned.values()) > 0:
        return "accepted cheat"
    if case.family in ("forgery", "malformed") and any(
        earned.get(name, 0) >= FULL[name] > wanted[name] for name in wanted if FULL[name]
    ):
        return "accepted cheat"
    if found.escaped:
        return "leak or harm"
    if case.expect.outcome == "graded" and any(wanted[name] == FULL[name] > 0 for name in wanted):
        if found.points is None:
            return "lost: not graded"
        if any(earned.get(name, 0) == 0 < wanted[name] == FULL[name] for name in wanted):
            return "false zero"
    return ""


def page(theirs: dict[str, Found], mine: dict[str, Found], aborted: Sequence[str], watched: Watched) -> str:
    """The results as Markdown."""
    kinds = ("accepted cheat", "false zero", "lost: not graded", "leak or harm")
    lines = [
        "# Hostile and broken submissions",
        "",
        f"Made by `python benchmarks/attacks.py`. {machine()}",
        "",
        "The cases of tests/attacks: the same files, the same toy assignment, 4 s a cell. Stock nbgrader grades with "
        "asserts and hidden tests in the notebook, as it is meant to. A submission is *lost* where honest work in it "
        "was not graded at all, a *false zero* where a right answer in it earned nothing.",
        "",
        "| family | grader | cases | accepted cheats | false zeros | lost | leaks or harm | aborted batches |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for family, cases in FAMILIES.items():
        for label, found in (("nbgrader autograde", theirs), ("grader", mine)):
            told = [judged(case, found[case.name]) for case in cases if case.name in found]
            if found is theirs:
                stopped = len({case.name for case in cases} & set(aborted))
            else:
                stopped = int(not all(found[case.name].bystander for case in cases))
            counts = " | ".join(str(told.count(kind)) for kind in kinds)
            lines.append(f"| {family} | `{label}` | {len(told)} | {counts} | {stopped} |")
    lines += ["", f"Memory of `grader`'s own processes, which are outside every sandbox, at its peak: {watched}."]
    lines += ["", "| family | case | `nbgrader autograde` | `grader` | seconds |", "|---|---|---|---|---:|"]
    for family, cases in FAMILIES.items():
        for case in cases:
            other = theirs.get(case.name)
            said = "not run" if other is None else judged(case, other) or "as it should be"
            if other is not None and (case.name in aborted):
                said = f"{said}; batch aborted"
            own = mine[case.name]
            lines.append(f"| {family} | {case.name} | {said} | {judged(case, own) or 'ok'} | {own.seconds:.1f} |")
    lines += ["", "Seconds: of `grader` for this submission, kernel start included, with two at a time.", ""]
    return "\n".join(lines)


def beyond(folder: Path) -> list[str]:
    """The kinds that are no submission of the toy course, as a table in Markdown: tests run, and tests that failed."""
    lines = ["| kind, by its tests | tests | failed | not run | seconds |", "|---|---:|---:|---:|---:|"]
    folder.mkdir(exist_ok=True)
    env = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    for kind, tests in KINDS.items():
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={folder / 'tests.xml'}", *tests]
        subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (suite,) = ElementTree.parse(folder / "tests.xml").getroot().iter("testsuite")
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        counts = f"{suite.get('tests')} | {failed} | {suite.get('skipped')} | {float(suite.get('time', 0)):.0f}"
        lines.append(f"| {kind} | {counts} |")
    return lines


if __name__ == "__main__":
    main()
