"""What known mistakes in making speech give on a check's inputs: {message: value}, for `assert_close`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from voice_lab.checks import reference

Slips = dict[str, Any]

# --- 1 griffin_lim --------------------------------------------------------------------------------------------------


def _griffin_lim(
    magnitude: torch.Tensor, phase: torch.Tensor, size: int, hop: int, steps: int, slip: str
) -> torch.Tensor:
    """The wave, with a mistake."""
    forth = torch.hann_window(size, periodic=slip != "symmetric")
    back = torch.ones(size) if slip == "rectangle back" else forth
    if slip == "backwards":
        phase = -phase
    wave = torch.istft(torch.polar(magnitude, phase), size, hop, window=back)
    for _ in range(steps):
        found = torch.stft(wave, size, hop, window=forth, return_complex=True)
        if slip == "loud":
            found = torch.polar(magnitude**2, found.angle())
        elif slip != "kept":
            angle = found.angle()
            found = torch.polar(magnitude, -angle if slip == "turned" else angle)
        wave = torch.istft(found, size, hop, window=back)
    return wave


def of_wave(magnitude: torch.Tensor, phase: torch.Tensor, size: int, hop: int, steps: int) -> Slips:
    """Waves that the mistakes of Griffin-Lim give."""
    how = magnitude, phase, size, hop
    return {
        "the magnitude that was found was kept; only its phase is: so nothing changes from round to round": (
            _griffin_lim(*how, steps, "kept")
        ),
        "that is one round too few": _griffin_lim(*how, steps - 1, ""),
        "that is one round too many": _griffin_lim(*how, steps + 1, ""),
        "that is the wave after the first round: each round goes on from the last wave": _griffin_lim(*how, 1, ""),
        "on the way back no window was given: istft needs the one of stft": _griffin_lim(*how, steps, "rectangle back"),
        "the window is symmetric; frames that overlap want the periodic one, as torch.hann_window gives it": (
            _griffin_lim(*how, steps, "symmetric")
        ),
        "the sign of the phase is turned round": _griffin_lim(*how, steps, "turned"),
        "the phase at the beginning has its sign turned round": _griffin_lim(*how, steps, "backwards"),
        "the magnitude was squared: it is an amplitude, not a power": _griffin_lim(*how, steps, "loud"),
        "the phase at the beginning was left out: it began with 0": _griffin_lim(
            magnitude, 0 * phase, size, hop, steps, ""
        ),
    }


def of_misses(magnitude: torch.Tensor, phase: torch.Tensor, size: int, hop: int, steps: int) -> Slips:
    """Misses that are measured in another way."""
    _, misses = reference.reference_griffin_lim(magnitude, phase, size, hop, steps + 1)
    found, length = np.array(misses), float(magnitude.norm())
    return {
        "the misses are measured after the rounds; the first is that of the phase it began with": found[1:],
        "the misses are squared: a norm is the root of the sum of squares": found[:-1] ** 2,
        "the misses are not divided by the norm of the magnitude": found[:-1] * length,
        "those are mean squares; the norm over the norm was asked for": (found[:-1] * length) ** 2 / magnitude.numel(),
    }


# --- 2 log_mel ------------------------------------------------------------------------------------------------------


def mel_by(wave: torch.Tensor, hop: int = 256, window: int = 1024, **other: Any) -> np.ndarray:
    """A log-mel spectrogram (frames, 80) of other settings, by transformers' own functions.

    other: low, high, scale or norm of the filters; power; center.
    """
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    limits = other.get("low", 80.0), other.get("high", 7600.0), 16_000
    filters = mel_filter_bank(513, 80, *limits, other.get("norm", "slaney"), other.get("scale", "slaney"))
    how: dict[str, Any] = {"fft_length": 1024, "power": float(other.get("power", 1)), "mel_filters": filters}
    how |= {"center": other.get("center", True), "mel_floor": 1e-10, "log_mel": "log10"}
    shape = window_function(window, "hann", periodic=True)
    return np.asarray(spectrogram(wave.double().numpy(), shape, window, hop, **how).T)


def of_mel(wave: torch.Tensor) -> Slips:
    """Log-mel spectrograms with other logarithms, scales and settings."""
    right = mel_by(wave)
    return {
        "the logarithm is the natural one; log10 was asked for": right * math.log(10),
        "those are decibels: 20 times what was asked for": 20 * right,
        "those are ten times the logarithms: log10, and no more": 10 * right,
        "the power went into the filters; the amplitude was asked for": mel_by(wave, power=2),
        "the mel scale is HTK's; Slaney's was asked for": mel_by(wave, scale="htk"),
        "the filters are not normalised: Slaney's norm makes them equal in area": mel_by(wave, norm=None),
        "the filters are on HTK's scale, and not normalised": mel_by(wave, scale="htk", norm=None),
        "the filters go from 0 to 8000 Hz: `low` and `high` are not used": mel_by(wave, low=0.0, high=8000.0),
        "frames and mels are exchanged: a row for each frame": right.T,
        "the logarithm is missing": 10**right,
        "a frame every 160 samples, as Whisper has it; every 256 was asked for": mel_by(wave, hop=160),
        "windows of 400 samples, as Whisper has them; 1024 was asked for": mel_by(wave, window=400),
        "the frames are not centred: half a window is missing at both ends": mel_by(wave, center=False),
        "it is scaled as Whisper wants it; a vocoder wants the logarithm itself": (
            np.maximum(right, right.max() - 8) + 4
        )
        / 4,
    }


# --- 3 stretch ------------------------------------------------------------------------------------------------------


def _repeated(states: torch.Tensor, frames: torch.Tensor, fill: float = 0.0) -> torch.Tensor:
    rows = [row.repeat_interleave(n, dim=0) for row, n in zip(states, frames, strict=True)]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=fill)


def of_stretch(states: torch.Tensor, durations: torch.Tensor, speed: float) -> tuple[Slips, Slips]:
    """Lengths, and states, of other durations."""
    there = durations > 0
    right = torch.round(durations / speed).long().clamp(min=1) * there
    ends = torch.round(durations.cumsum(1) / speed).long()
    steps = torch.diff(ends, dim=1, prepend=torch.zeros_like(ends[:, :1]))
    others = {
        "the speed is turned round: twice as quick is half as long": torch.round(durations * speed).long().clamp(min=1)
        * there,
        "speed is not used": durations,
        "short phones round to no frame and are lost: at least one for each": torch.round(durations / speed).long(),
        "the ends were rounded and not the durations": steps,
        "rounded down; to the nearest was asked for": (durations / speed).long().clamp(min=1) * there,
        "rounded up; to the nearest was asked for": torch.ceil(durations / speed).long().clamp(min=1) * there,
        "a phone of no frames (there is none: the text has ended) got one": right.clamp(min=1),
    }
    lengths = {message: frames.sum(1) for message, frames in others.items()}
    lengths["the lengths are those of the longest row; each row has its own"] = torch.full_like(
        right.sum(1), int(right.sum(1).max())
    )
    lengths["those are numbers of phones; frames were asked for"] = there.sum(1)
    whole = right.sum(1)
    even = F.interpolate(states.mT, size=int(whole.max()), mode="nearest").mT
    linear = F.interpolate(states.mT, size=int(whole.max()), mode="linear", align_corners=False).mT
    bent = {message: _repeated(states, frames) for message, frames in others.items()}
    spread = "all phones became equally long: each has its own duration"
    return lengths, bent | {spread: even, spread + " ": linear}


# --- 4 align --------------------------------------------------------------------------------------------------------


def of_align(scores: torch.Tensor, tokens: torch.Tensor, frames: torch.Tensor) -> Slips:
    """Durations of other paths."""
    n, most, longest = scores.shape
    whole = torch.full_like(tokens, most), torch.full_like(frames, longest)
    free, even, worst, greedy = (torch.zeros(n, most, dtype=torch.long) for _ in range(4))
    for i, (t, f) in enumerate(zip(tokens.tolist(), frames.tolist(), strict=True)):
        part = scores[i, :t, :f]
        free[i, :t] = torch.bincount(part.argmax(0), minlength=t)
        even[i, :t] = torch.tensor([len(some) for some in np.array_split(np.arange(f), t)])
        worst[i] = reference.reference_align(-scores[i : i + 1], tokens[i : i + 1], frames[i : i + 1])[0]
        at = 0
        for k in range(f):
            left = f - k  # frames from here on
            if k and at + 1 < t and (part[at + 1, k] > part[at, k] or left <= t - 1 - at):
                at += 1
            greedy[i, at] += 1
    return {
        "each frame went to its likeliest token, in any order: a path goes on by one token or stays": free,
        "the path goes on into the padding: it ends at each row's own last token and frame": (
            reference.reference_align(scores, *whole)
        ),
        "each token got as many frames as the others, whatever the scores say": even,
        "that is the worst path: the largest sum was asked for": worst,
        "frame by frame the better of two: what is best now may cost more later. First all sums, then backwards": (
            greedy
        ),
    }


# --- 5 guided -------------------------------------------------------------------------------------------------------


def of_guided(attention: torch.Tensor, tokens: torch.Tensor, frames: torch.Tensor, sigma: float) -> Slips:
    """Guided attention losses with other penalties and other means."""
    n, heads, high, wide = attention.shape

    def weight(text: torch.Tensor, sound: torch.Tensor, form: str = "") -> torch.Tensor:
        off = torch.arange(high)[None, :, None] / sound[:, None, None] - torch.arange(wide) / text[:, None, None]
        if form == "linear":
            return 1 - torch.exp(-off.abs() / (2 * sigma**2))
        if form == "one sigma":
            return 1 - torch.exp(-(off**2) / sigma**2)
        if form == "narrow":
            return 1 - torch.exp(-(off**2) / (2 * sigma))
        bell = torch.exp(-(off**2) / (2 * sigma**2))
        return bell if form == "bell" else 1 - bell

    there = (torch.arange(high)[None, :, None] < frames[:, None, None]) & (torch.arange(wide) < tokens[:, None, None])

    def mean(penalty: torch.Tensor) -> torch.Tensor:
        return (penalty[:, None] * attention).masked_select(there[:, None].expand_as(attention)).mean()

    right = weight(tokens, frames)
    padded = weight(torch.full_like(tokens, wide), torch.full_like(frames, high))
    inside = (right[:, None] * attention * there[:, None]).sum()
    rows = [(right[i] * attention[i])[:, : int(frames[i]), : int(tokens[i])].mean() for i in range(n)]
    return {
        "the penalty was made with the lengths of the padded batch: each pair has its own": mean(padded),
        "penalty and mean are of the whole padded batch: each pair has its own lengths": (
            padded[:, None] * attention
        ).mean(),
        "the mean is over the padding too": inside / attention.numel(),
        "it is the sum; the mean was asked for": inside,
        "the bell itself is the penalty: 1 minus it was asked for": mean(weight(tokens, frames, "bell")),
        "the distance from the diagonal is not squared": mean(weight(tokens, frames, "linear")),
        "the 2 of 2 sigma squared is missing": mean(weight(tokens, frames, "one sigma")),
        "sigma is not squared": mean(weight(tokens, frames, "narrow")),
        "the penalty was not multiplied by the attention": mean(right[:, None] / attention),
        "it is summed over the tokens of a frame; the mean is over all entries": inside / (frames.sum() * heads),
        "the mean of the pairs' means; the mean is over all entries together": torch.stack(rows).mean(),
        "the texts' lengths and the sounds' are exchanged": mean(weight(frames, tokens)),
    }


# --- 6 speak --------------------------------------------------------------------------------------------------------


def scripted(
    frames: torch.Tensor, stops: torch.Tensor, threshold: float, least: int, most: int, rule: str = "sum"
) -> int:
    """After how many steps a loop stops that follows a rule: "sum", "mean", "first", "last", "above", "no least"."""
    for i in range(most):
        row = stops[min(i, len(stops) - 1)]
        told = {"mean": row.mean(), "first": row[0], "last": row[-1]}.get(rule, row.sum())
        over = told > threshold if rule == "above" else told >= threshold
        if bool(over) and (i + 1 >= least or rule == "no least"):
            return i + 1
    return most


def of_steps(frames: torch.Tensor, stops: torch.Tensor, threshold: float, least: int, most: int) -> Slips:
    """Numbers of steps by other rules."""
    how = frames, stops, threshold, least, most
    right = scripted(*how)
    return {
        "the stop token was heeded before `least` steps": scripted(*how, "no least"),
        "the mean of the stop probabilities was compared; their sum was asked for": scripted(*how, "mean"),
        "the first stop probability alone was compared; the sum was asked for": scripted(*how, "first"),
        "the last stop probability alone was compared; the sum was asked for": scripted(*how, "last"),
        "the stop token was not heeded at all": most,
        "it stops one step late": right + 1,
        "it stops one step early: the step that says stop is kept": right - 1,
    }


# --- 7 intonation ---------------------------------------------------------------------------------------------------


def of_pitch(track: torch.Tensor, durations: torch.Tensor) -> Slips:
    """Pitches of phones by other means."""
    values, counts = track.double().numpy(), durations.numpy()
    parts = np.split(values, np.cumsum(counts)[:-1])
    voiced = [part[part > 0] for part in parts]
    whole = values[values > 0].mean()
    right = reference.reference_pitch(track, durations)
    return {
        "frames without a voice count as 0 Hz in the mean: leave them out": np.array([part.mean() for part in parts]),
        "those are medians; the mean was asked for": np.array([np.median(v) if len(v) else 0.0 for v in voiced]),
        "those are sums; the mean was asked for": np.array([v.sum() for v in voiced]),
        "phones without a voice got the mean of all; they are 0": np.where(right > 0, right, whole),
        "a mean for each frame; one for each phone was asked for": np.repeat(right, counts),
        "those are geometric means, of logarithms": np.array(
            [np.exp(np.log(v).mean()) if len(v) else 0.0 for v in voiced]
        ),
    }


def of_factors(points: Sequence[Sequence[float]], durations: torch.Tensor) -> Slips:
    """Factors from other places, and by other powers."""
    counts, ends = durations.numpy(), np.cumsum(durations.numpy())
    at, up = np.asarray(points, dtype=float).T
    semitones = 12 * np.log2(reference.reference_factors(points, durations))
    equal = (np.arange(len(counts)) + 0.5) / len(counts)
    return {
        "those are semitones; the factor is 2 ** (semitones / 12)": semitones,
        "an octave for each semitone: 2 ** (semitones / 12)": 2**semitones,
        "the power is of e; an octave is a factor of 2": np.exp(semitones / 12),
        "the intonation was read at the beginnings of the phones; their middles were asked for": 2
        ** (np.interp((ends - counts) / ends[-1], at, up) / 12),
        "the intonation was read at the ends of the phones; their middles were asked for": 2
        ** (np.interp(ends / ends[-1], at, up) / 12),
        "the phones were taken as equally long": 2 ** (np.interp(equal, at, up) / 12),
        "outside the drawn points it falls to 0; it stays as at the nearest point": 2
        ** (np.interp((ends - counts / 2) / ends[-1], at, up, left=0, right=0) / 12),
    }
