# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `boxes`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check
from coursekit.student import Student
from fusion_lab.checks.reference import (
    any_boxes,
)


@check("boxes")
def edges(student: Student, rng: Generator) -> None:
    """The edges have bins of their own, and what lies outside counts as the edge."""
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [-0.4, -0.01, 1.3, 1.01]])
    tokens = torch.as_tensor(student.to_bins(boxes, 32))
    assert_that(not tokens.is_floating_point(), f"tokens are whole numbers; they are of {tokens.dtype}")
    assert_close(tokens, torch.tensor([[0, 0, 31, 31], [0, 0, 31, 31]]), what="the tokens")
    assert_close(student.from_bins(torch.tensor([[0, 0, 31, 31]]), 32), boxes[:1], what="the box")


@check("boxes", weight=2)
def iou_of_edge_cases(student: Student, rng: Generator) -> None:
    """Nested, touching, equal and empty boxes; it is symmetric."""
    whole, half = [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0]
    right, empty, wrong = [0.5, 0.0, 1.0, 1.0], [0.3, 0.3, 0.3, 0.9], [0.8, 0.8, 0.2, 0.2]
    boxes = torch.tensor([whole, half, right, empty, wrong])
    wanted = torch.tensor([[1, 0.5, 0.5, 0, 0], [0.5, 1, 0, 0, 0], [0.5, 0, 1, 0, 0], [0.0] * 5, [0.0] * 5])
    found = torch.as_tensor(student.iou(boxes, boxes))
    assert_that(not found.isnan().any(), "found nan: two boxes without area have an IoU of 0")
    assert_close(found, wanted, atol=1e-5, what="the IoU")
    first, second = any_boxes(rng, 5), any_boxes(rng, 2)
    assert_close(student.iou(first, second), torch.as_tensor(student.iou(second, first)).T, atol=1e-6, what="it")
