"""What is listened to: spoken sentences of the world, tones, noise, a long recording, and your own voice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from tinyworld import sound, speech
from tinyworld.sound import RATE
from tinyworld.speech import Utterance

KINDS = ("silence", "white", "pink", "brown", "hum", "clicks")
LOUDNESS = 0.05  # of noise: the root of its mean power
PAUSE = 0.25  # seconds between the sentences of a long recording


@cache
def utterance(language: str = "en") -> Utterance:
    """The sentence that most sections listen to: a caption of middling length, nothing added."""
    told = [one for one in speech.load("test", language) if one.kind == "caption" and 2 < one.seconds < 3.5]
    return _own(told[1])


def _own(one: Utterance) -> Utterance:
    """The utterance with sound that may be written to: the shipped one is shared, and torch warns of that."""
    return replace(one, audio=one.audio.copy())


def spoken(n: int, split: str = "test", language: str = "en", seed: int = 0) -> list[Utterance]:
    """n utterances of a split, "test" (voices from the training) or "voices" (new ones); others for every seed."""
    every = speech.load(split, language)
    if n > len(every):
        raise ValueError(f"asked for {n} utterances of {split}_{language}; there are {len(every)}")
    return [_own(every[i]) for i in np.random.default_rng(seed).permutation(len(every))[:n]]


def noise(kind: str, seconds: float, seed: int = 0) -> np.ndarray:
    """Sound that is no speech, float32 (samples,): one of KINDS, all equally loud but silence."""
    if kind not in KINDS:
        raise ValueError(f"noise is one of {', '.join(KINDS)}; got {kind!r}")
    samples, rng = int(seconds * RATE), np.random.default_rng(seed)
    t = np.arange(samples) / RATE
    if kind == "silence":
        return np.zeros(samples, dtype=np.float32)
    if kind == "hum":  # of mains, with its overtones
        wave = sum(np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 6)) / k for k in (1, 2, 3, 5))
    elif kind == "clicks":
        wave = np.convolve(rng.random(samples) < 3 / RATE, np.exp(-np.arange(400) / 60), mode="same")
        wave = wave * rng.normal(size=samples) + 1e-4
    else:
        wave = sound.noise(samples, rng, kind)
    return (LOUDNESS * wave / np.sqrt(np.mean(wave**2))).astype(np.float32)


def chirp(seconds: float = 2.0, low: float = 200.0, high: float = 7600.0) -> np.ndarray:
    """A tone that slides evenly from the low frequency to the high one, float32 (samples,)."""
    t = np.arange(int(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * (low * t + (high - low) / (2 * seconds) * t**2))).astype(np.float32)


def thinned(wave: np.ndarray, every: int) -> np.ndarray:
    """Every so-manyth sample, as a careless recorder would keep them: nothing is filtered out before."""
    return np.ascontiguousarray(wave[::every])


@dataclass(frozen=True, eq=False)
class Recording:
    """A long recording: its sound at 16 kHz, and what is said."""

    audio: np.ndarray
    text: str

    @property
    def seconds(self) -> float:
        return len(self.audio) / RATE


@cache
def long_recording(sentences: int = 9) -> Recording:
    """Sentences of the test split one after the other, with short pauses: many times what Whisper hears at once."""
    said = [one for one in spoken(60, seed=1) if one.kind in ("caption", "command")][:sentences]
    pause = np.zeros(int(PAUSE * RATE), dtype=np.float32)
    parts = [part for one in said for part in (one.audio, pause)]
    return Recording(np.concatenate(parts), " ".join(one.text for one in said))


def windows(wave: np.ndarray, seconds: float, overlap: float) -> list[np.ndarray]:
    """A long wave in pieces of `seconds`, each of which begins with the last `overlap` seconds of the one before."""
    length, step = int(seconds * RATE), int((seconds - overlap) * RATE)
    if step <= 0:
        raise ValueError(f"pieces of {seconds} s cannot overlap by {overlap} s")
    count = max(1, -(-(len(wave) - (length - step)) // step))
    return [wave[i * step : i * step + length] for i in range(count)]


def read(path: str | Path) -> np.ndarray:
    """A sound file (WAV, FLAC, Ogg, MP3) as float32 (samples,) at 16 kHz, its channels averaged."""
    import soundfile
    from scipy.signal import resample_poly

    try:
        found, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path} is no sound that can be read here: {error}. WAV, FLAC, Ogg and MP3 can") from error
    wave = found.mean(axis=1)
    return wave if rate == RATE else resample_poly(wave, RATE, rate).astype(np.float32)
