# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `zero_shot`."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from scipy.special import softmax

import clip_lab.data as data
from clip_lab.checks.reference import unit
from coursekit.checks import assert_close, assert_shape, check, evidence
from coursekit.student import Student
from grader.rubrics.week01_clip.checks.shared import heat, side_by_side, single_vectors, singles, text_vectors


@lru_cache(maxsize=1)
def shape_prompts() -> torch.Tensor:
    """Unit embeddings of every prompt for every shape (6, t, d)."""
    texts = [data.prompt("shape", name, t) for name in data.ATTRIBUTES["shape"] for t in data.TEMPLATES]
    vectors = text_vectors(texts)
    return vectors.reshape(-1, len(data.TEMPLATES), vectors.shape[-1])


@check("zero_shot", weight=2)
def the_ensemble_is_on_the_sphere(student: Student, rng: Generator) -> None:
    """The prompts are averaged as vectors, and the average made a unit vector again."""
    images = unit(rng, 8, 12).double().numpy()
    spread = rng.uniform(0.2, 3, size=(5, 1, 1))  # some classes' prompts agree, others' hardly
    prompts = rng.normal(size=(5, 1, 12)) + spread * rng.normal(size=(5, 7, 12))
    prompts /= np.linalg.norm(prompts, axis=-1, keepdims=True)
    means = prompts.mean(axis=1)
    classes = means / np.linalg.norm(means, axis=-1, keepdims=True)
    wanted = softmax(10 * images @ classes.T, axis=1)
    each = softmax(10 * np.einsum("nd,ctd->ntc", images, prompts), axis=2)
    found = student.zero_shot(torch.from_numpy(images).float(), torch.from_numpy(prompts).float(), 10.0)
    assert_close(
        found,
        wanted,
        atol=1e-4,
        slips={
            "the averages were not made unit vectors again: a class of differing prompts loses for that": softmax(
                10 * images @ means.T, axis=1
            ),
            "the probabilities were averaged; average the prompts' vectors": each.mean(axis=1),
            "the scale argument was ignored": softmax(100 * images @ classes.T, axis=1),
            "only the first prompt of each class was used": softmax(10 * images @ prompts[:, 0].T, axis=1),
        },
    )


@check("zero_shot")
def any_scale(student: Student, rng: Generator) -> None:
    """A large scale gives certainty and scale 0 equal chances. `softmax` is safe; `exp` by hand overflows."""
    images, prompts = unit(rng, 4, 12), unit(rng, 3, 2, 12)
    prompts[0] = images[0]
    found = student.zero_shot(images, prompts, 1e4)
    assert_close(torch.as_tensor(found)[0], [1, 0, 0], atol=1e-4, what="the probabilities at scale 10,000")
    assert_close(student.zero_shot(images, prompts, 0.0), np.full((4, 3), 1 / 3), atol=1e-5, what="those at scale 0")


@check("zero_shot", weight=2, artefact=True)
def the_pictures_were_classified(student: Student, rng: Generator) -> None:
    """`shape_probabilities` are those of the notebook's one-object pictures."""
    classes = F.normalize(shape_prompts().mean(dim=1), dim=-1)
    wanted = (100 * single_vectors() @ classes.T).softmax(dim=1)
    found = student.shape_probabilities
    assert_shape(found, wanted.shape, "shape_probabilities")
    order = np.argsort(singles().labels("shape"), kind="stable")[::8]
    evidence(
        "Probability of each shape (columns) for some pictures (rows, sorted by shape): yours, and expected",
        side_by_side(*(heat(np.nan_to_num(np.asarray(m, dtype=float))[order], 0, 1) for m in (found, wanted))),
    )
    assert_close(found, wanted, atol=0.02, what="shape_probabilities")  # scale 100 makes small differences large
