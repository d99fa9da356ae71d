# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `key_frames`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_same, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from video_lab.checks.reference import reference_key_frames


@check("key_frames", weight=2)
def other_films(student: Student, rng: Generator) -> None:
    """One frame, all frames, many."""
    for n, k in ((12, 1), (7, 7), (60, 9), (1, 1)):
        features = gaussian(rng, n, 8) * torch.from_numpy(rng.uniform(0.01, 40, size=(n, 1))).float()
        found = [int(i) for i in student.key_frames(features, k)]
        assert_same(found, reference_key_frames(features, k), f"the {k} of {n} frames")


@check("key_frames")
def frames_that_are_alike(student: Student, rng: Generator) -> None:
    """A film that stands still for long: no frame twice."""
    scenes = gaussian(rng, 3, 6)[[0] * 5 + [1] * 5 + [2] * 5]
    found = [int(i) for i in student.key_frames(scenes, 3)]
    assert_same(sorted({i // 5 for i in found}), [0, 1, 2], "the scenes shown")
    assert_same(len({int(i) for i in student.key_frames(scenes, 6)}), 6, "the number of different frames")
