"""What a week's notebook calls: `check("question")` runs that question's visible checks on the notebook's values,
`failed("question")` has the inputs on which one failed, `needs("question")` lets the notebook run on past an exercise
that is still open, `yours("function", ...)` has figures draw the student's own function once it is right, and
`summary()` says what is done, what is open, and how to hand in."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from coursekit import progress, versions
from coursekit.checks import UNANSWERED, Check, Verdict, checks_in, run_check, settled, share
from coursekit.student import as_it_is, last_call, local_student, names_asked

GRADED = "CROSSMODAL_GRADED"  # "1" in the kernel of a notebook that is graded, where no checks can be imported
_modules: list[str] = []  # of visible checks, in the order in which they were made known
_checks: dict[str, list[Check]] = {}  # of those that were imported
_points: dict[str, float] = {}
_weeks: dict[str, progress.Week] = {}  # by the module of their visible checks
_tried: dict[str, progress.Tried] = {}  # what each question's check last said
_passed: set[str] = set()
_right: dict[str, Any] = {}  # values of the notebook's names when all checks that ask for them passed
_failed: dict[str, Failed] = {}  # by question
ALL_RIGHT = "(All right as far as can be tried here. Grading draws other inputs and tries all that the docstring says.)"


def use_checks(module: str, points: Path) -> None:
    """Make a week's visible checks known to `check`, which imports them when it is first called.

    module: its name, such as "clip_lab.checks".   points: the JSON file {question: points} that release writes.
    In a notebook a package that the week needs and that is missing or too old is said in a line.
    """
    if module not in _modules:
        _modules.append(module)
    if points.exists():
        _points.update(json.loads(points.read_text(encoding="utf-8")))
    if week := progress.Week.read(points):
        _weeks[module] = week
        if _notebook_names() is not None and os.environ.get(GRADED) != "1" and (told := versions.advice(week.packages)):
            print(told)


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
        self.question, self.verdicts, self.max_points = question, settled(verdicts), points
        self.points = round(share(self.verdicts) * points, 2)

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
        namespace = _notebook_names() or sys._getframe(1).f_globals
    student = local_student(namespace)
    seed = os.urandom(8).hex()  # fresh inputs every time: an answer that fits one example only is found out
    verdicts = []
    _failed.pop(question, None)
    for one in _checks[question]:  # no comprehension, which would be one more frame before Python 3.12; see frames.py
        before = last_call(student)
        verdicts.append(run_check(one, student, seed))
        call = last_call(student)
        if not verdicts[-1].passed and question not in _failed and call is not None and call is not before:
            name, args, kwargs = call
            given = {key: as_it_is(value, student) for key, value in kwargs.items()}
            _failed[question] = Failed(name, as_it_is(args, student), given, namespace)
    score = Score(question, verdicts, _points.get(question, 1.0))
    print(score)
    if question in _failed and not any(v.message == UNANSWERED for v in verdicts):
        print(f"  see   failed({question!r}) has the inputs, .args, and .call() tries {_failed[question].name} on them")
    asked = {name: namespace[name] for name in names_asked(student) & namespace.keys()}
    for name, value in asked.items():
        _right.pop(name, None)
        if score.passed:
            _right[name] = value
    _remember(score, asked)
    for week in _weeks.values():
        if score.passed and question in week.points:
            print(progress.line(progress.Progress(week, _tried, namespace)))
    if score.passed and not _passed:  # once a session is enough
        _passed.add(question)
        print(ALL_RIGHT)
    return score


def _remember(score: Score, asked: Mapping[str, Any]) -> None:
    """For `summary`. asked: {name: value} of what the checks asked for; values that are no answers may change."""
    answers = {name: value for name, value in asked.items() if isinstance(value, FunctionType | type)}
    right = sum(v.passed for v in score.verdicts)
    answered = not any(v.message == UNANSWERED for v in score.verdicts)
    _tried[score.question] = progress.Tried(score.points, right, len(score.verdicts), answered, answers)


def summary() -> None:
    """Print what of the week is done and what is open, by the checks that ran since the notebook was started.

    Nothing is tried. While a notebook is graded no check runs in it, and one line says so.
    """
    if os.environ.get(GRADED) == "1":
        print("The summary is for you: while a notebook is graded its checks run outside.")
        return
    names = _notebook_names()
    if names is None:
        names = sys._getframe(1).f_globals
    if not _weeks:
        print("There is nothing to sum up yet: run the notebook's first cells, which import the week's helper package.")
    for week in _weeks.values():
        print(progress.table(progress.Progress(week, _tried, names), "google.colab" in sys.modules))


def _notebook_names() -> dict[str, Any] | None:
    """The notebook's names; None outside a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell.user_ns if shell else None


