# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `embed`."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator

from clip_lab.checks.reference import some_scenes
from clip_lab.probes import reprojected_clip
from coursekit import models
from coursekit.checks import assert_close, assert_shape, check, evidence
from coursekit.student import Student
from grader.rubrics.week01_clip.checks.shared import album_vectors, heat, side_by_side


@check("embed", weight=2, artefact=True)
def the_album_was_embedded(student: Student, rng: Generator) -> None:
    """`image_embeddings` and `text_embeddings` are those of the album's first 48, in order."""
    wanted_images, wanted_texts = (vectors[:48] for vectors in album_vectors())
    images, texts = student.image_embeddings, student.text_embeddings
    assert_shape(images, wanted_images.shape, "image_embeddings")
    assert_shape(texts, wanted_texts.shape, "text_embeddings")
    found = torch.as_tensor(images[:12]).float() @ torch.as_tensor(texts[:12]).float().T
    evidence(
        "Cosines of the album's first twelve pictures (rows) and captions: yours, and the model's own",
        side_by_side(*(heat(np.nan_to_num(m), 0, 0.6) for m in (found, wanted_images[:12] @ wanted_texts[:12].T))),
    )
    assert_close(images, wanted_images, atol=2e-3, what="image_embeddings")
    assert_close(texts, wanted_texts, atol=2e-3, what="text_embeddings")


@check("embed")
def a_batch_of_one(student: Student, rng: Generator) -> None:
    """One picture and one caption give one row each, the same as in a batch. `squeeze()` would drop the axis."""
    here = some_scenes(rng, 3)
    model, processor = student.library("coursekit.models").load("clip")
    together = student.embed(model, processor, here.pictures, here.captions)
    alone = student.embed(model, processor, here.pictures[:1], here.captions[:1])
    for one, all_, what in zip(alone, together, ("image", "text"), strict=True):
        assert_shape(one, (1, np.shape(all_)[-1]), f"the {what} embedding of a single {what}")
        assert_close(one[0], all_[0], atol=1e-3, what=f"the {what} embedding of a single {what}")


@check("embed")
def the_model_it_was_given(student: Student, rng: Generator) -> None:
    """It embeds with the model in its arguments, whatever model that is. A global `clip` is not an argument."""
    here, seed = some_scenes(rng, 3), int(rng.integers(10**6))
    model, processor = student.library("clip_lab.probes").reprojected_clip(seed)
    images, texts = student.embed(model, processor, here.pictures, here.captions)
    other = reprojected_clip(seed)
    assert_close(images, F.normalize(models.embed_images(other, here.pictures), dim=-1), atol=2e-3, what="the images")
    assert_close(texts, F.normalize(models.embed_texts(other, here.captions), dim=-1), atol=2e-3, what="the texts")
