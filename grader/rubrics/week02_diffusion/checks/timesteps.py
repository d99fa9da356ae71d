# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `timesteps`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_same, check
from coursekit.student import Student
from diffusion_lab.checks.reference import (
    library_times,
)


@check("timesteps", weight=2)
def any_number_of_any_total(student: Student, rng: Generator) -> None:
    """Numbers that do not divide, one step, and every step."""
    # of these no time lies halfway between two whole numbers, where roundings differ
    tried = [(8, 1000), (1, 1000), (30, 400), (50, 50), (int(rng.choice([12, 14, 18, 22])), 1000), (10, 250)]
    for n, total in tried:
        for spacing in ("leading", "linspace", "trailing"):
            found = student.timesteps(n, spacing, total)
            assert_same(found, library_times(n, spacing, total), f"{spacing}: {n} of {total}: the list")
