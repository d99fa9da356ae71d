# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `edit`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from PIL import Image

from coursekit.checks import assert_same, assert_that, check, evidence
from coursekit.student import Student
from studio_lab.checks.reference import (
    assert_alike,
    inside,
    pixels,
    refused,
    scene,
    seeds_of,
)
from studio_lab.checks.repainting import repainted


@check("edit", weight=2)
def what_is_new_grows_out_of_what_is_there(student: Student, rng: Generator) -> None:
    """Inside the region repaint follows the formula, step by step."""
    probes = student.library("studio_lab.probes")
    one, prompt = scene(rng), scene(rng).caption()
    picture = one.render()
    for region in ((float(rng.uniform(0.4, 0.6)), 0.0, 1.0, 1.0), (0.3, 0.55, 0.62, 0.93)):
        (seed,) = seeds_of(rng, 1)
        found = probes.edited(student.repaint, picture, region, prompt, seed, 5, 3.0)
        wanted = repainted(picture, region, prompt, seed, 5, 3.0)
        evidence("Before, yours, expected", _beside(picture, found, wanted))
        within = inside(region, *picture.size)
        a, b = pixels(found), pixels(wanted)
        assert_same(a.shape, b.shape, "the picture's shape")
        away = float(np.abs(a - b)[within].mean())
        assert_that(away <= 2, f"inside the region it is another picture: off by {away:.1f} of 255 in the mean")


def _beside(*pictures: Any) -> Image.Image:
    sheet = Image.new("RGB", (200 * len(pictures), 192), "white")
    for i, picture in enumerate(pictures):
        if isinstance(picture, Image.Image):
            sheet.paste(picture.convert("RGB").resize((192, 192), Image.Resampling.NEAREST), (200 * i, 0))
    return sheet


@check("edit")
def no_region_and_no_strength(student: Student, rng: Generator) -> None:
    """A region without a pixel is refused, and no strength changes nothing."""
    probes, picture = student.library("studio_lab.probes"), scene(rng).render()

    def edited(region: Any) -> Any:
        return probes.edited(student.repaint, picture, region, "a red star", 1, 3, 3.0)

    for region in ((0.5, 0.5, 0.5, 0.9), (0.7, 0.0, 0.3, 1.0), (0.501, 0.0, 0.505, 1.0)):
        refused(partial(edited, region), f"region {region}")
    see_through = picture.convert("RGBA")
    for strength in (0.0, 0.1):
        found = probes.edited(student.vary, see_through, "a red star", 1, strength, 6, 3.0)
        assert_same(int(np.abs(pixels(found) - pixels(picture)).max()), 0, f"strength {strength:g}: the largest change")
    (seed,), prompt = seeds_of(rng, 1), scene(rng).caption()
    made = [probes.edited(student.vary, picture, prompt, seed, 0.7, 6, 3.0) for _ in range(2)]
    assert_alike(made[1], made[0], "the same variation a second time", off=0.01)
