# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `add_noise`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check, sound_evidence
from coursekit.inputs import gaussian
from coursekit.student import Student
from grader.rubrics.week04_whisper.checks.shared import told_by
from whisper_lab import data
from whisper_lab.checks.reference import (
    RATE,
    chirp,
)


@check("add_noise")
def short_and_long_noise(student: Student, rng: Generator) -> None:
    """A noise that is too short is repeated, one that is too long is cut. And it is as loud as asked all the same."""
    speech = chirp(rng, 6000)
    for length in (1000, 2500, 9000):
        noise = gaussian(rng, length) * torch.linspace(0.2, 3, length)
        whole = noise.repeat(-(-6000 // length))[:6000]
        gain = (speech.square().mean() / whole.square().mean() * 10 ** (-0.5)).sqrt()
        found = student.add_noise(speech, noise, 5.0)
        what = f"noise of {length} samples on speech of 6000: the result"
        assert_close(found, speech + gain * whole, atol=1e-3, rtol=1e-3, what=what)


@check("add_noise", artefact=True)
def silent_noise_changes_nothing(student: Student, rng: Generator) -> None:
    """Noise that is silent leaves the speech as it is, and the arguments stay what they were."""
    speech, noise = chirp(rng, 3000), gaussian(rng, 3000)
    assert_close(student.add_noise(speech, torch.zeros(3000), 10.0), speech, atol=1e-6, what="with silent noise it")
    after = student.library("whisper_lab.probes").arguments_after(student.add_noise, speech, noise, 3.0)
    assert_close(after[0], speech, what="the speech after the call")
    assert_close(after[1], noise, what="the noise after the call")


@check("add_noise", artefact=True)
def the_noisy_utterance(student: Student, rng: Generator) -> None:
    """`noisy` is the notebook's utterance with white noise, 5 dB below it."""
    spoken = data.utterance()
    noise = data.noise("white", len(spoken.audio) / RATE, seed=told_by(student))
    sound_evidence("The utterance with noise, as you made it", student.noisy)
    speech = torch.from_numpy(spoken.audio)
    whole = torch.from_numpy(noise)[: len(speech)]
    gain = (speech.square().mean() / whole.square().mean() * 10 ** (-0.5)).sqrt()
    assert_close(student.noisy, speech + gain * whole, atol=1e-3, rtol=1e-3, what="noisy")
