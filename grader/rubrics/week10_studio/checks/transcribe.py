# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `transcribe`."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from coursekit.checks import assert_same, assert_that, check, sound_evidence
from coursekit.student import Student
from studio_lab import data
from studio_lab.checks.reference import (
    heard_by,
    library_heard,
    model,
    spoken,
)


@check("transcribe", weight=2)
def windows_and_pauses(student: Student, rng: Generator) -> None:
    """What is longer than a window is heard to its end, and pauses add nothing."""
    window = model("whisper").processor.feature_extractor.n_samples
    pair = [*spoken(rng, "en", 1), *spoken(rng, "de", 1)]
    first, second = pair if rng.random() < 0.5 else pair[::-1]
    pause = 0.002 * rng.normal(size=window)
    wave = np.concatenate([_filled(first.audio, window), pause, second.audio]).astype(np.float32)
    sound_evidence(f"Said: {first.text}; {second.text}", wave)
    text, language = heard_by(student, wave)
    told = [library_heard(_filled(first.audio, window)), library_heard(second.audio.copy())]
    assert_that(text != told[0][0], "only the first window was heard")
    assert_same(text, f"{told[0][0]} {told[1][0]}", "the text")
    assert_same(language, told[0][1], "the first window's language")


def _filled(wave: np.ndarray, length: int) -> np.ndarray:
    return np.pad(wave, (0, length - len(wave))).astype(np.float32)


@check("transcribe")
def new_voices(student: Student, rng: Generator) -> None:
    """Voices that the model never heard are written down as the library does."""
    for language in ("en", "de"):
        every = data.wishes(language, 2, ("voices",))
        one = every[int(rng.integers(len(every)))]
        assert_same(heard_by(student, one.audio), (library_heard(one.audio)), f"of {one.text!r}, text and language")
