# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `guidance`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from diffusion_lab import probes


@check("guidance")
def one_and_nothing(student: Student, rng: Generator) -> None:
    """At 1 it is the told answer, at 0 the one to `empty`, whatever texts those are."""
    seed, t = int(rng.integers(10**6)), torch.tensor(int(rng.integers(10, 990)))
    latents, states, empty = gaussian(rng, 3, 4, 8, 8), gaussian(rng, 3, 5, 12), gaussian(rng, 3, 5, 12)
    unet, theirs = probes.unet(seed), student.library("diffusion_lab.probes").unet(seed)
    for scale, texts in ((1.0, states), (0.0, empty)):
        wanted = unet(latents, t, encoder_hidden_states=texts).sample
        found = student.guided(theirs, latents, t, states, empty, scale)
        assert_close(found, wanted, atol=1e-4, rtol=1e-4, what=f"at {scale:g} the result")


@check("guidance")
def a_batch_of_one(student: Student, rng: Generator) -> None:
    """One sample is a batch too, and every sample has texts of its own."""
    seed, t = int(rng.integers(10**6)), 300
    unet, theirs = probes.unet(seed), student.library("diffusion_lab.probes").unet(seed)
    for n in (1, 4):
        latents, states, empty = gaussian(rng, n, 4, 8, 8), gaussian(rng, n, 5, 12), gaussian(rng, n, 5, 12)
        told, without = (unet(latents, t, encoder_hidden_states=s).sample for s in (states, empty))
        found = student.guided(theirs, latents, t, states, empty, 2.5)
        assert_close(found, without + 2.5 * (told - without), atol=1e-4, rtol=1e-4, what=f"for {n} the result")
