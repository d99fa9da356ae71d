"""Experiments with their figures: voices told apart, codecs, the way there and back, marks and fakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

import tinyworld
from tinyworld.codec import FRAME_RATE
from voice_lab import data, hearing, measuring, plots, spectra, training
from voice_lab.measuring import Row

Ear = Callable[[list[torch.Tensor]], torch.Tensor]
ASIDE = 4  # voices on which a threshold is chosen


class Heard(NamedTuple):
    """Trials of recordings, and their equal error."""

    scores: torch.Tensor
    same: torch.Tensor
    rate: float
    threshold: float


def tried(embeddings: torch.Tensor, voices: list[str], pairs: Callable[..., Any], equal: Callable[..., Any]) -> Heard:
    """All pairs of recordings, and where both errors are equal."""
    scores, same = (torch.as_tensor(x) for x in pairs(embeddings, voices))
    return Heard(scores, same, *map(float, equal(scores, same)))


def ear_of(pool: Callable[..., torch.Tensor], loss: Callable[..., torch.Tensor], seed: int = 0) -> Ear:
    """An ear that was trained on other voices: embeddings of mel spectrograms."""
    learnt, _ = training.learn_voices(pool, loss, seed)
    return lambda rows: learnt(training.statistics(pool, rows))


def plain_ear(pool: Callable[..., torch.Tensor]) -> Ear:
    """The pooled numbers themselves, each relative to what it is in other voices."""
    known = training.statistics(pool, training.many_mels())
    mean, spread = known.mean(0), known.std(0) + 1e-3
    return lambda rows: (training.statistics(pool, rows) - mean) / spread


def elsewhere(
    ear: Ear, pairs: Callable[..., Any], equal: Callable[..., Any], rates: Callable[..., Any]
) -> tuple[float, tuple[float, float]]:
    """A threshold chosen on four voices, and its rates of false acceptance and rejection on the five others."""
    said = data.spoken()
    names = sorted({one.voice for one in said})
    found, voices = ear(measuring.mels()), [one.voice for one in said]
    ours = torch.tensor([names.index(voice) < ASIDE for voice in voices])
    chosen = tried(found[ours], [v for v in voices if names.index(v) < ASIDE], pairs, equal).threshold
    scores, same = pairs(found[~ours], [v for v in voices if names.index(v) >= ASIDE])
    accepted, missed = rates(scores, same, chosen)
    return chosen, (float(accepted), float(missed))


def show_voices(
    pool: Callable[..., torch.Tensor],
    loss: Callable[..., torch.Tensor],
    pairs: Callable[..., Any],
    equal: Callable[..., Any],
    rates: Callable[..., Any],
    seed: int = 0,
) -> Ear:
    """Nine voices told apart, without training and with it, and by a threshold of other voices. Returns the ear."""
    voices = [one.voice for one in data.spoken()]
    ear = ear_of(pool, loss, seed)
    for title, one in (("pooled numbers alone", plain_ear(pool)), ("trained on other voices", ear)):
        found = tried(one(measuring.mels()), voices, pairs, equal)
        plots.show_trials(found.scores, found.same, found.threshold, found.rate, title)
    chosen, (accepted, missed) = elsewhere(ear, pairs, equal, rates)
    print(f"threshold {chosen:.2f}, chosen on four voices; on the five others it accepts {accepted:.1%} wrongly")
    print(f"and does not know {missed:.1%} of the right ones")
    return ear


def codec_rows(codes: Callable[..., Any], bits: Callable[..., float], ear: Ear) -> dict[int, Row]:
    """What comes through the shipped codec with one to four of its books."""
    number, size, _ = measuring.books().shape
    rows = {}
    for n in range(1, number + 1):
        row = measuring.measured(measuring.copied(codes, n), ear)
        rows[n] = row._replace(bits=float(bits(FRAME_RATE, n, size)))
    return rows


def without_codes(n: int = 9) -> float:
    """By how many decibels the codec's vocoder alone puts n mel spectrograms off."""
    known = measuring.mels()[:n]
    made = [spectra.mel_of(spectra.finished(measuring.hifi(mel))) for mel in known]
    return float(np.mean([measuring.distance(a, b) for a, b in zip(made, known, strict=True)]))


def on_its_card() -> dict[int, float]:
    """The codec's word error rate by books, as its card has it: of all 45 recordings."""
    figures = json.loads((tinyworld.checkpoint("codec") / "figures.json").read_text(encoding="utf-8"))
    return {n: figures[f"{n}/WER"] for n in range(1, len(measuring.books()) + 1)}


def show_codec(codes: Callable[..., Any], bits: Callable[..., float], ear: Ear) -> dict[int, Row]:
    """A sentence through one book and through four, and what every further book brings."""
    one = data.sentence()
    sounds = {f"{n} of 4 books": measuring.through_books(codes, n)(data.wave_of(one)) for n in (1, 2, 4)}
    plots.hear({"recorded": data.wave_of(one)} | sounds, one.text, listen=False)
    rows = codec_rows(codes, bits, ear)
    plots.show_books(rows, without_codes(), on_its_card())
    return rows


def round_trip(
    rounds: Callable[..., Any], codes: Callable[..., Any], ear: Ear, codec: Mapping[int, Row]
) -> dict[str, Row]:
    """Everything that makes sound this week, and two controls."""
    rows = {name: measuring.measured(make, ear) for name, make in measuring.vocoders(rounds).items()}
    rows |= {f"codec, {n} of 4 books": row for n, row in codec.items()}
    said = data.spoken(9)
    texts, voices = [one.text for one in said], [one.voice for one in said]
    wrong = hearing.word_errors(texts[1:] + texts[:1], hearing.heard([one.audio for one in said]))
    same = measuring.likeness(ear, measuring.mels()[:9], voices[1:] + voices[:1])
    plain = rows["recording"]
    return rows | {
        "control: another sentence's text": plain._replace(words=wrong),
        "control: the next voice's name": plain._replace(same=same),
    }


def show_round_trip(
    rounds: Callable[..., Any], codes: Callable[..., Any], ear: Ear, codec: Mapping[int, Row]
) -> dict[str, Row]:
    """The table of everything that makes sound, with its controls."""
    rows = round_trip(rounds, codes, ear, codec)
    plots.show_rows(rows, "There and back again.")
    return rows


def show_attacked(
    add: Callable[..., torch.Tensor], find: Callable[..., float], codes: Callable[..., Any]
) -> dict[str, list[float]]:
    """A marked sentence to be heard, and marks after what happened to them."""
    one = data.sentence()
    wave = data.wave_of(one)
    plots.hear({"recorded": wave, "marked": add(wave, measuring.KEY, 24.0)}, one.text, listen=False)
    found = measuring.marks(add, find, codes)
    plots.show_marks(found)
    for name, values in found.items():
        print(f"{np.mean(values):6.1f}  {name}")
    return found
