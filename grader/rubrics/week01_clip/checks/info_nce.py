# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `info_nce`."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from open_clip.loss import ClipLoss

from clip_lab.checks.reference import unit
from coursekit.checks import assert_close, assert_that, check, evidence
from coursekit.student import Student
from grader.rubrics.week01_clip.checks.shared import heat, side_by_side


def reference_gradients(images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor) -> list[torch.Tensor]:
    inputs = [x.clone().requires_grad_(True) for x in (images, texts, scale)]
    return list(torch.autograd.grad(ClipLoss()(*inputs), inputs))


@check("info_nce", weight=2)
def the_same_gradients(student: Student, rng: Generator) -> None:
    """Its gradients by images, texts and scale are open_clip's. Normalising again, or `float(scale)`, changes them."""
    images, texts, scale = unit(rng, 6, 10), unit(rng, 6, 10), torch.tensor(float(rng.uniform(5, 20)))
    _, found = student.gradients("info_nce", images, texts, scale, wrt=(0, 1, 2))
    wanted = reference_gradients(images, texts, scale)
    mine, reach = (
        np.zeros((6, 10)) if found[0] is None else np.asarray(found[0], dtype=float),
        float(wanted[0].abs().max()),
    )
    evidence(
        "Gradient with respect to the images (6 x 10): yours, and open_clip's",
        side_by_side(*(heat(np.nan_to_num(g), -reach, reach) for g in (mine, wanted[0]))),
    )
    for mine, right, what in zip(found, wanted, ("images", "texts", "scale"), strict=True):
        assert_that(mine is not None, f"the loss does not depend on the {what} any more: was the {what} detached?")
        assert_close(
            torch.as_tensor(mine).reshape(right.shape), right, atol=1e-5, rtol=1e-4, what=f"the gradient by the {what}"
        )


@check("info_nce")
def large_scales_are_safe(student: Student, rng: Generator) -> None:
    """At scale 100 nothing overflows or becomes log 0. `log(softmax(x))` does; `cross_entropy` does not."""
    images = unit(rng, 5, 16)
    texts = -images  # every right answer is the worst one
    wanted = ClipLoss()(images, texts, torch.tensor(100.0))
    assert_close(student.info_nce(images, texts, torch.tensor(100.0)), wanted, atol=1e-3, what="the loss at scale 100")


@check("info_nce")
def longer_vectors_count_more(student: Student, rng: Generator) -> None:
    """Vectors that are not of unit length are taken as they are. The towers normalise; the loss does not."""
    images, texts = 2 * unit(rng, 5, 8), 0.5 + unit(rng, 5, 8)
    slips = {
        "normalised again: the loss takes the vectors as they are": ClipLoss()(
            F.normalize(images, dim=-1), F.normalize(texts, dim=-1), torch.tensor(3.0)
        )
    }
    wanted = ClipLoss()(images, texts, torch.tensor(3.0))
    assert_close(student.info_nce(images, texts, torch.tensor(3.0)), wanted, atol=1e-5, rtol=1e-4, slips=slips)


@check("info_nce", weight=0.5)
def other_batches(student: Student, rng: Generator) -> None:
    """A single pair costs nothing, and a scale of 0 costs ln n."""
    one = unit(rng, 1, 8)
    assert_close(student.info_nce(one, -one, torch.tensor(20.0)), 0.0, what="the loss of a single pair")
    many = unit(rng, 33, 8)
    assert_close(student.info_nce(many, many, torch.tensor(0.0)), math.log(33), atol=1e-4, what="the loss at scale 0")
