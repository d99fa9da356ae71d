# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `log_mel`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_shape, check, evidence, sound_evidence
from coursekit.inputs import gaussian
from coursekit.student import Student
from grader.rubrics.week04_whisper.checks.shared import as_picture, whisper
from whisper_lab import data, listening
from whisper_lab.checks.reference import (
    RATE,
    chirp,
    library_features,
    library_filters,
    library_power,
)


@check("log_mel", weight=2)
def other_filterbanks(student: Student, rng: Generator) -> None:
    """It holds for any number of filters, frame and rate: 128 filters, as in large models, and telephones too."""
    for count, size, rate in ((128, 400, RATE), (40, 256, 8000), (64, 512, 22_050)):
        what = f"{count} filters, frames of {size}, {rate} samples a second: the filterbank"
        assert_close(
            student.mel_filters(count, size, rate), library_filters(count, size, rate), atol=2e-6, rtol=1e-3, what=what
        )


@check("log_mel")
def silence_and_noise(student: Student, rng: Generator) -> None:
    """Silence, noise and a sound followed by silence give what the extractor gives."""
    filters = torch.from_numpy(library_filters(80, 400, RATE)).float()
    click = torch.cat([chirp(rng, 4000), torch.zeros(12_000)])
    for name, wave in (("silence", torch.zeros(RATE)), ("noise", 0.1 * gaussian(rng, RATE)), ("a short sound", click)):
        found = student.log_mel(library_power(wave), filters)
        assert_close(found, library_features(wave), atol=1e-4, rtol=0, what=f"{name}: the result")


@check("log_mel", weight=2, artefact=True)
def the_utterance(student: Student, rng: Generator) -> None:
    """`my_features` is what Whisper sees of the notebook's utterance, to 1e-4."""
    spoken = data.utterance()
    wanted = listening.features(whisper(), [spoken.audio])[0]
    assert_shape(student.my_features, wanted.shape, "my_features")
    sound_evidence(f"The utterance: {spoken.text}", spoken.audio)
    evidence("Your log-mel spectrogram of it", as_picture(student.my_features))
    assert_close(student.my_features, wanted, atol=1e-4, rtol=0, what="my_features")
