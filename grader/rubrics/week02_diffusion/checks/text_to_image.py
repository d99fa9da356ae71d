# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `text_to_image`."""

from __future__ import annotations

from typing import Any

from numpy.random import Generator

from coursekit.checks import assert_close, check, evidence
from coursekit.student import Student
from diffusion_lab import data, painting, probes
from diffusion_lab.checks.reference import (
    library_pictures,
    some_wishes,
)
from grader.rubrics.week02_diffusion.checks.shared import in_rows, painter, pictures_of, told_by


@check("text_to_image", weight=2)
def another_sampler(student: Student, rng: Generator) -> None:
    """Another scheduler and another scale of the latents: Euler starts louder and rescales what the network sees."""
    settings: dict[str, Any] = {"scheduler": "EulerDiscreteScheduler", "scaling": float(rng.uniform(0.5, 0.8))}
    pipe, steps = probes.pipeline(**settings), 3
    prompts, latents = some_wishes(rng, 2), painting.start(pipe, 2, int(rng.integers(10**6)))
    wanted = library_pictures(pipe, prompts, latents, steps, 2.5)
    theirs = student.library("diffusion_lab.probes").pipeline(**settings)
    found = student.text_to_image(theirs, prompts, latents, steps, 2.5)
    quiet = probes.pipeline(**settings)
    slips = {
        "latents must be divided by vae.config.scaling_factor": library_pictures(
            probes.pipeline(settings["scheduler"], 1.0), prompts, latents, steps, 2.5
        ),
        "the starting noise must be multiplied by scheduler.init_noise_sigma": library_pictures(
            quiet, prompts, latents / quiet.scheduler.init_noise_sigma, steps, 2.5
        ),
    }
    assert_close(found, wanted, atol=2e-3, slips=slips, what="a pixel")


@check("text_to_image")
def a_long_wish(student: Student, rng: Generator) -> None:
    """A prompt that is too long is cut off, as the pipeline does. Is the tokenizer told `truncation=True`?"""
    pipe, prompts = probes.pipeline(), [" and ".join(some_wishes(rng, 9))]
    latents = painting.start(pipe, 1, int(rng.integers(10**6)))
    wanted = library_pictures(pipe, prompts, latents, 2, 2.5)
    theirs = student.library("diffusion_lab.probes").pipeline()
    assert_close(student.text_to_image(theirs, prompts, latents, 2, 2.5), wanted, atol=2e-3, what="a pixel")


@check("text_to_image", weight=2, artefact=True)
def what_the_notebook_painted(student: Student, rng: Generator) -> None:
    """`my_pictures` are the pipeline's pictures of the first four wishes."""
    pipe, (seed, guidance) = painter(), told_by(student)
    wanted = library_pictures(pipe, data.wishes()[:4], painting.start(pipe, 4, seed=seed), 15, guidance)
    found = pictures_of(student.my_pictures, wanted.shape, "my_pictures")
    evidence("Four wishes: yours above, the pipeline's below", in_rows(found, wanted))
    assert_close(found, wanted, atol=1e-2, what="a pixel of my_pictures")
