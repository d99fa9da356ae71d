"""What every text of the world needs: one of several wordings, an article, a plural."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")


def pick(choices: Sequence[Choice], rng: np.random.Generator | None) -> Choice:
    """One of several choices, drawn with `rng`; without it the first, which is always the canonical one."""
    return choices[0] if rng is None else choices[int(rng.random() * len(choices))]


def article(word: str) -> str:
    """The indefinite article that stands before a word: "a" or "an"."""
    return "an" if word[0] in "aeiou" else "a"


def with_article(phrase: str) -> str:
    """A phrase after its indefinite article."""
    return f"{article(phrase)} {phrase}"


def plural(shape: str) -> str:
    """Several of a shape, such as "crosses"."""
    return "crosses" if shape == "cross" else f"{shape}s"
