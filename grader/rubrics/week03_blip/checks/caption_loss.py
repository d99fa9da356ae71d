# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `caption_loss`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from caption_lab import data
from caption_lab.checks.reference import (
    library_caption_loss,
    some_captions,
)
from coursekit.checks import assert_close, assert_that, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from grader.rubrics.week03_blip.checks.shared import show_captions, texts_of


@check("caption_loss", weight=2)
def any_padding(student: Student, rng: Generator) -> None:
    """Any id may be padding, the batch may have no padding at all, and captions may be two tokens long."""
    for pad, length in ((0, 7), (11, 9), (5, 2)):
        ids = some_captions(rng, 5, 12, max(length, 4))[:, :length]
        ids = torch.where(ids == 0, pad, torch.where(ids == pad, 0 if pad else 3, ids))
        scores = 3 * gaussian(rng, 5, length, 12)
        wanted = library_caption_loss(scores, ids, pad)
        assert_close(student.caption_loss(scores, ids, pad), wanted, atol=1e-5, what=f"with padding {pad} the loss")


@check("caption_loss")
def certain_scores(student: Student, rng: Generator) -> None:
    """Scores of hundreds give a finite loss. `log(softmax(x))` is -inf where `log_softmax(x)` is not."""
    scores, ids = 300 * gaussian(rng, 3, 6, 10), some_captions(rng, 3, 10, 6)
    wanted = library_caption_loss(scores, ids, 0)
    assert_close(student.caption_loss(scores, ids, 0), wanted, atol=1e-2, rtol=1e-4, what="the loss")


@check("caption_loss", weight=2, artefact=True)
def the_batch_was_learnt(student: Student, rng: Generator) -> None:
    """`batch_captions` are the eight captions the pupil was taught, and the loss has fallen to nearly nothing."""
    scenes = data.sample_scenes(8, 2, seed=23)
    losses = np.asarray(student.batch_losses, dtype=float)
    said = texts_of(student.batch_captions, 8, "batch_captions")
    show_captions("The batch that was learnt by heart", data.pictures(scenes), said, [s.caption() for s in scenes])
    assert_that(len(losses) >= 40, f"`batch_losses` has {len(losses)} entries: was the training cut short?")
    assert_that(
        losses[-5:].mean() < 0.15 * losses[:3].mean(),
        f"the loss went from {losses[:3].mean():.2f} to {losses[-5:].mean():.2f}: it should fall to nearly nothing",
    )
    right = sum(a == s.caption() for a, s in zip(said, scenes, strict=True))
    assert_that(right >= 6, f"{right} of 8 captions are those it was taught: is the loss shifted?")
