# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `eer`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check, pair_of
from coursekit.inputs import gaussian
from coursekit.student import Student
from voice_lab.checks.reference import library_eer, library_trials, some_scores


@check("eer")
def many_recordings(student: Student, rng: Generator) -> None:
    """Twenty recordings of six voices, embeddings of any length."""
    voices = [str(i) for i in rng.integers(6, size=20)]
    embeddings = gaussian(rng, 20, 9) * torch.from_numpy(rng.uniform(0.01, 50, size=(20, 1))).float()
    scores, same = library_trials(embeddings, voices)
    found = pair_of(student.trials(embeddings, voices), "(scores, same)")
    assert_close(found[0], scores, atol=1e-4, what="the scores")
    assert_close(found[1], same, what="`same`")


@check("eer")
def at_a_threshold_that_is_a_score(student: Student, rng: Generator) -> None:
    """A score that equals the threshold is accepted."""
    scores, same = some_scores(rng, 10, 30)
    for at in (scores[3], scores.min(), scores.max()):
        accepted = scores >= at
        wanted = [float(accepted[~same].double().mean()), float((~accepted)[same].double().mean())]
        found = pair_of(student.false_rates(scores, same, float(at)), "(acceptance, rejection)")
        assert_close([float(x) for x in found], wanted, what="the rates")


@check("eer", weight=2)
def other_scores(student: Student, rng: Generator) -> None:
    """Voices that are told apart, voices that are not, few pairs and many."""
    for own, others, shift in ((12, 40, 0.0), (50, 50, -0.25), (5, 200, 0.4), (3, 3, 1.0)):
        scores, same = some_scores(rng, own, others)
        scores = scores + shift * same
        wanted = library_eer(scores, same)
        found = pair_of(student.equal_error(scores, same), "(rate, threshold)")
        assert_close([float(x) for x in found], wanted, what="the rate and its threshold")
    found = pair_of(student.equal_error(torch.tensor([0.9, 0.1]), torch.tensor([True, False])), "(rate, threshold)")
    assert_close([float(x) for x in found], [0.0, 0.9], what="the rate of two pairs and its threshold")
