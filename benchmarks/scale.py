"""A thousand submissions of a light notebook: does grading stay as quick and as small as it began, and leave nothing?

    python benchmarks/scale.py
    python benchmarks/scale.py --submissions 60 --repeat 2

Grades the class of light_course.py with `grader grade`, from nothing, and looks at all its processes twice a second.
Then it grades the unchanged class again, and grades smaller classes (of the light notebook, and one submission of each
kind of week 1) several times from nothing to compare scores and verdicts. Exit code 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import light_course
import matplotlib
import numpy as np
import psutil
from grading import RESULTS, week_one
from measure import Run, Sample, machine, must, run, table
from rivals import BIN

from grader.authoring import demo
from grader.cli.base import console
from grader.course.discovery import find_course
from grader.course.syllabus import Course, Week
from grader.grading.options import cores
from grader.records import store
from grader.records.grade import Grade

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

NEAR = 0.05  # two windows' memory may differ by this share
STRAIGHT = 0.999  # R squared of finished submissions against time
STEADY = 0.10  # the last third's pace may differ from the first's by this share
SECOND_RUN = 10.0  # seconds for a thousand
CACHE = "torchinductor_"  # one folder of torch's own in the temporary folder, whatever the number of submissions


@dataclass(frozen=True)
class Claim:
    """Something that has to hold, and what was found."""

    claim: str
    found: str
    holds: bool


def grade(course: Course, week: Week, workers: int, folder: Path) -> Run:
    """`grader grade` over the whole class. folder: for its temporary files, which are counted afterwards."""
    env = {"PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", "")])}
    env |= {"TMPDIR": str(folder), "JUPYTER_RUNTIME_DIR": str(folder)}
    command = ["grader", "grade", week.slug, "--workers", str(workers)]
    return must(run([*command, "--course", course.root, "--work", course.work], folder, env), "grader grade")


def finished(course: Course, week: Week, began: float) -> np.ndarray:
    """Seconds from `began` to when each record was written, in that order."""
    folder = course.record(week, "x").parent
    return np.sort([path.stat().st_mtime - began for path in folder.glob("*.json")])


def windows(count: int) -> tuple[slice, slice]:
    """The first hundred submissions after a warm-up of fifty, and the last hundred; fewer of a small class."""
    warm, width = min(50, count // 10), max(1, min(100, count // 5))
    return slice(warm, warm + width), slice(count - width, count)


def during(samples: Sequence[Sample], times: np.ndarray, part: slice) -> list[Sample]:
    """The samples taken while these submissions were graded."""
    start = times[part.start - 1] if part.start else 0.0
    return [sample for sample in samples if start < sample.seconds <= times[part.stop - 1]]


def line(times: np.ndarray) -> tuple[float, float, float]:
    """(R squared, seconds a submission in the first third, in the last third) of finishing times."""
    counts = np.arange(len(times))
    slope, start = np.polyfit(counts, times, 1)
    rest = times - (start + slope * counts)
    third = max(2, len(times) // 3)
    paces = [np.polyfit(counts[:third], part, 1)[0] for part in (times[:third], times[-third:])]
    return 1 - rest.var() / times.var(), float(paces[0]), float(paces[1])


def traces() -> set[str]:
    """The grader's folders in /tmp and unix sockets in them, but for those of a grader that is at work."""
    found = {str(path) for path in Path("/tmp").glob("xm-*")}
    if (sockets := Path("/proc/net/unix")).is_file():
        found |= {word for row in sockets.read_text().splitlines() for word in row.split()[7:] if "/xm-" in word}
    return {path for path in found if not _at_work(path)}


def _at_work(path: str) -> bool:
    pid = path.partition("xm-")[2].partition("-")[0]
    return pid.isdigit() and psutil.pid_exists(int(pid))


def essence(grade: Grade) -> dict[str, Any]:
    """What two gradings of the same submission must agree on: scores and verdicts, to the letter."""
    questions = [
        (q.question, q.status, q.points, q.answered, q.note, [(c.check, c.passed, c.message) for c in q.checks])
        for q in grade.questions
    ]
    return {"outcome": grade.outcome, "reason": grade.reason, "points": grade.points, "questions": questions}


def differences(runs: Sequence[dict[str, dict[str, Any]]]) -> list[str]:
    """Who was not graded the same way every time. runs: {student: essence} of each."""
    names = sorted({name for one in runs for name in one})
    return [name for name in names if any(one.get(name) != runs[0].get(name) for one in runs)]


