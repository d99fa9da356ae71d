"""Acted moods from gait and voice: films of `tinyworld.films` beside sentences that espeak-ng speaks in four styles.

Any gait comes with any voice of the same mood. Each sense alone, and one transformer over both, learn to tell it; in
training a sense is sometimes silent, so that early fusion cannot lean on one alone. Nobody feels anything here.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
import torch.nn.functional as F

from tinyworld import senses, voices
from tinyworld.checkpoints import FOLDER
from tinyworld.films import MOODS, films
from tinyworld.senses import MoodClassifier
from tinyworld.train import loop, reels
from tinyworld.train.mood import measure
from tinyworld.train.mood.card import card
from tinyworld.train.senses import averaged, export
from tinyworld.train.voices.corpus import Takes

SILENT = 0.15  # how often a sense is missing in early fusion
HEADS = ("seen", "heard", "early")
assert voices.STYLES == MOODS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    usual = {"steps": 1200, "batch": 48, "rate": 1e-3, "pool": 800, "uses": 18, "width": 64, "scenes": 72}
    reels.add_arguments(parser, FOLDER / "mood", **usual)


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    model = MoodClassifier(2 * senses.load_eye().config.hidden_size, args.width).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.1)
    training = loop.Training(args.runs / "mood", model, optimizer, loop.Average(model), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, model, args, device)
    export(averaged(model, training.average), args, training.clock, measure, card)


def train(training: loop.Training, model: MoodClassifier, args: argparse.Namespace, device: torch.device) -> None:
    """Train to the end from wherever it stands."""
    data = Acted(args.batch, args.pool, args.uses, args.seed)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        torch.manual_seed(args.seed * 10**9 + i)  # dropout
        seen, heard, wanted = (tensor.to(device) for tensor in data(i))
        gone = torch.rand(2, len(wanted), 1, 1) < SILENT
        found = model(seen, heard) | {"early": model(seen * ~gone[0], heard * ~(gone[1] & ~gone[0]))["early"]}
        losses = {name: F.cross_entropy(found[name], wanted) for name in HEADS}
        right = {name: (found[name].argmax(1) == wanted).float().mean().item() for name in HEADS}
        return torch.stack(list(losses.values())).sum(), right

    def look() -> str:
        found = measure.accuracies(averaged(model, training.average), senses.load_eye(), "validation")
        return ", ".join(f"{name} {100 * value:.0f} %" for name, value in found.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.05, 0.4)

    model.train()
    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


class Acted:
    """Step -> what is seen and heard of acted moods, and the moods, int64 (n,); pools are made anew now and then."""

    def __init__(self, size: int, pool: int, uses: int, seed: int) -> None:
        self.eye, self.size, self.pool, self.uses, self.seed = senses.load_eye(), size, pool, uses, seed
        self.takes = Takes(size, pool, uses, seed)
        self._number = -1
        self._seen: list[torch.Tensor] = []
        self._heard: list[torch.Tensor] = []

    def __call__(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        number = step * self.size // (self.pool * self.uses)
        if number != self._number:
            self._number = number
            seed = self.seed * 10**6 + number
            each = self.pool // len(MOODS)
            self._seen = [self.shown(mood, each, seed) for mood in MOODS]
            spoken = self.takes.spoken(number)
            waves = {mood: [senses.voice(take.audio) for take in spoken if take.style == mood] for mood in MOODS}
            self._heard = [senses.heard(np.stack(waves[mood])) for mood in MOODS]
        rng = np.random.default_rng((self.seed, 1, step))
        moods = rng.integers(len(MOODS), size=self.size)
        seen = torch.stack([self._seen[m][rng.integers(len(self._seen[m]))] for m in moods])
        heard = torch.stack([self._heard[m][rng.integers(len(self._heard[m]))] for m in moods])
        # some microphones hear less
        return (
            seen,
            heard + torch.from_numpy(rng.normal(0, 0.05, (self.size, 1, 1)).astype(np.float32)),
            torch.from_numpy(moods),
        )

    def shown(self, mood: str, n: int, seed: int) -> torch.Tensor:
        """What is seen of so many gaits."""
        those = films("train", n, seed, mood=mood)
        return senses.seen(self.eye, np.stack([film.frames(senses.FRAMES) for film in those]))
