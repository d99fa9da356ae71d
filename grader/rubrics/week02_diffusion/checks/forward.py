# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `forward`."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import DDPMScheduler
from numpy.random import Generator

from coursekit.checks import assert_close, check, evidence
from coursekit.inputs import gaussian
from coursekit.student import Student
from diffusion_lab import data
from diffusion_lab.checks.reference import (
    THEIR_NAMES,
    any_schedule,
    column,
)
from grader.rubrics.week02_diffusion.checks.shared import in_rows, pictures_of, told_by

DDPM: Any = DDPMScheduler  # its library has no types for it


@check("forward", weight=2)
def other_numbers(student: Student, rng: Generator) -> None:
    """It holds for any number of steps and any betas. Print its first and last entries for `steps=60`."""
    for name, theirs in THEIR_NAMES.items():
        steps = int(rng.integers(40, 400))
        start, end = float(rng.uniform(5e-4, 2e-3)), float(rng.uniform(0.01, 0.04))
        wanted = DDPM(steps, beta_start=start, beta_end=end, beta_schedule=theirs).alphas_cumprod
        found = student.signal_kept(name, steps, start, end)
        assert_close(found, wanted, atol=1e-9, rtol=2e-3, what=f"{name}: with {steps} steps the result")


@check("forward")
def samples_of_any_shape(student: Student, rng: Generator) -> None:
    """Points, sounds and pictures are mixed alike, in a batch of one too, and stay as they were."""
    kept = any_schedule(rng, 200)
    for shape in ((6, 2), (1, 3, 8, 8), (4, 1, 50)):
        clean, noise = gaussian(rng, *shape), gaussian(rng, *shape)
        t = torch.from_numpy(rng.integers(0, 200, size=shape[0]))
        left = column(kept[t], clean)
        after = student.library("diffusion_lab.probes").arguments_after(student.add_noise, clean, noise, t, kept)
        found = student.add_noise(clean, noise, t, kept)
        assert_close(found, left.sqrt() * clean + (1 - left).sqrt() * noise, what=f"with samples {shape} the result")
        assert_close(after[0], clean, what="the clean samples after the call")


@check("forward", weight=2, artefact=True)
def the_scene_dissolved(student: Student, rng: Generator) -> None:
    """`dissolved` is the notebook's scene at its eight moments."""
    static = torch.randn((8, 3, 64, 64), generator=torch.Generator().manual_seed(told_by(student)[0]))
    moments = torch.tensor([0, 100, 200, 300, 450, 600, 800, 999])
    scene = data.scene_pixels().expand(8, -1, -1, -1)
    wanted = DDPM(beta_schedule="linear").add_noise(scene, static, moments)
    found = pictures_of(student.dissolved, wanted.shape, "dissolved")
    evidence("The scene dissolving: yours above, expected below", in_rows(found / 2 + 0.5, wanted / 2 + 0.5))
    assert_close(found, wanted, atol=2e-3, what="dissolved")
