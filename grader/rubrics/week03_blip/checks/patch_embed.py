# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `patch_embed`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from caption_lab import blip, data
from caption_lab.checks.reference import (
    embedding_layer,
    library_patches,
)
from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from grader.rubrics.week03_blip.checks.shared import captioner


@check("patch_embed")
def wide_and_tall(student: Student, rng: Generator) -> None:
    """Pictures need not be square, and a patch may be as small as a pixel or as large as the picture."""
    for height, width, side in ((6, 12, 3), (8, 4, 2), (3, 5, 1), (4, 4, 4)):
        pixels = gaussian(rng, 2, 3, height, width)
        wanted = library_patches(pixels, side)
        found = student.patches(pixels, side)
        assert_close(found, wanted, what=f"of {height} x {width} in patches of {side} the result")


@check("patch_embed")
def one_picture_and_untouched_inputs(student: Student, rng: Generator) -> None:
    """A batch of one works, and the caller's tensors are not changed."""
    layer, pixels = embedding_layer(seed_from(rng), image=9, side=3, width=7), gaussian(rng, 1, 3, 9, 9)
    parts = [layer.patch_embedding.weight, layer.patch_embedding.bias, layer.class_embedding[0, 0]]
    parts.append(layer.position_embedding[0])
    assert_close(student.patch_tokens(pixels, *parts), layer(pixels), atol=1e-4, what="of one picture the tokens")
    after = student.library("caption_lab.probes").arguments_after(student.patch_tokens, pixels, *parts)
    for name, one, was in zip(
        ("pixels", "kernel", "bias", "class token", "positions"), after, [pixels, *parts], strict=True
    ):
        assert_close(one, was, what=f"the {name} after the call (`+=` writes into them)")


@check("patch_embed", weight=2, artefact=True)
def the_opening_pictures(student: Student, rng: Generator) -> None:
    """`my_tokens` are those of the model's own eyes for the opening pictures."""
    seen = blip.pixels(captioner(), data.pictures(data.opening_scenes()))
    with torch.no_grad():
        wanted = captioner().model.vision_model.embeddings(seen)
    assert_close(student.my_tokens, wanted, atol=1e-3, what="my_tokens")
