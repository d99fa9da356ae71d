"""How far a student is in a week: `line` below a check that passes, `table` in the notebook's last cell.

Both are of checks that ran since the notebook was started. Nothing is tried here, and no checks are imported.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "week.json"  # beside a week's points.json; `grader release` writes both
WIDTH = 20  # of the bar, in characters
ANYWHERE = "hand it in where your course collects it."  # where a course does not say more
LONGEST = 88  # of a line of text
LEAST = 16  # of the column of names


@dataclass(frozen=True)
class Week:
    """What students are told of a week.

    notebook: its file's name.   hand_in: the course's own words, as in "upload it to Canvas."; or "".
    points: {exercise: points}, in the notebook's order.   minutes: {exercise: minutes}, of those whose text says so.
    by_hand: exercises that a person grades.   packages: those of the course's requirements that the week imports.
    """

    number: int
    title: str
    notebook: str
    hand_in: str
    points: Mapping[str, float]
    minutes: Mapping[str, int]
    by_hand: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @classmethod
    def read(cls, points: Path) -> Week | None:
        """From points.json and the file beside it; None where they are not there, as before the first release."""
        beside = points.with_name(FILE)
        if not (points.is_file() and beside.is_file()):
            return None
        told = json.loads(beside.read_text(encoding="utf-8"))
        for name in ("by_hand", "packages"):
            told[name] = tuple(told[name])
        return cls(points=json.loads(points.read_text(encoding="utf-8")), **told)


@dataclass(frozen=True)
class Tried:
    """What an exercise's check last said: points, how many of its checks passed, and whether there was an answer.

    answers: {name: value} of the functions and classes that were tried.
    """

    points: float
    right: int
    checks: int
    answered: bool = True
    answers: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def passed(self) -> bool:
        return self.right == self.checks

    def is_of(self, names: Mapping[str, Any]) -> bool:
        """Whether the notebook still has the answers that were tried."""
        return all(names.get(name) is value for name, value in self.answers.items())


@dataclass(frozen=True)
class Progress:
    """A week, what was tried of it, by exercise, and the names that the notebook has now."""

    week: Week
    tried: Mapping[str, Tried]
    names: Mapping[str, Any]

    @property
    def exercises(self) -> list[str]:
        """Those that have a check."""
        return [name for name in self.week.points if name not in self.week.by_hand]

    def is_done(self, exercise: str) -> bool:
        tried = self.tried.get(exercise)
        return tried is not None and tried.passed and tried.is_of(self.names)

    def points(self, exercise: str) -> float:
        """What the check gave for the answer that is there now."""
        tried = self.tried.get(exercise)
        return tried.points if tried and tried.is_of(self.names) else 0.0

    def state(self, exercise: str) -> str:
        """Where an exercise stands, in words."""
        tried = self.tried.get(exercise)
        if exercise in self.week.by_hand:
            return "a person grades it"
        if tried is None:
            return "open: its check was not run"
        if not tried.is_of(self.names):
            return "changed since its check: run that again"
        if not tried.answered:
            return "open"
        return "done" if tried.passed else f"open: {tried.right} of {tried.checks} checks pass"


def line(progress: Progress) -> str:
    """One line: a bar, what is done, the points that the checks give, and the minutes that the rest takes."""
    week, names = progress.week, progress.exercises
    done = [name for name in names if progress.is_done(name)]
    points, most = sum(map(progress.points, names)), sum(week.points[name] for name in names)
    filled = round(WIDTH * points / most) if most else WIDTH
    told = f"week {week.number}: {len(done)} of {len(names)} done, {points:g} of {most:g} points"
    minutes = sum(week.minutes.get(name, 0) for name in names if name not in done)
    if minutes:
        told += f", about {minutes} minutes left"
    elif len(done) == len(names) and week.by_hand:
        told += f"; a person grades {' and '.join(week.by_hand)}"
    return f"{'█' * filled}{'░' * (WIDTH - filled)}  {told}"


def table(progress: Progress, in_colab: bool = False) -> str:
    """What is done and what is open, exercise by exercise, and how to hand in. Plain text, in a fixed-width font."""
    week = progress.week
    wide = max([LEAST, *map(len, week.points)])
    lines = [line(progress), "", f"  {'exercise':{wide}}  {'points':>9}  minutes"]
    for name, most in week.points.items():
        told = f"{most:g}" if name in week.by_hand else f"{progress.points(name):g} of {most:g}"
        minutes = "" if progress.is_done(name) else week.minutes.get(name, "")
        lines.append(f"  {name:{wide}}  {told:>9}  {minutes:>7}   {progress.state(name)}")
    keep = f"download {week.notebook} (File > Download > Download .ipynb)" if in_colab else f"save {week.notebook}"
    how = f"To hand in: run all cells once more, {keep}, and {week.hand_in or ANYWHERE}"
    note = "Points are what the checks here give. Grading tries more, on other inputs."
    return "\n".join([*lines, "", note, *textwrap.wrap(how, LONGEST)])
