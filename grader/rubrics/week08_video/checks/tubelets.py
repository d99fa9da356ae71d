# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `tubelets`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.student import Student
from video_lab.checks.reference import library_positions, library_tubelets, some_tubelets


@check("tubelets", weight=2)
def any_size(student: Student, rng: Generator) -> None:
    """One frame a tubelet and several, one film and many, films that are no square."""
    for n, frames, size, t, p in ((1, 8, (16, 8), 4, 8), (3, 3, (6, 6), 1, 2), (2, 3, (4, 10), 3, 2)):
        given = some_tubelets(rng, n, frames, size, t, p)
        assert_close(student.tubelets(*given), library_tubelets(*given), atol=1e-4, what="the tokens")


@check("tubelets")
def long_tables(student: Student, rng: Generator) -> None:
    """Of 300 tokens, and of a pair of features only."""
    for tokens, d in ((300, 64), (7, 2), (1, 8)):
        wanted = library_positions(tokens, d)
        assert_close(student.positions(tokens, d), wanted, atol=1e-4, what="the positions")
