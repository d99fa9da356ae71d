# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `gated`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from fusion_lab.checks.reference import (
    crossing,
    library_gated,
    reference_last,
)


@check("gated", weight=2)
def words_before_any_picture(student: Student, rng: Generator) -> None:
    """A word that may ask nothing comes back bit by bit, with other sizes and many pictures."""
    layer, weights = crossing(seed_from(rng), 24, 3)
    words, seen = gaussian(rng, 3, 7, 24), gaussian(rng, 3, 4, 5, 24)
    ids = torch.tensor([[5, 5, 9, 5, 9, 9, 5], [5, 5, 5, 5, 5, 5, 5], [9, 9, 9, 9, 5, 5, 5]])
    allowed, alpha = reference_last(ids, 9, 4), float(rng.uniform(-1.5, -0.5))
    found = torch.as_tensor(student.gated(words, seen, allowed, weights, 3, torch.tensor(alpha)))
    assert_that(not found.isnan().any(), "found nan: a row of the softmax has no open place")
    assert_close(found[0, :2], words[0, :2], atol=0, rtol=0, what="a word before the first picture")
    assert_close(found[1], words[1], atol=0, rtol=0, what="a text without a picture")
    assert_close(found, library_gated(layer, words, seen, allowed, alpha), atol=1e-4, rtol=1e-4, what="the words")


@check("gated")
def many_pictures(student: Student, rng: Generator) -> None:
    """The mask, for texts with none, one or many pictures."""
    ids = torch.from_numpy(np.where(rng.random((5, 12)) < 0.3, 9, 5))
    ids[0] = 5
    pictures = int((ids == 9).sum(1).max())
    wanted = reference_last(ids, 9, pictures)
    found = torch.as_tensor(student.last_picture(ids, 9, pictures))
    assert_that(found.dtype == torch.bool, f"the mask is of {found.dtype}; True and False were asked for")
    assert_close(found, wanted, what="the mask")
