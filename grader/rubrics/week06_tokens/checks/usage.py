# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `usage`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, check, pair_of
from coursekit.student import Student
from token_lab.checks.reference import library_usage


@check("usage", weight=2)
def batches_of_any_shape(student: Student, rng: Generator) -> None:
    """Rows, squares and single codes in one list; one code alone; all codes alike; a codebook that is mostly unused."""
    shapes = ((5,), (2, 3, 3), (1, 1), (4, 7))
    for k, high in ((6, 6), (300, 40), (9, 1)):
        batches = [torch.from_numpy(rng.integers(high, size=shape)) for shape in shapes]
        perplexity, used = library_usage(batches, k)
        found = pair_of(student.usage(batches, k), "(perplexity, used)")
        assert_close(float(found[0]), perplexity, atol=1e-3, rtol=1e-4, what=f"the perplexity among {k} codes")
        assert_same(int(found[1]), used, "the number of codes that occur")
    even = pair_of(student.usage([torch.arange(8).repeat(3)], 8), "(perplexity, used)")
    assert_close(float(even[0]), 8.0, atol=1e-4, what="the perplexity of eight codes that occur equally often")
