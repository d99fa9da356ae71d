# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `quantise`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check, evidence, pair_of
from coursekit.student import Student
from grader.rubrics.week06_tokens.checks.shared import opening_pixels, vq
from token_lab import painting
from token_lab.checks.reference import clear_latents, library_codes


@check("quantise", weight=2)
def any_latent_picture(student: Student, rng: Generator) -> None:
    """Latents that are not square, one of a kind, one code, and what came in stays as it was."""
    for n, h, w, k, d in ((2, 3, 5, 9, 5), (1, 1, 1, 4, 2), (3, 2, 2, 1, 3), (1, 6, 2, 30, 4)):
        z, codebook = clear_latents(rng, n, h, w, k, d)
        wanted, ids = library_codes(z, codebook)
        quantised, found = pair_of(student.quantise(z, codebook), "(quantised, ids)")
        assert_close(quantised, wanted, what=f"the quantised latents of {h} x {w} places and {k} codes")
        assert_close(found, ids, what="the indices")
        assert_that(not torch.as_tensor(found).is_floating_point(), "the indices are no whole numbers")
    after = student.library("token_lab.probes").arguments_after(student.quantise, z, codebook)
    for name, one, before in zip(("z", "codebook"), after, (z, codebook), strict=True):
        assert_close(one, before, what=f"`{name}` after the call")


@check("quantise", artefact=True)
def the_opening_tokens(student: Student, rng: Generator) -> None:
    """`my_tokens` are the library's tokens of the opening pictures."""
    model, pixels = vq(), opening_pixels()
    wanted = painting.tokens_of(model, pixels)
    found = torch.as_tensor(student.my_tokens)
    if found.shape == wanted.shape and not found.is_floating_point() and found.min() >= 0 and found.max() < 256:
        drawn = painting.pictures_of(model, found)
        evidence("Your tokens, decoded", torch.cat(list(drawn.permute(0, 2, 3, 1)), dim=1).numpy())
    assert_that(found.shape == wanted.shape, f"my_tokens has shape {tuple(found.shape)}, not {tuple(wanted.shape)}")
    differ = int((found != wanted).sum())
    assert_that(differ <= 2, f"{differ} of {wanted.numel()} of my_tokens differ from the library's")
