# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `attend`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from caption_lab import blip, data
from caption_lab.checks.reference import (
    library_attention,
)
from coursekit.checks import assert_close, assert_same, assert_that, check, pair_of
from coursekit.inputs import gaussian
from coursekit.student import Student
from grader.rubrics.week03_blip.checks.shared import captioner


@check("attend")
def loud_scores_and_any_lengths(student: Student, rng: Generator) -> None:
    """Large scores do not overflow; one head, one query and values of their own are as good as any."""
    for q, k, heads in ((1, 7, 1), (5, 3, 4), (40, 2, 8)):
        queries, keys = 40 * gaussian(rng, 1, q, 16), 40 * gaussian(rng, 1, k, 16)
        values = gaussian(rng, 1, k, 16)
        mixed, weights = library_attention(queries, keys, values, heads)
        found = pair_of(student.attend(queries, keys, values, heads), "what was mixed, and the weights")
        assert_close(found[1], weights, atol=1e-4, what=f"{q} queries, {k} keys, {heads} heads: the weights")
        assert_close(found[0], mixed, atol=1e-4, what=f"{q} queries, {k} keys, {heads} heads: what was mixed")
    assert_same(torch.as_tensor(student.causal(1)).tolist(), [[True]], "the mask of one token")


@check("attend")
def a_mask_for_each_picture(student: Student, rng: Generator) -> None:
    """A mask may close other places for every picture and every head, and a closed place gets weight 0 exactly."""
    queries, keys, values = (gaussian(rng, 3, 5, 12) for _ in range(3))
    allowed = torch.from_numpy(rng.random((3, 2, 5, 5)) < 0.6)
    allowed[..., 0] = True
    mixed, weights = library_attention(queries, keys, values, 2, allowed)
    found = pair_of(student.attend(queries, keys, values, 2, allowed), "what was mixed, and the weights")
    assert_close(found[1], weights, atol=1e-5, what="the weights")
    assert_close(found[0], mixed, atol=1e-5, what="what was mixed")
    assert_that(bool((torch.as_tensor(found[1])[~allowed] == 0).all()), "a closed place has a weight that is not 0")


@check("attend", artefact=True)
def through_blips_own_layer(student: Student, rng: Generator) -> None:
    """`my_output` is what the model's first cross-attention makes of the sentence and the picture."""
    model, scene = captioner().model, data.opening_scenes()[4]
    layer = model.text_decoder.bert.encoder.layer[0].crossattention.self
    with torch.no_grad():
        words = model.text_decoder.bert.embeddings(blip.tokens(captioner(), [scene.caption()]))
        patches = blip.image_states(captioner(), [scene.render()])
        wanted = layer(words, encoder_hidden_states=patches)[0]
    assert_close(student.my_output, wanted, atol=1e-3, what="my_output")
