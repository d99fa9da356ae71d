# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `stage_one`."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.random import Generator

from coursekit import models
from coursekit.checks import assert_close, assert_that, check, with_weights
from coursekit.inputs import seed_from
from coursekit.student import Student
from fusion_lab import chatting, data
from fusion_lab.checks.reference import trained
from grader.rubrics.week05_fusion.checks.shared import llava, show_answers


def seed_of(student: Student) -> int:
    """The notebook's own SEED: a student may choose another."""
    return int(student.SEED)


@check("stage_one")
def steps_of_adamw(student: Student, rng: Generator) -> None:
    """The connector's weights are those that AdamW without weight decay arrives at."""
    seed, steps, rate = seed_from(rng), 7, float(rng.uniform(0.005, 0.02))
    watched = student.library("fusion_lab.probes").watched_stage_one(student.stage_one, seed, steps, rate)
    losses, weight = trained(seed, steps, rate)
    assert_close(torch.tensor(watched["losses"]), torch.tensor(losses), atol=1e-4, rtol=1e-3, what="the losses")
    assert_close(watched["connector"], weight, atol=1e-4, rtol=1e-3, what="the connector's weight")
    assert_that(watched["plain"], "the losses are no floats: loss.item()")


@check("stage_one", weight=2, artefact=True)
def the_pupil_sees(student: Student, rng: Generator) -> None:
    """`pupil` answers new questions better than before, and only its projector changed."""
    asked = data.questions(24, seed_from(rng))
    pupil = student.pupil
    given = pupil[0] if isinstance(pupil, tuple | list) and pupil else pupil  # what models.load gives is a pair
    found = student.library("fusion_lab.probes").weights_of(given)
    mine = models.Loaded(with_weights(copy.deepcopy(llava().model), found, "pupil"), llava().processor)
    theirs, shipped = (one.model.model.multi_modal_projector.state_dict() for one in (mine, llava()))
    same = all(torch.equal(theirs[name], weight) for name, weight in shipped.items())
    assert_that(not same, "its projector is the shipped one: `blind(llava, SEED)` gives the one to teach")
    said = chatting.answers(mine, [q.scene.render(64) for q in asked], [q.text for q in asked])
    show_answers("Questions that nobody has seen", asked[:6], said[:6])
    right = float(np.mean([a == q.answer for a, q in zip(said, asked, strict=True)]))
    blind = chatting.accuracy(chatting.blind(llava(), seed_of(student)), asked)
    assert_that(right >= blind + STAGE_ONE_GAIN, f"{right:.0%} are right; {blind:.0%} were before it learnt")
    for part in ("language_model", "vision_tower"):
        now, before = (getattr(one.model.model, part).state_dict() for one in (mine, llava()))
        for name, weight in before.items():
            assert_close(now[name], weight, atol=1e-6, what=f"of the {part}, which should stay as it was, {name}")


STAGE_ONE_GAIN = 0.15  # of the answers, at least
