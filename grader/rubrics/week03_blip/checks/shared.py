# CROSSMODAL-RUBRIC: must never reach students
"""What the hidden checks of several questions need."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from PIL import Image

from caption_lab import plots
from coursekit import models
from coursekit.checks import assert_that, evidence
from coursekit.plots import Sheet, wrap
from tinyworld import Scene

captioner = lru_cache(maxsize=1)(lambda: models.load("captioning", profile="tiny", device="cpu"))


def told_sheet(
    pictures: Sequence[Image.Image], lines: Sequence[Sequence[tuple[str, str]]], side: int = 76
) -> Image.Image:
    """Pictures below each other, each with lines of text and their colours: for feedback."""
    tall = [max(side + 8, 17 * sum(1 + t.count("\n") for t, _ in some) + 8) for some in lines]
    sheet = Sheet(620, sum(tall))
    y = 0
    for picture, some, height in zip(pictures, lines, tall, strict=True):
        sheet.picture(picture, 4, y + 4, side)
        line = y + 6
        for text, colour in some:
            sheet.text(text, side + 16, line, "la", size=12, colour=colour)
            line += 17 * (1 + text.count("\n"))
        y += height
    return sheet.image


def show_captions(
    title: str,
    pictures: Sequence[Image.Image],
    said: Sequence[str],
    expected: Sequence[str],
    scenes: Sequence[Scene] = (),
) -> None:
    """Evidence: pictures, what should be said of them, and the student's captions, green where they are as expected."""
    rows = []
    for one, wanted in zip(said, expected, strict=True):
        colour = plots.RIGHT if one == wanted else plots.WRONG
        rows.append([(wrap(f"expected: {wanted}", 84), "#555555"), (wrap(f"yours: {one}", 84), colour)])
    evidence(title, told_sheet(pictures[:8], rows[:8]))


def texts_of(value: Any, n: int, what: str) -> list[str]:
    """An answer that must be a list of n strings."""
    assert_that(isinstance(value, list | tuple), f"{what} is not a list of captions")
    assert_that(all(isinstance(one, str) for one in value), f"{what} holds something that is not text")
    assert_that(len(value) == n, f"{what} has {len(value)} captions where {n} were expected")
    return [one[:300] for one in value]
