# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `watermark`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check, sound_evidence
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from grader.rubrics.week07_voices.checks.shared import a_sentence
from voice_lab.checks.reference import reference_mark, reference_z


@check("watermark", weight=2)
def in_speech(student: Student, rng: Generator) -> None:
    """A sentence with a mark that is not heard, and is found."""
    wave, key = a_sentence(rng), seed_from(rng)
    marked = torch.as_tensor(student.add_mark(wave, key, 26.0)).float()
    sound_evidence("A sentence with a mark 26 dB below it", marked)
    assert_close(marked, reference_mark(wave, key, 26.0), what="the marked sentence")
    found = float(student.find_mark(marked, key))
    assert_close(found, reference_z(marked, key), atol=2e-3, rtol=1e-3, what="the score of the marked sentence")


@check("watermark")
def it_grows_with_the_length(student: Student, rng: Generator) -> None:
    """Short waves and long ones, soft and loud, with a mark, and one that goes against the pattern."""
    key = seed_from(rng)
    for samples, scale in ((3, 1.0), (400, 1e-3), (6400, 20.0)):
        wave = torch.from_numpy(reference_mark(scale * gaussian(rng, samples), key, 6.0)).float()
        found = float(student.find_mark(wave, key))
        assert_close(found, reference_z(wave, key), atol=2e-3, rtol=1e-3, what=f"the score of {samples:,} samples")
    against = -torch.from_numpy(reference_mark(0.1 * gaussian(rng, 9000), key, 6.0)).float()
    found = float(student.find_mark(against, key))
    assert_that(found < -6, f"a wave that goes against the pattern has a score of {found:.1f}; it is far below 0")
