# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `splice`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check
from coursekit.inputs import gaussian
from coursekit.student import Student, StudentError
from fusion_lab import chatting, data
from fusion_lab.checks.reference import (
    conversation_ids,
    library_projector,
    projector_of,
)
from grader.rubrics.week05_fusion.checks.shared import llava, show_answers


@check("splice")
def any_size(student: Student, rng: Generator) -> None:
    """The projector works for other widths."""
    parts, features = projector_of(rng, 9, 4), gaussian(rng, 3, 5, 9)
    assert_close(student.project(features, *parts), library_projector(features, parts), atol=1e-4, what="the patches")


@check("splice", weight=2)
def scattered_places(student: Student, rng: Generator) -> None:
    """Placeholders anywhere, another id, and a clear error where their number is not that of the patches."""
    image = int(rng.integers(50, 90))
    ids, words, patches = (
        torch.from_numpy(rng.integers(8, 30, size=(2, 10))),
        gaussian(rng, 2, 10, 4),
        gaussian(rng, 2, 4, 4),
    )
    wanted = words.clone()
    for i in range(2):
        places = torch.from_numpy(np.sort(rng.permutation(10)[:4]))
        ids[i, places] = image
        wanted[i, places] = patches[i]
    assert_close(student.splice(words, ids, image, patches), wanted, what="the sequence")
    ids, words, patches = conversation_ids(rng)

    def spliced(wrong: torch.Tensor) -> Any:
        return student.splice(words, wrong, 7, patches)

    swapped = ids.clone()
    swapped[0][ids[0] == 7] = torch.tensor([7, 7, 9])  # one row too few, another too many
    swapped[1][(ids[1] != 7).nonzero()[0]] = 7
    for wrong in (swapped, torch.where(ids == 7, 9, ids)):
        refused(partial(spliced, wrong))


def refused(call: Callable[[], object]) -> None:
    """The call raises ValueError."""
    try:
        call()
    except StudentError as error:
        assert_that(error.kind == "ValueError", f"it raised {error.kind}; a ValueError was asked for")
        return
    raise AssertionError("placeholders and patches differ in number, and nothing was said: raise ValueError")


@check("splice", artefact=True)
def the_librarys_forward(student: Student, rng: Generator) -> None:
    """`my_logits` are those of the library on the opening picture."""
    scene, question = data.opening_scenes()[0], "what colour is the star?"
    asked, found = chatting.inputs(llava(), scene, question), student.my_logits
    if isinstance(found, torch.Tensor) and found.shape == asked.logits.shape:
        words = llava().processor.tokenizer
        expected, got = (words.decode(scores[0, -1].argmax()).strip() for scores in (asked.logits, found))
        show_answers("What your spliced model says", [data.Asked(scene, question, expected, "colour")], [got])
    assert_close(found, asked.logits, atol=1e-3, rtol=1e-3, what="my_logits")
