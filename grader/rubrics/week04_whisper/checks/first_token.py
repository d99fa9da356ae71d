# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `first_token`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, assert_shape, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from whisper_lab import probes
from whisper_lab.checks.reference import (
    first_logits,
    plain,
)


@check("first_token", weight=2)
def in_the_models_own_order(student: Student, rng: Generator) -> None:
    """Columns follow `lang_to_id`, whatever numbers its tokens have. The start token is `generation_config`'s."""
    seed = int(rng.integers(10**6))
    order = by_number = list(probes.LANGUAGES)[:4]
    while order == by_number:
        order = [str(code) for code in rng.permutation(list(probes.LANGUAGES))[:4]]
        by_number = sorted(order, key=probes.LANGUAGES.__getitem__)
    features = gaussian(rng, 2, probes.MELS, probes.FRAMES)
    settings: dict[str, Any] = {"languages": order, "start": int(rng.integers(0, 30))}
    model = probes.configured(probes.whisper(seed), **settings)
    wanted = first_logits(model, features)[:, [probes.LANGUAGES[code] for code in order]].softmax(dim=-1)
    asked = student.library("whisper_lab.probes")
    theirs = asked.configured(asked.whisper(seed), **settings)
    assert_close(student.language_probabilities(theirs, features), wanted, atol=1e-4, rtol=1e-3)


@check("first_token")
def one_utterance(student: Student, rng: Generator) -> None:
    """One utterance alone, and its likeliest language is the library's."""
    seed = int(rng.integers(10**6))
    model, features = probes.whisper(seed), gaussian(rng, 1, probes.MELS, probes.FRAMES)
    theirs = student.library("whisper_lab.probes").whisper(seed)
    found = np.asarray(plain(student.language_probabilities(theirs, features)))
    assert_shape(found, (1, len(probes.LANGUAGES)))
    detected = list(probes.LANGUAGES.values()).index(int(model.detect_language(features)[0]))
    assert_same(int(found[0].argmax()), detected, "the likeliest language's column")
    silent = student.no_speech_probability(theirs, features)
    assert_close(silent, first_logits(model, features).softmax(-1)[:, probes.NO_SPEECH], atol=1e-5, rtol=1e-3)
