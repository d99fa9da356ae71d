"""What a long command shows while it runs, and the table at its end: bars on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    track,
)
from rich.table import Table
from rich.text import Text

from grader.course.text import clean, number, plural
from grader.grading import denied
from grader.records.grade import Grade, automatic_points, passed, standing

FEW = 30  # up to so many have a line each where there is no terminal
PAUSE = 10.0  # seconds between the lines of more
COLOURS = {"full": "green", "part": "yellow", "none": "red", "unjudged": "red", "empty": "dim", "manual": "dim"}


class Watch:
    """Follows a batch. `on_start(name)` and `on_done(name, result)` are what grading calls; a result is a Grade or
    has one as `.grade`. What is done without having been started was there already and says nothing about the pace.

        with Watch(console, "Grading", total=30) as watch:
            grade_class(..., on_start=watch.on_start, on_done=watch.on_done)

    On a terminal it is a bar. Elsewhere it is a line for each of a few, and for a large batch one every PAUSE seconds.
    """

    def __init__(self, console: Console, verb: str, total: int) -> None:
        self.console, self.verb, self.total = console, verb, total
        self.done = self.good = self.ran = 0
        self.running: dict[str, float] = {}
        self.began = self.said = 0.0
        self.progress: Progress | None = None

    def __enter__(self) -> Watch:
        if self.console.is_terminal:
            columns = (
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[left]}"),
                TextColumn("[dim]{task.fields[now]}"),
            )
            self.progress = Progress(*columns, console=self.console, transient=True)
            self.progress.start()
            self.task = self.progress.add_task(self.verb, total=self.total, rate="", left="", now="")
        return self

    def __exit__(self, *_: Any) -> None:
        if self.progress:
            self.progress.stop()
        elif self.total > FEW and self.done:
            self.console.print(_text(self.status()), soft_wrap=True)

    def on_start(self, name: str) -> None:
        self.running[name] = time.monotonic()
        self.began = self.began or self.running[name]
        self._show()

    def on_done(self, name: str, result: Any) -> None:
        grade = getattr(result, "grade", result)
        began = self.running.pop(name, None)
        self.ran += began is not None
        self.done += 1
        self.good += passed(grade)
        if not self.progress and self.total <= FEW:
            place = f"[{self.done:>{len(str(self.total))}}/{self.total}]"
            how = f", {time.monotonic() - began:.1f} s" if began is not None else ", as before"
            if began is None and not grade.handed_in:  # nothing is run for it, the first time either
                how = ""
            self.console.print(_text(f"{place} {name}: {_brief(grade)}{how}"), soft_wrap=True)
        self._show()

    @property
    def seconds_left(self) -> float | None:
        """By the pace of those that were really graded; None while none is."""
        if not self.ran:
            return None
        return (time.monotonic() - self.began) / self.ran * (self.total - self.done)

    def status(self) -> str:
        """Where the batch stands, on one line."""
        parts = [f"[{self.done}/{self.total}]", self._rate(), self._left(), self._now()]
        return "  ".join(part for part in parts if part)

    def _rate(self) -> str:
        return f"{self.good / self.done:.0%} passed" if self.done else ""

    def _left(self) -> str:
        left = self.seconds_left
        return f"about {timedelta(seconds=round(left))} left" if left is not None and self.done < self.total else ""

    def _now(self) -> str:
        return clean("now: " + ", ".join(self.running))[:60] if self.running else ""

    def _show(self) -> None:
        if self.progress:
            rate, left, now = self._rate(), self._left(), escape(self._now())
            self.progress.update(self.task, completed=self.done, rate=rate, left=left, now=now)
        elif self.total > FEW and self.running and time.monotonic() - self.said >= PAUSE:
            self.said = time.monotonic()
            self.console.print(_text(self.status()), soft_wrap=True)


def each(items: Sequence[Any], verb: str) -> Iterable[Any]:
    """The items, with a bar on standard error while they are gone through, where that is a terminal."""
    shown = Console(stderr=True)
    return track(items, verb, console=shown, transient=True, disable=not shown.is_terminal)


def _brief(grade: Grade) -> str:
    if grade.outcome != "graded":
        return f"not gradable: {grade.reason}"
    return f"{number(grade.points)} of {number(automatic_points(grade))} points"


def class_table(grades: Sequence[Grade], notes: dict[str, str] | None = None) -> list[Any]:
    """Students x questions, for a console: the table, what its columns are, and why some could not be graded.

    notes: {student: a few words} for a column of its own, as the demo has.
    """
    graded = next((g for g in grades if g.outcome == "graded"), None)
    questions = graded.questions if graded else []
    table = Table(box=None, padding=(0, 1), header_style="dim", title_justify="left")
    table.add_column("student", no_wrap=True)
    if notes:
        table.add_column("handed in")
    for i, _ in enumerate(questions, 1):
        table.add_column(str(i), justify="right", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    for grade in grades:
        row: list[Text] = [_text(grade.student)]
        if notes:
            row.append(_text(notes.get(grade.student, ""), "dim"))
        if grade.outcome == "graded":
            row += [_cell(q) for q in grade.questions]
            row.append(Text(number(grade.points), "bold"))
        else:
            row += [Text("")] * len(questions) + [Text("not gradable", "red")]
        table.add_row(*row)
    parts: list[Any] = [table]
    if questions:
        legend = "   ".join(f"{i} {q.question} ({number(q.max_points)})" for i, q in enumerate(questions, 1))
        parts.append(Text(f"\n{legend}\n· not answered   ✎ graded by hand   ! not judged", "dim"))
    if flagged := [grade.student for grade in grades if grade.flags]:
        names = ", ".join(flagged[:6]) + (f" and {len(flagged) - 6} more" if len(flagged) > 6 else "")
        told = f"{plural(len(flagged), 'submission')} with code for a person to look at, see the report: {names}"
        parts.append(_text(told, "yellow"))
    for grade in grades:
        if grade.reason:
            how = "could be graded in part" if grade.outcome == "graded" else "could not be graded"
            parts.append(_text(f"{grade.student} {how}: {grade.reason}", "red"))
    if refused := denied.summary(grades):
        parts.append(_text(f"\n{refused}", "yellow"))
    return parts


def _cell(question: Any) -> Text:
    kind = standing(question)
    return Text({"empty": "·", "manual": "✎", "unjudged": "!"}.get(kind, number(question.points)), COLOURS[kind])


def _text(value: str, style: str = "") -> Text:
    """Text that is shown as it is: names and reasons come from files, and may hold markup or terminal codes."""
    return Text(clean(value).replace("\n", " "), style)
