"""Pictures as programs: the library's model that writes them, and how often it has to try."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from PIL import Image
from transformers.utils import logging

from coursekit.models import Loaded
from tinyworld import Scene, programs
from token_lab import data

TRIES = 6
HEAT = 0.7  # temperature of all tries but the first, which takes the likeliest token
CLOSE = 0.003  # how far a drawing may be off, as a part of 255: a large shape moved by a pixel is more
RIGHT = 0.01  # ... and still have the right shapes in the right places
NOISE = 0.25  # spread of the noise through which pictures are seen, as a part of 255


@torch.no_grad()
def texts_of(scribe: Loaded, pictures: Sequence[Image.Image], seed: int | None = None) -> list[str]:
    """A program for each picture, by the library's generate(): the likeliest tokens, or drawn with a seed."""
    pixels = scribe.processor(images=list(pictures), return_tensors="pt").pixel_values
    how: dict[str, Any] = {"do_sample": False, "num_beams": 1}
    if seed is not None:
        how = {"do_sample": True, "temperature": HEAT, "top_k": 0}
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # programs that have ended are filled up while others go on, of which it warns
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed or 0)
            ids = scribe.model.generate(pixels, **how)
    finally:
        logging.set_verbosity(level)
    return [text.strip() for text in scribe.processor.batch_decode(ids, skip_special_tokens=True)]


def tries_of(
    scribe: Loaded, pictures: Sequence[Image.Image], tries: int = TRIES, likeliest: bool = True
) -> list[list[str]]:
    """For each picture so many programs, drawn with other seeds. likeliest: the first is not drawn."""
    columns = [texts_of(scribe, pictures, None if i == 0 and likeliest else i + 1) for i in range(tries)]
    return [list(row) for row in zip(*columns, strict=True)]


def tries_at(scribe: Loaded) -> list[list[str]]:
    """The programs with which the notebook tries to redraw `scenes_to_redraw`."""
    return tries_of(scribe, [scene.render(64) for scene in data.scenes_to_redraw()])


def noisy(scenes: Sequence[Scene], seed: int = 0) -> list[Image.Image]:
    """The pictures of scenes, seen through noise."""
    generator = torch.Generator().manual_seed(seed)
    pixels = data.pixels(scenes)
    return data.as_pictures(pixels + NOISE * torch.randn(pixels.shape, generator=generator))


@lru_cache(maxsize=2)
def _tried(scribe: Loaded, scenes: tuple[Scene, ...]) -> list[list[str]]:
    return tries_of(scribe, noisy(scenes), likeliest=False)


def measure_tries(scribe: Loaded, redraw: Callable[..., Any], scenes: Sequence[Scene]) -> dict[str, list[float]]:
    """The share of pictures seen through noise that are drawn right after one try, two, ..., of two ways to try.

    redraw: as the notebook's. Drawings are compared with the noisy picture; whether they are right is then asked of
    the clean one.
    """
    found = {"the nearest is kept": [0.0] * TRIES, "no comparing: the last one": [0.0] * TRIES}
    tried = zip(scenes, noisy(scenes), _tried(scribe, tuple(scenes)), strict=True)
    for scene, picture, texts in tried:
        clean = scene.render(64)
        for i in range(TRIES):
            best, _, _ = redraw(iter(texts[: i + 1]), picture, 0.0)
            again = [programs.program_of(best)] if best is not None else []
            kept = redraw(iter(again), clean, 0.0)[1] <= RIGHT
            alone = redraw(iter(texts[i : i + 1]), clean, 0.0)[1] <= RIGHT
            for name, right in zip(found, (kept, alone), strict=True):
                found[name][i] += float(right) / len(scenes)
    return found
