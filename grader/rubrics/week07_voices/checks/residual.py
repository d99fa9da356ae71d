# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `residual`."""

from __future__ import annotations

import math

from numpy.random import Generator

from coursekit.checks import assert_close, check, pair_of
from coursekit.student import Student
from voice_lab.checks.reference import library_codes, some_latents


@check("residual", weight=2)
def more_books(student: Student, rng: Generator) -> None:
    """One book, eight books, one frame, wide latents."""
    for n, frames, books, k, d in ((1, 1, 1, 4, 3), (3, 5, 8, 16, 6), (2, 11, 2, 3, 12)):
        z, shelf = some_latents(rng, n, frames, books, k, d)
        codes, quantised = library_codes(z, shelf)
        found = pair_of(student.residual_codes(z, shelf), "(codes, quantised)")
        assert_close(found[0], codes, what=f"the codes of {books} books")
        assert_close(found[1], quantised, atol=1e-4, what="the sum of the codes")


@check("residual")
def other_rates(student: Student, rng: Generator) -> None:
    """Codecs of other rates, and books of which the size is no power of two."""
    for rate, books, k in ((12.5, 8, 2048), (50.0, 4, 1000), (float(rng.uniform(20, 90)), 1, 2)):
        wanted = rate * books * math.log2(k) / 1000
        assert_close(student.bitrate(rate, books, k), wanted, what=f"the bitrate of {books} books of {k}")
