"""An edit, measured alike of every painter: one object shall have another colour, and all else shall stay.

A painter is given the picture, the caption with the new colour, and the cells of 8x8 pixels that the object covers. It
may paint those anew and whatever else it cannot help painting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from tinyworld.judge import Judge
from tinyworld.scene import Scene
from tinyworld.tokens import SIDE
from tinyworld.train.diffusion.latents import pictures
from tinyworld.train.diffusion.measure import captions, score, unseen
from tinyworld.vocabulary import COLOURS, HELD_OUT_PAIRS

CELL = 8  # pixels
NEAR = 8.0  # pixels: an object whose centre moved less than a cell has stayed
# pictures, float32 (n, 3, 64, 64) in [-1, 1]; captions; cells, bool (n, 64) -> pictures, uint8 (n, 64, 64, 3)
Repaint = Callable[[torch.Tensor, list[str], torch.Tensor], np.ndarray]


def recoloured(scene: Scene) -> Scene:
    """The scene of one object in the next colour that its shape was trained with."""
    (thing,) = scene.objects
    names = list(COLOURS)
    after = names[names.index(thing.colour) + 1 :] + names
    colour = next(name for name in after if (name, thing.shape) not in HELD_OUT_PAIRS and name != thing.colour)
    return replace(scene, objects=(replace(thing, colour=colour),))


def covered(scenes: list[Scene]) -> torch.Tensor:
    """The cells that any object covers a part of: bool (n, 64), row by row."""
    masks = torch.from_numpy(np.stack([scene.masks(SIDE * CELL).max(axis=0) for scene in scenes]))
    return masks.unflatten(1, (SIDE, CELL)).unflatten(3, (SIDE, CELL)).amax((2, 4)).flatten(1) > 0


def edits(repaint: Repaint, judge: Judge, n: int) -> dict[str, float]:
    """What comes of `n` edits of unseen scenes of one object.

    right: the share with all facts of the new caption.   stays: the share whose object's centre moved less than a
    cell.   kept: PSNR in dB, before to after, of the cells that the object does not cover.
    """
    before = unseen(n, 1)
    after = [recoloured(scene) for scene in before]
    pixels, cells = pictures(before), covered(before)
    painted = repaint(pixels, captions(after), cells)
    verdicts = judge.read(painted)
    moved = [
        64 * np.hypot(v.objects[0].x - s.objects[0].x, v.objects[0].y - s.objects[0].y) if v.objects else np.inf
        for v, s in zip(verdicts, before, strict=True)
    ]
    new = torch.from_numpy(painted).permute(0, 3, 1, 2).float() / 127.5 - 1
    outside = ~cells.view(n, 1, SIDE, SIDE).repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)
    error = (new - pixels).square()[outside.expand_as(new)].mean()
    return {
        "right": score(after, verdicts)["all"],
        "stays": float(np.mean(np.array(moved) < NEAR)),
        "kept": float(10 * torch.log10(4 / error)),
    }
