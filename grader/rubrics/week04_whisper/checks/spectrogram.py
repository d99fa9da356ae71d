# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `spectrogram`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_shape, check, evidence, sound_evidence
from coursekit.student import Student
from grader.rubrics.week04_whisper.checks.shared import as_picture
from whisper_lab import data
from whisper_lab.checks.reference import (
    chirp,
    library_power,
)


@check("spectrogram", weight=2)
def other_frames(student: Student, rng: Generator) -> None:
    """It holds for any frame, hop and length."""
    for size, hop, length in ((256, 64, 3000), (400, 160, 16_000), (512, 200, 5001)):
        wave = chirp(rng, length)
        found = student.power_spectrogram(wave, size, hop)
        what = f"frames of {size} every {hop}: the result"
        assert_close(found, library_power(wave, size, hop), atol=2e-3, rtol=1e-3, what=what)


@check("spectrogram")
def folded_again_and_again(student: Student, rng: Generator) -> None:
    """Frequencies beyond the rate itself fold back too."""
    for rate in (8000, 16_000):
        for frequency in [float(f) for f in rng.uniform(rate, 4 * rate, size=4)] + [float(rate), 1.5 * rate]:
            wanted = abs(frequency - rate * round(frequency / rate))
            what = f"{frequency:.0f} Hz, {rate} samples a second: what is heard"
            assert_close(student.heard_frequency(frequency, rate), wanted, atol=1e-3, what=what)


@check("spectrogram", artefact=True)
def the_chirp(student: Student, rng: Generator) -> None:
    """`chirp_power` is the notebook's chirp."""
    wave = data.chirp()
    wanted = library_power(torch.from_numpy(wave))
    sound_evidence("The chirp, as it sounds", wave)
    assert_shape(student.chirp_power, wanted.shape, "chirp_power")
    found = torch.as_tensor(np.asarray(student.chirp_power, dtype=np.float32))
    evidence("Your spectrogram of it, in decibels", as_picture(np.log10(found.nan_to_num().clamp(min=1e-6))))
    assert_close(found, wanted, atol=5e-3, rtol=5e-3, what="chirp_power")
