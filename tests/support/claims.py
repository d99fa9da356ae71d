"""What a notebook's text claims of its figures, held to the numbers that the figures are drawn from.

    @claim("week02_diffusion", "never the old place from another noise")
    def test_the_control_moves():
        ...

quotes the sentence, which must be in the notebook word for word, so that neither can change without the other.
`tests/weeks/test_claims.py` looks that every "What you should see" has its claims.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import nbformat

from grader.course.discovery import find_course

Test = TypeVar("Test", bound=Callable[..., None])
QUOTED: dict[str, list[str]] = defaultdict(list)  # by week
SEEN = re.compile(r"<details>\s*<summary>What you should see</summary>(.*?)</details>", re.DOTALL)


@lru_cache
def text_of(slug: str) -> str:
    """All that a week's notebook says in words, its white space made one."""
    course = find_course()
    notebook = nbformat.read(course.solution(course.week(slug)), as_version=4)
    return " ".join(" ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown").split())


def claim(slug: str, *sentences: str) -> Callable[[Test], Test]:
    """Says that a test holds these words of a week's notebook to the figure's numbers. Raises ValueError."""
    for words in sentences:
        if " ".join(words.split()) not in text_of(slug):
            raise ValueError(f"{slug} does not say: {words}")
        QUOTED[slug].append(" ".join(words.split()))
    return lambda test: test


def unclaimed(slug: str) -> list[str]:
    """The texts of "What you should see" of which nothing is quoted by a claim."""
    return [text.strip() for text in SEEN.findall(text_of(slug)) if not any(words in text for words in QUOTED[slug])]
