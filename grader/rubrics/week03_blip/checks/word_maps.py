# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `word_maps`."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from PIL import Image

from caption_lab import blip, data
from caption_lab.checks.reference import (
    reference_maps,
    some_weights,
)
from coursekit.checks import assert_close, assert_shape, check, evidence
from coursekit.student import Student
from grader.rubrics.week03_blip.checks.shared import captioner


@check("word_maps")
def other_grids(student: Student, rng: Generator) -> None:
    """One layer, many heads, a grid of one patch or of a hundred."""
    for layers, heads, tokens, side in ((1, 5, 3, 1), (2, 1, 2, 10), (4, 3, 7, 3)):
        weights = some_weights(rng, layers, heads, tokens, side)
        what = f"{layers} layers, {side} x {side} patches: a map"
        assert_close(student.word_maps(weights), reference_maps(weights), atol=1e-5, what=what)
    weights = some_weights(rng, 2, 2, 4, 3)
    after = student.library("caption_lab.probes").arguments_after(student.word_maps, weights)
    for one, was in zip(after[0], weights, strict=True):
        assert_close(one, was, what="a layer's weights after the call")


@check("word_maps", weight=2, artefact=True)
def the_maps_of_the_sentence(student: Student, rng: Generator) -> None:
    """`my_maps` show where the model looked when it wrote each word of the notebook's sentence."""
    scene = data.sample_scenes(1, 2, seed=33)[0]
    words, weights = blip.looks(captioner(), scene.render(), scene.caption())
    wanted = reference_maps(weights)
    found = student.my_maps
    assert_shape(found, wanted.shape, "my_maps")
    maps = torch.as_tensor(np.asarray(found, dtype=np.float32)).nan_to_num()
    picture = scene.render()
    places = [
        i
        for i, word in enumerate(words[1:])
        if word in {o.shape for o in scene.objects} | {o.colour for o in scene.objects}
    ]
    rows = [np.concatenate([bright(picture, m[i]) for i in places[:4]], axis=1) for m in (maps, wanted)]
    title = f"Where it looked at {', '.join(words[1:][i] for i in places[:4])}: yours above, expected below"
    evidence(title, np.concatenate(rows))
    assert_close(maps, wanted, atol=2e-3, what="a map")


def bright(picture: Image.Image, values: torch.Tensor, side: int = 96) -> np.ndarray:
    """A map over its picture, (side, side, 3) in [0, 1]."""
    scaled = (values - values.min()) / (values.max() - values.min() + 1e-9)
    grown = F.interpolate(scaled[None, None].float(), (side, side), mode="nearest")[0, 0, ..., None].numpy()
    shown: np.ndarray = (0.25 + 0.75 * grown) * np.asarray(picture.resize((side, side)), dtype=float) / 255
    return shown
