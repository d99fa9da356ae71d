"""From objects on a background to pixels.

Each object's outline is drawn several times larger than wanted, in white on black, and shrunk: the greys that appear
at its edge say how much of a pixel it covers, and the colour is laid over the background by that much (anti-aliasing
by supersampling). Only the object's own square is touched, so a 64x64 picture takes about a tenth of a millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from tinyworld.objects import Object
from tinyworld.vocabulary import BACKGROUND_COLOURS, COLOURS, RADII

SUPERSAMPLING = 4
STRIPES = 8  # pairs of stripes, or of checks, across the picture


def render(objects: Sequence[Object], background: str, size: int = 64) -> Image.Image:
    """The RGB picture of objects on a background, `size` x `size`."""
    picture = empty(background, size).copy()
    for thing in objects:
        coverage, corner = silhouette(thing, size)
        picture.paste(COLOURS[thing.colour], corner, mask=coverage)
    return picture


def masks(objects: Sequence[Object], size: int = 64) -> np.ndarray:
    """Coverage of each pixel by each object: float32 (objects, size, size) in [0, 1]."""
    covered = np.zeros((len(objects), size, size), dtype=np.float32)
    for canvas, thing in zip(covered, objects, strict=True):
        coverage, (left, top, right, bottom) = silhouette(thing, size)
        inside = np.asarray(coverage, dtype=np.float32)[
            max(0, -top) : size - top if bottom > size else None,
            max(0, -left) : size - left if right > size else None,
        ]
        canvas[max(0, top) : min(size, bottom), max(0, left) : min(size, right)] = inside / 255
    return covered


def label_map(objects: Sequence[Object], size: int = 64) -> np.ndarray:
    """Which object each pixel shows: uint8 (size, size), 0 for the background, i for the i-th object from 1."""
    labels = Image.new("L", (size, size))
    for i, thing in enumerate(objects, start=1):
        coverage, box = silhouette(thing, size)
        labels.paste(i, box, mask=coverage.point(_AT_LEAST_HALF))
    return np.asarray(labels)


def silhouette(thing: Object, size: int) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """An object's coverage (mode L, 0..255) and the box of whole pixels (left, top, right, bottom) it belongs in."""
    radius = RADII[thing.size] * size
    left, top = math.floor(thing.x * size - radius), math.floor(thing.y * size - radius)
    side = math.ceil(2 * radius) + 1
    box = (left, top, left + side, top + side)

    canvas = Image.new("L", (side * SUPERSAMPLING, side * SUPERSAMPLING))
    draw = ImageDraw.Draw(canvas)
    cx, cy = (thing.x * size - left) * SUPERSAMPLING, (thing.y * size - top) * SUPERSAMPLING
    r = radius * SUPERSAMPLING
    if thing.shape in OUTLINES:
        draw.polygon([(cx + r * px, cy + r * py) for px, py in OUTLINES[thing.shape]], fill=255)
    else:
        _disc(draw, cx, cy, 0.9 * r, fill=255)
        if thing.shape == "ring":
            _disc(draw, cx, cy, 0.46 * r, fill=0)
    return canvas.reduce(SUPERSAMPLING), box


@lru_cache(maxsize=32)
def empty(background: str, size: int) -> Image.Image:
    """A background without objects, `size` x `size`. Shared: copy before drawing on it."""
    colours = np.array(BACKGROUND_COLOURS[background], dtype=np.float32)
    if len(colours) == 1:
        return Image.new("RGB", (size, size), BACKGROUND_COLOURS[background][0])
    # Which of the two colours each fine pixel has, then the mean over the fine pixels of a pixel.
    fine = size * SUPERSAMPLING
    band = (np.arange(fine) * 2 * STRIPES // fine) % 2
    which = np.repeat(band[:, None], fine, axis=1) if background == "striped" else band[:, None] ^ band[None, :]
    share = which.reshape(size, SUPERSAMPLING, size, SUPERSAMPLING).mean(axis=(1, 3))[..., None]
    return Image.fromarray(np.round(colours[0] * (1 - share) + colours[1] * share).astype(np.uint8))


def _disc(draw: ImageDraw.ImageDraw, cx: float, cy: float, r: float, fill: int) -> None:
    draw.ellipse((cx - r, cy - r, cx + r, cy + r), fill=fill)


def _polar(radii: list[float]) -> list[tuple[float, float]]:
    """Corners at equal angles, the first at the top."""
    step = 2 * math.pi / len(radii)
    return [(r * math.sin(i * step), -r * math.cos(i * step)) for i, r in enumerate(radii)]


_AT_LEAST_HALF = [0] * 128 + [255] * 128  # a lookup table for `Image.point`

# Corners in units of the object's radius, y downwards. Circle and ring are drawn as discs.
_ARM = 0.3
OUTLINES: dict[str, list[tuple[float, float]]] = {
    "square": [(-0.71, -0.71), (0.71, -0.71), (0.71, 0.71), (-0.71, 0.71)],
    "triangle": [(0.0, -0.9), (0.95, 0.75), (-0.95, 0.75)],
    "star": _polar([1.0, 0.42] * 5),
    "cross": [
        (-_ARM, -0.92), (_ARM, -0.92), (_ARM, -_ARM), (0.92, -_ARM), (0.92, _ARM), (_ARM, _ARM),
        (_ARM, 0.92), (-_ARM, 0.92), (-_ARM, _ARM), (-0.92, _ARM), (-0.92, -_ARM), (-_ARM, -_ARM),
    ],
}  # fmt: skip
