"""What week 3 looks at: scenes with their captions, near-twins of them, a colour that nobody has named, photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

import tinyworld
from coursekit import photographs as shipped
from coursekit.scenes import sample_scenes
from tinyworld import Scene

CHANGES = ("colour", "shape", "size", "background", "places")  # what a near-twin differs in
_VALUES = {
    "colour": tuple(tinyworld.COLOURS),
    "shape": tinyworld.SHAPES,
    "size": tinyworld.SIZES,
    "background": tinyworld.BACKGROUNDS,
}
NEW_COLOUR, NEW_RGB = "brown", (120, 66, 25)


@dataclass(frozen=True)
class Example:
    """A picture and a caption that is true of it."""

    picture: Image.Image
    caption: str


def opening_scenes() -> list[Scene]:
    """Four scenes of one object and four of two, to begin the week with."""
    return sample_scenes(4, 1, seed=21) + sample_scenes(4, 2, seed=22)


def pictures(scenes: Sequence[Scene]) -> list[Image.Image]:
    """The scenes drawn, 64 x 64 pixels."""
    return [scene.render() for scene in scenes]


def twin(scene: Scene, change: str, rng: np.random.Generator) -> Scene:
    """The scene with one fact changed: the first object's colour, shape or size, the background, or who is where.

    change: one of CHANGES; "places" needs two objects.   Raises ValueError for another word.
    """
    if change not in CHANGES:
        raise ValueError(f"change must be one of {', '.join(CHANGES)}; got {change!r}")
    if change == "places":
        return scene.swapped()
    if change == "background":
        return replace(scene, background=_another(scene.background, _VALUES[change], rng))
    first, *rest = scene.objects
    taken = {(o.colour, o.shape) for o in scene.objects} | tinyworld.HELD_OUT_PAIRS
    values = [v for v in _VALUES[change] if v != getattr(first, change)]
    facts: list[dict[str, Any]] = [{change: v} for v in values]
    changed = [replace(first, **fact) for fact in facts]
    if change != "size":
        changed = [o for o in changed if (o.colour, o.shape) not in taken]
    return replace(scene, objects=(changed[int(rng.integers(len(changed)))], *rest))


def _another(value: str, values: Sequence[str], rng: np.random.Generator) -> str:
    return str(rng.choice([v for v in values if v != value]))


def repainted(scene: Scene, rgb: tuple[int, int, int] = NEW_RGB) -> Image.Image:
    """The scene drawn with its first object in a colour that the world does not know."""
    cover = scene.masks()[0][..., None]
    known = np.array(tinyworld.COLOURS[scene.objects[0].colour], dtype=float)
    pixels = np.asarray(scene.render(), dtype=float) + cover * (np.array(rgb, dtype=float) - known)
    return Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8))


def new_examples(n: int = 64, seed: int = 1, split: str = "train") -> list[Example]:
    """`n` pictures of one brown object each, with captions that say so."""
    return [
        Example(repainted(s), s.caption().replace(f" {s.objects[0].colour} ", f" {NEW_COLOUR} ", 1))
        for s in sample_scenes(n, 1, seed, split)
    ]


def old_examples(n: int = 256, seed: int = 2, split: str = "train") -> list[Example]:
    """`n` pictures of what the model knows already, of one object and of two, with their captions."""
    return [
        Example(s.render(), s.caption())
        for s in sample_scenes(n - n // 2, 1, seed, split) + sample_scenes(n // 2, 2, seed, split)
    ]


_PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "camera", "coins")


def photographs() -> list[Image.Image]:
    """Six photographs, RGB."""
    return shipped.photographs(_PHOTOGRAPHS, longest=480)
