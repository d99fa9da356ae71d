"""The student's own wait: how long "Run All" takes, and how long it is to the first picture, for every week.

    python benchmarks/notebooks.py                     # every week, on 1 and 2 threads, quiet and beside a busy process
    python benchmarks/notebooks.py week03 --rounds 3 --threads 2 --beside 0

Each finished notebook is run from top to bottom as Jupyter would: in a kernel that was just started, outside any
sandbox, with the checks that students see. The kinds of runs take turns, so a machine that gets slower is slower for
all. The clock starts when the kernel does. A picture is a PNG, or a sound's player, that some cell shows.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from measure import machine, table
from nbclient import NotebookClient
from nbformat import NotebookNode

from grader.cli.base import console
from grader.course.discovery import find_course
from grader.course.syllabus import Course, Week

RESULTS = Path(__file__).parent / "results"
LONGEST = 60  # seconds that a week may take on two quiet cores
FIRST = 15  # seconds to the first picture
BURN = "import sys\nwhile True: sum(range(100_000))"


@dataclass(frozen=True)
class Waited:
    """Seconds of one run. cells: the longest ones, [(seconds, the cell's name)]."""

    whole: float
    first: float
    cells: list[tuple[float, str]]


class Timed(NotebookClient):
    """Runs a notebook and looks at the clock when something to see or hear arrives, and after each cell."""

    def __init__(self, notebook: NotebookNode, **settings: Any) -> None:
        super().__init__(notebook, **settings)
        self.began, self.first, self.cell_began = time.monotonic(), 0.0, 0.0
        self.cells: list[tuple[float, str]] = []
        self.on_cell_execute = self._begins
        self.on_cell_executed = self._ends

    def _begins(self, cell: NotebookNode, cell_index: int) -> None:
        self.cell_began = time.monotonic()

    def _ends(self, cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
        self.cells.append((time.monotonic() - self.cell_began, cell.get("id", str(cell_index))))

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        data = msg["content"].get("data", {})
        if not self.first and ("image/png" in data or "<audio" in data.get("text/html", "")):
            self.first = time.monotonic() - self.began
        return super().process_message(msg, cell, cell_index)


def run(course: Course, week: Week, threads: int) -> Waited:
    """Run a week's finished notebook once. Raises what its cells raise."""
    notebook = nbformat.read(course.solution(week), as_version=4)
    os.environ.update(CROSSMODAL_THREADS=str(threads), HF_HUB_OFFLINE="1")
    with tempfile.TemporaryDirectory(prefix="notebooks-") as folder:  # some write beside themselves
        shutil.copytree(course.root / "weeks" / week.slug, folder, dirs_exist_ok=True)
        where = {"metadata": {"path": folder}}
        client = Timed(notebook, timeout=3600, kernel_name="python3", resources=where)
        client.execute()
    return Waited(time.monotonic() - client.began, client.first, sorted(client.cells, reverse=True)[:5])


@contextlib.contextmanager
def beside(count: int) -> Iterator[None]:
    """Meanwhile so many processes work without a pause."""
    burning = [subprocess.Popen([sys.executable, "-I", "-S", "-c", BURN]) for _ in range(count)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def page(found: dict[tuple[str, int, int], list[Waited]], weeks: Sequence[Week], how: str, loads: str) -> str:
    """The results as Markdown."""
    kinds = sorted({(threads, busy) for _, threads, busy in found})
    titles = [f"{t} thread{'s' * (t > 1)}, {'quiet' if not b else f'{b} busy beside'}" for t, b in kinds]
    lines = ["# The student's wait", "", f"Made by `{how}`. {machine()} {loads}", ""]
    lines += ["Seconds from the kernel's start to the end of Run All / to the first picture or sound; medians.", ""]
    rows = []
    for week in weeks:
        cells = []
        for kind in kinds:
            runs = found[(week.slug, *kind)]
            whole, first = (statistics.median(getattr(one, name) for one in runs) for name in ("whole", "first"))
            cells.append(f"{whole:.0f} / {first:.0f}")
        rows.append([f"{week.number}, {week.title}", *cells])
    lines += [*table(["week", *titles], rows), ""]
    lines += [
        f"Each week is to take less than {LONGEST} s, and {FIRST} s to the first picture, on two quiet cores.",
        "",
    ]
    lines += ["## The longest cells", "", f"Of the last run of {titles[-1] if len(kinds) == 1 else titles[0]}:", ""]
    rows = [
        [week.slug, ", ".join(f"{name} {seconds:.1f}" for seconds, name in found[(week.slug, *kinds[0])][-1].cells)]
        for week in weeks
    ]
    return "\n".join([*lines, *table(["week", "cell, seconds"], rows)]) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("weeks", nargs="*", help="by number or name; all where none is named")
    arguments.add_argument("--rounds", type=int, default=1, help="runs of each kind (default 1)")
    arguments.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="CPU threads (default 1 2)")
    arguments.add_argument("--beside", type=int, nargs="+", default=[0, 1], help="busy processes (default 0 1)")
    arguments.add_argument("--output", type=Path, default=RESULTS / "notebooks.md", help="the page to write")
    options = arguments.parse_args()
    course, out = find_course(Path(__file__).parent), console()
    weeks = [course.week(name) for name in options.weeks] or list(course.weeks.values())
    found: dict[tuple[str, int, int], list[Waited]] = defaultdict(list)
    before = os.getloadavg()[0]
    for _ in range(options.rounds):
        for week in weeks:
            for threads in options.threads:
                for busy in options.beside:
                    with beside(busy):
                        waited = run(course, week, threads)
                    found[(week.slug, threads, busy)].append(waited)
                    said = f"{week.slug}, {threads} threads, {busy} beside: {waited.whole:.1f} s, {waited.first:.1f} s"
                    out.print(said, markup=False)
    how = " ".join(["python", "benchmarks/notebooks.py", *sys.argv[1:]])
    loads = f"Load before: {before:.1f}."
    text = page(found, weeks, how, loads)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(text, encoding="utf-8")
    out.print(text, markup=False)


if __name__ == "__main__":
    main()
