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


@check("transcribe")
def a_short_last_window(student: Student, rng: Generator) -> None:
    """What is said in a last window of less than a second is heard too. Print the length of every window."""
    window = model("whisper").processor.feature_extractor.n_samples
    first, last = spoken(rng, "en", 2)
    short = last.audio[: int(rng.uniform(0.7, 0.95) * 16_000)].astype(np.float32)
    whole = _filled(first.audio, window)
    text, _ = heard_by(student, np.concatenate([whole, short]))
    assert_same(text, f"{library_heard(whole)[0]} {library_heard(short)[0]}", "the text of a window and a short one")


def _filled(wave: np.ndarray, length: int) -> np.ndarray:
    return np.pad(wave, (0, length - len(wave))).astype(np.float32)


@check("transcribe")
def new_voices(student: Student, rng: Generator) -> None:
    """Voices that the model never heard are written down as the library does."""
    for language in ("en", "de"):
        every = data.wishes(language, 2, ("voices",))
        one = every[int(rng.integers(len(every)))]
        assert_same(heard_by(student, one.audio), (library_heard(one.audio)), f"of {one.text!r}, text and language")
