# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `ddpm_step`."""

from __future__ import annotations

from typing import Any

import numpy as np
from diffusers import DDPMScheduler
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from diffusion_lab.checks.reference import (
    any_schedule,
    library_ddpm,
)
from grader.rubrics.week02_diffusion.checks.shared import exact_ddpm

DDPM: Any = DDPMScheduler  # its library has no types for it


@check("ddpm_step", weight=2)
def any_two_times(student: Student, rng: Generator) -> None:
    """From any time to any earlier one, on any schedule, for samples of any shape."""
    for shape, theirs in (((5, 2), "squaredcos_cap_v2"), ((2, 3, 4, 4), "scaled_linear")):
        kept = DDPM(300, beta_end=0.04, beta_schedule=theirs).alphas_cumprod
        previous, t = sorted(int(x) for x in rng.choice(np.arange(5, 270), size=2, replace=False))
        epsilon, noisy, noise = (gaussian(rng, *shape) for _ in range(3))
        wanted = exact_ddpm(epsilon, noisy, t, previous, kept, noise)
        found = student.ddpm_step(epsilon, noisy, t, previous, kept, noise)
        assert_close(found, wanted, atol=5e-4, rtol=1e-3, what=f"from {t} to {previous} of 300 the result")


@check("ddpm_step")
def a_thousand_single_steps(student: Student, rng: Generator) -> None:
    """Single steps, from t to t - 1, are diffusers' as well."""
    kept, t = any_schedule(rng), int(rng.integers(50, 950))
    epsilon, noisy = gaussian(rng, 4, 2), gaussian(rng, 4, 2)
    wanted, noise = library_ddpm(kept, 1000, epsilon, noisy, t, int(rng.integers(10**6)))
    assert_close(student.ddpm_step(epsilon, noisy, t, t - 1, kept, noise), wanted, atol=1e-4, rtol=1e-4)
