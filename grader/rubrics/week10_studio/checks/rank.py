# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `rank`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import check
from coursekit.inputs import seed_from
from coursekit.scenes import sample_scenes
from coursekit.student import Student
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
    assert_ranked(student, [one.render() for one in sample_scenes(9, 2, seed_from(rng))], scenes[1].caption())