def repeated(course: Course, week: Week, times: int, workers: int, folder: Path) -> list[dict[str, dict[str, Any]]]:
    """Grade the class of `course.work` so many times, each in a folder of its own."""
    found = []
    for number in range(times):
        here = find_course(course.root, folder / str(number))
        shutil.copytree(course.work / "submitted", here.work / "submitted")
        grade(here, week, workers, folder)
        found.append({name: essence(store.read(here.record(week, name))) for name in here.students(week)})
    return found


def digest(course: Course, week: Week) -> str:
    """Of all records, to see whether a run wrote any of them again."""
    total = hashlib.sha256()
    for path in sorted(course.record(week, "x").parent.glob("*.json")):
        total.update(f"{path.name} {path.stat().st_mtime_ns}".encode() + path.read_bytes())
    return total.hexdigest()


def claims_of(done: Run, times: np.ndarray, count: int, left: Sequence[str]) -> list[Claim]:
    """What the first run shows."""
    first, last = windows(len(times))
    early, late = (during(done.samples, times, part) for part in (first, last))
    memory = [float(np.mean([s.memory for s in part])) / 2**20 if part else float("nan") for part in (early, late)]
    opened = [float(np.mean([s.descriptors for s in part])) if part else float("nan") for part in (early, late)]
    grew, opened_more = (b / a - 1 for a, b in (memory, opened))
    straight, begin, end = line(times[first.start :])
    ranges = f"submissions {first.start + 1}-{first.stop} and {last.start + 1}-{last.stop}"
    return [
        Claim(f"all {count} have a record", f"{len(times)}", len(times) == count),
        Claim(
            f"memory of all processes is flat, within {NEAR:.0%}: means over {ranges}",
            f"{memory[0]:.0f} and {memory[1]:.0f} MB, {grew:+.1%}",
            abs(grew) <= NEAR,
        ),
        Claim(
            f"open descriptors do not grow by more than {NEAR:.0%}: the same means",
            f"{opened[0]:.0f} and {opened[1]:.0f}, {opened_more:+.1%}",
            opened_more <= NEAR,
        ),
        Claim(f"time is linear after warm-up: R² at least {STRAIGHT}", f"{straight:.5f}", straight >= STRAIGHT),
        Claim(
            f"the last third's pace is the first's, within {STEADY:.0%}",
            f"{begin:.3f} and {end:.3f} s a submission, {end / begin - 1:+.1%}",
            abs(end / begin - 1) <= STEADY,
        ),
        Claim("no process is left", "; ".join(done.left) or "none", not done.left),
        Claim("no socket and no temporary file is left", "; ".join(sorted(left)[:5]) or "none", not left),
    ]


def page(done: Run, times: np.ndarray, count: int, workers: int, claims: Sequence[Claim], how: str) -> str:
    """The results as Markdown."""
    numbers = [
        ["wall", f"{done.wall:.1f} s"],
        ["of it until the first record: imports, one submission", f"{times[0]:.1f} s"],
        ["of it after the last record: gradebook, pages, report", f"{done.wall - times[-1]:.1f} s"],
        ["submissions / minute, start-up included", f"{60 * count / done.wall:.1f}"],
        ["CPU a submission, start-up included", f"{done.cpu / count:.2f} s"],
        ["peak memory of all processes", f"{done.peak / 2**20:.0f} MB"],
    ]
    verdicts = [[c.claim, c.found, "yes" if c.holds else "**no**"] for c in claims]
    lines = [
        f"# {count} submissions of a light notebook",
        "",
        f"Made by `{how}`: `grader grade --workers {workers}`. {machine()}",
        "",
        "![](scale.png)",
        "",
        *table(["", "first run"], numbers),
        "",
        *table(["claim", "found", "holds"], verdicts),
        "",
        "Memory: sampled twice a second; a page shared by n processes counts 1/n for each.",
    ]
    return "\n".join(lines) + "\n"


