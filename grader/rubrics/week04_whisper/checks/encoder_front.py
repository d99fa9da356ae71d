# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `encoder_front`."""

from __future__ import annotations

import torch.nn.functional as F
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from grader.rubrics.week04_whisper.checks.shared import whisper
from whisper_lab import data, listening
from whisper_lab.checks.reference import (
    whisper_positions,
)


@check("encoder_front", weight=2)
def odd_lengths_and_wide_kernels(student: Student, rng: Generator) -> None:
    """Odd and even lengths, one channel, and kernels of 3 or 5 with the padding that keeps the length."""
    for n, inside, outside, length, width in ((1, 1, 4, 11, 3), (3, 6, 2, 16, 5), (1, 80, 16, 9, 3)):
        x, weight, bias = (
            gaussian(rng, n, inside, length),
            gaussian(rng, outside, inside, width),
            gaussian(rng, outside),
        )
        for stride in (1, 2, 3):
            wanted = F.conv1d(x, weight, bias, stride=stride, padding=width // 2)
            what = f"x {tuple(x.shape)}, a kernel of {width}, stride {stride}: the result"
            assert_close(student.convolve(x, weight, bias, stride), wanted, atol=1e-3, rtol=1e-4, what=what)


@check("encoder_front")
def whispers_own_positions(student: Student, rng: Generator) -> None:
    """For Whisper's own 1500 positions of width 384 too."""
    assert_close(student.positions(1500, 384), whisper_positions(1500, 384), atol=1e-3)


@check("encoder_front", weight=2, artefact=True)
def what_the_layers_are_given(student: Student, rng: Generator) -> None:
    """`my_states` is what the model's first layer is given."""
    wanted = listening.first_states(whisper().model, listening.features(whisper(), [data.utterance().audio]))
    assert_close(student.my_states, wanted, atol=2e-3, rtol=1e-3, what="my_states")
