# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `align`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from voice_lab.checks.reference import reference_align


@check("align", weight=2)
def long_sentences(student: Student, rng: Generator) -> None:
    """Thirty tokens and a hundred frames, more than can be tried one after the other."""
    tokens, frames = torch.tensor([30, 17, 24]), torch.tensor([80, 100, 61])
    scores = 2 * gaussian(rng, 3, 30, 100) - 40
    wanted = reference_align(scores, tokens, frames)
    assert_close(student.align(scores, tokens, frames), wanted, what="the durations")


@check("align")
def on_the_edge(student: Student, rng: Generator) -> None:
    """One token, one frame, as many frames as tokens."""
    for t, f in ((1, 1), (1, 5), (6, 6), (2, 9)):
        scores = gaussian(rng, 1, t, f)
        tokens, frames = torch.tensor([t]), torch.tensor([f])
        wanted = reference_align(scores, tokens, frames)
        assert_close(student.align(scores, tokens, frames), wanted, what=f"{t} tokens in {f} frames")
