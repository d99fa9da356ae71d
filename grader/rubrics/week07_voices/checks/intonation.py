# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `intonation`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.student import Student
from voice_lab.checks.reference import a_track, reference_factors, reference_pitch, some_points


@check("intonation")
def long_tracks(student: Student, rng: Generator) -> None:
    """Forty phones; a sound that has no voice at all; one phone."""
    track, durations = a_track(rng, 40)
    found = student.phone_pitch(track, durations)
    assert_close(found, reference_pitch(track, durations), atol=1e-2, what="the pitch of forty phones")
    silent = student.phone_pitch(torch.zeros(9), torch.tensor([4, 5]))
    assert_close(silent, torch.zeros(2), what="the pitch of a whisper")
    alone = student.phone_pitch(torch.tensor([100.0, 0.0, 200.0]), torch.tensor([3]))
    assert_close(alone, torch.tensor([150.0]), atol=1e-3, what="the pitch of one phone")


@check("intonation", weight=2)
def other_drawings(student: Student, rng: Generator) -> None:
    """A single point, a line from end to end, many points."""
    _, durations = a_track(rng, 12)
    up = float(rng.uniform(2, 7))
    for points in ([(0.5, up)], [(0.0, -up), (1.0, up)], some_points(rng, 9)):
        wanted = reference_factors(points, durations)
        found = student.drawn_pitch(points, durations)
        assert_close(found, wanted, atol=1e-4, what=f"the factors of {len(points)} points")
