# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `vq_loss`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from token_lab.checks.reference import by_code, clear_latents, library_codes, library_loss


@check("vq_loss", weight=2)
def any_beta(student: Student, rng: Generator) -> None:
    """Other weights of the commitment, none among them, and larger pictures."""
    z, codebook = clear_latents(rng, 3, 4, 2, k=6, d=3)
    quantised, ids = library_codes(z, codebook)
    for beta in (float(rng.uniform(0.5, 2)), 0.05):
        wanted, by_z, by_codes = library_loss(z, codebook, beta)
        found, (found_z, found_q) = student.gradients("vq_loss", z, quantised, beta, wrt=(0, 1))
        assert_close(found, wanted, what=f"the loss with a beta of {beta:.2f}")
        assert_close(found_z, by_z, what="the gradient by z")
        assert_close(by_code(torch.as_tensor(found_q), ids, 6), by_codes, what="the gradient by the codes")
    alone = student.vq_loss(z, quantised, 0.0)
    assert_close(alone, (z - quantised).square().mean(), what="the loss with a beta of 0")


@check("vq_loss")
def any_shape(student: Student, rng: Generator) -> None:
    """Rows, pictures and films of latents."""
    for shape in ((5,), (7, 3), (2, 3, 2, 2, 2)):
        z, quantised = gaussian(rng, *shape), gaussian(rng, *shape)
        wanted = 1.25 * (z - quantised).square().mean()
        assert_close(student.vq_loss(z, quantised), wanted, what=f"the loss of latents of shape {shape}")
