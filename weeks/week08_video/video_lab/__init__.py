"""The helper package of week 8: what the notebook looks at and draws, and the checks it runs."""

from pathlib import Path

from coursekit.notebook import use_checks
from video_lab.data import pictures
from video_lab.plots import show_colours

use_checks("video_lab.checks", Path(__file__).with_name("points.json"))

__all__ = ["pictures", "show_colours"]
