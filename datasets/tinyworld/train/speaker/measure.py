"""How well voices that were never heard are told apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import Wav2Vec2FeatureExtractor, WavLMForXVector

from tinyworld import voices
from tinyworld.sound import RATE, in_noise
from tinyworld.train.vocoder.spectra import griffin_lim
from tinyworld.train.voices.mel import log_mel

CHUNK = 16


def load(folder: Path) -> tuple[WavLMForXVector, Wav2Vec2FeatureExtractor]:
    """The checkpoint in a folder, in single precision."""
    model = WavLMForXVector.from_pretrained(folder, dtype=torch.float32).eval()
    return model, Wav2Vec2FeatureExtractor.from_pretrained(folder)


@torch.inference_mode()
def embed(model: WavLMForXVector, extractor: Wav2Vec2FeatureExtractor, sounds: Sequence[np.ndarray]) -> torch.Tensor:
    """Sounds at 16 kHz to unit vectors, float32 (n, 64)."""
    parts = []
    for i in range(0, len(sounds), CHUNK):
        inputs = extractor(list(sounds[i : i + CHUNK]), sampling_rate=RATE, padding=True, return_tensors="pt")
        parts.append(model(**inputs).embeddings)
    return torch.nn.functional.normalize(torch.cat(parts), dim=1).clone()


def pairs(embedded: torch.Tensor, who: Sequence[object]) -> tuple[np.ndarray, np.ndarray]:
    """The cosines of all pairs of different recordings, and whether both are of one voice."""
    cosines = (embedded @ embedded.T).numpy()
    a, b = np.triu_indices(len(who), k=1)
    return cosines[a, b], np.array([who[i] == who[j] for i, j in zip(a.tolist(), b.tolist(), strict=True)])


def equal_error_rate(scores: np.ndarray, same: np.ndarray) -> float:
    """Where as large a part of the strangers is let in as of the right ones is turned away; between 0 and 1."""
    order = np.argsort(-scores, kind="stable")
    accepted, strangers = np.cumsum(same[order]), np.cumsum(~same[order])
    missed = 1 - np.concatenate([[0], accepted]) / same.sum()
    false = np.concatenate([[0], strangers]) / (~same).sum()
    at = int(np.argmin(np.abs(missed - false)))
    return float((missed[at] + false[at]) / 2)


def enrolled(
    model: WavLMForXVector,
    extractor: Wav2Vec2FeatureExtractor,
    through: Callable[[np.ndarray], np.ndarray] = lambda sound: sound,
) -> torch.Tensor:
    """The nine voices by their enrolment: the mean of a voice's embeddings, float32 (9, 64), unit vectors.

    through: what each recording goes through first, such as a vocoder whose sounds are to be told apart.
    """
    known = voices.load("enrolment")
    embedded = embed(model, extractor, [through(r.audio) for r in known])
    rows = [embedded[[i for i, r in enumerate(known) if r.voice == name]].mean(0) for name in voices.VOICES]
    return torch.nn.functional.normalize(torch.stack(rows), dim=1)


def nearest(embedded: torch.Tensor, known: torch.Tensor) -> list[str]:
    """The enrolled voice that each is nearest to."""
    return [voices.VOICES[i] for i in (embedded @ known.T).argmax(1)]


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card, from `n` recordings of each split, or all. Shares are in [0, 1]."""
    model, extractor = load(folder)
    known, figures = enrolled(model, extractor), {}
    heard = {split: voices.load(split) for split in ("test", "styles")}
    if n:
        heard = {split: those[:: max(1, len(those) // n)] for split, those in heard.items()}
    noisy = [in_noise(r.audio, 10, np.random.default_rng(i)) for i, r in enumerate(heard["test"])]
    phaseless = [griffin_lim(log_mel(torch.tensor(r.audio)[None])[0]).numpy() for r in heard["test"]]
    conditions = {
        "test": (heard["test"], [r.audio for r in heard["test"]]),
        "second": (heard["test"], [r.audio[8000:24000] for r in heard["test"]]),
        "noise": (heard["test"], noisy),
        "phaseless": (heard["test"], phaseless),
        "styles": (heard["styles"], [r.audio for r in heard["styles"]]),
    }
    for name, (those, sounds) in conditions.items():
        embedded, who = embed(model, extractor, sounds), [r.voice for r in those]
        figures[f"{name}/EER"] = equal_error_rate(*pairs(embedded, who))
        right = [a == b for a, b in zip(nearest(embedded, known), who, strict=True)]
        figures[f"{name}/nearest"] = sum(right) / len(right)
    return figures


ROWS = {
    "test": "whole sentences",
    "second": "one second of them",
    "noise": "in white noise at 10 dB",
    "phaseless": "out of their mel spectrograms, by Griffin-Lim",
    "styles": "in four acted styles",
}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| | equal error rate | nearest of nine |", "|---|---|---|"]
    for key, name in ROWS.items():
        cells = (f"{100 * figures[f'{key}/{figure}']:.1f} %" for figure in ("EER", "nearest"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
