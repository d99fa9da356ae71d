"""The figures of week 8."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from coursekit.plots import grid


def show_colours(pictures: Sequence[Image.Image], colours: Sequence[np.ndarray]) -> None:
    """Pictures, and below each its colour: three numbers from 0 to 1."""
    patches = [Image.new("RGB", (64, 64), tuple(int(255 * value + 0.5) for value in colour)) for colour in colours]
    alt = f"{len(pictures)} pictures, and below each a patch of its own mean colour."
    grid([*pictures, *patches], columns=len(pictures), alt=alt)
