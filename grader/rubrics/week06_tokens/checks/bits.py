# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `bits`."""

from __future__ import annotations

import math

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from token_lab.checks.reference import library_bits


@check("bits", weight=2)
def any_pictures(student: Student, rng: Generator) -> None:
    """One picture of one token, many of many; a model that knows nothing pays log2(k) a token."""
    for n, m, k in ((1, 1, 2), (4, 30, 50), (2, 7, 3)):
        scores, codes = 3 * gaussian(rng, n, m, k), torch.from_numpy(rng.integers(k, size=(n, m)))
        found = student.picture_bits(scores, codes)
        assert_close(found, library_bits(scores, codes), atol=1e-3, rtol=1e-4, what=f"the bits of {n} pictures")
    even = student.picture_bits(torch.zeros(2, 5, 8), torch.ones(2, 5, dtype=torch.int64))
    assert_close(even, torch.tensor([15.0, 15.0]), atol=1e-4, what="the bits of five of eight equal codes")


@check("bits")
def any_report(student: Student, rng: Generator) -> None:
    """Other sizes and codebooks, and one picture alone."""
    for n, m, k, side in ((1, 64, 256, 64), (6, 9, 30, 12)):
        bits = torch.from_numpy(rng.uniform(10, 500, size=n)).float()
        mean, pixels, found = float(bits.mean()), side**2, student.bit_report(bits, m, k, side)
        wanted = {"picture": mean, "token": mean / m, "pixel": mean / pixels, "uniform": m * math.log2(k)}
        for name, value in (wanted | {"ratio": 24 * pixels / mean}).items():
            assert_close(float(found[name]), value, atol=1e-3, rtol=1e-4, what=f'"{name}"')
