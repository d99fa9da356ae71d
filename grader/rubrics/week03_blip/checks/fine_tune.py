# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `fine_tune`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from caption_lab import blip, data, metrics
from caption_lab.checks.reference import (
    any_scenes,
    numbers,
)
from coursekit import models
from coursekit.checks import assert_close, assert_same, assert_that, check, with_weights
from coursekit.student import Student
from grader.rubrics.week03_blip.checks.shared import captioner, show_captions


@check("fine_tune")
def all_new_and_all_old(student: Student, rng: Generator) -> None:
    """Replay 0 and replay 1 work, the seed decides what is drawn, and all examples get their turn."""
    new, old = numbers(rng, 10, 6), numbers(rng, -10, 6)
    asked = student.library("caption_lab.probes")
    for replay, wanted in ((0.0, 0), (1.0, 5), (0.3, 2)):
        seen = asked.watched_fine_tune(student.fine_tune, new, old, 40, 5, replay, 1e-2)
        again = sorted({sum(x < 0 for x in examples) for examples in seen["batches"]})
        assert_same(again, [wanted], f"replay {replay:g} of 5: the numbers of old examples")
        assert_same(
            seen["again"], seen["batches"], f"replay {replay:g}: of a second run with the same seed the batches"
        )
        drawn = {round(x, 6) for examples in seen["batches"] for x in examples}
        due = {round(x, 6) for x in (new if replay < 1 else []) + (old if replay > 0 else [])}
        assert_that(
            drawn == due, f"replay {replay:g}: only {len(drawn)} of {len(due)} examples had their turn in 40 batches"
        )


@check("fine_tune")
def steps_of_adamw(student: Student, rng: Generator) -> None:
    """The steps are AdamW's: the first moves the number by the rate."""
    new, old = numbers(rng, 5, 12), numbers(rng, 5, 12)
    asked = student.library("caption_lab.probes")
    rate = float(rng.uniform(0.01, 0.05))
    for steps in (1, 2):
        seen = asked.watched_fine_tune(student.fine_tune, new, old, steps, 4, 0.5, rate)
        told = f"after {steps} steps of {rate:.3g} the number"
        assert_close(seen["place"], steps * rate, atol=0.02 * rate, rtol=0, what=told)
    examples = torch.tensor(seen["batches"][0])
    assert_close(seen["losses"][0], examples.square().mean(), atol=1e-3, what="the first loss")


@check("fine_tune", weight=2, artefact=True)
def brown_was_learnt_and_nothing_forgotten(student: Student, rng: Generator) -> None:
    """`adapted` names brown in unseen pictures and still says of others what it said before."""
    scenes, others = any_scenes(rng, 12, 1), any_scenes(rng, 12, 1)
    pictures = [data.repainted(scene) for scene in scenes]
    adapted = student.adapted
    theirs = (
        adapted[0] if isinstance(adapted, tuple | list) and adapted else adapted
    )  # what models.load gives is a pair
    found = student.library("caption_lab.probes").weights_of(theirs)
    mine = models.load("captioning", profile="tiny", device="cpu")
    mine = models.Loaded(with_weights(mine.model, found, "adapted"), mine.processor)
    said = blip.captions(mine, pictures)
    expected = [s.caption().replace(f" {s.objects[0].colour} ", f" {data.NEW_COLOUR} ", 1) for s in scenes]
    show_captions("Brown things that nobody has seen", pictures[:6], said[:6], expected[:6])
    brown = float(np.mean([data.NEW_COLOUR in one.split() for one in said]))
    assert_that(brown >= 0.6, f"brown is named in {brown:.0%} of pictures of brown things")
    before = metrics.attributes(blip.captions(captioner(), data.pictures(others)), others)
    after = metrics.attributes(blip.captions(mine, data.pictures(others)), others)
    lost = {name: before[name] - after[name] for name in ("colour", "shape", "background")}
    worst = max(lost, key=lost.__getitem__)
    assert_that(
        lost[worst] <= 0.34,
        f"of things that are not brown the {worst} is right in {after[worst]:.0%}, before it was {before[worst]:.0%}",
    )
