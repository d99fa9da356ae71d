# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `griffin_lim`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_shape, assert_that, check, pair_of, sound_evidence
from coursekit.student import Student
from grader.rubrics.week07_voices.checks.shared import a_sentence
from voice_lab.checks.reference import a_spectrum, analysed, reference_griffin_lim


@check("griffin_lim", weight=2)
def other_frames(student: Student, rng: Generator) -> None:
    """Other windows and hops, one round, and none."""
    for size, hop, steps in ((128, 32, 1), (96, 24, 3), (64, 16, 0)):
        magnitude, phase = a_spectrum(rng, size, hop, 15)
        wave, misses = pair_of(student.griffin_lim(magnitude, phase, size, hop, steps), "(wave, misses)")
        wanted, fell = reference_griffin_lim(magnitude, phase, size, hop, steps)
        assert_close(wave, wanted, atol=2e-3, what=f"the wave after {steps} rounds")
        assert_shape(misses, (steps,), "the misses")
        if steps:
            assert_close(misses, fell, atol=1e-3, what="the misses")


@check("griffin_lim")
def speech_comes_back(student: Student, rng: Generator) -> None:
    """Spoken words, from their magnitudes alone."""
    audio = a_sentence(rng)
    magnitude = torch.from_numpy(abs(analysed(audio.double().numpy(), 1024, 256))).float()
    phase = torch.from_numpy(rng.uniform(-3.14, 3.14, size=magnitude.shape)).float()
    wave, misses = pair_of(student.griffin_lim(magnitude, phase, 1024, 256, 30), "(wave, misses)")
    sound_evidence("Spoken words without their phase, after thirty rounds", 0.8 * torch.as_tensor(wave).clamp(-1, 1))
    _, fell = reference_griffin_lim(magnitude, phase, 1024, 256, 30)
    assert_that(len(misses) == 30, f"there are {len(misses)} misses of 30 rounds")
    assert_close(float(misses[-1]), fell[-1], atol=0.02, what="the last miss")
    assert_close(float(misses[0]), fell[0], atol=0.02, what="the first miss")
