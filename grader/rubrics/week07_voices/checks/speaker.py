# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `speaker`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from voice_lab.checks.reference import library_margin, reference_pool


@check("speaker", weight=2)
def rows_of_any_length(student: Student, rng: Generator) -> None:
    """Two frames, all frames, and large numbers behind the end."""
    states, lengths = gaussian(rng, 5, 12, 7), torch.tensor([2, 12, 7, 3, 11])
    for row, n in zip(states, lengths.tolist(), strict=True):
        row[n:] = 1e4
    wanted = reference_pool(states, lengths)
    assert_close(student.pool(states, lengths), wanted, atol=1e-4, what="the statistics")


@check("speaker", weight=2)
def other_margins(student: Student, rng: Generator) -> None:
    """The library's own scale and margin; none; many voices; and the gradient by the embeddings."""
    for n, voices, scale, margin in ((5, 3, 30.0, 0.4), (8, 20, 15.0, 0.0), (1, 2, 5.0, 0.7)):
        embeddings, weights = 3 * gaussian(rng, n, 6), gaussian(rng, 6, voices)
        labels = torch.from_numpy(rng.integers(voices, size=n))
        wanted = library_margin(embeddings, weights, labels, scale, margin)
        found, (slope,) = student.gradients("margin_loss", embeddings, weights, labels, scale, margin, wrt=(0,))
        assert_close(found, wanted, atol=1e-4, rtol=1e-4, what="the loss")
        assert_close((torch.as_tensor(slope) * embeddings).sum(1), torch.zeros(n), atol=1e-3, what="the pull outwards")
    embeddings, weights, labels = gaussian(rng, 6, 5), gaussian(rng, 5, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    usual = student.margin_loss(embeddings, weights, labels)
    assert_close(
        usual, library_margin(embeddings, weights, labels, 30.0, 0.4), rtol=1e-4, what="the loss as it is usual"
    )
