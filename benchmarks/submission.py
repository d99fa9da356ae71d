"""Where the time of one submission goes: the server's imports, the notebook's cells, and each request of the judge.

    python benchmarks/submission.py              # week 1, one CPU thread
    python benchmarks/submission.py week03 --threads 2
    python benchmarks/submission.py --summary    # of the weeks' pages that lie there: results/profile.md

The instructor's notebook is graded in this process, twice: the first time the judge's oracles are computed, which later
submissions find. What is shown of the questions and checks is the second time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
from measure import machine, table

from coursekit.checks import Check, Verdict
from grader.authoring.audit import solved
from grader.cli.base import console
from grader.course.discovery import find_course
from grader.course.syllabus import Course, Week
from grader.execution import provisioner
from grader.execution.kernel import Kernel, Ran
from grader.grading import judge
from grader.grading.environment import kernel_environment, libraries_of
from grader.grading.options import Options, cores
from grader.grading.pipeline import grade_notebook
from grader.records.grade import Grade

RESULTS = Path(__file__).parent / "results"
WARM = "crossmodal-warm"
FEW = 0.05  # seconds of an import, or of a check, that are worth a row

# what the server does, timed: run in a fresh process
IMPORTS = """
import gc, json, sys, time
from grader.execution.forkserver import KERNEL, _import
gc.disable()
found, last = {}, time.perf_counter()
for name in (*KERNEL, *json.loads(sys.argv[1])):
    try:
        _import(name)
    except Exception:
        pass
    found[name], last = time.perf_counter() - last, time.perf_counter()
sys.stdout.write(json.dumps(found))
sys.stdout.flush()
import os
os._exit(0)
"""


# The same work with nothing between: cells and checks, one after the other, in one process without a sandbox.
BARE = """
import json, os, sys, time
from pathlib import Path
import nbformat
from IPython.core.interactiveshell import InteractiveShell
from coursekit.checks import run_check
from coursekit.student import local_student
from grader.course.discovery import find_course
from grader.grading.rubric import Rubric

course = find_course(Path(sys.argv[1]))
week = course.week(sys.argv[2])
shell = InteractiveShell.instance()
space = shell.user_ns
libraries, found = json.loads(sys.argv[3]), []
from grader.execution.forkserver import _import
for name in libraries:
    try:
        _import(name)
    except Exception:
        pass
for cell in nbformat.read(sys.argv[4], as_version=4).cells:
    if cell.cell_type == "code":
        shell.run_cell(cell.source, silent=True)
os.environ.pop("CROSSMODAL_GRADED", None)
checks = [one for named in Rubric.load(course, week).checks.values() for one, _ in named]
for seed in "ab":  # the first time computes what later submissions find
    began, wrong = time.process_time(), []
    for one in checks:
        verdict = run_check(one, local_student(space), seed)
        wrong += [] if verdict.passed else [f"{verdict.check}: {verdict.message}"]
    found.append(time.process_time() - began)
