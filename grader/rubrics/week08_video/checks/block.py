# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `block`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import seed_from
from coursekit.student import Student
from video_lab.checks.reference import library_met


@check("block", weight=2)
def more_words_than_film(student: Student, rng: Generator) -> None:
    """One frame, one word, and more words than film."""
    for frames, height, width, words in ((1, 2, 2, 1), (3, 1, 2, 9), (2, 3, 1, 6)):
        where = seed_from(rng), frames, height, width, words
        told = student.library("video_lab.probes").met(student.spacetime_block, *where)
        film, text = library_met(*where)
        assert_close(told["film"], film, atol=1e-3, rtol=1e-3, what="the film")
        assert_close(torch.as_tensor(told["text"]), text, atol=1e-3, rtol=1e-3, what="the text")
