# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `guided`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.student import Student
from voice_lab.checks.reference import library_guided, some_attention


@check("guided", weight=2)
def other_lengths_and_sigmas(student: Student, rng: Generator) -> None:
    """Texts longer than their sounds, one token, narrow and wide penalties."""
    for tokens, frames, sigma in (((9, 1, 4), (5, 8, 6), 0.1), ((3, 6), (20, 7), 0.8), ((2,), (3,), 0.4)):
        attention, text, sound = some_attention(rng, tokens, frames, heads=4)
        wanted = library_guided(attention, text, sound, sigma)
        found = student.guided_attention(attention, text, sound, sigma)
        assert_close(found, wanted, what=f"the loss with a sigma of {sigma}")


@check("guided")
def it_teaches(student: Student, rng: Generator) -> None:
    """Its gradient reaches the attention, and none the padding."""
    attention, text, sound = some_attention(rng, (5, 3), (6, 9))
    watched = attention.clone().requires_grad_(True)
    (wanted,) = torch.autograd.grad(library_guided(watched, text, sound, 0.4), watched)
    _, (found,) = student.gradients("guided_attention", attention, text, sound, 0.4, wrt=(0,))
    assert_close(found, wanted, what="the gradient by the attention")
