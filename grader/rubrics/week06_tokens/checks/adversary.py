# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `adversary`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check
from coursekit.inputs import seed_from
from coursekit.student import Student
from token_lab.checks.reference import reference_weight


@check("adversary", weight=2)
def any_critic(student: Student, rng: Generator) -> None:
    """Critics of any strength: a silent one is bounded, and the graph can be used afterwards."""
    watched = student.library("token_lab.probes").watched_weight
    for scale in (5.0, 0.05, 1e-5, 0.0):
        seed = seed_from(rng)
        found = watched(student.adaptive_weight, seed, scale, 3, 0)
        told = f"the weight beside a critic of strength {scale:g}"
        assert_close(found["weight"], reference_weight(seed, scale), rtol=2e-3, what=told)
        assert_that(found["tensor"], "the weight is no tensor; a scalar tensor was asked for")
        assert_that(found["clean"], "gradients were left in the weights' .grad")
        assert_that(not found["graph"], "the weight carries a graph")


@check("adversary")
def any_start(student: Student, rng: Generator) -> None:
    """Other steps and starts, and nothing of the kind from step 0 where the start is 0."""
    watched, start = student.library("token_lab.probes").watched_weight, int(rng.integers(10, 1000))
    seed = seed_from(rng)
    wanted = reference_weight(seed, 0.4)
    for step, first in ((start - 1, start), (start, start), (start + 500, start), (0, 0)):
        found = watched(student.adaptive_weight, seed, 0.4, step, first)
        due = wanted if step >= first else 0.0
        assert_close(found["weight"], due, rtol=1e-3, what=f"the weight at step {step} of a start at {first}")
        assert_that(found["tensor"], f"the weight at step {step} is no tensor; a scalar tensor was asked for")
