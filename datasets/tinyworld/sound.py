"""What happens to speech on its way to a microphone: noise, another loudness, a room.

Sound is float32 (n,) in [-1, 1] at 16 kHz, here and in all of tinyworld.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

RATE = 16000  # samples a second
COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0}  # power falls as 1 / frequency ** this


def noise(samples: int, rng: np.random.Generator, colour: str = "white") -> np.ndarray:
    """Random noise of mean power 1, float32 (samples,). colour: "white", "pink" or "brown"."""
    if colour not in COLOURS:
        raise ValueError(f"colour must be one of {', '.join(COLOURS)}; got {colour!r}")
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    if COLOURS[colour]:
        size = next_fast_len(samples, real=True)
        shape = np.maximum(rfftfreq(size, 1 / RATE), 20) ** (-COLOURS[colour] / 2)
        drawn = irfft(rfft(rng.standard_normal(size, dtype=np.float32)) * shape.astype(np.float32), size)[:samples]
    else:
        drawn = rng.standard_normal(samples, dtype=np.float32)
    return drawn / max(float(np.sqrt(np.mean(drawn**2))), 1e-12)


def in_noise(audio: np.ndarray, snr: float, rng: np.random.Generator, colour: str = "white") -> np.ndarray:
    """Noise on speech at a signal-to-noise ratio in dB: 10 log10 of the mean power of speech over that of the noise."""
    audio = _checked(audio)
    power = float(np.mean(audio**2))
    if not power:
        raise ValueError("silence has no signal-to-noise ratio: add noise() of the loudness you want")
    return audio + np.float32(np.sqrt(power * 10 ** (-snr / 10))) * noise(len(audio), rng, colour)


def gain(audio: np.ndarray, decibels: float) -> np.ndarray:
    """Louder by so many dB, or softer; what leaves [-1, 1] is cut off, as a microphone would."""
    return np.clip(_checked(audio) * np.float32(10 ** (decibels / 20)), -1, 1)


def reverberate(audio: np.ndarray, seconds: float, rng: np.random.Generator, wet: float = 0.3) -> np.ndarray:
    """Speech in a room: an echo of exponentially falling noise, 60 dB down after `seconds` (its RT60).

    wet: the echo's power as a part of the direct sound's. The length and the times stay as they were.
    """
    audio = _checked(audio)
    if not 0.02 <= seconds <= 3:
        raise ValueError(f"a room's RT60 must be in [0.02, 3] seconds, got {seconds}")
    n = int(seconds * RATE)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)  # amplitude: 60 dB are a factor of 1000
    tail *= np.sqrt(wet / np.sum(tail**2))
    tail[0] = 1.0
    size = next_fast_len(len(audio) + n - 1, real=True)
    return irfft(rfft(audio, size) * rfft(tail.astype(np.float32), size), size)[: len(audio)]


def _checked(audio: np.ndarray) -> np.ndarray:
    audio = np.asarray(audio, dtype=np.float32)
    if audio.ndim != 1 or not len(audio):
        raise ValueError(f"sound must be an array (samples,) with one channel, got shape {audio.shape}")
    return audio
