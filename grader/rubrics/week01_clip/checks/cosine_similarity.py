# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `cosine_similarity`."""

from __future__ import annotations

import torch
from numpy.random import Generator
from sklearn.metrics.pairwise import cosine_similarity as sklearn_cosine

from clip_lab.checks.reference import unit
from coursekit.checks import assert_close, check
from coursekit.student import Student


@check("cosine_similarity")
def short_vectors_count_too(student: Student, rng: Generator) -> None:
    """A short vector has a direction like any other. A number added to the lengths against 0 / 0 must be tiny."""
    images = 1e-4 * torch.from_numpy(rng.normal(size=(4, 16))).float()
    texts = 1e-3 * torch.from_numpy(rng.normal(size=(6, 16))).float()
    assert_close(student.cosine_similarity(images, texts), sklearn_cosine(images, texts), atol=1e-4)


@check("cosine_similarity")
def many_of_both(student: Student, rng: Generator) -> None:
    """More images than dimensions, and one text, are as good as any."""
    images, texts = (
        torch.from_numpy(rng.normal(size=(50, 4))).float(),
        torch.from_numpy(rng.normal(size=(1, 4))).float(),
    )
    texts[0] *= 20
    found = student.cosine_similarity(images, texts)
    assert_close(found, sklearn_cosine(images, texts), atol=1e-5)
    both = student.cosine_similarity(images[:4], images[:4])  # as many images as texts as dimensions
    assert_close(both, sklearn_cosine(images[:4]), atol=1e-5)


@check("cosine_similarity", artefact=True)
def the_inputs_stay_as_they_are(student: Student, rng: Generator) -> None:
    """The caller's tensors are not changed. `images /= ...` writes into them; `images = images / ...` does not."""
    images, texts = 3 * unit(rng, 4, 8), 5 * unit(rng, 3, 8)
    after = student.library("clip_lab.probes").arguments_after(student.cosine_similarity, images, texts)
    assert_close(after[0], images, what="the images after the call")
    assert_close(after[1], texts, what="the texts after the call")
