# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `mean_colour`."""

from __future__ import annotations

from coursekit.checks import assert_close, check, evidence
from video_lab.checks.reference import library_mean, some_picture


@check("mean_colour", weight=2)
def every_pixel_counts_the_same(student, rng):
    """Every pixel counts, and all count the same. Was it one pixel, one row, or the median?"""
    for _ in range(3):
        picture = some_picture(rng)
        evidence("the picture", picture)
        assert_close(student.mean_colour(picture), library_mean(picture), atol=1e-5)
