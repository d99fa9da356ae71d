"""What a film sounds like: things whirr as they move, and impacts sound when they happen.

The pitch of a whirr grows with the speed, and large things are deeper. A microphone hangs in the middle of the
picture's right edge: what is near to it is louder, so that one hears which way a thing goes. An impact sounds as what
the shape is made of, `MATERIALS`, and the louder the harder it was.
"""

from __future__ import annotations

import numpy as np

from tinyworld import sound, sounds
from tinyworld.films.film import Film
from tinyworld.films.laws import SECONDS
from tinyworld.sound import RATE

MICROPHONE = (1.0, 0.5)
NEAR = 0.35  # sides: at this distance a sound is half as loud as at the microphone
MATERIALS = {
    **{"circle": "skin", "square": "wood", "triangle": "metal"},
    **{"star": "glass", "cross": "string", "ring": "metal"},
}
NOTES = {"small": 620.0, "large": 260.0}  # Hz, of an impact
WHIRRS = {"small": 170.0, "large": 85.0}  # Hz, of something that hardly moves
FASTER = 1.5  # so many times the pitch more at a side a second
HARMONICS = 6
PEAK = 0.7


def soundtrack(film: Film, rng: np.random.Generator | None = None) -> np.ndarray:
    """A film's sound, float32 (16000,) in [-1, 1] at 16 kHz. With `rng` in some noise, and louder or softer."""
    n = int(SECONDS * RATE)
    times = np.arange(n) / RATE
    position, velocity = film.at(times)
    audio = np.zeros(n, np.float32)
    for i, thing in enumerate(film.objects):
        speed = np.hypot(*velocity[:, i].T)
        loud = _loudness(position[:, i]) * np.minimum(speed, 1.2)
        audio += (0.25 * loud * _whirr(WHIRRS[thing.size], speed)).astype(np.float32)
    for event in film.events():
        if not event.speed:
            continue
        begin = int(event.time * RATE)
        for thing, strength in _sounding(film, event.kind):
            body = sounds.BODIES[MATERIALS[thing.shape]]
            note = sounds.struck(body, NOTES[thing.size], 0.3, np.random.default_rng(7))[: n - begin]
            loud = _loudness(film.at([event.time])[0][0, :1])[0] * min(event.speed, 2.0) * strength
            audio[begin : begin + len(note)] += np.float32(loud) * note / max(float(np.abs(note).max()), 1e-6)
    ends = int(0.005 * RATE)  # no click where it begins or is cut
    audio[:ends] *= np.linspace(0, 1, ends, dtype=np.float32)
    audio[-ends:] *= np.linspace(1, 0, ends, dtype=np.float32)
    if rng is not None:
        audio *= np.float32(rng.uniform(0.6, 1.4))
        audio += np.float32(10 ** rng.uniform(-3.5, -2)) * sound.noise(n, rng)
    return np.clip(audio, -PEAK, PEAK)


def _loudness(position: np.ndarray) -> np.ndarray:
    """(n, 2) -> (n,), 1 at the microphone, a half at NEAR."""
    return 1 / (1 + (np.hypot(*(position - MICROPHONE).T) / NEAR) ** 2)


def _whirr(lowest: float, speed: np.ndarray) -> np.ndarray:
    """A saw tooth of few harmonics, whose pitch follows the speed, (n,)."""
    phase = 2 * np.pi * np.cumsum(lowest * (1 + FASTER * speed)) / RATE
    return np.sum([np.sin(k * phase) / k for k in range(1, HARMONICS + 1)], axis=0)


def _sounding(film: Film, kind: str) -> list[tuple]:
    """The objects that an impact makes sound, and how much."""
    if kind == "bump" and film.other is not None:
        return [(film.subject, 0.6), (film.other, 0.6)]
    return [(film.subject, 0.35 if kind == "hop" else 1.0)]
