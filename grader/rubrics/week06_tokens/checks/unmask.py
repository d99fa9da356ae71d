# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `unmask`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, check
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from token_lab.checks.reference import half_masked, library_unmask, masks_left


@check("unmask", weight=2)
def any_pass(student: Student, rng: Generator) -> None:
    """First and last passes, few and many of them, no noise and much, rows with one mask left."""
    unmasked = student.library("token_lab.probes").unmasked
    for known, step, steps, heat in ((0, 0, 8, 2.0), (15, 2, 8, 1.0), (9, 5, 12, 0.0), (3, 1, 2, 1.0), (8, 0, 1, 1.0)):
        seed = seed_from(rng)
        # many rows: in most the same places stay masked, whatever the noise was added to
        scores, tokens, mask = half_masked(rng, n=32, known=known)
        before = tokens.clone()
        found = torch.as_tensor(unmasked(student.unmask, seed, scores, tokens, mask, step, steps, heat))
        wanted = library_unmask(seed, scores, tokens, mask, step, steps, heat)
        assert_close(found, wanted, what=f"the tokens after step {step} of {steps}, {known} of 16 being known,")
        assert_close(tokens, before, what="`tokens` after the call (work on a copy)")


@check("unmask")
def a_whole_decoding(student: Student, rng: Generator) -> None:
    """In eight passes as many places are masked after each as the cosine says, and none at the end."""
    unmasked = student.library("token_lab.probes").unmasked
    tokens, masked = torch.full((3, 20), 6), 20
    for step in range(8):
        scores = gaussian(rng, 3, 20, 6)
        tokens = torch.as_tensor(unmasked(student.unmask, seed_from(rng), scores, tokens, 6, step, 8, 1.0))
        masked = masks_left(20, step, 8, masked)
        assert_same((tokens == 6).sum(1).tolist(), [masked] * 3, f"the masks of each row after step {step} of 8")
