"""The helper package of week 2: what the notebook looks at, paints, measures and draws, and the checks it runs.

diffusion_lab.paint(painter, captions)       # pictures, with the library's sampler
diffusion_lab.fidelity(pictures, scenes)     # what is right on them, as a classifier reads it
diffusion_lab.points                         # diffusion in the plane, small enough to train in seconds
"""

from pathlib import Path

from coursekit.notebook import use_checks, yours_or
from coursekit.scenes import sample_scenes
from diffusion_lab import points
from diffusion_lab.data import (
    half_scenes,
    middle_mask,
    other_caption,
    scene_caption,
    scene_pixels,
    to_pictures,
    to_pixels,
    wishes,
)
from diffusion_lab.measuring import (
    all_right,
    all_told,
    diversity,
    fidelity,
    measure_edits,
    measure_inpainting,
    measure_palette,
    measure_word_change,
    read,
    share,
)
from diffusion_lab.painting import (
    decode,
    encode,
    paint,
    paint_by,
    right_half,
    start,
    stepper,
    times,
    watch,
    with_memory,
)
from diffusion_lab.plots import (
    animate,
    show_beliefs,
    show_dissolving,
    show_edits,
    show_guidance,
    show_losses,
    show_pictures,
    show_quality,
    show_report,
    show_rows,
    show_signal,
    show_trajectories,
    show_word_maps,
)

use_checks("diffusion_lab.checks", Path(__file__).with_name("points.json"))


yours = yours_or("diffusion_lab.checks.library")  # for figures


__all__ = [
    "all_right",
    "all_told",
    "animate",
    "decode",
    "diversity",
    "encode",
    "fidelity",
    "half_scenes",
    "measure_edits",
    "measure_inpainting",
    "measure_palette",
    "measure_word_change",
    "middle_mask",
    "other_caption",
    "paint",
    "paint_by",
    "points",
    "read",
    "right_half",
    "sample_scenes",
    "scene_caption",
    "scene_pixels",
    "share",
    "show_beliefs",
    "show_dissolving",
    "show_edits",
    "show_guidance",
    "show_losses",
    "show_pictures",
    "show_quality",
    "show_report",
    "show_rows",
    "show_signal",
    "show_trajectories",
    "show_word_maps",
    "start",
    "stepper",
    "times",
    "to_pictures",
    "to_pixels",
    "watch",
    "wishes",
    "with_memory",
    "yours",
]
