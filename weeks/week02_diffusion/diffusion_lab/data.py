"""What week 2 looks at: captions to paint, scenes to take apart, and the way between pictures and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image

import tinyworld
from coursekit.scenes import sample_scenes
from tinyworld import Object, Scene

_WISHES = (
    "a large red star on a white background",
    "a small blue circle on a black background",
    "a large green triangle on a beige background",
    "a large yellow square on a striped background",
    "a small cyan ring on a grey background",
    "a large purple cross on a white background",
    "a large orange star left of a small blue square on a white background",
    "a small pink circle above a large green ring on a black background",
)
_SUBJECT = Scene((Object("star", "red", "large", 0.42, 0.52),), "white")


def wishes() -> list[str]:
    """Eight captions, the last two with two objects."""
    return list(_WISHES)


def scene_pixels(scene: Scene = _SUBJECT) -> torch.Tensor:
    """A scene as a network sees it: float32 (3, 64, 64) in [-1, 1]. By default a large red star."""
    return to_pixels([scene.render()])[0]


def scene_caption(scene: Scene = _SUBJECT) -> str:
    """The caption of that scene."""
    return scene.caption()


def other_caption() -> str:
    """What section 10 turns the red star into."""
    return recoloured(_SUBJECT, "blue").caption()


def recoloured(scene: Scene, colour: str) -> Scene:
    """The scene with its first object in another colour."""
    return replace(scene, objects=(replace(scene.objects[0], colour=colour), *scene.objects[1:]))


def another_colour(scene: Scene, rng: np.random.Generator) -> str:
    """A colour that the first object does not have, of a pair that painters have seen."""
    thing = scene.objects[0]
    pairs = ((c, thing.shape) for c in tinyworld.COLOURS if c != thing.colour)
    return str(rng.choice([c for c, shape in pairs if (c, shape) not in tinyworld.HELD_OUT_PAIRS]))


def half_scenes(n: int = 6, seed: int = 4) -> tuple[torch.Tensor, list[str]]:
    """Pictures with one object in their left half, (n, 3, 64, 64) in [-1, 1], and captions that ask for two objects:
    the one that is there, and another one right of it.
    """
    scenes, captions = halves(n, seed)
    return to_pixels([scene.render() for scene in scenes]), captions


def halves(n: int, seed: int) -> tuple[list[Scene], list[str]]:
    """The scenes behind `half_scenes`, and the captions."""
    rng = np.random.default_rng(seed)
    scenes, captions = [], []
    for scene in sample_scenes(n, 1, seed):
        here = replace(scene.objects[0], x=0.25, y=float(rng.uniform(0.35, 0.65)))
        shapes = [shape for shape in tinyworld.SHAPES if shape != here.shape]
        there = replace(here, shape=str(rng.choice(shapes)), x=0.75)
        there = replace(there, colour=another_colour(Scene((there,), scene.background), rng))
        scenes.append(Scene((here,), scene.background))
        captions.append(Scene((here, there), scene.background).caption())
    return scenes, captions


def to_pixels(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """PIL images of one size to float32 (n, 3, height, width) in [-1, 1]."""
    arrays = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    return torch.from_numpy(arrays).permute(0, 3, 1, 2).float() / 127.5 - 1


def to_pictures(pixels: torch.Tensor) -> list[Image.Image]:
    """Float (n, 3, height, width) in [0, 1] to PIL images; what is outside is cut off, NaN is black."""
    arrays = (255 * pixels.detach().float().cpu().nan_to_num().clamp(0, 1)).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(array) for array in arrays]


def middle_mask(size: tuple[int, int]) -> Image.Image:
    """A picture of this width and height, white in the middle: where to paint anew."""
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 255
    return Image.fromarray(mask)
