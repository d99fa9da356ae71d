# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `fusion`."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.random import Generator
from sklearn.linear_model import LogisticRegression

import clip_lab.data as data
from clip_lab.checks.reference import agreement
from coursekit.checks import assert_shape, assert_that, check, evidence
from coursekit.student import Student
from grader.rubrics.week01_clip.checks.shared import image_vectors, single_vectors, singles, text_vectors


@check("fusion", weight=2, artefact=True)
def the_captions_were_judged(student: Student, rng: Generator) -> None:
    """`fusion_guesses` beat what concatenation can do, and `control_guesses` are no better than chance."""
    _, _, labels = data.truths_and_lies(singles())
    found, control = np.asarray(student.fusion_guesses), np.asarray(student.control_guesses)
    assert_shape(found, labels.shape, "fusion_guesses")
    assert_shape(control, labels.shape, "control_guesses")
    right, by_chance = float((found == labels).mean()), float((control == labels).mean())
    bars = np.ones((120, 260, 3))
    for row, share, colour in ((10, right, (0, 0.45, 0.7)), (70, by_chance, (0.84, 0.37, 0))):
        bars[row : row + 40, : max(1, int(260 * share))] = colour
    bars[:, 130] = 0
    evidence(
        f"Right: yours {right:.0%} (blue), with shuffled captions {by_chance:.0%} (orange); the line is chance", bars
    )
    wanted = fused_accuracy()
    assert_that(
        right > 0.5 + 0.6 * (wanted - 0.5),
        f"{right:.0%} are right, where a linear classifier on image, text and product gets {wanted:.0%}",
    )
    assert_that(0.35 < by_chance < 0.65, f"with shuffled captions {by_chance:.0%} are right: what does it look at?")


@lru_cache(maxsize=1)
def fused_accuracy() -> float:
    """What logistic regression on the fused features reaches on the notebook's pairs."""
    lessons, sets = data.album(100, objects=1, split="train"), []
    for pictures, vectors in ((lessons, image_vectors(lessons.pictures)), (singles(), single_vectors())):
        which, captions, labels = data.truths_and_lies(pictures)
        u, v = vectors[which], text_vectors(captions)
        sets.append((torch.cat([u, v, u * v], dim=1).numpy(), labels))
    (train, labels), (test, test_labels) = sets
    middle, spread = train.mean(axis=0), train.std(axis=0) + 1e-9
    classifier = LogisticRegression(C=0.1, max_iter=1000).fit((train - middle) / spread, labels)
    return float(classifier.score((test - middle) / spread, test_labels))


@check("fusion", weight=0.5)
def disagreement_too(student: Student, rng: Generator) -> None:
    """What the labels mean is learnt from the labels. Here 1 is disagreement."""
    images, texts, labels = agreement(rng, 900)
    labels = 1 - labels
    found = student.fuse_and_classify(images[:600], texts[:600], labels[:600], images[600:], texts[600:])
    right = float((torch.as_tensor(found) == labels[600:]).float().mean())
    assert_that(right > 0.8, f"{right:.0%} are right when the labels are exchanged")
