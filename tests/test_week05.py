"""Week 5: its checks on known answers, and its helper package. What needs the week's models waits until they ship."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from known import assert_judged, defined

from coursekit.checks import checks_in, run_check
from coursekit.student import local_student
from fusion_lab import checks, data, probes
from grader.rubrics import week05_fusion as hidden
from grader.rubrics.week05_fusion_answers import ANSWERS
from tinyworld import grounding

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

# Checks that ask for what the notebook made with the shipped models.
OF_THE_NOTEBOOK = {"the_librarys_forward", "the_pupil_sees"}
NAMES = {"torch": torch, "F": torch.nn.functional}


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: f"{a.question}-{a.name}".replace(" ", "_"))
def test_known_answers_get_the_verdict_they_deserve(answer):
    assert_judged(answer, checks, hidden, NAMES, OF_THE_NOTEBOOK)


def test_right_answers_survive_many_seeds():
    """Where chance decides, a right answer must not lose by it."""
    right = next(a for a in ANSWERS if a.question == "modality_dropout" and a.right)
    student = local_student(defined(right.source, NAMES))
    for one in (*checks_in(checks), *checks_in(hidden)):
        if one.question == "modality_dropout":
            found = [run_check(one, student, f"seed {i}") for i in range(12)]
            assert all(v.passed for v in found), [v.message for v in found]


def test_questions_are_true_and_in_turn():
    asked = data.questions(12, 3, ("colour", "where", "count"))
    assert [q.kind for q in asked] == ["colour", "where", "count"] * 4
    for q in asked:
        if q.kind == "where":
            assert q.answer in [grounding.to_text(box) for box in data.boxes(q.scene)]


def test_presence_is_asked_in_halves_and_never_truly_of_what_is_not_there():
    for name, asked in data.presence(40, 4).items():
        assert [q.answer for q in asked] == ["yes", "no"] * 20
        for q in asked:
            colour, shape = q.text.removesuffix("?").split()[-2:]
            there = {(o.colour, o.shape) for o in q.scene.objects}
            assert ((colour, shape) in there) == (q.answer == "yes")
            if q.answer == "no" and name == "random":
                assert all(colour != c and shape != s for c, s in there)
            if q.answer == "no" and name == "one word off":
                assert any((colour == c) != (shape == s) for c, s in there)
    for q in data.false_premises(30, 5):
        assert all(o.shape not in q.text for o in q.scene.objects)


def test_towers_can_be_learnt_from_their_batches():
    watched = probes.watched_stage_one(defined(STAGE, NAMES)["stage_one"], 3, 150, 0.01)
    assert np.mean(watched["losses"][-10:]) < 0.75 * np.mean(watched["losses"][:10])


STAGE = next(a.source for a in ANSWERS if a.question == "stage_one" and a.right)
