# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `diffusion_loss`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check, with_weights
from coursekit.inputs import gaussian
from coursekit.student import Student
from diffusion_lab import points
from diffusion_lab.checks.reference import (
    any_schedule,
    reference_loss,
)


@check("diffusion_loss", weight=2)
def pictures_too(student: Student, rng: Generator) -> None:
    """A batch of pictures, with a time each, on a schedule of another length."""
    kept = any_schedule(rng, 60)
    clean, noise = gaussian(rng, 3, 2, 6, 6), gaussian(rng, 3, 2, 6, 6)
    t, weight = torch.from_numpy(rng.integers(0, 60, size=3)), float(rng.uniform(0.5, 1.5))
    asked = student.library("diffusion_lab.probes")
    for prediction in ("epsilon", "v_prediction"):
        loss, slope = asked.loss_and_slope(student.diffusion_loss, weight, clean, t, noise, kept, prediction)
        wanted = reference_loss(weight, clean, t, noise, kept, prediction)
        assert_close(loss, wanted[0], atol=1e-5, what=f"{prediction}: the loss")
        assert_close(slope, wanted[1], atol=1e-4, what=f"{prediction}: the slope of the loss")


@check("diffusion_loss", artefact=True)
def the_batch_stays(student: Student, rng: Generator) -> None:
    """The clean samples are the caller's: they are as they were. Is there an operation that ends in _, or `*=`?"""
    kept, t = any_schedule(rng, 60), torch.from_numpy(rng.integers(0, 60, size=3))
    clean, noise = gaussian(rng, 3, 2), gaussian(rng, 3, 2)
    after = student.library("diffusion_lab.probes").batch_after_loss(student.diffusion_loss, 1.0, clean, t, noise, kept)
    assert_close(after, clean, what="the clean samples after the call")


@check("diffusion_loss", weight=2, artefact=True)
def the_model_learnt_the_star(student: Student, rng: Generator) -> None:
    """`star_model` guesses nearly as well as the best possible guesser, and its samples fill the star."""
    losses = np.asarray(student.star_losses, dtype=float)
    assert_that(losses.shape[0] >= 300, f"`star_losses` has {losses.shape[0]} entries: was the training cut short?")
    assert_that(
        losses[-100:].mean() < 0.75 * losses[:10].mean(),
        f"the loss went from {losses[:10].mean():.2f} to {losses[-100:].mean():.2f}: nothing was learnt",
    )
    stars = points.star(4000, int(rng.integers(10**6)))
    weights, off, baseline = student.library("diffusion_lab.probes").weights_of(student.star_model), [], []
    model = with_weights(points.build(), weights, "star_model")
    for t in (10, 25, 45):
        clean = stars[torch.from_numpy(rng.integers(0, 4000, size=400))]
        noisy = points.KEPT[t].sqrt() * clean + (1 - points.KEPT[t]).sqrt() * gaussian(rng, 400, 2)
        best = points.ideal(noisy, t, stars)
        with torch.no_grad():
            answer = model(noisy, torch.full((400,), t))
        off.append((answer - best).square().mean().item())
        baseline.append(best.square().mean().item())
    assert_that(
        np.mean(off) < 0.15 * np.mean(baseline),
        f"its guesses are {np.mean(off):.3f} off the best possible ones; those of a model that says nothing are "
        f"{np.mean(baseline):.3f} off",
    )
    inside = points.inside_share(points.sample(model, 1000, int(rng.integers(10**6)))[-1])
    assert_that(inside > 0.9, f"{inside:.0%} of its samples are inside the star; of plain noise 71% are")
