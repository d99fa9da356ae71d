# CROSSMODAL-RUBRIC: must never reach students
"""What the hidden checks of several questions need."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from coursekit import models
from coursekit.student import Student

whisper = lru_cache(maxsize=1)(lambda: models.load("whisper", profile="tiny", device="cpu"))


def told_by(student: Student) -> int:
    """The notebook's own SEED: a student may choose another."""
    return int(student.SEED)


def as_picture(values: Any, width: int = 480) -> np.ndarray:
    """A spectrogram (bins, frames), low frequencies first, as a picture in [0, 1] with the low ones below."""
    array = np.nan_to_num(np.asarray(values, dtype=np.float64))[::-1]
    array = (array - array.min()) / max(np.ptp(array), 1e-9)
    columns = np.linspace(0, array.shape[1] - 1, width).astype(int)
    return np.repeat(array[:, columns], max(1, 160 // len(array)), axis=0)
