# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `write`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, assert_that, check
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from token_lab.checks.mistakes import calls_of
from token_lab.checks.reference import library_choice, reference_text


@check("write")
def any_choice(student: Student, rng: Generator) -> None:
    """Scattered tokens, one token, a top-k beyond what is allowed, and scores that stay as they were."""
    picked = student.library("token_lab.probes").picked
    scores = 3 * gaussian(rng, 50, 12)
    scattered = torch.zeros(12, dtype=torch.bool)
    scattered[torch.from_numpy(rng.permutation(12)[:5])] = True
    one = torch.arange(12) == int(rng.integers(12))
    for allowed, temperature, top_k in ((scattered, 0.8, 3), (one, 1.3, None), (scattered, 1.0, 12), (one, 0, None)):
        seed = seed_from(rng)
        wanted = library_choice(scores, allowed, temperature, top_k, seed)
        found = picked(student.next_token, scores, allowed, float(temperature), top_k, seed)
        told = f"what was chosen of {int(allowed.sum())} tokens at temperature {temperature} with top-k {top_k}"
        assert_close(found, wanted, what=told)
    most = picked(student.next_token, scores, scattered, 0.9, 1, 1)
    assert_close(most, library_choice(scores, scattered, 0, None, 1), what="what was chosen of the one likeliest")
    after = student.library("token_lab.probes").arguments_after(student.next_token, scores, scattered, 0.0, None)
    assert_close(after[0], scores, what="`scores` after the call (work on a copy)")


@check("write", weight=2)
def any_length(student: Student, rng: Generator) -> None:
    """One token, a prompt of one, many rows, and whatever it is that chooses."""
    watched = student.library("token_lab.probes").watched_write
    for n, t, length, place in ((1, 6, 1, 0), (3, 1, 7, 1), (2, 5, 12, 2)):
        seed, prompt = seed_from(rng), torch.from_numpy(rng.integers(23, size=(n, t)))
        found = watched(student.write, seed, prompt, length, place)
        wanted = reference_text(seed, prompt, length, place)
        assert_close(found["written"], wanted, what=f"what was written, always the token of rank {place},")
        assert_same(found["calls"], calls_of(prompt, length)["right"], "what the model was given to read")
    assert_that(not torch.as_tensor(found["written"]).is_floating_point(), "tokens are whole numbers")
