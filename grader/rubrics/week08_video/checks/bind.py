# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `bind`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from video_lab.checks.reference import GRAVITY, library_bound, some_bound


@check("bind")
def at_rest_and_falling(student: Student, rng: Generator) -> None:
    """What lies still feels what holds it, what falls feels nothing, whatever the rate."""
    rate = float(rng.uniform(10, 60))
    times = np.arange(7) / rate
    still = np.tile(rng.normal(size=2), (7, 1))
    falling = rng.normal(size=2) + times[:, None] * rng.normal(size=2) + np.outer(times**2, (0.0, GRAVITY / 2))
    assert_close(student.specific_force(still, rate), np.tile((0.0, -GRAVITY), (5, 1)), atol=1e-3, what="at rest")
    assert_close(student.specific_force(falling, rate), np.zeros((5, 2)), atol=1e-3, what="in free fall")


@check("bind", weight=2)
def other_senses(student: Student, rng: Generator) -> None:
    """One sense, three of them, all there, and scales that learn."""
    for n, senses in ((8, 1), (11, 3)):
        given = some_bound(rng, n, 6, senses)
        assert_close(student.bound_loss(*given), library_bound(*given), atol=1e-4, what=f"the loss of {senses} senses")
    seen, others, there, scales = some_bound(rng, 9)
    every = torch.ones_like(there)
    wanted = library_bound(seen, others, every, scales)
    assert_close(student.bound_loss(seen, others, every, scales), wanted, atol=1e-4, what="the loss where all is there")
    far = [1000 * gaussian(rng, 9, 5), 1e-3 * gaussian(rng, 9, 5)]
    wanted = library_bound(seen, far, there, scales)
    assert_close(student.bound_loss(seen, far, there, scales), wanted, atol=1e-4, what="the loss of long vectors")
