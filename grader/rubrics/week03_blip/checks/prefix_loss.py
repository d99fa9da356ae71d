# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `prefix_loss`."""

from __future__ import annotations

import contextlib
import io
from functools import lru_cache

import numpy as np
import torch
from numpy.random import Generator

from caption_lab import clipcap, data, metrics
from caption_lab.checks.reference import (
    any_scenes,
    reference_prefix,
)
from coursekit.checks import assert_close, assert_that, check, with_weights
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from grader.rubrics.week03_blip.checks.shared import show_captions


@lru_cache(maxsize=4)
def language_model(seed: int) -> torch.nn.Module:
    """The notebook's GPT, once more. It shows its progress to nobody here."""
    with contextlib.redirect_stderr(io.StringIO()):
        gpt: torch.nn.Module = clipcap.language_model(seed)
        return gpt


def seed_of(student: Student) -> int:
    """The notebook's own SEED: a student may choose another."""
    return int(student.SEED)


@check("prefix_loss", weight=2)
def any_prefix_and_padding(student: Student, rng: Generator) -> None:
    """Prefixes of one token or of six, other padding, and captions that fill the batch."""
    asked = student.library("caption_lab.probes")
    for k, pad in ((1, clipcap.PAD), (6, 9), (3, clipcap.PAD)):
        seed, prefix = seed_from(rng), gaussian(rng, 4, k, clipcap.WIDTH)
        ids = torch.from_numpy(rng.integers(2, len(clipcap.WORDS) + 2, size=(4, 7)))
        ids = torch.where(ids == pad, pad + 1, ids)
        if k != 3:
            ids[1, 4:] = pad
            ids[2, 2:] = pad
        wanted, slope = reference_prefix(seed, prefix, ids, pad)
        loss, mine = asked.prefix_loss_and_slope(student.prefix_loss, seed, prefix, ids, pad)
        assert_close(loss, wanted, atol=1e-4, what=f"with a prefix of {k} and padding {pad} the loss")
        assert_close(mine, slope, atol=1e-4, what=f"with a prefix of {k} and padding {pad} the slope")


@check("prefix_loss", weight=2, artefact=True)
def the_map_was_learnt(student: Student, rng: Generator) -> None:
    """Through `my_map` the GPT names background and colour of pictures that nobody has seen."""
    losses = np.asarray(student.map_losses, dtype=float)
    assert_that(len(losses) >= 80, f"`map_losses` has {len(losses)} entries: was the training cut short?")
    scenes = any_scenes(rng, 24, 1)
    pictures = data.pictures(scenes)
    vectors = clipcap.embed(pictures)
    found = student.library("caption_lab.probes").weights_of(student.my_map)
    mapping = with_weights(clipcap.mapper(vectors.shape[1]), found, "my_map")
    said = clipcap.captions(language_model(seed_of(student)), mapping, vectors)
    expected = [s.caption() for s in scenes]
    show_captions("Unseen pictures through your map", pictures, said, expected)
    told = metrics.attributes(said, scenes)
    reached = (told["background"] + told["colour"]) / 2
    assert_that(
        losses[-20:].mean() < 0.4 * losses[:3].mean(),
        f"the loss went from {losses[:3].mean():.2f} to {losses[-20:].mean():.2f}: it should fall further",
    )
    assert_that(reached > CLIPCAP_LEAST, f"background and colour are right in {reached:.0%} of the captions")


CLIPCAP_LEAST = 0.7  # our own map reaches far more, one that has learnt nothing a seventh
