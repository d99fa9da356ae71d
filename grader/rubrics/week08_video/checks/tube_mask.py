# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `tube_mask`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from coursekit.chance import fits
from coursekit.checks import assert_close, assert_shape, assert_that, check, evidence
from coursekit.inputs import seed_from
from coursekit.student import Student
from video_lab.checks.reference import library_masked


@check("tube_mask")
def none_and_all(student: Student, rng: Generator) -> None:
    """Nothing hidden, everything, one slice, one film."""
    for n, slices, places, hidden in ((3, 2, 9, 0), (2, 4, 9, 9), (1, 1, 5, 2), (1, 8, 49, 44)):
        found = student.tube_mask(n, slices, places, hidden, seed_from(rng))
        assert_shape(found, (n, slices * places), "the mask")
        mask = torch.as_tensor(found).bool().view(n, slices, places)
        counts = mask.sum(2)
        assert_that(
            bool((counts == hidden).all()), f"slices hide {sorted(set(counts.flatten().tolist()))} places, not {hidden}"
        )
        assert_that(bool((mask == mask[:, :1]).all()), "what is hidden in one slice shows in another")


@check("tube_mask")
def each_choice_alike_often(student: Student, rng: Generator) -> None:
    """Two of four places: each of the six choices is as likely as any other."""
    found = np.asarray(student.tube_mask(600, 1, 4, 2, seed_from(rng))).astype(int)
    counts = np.bincount(found @ (8, 4, 2, 1), minlength=16)[[3, 5, 6, 9, 10, 12]]
    assert_that(fits(counts, np.ones(6)), f"the six choices came {counts.tolist()} times")


@check("tube_mask", weight=2)
def other_tubelets(student: Student, rng: Generator) -> None:
    """Tubelets of one frame and of four, other sizes of films and patches."""
    for frames, side, t, p, hidden in ((3, 6, 1, 2, 20), (8, 8, 4, 4, 5), (4, 8, 2, 8, 1)):
        given, wanted = library_masked(rng, frames, side, t, p, hidden)
        found = student.masked_pixels(*given.values())
        assert_close(found, wanted, atol=1e-3, rtol=1e-3, what="the loss")
    evidence("The frame that was partly hidden", given["film"][0, 0].permute(1, 2, 0).numpy())
