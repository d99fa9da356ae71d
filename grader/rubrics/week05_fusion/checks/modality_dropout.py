# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `modality_dropout`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check, pair_of
from coursekit.inputs import seed_from
from coursekit.student import Student


@check("modality_dropout", weight=2)
def as_often_and_never_all(student: Student, rng: Generator) -> None:
    """Each is left out by itself, as often as its rate says, in each row anew; no row is left with nothing."""
    n, rates = 4000, torch.tensor([0.3, 0.6, 0.1])
    there = torch.ones(n, 3, dtype=torch.bool)
    found = torch.as_tensor(student.drop_modalities(there, rates, seed_from(rng)))
    assert_that(bool(found.any(1).all()), "a row was left with nothing")
    empty = float(rates.prod())
    left = 1 - found.float().mean(0)
    due = rates - empty  # a row that would be empty keeps all
    for i in range(3):
        spread = 5 * float(due[i] * (1 - due[i]) / n) ** 0.5
        told = f"modality {i} with rate {rates[i]:.1f} was left out in {left[i]:.1%} of rows; {due[i]:.1%} were due"
        assert_that(abs(left[i] - due[i]) <= spread, told)
    both = float((~found[:, 0] & ~found[:, 1]).float().mean())
    due_both = float(rates[0] * rates[1]) - empty
    assert_that(
        abs(both - due_both) < 0.05, f"the first two go together in {both:.1%} of rows: is each drawn by itself?"
    )
    one = torch.zeros(300, 3, dtype=torch.bool)
    one[:, 1] = True
    again = student.drop_modalities(one, torch.tensor([0.9, 0.9, 0.9]), seed_from(rng))
    assert_close(again, one, what="rows that have one modality only")
    other = torch.as_tensor(student.drop_modalities(there, rates, seed_from(rng)))
    assert_that(not torch.equal(found, other), "another seed gives the same result")


@check("modality_dropout")
def who_is_believed(student: Student, rng: Generator) -> None:
    """Shares of the torn places, for any answers."""
    words = ["star", "ring", "cross"]
    said, first, second = ([words[i] for i in rng.integers(3, size=60)] for _ in range(3))
    torn = [(s, a, b) for s, a, b in zip(said, first, second, strict=True) if a != b]
    wanted = [np.mean([s == a for s, a, _ in torn]), np.mean([s == b for s, _, b in torn])]
    found = pair_of(student.believed(said, first, second), "(first, second)")
    assert_close(torch.tensor([float(x) for x in found]), torch.tensor(wanted), atol=1e-6, what="the shares")
