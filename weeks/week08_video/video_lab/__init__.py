"""The helper package of week 8: what the notebook looks at, measures and draws, and the checks it runs.

video_lab.show_slices()                            # films cut along time
video_lab.measuring.ways_told(embed)               # which way a thing goes, from random tubelets
"""

from pathlib import Path

from coursekit.notebook import use_checks, yours_or
from video_lab.binding import show_bound, show_felt
from video_lab.feeling import show_conflict, show_fusion
from video_lab.moving import show_order, show_told
from video_lab.plots import (
    show_beginning,
    show_inflated,
    show_masks,
    show_meeting,
    show_opening,
    show_places,
    show_reach,
    show_slices,
    show_turns,
    show_ways,
)
from video_lab.showing import show_distances, show_physics, show_summary

use_checks("video_lab.checks", Path(__file__).with_name("points.json"))


yours = yours_or("video_lab.checks.library")  # for figures


__all__ = [
    "show_beginning",
    "show_bound",
    "show_conflict",
    "show_distances",
    "show_felt",
    "show_fusion",
    "show_inflated",
    "show_masks",
    "show_meeting",
    "show_opening",
    "show_order",
    "show_physics",
    "show_places",
    "show_reach",
    "show_slices",
    "show_summary",
    "show_told",
    "show_turns",
    "show_ways",
    "yours",
]
