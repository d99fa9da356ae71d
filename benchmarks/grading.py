"""How long a class takes: stock `nbgrader autograde` and `grader grade` on the same files, in turns, in one run.

    python benchmarks/grading.py --submissions 12 --rounds 1

Stock nbgrader gets a course folder of its own with nbgrader's own settings, where the cells `check("...")` are its
auto-graded tests. Both give each cell the same seconds. The class is made of the demo's submissions that stock
nbgrader can grade at all: right, half done, wrong, empty, with a cell that raises, saved by Colab. The floor is the CPU
time that the students' own cells take, which no grader can save.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import psutil

from grader import demo, records
from grader.course import Course, Week
from grader.grading import cores
from grader.progress import console

KINDS = ["amina", "chiara", "daniel", "emeka", "fatima", "hana", "jun"]
CELL_SECONDS = 60
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Timed:
    """One run over the class. cpu: of the command and everything it started. graded: how many got a score."""

    wall: float
    cpu: float
    graded: int


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--submissions", type=int, default=12, help="size of the class (default 12)")
    arguments.add_argument("--rounds", type=int, default=1, help="times each grader grades it; medians are shown")
    arguments.add_argument("--workers", type=int, default=cores(), help="of the run with several (default: the cores)")
    arguments.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "grading-week01.md")
    options = arguments.parse_args()

    course = Course.find(Path(__file__).parent)
    week = course.week("1")
    out = console()
    with tempfile.TemporaryDirectory(prefix="grading-") as temporary:
        folder = Path(temporary)
        names = hand_in(course, week, options.submissions, [folder / "stock", folder / "ours"])
        prepare_stock(course, week, folder / "stock")
        runs: dict[str, list[Timed]] = {}
        for turn in range(options.rounds):
            plan = {"nbgrader autograde": lambda: stock(week, folder / "stock")}
            for workers in sorted({1, options.workers}):
                label = f"grader grade --workers {workers}"
                plan[label] = lambda workers=workers: ours(course, week, folder / "ours", workers)
            for label, run in plan.items():
                out.print(f"round {turn + 1} of {options.rounds}: {label} ...", soft_wrap=True)
                timed = run()
                runs.setdefault(label, []).append(timed)
                out.print(f"  {timed.wall:.1f} s for {timed.graded} of {len(names)} submissions")
        own = [records.read(p).timings.get("cells_cpu", 0) for p in (folder / "ours" / "records" / week.slug).iterdir()]
        text = page(week, runs, names, statistics.mean(own), options.rounds)
    out.print()
    out.print(text, markup=False, soft_wrap=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")
    out.print(f"written to {options.output}", soft_wrap=True)


def hand_in(course: Course, week: Week, count: int, folders: list[Path]) -> list[str]:
    """The same files in submitted/ of each folder. Returns the students' names."""
    kinds = {name: content for name, _, content in demo.submissions(course, week) if name in KINDS}
    names = []
    for i, kind in enumerate(islice(cycle(KINDS), count), 1):
        names.append(f"{i:03d}-{kind}")
        for folder in folders:
            path = folder / "submitted" / names[-1] / week.slug / f"{week.slug}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_text(demo.to_text(kinds[kind]), encoding="utf-8")
    return names


def prepare_stock(course: Course, week: Week, folder: Path) -> None:
    """A course that knows nothing of ours: nbgrader's default folders and preprocessors."""
    source = folder / "source" / week.slug / f"{week.slug}.ipynb"
    source.parent.mkdir(parents=True)
    shutil.copy(course.solution(week), source)
    settings = f"c = get_config()\nc.CourseDirectory.course_id = 'stock'\nc.Execute.timeout = {CELL_SECONDS}\n"
    (folder / "nbgrader_config.py").write_text(settings, encoding="utf-8")
    _timed(["nbgrader", "generate_assignment", week.slug], folder)


def stock(week: Week, folder: Path) -> Timed:
    """Grade the class with nbgrader as it comes."""
    shutil.rmtree(folder / "autograded", ignore_errors=True)
    wall, cpu = _timed(["nbgrader", "autograde", week.slug, "--force"], folder, check=False)
    return Timed(wall, cpu, len(list(folder.glob(f"autograded/*/{week.slug}/*.ipynb"))))


def ours(course: Course, week: Week, folder: Path, workers: int) -> Timed:
    """Grade the class with `grader grade`, from nothing."""
    for made in ("autograded", "records", "reports"):
        shutil.rmtree(folder / made, ignore_errors=True)
    (folder / "gradebook.db").unlink(missing_ok=True)
    command = ["grader", "grade", week.slug, "--workers", str(workers), "--cell-seconds", str(CELL_SECONDS)]
    wall, cpu = _timed([*command, "--course", str(course.root), "--work", str(folder)], folder)
    grades = [records.read(path) for path in (folder / "records" / week.slug).iterdir()]
    return Timed(wall, cpu, sum(g.outcome == "graded" for g in grades))


def _timed(command: list[str], folder: Path, check: bool = True) -> tuple[float, float]:
    """Wall and CPU seconds of a command and of everything it started and waited for."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    env = {**os.environ, "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]])}  # nbgrader calls alembic by name
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if check and done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def page(week: Week, runs: dict[str, list[Timed]], names: list[str], own: float, rounds: int) -> str:
    """The results as Markdown."""
    count = len(names)
    base = statistics.median(t.wall for t in next(iter(runs.values())))
    lines = [
        f"# Grading {count} submissions of {week.slug}",
        "",
        f"Made by `python benchmarks/grading.py --submissions {count} --rounds {rounds}`. {machine()}",
        "",
        "| command | graded | wall s | submissions / minute | ratio | CPU s / submission | above the cells' own |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for label, timed in runs.items():
        wall = statistics.median(t.wall for t in timed)
        cpu = statistics.median(t.cpu for t in timed) / count
        lines.append(
            f"| `{label}` | {timed[-1].graded} of {count} | {wall:.1f} | {60 * count / wall:.1f} "
            f"| {base / wall:.2f} | {cpu:.1f} | {cpu - own:.1f} |"
        )
    lines += [
        "",
        f"The floor: the students' own cells take {own:.1f} s of CPU time a submission (mean, recorded by the grader).",
        f"Stock nbgrader runs the visible checks in the student's process; `grader grade` also runs the hidden ones, "
        f"outside it, and writes feedback and report. Each cell may take {CELL_SECONDS} s in both.",
        "",
    ]
    return "\n".join(lines)


def machine() -> str:
    """What this ran on, in a line."""
    model = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        rows = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = rows[0] if rows else model
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = f"{platform.system()} {platform.release()}"
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"Machine: {model}, {cores()} cores, {memory:.0f} GB of memory, {system}, Python {platform.python_version()}."
    )


if __name__ == "__main__":
    main()
