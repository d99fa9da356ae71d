# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `matching`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from PIL import Image

from caption_lab import data, metrics, probes
from caption_lab.checks.reference import (
    any_scenes,
    library_match,
)
from coursekit import models
from coursekit.checks import assert_close, assert_same, assert_that, check, pair_of
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from grader.rubrics.week03_blip.checks.shared import show_captions, texts_of

matcher = lru_cache(maxsize=1)(lambda: models.load("retrieval", profile="tiny", device="cpu"))


@check("matching")
def loud_similarities(student: Student, rng: Generator) -> None:
    """Similarities of hundreds do not overflow, and where only one is wrong it is drawn."""
    n = 5
    similarity = 400 * gaussian(rng, n, n)
    same = torch.ones(n, n, dtype=torch.bool)
    places = torch.from_numpy(rng.permutation(n))
    same[torch.arange(n), places] = False
    rows, columns = pair_of(student.hard_negatives(similarity, same), "the captions and the pictures")
    assert_same(torch.as_tensor(rows).tolist(), places.tolist(), "where one caption is wrong the list of captions")
    wanted = places.argsort().tolist()
    assert_same(torch.as_tensor(columns).tolist(), wanted, "where one picture is wrong the list of pictures")
    after = student.library("caption_lab.probes").arguments_after(student.hard_negatives, similarity, same)
    assert_close(after[0], similarity, what="the similarity after the call")
    assert_that(bool((torch.as_tensor(after[1]) == same).all()), "`same` was changed by the call")


@check("matching")
def the_model_it_was_given(student: Student, rng: Generator) -> None:
    """`match` asks the model in its arguments, one pair too, and keeps no gradients."""
    scenes = any_scenes(rng, 4, 2)
    pictures, said = data.pictures(scenes), [s.caption(np.random.default_rng(i)) for i, s in enumerate(scenes)]
    asked = student.library("caption_lab.probes")
    seed = seed_from(rng)
    wanted = probes.other_matcher_scores(blip_match, seed, pictures, said)
    found = asked.other_matcher_scores(student.match, seed, pictures, said)
    slips = {
        "the notebook's matcher was asked; the model to ask is an argument": library_match(matcher(), pictures, said)
    }
    assert_close(found, wanted, atol=2e-3, slips=slips, what="of another model a probability")
    one = asked.matcher_scores(student.match, pictures[:1], said[:1])
    assert_close(one, library_match(matcher(), pictures[:1], said[:1]), atol=1e-3, what="of one pair the result")
    assert_that(not asked.needs_gradients(student.match, pictures, said), "the result still carries gradients")


def blip_match(model: Any, processor: Any, pictures: list[Image.Image], said: list[str]) -> torch.Tensor:
    """The library's way, with the notebook's arguments."""
    return library_match(models.Loaded(model, processor), pictures, said)


@check("matching", weight=2, artefact=True)
def the_guesses_were_sorted(student: Student, rng: Generator) -> None:
    """`reranked` holds for each picture the guess that ITM believes most."""
    scenes = data.sample_scenes(24, 2, seed=26)
    pictures = data.pictures(scenes)
    guesses = student.guesses
    assert_that(
        isinstance(guesses, list)
        and len(guesses) == 24
        and all(isinstance(g, list) and 0 < len(g) < 50 for g in guesses),
        "`guesses` is not the list that the cell makes",
    )
    guesses = [texts_of(some, len(some), "guesses") for some in guesses]
    said = texts_of(student.reranked, 24, "reranked")
    off, wanted = 0, []
    for picture, some, mine in zip(pictures, guesses, said, strict=True):
        chances = library_match(matcher(), [picture] * len(some), some)
        wanted.append(some[int(chances.argmax())])
        off += mine not in some or float(chances.max() - chances[some.index(mine)]) > 0.02
    show_captions("The guess that ITM believes most", pictures, said, wanted)
    right, first = metrics.exact(said, scenes), metrics.exact([some[0] for some in guesses], scenes)
    assert_that(
        off <= 1,
        f"for {off} of 24 pictures another guess is more probable (exactly right: {right:.0%}, before: {first:.0%})",
    )
