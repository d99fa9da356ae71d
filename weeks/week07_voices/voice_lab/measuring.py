"""The experiments of week 7: what is measured, and of what."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from coursekit import models
from tinyworld.codec import QUIET
from tinyworld.voices import STYLES, Recording
from voice_lab import data, hearing, spectra, training

Rounds = Callable[..., Any]
KEY = 2026


@cache
def mels(split: str = "test") -> list[torch.Tensor]:
    """The mel spectrograms of `data.spoken` of a split."""
    return [spectra.mel_of(one.audio) for one in data.spoken(split=split)]


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """The mean difference of two log-mel spectrograms over the frames that both have, in decibels."""
    n = min(len(one), len(other))
    return 20 * float((one[:n] - other[:n]).abs().mean())


# --- vocoders -------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """words: WER as Whisper hears it.   off: decibels of the mel spectrogram.   real_time: seconds for a second.
    same: how often its voice is the nearest of nine.   bits: kbit/s, where there are codes."""

    words: float
    off: float
    real_time: float
    same: float
    bits: float | None = None


def measured(
    make: Callable[[Recording], torch.Tensor], ear: Callable[[list[torch.Tensor]], torch.Tensor], n: int = 9
) -> Row:
    """What comes of n recordings by `make`. ear: embeddings (n, d) of mel spectrograms."""
    said = data.spoken(n)
    began = time.perf_counter()
    made = [spectra.finished(make(one)) for one in said]
    took = (time.perf_counter() - began) / sum(one.seconds for one in said)
    found = [spectra.mel_of(wave) for wave in made]
    off = float(np.mean([distance(a, b) for a, b in zip(found, mels(), strict=False)]))
    words = hearing.word_errors([one.text for one in said], hearing.heard(made))
    return Row(words, off, took, likeness(ear, found, [one.voice for one in said]))


def likeness(
    ear: Callable[[list[torch.Tensor]], torch.Tensor], found: list[torch.Tensor], voices: Sequence[str]
) -> float:
    """How often, of nine voices, the one whose enrolment is nearest is the one that should speak."""
    known, names = enrolled(ear)
    unit = torch.nn.functional.normalize(ear(found), dim=1)
    nearest = (unit @ torch.nn.functional.normalize(known, dim=1).T).argmax(1)
    return float(np.mean([names[int(i)] == voice for i, voice in zip(nearest, voices, strict=True)]))


def enrolled(ear: Callable[[list[torch.Tensor]], torch.Tensor]) -> tuple[torch.Tensor, list[str]]:
    """The mean embedding of each of the nine voices' enrolment, (9, d), and their names."""
    said = data.spoken(split="enrolment")
    names = sorted({one.voice for one in said})
    found = torch.nn.functional.normalize(ear(mels("enrolment")), dim=1)
    rows = [found[[i for i, one in enumerate(said) if one.voice == name]].mean(0) for name in names]
    return torch.stack(rows), names


def pitch(one: Recording) -> torch.Tensor:
    """A recording's pitch."""
    return spectra.pitch_of(data.wave_of(one))


def vocoders(rounds: Rounds) -> dict[str, Callable[[Recording], torch.Tensor]]:
    """Ways from a recording's spectrogram back to sound."""

    def whole(one: Recording) -> torch.Tensor:
        magnitude = spectra.spectrum(data.wave_of(one)).abs()
        start = spectra.random_phase(magnitude.shape)
        return torch.as_tensor(rounds(magnitude, start, spectra.SIZE, spectra.HOP, spectra.ROUNDS)[0])

    return {
        "recording": data.wave_of,
        "Griffin-Lim, all frequencies": whole,
        "Griffin-Lim, from mel": lambda one: spectra.invert(spectra.mel_of(one.audio), rounds),
        "pulses, from mel": lambda one: spectra.hummed(spectra.mel_of(one.audio), pitch(one)),
        "HiFi-GAN, from mel": lambda one: hifi(spectra.mel_of(one.audio)),
    }


@cache
def _hifi() -> Any:
    return models.load("vocoder", "tiny", "cpu").model


