"""Where the time of one submission goes: the server's imports, the notebook's cells, and each request of the judge.

    python benchmarks/submission.py              # week 1, one CPU thread
    python benchmarks/submission.py week03 --threads 2

The instructor's notebook is graded in this process, twice: the first time the judge's oracles are computed, which later
submissions find. What is shown of the questions is the second time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from measure import machine, table

from grader.authoring.audit import solved
from grader.cli.base import console
from grader.course.discovery import find_course
from grader.course.syllabus import Course, Week
from grader.execution import provisioner
from grader.execution.kernel import Kernel, Ran
from grader.grading.environment import kernel_environment, libraries_of
from grader.grading.options import Options, cores
from grader.grading.pipeline import grade_notebook
from grader.records.grade import Grade

RESULTS = Path(__file__).parent / "results"
WARM = "crossmodal-warm"
FEW = 0.05  # seconds of an import that is worth a row

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


@dataclass(frozen=True)
class Asked:
    """One request of the judge. question: the number of its turn, "" where the fork is told to end."""

    question: str
    seconds: float


def imports(course: Course, week: Week, options: Options) -> dict[str, float]:
    """Seconds of each import of the week's server, in order, and of each model that it reads."""
    command = [sys.executable, "-c", IMPORTS, json.dumps(libraries_of(WARM, course, week))]
    done = subprocess.run(command, env=kernel_environment(course, week, options), capture_output=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def graded(course: Course, week: Week, options: Options) -> tuple[list[Grade], list[Asked]]:
    """The instructor's notebook graded twice, and the judge's requests of the second time."""
    asked: list[Asked] = []
    ask = Kernel.ask

    def timed(kernel: Kernel, question: str, *rest: Any) -> Ran:
        began = time.perf_counter()
        ran = ask(kernel, question, *rest)
        asked.append(Asked(question, time.perf_counter() - began))
        return ran

    libraries = libraries_of(WARM, course, week)
    provisioner.server_for(kernel_environment(course, week, options), libraries)
    notebook, grades = solved(course, week), []
    with mock.patch.object(Kernel, "ask", timed), mock.patch.object(provisioner, "_usual", libraries):
        for _ in range(2):
            asked.clear()
            grades.append(grade_notebook(course, week, notebook, "instructor", options).grade)
    return grades, asked


def page(week: Week, took: dict[str, float], grades: list[Grade], asked: list[Asked], how: str) -> str:
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
    lines += [f"## The judge's {len(asked)} requests", ""]
    rows = [
        ["the first of a question, for which the kernel is forked", str(len(firsts)), f"{sum(firsts):.2f}"],
        ["the others", str(len(others)), f"{sum(others):.2f}"],
        ["the end of a fork", str(len(ends)), f"{sum(ends):.2f}"],
    ]
    return "\n".join([*lines, *table(["kind", "number", "s"], rows)]) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("week", nargs="?", default="1", help="by number or name (default: 1)")
    arguments.add_argument("--threads", type=int, default=1, help="CPU threads of the kernel (default: 1)")
    arguments.add_argument("--output", type=Path, help="the page to write (default: results/profile-WEEK.md)")
    options = arguments.parse_args()
    course = find_course(Path(__file__).parent)
    week = course.week(options.week)
    settings = Options(workers=max(1, cores() // options.threads), kernel=WARM)
    how = " ".join(["python", "benchmarks/submission.py", *sys.argv[1:]])
    text = page(week, imports(course, week, settings), *graded(course, week, settings), how)
    path = options.output or RESULTS / f"profile-{week.slug.partition('_')[0]}.md"
    path.write_text(text, encoding="utf-8")
    console().print(text, markup=False, soft_wrap=True)
    provisioner.close_servers()
    sys.stdout.flush()
    os._exit(0)  # libraries complain about their own tidying


if __name__ == "__main__":
    main()
