# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `log_mel`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check, evidence
from coursekit.student import Student
from grader.rubrics.week07_voices.checks.shared import a_sentence
from voice_lab.checks.reference import library_mel, some_sound


@check("log_mel", weight=2)
def other_filters(student: Student, rng: Generator) -> None:
    """Other numbers of filters, other limits, other lengths."""
    for samples, mels, low, high in ((1025, 40, 0.0, 8000.0), (9001, 64, 125.0, 6000.0), (5120, 80, 80.0, 7600.0)):
        wave = some_sound(rng, samples)
        wanted = library_mel(wave, mels, low, high)
        found = student.log_mel(wave, mels, low, high)
        assert_close(found, wanted, atol=2e-3, what=f"{mels} mels of {samples:,} samples")


@check("log_mel")
def a_sentence_as_the_vocoder_hears_it(student: Student, rng: Generator) -> None:
    """Speech, with the silence of its pauses."""
    wave = a_sentence(rng)
    wave[:4000] = 0
    wanted = library_mel(wave)
    found = torch.as_tensor(student.log_mel(wave))
    if found.ndim == 2:
        evidence("The mel spectrogram, 80 bands upwards", found.T.flip(0).clamp(-5, 1).add(5).div(6).float().numpy())
    assert_close(found, wanted, atol=5e-3, what="the mel spectrogram of a sentence")
