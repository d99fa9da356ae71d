"""Drawing scenes at random, and which split a scene belongs to.

A scene's split is a function of its content, so the splits are disjoint whatever the seed and however many are drawn.
"""

from __future__ import annotations

import random
import zlib

from tinyworld.objects import Object
from tinyworld.scene import Scene
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, HELD_OUT_PAIRS, RADII, SHAPES, SIZES

SPLITS: tuple[str, ...] = ("train", "validation", "test", "compositional")

# How many objects a mixed split's scenes have, and what part of them.
MIX = {1: 0.4, 2: 0.4, 3: 0.2}
GAP = 0.02  # least distance between two objects, and to the picture's edge, as a part of its side
CELLS = 16  # positions count as equal for the split when they fall in the same of CELLS x CELLS squares


def scenes(split: str, n: int, seed: int = 0, objects: int | None = None) -> list[Scene]:
    """`n` scenes of a split, the same on every machine; the first k of a longer list are the shorter list.

    split: "train", "validation", "test", or "compositional": scenes that hold at least one (colour, shape) pair that
    the other three never contain. objects: 1, 2 or 3, or None for a mix.

    All objects of a scene differ in colour or shape, do not overlap, and two of them lie at least twice as far apart
    on one axis as on the other, so that one relation is true. Raises ValueError for an unknown split or number.
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    if objects not in (None, 1, 2, 3):
        raise ValueError(f"objects must be 1, 2, 3 or None; got {objects!r}")
    rng = random.Random(f"tinyworld/{split}/{seed}/{objects}")
    return [_sample(rng, objects or rng.choices(list(MIX), list(MIX.values()))[0], split) for _ in range(n)]


def split_of(scene: Scene) -> str:
    """The split a scene belongs to, whoever made it.

    Scenes with a held-out (colour, shape) pair are "compositional"; of the others a hash of the content, with positions
    rounded to a 16x16 grid and the order of the objects ignored, puts 80 % in train and 10 % in validation and test.
    """
    if any((o.colour, o.shape) in HELD_OUT_PAIRS for o in scene.objects):
        return "compositional"
    content = sorted(f"{o.size} {o.colour} {o.shape} {int(o.x * CELLS)} {int(o.y * CELLS)}" for o in scene.objects)
    bucket = zlib.crc32(" | ".join([scene.background, *content]).encode()) % 10
    return {0: "validation", 1: "test"}.get(bucket, "train")


def _sample(rng: random.Random, n: int, split: str) -> Scene:
    """A scene of n objects: sizes and places first, then colours, shapes and background until the split is right."""
    sizes = [rng.choice(SIZES) for _ in range(n)]
    # Every place is far enough from the edge and from the others for the scene's largest object, so that objects
    # may exchange places.
    places = _places(rng, n, max(RADII[s] for s in sizes))
    while True:
        pairs = [(rng.choice(_COLOURS), rng.choice(SHAPES)) for _ in range(n)]
        if split == "compositional":
            pairs[rng.randrange(n)] = rng.choice(_HELD_OUT)
        if len(set(pairs)) < n:
            continue
        things = zip(pairs, sizes, places, strict=True)
        scene = Scene(
            tuple(Object(shape, colour, size, x, y) for (colour, shape), size, (x, y) in things),
            rng.choice(BACKGROUNDS),
        )
        if split_of(scene) == split:
            return scene


def _places(rng: random.Random, n: int, radius: float) -> list[tuple[float, float]]:
    """n centres, to three decimals, apart from each other and, for two, with a clear relation."""
    margin, apart = radius + GAP / 2, 2 * radius + GAP
    width = 1 - 2 * margin
    while True:  # throw n darts; start again when one lands too near another
        places: list[tuple[float, float]] = []
        for _ in range(n):
            x, y = round(margin + width * rng.random(), 3), round(margin + width * rng.random(), 3)
            if any((x - a) ** 2 + (y - b) ** 2 < apart**2 for a, b in places):
                break
            places.append((x, y))
        if len(places) == n and (n != 2 or _clear(*places)):
            return places


def _clear(first: tuple[float, float], second: tuple[float, float]) -> bool:
    """Whether two places lie at least twice as far apart on one axis as on the other."""
    dx, dy = abs(first[0] - second[0]), abs(first[1] - second[1])
    return max(dx, dy) >= 2 * min(dx, dy)


_COLOURS = tuple(COLOURS)
_HELD_OUT = sorted(HELD_OUT_PAIRS)
