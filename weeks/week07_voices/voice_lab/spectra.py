"""Spectra, and back: frames, mel, pitch, and two vocoders that nobody trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch

SIZE, HOP, MELS, RATE = 1024, 256, 80, 16_000
LOW, HIGH = 80.0, 7600.0  # Hz, of the mel filters
FLOOR = 1e-10
ROUNDS = 24
PEAK = 10 ** (-1 / 20)  # -1 dB below full scale
FADE = RATE // 100  # samples: 10 ms
SLOWEST, QUICKEST = 60.0, 450.0  # Hz, of a voice


def frames_in(samples: int) -> int:
    """How many centred frames a sound has."""
    return 1 + samples // HOP


def spectrum(wave: torch.Tensor) -> torch.Tensor:
    """The complex spectrum of centred frames, (513, frames)."""
    return torch.stft(wave.float(), SIZE, HOP, window=torch.hann_window(SIZE), return_complex=True)


def random_phase(shape: torch.Size | tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Phases drawn evenly from a whole turn."""
    return 2 * torch.pi * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@cache
def filters() -> torch.Tensor:
    """The vocoder's mel filters, (513, 80)."""
    from transformers.audio_utils import mel_filter_bank

    return torch.from_numpy(mel_filter_bank(SIZE // 2 + 1, MELS, LOW, HIGH, RATE, "slaney", "slaney")).float()


@cache
def back() -> torch.Tensor:
    """The filters' pseudo-inverse, (80, 513)."""
    return torch.linalg.pinv(filters())


def mel_of(wave: Any) -> torch.Tensor:
    """A sound's log-mel spectrogram, float32 (frames, 80), as SpeechT5FeatureExtractor makes it, only quicker."""
    return (spectrum(_own(wave)).abs().T @ filters()).clamp(min=FLOOR).log10()


def _own(wave: Any) -> torch.Tensor:
    """A sound as a tensor of one's own."""
    return wave.detach().float().clone() if isinstance(wave, torch.Tensor) else torch.tensor(np.array(wave)).float()


def magnitude_of(mel: torch.Tensor) -> torch.Tensor:
    """What magnitude (513, frames) a log-mel spectrogram (frames, 80) comes from, as far as 80 numbers can tell."""
    return (10 ** mel.float() @ back()).clamp(min=0).T


def finished(wave: Any) -> torch.Tensor:
    """A sound as it is played: no louder than -1 dB below full scale, both ends faded over 10 ms."""
    sound = _own(wave).nan_to_num()
    sound = sound * min(1.0, PEAK / max(float(sound.abs().max()), 1e-9)) if len(sound) else sound
    fade = min(FADE, len(sound) // 2)
    ramp = torch.ones(len(sound))
    ramp[:fade] = torch.linspace(0, 1, fade)
    ramp[len(sound) - fade :] = torch.linspace(1, 0, fade)
    return sound * ramp


def invert(mel: torch.Tensor, rounds: Callable[..., Any], steps: int = ROUNDS, seed: int = 0) -> torch.Tensor:
    """A sound from a log-mel spectrogram (frames, 80), by Griffin-Lim's rounds: `griffin_lim` of the notebook."""
    magnitude = magnitude_of(mel)
    return torch.as_tensor(rounds(magnitude, random_phase(magnitude.shape, seed), SIZE, HOP, steps)[0])


# --- pitch ----------------------------------------------------------------------------------------------------------


def pitch_of(wave: torch.Tensor, sure: float = 0.45) -> torch.Tensor:
    """The pitch in each frame, in Hz, 0 where there is no voice: the first high peak of the autocorrelation.

    sure: the height, of 1 at no lag, that a peak must have.   Source: Boersma 1993, without his interpolation of lags.
    """
    window = torch.hann_window(SIZE)
    padded = torch.nn.functional.pad(wave.float()[None], (SIZE // 2, SIZE // 2), mode="reflect")[0]
    frames = padded.unfold(0, SIZE, HOP) * window
    found = _autocorrelation(frames) / _autocorrelation(window[None]).clamp(min=1e-6)
    found = found / found[:, :1].clamp(min=1e-9)
    first, last = int(RATE / QUICKEST), int(RATE / SLOWEST)
    part = found[:, first - 1 : last + 1]
    peak = (part[:, 1:-1] > part[:, :-2]) & (part[:, 1:-1] >= part[:, 2:])
    height = part[:, 1:-1] * peak
    best = height.max(dim=1).values
    near = (height > 0.88 * best[:, None]).int().argmax(dim=1)  # the shortest of those nearly as high
    loud = frames.square().mean(dim=1) > 1e-3 * frames.square().mean(dim=1).max()
    return torch.where((best > sure) & loud, RATE / (near + first).float(), torch.zeros(()))


def _autocorrelation(frames: torch.Tensor) -> torch.Tensor:
    power = torch.fft.rfft(frames, 2 * SIZE).abs() ** 2
    return torch.fft.irfft(power)[:, :SIZE]


def hummed(mel: torch.Tensor, pitch: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """A channel vocoder: a train of pulses at a pitch, noise where there is none, coloured as a mel spectrogram says.

    mel: (frames, 80).   pitch: (frames,) in Hz, 0 without a voice.   Source: Dudley 1939, with frames for his filters.
    """
    samples = HOP * (len(mel) - 1)
    track = torch.from_numpy(np.interp(np.arange(samples) / HOP, np.arange(len(pitch)), _bridged(pitch))).double()
    turns = (track / RATE).cumsum(0)
    pulses = torch.diff(turns.floor(), prepend=torch.zeros(1, dtype=torch.double)).float()
    noise = 0.06 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    voiced = torch.nn.functional.interpolate((pitch > 0).float()[None, None], samples, mode="linear")[0, 0]
    source = spectrum(voiced * pulses + (1 - voiced) * noise + 1e-5 * torch.randn(samples))
    bands = filters().square()  # who speaks for a frequency: the band whose middle is nearest, most of all
    louder = 10 ** mel[: source.shape[1]] / (source.abs().T @ filters()).clamp(min=1e-6)
    gains = (bands @ louder.T) / bands.sum(dim=1, keepdim=True).clamp(min=1e-12)
    coloured = source * gains
    return torch.istft(coloured, SIZE, HOP, window=torch.hann_window(SIZE))


def _bridged(pitch: torch.Tensor) -> np.ndarray:
    """The pitch with its gaps drawn across."""
    values = pitch.numpy().astype(float)
    there = np.flatnonzero(values)
    return np.interp(np.arange(len(values)), there, values[there]) if len(there) else np.full(len(values), 120.0)
