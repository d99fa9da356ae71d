# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `sampling`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from caption_lab.checks.reference import (
    library_filtered,
)
from coursekit.chance import as_counts, fits
from coursekit.checks import assert_close, assert_same, assert_shape, assert_that, check
from coursekit.inputs import gaussian
from coursekit.student import Student


@check("sampling", weight=2)
def edges_of_the_filters(student: Student, rng: Generator) -> None:
    """top_p 1 keeps all, a tiny one keeps the best, top_k beyond the vocabulary keeps all, and extremes stay finite."""
    scores = 3 * gaussian(rng, 5, 9)
    for how in (
        {"top_p": 1.0},
        {"top_p": 1e-4},
        {"top_k": 1},
        {"top_k": 50},
        {"temperature": 0.02},
        {"temperature": 400.0},
        {"temperature": 0.5, "top_p": 0.6},
        {"top_k": 3, "top_p": 0.8},
    ):
        wanted = library_filtered(scores, **how)
        told = ", ".join(f"{name} {value:g}" for name, value in how.items())
        found = student.filtered(scores, **how)
        slips = {}
        if how == {"top_k": 3, "top_p": 0.8}:
            first = scores.softmax(-1)
            kept = (library_filtered(scores, top_k=3) > 0) & (library_filtered(scores, top_p=0.8) > 0)
            message = "the nucleus is of what top-k has left, made to sum to 1, not of the probabilities before"
            slips[message] = first * kept / (first * kept).sum(-1, keepdim=True)
        assert_close(found, wanted, atol=1e-4, slips=slips, what=f"{told}: a probability")


@check("sampling")
def rows_and_calls_are_independent(student: Student, rng: Generator) -> None:
    """Rows do not share their luck, and neither do calls."""
    scores = gaussian(rng, 1, 4).expand(400, -1)
    first, second = (torch.as_tensor(student.sample(scores)).long() for _ in range(2))
    assert_shape(first, (400,), "the tokens")
    assert_that(not torch.equal(first, second), "two calls drew the same tokens: a seed is set inside")
    chances = scores[0].softmax(-1).double().numpy()
    pairs = np.bincount((4 * first[:-1:2] + first[1::2]).numpy(), minlength=16)
    assert_that(fits(pairs, np.outer(chances, chances).ravel()), "neighbouring rows share their luck")


@check("sampling")
def each_row_with_its_own_scores(student: Student, rng: Generator) -> None:
    """Each row is drawn from its own probabilities, in batches of one too."""
    scores = torch.full((6, 7), -40.0)
    wanted = torch.from_numpy(rng.integers(0, 7, size=6))
    scores[torch.arange(6), wanted] = 40.0
    drawn = torch.as_tensor(student.sample(scores, 0.9, 5, 0.99)).long()
    assert_same(drawn.tolist(), wanted.tolist(), "where each row is certain the list of tokens")
    assert_shape(student.sample(scores[:1]), (1,), "of one row the result")
    two = torch.tensor([[2.0, 0.0, -1.0], [-1.0, 0.5, 1.0]])
    drawn = torch.as_tensor(student.sample(two.repeat(3000, 1), top_k=2)).long().reshape(3000, 2)
    for i, chances in enumerate(library_filtered(two, top_k=2).double().numpy()):
        seen = np.bincount(drawn[:, i].numpy(), minlength=3)
        due = as_counts(3000 * chances)
        assert_that(fits(seen, chances) and seen[chances == 0].sum() == 0, f"drawn {seen.tolist()}; due {due}")
