# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `ddim_step`."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from diffusion_lab.checks.reference import (
    any_schedule,
    library_ddim,
)
from grader.rubrics.week02_diffusion.checks.shared import exact_ddpm


@check("ddim_step", weight=2)
def eta_one_is_ddpm(student: Student, rng: Generator) -> None:
    """With eta 1 it is DDPM, for any two times."""
    kept = any_schedule(rng, 400)
    previous, t = sorted(int(x) for x in rng.choice(np.arange(20, 380), size=2, replace=False))
    epsilon, noisy, noise = (gaussian(rng, 6, 2) for _ in range(3))
    found = student.ddim_step(epsilon, noisy, t, previous, kept, 1.0, noise)
    assert_close(found, exact_ddpm(epsilon, noisy, t, previous, kept, noise), atol=1e-3, rtol=1e-3)


@check("ddim_step")
def the_last_step(student: Student, rng: Generator) -> None:
    """The step to -1 gives the clean guess, with any eta. Print the signal kept that you use there; it is 1."""
    kept, t = any_schedule(rng), int(rng.integers(1, 100))
    clean, noise = gaussian(rng, 2, 3, 4, 4), gaussian(rng, 2, 3, 4, 4)
    noisy = kept[t].sqrt() * clean + (1 - kept[t]).sqrt() * noise
    for eta in (0.0, 1.0):
        found = student.ddim_step(noise, noisy, t, -1, kept, eta, gaussian(rng, 2, 3, 4, 4))
        assert_close(found, clean, atol=1e-3, what=f"with eta {eta:g} the end")


@check("ddim_step")
def long_strides(student: Student, rng: Generator) -> None:
    """A stride over half of the times, without fresh noise, is diffusers'."""
    kept = any_schedule(rng)
    epsilon, noisy = gaussian(rng, 3, 5), gaussian(rng, 3, 5)
    wanted = library_ddim(kept, 2, epsilon, noisy, 900, 0.0, None)
    assert_close(student.ddim_step(epsilon, noisy, 900, 400, kept, 0.0, None), wanted, atol=1e-4, rtol=1e-4)
