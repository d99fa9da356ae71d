"""What the notebook learns in seconds: to tell voices apart, and how each phone looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import torch

from tinyworld.voices import Recording
from voice_lab import data, spectra

WIDTH = 32  # numbers of a voice's embedding
STEPS, RATE, BATCH = 250, 3e-3, 64
SCALE, MARGIN = 15.0, 0.1


class Ear(NamedTuple):
    """What turns statistics of a sound into a voice: (x - mean) / spread, then a matrix (160, 32)."""

    mean: torch.Tensor
    spread: torch.Tensor
    matrix: torch.Tensor

    def __call__(self, statistics: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, 32) of statistics (n, 160)."""
        return ((statistics - self.mean) / self.spread) @ self.matrix


@cache
def many_mels() -> list[torch.Tensor]:
    """The mel spectrograms of `data.many_voices`."""
    return [spectra.mel_of(one.audio) for one in data.many_voices()]


def statistics(pool: Callable[..., torch.Tensor], rows: Sequence[torch.Tensor]) -> torch.Tensor:
    """Pooled frames, such as mel spectrograms: (n, 160). pool: as the notebook's, of padded rows and their lengths."""
    lengths = torch.tensor([len(row) for row in rows])
    return torch.as_tensor(pool(torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True), lengths)).float()


def learn_voices(
    pool: Callable[..., torch.Tensor], loss: Callable[..., torch.Tensor], seed: int = 0
) -> tuple[Ear, list[float]]:
    """An ear for voices, from sentences in many that are none of the nine. loss: as `margin_loss` of the notebook.

    Returns it, and the loss at every step.
    """
    said = data.many_voices()
    names = sorted({data.name_of(one.voice) for one in said})
    labels = torch.tensor([names.index(data.name_of(one.voice)) for one in said])
    found = statistics(pool, many_mels())
    generator = torch.Generator().manual_seed(seed)
    mean, spread = found.mean(0), found.std(0) + 1e-3
    matrix = (torch.randn((found.shape[1], WIDTH), generator=generator) / 13).requires_grad_(True)
    weights = torch.randn((WIDTH, len(names)), generator=generator).requires_grad_(True)
    optimiser, told = torch.optim.AdamW([matrix, weights], lr=RATE, weight_decay=0.1), []
    for _ in range(STEPS):
        rows = torch.randint(len(said), (BATCH,), generator=generator)
        one = loss(((found[rows] - mean) / spread) @ matrix, weights, labels[rows], SCALE, MARGIN)
        optimiser.zero_grad()
        one.backward()
        optimiser.step()
        told.append(float(one.detach()))
    return Ear(mean, spread, matrix.detach()), told


@cache
def looks() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """How each phone looks in a mel spectrogram: {name: (mean (80,), spread (80,))}, from the enrolment's sentences."""
    parts: dict[str, list[torch.Tensor]] = {}
    for one in data.spoken(split="enrolment"):
        names, durations = data.phones_of(one)
        for name, part in zip(names, spectra.mel_of(one.audio).split(durations.tolist()), strict=True):
            parts.setdefault(name, []).append(part)
    every = torch.cat([part for some in parts.values() for part in some])
    found = {}
    for name, some in parts.items():
        frames = torch.cat(some)
        if len(frames) > 2:
            found[name] = (frames.mean(0), frames.std(0) + 0.15)
    found[""] = every.mean(0), every.std(0)  # a phone that the enrolment lacks
    return found


def fit(one: Recording) -> torch.Tensor:
    """How well each phone of a recording fits each of its frames: log-likelihoods of Gaussians, (phones, frames)."""
    mel, known = spectra.mel_of(one.audio), looks()
    rows = []
    for name in data.phones_of(one)[0]:
        mean, spread = known.get(name, known[""])
        rows.append(-(((mel - mean) / spread).square() / 2 + spread.log()).sum(dim=1))
    return torch.stack(rows)