def plot(done: Run, times: np.ndarray, path: Path) -> None:
    """Time and memory against the count of finished submissions."""
    counts = np.arange(1, len(times) + 1)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 2.7))
    left.plot(counts, times, color="#4c78a8")
    left.set(title="seconds since the start", ylim=0)
    width = max(1, len(times) // 50)
    pace = (times[width:] - times[:-width]) / width
    middle.plot(counts[width:], pace, color="#4c78a8", linewidth=1)
    middle.set(title=f"seconds a submission, over {width}", ylim=(0, 1.25 * max(pace, default=1)))
    kept = [sample for sample in done.samples if times[0] <= sample.seconds <= times[-1]]
    at = np.searchsorted(times, [sample.seconds for sample in kept])
    memory = np.array([sample.memory / 2**20 for sample in kept])
    right.plot(at, memory, ".", markersize=2, color="#b8c4d0")
    if len(memory) > 60:
        right.plot(at[29:-30], np.convolve(memory, np.ones(60) / 60, "valid"), color="#4c78a8", label="mean of 60")
        right.legend(fontsize=8, frameon=False, loc="lower right")
    right.set(title="memory of all processes, MB", ylim=0)
    for axes in (left, middle, right):
        axes.set_xlabel("submissions finished", fontsize=8)
        axes.title.set_fontsize(9)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def again_from_nothing(
    course: Course, week: Week, folder: Path, options: argparse.Namespace, say: Callable[[str], None]
) -> list[Claim]:
    """Grade two smaller classes several times from nothing: whether each time says the same."""
    claims = []
    small = find_course(course.root, folder / "small")
    light_course.hand_in(small, week, options.repeat_submissions)
    clip = week_one(5, folder / "week01")
    for name, kind in clip.kinds.items():
        path = clip.course.submission(clip.week, name)
        path.parent.mkdir(parents=True)
        path.write_text(demo.to_text(clip.notebooks[kind]), encoding="utf-8")
    for what, here, which in (("light", small, week), ("week 1", clip.course, clip.week)):
        say(f"  {options.repeat} times from nothing: {what} ...")
        place = folder / f"repeated-{which.slug}"
        place.mkdir()
        runs = repeated(here, which, options.repeat, options.workers, place)
        unlike = differences(runs)
        claims.append(
            Claim(
                f"{len(runs[0])} submissions ({what}) graded {options.repeat} times from nothing: "
                "the same scores, verdicts and messages",
                f"differ: {', '.join(unlike)[:300]}" if unlike else "identical",
                not unlike,
            )
        )
    return claims


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--submissions", type=int, default=1000, help="size of the class (default 1000)")
    arguments.add_argument("--workers", type=int, default=cores(), help="submissions at a time (default: the cores)")
    arguments.add_argument("--repeat", type=int, default=3, help="times the smaller classes are graded (default 3)")
    arguments.add_argument("--repeat-submissions", type=int, default=60, help="of the light one (default 60)")
    arguments.add_argument("--output", type=Path, default=RESULTS, help="folder for scale.md and scale.png")
    options = arguments.parse_args()
    out = console()

    def say(text: str) -> None:
        out.print(text, markup=False, soft_wrap=True)

    with tempfile.TemporaryDirectory(prefix="scale-") as temporary:
        folder = Path(temporary)
        scratch = folder / "tmp"
        scratch.mkdir()
        course, week = light_course.build(folder / "light")
        light_course.hand_in(course, week, options.submissions)
        before = traces()
        say(f"grading {options.submissions} submissions ...")
        done = grade(course, week, options.workers, scratch)
        left = {*(traces() - before), *(str(p) for p in scratch.iterdir() if not p.name.startswith(CACHE))}
        times = finished(course, week, done.began)
        claims = claims_of(done, times, options.submissions, sorted(left))
        say(f"  {done.wall:.1f} s; again, unchanged ...")
        kept = digest(course, week)
        second = grade(course, week, options.workers, scratch)
        same = kept == digest(course, week)
        limit = SECOND_RUN * max(1.0, options.submissions / 1000)
        claims.append(
            Claim(
                f"a second run of the unchanged class takes less than {limit:g} s and writes no record",
                f"{second.wall:.1f} s, {'none' if same else 'some'} written",
                same and second.wall < limit,
            )
        )
        if options.repeat > 1:
            claims += again_from_nothing(course, week, folder, options, say)
    options.output.mkdir(parents=True, exist_ok=True)
    how = " ".join(["python", "benchmarks/scale.py", *sys.argv[1:]])
    text = page(done, times, options.submissions, options.workers, claims, how)
    (options.output / "scale.md").write_text(text, encoding="utf-8")
    plot(done, times, options.output / "scale.png")
    say(f"\n{text}\nwritten to {options.output}")
    if not all(claim.holds for claim in claims):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
