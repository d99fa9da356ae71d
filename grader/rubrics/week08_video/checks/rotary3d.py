# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `rotary3d`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from video_lab.checks.reference import library_rotary


@check("rotary3d", weight=2)
def other_films(student: Student, rng: Generator) -> None:
    """One frame, one column, wider heads, more heads than one."""
    for frames, height, width, d, heads in ((1, 3, 4, 16, 3), (5, 2, 1, 32, 1), (4, 2, 3, 64, 2), (1, 1, 1, 16, 1)):
        x = gaussian(rng, 2, heads, frames * height * width, d)
        wanted = library_rotary(x, frames, height, width)
        assert_close(student.rotary3d(x, frames, height, width), wanted, atol=1e-4, what="the turned vectors")
