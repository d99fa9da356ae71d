# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `fusion`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from fusion_lab.checks.reference import (
    some,
)


@check("fusion")
def nobody_is_there(student: Student, rng: Generator) -> None:
    """Where no modality is there the scores are zeros, whatever stands in the missing ones' places."""
    scores, there = gaussian(rng, 5, 3, 4), some(rng, 5, 3)
    there[0], there[1] = False, True
    broken = scores.masked_fill(~there[..., None], torch.nan)
    kept = scores.masked_fill(~there[..., None], 0)
    wanted = kept.sum(1) / there.sum(1, keepdim=True).clamp(min=1)
    assert_close(student.late(scores, there), wanted, what="the scores")
    assert_close(student.late(broken, there), wanted, what="the scores where missing modalities hold nan")


@check("fusion", weight=2)
def what_is_missing_is_not_asked(student: Student, rng: Generator) -> None:
    """Missing tokens change nothing, and where all are missing what asked comes back as it was."""
    asking, asked, there = gaussian(rng, 4, 3, 8), gaussian(rng, 4, 6, 8), some(rng, 4, 6)
    query, key, value = (gaussian(rng, 8, 8) for _ in range(3))
    there[0], there[1] = False, True
    there[2:, 0] = True
    wanted = asking.clone()
    for i in range(1, 4):
        seen = asked[i][there[i]]
        wanted[i] += F.scaled_dot_product_attention(
            (asking[i] @ query)[None], (seen @ key)[None], (seen @ value)[None]
        )[0]
    closed_after = asking + (((asking @ query) @ (asked @ key).mT / 8**0.5).softmax(-1) * there[:, None]) @ (
        asked @ value
    )
    slips = {"missing tokens are closed after the softmax; the rest no longer sums to 1: close before": closed_after}
    found = student.cross(asking, asked, query, key, value, there)
    assert_close(found, wanted, atol=1e-4, slips=slips, what="the tokens")
