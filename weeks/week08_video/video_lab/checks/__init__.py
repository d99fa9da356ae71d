"""The visible checks of week 8: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import numpy as np
from PIL import Image

from coursekit.checks import assert_close, check


@check("mean_colour")
def one_colour_all_over(student, rng):
    """A picture of one colour has that colour. Are the numbers red, green and blue, each divided by 255?"""
    colour = rng.permutation([30, 110, 220]) + rng.integers(0, 30, size=3)
    picture = Image.new("RGB", (6, 4), tuple(int(value) for value in colour))
    assert_close(student.mean_colour(picture), colour / np.float64(255), atol=1e-5)
