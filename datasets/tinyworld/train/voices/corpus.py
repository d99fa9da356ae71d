"""Who speaks and how: many voices in four acted styles, spoken by espeak-ng as training goes on.

A voice is one of espeak-ng's speakers at a pitch and a size of its own; the accent is General American. Whoever is
heard in training is never heard in a test, nor is any sentence (`tinyworld.sentences`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tinyworld.sentences import sentence
from tinyworld.sound import RATE
from tinyworld.train import loop
from tinyworld.train.whisper import espeak
from tinyworld.voices import STYLES, Phone, word_salad

ACCENT = "en-US"
SALAD = 0.15  # the part of training texts that have no grammar
LONGEST = 4.7  # seconds: what the course's Whisper hears
LOUDNESS = 0.07  # root mean square of neutral speech
PEAK = 0.85
NEUTRAL = 0.5  # the part of takes without an acted style
MIX = {"caption": 0.45, "command": 0.3, "numbers": 0.15, "colours": 0.1}


class Style(NamedTuple):
    """How a style is acted, against the voice's own way: espeak-ng's units of pitch and range, factors of the rest."""

    pitch: int
    pitch_range: int
    rate: float
    loudness: float


ACTED = {
    "neutral": Style(0, 50, 1.0, 1.0),
    "joyful": Style(14, 85, 1.1, 1.25),
    "sad": Style(-14, 12, 0.8, 0.6),
    "angry": Style(2, 75, 1.25, 1.6),
}


@dataclass(frozen=True)
class Voice:
    """Somebody. pitch: espeak-ng's, 0 to 100.   stretch: length of the vocal tract against the speaker's own."""

    speaker: str
    pitch: int = 50
    stretch: float = 1.0


@dataclass(frozen=True, eq=False)
class Take:
    """One sentence, spoken. audio: float32 (samples,), at most `LONGEST` seconds.   voice: index in `voices(split)`."""

    audio: np.ndarray
    text: str
    voice: int
    style: str
    phones: tuple[Phone, ...]


def voices(split: str, each: int = 3) -> list[Voice]:
    """All voices of a split: in training `each` of a speaker, of other pitch and size; in the others one."""
    names = espeak.speakers(split)
    if split != "train":
        return [Voice(name) for name in names]
    rng = np.random.default_rng(7)
    changed = [Voice(name, int(rng.integers(25, 76)), float(rng.uniform(0.88, 1.14))) for name in names * (each - 1)]
    return [Voice(name) for name in names] + changed


def text(split: str, rng: np.random.Generator, salad: float = SALAD) -> str:
    """A sentence of a split, or, as often as `salad` says, words in no order."""
    if rng.random() < salad:
        return word_salad(1, int(rng.integers(2**31)))[0]
    return sentence(split, "en", rng, MIX).text


def speak(said: str, voice: Voice, number: int, style: str, rng: np.random.Generator, varied: bool = True) -> Take:
    """Somebody says something. varied: at a rate drawn anew; without it always at the same."""
    acted = ACTED[style]
    speed = acted.rate * (rng.uniform(160, 200) if varied else 175)
    pitch = int(np.clip(voice.pitch + acted.pitch, 0, 99))
    while True:
        spoken = espeak.say(said, f"{ACCENT}+{voice.speaker}", int(speed), pitch, acted.pitch_range, voice.stretch)
        if len(spoken.audio) <= LONGEST * RATE:
            break
        speed *= 1.15
    loud = float(np.sqrt(np.mean(spoken.audio**2)))
    audio = spoken.audio * np.float32(LOUDNESS * acted.loudness / max(loud, 1e-6))
    audio *= np.float32(min(1.0, PEAK / max(float(np.abs(audio).max()), 1e-6)))
    return Take(faded(audio), said, number, style, tuple(Phone(*p) for p in spoken.phones))


def faded(audio: np.ndarray, seconds: float = 0.005) -> np.ndarray:
    """Without a click at either end."""
    ramp = np.linspace(0, 1, int(seconds * RATE), dtype=np.float32)
    audio = audio.copy()
    audio[: len(ramp)] *= ramp
    audio[len(audio) - len(ramp) :] *= ramp[::-1]
    return audio


class Takes:
    """Step -> so many takes, of a pool that is spoken anew when each was used a few times."""

    def __init__(self, size: int, pool: int, uses: int, seed: int, split: str = "train", each: int = 3) -> None:
        self.size, self.pool, self.seed, self.split = size, pool, seed, split
        self.voices = voices(split, each)
        self.takes = loop.Pool(self.spoken, size, pool, uses)

    def __call__(self, step: int) -> tuple[list[Take], np.random.Generator]:
        """The takes of a step, and its random numbers for what else is drawn."""
        takes, rng = self.takes(step), np.random.default_rng((self.seed, 1, step))
        chosen = rng.choice(len(takes), self.size, replace=self.size > len(takes))
        return [takes[i] for i in chosen], rng

    def spoken(self, number: int) -> list[Take]:
        """The pool with this number."""
        rng, takes = np.random.default_rng((self.seed, 0, number)), []
        share = [NEUTRAL] + [(1 - NEUTRAL) / (len(STYLES) - 1)] * (len(STYLES) - 1)
        for _ in range(self.pool):
            i = int(rng.integers(len(self.voices)))
            style = str(rng.choice(STYLES, p=share))
            takes.append(speak(text(self.split, rng), self.voices[i], i, style, rng))
        return takes


def crops(takes: list[Take], samples: int, rng: np.random.Generator) -> np.ndarray:
    """A random piece of each, float32 (n, samples); what is too short is followed by silence."""
    found = np.zeros((len(takes), samples), np.float32)
    for row, take in zip(found, takes, strict=True):
        at = int(rng.integers(max(1, len(take.audio) - samples + 1)))
        piece = take.audio[at : at + samples]
        row[: len(piece)] = piece
    return found
