"""Pictures as programs: the library's model that writes them, and how often it has to try."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from PIL import Image

from coursekit.models import Loaded
from tinyworld import Scene
from token_lab import data

TRIES = 6
HEAT = 0.7  # temperature of all tries but the first, which takes the likeliest token
CLOSE = 0.002  # how far a drawing may be off, as a part of 255: most of a scene moved by half a pixel is more


@torch.no_grad()
def texts_of(scribe: Loaded, pictures: Sequence[Image.Image], seed: int | None = None) -> list[str]:
    """A program for each picture, by the library's generate(): the likeliest tokens, or drawn with a seed."""
    pixels = scribe.processor(images=list(pictures), return_tensors="pt").pixel_values
    how: dict[str, Any] = {"do_sample": False, "num_beams": 1}
    if seed is not None:
        how = {"do_sample": True, "temperature": HEAT, "top_k": 0}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        ids = scribe.model.generate(pixels, **how)
    return [text.strip() for text in scribe.processor.batch_decode(ids, skip_special_tokens=True)]


def tries_of(scribe: Loaded, pictures: Sequence[Image.Image], tries: int = TRIES) -> list[list[str]]:
    """For each picture so many programs, the likeliest first."""
    columns = [texts_of(scribe, pictures, None if i == 0 else i) for i in range(tries)]
    return [list(row) for row in zip(*columns, strict=True)]


def tries_at(scribe: Loaded) -> list[list[str]]:
    """The programs with which the notebook tries to redraw `scenes_to_redraw`."""
    return tries_of(scribe, [scene.render(64) for scene in data.scenes_to_redraw()])


@lru_cache(maxsize=4)
def _tried(scribe: Loaded, hard: tuple[Scene, ...]) -> list[list[str]]:
    return tries_of(scribe, [scene.render(64) for scene in hard])


def measure_tries(
    scribe: Loaded, redraw: Callable[..., Any], scenes: Sequence[Scene], tries: int = TRIES
) -> list[float]:
    """The share of pictures that are drawn right after one try, two, ... redraw: as the notebook's."""
    right = [0.0] * tries
    for scene, texts in zip(scenes, _tried(scribe, tuple(scenes)), strict=True):
        picture = scene.render(64)
        _, off, count = redraw(iter(texts), picture, CLOSE)
        for i in range(tries):
            right[i] += float(off <= CLOSE and count <= i + 1) / len(scenes)
    return right