@torch.no_grad()
def hifi(mel: torch.Tensor) -> torch.Tensor:
    """The shipped SpeechT5HifiGan's sound of a log-mel spectrogram (frames, 80)."""
    return _hifi()(mel)


# --- codes ----------------------------------------------------------------------------------------------------------


@cache
def codec() -> Any:
    """The shipped codec, a `tinyworld.codec.MelCodec`."""
    return models.load("codec", "tiny", "cpu").model


@cache
def books() -> torch.Tensor:
    """Its codebooks, float32 (4, 1024, 80)."""
    return torch.stack([layer.codebook.embed.clone() for layer in codec().quantizer.layers])


@torch.no_grad()
def coded(codes: Callable[..., Any], mel: torch.Tensor, n: int) -> torch.Tensor:
    """A mel spectrogram (frames, 80) as the shipped codec's first n books can say it. codes: as `residual_codes`."""
    mean, scale = codec().mean, codec().scale
    frames = (mel.clamp(min=QUIET) - mean) / scale
    return torch.as_tensor(codes(frames.T[None], books()[:n].clone())[1])[0].T * scale + mean


def through_books(codes: Callable[..., Any], n: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """The shipped codec with n books: sound, mel, codes, mel, and sound by its vocoder. Nothing but codes goes over."""
    return lambda wave: hifi(coded(codes, spectra.mel_of(wave), n))


def copied(codes: Callable[..., Any], n: int) -> Callable[[Recording], torch.Tensor]:
    """Likewise, of a recording."""
    through = through_books(codes, n)
    return lambda one: through(data.wave_of(one))


# --- alignment ------------------------------------------------------------------------------------------------------


def misplaced(align: Callable[..., torch.Tensor], n: int = 9) -> dict[str, float]:
    """By how many milliseconds the ends of phones are off: aligned, by even shares, and with another's sentence."""
    said = data.spoken(n)
    found: dict[str, list[float]] = {"aligned": [], "even shares": [], "the phones backwards": []}
    for one in said:
        scores, (names, durations) = training.fit(one), data.phones_of(one)
        t, f = torch.tensor([len(names)]), torch.tensor([scores.shape[1]])
        ways = {
            "aligned": torch.as_tensor(align(scores[None], t, f))[0],
            "even shares": torch.tensor([len(part) for part in np.array_split(np.arange(int(f)), len(names))]),
            "the phones backwards": torch.as_tensor(align(scores.flip(0)[None], t, f))[0],
        }
        for name, way in ways.items():
            off = (way.cumsum(0) - durations.cumsum(0)).abs().float().mean()
            found[name].append(1000 * spectra.HOP / spectra.RATE * float(off))
    return {name: float(np.mean(values)) for name, values in found.items()}


# --- voices and styles ----------------------------------------------------------------------------------------------


def prosody(phone_pitch: Callable[..., torch.Tensor], one: Recording, mel: torch.Tensor) -> np.ndarray:
    """Five numbers of how a sentence is said: pitch and its range in semitones, pace, loudness and its range."""
    _, durations = data.phones_of(one)
    track = pitch(one)
    found = torch.as_tensor(phone_pitch(track, durations))
    high = 12 * found[found > 0].log2()
    loud = 20 * mel.mean(dim=1)
    numbers = [float(high.mean()), float(high.std()), float(durations[:-1].float().mean()), float(loud.mean())]
    return np.array([*numbers, float(loud.std())])


def styles_heard(phone_pitch: Callable[..., torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """How often each style (rows) is taken for each (columns), (4, 4), and the same where the labels were permuted.

    Each voice is judged by a classifier that has heard the others alone; all are relative to the voice's own mean.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.preprocessing import StandardScaler

    said = data.spoken(split="styles")
    voices = np.array([one.voice for one in said])
    numbers = np.stack([prosody(phone_pitch, one, mel) for one, mel in zip(said, mels("styles"), strict=True)])
    for voice in set(voices):
        numbers[voices == voice] -= numbers[voices == voice].mean(axis=0)
    numbers = StandardScaler().fit_transform(numbers)
    right = np.array([STYLES.index(one.style) for one in said])
    tables = []
    for labels in (right, np.random.default_rng(0).permutation(right)):
        told = cross_val_predict(LogisticRegression(C=1.0), numbers, labels, groups=voices, cv=LeaveOneGroupOut())
        table = np.zeros((4, 4))
        np.add.at(table, (labels, told), 1)
        tables.append(table)
    return tables[0], tables[1]


# --- marks and fakes ------------------------------------------------------------------------------------------------


def compressed(wave: torch.Tensor, less: float = 0.9) -> torch.Tensor:
    """A sound through Ogg Vorbis. less: how much smaller the file is to be, of 1."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, wave.numpy(), spectra.RATE, format="OGG", subtype="VORBIS", compression_level=less)
    file.seek(0)
    found = torch.from_numpy(soundfile.read(file, dtype="float32")[0])
    return found[: len(wave)]


def attacks(codes: Callable[..., Any]) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """What may happen to a sound on its way."""

    def noisy(wave: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(len(wave), generator=torch.Generator().manual_seed(1))
        return wave + 0.1 * wave.square().mean().sqrt() * noise

    return {
        "nothing": lambda wave: wave,
        "half as loud": lambda wave: 0.5 * wave,
        "noise, 20 dB below": noisy,
        "Ogg Vorbis": compressed,
        "one sample cut off": lambda wave: wave[1:],
        "four books of codes": through_books(codes, len(books())),
    }


def marks(
    add: Callable[..., torch.Tensor], find: Callable[..., float], codes: Callable[..., Any], below: float = 24.0
) -> dict[str, list[float]]:
    """The z-scores of nine marked sentences after each attack; "no mark" and "another key" as controls."""
    waves = [data.wave_of(one) for one in data.spoken(9)]
    marked = [torch.as_tensor(add(wave, KEY, below)) for wave in waves]
    found = {name: [find(attack(wave), KEY) for wave in marked] for name, attack in attacks(codes).items()}
    found["no mark"] = [find(wave, KEY) for wave in waves]
    found["another key"] = [find(wave, KEY + 1) for wave in marked]
    return found


def grain(wave: torch.Tensor) -> torch.Tensor:
    """How rough a spectrum is, up to 7.6 kHz: (frames - 2, 968), second differences over time and over frequency."""
    level = spectra.spectrum(spectra.finished(wave)).abs().clamp(min=1e-5).log10()[:486]
    over_time = (level[:, 2:] - 2 * level[:, 1:-1] + level[:, :-2]).abs()[1:-1]
    over_frequency = (level[2:] - 2 * level[1:-1] + level[:-2]).abs()[:, 1:-1]
    return torch.cat([over_time, over_frequency]).T


def fakes(pool: Callable[..., torch.Tensor], rounds: Rounds, steps: int = 8) -> dict[str, tuple[Any, Any]]:
    """Scores of a detector of fakes that learnt from one vocoder, and what is real: {vocoder: (scores, real)}.

    It learns recordings and Griffin-Lim's copies of five voices; what it is asked of is of the other four. The second
    vocoder is pulses, which it never heard.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    said = data.spoken()
    names = sorted({one.voice for one in said})
    ours = np.array([names.index(one.voice) < 5 for one in said])

    def numbers(made: Sequence[torch.Tensor]) -> np.ndarray:
        found = training.statistics(pool, [grain(wave) for wave in made])
        return found[:, : found.shape[1] // 2].numpy()  # the means

    real = numbers([data.wave_of(one) for one in said])
    invert = numbers([spectra.invert(mel, rounds, steps) for mel in mels()])
    pulses = numbers([spectra.hummed(mel, pitch(one)) for one, mel in zip(said, mels(), strict=True)])
    judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    judge.fit(np.concatenate([real[ours], invert[ours]]), [1] * int(ours.sum()) + [0] * int(ours.sum()))
    found = {}
    for name, fake in (("the one it learnt from", invert), ("one it never heard", pulses)):
        rows = np.concatenate([real[~ours], fake[~ours]])
        scores = torch.from_numpy(judge.decision_function(rows)).float()
        found[name] = scores, torch.arange(len(rows)) < int((~ours).sum())
    return found
