# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `inpaint`."""

from __future__ import annotations

from functools import lru_cache

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check, evidence
from coursekit.student import Student
from diffusion_lab import data, painting, probes
from diffusion_lab.checks.reference import (
    inpainting_task,
    reference_inpaint,
)
from grader.rubrics.week02_diffusion.checks.shared import STEPS, in_rows, painter, pictures_of, told_by


@check("inpaint")
def one_step_and_untouched_inputs(student: Student, rng: Generator) -> None:
    """A walk of one step works too, and the caller's tensors are not changed."""
    (start, clean, mask, times, kept, noise), weights = inpainting_task(rng, n=1)
    task = [start, clean, mask, times[:1], kept, noise]
    wanted = reference_inpaint(probes.stepper(weights), *task)
    asked = student.library("diffusion_lab.probes")
    found = student.inpaint(asked.stepper(weights), *task)
    assert_close(found, wanted, atol=1e-4, rtol=1e-4, what="after one step the result")
    after = asked.arguments_after(student.inpaint, asked.stepper(weights), *task)
    for place, what in ((1, "the start"), (2, "the picture"), (3, "the mask"), (6, "the noise")):
        assert_close(after[place], task[place - 1], what=f"{what} after the call")


@lru_cache(maxsize=4)
def expected_inpainting(seed: int, guidance: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The latents before and after the notebook's inpainting."""
    pipe, (scenes, wish) = painter(), data.half_scenes()
    clean, begin = painting.encode(pipe, scenes), painting.start(pipe, len(scenes), seed)
    step, times = painting.stepper(pipe, wish, guidance), painting.times(pipe, STEPS)
    mask = painting.right_half(pipe, len(scenes))
    return clean, reference_inpaint(step, begin, clean, mask, times, pipe.scheduler.alphas_cumprod, begin)


@check("inpaint", weight=2, artefact=True)
def the_other_half(student: Student, rng: Generator) -> None:
    """`inpainted_latents` keep the left half and hold the painter's own right half."""
    clean, wanted = expected_inpainting(*told_by(student))
    found = pictures_of(student.inpainted_latents, wanted.shape, "inpainted_latents")
    shown = [painting.decode(painter(), torch.nan_to_num(x)) for x in (found, wanted)]
    evidence("The right half painted anew: yours above, expected below", in_rows(*shown))
    half = wanted.shape[-1] // 2
    assert_close(found[..., :half], clean[..., :half], atol=2e-2, what="the kept half")
    assert_close(found[..., half:], wanted[..., half:], atol=5e-2, what="the new half")
