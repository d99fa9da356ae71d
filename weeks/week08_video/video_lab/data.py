"""What week 8 looks at: films of the test split, as tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tinyworld import films
from tinyworld.films import Film

FRAMES = 8


def film_of(motion: str, seed: int = 0, objects: int | None = 1) -> Film:
    """A film of a motion that no model learnt from."""
    pairs = motion in ("behind", "bumps")
    return films.films("test", 1, seed, motion, objects=None if pairs else objects)[0]


def frames_of(shown: Sequence[Film], frames: int = FRAMES) -> np.ndarray:
    """The pictures of films, uint8 (n, frames, 64, 64, 3)."""
    return np.stack([film.frames(frames) for film in shown])


def tensor(frames: np.ndarray) -> torch.Tensor:
    """Pictures uint8 (n, frames, h, w, 3) as float32 (n, frames, 3, h, w) in [0, 1]."""
    return torch.from_numpy(frames).float().div(255).permute(0, 1, 4, 2, 3).contiguous()
