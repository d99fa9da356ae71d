"""What a talker learns of a spoken sentence: how long each phone lasts, how high and how loud it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from tinyworld.phones import PAD, PAUSE, Phones
from tinyworld.sound import RATE
from tinyworld.train.voices.corpus import ACCENT, Take
from tinyworld.train.voices.mel import HOP, WINDOW, log_mel
from tinyworld.train.whisper import espeak
from tinyworld.train.whisper.listener import words
from tinyworld.voices import Phone

MIDDLE = 150.0  # Hz: pitch is counted in octaves above it
LOWEST, HIGHEST = 60.0, 500.0  # Hz
LEAP = 0.9  # octaves from the middle of a sentence
VOICED = 0.55  # of the autocorrelation's peak
SILENT = 1.5  # energy is log10 of the root mean square, plus this
EACH = 6  # voices of a speaker


class Features(NamedTuple):
    """mel: float32 (frames, 80).   phones: names, pauses too.   durations: int64 (phones,), frames of each; their sum
    is `frames`.   pitch: float32 (phones,), octaves above 150 Hz.   energy: float32 (phones,), log10 of RMS + 1.5."""

    mel: torch.Tensor
    phones: list[str]
    durations: np.ndarray
    pitch: np.ndarray
    energy: np.ndarray


def build_phones() -> Phones:
    """Every English word of the world as espeak-ng says it between two others, and every phone that it uses."""
    from tinyworld import german

    english = [word for word in words() if word not in set(german.words()) - {"an", "in", "orange", "beige", "ring"}]
    frame = _said("one two")
    lexicon = {}
    for word in english:
        said = _said(f"one {word} two")
        if said[:3] == frame[:3] and said[-2:] == frame[-2:]:
            lexicon[word] = said[3:-2]
    names = sorted({name for said in lexicon.values() for name in said} | set(EXTRA))
    return Phones([PAD, PAUSE, *names], lexicon)


# Phones that only come where two words meet.
EXTRA = ("r-", "@", ";")


def _said(text: str) -> list[str]:
    return [name for name, _, _ in espeak.say(text, f"{ACCENT}+m3").phones]


def features(take: Take) -> Features:
    """Of one take."""
    mel = log_mel(torch.from_numpy(take.audio)[None])[0]
    names, durations = lasting(take.phones, len(mel))
    pitch, loud = fundamental(take.audio), loudness(take.audio)
    edges = np.concatenate([[0], np.cumsum(durations)])
    high, strong = np.full(len(names), np.nan, np.float32), np.zeros(len(names), np.float32)
    for i, (a, b) in enumerate(zip(edges, edges[1:], strict=False)):
        heard = pitch[a:b][~np.isnan(pitch[a:b])]
        if len(heard):
            high[i] = heard.mean()
        strong[i] = loud[a : max(b, a + 1)].mean() if a < len(loud) else loud[-1]
    there = ~np.isnan(high)
    # What has no pitch gets that of its neighbours, so that the curve has no jumps.
    filled = (
        np.interp(np.arange(len(names)), np.flatnonzero(there), high[there]) if there.any() else np.zeros(len(names))
    )
    return Features(mel, names, durations, filled.astype(np.float32), strong)


def lasting(phones: tuple[Phone, ...], frames: int) -> tuple[list[str], np.ndarray]:
    """The phones with the pauses between them, and how many frames each lasts, int64; together all of them."""
    names, ends = [PAUSE], [_frame(phones[0].start)]
    for phone, after in zip(phones, [*phones[1:], None], strict=True):
        names.append(phone.name)
        ends.append(_frame(phone.end))
        if after is not None and _frame(after.start) > ends[-1]:
            names.append(PAUSE)
            ends.append(_frame(after.start))
    names.append(PAUSE)
    edges = np.maximum.accumulate(np.minimum([0, *ends, frames], frames))
    return names, np.diff(edges)


def _frame(seconds: float) -> int:
    return round(seconds * RATE / HOP)


def loudness(audio: np.ndarray) -> np.ndarray:
    """log10 of each frame's root mean square, plus 1.5; float32 (frames,), not below -1."""
    return np.log10(np.sqrt((_frames(audio) ** 2).mean(1)) + 10.0 ** (-1 - SILENT)).astype(np.float32) + SILENT


def fundamental(audio: np.ndarray) -> np.ndarray:
    """Each frame's fundamental frequency in octaves above 150 Hz, float32 (frames,); NaN where there is none.

    The shortest lag at which the frame's autocorrelation is nearly at its highest (Boersma 1993): the highest peak
    alone is often an octave too low.
    """
    frames = _frames(audio) * np.hanning(WINDOW).astype(np.float32)
    power = np.abs(np.fft.rfft(frames, 2 * WINDOW)) ** 2
    found = np.fft.irfft(power)[:, :WINDOW]
    taper = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(WINDOW), 2 * WINDOW)) ** 2)[:WINDOW]
    first, last = int(RATE / HIGHEST), int(RATE / LOWEST)
    alike = found[:, : last + 1] / np.maximum(found[:, :1], 1e-9) / (taper[: last + 1] / taper[0])
    inside = alike[:, first : last + 1]
    peak = np.zeros_like(inside, dtype=bool)
    peak[:, 1:-1] = (inside[:, 1:-1] >= inside[:, :-2]) & (inside[:, 1:-1] >= inside[:, 2:])
    top = np.where(peak, inside, 0).max(1)
    lag = first + (peak & (inside >= 0.9 * top[:, None])).argmax(1)
    pitch = np.log2(RATE / lag / MIDDLE)
    voiced = (top > VOICED) & (found[:, 0] > 1e-3)
    if voiced.any():  # nobody's pitch leaps so far: what does is noise
        voiced &= np.abs(pitch - np.median(pitch[voiced])) < LEAP
    return np.where(voiced, pitch, np.nan).astype(np.float32)


def _frames(audio: np.ndarray) -> np.ndarray:
    """Windows of 1024 samples around every 256th, (1 + samples // 256, 1024)."""
    padded = np.pad(audio, WINDOW // 2)
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
