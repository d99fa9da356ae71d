# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `stage_one`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check
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
    library = student.library("fusion_lab.probes")
    said = list(library.answers_of(student.pupil, [q.scene.render(64) for q in asked], [q.text for q in asked]))
    show_answers("Questions that nobody has seen", asked[:6], said[:6])
    right = float(np.mean([a == q.answer for a, q in zip(said, asked, strict=True)]))
    blind = chatting.accuracy(chatting.blind(llava(), seed_of(student)), asked)
    assert_that(right >= blind + STAGE_ONE_GAIN, f"{right:.0%} are right; {blind:.0%} were before it learnt")
    model = llava().model.model
    sums = [p.double().sum() for part in (model.language_model, model.vision_tower) for p in part.parameters()]
    assert_close(library.language_of(student.pupil), torch.stack(sums), atol=1e-6, what="what should stay as it was")


STAGE_ONE_GAIN = 0.15  # of the answers, at least
