"""Sounds of the world: something of a material is struck or blown, high or low, in a rhythm, in a mood.

    sound = sounds("test", 1)[0]
    sound.play()        # float32 (32000,), two seconds at 16 kHz
    sound.caption()     # "a high glass sound, struck quickly, in a happy mood"

Nothing is stored: partials and decays say what a thing is made of, intervals (major, minor, tritone) its mood.
"""

from __future__ import annotations

import zlib
from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np

from tinyworld.sound import RATE
from tinyworld.wording import pick

SECONDS = 2.0
PEAK = 0.7


class Body(NamedTuple):
    """How a material sounds. partials: (frequency against the note, strength).   decay: seconds to fall by 60 dB.

    attack: seconds to full strength.   breath: noise against the note.
    """

    partials: tuple[tuple[float, float], ...]
    decay: float
    attack: float = 0.002
    breath: float = 0.0


# Partials of bars, bells and membranes: Fletcher and Rossing, The Physics of Musical Instruments, 1998.
BODIES = {
    "wood": Body(((1, 1), (3.93, 0.4), (9.2, 0.15)), 0.25, breath=0.08),
    "metal": Body(((0.5, 0.4), (1, 1), (1.2, 0.7), (1.5, 0.5), (2, 0.8), (2.67, 0.5), (4.1, 0.4)), 2.5),
    "glass": Body(((1, 1), (2.32, 0.6), (4.25, 0.35), (6.63, 0.2)), 1.0),
    "string": Body(tuple((k, 1 / k) for k in range(1, 9)), 1.4),
    "skin": Body(((1, 1), (1.59, 0.8), (2.14, 0.6), (2.3, 0.4), (2.65, 0.3)), 0.3, breath=0.5),
    "pipe": Body(((1, 1), (2, 0.15), (3, 0.45), (5, 0.2)), 0.0, attack=0.04, breath=0.06),
}
MATERIALS = tuple(BODIES)
NOTES = {"low": (130.0, 190.0), "middle": (300.0, 430.0), "high": (680.0, 980.0)}  # Hz
PITCHES = tuple(NOTES)
# When each note begins, in seconds; one time stands for all notes at once.
BEATS = {
    "once": (0.0,),
    "slowly": (0.0, 0.6, 1.2),
    "quickly": tuple(0.15 * i for i in range(12)),
    "galloping": tuple(0.54 * i + t for i in range(3) for t in (0.0, 0.27, 0.4)),
    "ever faster": tuple(np.cumsum([0, 0.5, 0.36, 0.26, 0.19, 0.14, 0.1]).round(2).tolist()),
}
RHYTHMS = tuple(BEATS)
# Semitones above the note, in the order they are played in.
INTERVALS = {"calm": (0,), "happy": (0, 4, 7, 12), "sad": (7, 3, 0), "tense": (0, 1, 6)}
MOODS = tuple(INTERVALS)


