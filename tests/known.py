"""Known answers to the toy week of conftest.py, and a toy course that has them."""

from __future__ import annotations

import shutil
from pathlib import Path

from grader.course import Course

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
HEAD = "from grader.rubrics import Answer\n\nANSWERS = [\n"


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
    return Course.find(folder)
