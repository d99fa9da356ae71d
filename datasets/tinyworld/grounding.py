"""Boxes around objects, as numbers and as words of a language model.

A coordinate becomes one of BINS location tokens, so a box is four words that any language model can learn to write
(Chen et al. 2022, "Pix2Seq", section 2.1; PaliGemma does the same; Kosmos-2, Peng et al. 2023, gives every cell of a
grid a token of its own, so that a box takes two).
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from tinyworld.scene import Scene

BINS = 32  # location tokens: about two pixels of 64 each
LOCATIONS: tuple[str, ...] = tuple(f"<loc{i:02d}>" for i in range(BINS))
_LOCATION = re.compile(r"<loc(\d\d)>")


class Box(NamedTuple):
    """Left, top, right and bottom in [0, 1], from the picture's left upper corner."""

    left: float
    top: float
    right: float
    bottom: float


def boxes_of(scene: Scene, size: int = 64) -> list[Box]:
    """The smallest box of whole pixels around what is seen of each object, in a picture of `size` x `size`."""
    found, label_map = [], scene.label_map(size)
    for i in range(1, len(scene.objects) + 1):
        rows, columns = np.nonzero(label_map == i)
        found.append(Box(*(int(v) / size for v in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))))
    return found


def to_text(box: Box) -> str:
    """A box as four location tokens, left, top, right, bottom: each number times BINS - 1, rounded."""
    return "".join(LOCATIONS[round(min(max(value, 0.0), 1.0) * (BINS - 1))] for value in box)


def tokens_of(text: str) -> list[int] | None:
    """The four location tokens of an answer, or None where the answer is no box, or one without an area."""
    bins = [int(number) for number in _LOCATION.findall(text)]
    if len(bins) != 4 or max(bins) >= BINS or _LOCATION.sub("", text).strip():
        return None
    left, top, right, bottom = bins
    return bins if left < right and top < bottom else None


def from_text(text: str) -> Box | None:
    """The box in an answer, or None where the answer is no box, or one without an area."""
    bins = tokens_of(text)
    return Box(*(i / (BINS - 1) for i in bins)) if bins else None


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (first, second)]
    return shared / (sum(areas) - shared)
