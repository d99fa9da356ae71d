# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `segments`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import check
from coursekit.student import Student
from whisper_lab.checks.reference import (
    assert_segments,
    told_segments,
)


@check("segments", weight=2)
def the_one_that_was_cut_off(student: Student, rng: Generator) -> None:
    """A segment that was never closed has no end, and is told all the same: the window stopped in its middle."""
    segments, tokens = told_segments(rng, 500, 3)
    cut = [*tokens, tokens[-1], 7, 9, 11]
    wanted = [*segments, (segments[-1][1], None, [7, 9, 11])]
    assert_segments(student.segments(cut, 500), wanted)
    assert_segments(student.segments([500, 3, 4], 500), [(0.0, None, [3, 4])])


@check("segments")
def nothing_and_pauses(student: Student, rng: Generator) -> None:
    """No tokens are no segments, a pause belongs to none, and any number may be the first time token."""
    assert_segments(student.segments([], 50_364), [])
    tokens = [50_364, 11, 50_374, 50_424, 12, 13, 50_464]
    assert_segments(student.segments(tokens, 50_364), [(0.0, 0.2, [11]), (1.2, 2.0, [12, 13])])
    assert_segments(student.segments([50_364, 50_464], 50_364), [])
    segments, tokens = told_segments(rng, 864, 6)
    assert_segments(student.segments(tokens, 864), segments)
