"""Known answers: a toy course that has some, and how those of a real week are judged without its notebook."""

from __future__ import annotations

import ast
import importlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat

from coursekit.checks import Check, Verdict, checks_in, run_check
from coursekit.student import local_student
from grader.authoring.audit import load_answers
from grader.authoring.known_answers import Answer
from grader.course.discovery import find_course
from grader.course.syllabus import Course

ROOT = Path(__file__).parents[2]

# --- the toy week's ---------------------------------------------------------------------------------------------------

ANSWERS = {
    "double": {
        "right": ["def double(n):\n    return n + n", "double = lambda n: n * 2"],
        "wrong": ["def double(n):\n    return n", "def double(n):\n    return n ** 2", "def double(n):\n    2 * n"],
        "sly": ["def double(n):\n    return 2", "def double(n):\n    return n + 1"],
    },
    "table": {
        "right": ["table = [2, 4, 6]", "table = list(range(2, 7, 2))"],
        "wrong": ["table = [2, 4]", "tabel = [2, 4, 6]"],
        "sly": ["table = [1, 2, 3]", "table = (6, 4, 2)"],
    },
    "mean": {
        "right": ["import numpy as np\nmean = np.mean", "from statistics import fmean as mean"],
        "wrong": ["def mean(values):\n    return sum(values)", "def mean(values):\n    return len(values)"],
        "sly": ["import numpy as np\nmean = np.median", "mean = max"],
    },
}


def answers_module(question: str, extra: str = "") -> str:
    """The source of the module of a question's known answers. "sly" ones are wrong and pass every visible check."""
    lines = ["from grader.authoring.known_answers import Answer, Answers", "", f"ANSWERS = Answers({question!r})"]
    for kind, sources in ANSWERS[question].items():
        for i, source in enumerate(sources):
            name = f"{kind} {i}"
            if kind == "right":
                lines.append(f"ANSWERS.right({name!r}, {source!r})")
            else:
                lines.append(f"ANSWERS.wrong({name!r}, {source!r}, 'a slip', visible_passes={kind == 'sly'})")
    return "\n".join(lines) + "\n" + extra


def with_answers(toy: Course, folder: Path, extra: Mapping[str, str] | None = None) -> Course:
    """A copy of the toy course with known answers. extra: {question: code after its answers}."""
    shutil.copytree(toy.root, folder)
    for question in ANSWERS:
        path = folder / "grader" / "rubrics" / "week01_toy" / "answers" / f"{question}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(answers_module(question, (extra or {}).get(question, "")), encoding="utf-8")
    return find_course(folder)


# --- those of a real week ---------------------------------------------------------------------------------------------


def known_answers(slug: str) -> list[Answer]:
    """All known answers of a week of this course."""
    course = find_course(ROOT)
    return load_answers(course, course.week(slug))


def checks_of(slug: str, question: str) -> tuple[list[Check], list[Check]]:
    """A question's visible checks and its hidden ones."""
    visible = importlib.import_module(f"{find_course(ROOT).week(slug).helper}.checks")
    hidden = importlib.import_module(f"grader.rubrics.{slug}.checks.{question}")
    return [one for one in checks_in(visible) if one.question == question], checks_in(hidden)


@lru_cache
def imported(slug: str) -> dict[str, Any]:
    """What the first cell of a week's notebook imports, by name."""
    notebook = nbformat.read(ROOT / "solutions" / slug / f"{slug}.ipynb", as_version=4)
    tree = ast.parse(next(cell.source for cell in notebook.cells if cell["id"] == "setup"))
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    found: dict[str, Any] = {}
    exec(compile(tree, "the imports", "exec"), found)
    return found


def defined(source: str, names: dict[str, Any]) -> dict[str, Any]:
    """What an answer's cell defines among `names`, without what the notebook runs with it, which `needs` guards."""
    tree, found = ast.parse(source), dict(names)
    tree.body = [node for node in tree.body if not isinstance(node, ast.With)]
    exec(compile(tree, "an answer", "exec"), found)
    return found


def assert_judged(slug: str, answer: Answer, left_out: Collection[str] = (), draws: int = 1) -> None:
    """A known answer gets its verdict from its question's checks, but for those that are left out.

    draws: on so many other inputs a wrong one must be caught and a right one pass.
    """
    student = local_student(defined(answer.source, imported(slug)))

    def first_failure(checks: list[Check]) -> str:
        return next((f"{v.check}: {v.message}" for v in failures(checks)), "")

    def failures(checks: list[Check], seed: str = "a seed") -> Iterator[Verdict]:
        verdicts = (run_check(one, student, seed) for one in checks if one.name not in left_out)
        return (verdict for verdict in verdicts if not verdict.passed)

    visible, hidden = checks_of(slug, answer.question)
    seen = first_failure(visible)
    assert (not seen) == (answer.right or answer.visible_passes), seen or "it passes all that can be seen"
    if seen and answer.slip is not None:
        failed = list(failures(visible))
        named = bool(answer.slip) and any(answer.slip in verdict.message for verdict in failed)
        assert named == bool(answer.slip), [verdict.message for verdict in failed]
        assert named or not any(verdict.mistake for verdict in failed), [verdict.mistake for verdict in failed]
    if not seen:
        secret = first_failure(hidden)
        assert (not secret) == answer.right, secret or "it passes everything"
    for i in range(draws - 1):
        lost = next(failures([*visible, *hidden], f"seed {i}"), None)
        assert (lost is None) == answer.right, lost or f"it passes everything with seed {i}"
