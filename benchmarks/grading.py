"""How long a class takes: stock `nbgrader autograde`, `otter run` and `grader grade`, on the same class, in turns.

    python benchmarks/grading.py                                   # 30 submissions of week 1, and 30 that only import
    python benchmarks/grading.py --only imports --submissions 60 --skip otter
    python benchmarks/grading.py --only week03 --submissions 6 --skip otter

Two classes, where nothing else is asked for. Week 1: right, wrong, slow, with a cell that raises, with a cell that ends
its kernel, in turn. Imports: a notebook that imports the course's libraries and asks for twice a number; see
light_course.py. Of any other week the same kinds, but for the slow one; a wrong notebook has a wrong answer to every
question. Stock nbgrader has a course folder of its own with its own settings, where the cells `check("...")` are its
auto-graded tests. Otter has a virtual environment of its own, made here, and an assignment whose tests are the same
visible checks, a case each.

A class is graded in slices. In every slice each command has its turn, and who begins changes from slice to slice, so
a machine that gets slower is slower for all. What a command costs before and after the submissions (its imports, the
fork server's) is measured by giving it a class of one damaged file, once a slice, and counted once for the class and
not once a slice: so every command is credited as if it had graded the class in one go. Otter starts anew for every
submission, as it comes. One damaged file before all that makes the gradebooks, which is not counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import light_course
import matplotlib
from measure import Run, beside, machine, table
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from rivals import CELL_SECONDS, Class, Otter, Ours, Stock, otter_environment

from grader.authoring import demo
from grader.authoring.audit import automatic_questions, load_answers, solved, substitute
from grader.cli.base import console
from grader.course.discovery import find_course
from grader.course.questions import grade_id
from grader.course.syllabus import Course, Week
from grader.course.text import plural
from grader.grading.options import cores
from grader.records.grade import Grade

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

SLICE = 15  # submissions at most: fewer, and what start-up varies by would count for more
RESULTS = Path(__file__).parent / "results"

# Right, and some 5 s of CPU time: both towers run for every picture, and again for every caption.
SLOW = '''def embed(model, processor, images, texts):
    """Pictures and captions as points of one space."""

    def both(some_images, some_texts):
        inputs = processor(text=some_texts, images=some_images, return_tensors="pt", padding=True, truncation=True)
        with torch.no_grad():
            return model(**inputs.to(model.device))

    u = [both([image], texts[:4]).image_embeds[0] for image in images]
    v = [both(images[:4], [text]).text_embeds[0] for text in texts]
    return torch.stack(u).float().cpu(), torch.stack(v).float().cpu()


with clip_lab.needs("embed"):
    image_embeddings, text_embeddings = embed(clip.model, clip.processor, album.pictures, album.captions)
    print(f"pictures {tuple(image_embeddings.shape)}, captions {tuple(text_embeddings.shape)}")
'''
RAISES = "scores = image_vectors @ text_vectors.T\nprint(scores.argmax(dim=3))"
DEADLY = "import os\n\nos._exit(1)"


@dataclass
class Tally:
    """What a command did with a class. fixed: of a class of one damaged file.  points: of everyone it graded."""

    label: str
    graded: list[Run] = field(default_factory=list)
    fixed: list[Run] = field(default_factory=list)
    points: dict[str, float] = field(default_factory=dict)
    grades: list[Grade] = field(default_factory=list)  # our own records

    @property
    def start_up(self) -> float:
        """Wall seconds that do not depend on how many submissions there are."""
        return statistics.median(run.wall for run in self.fixed) if self.fixed else 0.0

    @property
    def start_up_cpu(self) -> float:
        return statistics.median(run.cpu for run in self.fixed) if self.fixed else 0.0

    @property
    def wall(self) -> float:
        """Seconds for the submissions alone."""
        return sum(run.wall for run in self.graded) - len(self.graded) * self.start_up

    @property
    def cpu(self) -> float:
        """CPU seconds for the submissions alone."""
        return sum(run.cpu for run in self.graded) - len(self.graded) * self.start_up_cpu

    @property
    def peak(self) -> int:
        return max(run.peak for run in self.graded)

    def largest(self, what: str) -> int:
        """The most MB of one of the samples' figures."""
        return max((getattr(sample, what) for run in self.graded for sample in run.samples), default=0) >> 20


# --- the classes ------------------------------------------------------------------------------------------------------