@dataclass(frozen=True)
class Failed:
    """The last call that the first failing check of a question made: the function's name, its args and kwargs."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]
    _namespace: Mapping[str, Any]

    def call(self) -> Any:
        """What the notebook's function, as it is now, makes of these inputs."""
        return self._namespace[self.name](*self.args, **self.kwargs)


def failed(question: str) -> Failed:
    """The inputs on which `check(question)` last failed, to look at and to try again.

    Raises KeyError where it did not fail, or failed before it called anything.
    """
    if question not in _failed:
        raise KeyError(f"check({question!r}) has not failed on a call since this notebook was started")
    return _failed[question]


def right(name: str) -> bool:
    """Whether the notebook's own function of this name is the one that passed all its visible checks.

    For figures that show what a cell made with it: see `yours`, which says whose function is drawn.
    """
    names = _notebook_names() or {}
    return name in names and _right.get(name) is names[name]


def yours(name: str, library: Callable[..., Any]) -> Callable[..., Any]:
    """The notebook's own function of this name once all its visible checks pass, else the library's. Says which.

    For figures. library: takes the same arguments. Where the notebook's own raises on what a figure gives it, the error
    is said and the library's goes on.
    """
    if not right(name):
        print(f"Drawn with the library's `{name}`: yours is still open, or not yet all right.")
        return library
    own: Callable[..., Any] = (_notebook_names() or {})[name]
    print(f"Drawn with your `{name}`.")

    @wraps(own)
    def tried(*args: Any, **kwargs: Any) -> Any:
        try:
            return own(*args, **kwargs)
        except Exception as error:
            print(f"Your `{name}` raised {type(error).__name__}: {error}. From here on it is the library's.")
            return library(*args, **kwargs)

    return tried


def yours_or(module: str) -> Callable[[str], Callable[..., Any]]:
    """A week's own `yours(name)`: where the notebook's is not right yet, the function of this name in `module`.

    module: such as "clip_lab.checks.library"; see `oracle`.
    """

    def chosen(name: str) -> Callable[..., Any]:
        return yours(name, lambda *args, **kwargs: getattr(oracle(module), name)(*args, **kwargs))

    return chosen


@contextmanager
def needs(question: str) -> Iterator[None]:
    """Leave the block, and say so, where the exercise `question` still holds its stub or raises.

    So Run All goes on to the next section; the error is printed as Python prints it. The stub is known by its bare
    NotImplementedError: one that a library raises has a message.
    """
    try:
        yield
    except NotImplementedError as error:
        if str(error):
            _stopped(question)
        else:
            print(f"This part waits for your answer to `{question}`. What comes after it works without.")
    except Exception:
        _stopped(question)


def _stopped(question: str) -> None:
    """Print the error that is being handled, from the notebook's own line on.

    While a notebook is graded it is raised: there every cell runs, and the grader looks at errors.
    """
    if os.environ.get(GRADED) == "1":
        raise
    kind, error, trace = sys.exc_info()
    ours = trace.tb_next if trace and trace.tb_frame.f_code.co_filename == __file__ else trace
    print("".join(traceback.format_exception(kind, error, ours)).rstrip())
    print(f"This part stopped at the error above, in what `{question}` is about. What comes after it works without.")
