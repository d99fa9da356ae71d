# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `training_step`."""

from __future__ import annotations

import math

import numpy as np
import open_clip
import torch
from numpy.random import Generator

import clip_lab.small as small
from clip_lab.checks.reference import batches, new_run, reference_run
from coursekit.checks import assert_close, assert_that, check, evidence, with_weights
from coursekit.student import Student
from grader.rubrics.week01_clip.checks.shared import heat


def trained(student: Student, name: str) -> torch.nn.Module:
    """The network of this name in the notebook, as the judge's own has it."""
    found = student.library("clip_lab.probes").weights_of(getattr(student, name))
    model: torch.nn.Module = with_weights(small.build(), found, name)
    return model


def loss_of(model: torch.nn.Module, seed: int) -> float:
    """What a trained CLIP pays on ten batches of training pictures, as open_clip counts it."""
    pictures, tokens, _ = small.pairs("train", 10 * small.BATCH, seed)
    loss = open_clip.loss.ClipLoss()
    parts = [slice(begin, begin + small.BATCH) for begin in range(0, len(pictures), small.BATCH)]
    with torch.no_grad():
        return float(np.mean([float(loss(*model(pictures[part], tokens[part]))) for part in parts]))


GUESSING = math.log(small.BATCH)  # the loss of whoever cannot tell the pairs of a batch apart


@check("training_step", weight=2)
def gradients_are_cleared(student: Student, rng: Generator) -> None:
    """Four steps end where open_clip's loss and torch's optimiser end. Gradients add up unless they are cleared."""
    seed, given = int(rng.integers(10**6)), batches(rng, 4)
    model, optimiser = new_run(student.library("clip_lab.small"), seed)
    found = [student.training_step(model, optimiser, *batch) for batch in given]
    (wanted, weights), (kept, _) = reference_run(seed, given), reference_run(seed, given, keep_gradients=True)
    assert_close(
        found, wanted, atol=4e-3, slips={"the old gradients are still there: zero_grad()": kept}, what="the losses"
    )
    assert_close(model.visual.proj, weights, atol=2e-3, what="the picture tower's projection after four steps")


@check("training_step")
def the_scale_is_held(student: Student, rng: Generator) -> None:
    """`logit_scale` is at most ln 100 after every step."""
    lab, (batch,) = student.library("clip_lab.small"), batches(rng, 1)
    model = lab.build(int(rng.integers(10**6)))
    student.library("clip_lab.probes").set_parameter(model, "logit_scale", 6.0)
    student.training_step(model, lab.optimiser(model, 1e-4, "SGD"), *batch)
    found = float(model.logit_scale)
    assert_that(found <= math.log(100) + 1e-4, f"logit_scale is {found:.2f} after the step; ln 100 is 4.61")
    assert_that(found > 4.5, f"logit_scale fell to {found:.2f}; it is held at ln 100 = 4.61, the logarithm of the cap")


@check("training_step", weight=2, artefact=True)
def the_trained_clip_knows_things(student: Student, rng: Generator) -> None:
    """`small_clip` names colour and background of pictures it never saw, and `history` tells how it came to that."""
    pictures, tokens, scenes = small.pairs("test", 128, seed=int(rng.integers(10**6)))
    model = trained(student, "small_clip")
    scores = small.similarity(model, pictures, tokens)
    order = sorted(range(128), key=lambda i: (scenes[i].background, scenes[i].objects[0].colour))[::4]
    evidence(
        "Cosines of your CLIP on pictures it has never seen (rows) and their captions, sorted by background and colour",
        heat(np.nan_to_num(scores.numpy())[np.ix_(order, order)]),
    )
    named = [scenes[i] for i in scores.argmax(dim=1).tolist()]
    background = np.mean([a.background == b.background for a, b in zip(scenes, named, strict=True)])
    colour = np.mean([a.objects[0].colour == b.objects[0].colour for a, b in zip(scenes, named, strict=True)])
    assert_that(background > 0.6, f"the background is right for {background:.0%}; chance is about 17 %")
    assert_that(colour > 0.4, f"the colour is right for {colour:.0%}; chance is about 13 %")
    losses = np.asarray(student.history["loss"], dtype=float)
    assert_that(len(losses) >= 40, f"history has {len(losses)} losses; one for every step was expected")
    early = f"an untrained model cannot do better than guess, ln {small.BATCH} = {GUESSING:.2f}"
    assert_that(losses[0] > 0.8 * GUESSING, f"the first loss is {losses[0]:.2f}; {early}")
    last = losses[-10:].mean()
    assert_that(last < 0.6 * losses[0], f"the loss fell only to {last:.2f}")
    now = loss_of(model, int(rng.integers(10**6)))
    assert_that(
        abs(now - last) < 0.7, f"the last losses are {last:.2f}, and small_clip's is {now:.2f}: not its history"
    )


@check("training_step", artefact=True)
def the_control_learnt_nothing(student: Student, rng: Generator) -> None:
    """The control, trained on shuffled captions, stays at chance."""
    losses = np.asarray(student.control["loss"], dtype=float)
    assert_that(len(losses) >= 15, f"control has {len(losses)} losses; one for every step was expected")
    assert_that(
        losses[-10:].mean() > 0.9 * GUESSING,
        f"its loss fell to {losses[-10:].mean():.2f}; guessing costs {GUESSING:.2f}",
    )
    pictures, tokens, scenes = small.pairs("test", 64, seed=int(rng.integers(10**6)))
    scores = small.similarity(trained(student, "stray_clip"), pictures, tokens)
    own = np.array([scene.caption() for scene in scenes])
    found = float((own[scores.argmax(dim=1).numpy()] == own).mean())
    assert_that(found < 0.1, f"R@1 of the control is {found:.0%} of 64, above chance: were its captions shuffled?")
