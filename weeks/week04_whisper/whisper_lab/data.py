"""What is listened to: spoken sentences of the world, tones, noise, a long recording, and your own voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from coursekit.audio import CHANNELS, RATES
from tinyworld import sound, speech
from tinyworld.sound import RATE
from tinyworld.speech import Utterance

KINDS = ("silence", "white", "pink", "brown", "hum", "clicks")
LOUDNESS = 0.05  # of noise: the root of its mean power
PAUSE = 0.25  # seconds between the sentences of a long recording
BLOCK = 2**18  # samples of a file that are read at once


ACCENTS = {  # as espeak-ng's list of voices explains its codes
    "de": "German",
    "en": "English, default",
    "en-029": "Caribbean",
    "en-GB": "Great Britain",
    "en-GB-scotland": "Scotland",
    "en-GB-x-gbclan": "Lancaster",
    "en-GB-x-gbcwmd": "West Midlands",
    "en-GB-x-rp": "Received Pronunciation",
    "en-US": "America",
    "en-US-nyc": "New York City",
}


def accent(code: str) -> str:
    """The accent that a code of espeak-ng's stands for, such as "en-029"; the code itself where it is none of ours."""
    return ACCENTS.get(code, code)


@cache
def utterance(language: str = "en") -> Utterance:
    """The sentence that most sections listen to: a caption of middling length, nothing added."""
    fitting = [one for one in speech.load("test", language) if one.kind == "caption" and 2 < one.seconds < 3.5]
    return _own(fitting[1])


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
    wave = np.zeros(samples)
    if kind == "hum":  # of mains, with its overtones
        for k in (1, 2, 3, 5):
            wave = wave + np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 6)) / k
    elif kind == "clicks":
        struck = (rng.random(samples) < 3 / RATE).astype(float)
        wave = np.convolve(struck, np.exp(-np.arange(400) / 60), mode="same")
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
def long_recording(sentences: int = 9, seed: int = 1) -> Recording:
    """Sentences of the test split one after the other, with short pauses: many times what Whisper hears at once."""
    said = [one for one in spoken(60, seed=seed) if one.kind in ("caption", "command")][:sentences]
    pause = np.zeros(int(PAUSE * RATE), dtype=np.float32)
    parts = [part for one in said for part in (one.audio, pause)]
    return Recording(np.concatenate(parts), " ".join(one.text for one in said))


@cache
def cut_off() -> Recording:
    """Two sentences in a window of five seconds, which ends in the middle of the second."""
    return _two(
        "purple orange cyan and blue", "a little purple cross is under a big cyan star against a black background"
    )


@cache
def looping() -> Recording:
    """Two sentences in such a window, at which the small model's greedy decoding says the same words for ever."""
    return _two(
        "draw a little green square above a little blue triangle",
        "to the right of a big orange star is a big green triangle against a checked background",
    )


def _two(first: str, second: str, seconds: float = 5.0) -> Recording:
    """Two sentences of the test split with a pause between them, cut after so many seconds; the text is of both."""
    every = {one.text: one for one in speech.load("test")}
    pause = np.zeros(int(PAUSE * RATE), dtype=np.float32)
    wave = np.concatenate([every[first].audio, pause, every[second].audio])[: int(seconds * RATE)]
    return Recording(wave, f"{first} {second}")


@cache
def drowned() -> Recording:
    """A sentence by a new voice in noise as loud as it is, so that greedy decoding is on the wrong track at once."""
    text = "show me a little green triangle left of a little blue disc against a white background"
    (one,) = (one for one in speech.load("voices") if one.text == text)
    return Recording(sound.in_noise(one.audio, 0.0, np.random.default_rng(13)), text)


def in_noise(said: Sequence[Utterance], snr: float, seed: int = 0) -> list[np.ndarray]:
    """The utterances' sounds in white noise of this signal-to-noise ratio, in decibels; other noise for every seed."""
    rng = np.random.default_rng(seed)
    return [sound.in_noise(one.audio, snr, rng) for one in said]


def windows(wave: np.ndarray, seconds: float, overlap: float) -> list[np.ndarray]:
    """A long wave in pieces of `seconds`, each of which begins with the last `overlap` seconds of the one before."""
    length, step = int(seconds * RATE), int((seconds - overlap) * RATE)
    if step <= 0:
        raise ValueError(f"pieces of {seconds} s cannot overlap by {overlap} s")
    count = max(1, -(-(len(wave) - (length - step)) // step))
    return [wave[i * step : i * step + length] for i in range(count)]


def read(path: str | Path, most_seconds: float = 300.0) -> np.ndarray:
    """A sound file (WAV, FLAC, Ogg, MP3) as float32 (samples,) in [-1, 1] at 16 kHz, its channels averaged.

    Raises ValueError for what is no sound, holds nan or infinity, is longer than `most_seconds`, or states a rate
    outside 4,000 to 192,000 Hz or more than 8 channels: a header may state anything, so it is asked before the rest.
    """
    import soundfile
    from scipy.signal import resample_poly

    try:
        with soundfile.SoundFile(path) as file:
            rate, channels, most = file.samplerate, file.channels, int(most_seconds * file.samplerate)
            if not RATES[0] <= rate <= RATES[1] or channels > CHANNELS:
                raise ValueError(
                    f"{path} states {rate:,} Hz and {channels:,} channels; "
                    f"{RATES[0]:,} to {RATES[1]:,} Hz and at most {CHANNELS} channels can be read"
                )
            blocks = file.blocks(BLOCK, frames=most + 1, dtype="float32", always_2d=True)
            wave = np.concatenate([np.zeros(0), *(block.mean(axis=1, dtype=np.float64) for block in blocks)])
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:  # a TypeError where it is called .raw
        raise ValueError(f"{path} is no sound that can be read here: {error}. WAV, FLAC, Ogg and MP3 can") from error
    if len(wave) > most:
        raise ValueError(f"{path} is longer than {most_seconds:g} s; cut it, or ask for more with most_seconds")
    if not np.isfinite(wave).all():
        raise ValueError(f"{path} is broken: some of its samples are no numbers")
    wave = wave if rate == RATE or not len(wave) else resample_poly(wave, RATE, rate)
    return np.clip(wave, -1, 1).astype(np.float32)
