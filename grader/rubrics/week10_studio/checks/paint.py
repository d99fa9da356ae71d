# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `paint`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_same, assert_that, check, evidence
from coursekit.student import Student
from studio_lab.checks.reference import (
    assert_alike,
    library_painted,
    scene,
    seeds_of,
)


@check("paint")
def a_seed_is_a_promise(student: Student, rng: Generator) -> None:
    """A seed gives the same picture in any company, and global randomness is neither used nor moved."""
    probes, prompt, (one, two) = student.library("studio_lab.probes"), scene(rng).caption(), seeds_of(rng, 2)
    found = probes.painting(student.paint, prompt, [two, one, two], 4, 3.0)
    wanted = library_painted(prompt, two, 4, 3.0)[0]
    assert_same(len(found["pictures"]), 3, "the number of pictures of three seeds")
    for i in (0, 2):
        assert_alike(found["pictures"][i], wanted, f"picture {i} of seeds [b, a, b]")
    evidence("Your picture", found["pictures"][1].resize((256, 256)))
    assert_that(found["left alone"], "pipe's scheduler, or the global generator, is not as it was")


@check("paint", weight=2)
def two_sessions_at_once(student: Student, rng: Generator) -> None:
    """While one visitor paints, another one does, with other steps and guidance: both get their own picture."""
    (a, b), (one, two) = (scene(rng).caption() for _ in range(2)), seeds_of(rng, 2)
    first, second = (a, [one], 6, 2.0), (b, [two], 2, 6.0)  # strides of 166 and 500: exchanged, they are seen
    found = student.library("studio_lab.probes").two_at_once(student.paint, first, second, 1)
    assert_that(len(found["first"]) == len(found["second"]) == 1, "a picture is missing")
    assert_alike(found["second"][0], library_painted(b, two, 2, 6.0)[0], "the second visitor's picture")
    assert_alike(found["first"][0], library_painted(a, one, 6, 2.0)[0], "the first visitor's picture", off=0.3)


@check("paint")
def it_can_be_stopped(student: Student, rng: Generator) -> None:
    """What on_step raises ends the painting and comes out."""
    at = int(rng.integers(1, 4))
    out, made = student.library("studio_lab.probes").stopped(student.paint, ("a red star", [1], 6, 3.0), at)
    assert_that(out, "what on_step raised did not come out")
    assert_same(made, at, "the steps that were made")
