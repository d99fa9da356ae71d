"""The helper package of week 1: what the notebook looks at, draws and trains, and the checks it runs.

album = clip_lab.album(160)             # scenes of the test split, their pictures and captions
clip_lab.show_similarity(...)           # the figures
clip_lab.small                          # the CLIP that the notebook trains from scratch
"""

from pathlib import Path

from clip_lab import small
from clip_lab.data import (
    ATTRIBUTES,
    TEMPLATES,
    Album,
    SwapPairs,
    album,
    photographs,
    prompt,
    swap_pairs,
    truths_and_lies,
)
from clip_lab.measuring import gap_axes
from clip_lab.plots import (
    show_album,
    show_bars,
    show_joint_space,
    show_queries,
    show_similarity,
    show_temperature,
    show_training,
)
from clip_lab.probes import random_clip
from coursekit.notebook import needs, use_checks, yours_or

use_checks("clip_lab.checks", Path(__file__).with_name("points.json"))


yours = yours_or("clip_lab.checks.library")  # for figures


__all__ = [
    "ATTRIBUTES",
    "Album",
    "SwapPairs",
    "TEMPLATES",
    "album",
    "gap_axes",
    "needs",
    "photographs",
    "prompt",
    "random_clip",
    "show_album",
    "show_bars",
    "show_joint_space",
    "show_queries",
    "show_similarity",
    "show_temperature",
    "show_training",
    "small",
    "swap_pairs",
    "truths_and_lies",
    "yours",
]
