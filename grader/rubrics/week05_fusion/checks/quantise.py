# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `quantise`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, assert_that, check, pair_of
from coursekit.inputs import gaussian
from coursekit.student import Student


@check("quantise", weight=2)
def rows_of_zeros_and_signs(student: Student, rng: Generator) -> None:
    """A row of zeros survives; the largest number may be negative; nothing is off by more than half a step."""
    weight = gaussian(rng, 5, 9)
    weight[1], weight[3, 4] = 0, -30
    q, scale = pair_of(student.quantise(weight), "(q, scale)")
    q, scale = torch.as_tensor(q), torch.as_tensor(scale)
    assert_close(scale[1], torch.tensor(1.0), what="the scale of a row of zeros")
    assert_that(int(q.min()) >= -127, "found -128: entries go from -127 to 127")
    assert_same(int(q[3, 4]), -127, "the entry of the largest number, which is negative,")
    restored = torch.as_tensor(student.restore(q, scale))
    assert_that(restored.is_floating_point(), f"the restored matrix is of {restored.dtype}")
    assert_that(bool(((restored - weight).abs() <= 0.501 * scale[:, None]).all()), "it is off by more than half a step")


@check("quantise")
def any_cache(student: Student, rng: Generator) -> None:
    """Other numbers of bytes."""
    tokens, layers, heads, width = (int(rng.integers(2, 40)) for _ in range(4))
    for number in (1, 4):
        wanted = 2 * tokens * layers * heads * width * number
        assert_same(
            int(student.cache_bytes(tokens, layers, heads, width, number)), wanted, f"with {number} bytes the size"
        )
