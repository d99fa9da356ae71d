"""Known answers: those of the toy week of conftest.py, a toy course that has them, and how a week's are judged here."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Any

from coursekit.checks import checks_in, run_check
from coursekit.student import local_student
from grader.authoring.known_answers import Answer
from grader.course.discovery import find_course
from grader.course.syllabus import Course

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
HEAD = "from grader.authoring.known_answers import Answer\n\nANSWERS = [\n"


def answers_module(answers: dict[str, dict[str, list[str]]], extra: str = "") -> str:
    """The source of a module of known answers. "sly" ones are wrong and pass every visible check."""
    rows = [
        f"    Answer({question!r}, '{kind} {i}', {kind == 'right'}, {source!r}, visible_passes={kind == 'sly'}),\n"
        for question, kinds in answers.items()
        for kind, sources in kinds.items()
        for i, source in enumerate(sources)
    ]
    return HEAD + "".join(rows) + "]\n" + extra


def with_answers(toy: Course, folder: Path, extra: str = "", slug: str = "week01_toy") -> Course:
    """A copy of the toy course, with known answers and `extra` code after them."""
    shutil.copytree(toy.root, folder)
    path = folder / "grader" / "rubrics" / f"{slug}_answers.py"
    path.write_text(answers_module(ANSWERS, extra), encoding="utf-8")
    return find_course(folder)


def defined(source: str, names: dict[str, Any]) -> dict[str, Any]:
    """What an answer's cell defines among `names`, without what the notebook runs with it, which `needs` guards."""
    tree, found = ast.parse(source), dict(names)
    tree.body = [node for node in tree.body if not isinstance(node, ast.With)]
    exec(compile(tree, "an answer", "exec"), found)
    return found


def assert_judged(
    answer: Answer, checks: ModuleType, hidden: ModuleType, names: dict[str, Any], left_out: Collection[str] = ()
) -> None:
    """A known answer gets its verdict from a week's checks and its rubric's, but for those that are left out."""
    student = local_student(defined(answer.source, names))

    def first_failure(module: ModuleType) -> str:
        for one in checks_in(module):
            if one.question == answer.question and one.name not in left_out:
                verdict = run_check(one, student, "a seed")
                if not verdict.passed:
                    return f"{one.name}: {verdict.message}"
        return ""

    visible = first_failure(checks)
    assert (not visible) == (answer.right or answer.visible_passes), visible or "it passes all that can be seen"
    if not visible:
        secret = first_failure(hidden)
        assert (not secret) == answer.right, secret or "it passes everything"
