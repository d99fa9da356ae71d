"""The scenes that the notebook cuts into tokens, paints and redraws. All are of the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

import tinyworld
from coursekit.scenes import sample_scenes
from tinyworld import Object, Scene, tokens
from tinyworld.judge import Seen
from tinyworld.objects import direction

MARKS = tuple(
    tokens.IDS[mark] for mark in (tokens.PAD, tokens.START_TEXT, tokens.START_PICTURE)
)  # for `words_and_codes`
WISHES = (
    "a large red star on a white background",
    "a small blue circle on a black background",
    "a large green ring on a striped background",
    "a large orange square left of a small cyan star on a beige background",
    "a small purple triangle above a large yellow circle on a grey background",
    "a large pink cross right of a large blue ring on a checked background",
)


def opening_scenes(n: int = 6) -> list[Scene]:
    """The scenes that the notebook cuts into tokens: of one, two and three objects in turn."""
    return [sample_scenes(n, 1 + i % 3, seed=12)[i] for i in range(n)]


def wishes() -> list[str]:
    """Captions to paint, three of one object and three of two."""
    return list(WISHES)


def pixels(scenes: Sequence[Scene]) -> torch.Tensor:
    """Scenes as the tokeniser reads them: float32 (n, 3, 64, 64) in [0, 1]."""
    return as_pixels([scene.render(64) for scene in scenes])


def as_pixels(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """Pictures of 64x64 as float32 (n, 3, 64, 64) in [0, 1]."""
    arrays = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    return torch.from_numpy(arrays).permute(0, 3, 1, 2).float() / 255


def as_pictures(found: torch.Tensor) -> list[Image.Image]:
    """Float (n, 3, h, w) in [0, 1] as PIL images; what is outside is cut off, nan is black."""
    arrays = (255 * found.detach().float().cpu().nan_to_num().clamp(0, 1)).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(array) for array in arrays]


def words_of(scenes: Sequence[Scene]) -> list[list[int]]:
    """The captions of scenes as token ids."""
    return [tokens.words_to_ids(scene.caption()) for scene in scenes]


def scenes_to_redraw(n: int = 8) -> list[Scene]:
    """The scenes whose pictures the notebook has drawn again, of two and of three objects."""
    return [*sample_scenes(n // 2, 2, seed=31), *sample_scenes(n - n // 2, 3, seed=32)]


def hard_scenes(n: int = 24) -> list[Scene]:
    """Scenes of three objects, whose programs are the longest."""
    return sample_scenes(n, 3, seed=41)


def one_above_another(n: int, seed: int = 0) -> list[tuple[Scene, Scene]]:
    """Scenes of two objects, one in the upper half and one in the lower, and the same with the lower one recoloured."""
    rng = np.random.default_rng(seed)
    pairs = []
    for scene in sample_scenes(n, 2, seed):
        upper, lower = scene.objects
        upper, lower = (
            replace(upper, x=0.3 + 0.4 * rng.random(), y=0.25),
            replace(lower, x=0.3 + 0.4 * rng.random(), y=0.75),
        )
        before = Scene((upper, lower), scene.background)
        colours = [
            c
            for c in tinyworld.COLOURS
            if c not in (upper.colour, lower.colour) and (c, lower.shape) not in tinyworld.HELD_OUT_PAIRS
        ]
        after = Scene((upper, replace(lower, colour=str(rng.choice(colours)))), scene.background)
        pairs.append((before, after))
    return pairs


def shows(scene: Scene, seen: Sequence[Object | Seen], alone: bool = False) -> bool:
    """Whether every object of a scene is among those that were seen, in its colour and shape. alone: and no other."""
    if alone and len(seen) != len(scene.objects):
        return False
    left = [(o.colour, o.shape) for o in seen]
    for thing in scene.objects:
        if (thing.colour, thing.shape) not in left:
            return False
        left.remove((thing.colour, thing.shape))
    return True


def relation_kept(scene: Scene, seen: Sequence[Object | Seen]) -> bool:
    """Whether the two objects of a scene lie to each other as it says, among what was seen."""
    first, second = scene.objects
    pairs = [
        (a, b)
        for a in seen
        for b in seen
        if a is not b
        and (a.colour, a.shape) == (first.colour, first.shape)
        and (b.colour, b.shape) == (second.colour, second.shape)
    ]
    return any(direction(a, b) == direction(first, second) for a, b in pairs)
