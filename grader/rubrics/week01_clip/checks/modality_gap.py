# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `modality_gap`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.random import Generator

from clip_lab.checks.reference import two_cones
from coursekit.checks import assert_close, assert_shape, check, evidence
from coursekit.student import Student
from grader.rubrics.week01_clip.checks.shared import album_vectors


def moved_here(images: torch.Tensor, texts: torch.Tensor, amount: float) -> tuple[np.ndarray, np.ndarray]:
    u, v = images.double().numpy(), texts.double().numpy()
    gap = np.average(u, axis=0) - np.average(v, axis=0)
    u, v = u - amount * gap, v + amount * gap
    return u / np.linalg.norm(u, axis=1, keepdims=True), v / np.linalg.norm(v, axis=1, keepdims=True)


@check("modality_gap")
def lists_of_any_length(student: Student, rng: Generator) -> None:
    """There may be more pictures than captions. Means are subtracted, not pairs."""
    images, texts = two_cones(rng, 11, 6)
    wanted = images.double().numpy().mean(axis=0) - texts.double().numpy().mean(axis=0)
    assert_close(student.modality_gap(images, texts), wanted, atol=1e-5, what="the gap of 11 images and 6 texts")
    for found, right, what in zip(
        student.close_gap(images, texts), moved_here(images, texts, 0.5), ("images", "texts"), strict=True
    ):
        assert_close(found, right, atol=1e-5, what=f"the moved {what} of 11 and 6")


@check("modality_gap", weight=2)
def exactly_as_far(student: Student, rng: Generator) -> None:
    """Each side moves by lambda times the gap, whatever lambda is."""
    images, texts = two_cones(rng, 7, 7)
    for amount in (0.5, 0.0, 0.2, -0.5):
        found, right = student.close_gap(images, texts, amount), moved_here(images, texts, amount)
        full = moved_here(images, texts, 0.5)
        for k, what in enumerate(("images", "texts")):
            slips = {"amount was ignored": full[k]} if amount != 0.5 else {}
            assert_close(found[k], right[k], atol=1e-5, slips=slips, what=f"the {what} moved by {amount}")


@check("modality_gap", artefact=True)
def the_vectors_stay(student: Student, rng: Generator) -> None:
    """The caller's vectors are as they were. Is there an `-=`, or an operation that ends in _?"""
    images, texts = two_cones(rng, 7, 5)
    after = student.library("clip_lab.probes").arguments_after(student.close_gap, images, texts)
    assert_close(after[0], images, what="the images after the call")
    assert_close(after[1], texts, what="the texts after the call")


@check("modality_gap", weight=2, artefact=True)
def the_gap_was_closed(student: Student, rng: Generator) -> None:
    """`shifted_images`, `shifted_texts` are the album's, moved together; `gap_before`, `gap_after` say how far."""
    images, texts = album_vectors()
    wanted = moved_here(images, texts, 0.5)
    found = student.shifted_images, student.shifted_texts
    assert_shape(found[0], wanted[0].shape, "shifted_images")
    assert_shape(found[1], wanted[1].shape, "shifted_texts")
    evidence("Pictures (blue) and captions (orange) as you moved them, seen along two principal axes", cloud(*found))
    for mine, right, what in zip(found, wanted, ("shifted_images", "shifted_texts"), strict=True):
        assert_close(mine, right, atol=3e-3, what=what)
    before = float((images.mean(dim=0) - texts.mean(dim=0)).norm())
    assert_close(student.gap_before, before, atol=5e-3, what="gap_before")
    assert_close(
        student.gap_after, np.linalg.norm(wanted[0].mean(axis=0) - wanted[1].mean(axis=0)), atol=5e-3, what="gap_after"
    )


def cloud(images: Any, texts: Any, side: int = 260) -> np.ndarray:
    """Points of two kinds on the plane of their two principal axes, as a picture."""
    points = np.nan_to_num(np.concatenate([np.asarray(images, dtype=float), np.asarray(texts, dtype=float)]))
    points = points - points.mean(axis=0)
    flat = points @ np.linalg.svd(points, full_matrices=False)[2][:2].T
    places = ((flat / max(np.abs(flat).max(), 1e-9) * 0.47 + 0.5) * (side - 5)).astype(int) + 2
    picture = np.ones((side, side, 3))
    for i, (x, y) in enumerate(places):
        picture[y - 2 : y + 2, x - 2 : x + 2] = (0, 0.45, 0.7) if i < len(images) else (0.84, 0.37, 0)
    return picture
