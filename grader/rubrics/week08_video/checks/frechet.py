# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `frechet`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from video_lab.checks.reference import library_frechet, some_features


@check("frechet", weight=2)
def other_sets(student: Student, rng: Generator) -> None:
    """Few rows and many, many features, two features only."""
    for n, m, d in ((200, 12, 8), (30, 30, 20), (9, 15, 2), (50, 3, 6), (6, 90, 3), (12, 240, 4)):
        one, other = some_features(rng, n, m, d)
        found = student.frechet(one, other)
        assert_close(found, library_frechet(one, other), atol=2e-2, rtol=2e-3, what=f"the distance in {d} dimensions")


@check("frechet")
def a_shift_alone(student: Student, rng: Generator) -> None:
    """Moved by a vector, a set is as far from itself as the vector is long, squared."""
    one, step = gaussian(rng, 40, 6), gaussian(rng, 6)
    assert_close(student.frechet(one, one + step), float(torch.dot(step, step)), atol=1e-2, what="the distance")