Path(sys.argv[5]).write_text(json.dumps([*found, wrong]))
os._exit(0)
"""


@dataclass(frozen=True)
class Asked:
    """One request of the judge. question: the number of its turn, "" where the fork is told to end."""

    question: str
    seconds: float


@dataclass(frozen=True)
class Checked:
    """One check. asked: its requests.  waited: seconds until their answers.  own: CPU seconds of the judge."""

    name: str
    asked: int
    waited: float
    own: float


def imports(course: Course, week: Week, options: Options) -> dict[str, float]:
    """Seconds of each import of the week's server, in order, and of each model that it reads."""
    command = [sys.executable, "-c", IMPORTS, json.dumps(libraries_of(WARM, course, week))]
    done = subprocess.run(command, env=kernel_environment(course, week, options), capture_output=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def bare(course: Course, week: Week, options: Options) -> tuple[float, list[str]]:
    """CPU seconds of all checks, called in the process that ran the notebook; and those that did not pass there."""
    with tempfile.TemporaryDirectory() as folder:
        notebook, found = Path(folder) / "solved.ipynb", Path(folder) / "found.json"
        nbformat.write(solved(course, week), notebook)
        given = [course.root, week.slug, json.dumps(libraries_of(WARM, course, week)), notebook, found]
        environment = kernel_environment(course, week, options)
        command = [sys.executable, "-c", BARE, *map(str, given)]
        subprocess.run(command, env=environment, cwd=folder, capture_output=True, check=True)
        _, later, wrong = json.loads(found.read_text())
    return later, wrong


def graded(course: Course, week: Week, options: Options) -> tuple[list[Grade], list[Asked], list[Checked]]:
    """The instructor's notebook graded twice; the judge's requests and its checks of the second time."""
    asked: list[Asked] = []
    checked: list[Checked] = []
    ask, run = Kernel.ask, judge.run_check

    def timed(kernel: Kernel, question: str, *rest: Any) -> Ran:
        began = time.perf_counter()
        ran = ask(kernel, question, *rest)
        asked.append(Asked(question, time.perf_counter() - began))
        return ran

    def watched(check: Check, *rest: Any) -> Verdict:
        first, began = len(asked), time.process_time()
        verdict = run(check, *rest)
        waited = sum(one.seconds for one in asked[first:])
        checked.append(Checked(check.run.__name__, len(asked) - first, waited, time.process_time() - began))
        return verdict

    libraries = libraries_of(WARM, course, week)
    provisioner.server_for(kernel_environment(course, week, options), libraries)
    notebook, grades = solved(course, week), []
    with (
        mock.patch.object(Kernel, "ask", timed),
        mock.patch.object(judge, "run_check", watched),
        mock.patch.object(provisioner, "_usual", libraries),
    ):
        for _ in range(2):
            asked.clear()
            checked.clear()
            grades.append(grade_notebook(course, week, notebook, "instructor", options).grade)
    return grades, asked, checked


def page(
    week: Week,
    took: dict[str, float],
    grades: list[Grade],
    asked: list[Asked],
    checked: list[Checked],
    alone: float,
    how: str,
) -> str:
    """The results as Markdown."""
    lines = [f"# Where the time of a submission goes: week {week.number}", "", f"Made by `{how}`. {machine()}", ""]
    lines += [f"## The server is ready after {sum(took.values()):.1f} s", ""]
    rows = [[f"`{name}`", f"{seconds:.2f}"] for name, seconds in took.items() if seconds >= FEW]
    lines += [*table(["import, or a model that is read", "s"], rows), ""]
    lines += ["## One submission, seconds", ""]
    names = list(grades[0].timings)
    rows = [[when, *(f"{g.timings[n]:.2f}" for n in names)] for when, g in zip(("first", "later"), grades, strict=True)]
    lines += [*table(["submission of a worker", *(f"`{name}`" for name in names)], rows), ""]
    turns: dict[str, list[float]] = defaultdict(list)
    for one in asked:
        turns[one.question].append(one.seconds)
    ends = turns.pop("", [])
    firsts = [seconds[0] for seconds in turns.values()]
    others = [second for seconds in turns.values() for second in seconds[1:]]
    lines += [f"The same checks called in the process of the notebook, with nothing between, take {alone:.2f} CPU s"]
    lines += ["the second time; the kernel's and the judge's share of `later` above, `judge_cpu` and"]
    lines += [
        f"`judge_grader_cpu`, is {grades[1].timings['judge_cpu'] + grades[1].timings['judge_grader_cpu']:.2f}.",
        "",
    ]
    lines += [f"## The judge's {len(asked)} requests", ""]
    rows = [
        ["the first of a question, for which the kernel is forked", str(len(firsts)), f"{sum(firsts):.2f}"],
        ["the others", str(len(others)), f"{sum(others):.2f}"],
        ["the end of a fork", str(len(ends)), f"{sum(ends):.2f}"],
    ]
    lines += [*table(["kind", "number", "s"], rows), ""]
    worth = sorted((c for c in checked if c.waited + c.own >= FEW), key=lambda c: -c.waited - c.own)
    rest = len(checked) - len(worth)
    lines += [f"## Its {len(checked)} checks", "", f"The {rest} that took less than {FEW} s are left out.", ""]
    rows = [[f"`{c.name}`", str(c.asked), f"{c.waited:.2f}", f"{c.own:.2f}"] for c in worth]
    return "\n".join([*lines, *table(["check", "requests", "answers took s", "judge's CPU s"], rows)]) + "\n"


SUMMARY = """
Own cells: the student's. Checks alone: all of the week's checks, hidden ones too, called in the process that ran the
notebook, with no sandbox, no second process and no message between; the oracles that do not depend on the draw are
computed already. Both have to be paid by whoever runs the notebook and judges it: *at least* is what they cost
together, over the own cells. *Found* is what a later submission of a worker costs with all that stands between the
student's code and the judge, and with its records and feedback.

So where *at least* is above 1.3, no way to grade reaches 1.3 without asking less: these weeks' checks sample, listen
and paint, because that is what finds wrong answers, while their cells take a few seconds. Week 7's own cells are
hardly any, for figures are not drawn in grading.
"""


def summary(pages: Iterable[str]) -> str:
    """The weeks side by side, from their pages, as Markdown."""
    rows = []
    for text in pages:
        number = re.search(r"goes: week (\d+)", text)
        alone = re.search(r"with nothing between, take ([\d.]+) CPU s", text)
        head, later = (re.search(rf"^\| {name}.*$", text, re.MULTILINE) for name in ("submission of a", "later"))
        if not (number and alone and head and later):
            raise ValueError("not a page of this benchmark: " + text[:80])
        names = re.findall(r"`(\w+)`", head[0])
        took = dict(zip(names, map(float, re.findall(r"[\d.]+", later[0])), strict=True))
        own, checks = took["cells_cpu"], float(alone[1])
        whole = own + took["start_cpu"] + took["judge_cpu"] + took["grader_cpu"]
        between = whole - own - checks
        least, found = ("-",) * 2 if own < 1 else (f"{(own + checks) / own:.2f}", f"{whole / own:.2f}")
        rows.append([int(number[1]), f"{own:.2f}", f"{checks:.2f}", f"{between:.2f}", least, found])
    rows.sort()
    told = [[f"week {row[0]}", *map(str, row[1:])] for row in rows]
    head_row = ["", "own cells, CPU s", "checks alone", "all that is between", "at least", "found"]
    lines = ["# Where the time of a submission goes", ""]
    lines += ["Made by `python benchmarks/submission.py --summary` from the pages of the weeks in this folder.", ""]
    return "\n".join([*lines, *table(head_row, told)]) + "\n" + SUMMARY


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("week", nargs="?", default="1", help="by number or name (default: 1)")
    arguments.add_argument("--threads", type=int, default=1, help="CPU threads of the kernel (default: 1)")
    arguments.add_argument("--output", type=Path, help="the page to write (default: results/profile-WEEK.md)")
    arguments.add_argument("--summary", action="store_true", help="only put the weeks' pages side by side")
    options = arguments.parse_args()
    if options.summary:
        text = summary(path.read_text(encoding="utf-8") for path in sorted(RESULTS.glob("profile-week*.md")))
        (RESULTS / "profile.md").write_text(text, encoding="utf-8")
        console().print(text, markup=False, soft_wrap=True)
        return
    course = find_course(Path(__file__).parent)
    week = course.week(options.week)
    settings = Options(workers=max(1, cores() // options.threads), kernel=WARM)
    how = " ".join(["python", "benchmarks/submission.py", *sys.argv[1:]])
    alone, wrong = bare(course, week, settings)
    if wrong:
        raise SystemExit("\n".join(["These checks need the grader's kernel:", *wrong]))
    text = page(week, imports(course, week, settings), *graded(course, week, settings), alone, how)
    path = options.output or RESULTS / f"profile-{week.slug.partition('_')[0]}.md"
    path.write_text(text, encoding="utf-8")
    console().print(text, markup=False, soft_wrap=True)
    provisioner.close_servers()
    sys.stdout.flush()
    os._exit(0)  # libraries complain about their own tidying


if __name__ == "__main__":
    main()
