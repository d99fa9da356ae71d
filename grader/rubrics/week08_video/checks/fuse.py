# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `fuse`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from video_lab.checks.reference import reference_early, reference_late, some_senses


@check("fuse")
def one_sense_alone(student: Student, rng: Generator) -> None:
    """With trust 1 the gait alone, with 0 the voice alone; by default both alike; large logits overflow nothing."""
    seen, heard = gaussian(rng, 5, 7), gaussian(rng, 5, 7)
    assert_close(student.late(seen, heard, 1.0), seen.softmax(1), what="the chances with trust = 1")
    assert_close(student.late(seen, heard, 0.0), heard.softmax(1), what="the chances with trust = 0")
    assert_close(student.late(seen, heard), reference_late(seen, heard, 0.5), what="the chances by default")
    large = 200 * gaussian(rng, 4, 3)
    assert_close(student.late(large, -large / 2, 0.6), reference_late(large, -large / 2, 0.6), what="of large logits")


@check("fuse")
def other_rows(student: Student, rng: Generator) -> None:
    """All there, and many rows."""
    seen, heard, there = some_senses(rng, 40)
    assert_close(student.early(seen, heard, there), reference_early(seen, heard, there), atol=1e-3, what="the features")
    every = torch.ones_like(there)
    assert_close(student.early(seen, heard, every), reference_early(seen, heard, every), atol=1e-3, what="of all")
