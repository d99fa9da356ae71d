# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `delay`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.student import Student


@check("delay", weight=2)
def any_size(student: Student, rng: Generator) -> None:
    """One book, more books than frames, code 0, and `pad` of any value."""
    for n, books, frames, pad in ((1, 1, 4, 9), (2, 6, 3, 1024), (3, 2, 1, -1), (1, 4, 30, 7)):
        codes = torch.from_numpy(rng.integers(0, 6, size=(n, books, frames)))
        wanted = torch.full((n, books, frames + books - 1), pad)
        for i in range(books):
            wanted[:, i, i : i + frames] = codes[:, i]
        assert_close(student.delay(codes, pad), wanted, what=f"the rows of {books} books")
        assert_close(student.undelay(wanted), codes, what="the codes")
