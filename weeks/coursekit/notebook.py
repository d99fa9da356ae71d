"""What a week's notebook calls: `check("question")` runs that question's visible checks on the notebook's values, and
`needs("question")` lets it run on past an exercise that is still open."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from coursekit.checks import Check, Verdict, checks_in, run_check, share
from coursekit.student import local_student

_checks: dict[str, list[Check]] = {}
_points: dict[str, float] = {}
_told: set[str] = set()
ALL_RIGHT = "(All right as far as can be tried here. Grading draws other inputs and tries all that the docstring says.)"


def use_checks(module: ModuleType, points: Path) -> None:
    """Make a week's visible checks known to `check`. `points`: the JSON file {question: points} that release writes."""
    for one in checks_in(module):
        _checks.setdefault(one.question, [])
        _checks[one.question] = [c for c in _checks[one.question] if c.name != one.name] + [one]
    if points.exists():
        _points.update(json.loads(points.read_text(encoding="utf-8")))


class Score:
    """The outcome of `check`. Its repr is the points earned, the form in which nbgrader reads partial credit."""

    def __init__(self, question: str, verdicts: list[Verdict], points: float) -> None:
        self.question, self.verdicts, self.max_points = question, verdicts, points
        self.points = round(share(verdicts) * points, 2)

    @property
    def passed(self) -> bool:
        return all(v.passed for v in self.verdicts)

    def __float__(self) -> float:
        return self.points

    def __repr__(self) -> str:
        return f"{self.points:g}"

    def __str__(self) -> str:
        right = sum(v.passed for v in self.verdicts)
        lines = [f"{self.question}   {right} of {len(self.verdicts)}" + ("   all right" if self.passed else "")]
        for v in self.verdicts:
            lines.append(f"  ok    {v.claim}" if v.passed else f"  no    {v.check}: {v.message}")
        return "\n".join(lines)


def check(question: str, namespace: Mapping[str, Any] | None = None) -> Score:
    """Try an answer and print what is right and which mistake the rest looks like.

    question: the name on the exercise.   namespace: where to look for the answer; by default the notebook.
    Returns the Score. Raises KeyError for a name that no exercise has.
    """
    if question not in _checks:
        known = ", ".join(_checks) or "none: import the week's helper package first"
        raise KeyError(f"no exercise is called {question!r}; there are: {known}")
    if namespace is None:
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython else None
        namespace = shell.user_ns if shell else sys._getframe(1).f_globals
    student = local_student(namespace)
    seed = os.urandom(8).hex()  # fresh inputs every time: an answer that fits one example only is found out
    score = Score(question, [run_check(c, student, seed) for c in _checks[question]], _points.get(question, 1.0))
    print(score)
    if score.passed and not _told:  # once a session is enough
        _told.add(question)
        print(ALL_RIGHT)
    return score


@contextmanager
def needs(question: str) -> Iterator[None]:
    """Skip the block, and say so, while the exercise `question` still holds its stub.

    Only the stub's own bare NotImplementedError is caught: one that a library raises has a message and passes through.
    """
    try:
        yield
    except NotImplementedError as error:
        if str(error):
            raise
        print(f"This part waits for your answer to `{question}`. What comes after it works without.")
