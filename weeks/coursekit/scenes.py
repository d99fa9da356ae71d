"""Scenes of tinyworld, as the weeks show, paint and caption them."""

from __future__ import annotations

import tinyworld
from tinyworld import Scene


def sample_scenes(n: int, objects: int | None = None, seed: int = 0, split: str = "test") -> list[Scene]:
    """`n` scenes of a split, or as many as there are, no two of which have the same caption.

    objects: 1, 2 or 3 in each, or None for a mix.
    """
    found: dict[str, Scene] = {}
    for scene in tinyworld.scenes(split, 4 * n + 16, seed, objects):
        found.setdefault(scene.caption(), scene)
    return list(found.values())[:n]
