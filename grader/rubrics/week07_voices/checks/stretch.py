# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `stretch`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check, pair_of
from coursekit.inputs import gaussian
from coursekit.student import Student
from voice_lab.checks.reference import library_stretch, some_phones


@check("stretch", weight=2)
def many_speeds(student: Student, rng: Generator) -> None:
    """Speeds from a quarter to ten, and rows of many lengths; what stands behind the end is 0."""
    for speed in (0.26, float(rng.uniform(1.1, 1.9)), 9.7):
        states, durations = some_phones(rng, (9, 2, 6, 1))
        wanted, lengths = library_stretch(states, durations, speed)
        found, said = pair_of(student.stretch(states, durations, speed), "(stretched, lengths)")
        assert_close(said, lengths, what=f"the lengths at speed {speed:.2f}")
        assert_close(found, wanted, what=f"the frames at speed {speed:.2f}")


@check("stretch")
def phones_that_are_not_said(student: Student, rng: Generator) -> None:
    """A phone of no frames in the middle of a row is left out at every speed."""
    states, durations = gaussian(rng, 2, 5, 4), torch.from_numpy(rng.integers(1, 8, size=(2, 5)))
    durations[0, 2] = durations[1, 0] = 0
    for speed in (1.0, 2.3):
        wanted, lengths = library_stretch(states, durations, speed)
        found, said = pair_of(student.stretch(states, durations, speed), "(stretched, lengths)")
        assert_close(said, lengths, what="the lengths")
        assert_close(found, wanted, what="the frames")
