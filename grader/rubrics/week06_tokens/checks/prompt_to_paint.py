# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `prompt_to_paint`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, assert_that, check, evidence
from coursekit.inputs import seed_from
from coursekit.student import Student
from grader.rubrics.week06_tokens.checks.shared import clip, vq
from token_lab import painting
from token_lab.checks.reference import reference_paint, torch_cutouts


@check("prompt_to_paint")
def any_square(student: Student, rng: Generator) -> None:
    """One square and many, larger and smaller than what they become."""
    picture = torch.from_numpy(rng.random((1, 3, 20, 14))).float()
    for side in (4, 14, 33):
        places = []
        for _ in range(int(rng.integers(4, 8))):
            size = int(rng.integers(3, 14))
            places.append((int(rng.integers(21 - size)), int(rng.integers(15 - size)), size))
        wanted = torch_cutouts(picture, places, side)
        assert_close(student.cutouts(picture, places, side), wanted, atol=1e-4, what=f"{len(places)} cutouts of {side}")


@check("prompt_to_paint", weight=2)
def any_climb(student: Student, rng: Generator) -> None:
    """One step and many, at other rates; each step is cut once."""
    watched = student.library("token_lab.probes").watched_paint
    for steps, rate in ((1, 0.05), (15, 0.03)):
        seed = seed_from(rng)
        found = watched(student.prompt_to_paint, seed, steps, rate)
        latent, scores = reference_paint(seed, steps, rate)
        assert_close(
            torch.tensor(found["scores"]), torch.tensor(scores), 2e-3, 1e-3, what=f"the scores of {steps} steps"
        )
        assert_close(found["latent"], latent, atol=1e-3, what="the latent")
        assert_same(found["steps"], list(range(steps)), "the steps that were given to `cut`")


@check("prompt_to_paint", artefact=True)
def the_painted_prompt(student: Student, rng: Generator) -> None:
    """`my_painting` lies on codes, and its picture fits the words better than the one it began with."""
    found, model = torch.as_tensor(student.my_painting).float(), vq()
    start = painting.starting_latent(model, 0)
    assert_that(found.shape == start.shape, f"my_painting has shape {tuple(found.shape)}, not {tuple(start.shape)}")
    rows = found.permute(0, 2, 3, 1).flatten(0, 2)
    far = float(torch.cdist(rows, model.quantize.embedding.weight).min(dim=1).values.max())
    assert_that(far < 1e-2, "my_painting lies off the codes: what prompt_to_paint returns is projected")
    with torch.no_grad():
        picture = painting.decode(model, found)
        words = painting.words_score(clip(), painting.PROMPT)
        climbed = float((words(picture) - words(painting.decode(model, start))).mean())
    evidence("Your painting", picture[0].permute(1, 2, 0).numpy())
    assert_that(climbed > 0.05, f"the cosine with the words rose by {climbed:.3f} only")
