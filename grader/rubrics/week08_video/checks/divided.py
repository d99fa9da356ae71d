# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `divided`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import seed_from
from coursekit.student import Student
from video_lab.checks.reference import library_divided


@check("divided", weight=2)
def other_sizes(student: Student, rng: Generator) -> None:
    """One frame, as many frames as patches, one patch."""
    for rows, columns, frames in ((3, 3, 9), (2, 2, 1), (1, 1, 5), (3, 2, 2)):
        where = seed_from(rng), rows, columns, frames
        told = student.library("video_lab.probes").attended(student.divided, *where)
        assert_close(told["found"], library_divided(*where), atol=1e-4, rtol=1e-4, what="the states")
