# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `ema`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check
from coursekit.inputs import seed_from
from coursekit.student import Student
from grader.rubrics.week06_tokens.checks.shared import vq
from token_lab import codebooks
from token_lab.checks.reference import reference_ema, settled_codes


@check("ema", weight=2)
def any_memory(student: Student, rng: Generator) -> None:
    """Other decays and smoothings, empty batches of a code, and what came in stays as it was."""
    for decay, eps in ((0.99, 1e-5), (0.5, 0.1), (0.0, 1e-3), (1.0, 1e-5)):
        counts, sums, z, ids = settled_codes(rng, k=7, d=3, m=25)
        wanted = reference_ema(counts, sums, z, ids, decay, eps)
        found = student.ema_codes(counts, sums, z, ids, decay, eps)
        for name, one, right in zip(("counts", "sums", "codes"), found, wanted, strict=True):
            assert_close(one, right, atol=1e-4, rtol=1e-4, what=f"the {name} with a decay of {decay} and eps {eps}")
    after = student.library("token_lab.probes").arguments_after(student.ema_codes, counts, sums, z, ids, 0.9)
    assert_close(after[0], counts, what="`counts` after the call (work on a copy)")
    assert_close(after[1], sums, what="`sums` after the call (work on a copy)")


@check("ema", weight=2)
def restarts_of_any_number(student: Student, rng: Generator) -> None:
    """None dead, all dead, more dead than rows; the same seed gives the same, and inputs stay as they were."""
    counts, sums, z, _ = settled_codes(rng, k=6, m=40)
    codebook, seed = sums / counts[:, None], seed_from(rng)
    for name, one, before in zip(
        ("codes", "counts", "sums"),
        student.restart_dead(codebook, counts, sums, z, 1.0, seed),
        (codebook, counts, sums),
        strict=True,
    ):
        assert_close(one, before, what=f"where no code is dead the {name}")
    codes, number, total = map(torch.as_tensor, student.restart_dead(codebook, counts, sums, z, 100.0, seed))
    distance, near = (codes[:, None] - z[None]).abs().amax(dim=2).min(dim=1)
    assert_that(float(distance.max()) < 1e-5, "where all codes are dead each becomes a row of z")
    assert_that(len(set(near.tolist())) == 6, "where all codes are dead two became the same row of z")
    assert_close(number, torch.ones(6), what="the counts of codes that came back")
    assert_close(total, codes, what="the sums of codes that came back")
    again = student.restart_dead(codebook, counts, sums, z, 100.0, seed)
    assert_close(again[0], codes, what="a second call with the same seed")
    others = [student.restart_dead(codebook, counts, sums, z, 100.0, seed_from(rng))[0] for _ in range(4)]
    assert_that(any(not torch.equal(torch.as_tensor(x), codes) for x in others), "every seed gives the same rows")
    edge = counts.clone()
    edge[2] = 1.0
    kept = student.restart_dead(codebook, edge, sums, z, 1.0, seed)[0]
    assert_close(kept, codebook, what="a code whose count is `least` is not below it; it")
    few = torch.as_tensor(student.restart_dead(codebook, counts, sums, z[:2], 100.0, seed)[0])
    far = (few[:, None] - z[None, :2]).abs().amax(dim=2).amin(dim=1).max()
    assert_that(float(far) < 1e-5, "with fewer rows than dead codes each still becomes a row of z")
    after = student.library("token_lab.probes").arguments_after(
        student.restart_dead, codebook, counts, sums, z, 100.0, seed
    )
    for name, one, before in zip(("codebook", "counts", "sums"), after, (codebook, counts, sums), strict=False):
        assert_close(one, before, what=f"`{name}` after the call (work on a copy: clone)")


@check("ema", artefact=True)
def the_learnt_codebook(student: Student, rng: Generator) -> None:
    """`my_codes` is a codebook that new pictures use, and that lies near their latents."""
    found = torch.as_tensor(student.my_codes).float()
    latents = codebooks.latents_of(vq(), 48, seed_from(rng))
    wanted = (codebooks.LEARNT_CODES, latents.shape[1])
    assert_that(tuple(found.shape) == wanted, f"my_codes has shape {tuple(found.shape)}, not {wanted}")
    assert_that(bool(found.isfinite().all()), "my_codes holds nan or infinity")
    near, ids = torch.cdist(latents, found).min(dim=1)
    left = float(near.square().mean() / (latents - latents.mean(0)).square().sum(1).mean())
    used = len(set(ids.tolist()))
    assert_that(left < MOST_LEFT, f"my_codes leaves {left:.0%} of the latents' variance; under {MOST_LEFT:.0%} is due")
    assert_that(used > LEAST_USED * len(found), f"new pictures use {used} of {len(found)} codes")


MOST_LEFT = 0.3  # of the latents' variance
LEAST_USED = 0.75  # of the codes
