# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `answer_labels`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.student import Student
from fusion_lab.checks.reference import (
    ASSISTANT,
    END,
    reference_labels,
    turns_of,
)


@check("answer_labels", weight=2)
def any_conversation(student: Student, rng: Generator) -> None:
    """Many turns, one that was never closed, rows without an answer, other marks."""
    rows = [
        turns_of(rng, 4),
        turns_of(rng, 2, closed=False),
        [2, 11, 12],
        [ASSISTANT, END],
        turns_of(rng, 1, closed=False),
    ]
    longest = max(len(row) for row in rows)
    # rows are filled up after a closed turn only: what is never closed runs to the last token
    ids = torch.tensor([row + ([END] + [0] * (longest - len(row) - 1) if len(row) < longest else []) for row in rows])
    assert_close(student.answer_labels(ids, ASSISTANT, END), reference_labels(ids), what="the labels")
    open_row = torch.tensor([[2, 11, ASSISTANT, 12, 13]])
    assert_close(
        student.answer_labels(open_row, ASSISTANT, END), reference_labels(open_row), what="an answer never closed"
    )
    other = torch.where(ids == ASSISTANT, 71, torch.where(ids == END, 72, ids))
    wanted = torch.where(reference_labels(ids) >= 0, other, -100)
    assert_close(student.answer_labels(other, 71, 72), wanted, what="the labels with other marks")
