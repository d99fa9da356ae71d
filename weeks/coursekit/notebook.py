"""What a week's notebook calls: `check("question")` runs that question's visible checks on the notebook's values, and
`needs("question")` lets it run on past an exercise that is still open."""

from __future__ import annotations

import importlib
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

GRADED = "CROSSMODAL_GRADED"  # "1" in the kernel of a notebook that is graded, where no checks can be imported
_modules: list[str] = []  # of visible checks, in the order in which they were made known
_checks: dict[str, list[Check]] = {}  # of those that were imported
_points: dict[str, float] = {}
_passed: set[str] = set()
ALL_RIGHT = "(All right as far as can be tried here. Grading draws other inputs and tries all that the docstring says.)"


def use_checks(module: str, points: Path) -> None:
    """Make a week's visible checks known to `check`, which imports them when it is first called.

    module: its name, such as "clip_lab.checks".   points: the JSON file {question: points} that release writes.
    """
    if module not in _modules:
        _modules.append(module)
    if points.exists():
        _points.update(json.loads(points.read_text(encoding="utf-8")))


def _load() -> None:
    """Import what `use_checks` named. A module that comes again takes the place of its earlier checks."""
    while _modules:
        found = checks_in(importlib.import_module(_modules[0]))
        _modules.pop(0)  # after the import: one that fails is tried again, and says the same again
        for one in found:
            _checks[one.question] = [c for c in _checks.get(one.question, []) if c.name != one.name] + [one]


def oracle(module: str) -> ModuleType:
    """A module of what a week's checks compare with, such as "clip_lab.checks.reference", for figures that need it.

    Raises RuntimeError while a notebook is graded, where it cannot be imported.
    """
    if os.environ.get(GRADED) == "1":
        raise RuntimeError("this needs the course's own answers, which are not there while a notebook is graded")
    return importlib.import_module(module)


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
    Returns the Score. Raises KeyError for a name that no exercise has. While a notebook is graded nothing is tried in
    it, and the Score is empty: the checks run outside.
    """
    graded = os.environ.get(GRADED) == "1"
    if not graded:
        _load()
    known = _points if graded else _checks
    if question not in known:
        names = ", ".join(known) or "none: import the week's helper package first"
        raise KeyError(f"no exercise is called {question!r}; there are: {names}")
    if graded:
        print(f"`{question}` is checked outside this notebook when it is graded.")
        return Score(question, [], _points[question])
    if namespace is None:
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython else None
        namespace = shell.user_ns if shell else sys._getframe(1).f_globals
    student = local_student(namespace)
    seed = os.urandom(8).hex()  # fresh inputs every time: an answer that fits one example only is found out
    verdicts = []
    for one in _checks[question]:  # no comprehension, which would be one more frame before Python 3.12; see frames.py
        verdicts.append(run_check(one, student, seed))
    score = Score(question, verdicts, _points.get(question, 1.0))
    print(score)
    if score.passed and not _passed:  # once a session is enough
        _passed.add(question)
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
