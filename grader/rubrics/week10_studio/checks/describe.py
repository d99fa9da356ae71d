# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `describe`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, check
from coursekit.student import Student
from studio_lab.checks.reference import (
    library_caption,
    library_match,
    scene,
)


@check("describe", weight=2)
def any_picture_and_long_prompts(student: Student, rng: Generator) -> None:
    """Pictures of any mode and size are read, and a prompt may be longer than the model reads."""
    probes, one = student.library("studio_lab.probes"), scene(rng).render(96)
    see_through = one.convert("RGBA")
    for picture in (see_through, one.convert("L")):
        found = probes.with_model("captioning", student.describe, picture)
        assert_same(found, library_caption(picture), f"the caption of a picture of mode {picture.mode}")
    text = " ".join([scene(rng).caption()] * 9)[:300]
    found = probes.with_model("retrieval", student.matches, see_through, text)
    assert_close(found, library_match(one, text), atol=1e-3, what="the probability of a prompt of 300 characters")
