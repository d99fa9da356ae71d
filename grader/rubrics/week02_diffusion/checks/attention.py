# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `attention`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, assert_shape, check, evidence
from coursekit.inputs import gaussian
from coursekit.student import Student
from diffusion_lab import painting
from diffusion_lab.checks.reference import (
    library_attention,
)
from grader.rubrics.week02_diffusion.checks.shared import in_rows, painter, told_by

WATCHED = "a large red star left of a small blue circle on a white background"


@check("attention")
def loud_queries(student: Student, rng: Generator) -> None:
    """Large scores do not overflow, and one head and many places are as good as any."""
    queries, keys = 60 * gaussian(rng, 1, 40, 8), 60 * gaussian(rng, 1, 3, 8)
    for heads in (1, 8):
        wanted = library_attention(queries, keys, heads)
        found = student.attention_weights(queries, keys, heads)
        assert_close(found, wanted, atol=1e-4, what=f"with {heads} heads the result")


@check("attention", weight=2, artefact=True)
def the_maps_of_the_words(student: Student, rng: Generator) -> None:
    """`my_maps` holds where the UNet listened to each word."""
    seed, guidance = told_by(student)
    _, wanted = painting.watch(painter(), WATCHED, guidance=guidance, seed=seed)
    found = student.my_maps
    assert_same([word for word, _ in found], [word for word, _ in wanted], "the list of words")
    maps = torch.stack([torch.as_tensor(np.asarray(m, dtype=np.float32)) for _, m in found])
    best = torch.stack([m for _, m in wanted])
    assert_shape(maps, best.shape, "the maps")
    bright = [(m - m.min()) / (m.max() - m.min() + 1e-9) for m in (maps[:6], best[:6])]
    evidence("Where the first six words are listened to: yours above, expected below", in_rows(*bright))
    assert_close(maps, best, atol=5e-3, what="a map")
