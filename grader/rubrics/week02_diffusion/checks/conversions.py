# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `conversions`."""

from __future__ import annotations

import torch
from diffusers import DDPMScheduler
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from diffusion_lab.checks.reference import (
    any_schedule,
    column,
    scheduler,
)


@check("conversions")
def near_both_ends(student: Student, rng: Generator) -> None:
    """Nearly clean and nearly pure noise, points as well as pictures, each sample with its own time."""
    kept = any_schedule(rng, 300)
    library, t = scheduler(DDPMScheduler, kept), torch.tensor([2, 40, 150, 297])
    for shape in ((4, 2), (4, 3, 5, 5)):
        clean, noise = gaussian(rng, *shape), gaussian(rng, *shape)
        noisy = library.add_noise(clean, noise, t)
        found = student.clean_and_noise(library.get_velocity(clean, noise, t), noisy, t, kept, "v_prediction")
        assert_close(found[0], clean, atol=1e-4, what=f"samples {shape}: the clean sample from v")
        assert_close(found[1], noise, atol=1e-4, what=f"samples {shape}: the noise from v")


@check("conversions")
def the_two_mix_to_the_noisy(student: Student, rng: Generator) -> None:
    """Whatever the network answers, the two tensors mix to the noisy sample again."""
    kept, t = any_schedule(rng), torch.from_numpy(rng.integers(100, 900, size=3))
    noisy, output = gaussian(rng, 3, 2, 4, 4), gaussian(rng, 3, 2, 4, 4)
    left = column(kept[t], noisy)
    for prediction in ("epsilon", "sample", "v_prediction"):
        clean, noise = (torch.as_tensor(x) for x in student.clean_and_noise(output, noisy, t, kept, prediction))
        mixed = left.sqrt() * clean + (1 - left).sqrt() * noise
        assert_close(mixed, noisy, atol=1e-3, what=f"{prediction}: what the two mix to")
