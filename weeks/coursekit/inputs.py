"""Inputs that checks draw, so that an answer meets numbers it has not seen."""

from __future__ import annotations

import numpy as np
import torch


def gaussian(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    """Standard Gaussian numbers, float32."""
    return torch.from_numpy(rng.normal(size=shape)).float()


def seed_from(rng: np.random.Generator) -> int:
    """A seed that nobody has seen, in [0, 10**6)."""
    return int(rng.integers(10**6))
