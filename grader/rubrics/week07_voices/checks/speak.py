# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `speak`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, check, pair_of
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from voice_lab.checks.reference import library_speech


@check("speak", weight=2)
def longer_speech(student: Student, rng: Generator) -> None:
    """Nine steps of another SpeechT5, each with all that was said before."""
    seed = seed_from(rng)
    wanted, steps = library_speech(seed, 9.0, 2, 9)
    told = student.library("voice_lab.probes").spoken(student.speak, seed, 9.0, 2, 9)
    found, count = pair_of(told["found"], "(frames, steps)")
    assert_close(found, wanted, atol=3e-3, rtol=3e-3, what="the frames")
    assert_close(count, steps, what="the steps")
    assert_same([shape[0] for shape in told["calls"]], list(range(1, 10)), "how many frames each step was given")


@check("speak")
def at_the_limits(student: Student, rng: Generator) -> None:
    """Exactly at the threshold it stops; where nothing says stop, after `most` steps; one step may be all."""
    for r, most, least, at, wanted in ((2, 7, 1, 99, 7), (1, 9, 3, 2, 9), (4, 1, 1, 99, 1), (2, 8, 3, 3, 3)):
        frames, stops = gaussian(rng, 10, r, 5), torch.zeros(10, r)
        if at < 10:
            stops[at - 1] = 0.5 / r
        told = student.library("voice_lab.probes").played(student.speak, frames, stops, 0.5, least, most)
        found, count = pair_of(told["found"], "(frames, steps)")
        assert_close(count, wanted, what="the steps")
        assert_close(found, frames[:wanted].flatten(0, 1), what="the frames")
        if wanted > 1:
            before = torch.cat([torch.zeros(1, 5), frames[: wanted - 1, -1]])
            assert_close(told["given"], before, what="what the last step was given")
