# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `dpm_step`."""

from __future__ import annotations

from itertools import pairwise

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from diffusion_lab.checks.reference import (
    any_schedule,
    library_dpm,
    strides,
)


@check("dpm_step")
def a_whole_walk(student: Student, rng: Generator) -> None:
    """Six uneven strides are diffusers', with a guess that depends on where one is."""
    kept = any_schedule(rng)
    times = strides(rng, 7)
    centre, sample = gaussian(rng, 1, 2), gaussian(rng, 4, 2)

    def guess(noisy: torch.Tensor, t: int) -> torch.Tensor:
        return torch.tanh(noisy) * kept[t] + centre

    wanted = library_dpm(kept, times, sample, guess)
    earlier, before = None, None
    for i, (t, previous) in enumerate(pairwise(times)):
        clean = guess(wanted[i], t)
        found = student.dpm_step(clean, wanted[i], t, previous, kept, earlier, before)
        assert_close(found, wanted[i + 1], atol=5e-3, rtol=5e-3, what=f"step {i + 1}")
        earlier, before = clean, t


@check("dpm_step")
def of_second_order(student: Student, rng: Generator) -> None:
    """Half as long strides leave about a quarter of the error. Of a solver of first order they leave half."""
    kept = any_schedule(rng)
    middle, spread, start = float(rng.normal()), float(rng.uniform(0.3, 0.8)), torch.linspace(-1.5, 1.5, 7)[:, None]
    a, sigma = kept.double().sqrt(), (1 - kept.double()).sqrt()

    def guess(noisy: torch.Tensor, t: int) -> torch.Tensor:  # the mean of N(middle, spread^2) given the noisy sample
        gain = a[t] * spread**2 / (a[t] ** 2 * spread**2 + sigma[t] ** 2)
        return (middle + gain * (noisy.double() - a[t] * middle)).float()

    def exact(s: int, t: int) -> torch.Tensor:
        width = ((a[s] * spread) ** 2 + sigma[s] ** 2).sqrt() / ((a[t] * spread) ** 2 + sigma[t] ** 2).sqrt()
        return a[s] * middle + width * (start.double() - a[t] * middle)

    level, first, last = (a / sigma).log(), 700, 150

    def error(strides: int) -> float:
        wanted = torch.linspace(level[first].item(), level[last].item(), strides + 1, dtype=torch.float64)
        times = [int((level - w).abs().argmin()) for w in wanted]
        sample, earlier, before = start, None, None
        for t, previous in pairwise(times):
            clean = guess(sample, t)
            sample = torch.as_tensor(student.dpm_step(clean, sample, t, previous, kept, earlier, before))
            earlier, before = clean, t
        return float((sample.double() - exact(last, first)).abs().max())

    coarse, fine = error(5), error(10)
    assert_that(coarse < 0.5, f"with five strides it is {coarse:.2g} off the exact end")
    assert_that(fine < coarse / 2.5, f"half as long strides leave {fine / coarse:.0%} of the error")
