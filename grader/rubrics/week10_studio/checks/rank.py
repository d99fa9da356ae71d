# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `rank`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import check
from coursekit.student import Student
from studio_lab import data
from studio_lab.checks.reference import (
    assert_ranked,
    scene,
)


@check("rank")
def one_and_many(student: Student, rng: Generator) -> None:
    """One picture is ranked, and so are many, some of which are there twice."""
    scenes = [scene(rng, colour=colour) for colour in ("red", "blue", "green")]
    a, b, c = (one.render() for one in scenes)
    assert_ranked(student, [b], scenes[0].caption())
    assert_ranked(student, [b, a, c, a, b, a], scenes[0].caption())
    assert_ranked(student, [one.render() for one in data.told(9, 2, int(rng.integers(10**6)))], scenes[1].caption())
