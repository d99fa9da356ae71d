# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `winoground`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.random import Generator

import clip_lab.data as data
from coursekit.checks import assert_close, assert_same, check
from coursekit.student import Student
from grader.rubrics.week01_clip.checks.shared import image_vectors, text_vectors


@lru_cache(maxsize=2)
def swap_similarity(kind: str) -> np.ndarray:
    """Cosines (n, 2, 2) of the notebook's pairs with one thing exchanged."""
    pairs = data.swap_pairs(kind)
    return pairs.similarity(image_vectors(pairs.pictures), text_vectors(pairs.captions))


def scores_here(similarity: np.ndarray) -> dict[str, float]:
    """Winoground's scores, pair by pair, as the paper words them."""
    text = [s[0, 0] > s[0, 1] and s[1, 1] > s[1, 0] for s in similarity]
    image = [s[0, 0] > s[1, 0] and s[1, 1] > s[0, 1] for s in similarity]
    group = [a and b for a, b in zip(text, image, strict=True)]
    return {"text": np.mean(text), "image": np.mean(image), "group": np.mean(group)}


@check("winoground", weight=2)
def as_the_paper_words_it(student: Student, rng: Generator) -> None:
    """All three scores agree on random similarities. Both captions of a pair have to be right, not one of two."""
    similarity = rng.normal(size=(199, 2, 2)) + rng.uniform(0, 1, size=(199, 1, 1)) * np.eye(2)
    found, wanted = student.winoground(torch.from_numpy(similarity).float()), scores_here(similarity.astype(np.float32))
    right = similarity[:, [0, 1], [0, 1]]
    slips: dict[str, dict[str, Any]] = {
        "text": {
            "that is the part of single choices that are right; a pair passes when both are": np.mean(
                right > similarity[:, [0, 1], [1, 0]]
            )
        },
        "image": {
            "that is the part of single choices that are right; a pair passes when both are": np.mean(
                right > similarity[:, [1, 0], [0, 1]]
            )
        },
        "group": {
            "that is the product of the other two; a pair passes when it passes both": wanted["text"] * wanted["image"],
            "that is the smaller of the other two; a pair passes when it passes both": min(
                wanted["text"], wanted["image"]
            ),
        },
    }
    for name in ("text", "image", "group"):
        assert_close(found[name], wanted[name], slips=slips[name], what=f"the {name} score")


@check("winoground")
def ties_win_nothing(student: Student, rng: Generator) -> None:
    """A model that cannot tell passes no pair. The signs are strict."""
    found = student.winoground(torch.from_numpy(np.repeat(rng.random((20, 1, 1)), 4, axis=1).reshape(20, 2, 2)).float())
    for name in ("text", "image", "group"):
        assert_close(
            found[name], 0.0, slips={f"ties count as right in {name}: use > and not >=": 1.0}, what=f"the {name} score"
        )


@check("winoground", artefact=True)
def the_probe_was_scored(student: Student, rng: Generator) -> None:
    """`winoground_scores` are this model's, for a changed colour and for exchanged places."""
    found = student.winoground_scores
    for kind in ("colour", "places"):
        wanted = scores_here(swap_similarity(kind))
        for name in ("text", "image", "group"):  # 64 pairs: one that hangs on the last digit may fall either way
            assert_close(found[kind][name], wanted[name], atol=0.04, what=f"the {name} score of {kind}")
    assert_same(max(found["bag of words"].values()), 0.0, "the best score of the bag of words")