def week_one(count: int, folder: Path) -> Class:
    """A class of week 1 in which the kinds take turns."""
    course = find_course(Path(__file__).parent, folder)
    week = course.week("1")
    base, known = solved(course, week), {name: content for name, _, content in demo.submissions(course, week)}
    middle = automatic_questions(base)[len(automatic_questions(base)) // 2]
    notebooks = {
        "slow": substitute(base, {"embed": SLOW}),
        "right": base,
        "wrong": known["daniel"],
        "raises": with_cell(base, middle, RAISES),
        "kills": with_cell(base, middle, DEADLY),
    }
    return a_class("week 1", course, week, notebooks, count)


def a_week(name: str, count: int, folder: Path) -> Class:
    """A class of any week in which the kinds take turns."""
    course = find_course(Path(__file__).parent, folder)
    week = course.week(name)
    base, slips = solved(course, week), {a.question: a.source for a in load_answers(course, week) if not a.right}
    middle = automatic_questions(base)[len(automatic_questions(base)) // 2]
    notebooks = {
        "right": base,
        "wrong": substitute(base, slips),
        "raises": with_cell(base, middle, "1 / 0"),
        "kills": with_cell(base, middle, DEADLY),
    }
    return a_class(f"week {week.number}", course, week, notebooks, count)


def imports(count: int, folder: Path) -> Class:
    """A class of the notebook that only imports the libraries."""
    course, week = light_course.build(folder)
    return a_class("imports only", course, week, light_course.submissions(course, week), count)


def a_class(title: str, course: Course, week: Week, notebooks: dict[str, NotebookNode], count: int) -> Class:
    kinds = {f"{number:03d}-{kind}": kind for number, kind in enumerate(islice(cycle(notebooks), count), 1)}
    slices = [[f"s{i}-{name}" for name in part] for i, part in enumerate(split(list(kinds), SLICE), 1)]
    return Class(title, course, week, slices, {n: kinds[n.partition("-")[2]] for s in slices for n in s}, notebooks)


def split(names: Sequence[str], size: int) -> list[list[str]]:
    """As few parts as there must be for none to have more than `size`, as equal as can be, in order."""
    parts = -(-len(names) // size)
    edges = [round(i * len(names) / parts) for i in range(parts + 1)]
    return [list(names[a:b]) for a, b in zip(edges, edges[1:], strict=False)]


def with_cell(notebook: NotebookNode, before: str, source: str) -> NotebookNode:
    """A copy with a cell of the student's own above the answer to `before`."""
    copy = substitute(notebook, {})
    place = next(i for i, cell in enumerate(copy.cells) if grade_id(cell) == before)
    copy.cells.insert(place, new_code_cell(source, id="a-students-own-cell"))
    return copy


# --- the measurement --------------------------------------------------------------------------------------------------


def measure_class(group: Class, commands: Sequence[Any], say: Any) -> dict[str, Tally]:
    """Grade the class slice by slice with every command in turn."""
    tallies = {command.label: Tally(command.label) for command in commands}
    for command in commands:
        command.start()
    for number, names in enumerate(group.slices):
        turn = number % len(commands)
        for command in [*commands[turn:], *commands[:turn]]:
            tally = tallies[command.label]
            if (fixed := command.start()) is not None:
                tally.fixed.append(fixed)
            tally.graded.append(command.grade(names))
            where = f"{group.title}, slice {number + 1} of {len(group.slices)}"
            say(f"{where}: {command.label} {tally.graded[-1].wall:.1f} s")
    for command in commands:
        tallies[command.label].points = command.points()
        if isinstance(command, Ours):
            tallies[command.label].grades = command.records()
    return tallies


def shares(tally: Tally) -> dict[str, float]:
    """Where our CPU time goes: seconds a submission, by what it is for."""
    count = len(tally.grades)

    def mean(*names: str) -> float:
        return sum(grade.timings.get(name, 0.0) for grade in tally.grades for name in names) / count

    known = {
        "own cells": mean("cells_cpu"),
        "kernel start": mean("start_cpu"),
        "checks": mean("judge_cpu", "judge_grader_cpu"),
    }
    return {**known, "everything else": tally.cpu / count - sum(known.values()), "start-up": tally.start_up_cpu / count}


def rates(tally: Tally, count: int) -> tuple[float, float]:
    """Submissions a minute, with start-up and without; nan where start-up varied by more than all they took."""
    bare = 60 * count / tally.wall if tally.wall > 0 else float("nan")
    return 60 * count / (tally.wall + tally.start_up), bare


def page(results: Mapping[str, tuple[Class, dict[str, Tally]]], notes: Sequence[str], how: str, picture: str) -> str:
    """The results as Markdown. how: the command that made them.  picture: the plot's file."""
    lines = [f"# Grading a class: {', '.join(results)}", "", f"Made by `{how}`. {machine()}", "", f"![]({picture})", ""]
    head = ["command", "graded", "aborted", "start-up s", "submissions / minute", "ratio", "without start-up", "ratio"]
    head += ["CPU s / submission", "above own cells", "peak MB", "points of the right ones"]
    for title, (group, tallies) in results.items():
        count = len(group.names)
        own = own_cells(tallies)
        base = rates(next(iter(tallies.values())), count)
        mix = ", ".join(f"{list(group.kinds.values()).count(kind)} {kind}" for kind in group.notebooks)
        lines += [f"## {title}: {count} submissions", "", f"In {plural(len(group.slices), 'slice')}: {mix}.", ""]
        rows = []
        for tally in tallies.values():
            rate, bare = rates(tally, count)
            cpu = (tally.cpu + tally.start_up_cpu) / count
            right = [
                tally.points[name] for name, kind in group.kinds.items() if kind == "right" and name in tally.points
            ]
            rows.append(
                [f"`{tally.label}`", str(len(tally.points)), str(count - len(tally.points)), f"{tally.start_up:.1f}"]
                + [f"{rate:.1f}", f"{rate / base[0]:.1f}", f"{bare:.1f}", f"{bare / base[1]:.1f}"]
                + [f"{cpu:.2f}", f"{cpu - own:.2f}", f"{tally.peak / 2**20:.0f}", _spread(right)]
            )
        lines += [*table(head, rows), ""]
        ours = [tally for tally in tallies.values() if tally.grades]
        for tally in ours:
            server, fork = tally.largest("server"), tally.largest("fork")
            told = f"{server} MB the warm server, resident; {fork} MB the largest of its forks has to itself."
            lines += [f"Memory of `{tally.label}`: {told}", ""]
        lines += ["CPU seconds a submission of `grader grade`, by what they are for:", ""]
        parts = {tally.label: shares(tally) for tally in ours}
        names = list(next(iter(parts.values())))
        split_head = ["command", *names[:-1], "overhead", names[-1]]
        split_rows = [
            [f"`{label}`", *(f"{s[n]:.2f}" for n in names[:-1])]
            + [f"{sum(s[n] for n in names[1:-1]):.2f}", f"{s[names[-1]]:.2f}"]
            for label, s in parts.items()
        ]
        lines += [*table(split_head, split_rows), ""]
        if len(ours) > 1:
            one, many = ours[0], ours[-1]
            whole, bare = (b / a for a, b in zip(rates(one, count), rates(many, count), strict=True))
            lines += [
                f"`{many.label}` is {bare:.2f} times as fast as `{one.label}` on the submissions alone, "
                f"{whole:.2f} times with start-up.",
                "",
            ]
    lines += ["## How to read this", ""]
    lines += [f"- {line}" for line in [*notes, *NOTES]]
    return "\n".join(lines) + "\n"


NOTES = (
    "Aborted: no score came of it. Stock nbgrader gives a notebook up when its kernel dies; otter has no results then.",
    "Start-up: wall seconds of the same command on a class of one damaged file, median over the slices; for "
    "`grader grade` mostly the fork server's imports. It is counted once in submissions / minute, in the ratio beside "
    "it and in the CPU time.",
    "CPU: of the command and of everything it started, by the system's own account.",
    "Own cells: CPU seconds of the students' own cells, as the kernel of `grader grade --workers 1` took them. Where a "
    "cell ended the kernel, the others ran twice, and count twice.",
    "Kernel start: the kernel's CPU time until it answers. Checks: the kernel's CPU time while it is judged, which is "
    "the student's functions being called, and the judge's, which is its oracles. Everything else: the sandbox, "
    "reading, rebuilding, writing, waiting for messages. Overhead: these three. Start-up is the fork server's and the "
    "command's own, shared out over the class.",
    "Stock nbgrader and otter run the visible checks in the student's process; `grader grade` runs the hidden ones "
    "too, outside of it, in a sandbox, and writes feedback and report.",
    "Peak: of all processes together, sampled twice a second; a page shared by n processes counts 1/n for each.",
    f"Each cell may take {CELL_SECONDS} s in nbgrader and in `grader grade`; otter has no such limit.",
)


def own_cells(tallies: Mapping[str, Tally]) -> float:
    """CPU seconds a submission of the students' own cells."""
    return shares(next(tally for tally in tallies.values() if tally.grades))["own cells"]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    low, high = min(values), max(values)
    return f"{low:.4g}" if high - low < 0.005 else f"{low:.4g} to {high:.4g}"


def plot(results: Mapping[str, tuple[Class, dict[str, Tally]]], path: Path) -> None:
    """A row for each class: submissions a minute, and where the CPU time goes."""
    colours = {"own cells": "#4c78a8", "kernel start": "#f58518", "checks": "#54a24b", "everything else": "#b279a2"}
    figure, rows = plt.subplots(len(results), 2, figsize=(9, 0.9 + 1.9 * len(results)), squeeze=False)
    for (title, (group, tallies)), (left, right) in zip(results.items(), rows, strict=True):
        count, labels = len(group.names), list(tallies)
        speed = [rates(tally, count)[0] for tally in tallies.values()]
        bars = left.barh(labels, speed, color=["#9aa5b1" if not t.grades else "#2a9d8f" for t in tallies.values()])
        left.bar_label(bars, [f"{rate:.1f}  ({rate / speed[0]:.1f}x)" for rate in speed], padding=3, fontsize=8)
        left.set(title=f"{title}: submissions a minute", xlim=(0, 1.35 * max(speed)))
        for label, tally in tallies.items():
            whole = (tally.cpu + tally.start_up_cpu) / count
            own = own_cells(tallies)
            parts = shares(tally) if tally.grades else {"own cells": own, "all of it": whole - own}
            begin = 0.0
            for name, width in parts.items():
                right.barh(
                    label, width, left=begin, color=colours.get(name, "#9aa5b1" if name != "start-up" else "#e45756")
                )
                begin += width
        right.set(title="CPU seconds a submission", yticks=[])
        for axes in (left, right):
            axes.invert_yaxis()
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=8)
            axes.title.set_fontsize(9)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in [*colours.values(), "#e45756", "#9aa5b1"]]
    names = [*colours, "start-up", "all above own cells"]
    figure.legend(handles, names, loc="lower center", ncols=6, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.4 / figure.get_figheight(), 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--submissions", type=int, default=30, help="size of each class (default 30)")
    arguments.add_argument("--only", metavar="CLASS", help="week01, imports, or another week")
    arguments.add_argument("--skip", action="append", default=[], choices=("stock", "otter"), help="leave this one out")
    arguments.add_argument("--sandbox-cost", action="store_true", help="grade the class without a sandbox as well")
    arguments.add_argument("--workers", type=int, default=cores(), help="of the run with several (default: the cores)")
    arguments.add_argument(
        "--output", type=Path, default=RESULTS, help="folder for grading.md and .png; grading-week01.md with --only"
    )
    options = arguments.parse_args()
    out = console()

    def say(text: str) -> None:
        out.print(text, markup=False, soft_wrap=True)

    notes: list[str] = []
    results: dict[str, tuple[Class, dict[str, Tally]]] = {}
    with tempfile.TemporaryDirectory(prefix="grading-") as temporary:
        folder = Path(temporary)
        python = None
        if "otter" in options.skip:
            notes.append("otter was left out (`--skip otter`).")
        else:
            try:
                python = otter_environment(folder)
            except RuntimeError as error:
                notes.append(f"otter is missing here: its environment could not be made ({error}).")
        known = {"week01": week_one, "imports": imports}
        for kind in [options.only] if options.only else list(known):
            place = folder / kind
            group = known.get(kind, partial(a_week, kind))(options.submissions, place / "class")
            commands: list[Any] = [] if "stock" in options.skip else [Stock(group, place / "stock")]
            commands += [Otter(group, place / "otter", python)] if python else []
            commands += [Ours(group, place / f"ours-{n}", n) for n in sorted({1, options.workers})]
            if options.sandbox_cost:
                commands.append(Ours(group, place / "loose", options.workers, sandboxed=False))
            before, alone = os.getloadavg()[0], beside()
            results[group.title] = (group, measure_class(group, commands, say))
            ratios = ", ".join(f"{ratio:.2f} ({what})" for what, ratio in alone.items())
            notes += [
                f"{group.title}: the machine's load was {before:.1f} before, {os.getloadavg()[0]:.1f} at the end.",
                f"{group.title}: just before, two processes that share nothing were {ratios} times as fast as one.",
            ]
    options.output.mkdir(parents=True, exist_ok=True)
    how = " ".join(["python", "benchmarks/grading.py", *sys.argv[1:]])
    name = "-".join(filter(None, ["grading", options.only]))
    text = page(results, notes, how, f"{name}.png")
    (options.output / f"{name}.md").write_text(text, encoding="utf-8")
    plot(results, options.output / f"{name}.png")
    say(f"\n{text}\nwritten to {options.output}")


if __name__ == "__main__":
    main()
