# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `guide`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, check
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from token_lab.checks.mistakes import calls_of
from token_lab.checks.reference import reference_guided_text


@check("guide")
def any_scale(student: Student, rng: Generator) -> None:
    """One row, many, a scale of 1, and scores that stay as they were."""
    for n, scale in ((1, 2.0), (5, 7.5), (3, 1.0)):
        both = gaussian(rng, 2 * n, 9)
        wanted = (1 - scale) * both[n:] + scale * both[:n]
        assert_close(student.guided(both, scale), wanted, atol=1e-4, what=f"the scores of {n} rows at scale {scale}")
    after = student.library("token_lab.probes").arguments_after(student.guided, both, 3.0)
    assert_close(after[0], both, what="`both` after the call")


@check("guide", weight=2)
def any_guided_text(student: Student, rng: Generator) -> None:
    """One token, other choices, and a scale of 1."""
    watched = student.library("token_lab.probes").watched_guided
    for n, t, length, place, scale in ((1, 3, 1, 0, 3.0), (3, 5, 8, 1, 1.5), (2, 1, 6, 2, 1.0)):
        seed = seed_from(rng)
        prompt, null = (torch.from_numpy(rng.integers(23, size=(n, t))) for _ in range(2))
        found = watched(student.write_guided, seed, prompt, null, length, scale, place)
        wanted = reference_guided_text(seed, prompt, null, length, scale, place)
        assert_close(found["written"], wanted, what=f"what was written at scale {scale}, the token of rank {place},")
        calls = calls_of(torch.cat([prompt, null]), length)["right"]
        assert_same(found["calls"], calls, "what the model was given to read")
