"""What is listened to: nine voices that no model of the week has heard, and what their phones look like."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from tinyworld import speech, voices
from tinyworld.sound import RATE
from tinyworld.voices import Recording
from voice_lab import spectra

PAUSE = "_"  # between two phones, where there is one
SHORTEST = 0.02  # seconds of a gap that counts as a pause


@cache
def spoken(n: int | None = None, split: str = "test", style: str | None = None) -> list[Recording]:
    """Recordings of a split, a voice after the other in turn; the first n of them.

    style: only those in this one.   Raises ValueError for a split that is not there.
    """
    found = [one for one in voices.load(split) if style is None or one.style == style]
    order = sorted(range(len(found)), key=lambda i: sum(one.voice == found[i].voice for one in found[:i]))
    return [found[i] for i in order][:n]


@cache
def sentence() -> Recording:
    """The sentence that most sections listen to."""
    return next(one for one in spoken() if "draw a" in one.text and one.seconds > 2)


def wave_of(one: Recording) -> torch.Tensor:
    """The sound of a recording, float32 (samples,), to be written to."""
    return torch.from_numpy(np.array(one.audio))


@cache
def many_voices(most: int = 220) -> list[speech.Utterance]:
    """Sentences in many voices, of which none is among the nine: week 4's training and test sets."""
    every = [*speech.load("train"), *speech.load("test")]
    return [one for one in every if one.voice.split("+")[1:] and name_of(one.voice) not in voices.VOICES][:most]


def name_of(voice: str) -> str:
    """Who speaks, of espeak-ng's name for accent and speaker, such as "m3" of "en-US+m3"."""
    return voice.rpartition("+")[2]


def phones_of(one: Recording) -> tuple[list[str], torch.Tensor]:
    """The phones of a recording, pauses among them, and how many frames each lasts: names, and int64 (phones,).

    The durations add up to the frames of its mel spectrogram; a phone that is shorter than a frame may have none.
    """
    frames = spectra.frames_in(len(one.audio))
    names, ends, last = [], [], 0.0
    for phone in one.phones:
        if phone.start - last > SHORTEST:
            names.append(PAUSE)
            ends.append(phone.start)
        names.append(phone.name)
        ends.append(phone.end)
        last = phone.end
    if one.seconds - last > SHORTEST:
        names.append(PAUSE)
        ends.append(one.seconds)
    cuts = np.clip(np.round(np.array(ends) * RATE / spectra.HOP), 0, frames).astype(int)
    cuts[-1] = frames
    return names, torch.from_numpy(np.diff(np.concatenate([[0], np.maximum.accumulate(cuts)])))


def letters(names: Sequence[str]) -> list[str]:
    """Phones as labels: a pause is a dash."""
    return ["–" if name == PAUSE else name for name in names]
