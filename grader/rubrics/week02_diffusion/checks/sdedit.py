# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `sdedit`."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, assert_shape, assert_that, check, evidence
from coursekit.inputs import gaussian
from coursekit.student import Student
from diffusion_lab import data, painting
from diffusion_lab.checks.reference import (
    any_schedule,
    library_start,
)
from grader.rubrics.week02_diffusion.checks.shared import STEPS, in_rows, painter, told_by


@check("sdedit")
def all_and_nothing(student: Student, rng: Generator) -> None:
    """Strength 1 walks all the way from noise, strength 0 changes nothing."""
    kept, times = any_schedule(rng), [900, 650, 400, 150]
    clean, noise = gaussian(rng, 3, 2), gaussian(rng, 3, 2)
    for strength in (0.0, 0.2, 1.0):
        noisy, remaining = library_start(strength, times, kept, clean, noise)
        found = student.edit_start(clean, noise, strength, times, kept)
        assert_same([int(t) for t in found[1]], remaining, f"strength {strength:g}: the remaining times")
        assert_close(found[0], noisy, atol=1e-4, what=f"strength {strength:g}: the noisy sample")


@check("sdedit", artefact=True)
def the_callers_times_stay(student: Student, rng: Generator) -> None:
    """The list of times is the caller's: it is as long after the call as before. Is there a `del`, or a `pop`?"""
    kept, times = any_schedule(rng), [900, 650, 400, 150]
    clean, noise = gaussian(rng, 3, 2), gaussian(rng, 3, 2)
    asked = student.library("diffusion_lab.probes")
    after = asked.arguments_after(student.edit_start, clean, noise, 0.5, times, kept)
    assert_close(after[0], clean, what="the clean sample after the call")
    assert_same([int(t) for t in after[3]], times, "the list of times after the call")


@lru_cache(maxsize=4)
def expected_edits(seed: int, guidance: float) -> torch.Tensor:
    """What the notebook's cell with `edits` makes, (6, 3, 64, 64)."""
    pipe = painter()
    latents = painting.encode(pipe, data.scene_pixels()[None])
    step, times = painting.stepper(pipe, data.other_caption(), guidance), painting.times(pipe, STEPS)
    edits = []
    for strength in (0.0, 0.3, 0.5, 0.7, 0.9, 1.0):
        sample, left = library_start(
            strength, times, pipe.scheduler.alphas_cumprod, latents, painting.start(pipe, 1, seed)
        )
        for t, previous in pairwise([*left, -1]):
            sample = step(sample, t, previous)
        edits.append(painting.decode(pipe, sample)[0])
    return torch.stack(edits)


@check("sdedit", weight=2, artefact=True)
def the_edits(student: Student, rng: Generator) -> None:
    """`edits` are the red star, rewritten with six strengths."""
    wanted, found = expected_edits(*told_by(student)), student.edits
    assert_that(len(found) == 6, f"`edits` has {len(found)} pictures where 6 were expected")
    pixels = torch.stack([torch.as_tensor(np.asarray(p, dtype=np.float32)) for p in found])
    assert_shape(pixels, wanted.shape, "edits")
    evidence("Six strengths: yours above, expected below", in_rows(pixels, wanted))
    assert_close(pixels, wanted, atol=2e-2, what="a pixel of the edits")
