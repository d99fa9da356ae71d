"""Films that play: in the notebook, and on a feedback page.

A film is shown as an animated PNG. Every browser plays one without plug-ins, Jupyter and Colab show it as any picture,
and what plays nothing, such as a PDF or a printer, has its first frame as the still.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

FRAMES = 32  # at most, of one film on a feedback page
SIDE = 640  # pixels, of one frame there
SLOWER = 1.5  # times: one second is short to look at


@dataclass(frozen=True, eq=False)
class Clip:
    """Pictures one after the other. frames: at least one, of one size, RGB.   times: milliseconds of each."""

    frames: tuple[Image.Image, ...]
    times: tuple[int, ...]

    def png(self) -> bytes:
        """An animated PNG that repeats; the picture itself where there is one only."""
        file = io.BytesIO()
        first, *others = self.frames
        more: dict[str, Any] = {"save_all": True, "append_images": others, "duration": list(self.times), "loop": 0}
        first.save(file, "PNG", **(more if others else {}))
        return file.getvalue()

    def shrunk(self) -> Clip:
        """Each side two thirds of what it was."""
        width, height = self.frames[0].size
        size = max(1, width * 2 // 3), max(1, height * 2 // 3)
        return Clip(tuple(frame.resize(size) for frame in self.frames), self.times)


def clip(frames: Any, seconds: float = 1.0, side: int = 128) -> Clip:
    """Frames as a Clip, repeated so many times slower than they are.

    frames: an array or tensor (n, h, w, 3), uint8, or floats in [0, 1], of which nan is black.   seconds: what they
    last in truth.   side: the width in pixels; each pixel becomes a square where it is a multiple of w.
    Raises ValueError for another shape, and where there is no frame.
    """
    found = np.asarray(frames.detach().cpu() if hasattr(frames, "detach") else frames)
    if found.ndim != 4 or found.shape[3] != 3 or not found.size:
        raise ValueError(f"a film is (n, h, w, 3) with n at least 1, got {found.shape}")
    if found.dtype != np.uint8:
        found = (np.clip(np.nan_to_num(found.astype(np.float64)), 0, 1) * 255).round().astype(np.uint8)
    n, height, width = found.shape[:3]
    size = side, max(1, round(side * height / width))
    how = Image.Resampling.NEAREST if side % width == 0 else Image.Resampling.LANCZOS
    return Clip(tuple(Image.fromarray(f).resize(size, how) for f in found), (round(1000 * SLOWER * seconds / n),) * n)


def play(pictures: Sequence[Image.Image], seconds: float = 1.0, *, alt: str) -> None:
    """Show pictures as a film below the notebook's cell, with its words. alt: see `coursekit.plots.Drawn`."""
    from coursekit.plots import Drawn  # checks import this module, and need no plots

    drawn = Drawn(alt)
    milliseconds = round(1000 * SLOWER * seconds / len(pictures))
    drawn.write(Clip(tuple(pictures), (milliseconds,) * len(pictures)).png())
    drawn.show()