@dataclass(frozen=True)
class Sound:
    """One of 360 kinds of sound. Raises ValueError for a word that is in none of the four tuples."""

    material: str
    pitch: str
    rhythm: str
    mood: str

    def __post_init__(self) -> None:
        for word, known in zip(astuple(self), (MATERIALS, PITCHES, RHYTHMS, MOODS), strict=True):
            if word not in known:
                raise ValueError(f"must be one of {', '.join(known)}; got {word!r}")

    def play(self, rng: np.random.Generator | None = None) -> np.ndarray:
        """Two seconds, float32 (32000,), peak at most 0.7. rng: note, tempo, start and loudness; else the middle."""
        rng_noise = rng or np.random.default_rng(0)
        a, b = NOTES[self.pitch]
        note = a * (b / a) ** (rng.random() if rng else 0.5)
        tempo, start, loud = (rng.uniform(0.9, 1.12), rng.uniform(0, 0.1), rng.uniform(0.25, 1)) if rng else (1, 0, 1)
        steps, beats = INTERVALS[self.mood], BEATS[self.rhythm]
        audio = np.zeros(int(SECONDS * RATE), np.float32)
        for i, beat in enumerate(beats):
            chord = steps if len(beats) == 1 else (steps[i % len(steps)],)
            at = int((start + beat * tempo) * RATE)
            gap = ((beats[i + 1] - beat) * tempo) if i + 1 < len(beats) else 1.2
            for step in chord:
                played = struck(BODIES[self.material], note * 2 ** (step / 12), gap, rng_noise)[: len(audio) - at]
                audio[at : at + len(played)] += played
        ends = int(0.01 * RATE)
        audio[-ends:] *= np.linspace(1, 0, ends, dtype=np.float32)  # no click where it is cut
        return audio * np.float32(PEAK * loud / max(float(np.abs(audio).max()), 1e-6))

    def caption(self, rng: np.random.Generator | None = None) -> str:
        """All four facts in words; with `rng` one of several wordings."""
        verb = "blown" if self.material == "pipe" else "struck"
        material, mood = pick(_WORDS[self.material], rng), pick(_WORDS[self.mood], rng)
        first = pick(("a {pitch} {material} sound", "a {pitch} sound of {material}", "{material}, {pitch}"), rng)
        second = pick(("{verb} {rhythm}", "played {rhythm}"), rng)
        third = pick(("in a {mood} mood", "it is {mood}", "{mood}"), rng)
        return ", ".join((first, second, third)).format(
            pitch=self.pitch, material=material, verb=verb, rhythm=self.rhythm, mood=mood
        )


# The first word is the canonical one.
_WORDS = {
    **{"wood": ("wood",), "metal": ("metal",), "glass": ("glass",), "string": ("string",), "skin": ("skin", "drum")},
    **{"pipe": ("pipe", "flute")},
    **{"calm": ("calm", "quiet"), "happy": ("happy", "merry"), "sad": ("sad", "gloomy"), "tense": ("tense", "uneasy")},
}


def split_of(sound: Sound) -> str:
    """Which split a kind of sound belongs to: by a hash, about a quarter to "test", the others to "train"."""
    return "test" if zlib.crc32(" ".join(astuple(sound)).encode()) % 4 == 0 else "train"


def sounds(split: str, n: int, seed: int = 0) -> list[Sound]:
    """`n` kinds of sound of "train" or "test", all different where the split has so many.

    Raises ValueError for another split.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be train or test; got {split!r}")
    every = [
        sound
        for material in MATERIALS
        for pitch in PITCHES
        for rhythm in RHYTHMS
        for mood in MOODS
        if split_of(sound := Sound(material, pitch, rhythm, mood)) == split
    ]
    rng = np.random.default_rng((seed, 11))
    order = np.concatenate([rng.permutation(len(every)) for _ in range(-(-n // len(every)))])
    return [every[i] for i in order[:n]]


def struck(body: Body, note: float, gap: float, rng: np.random.Generator) -> np.ndarray:
    """One note of `note` Hz, float32 (n,): until it has died away, or, where it is blown, for 0.9 of `gap` seconds."""
    seconds = min(body.decay, SECONDS) if body.decay else min(0.9 * gap, 1.2)
    t = np.arange(int(seconds * RATE), dtype=np.float32) / RATE
    wave = np.zeros_like(t)
    for times, strength in body.partials:
        if note * times < RATE / 2:
            # High partials die sooner.
            fall = np.exp(-6.9 * t / (body.decay / times**0.5)) if body.decay else 1.0
            wave += strength * np.sin(2 * np.pi * note * times * t).astype(np.float32) * fall
    if body.breath:
        wave += body.breath * rng.standard_normal(len(t), dtype=np.float32) * (np.exp(-60 * t) * 3 if body.decay else 1)
    ramp = np.minimum(1, t / body.attack)
    end = np.minimum(1, (t[-1] - t) / 0.02)
    return (wave * ramp * end).astype(np.float32)
