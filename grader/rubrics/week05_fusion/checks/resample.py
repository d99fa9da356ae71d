# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `resample`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from fusion_lab.checks.reference import (
    perceiver,
)


@check("resample", weight=2)
def any_heads(student: Student, rng: Generator) -> None:
    """Other widths, heads and numbers of latents and patches."""
    for d, heads, latents, patches in ((24, 3, 5, 2), (8, 1, 1, 9), (12, 2, 4, 4)):
        module, weights = perceiver(seed_from(rng), d, heads)
        x, y = gaussian(rng, 3, latents, d), gaussian(rng, 3, patches, d)
        told = f"the latents with {heads} heads of {d // heads}"
        assert_close(student.resample(x, y, weights, heads), x + module(y, x), atol=1e-4, rtol=1e-4, what=told)
