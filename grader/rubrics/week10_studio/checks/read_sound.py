# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `read_sound`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator

from coursekit.checks import assert_that, check
from coursekit.student import Student
from studio_lab import bounds, data
from studio_lab.checks.reference import (
    RATE,
    assert_wave,
    refused,
    tone,
)


@check("read_sound")
def too_long_and_too_large(student: Student, rng: Generator) -> None:
    """A sound that is too long or too large is refused; just short enough is not."""
    most = float(rng.integers(3, 8))
    fine = np.zeros(int(most * 8000))
    assert_that(len(student.read_sound(data.sound_file(fine, 8000, "FLAC"), most)) > 0, "as long as allowed is refused")
    long = data.sound_file(np.zeros(int((most + 0.5) * 8000)), 8000, "FLAC")
    refused(lambda: student.read_sound(long, most), f"{most + 0.5:g} s where {most:g} s are allowed")
    wave = (0.1 * rng.normal(size=40 * RATE)).astype(np.float32)
    refused(lambda: student.read_sound(data.sound_file(wave)), "40 s where nothing else is said")
    short = data.sound_file(np.zeros(2 * RATE)) + bytes(10 * bounds.MEGABYTE)
    refused(lambda: student.read_sound(short), "a file of more than 10 MB")


@check("read_sound")
def broken_and_loud_samples(student: Student, rng: Generator) -> None:
    """Samples that are no numbers are refused, and what is too loud is cut off."""

    def read(file: bytes) -> Any:
        return student.read_sound(file)

    wave, at = tone(rng, RATE, 0.5)
    for value in (np.nan, np.inf):
        broken = wave.copy()
        broken[int(rng.integers(100, 7000))] = value
        file = data.sound_file(broken, RATE, "WAV", "FLOAT")
        refused(partial(read, file), f"a {value} in it")
    loud = data.sound_file(5 * wave, RATE, "WAV", "FLOAT")
    assert_wave(student.read_sound(loud), lambda t: np.clip(5 * at(t), -1, 1), 0.5)
    found = student.read_sound(data.sound_file(5 * wave, 8000, "WAV", "FLOAT"))
    assert_that(float(np.abs(found).max()) <= 1, "resampling overshoots: cut off after it")


@check("read_sound")
def what_the_header_states(student: Student, rng: Generator) -> None:
    """A rate or a number of channels that no recording has is refused; those at the bounds are not."""

    def read(file: bytes) -> Any:
        return student.read_sound(file)

    # rates that an answer without bounds can afford: what a header may cost in full is in the exercise's text
    for rate in (int(rng.integers(192_001, 400_000)), 192_001, 3999, int(rng.integers(1, 4000))):
        file = data.sound_file(np.zeros(min(rate, 16_000)), rate)
        refused(partial(read, file), f"a header that states {rate:,} Hz")
    for channels in (9, int(rng.integers(10, 64))):
        file = data.sound_file(np.zeros((800, channels)), 8000)
        refused(partial(read, file), f"a header that states {channels} channels")
    seconds, frequency = (
        int(rng.integers(10, 17)) / 32,
        float(rng.uniform(80, 250)),
    )  # whole samples; low enough for 4 kHz

    def low(t: np.ndarray) -> np.ndarray:
        return 0.4 * np.sin(2 * np.pi * frequency * t)

    for rate in (4000, 192_000):
        wave = low(np.arange(round(seconds * rate)) / rate)
        assert_wave(student.read_sound(data.sound_file(wave, rate)), low, seconds)
    wave, at = tone(rng, RATE, seconds)
    eight = np.stack([wave, *(np.zeros_like(wave) for _ in range(7))], axis=1)
    assert_wave(student.read_sound(data.sound_file(eight, RATE)), lambda t: at(t) / 8, seconds)
