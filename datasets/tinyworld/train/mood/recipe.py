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
from tinyworld.train.senses import averaged, export, trained
from tinyworld.train.voices.corpus import Takes

SILENT = 0.15  # how often a sense is missing in early fusion
HEADS = ("seen", "heard", "early")
assert voices.STYLES == MOODS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    usual = {"steps": 1200, "batch": 48, "rate": 1e-3, "pool": 800, "uses": 18, "width": 64, "scenes": 72}
    reels.add_arguments(parser, FOLDER / "mood", **usual)


def run(args: argparse.Namespace) -> None:
    model, clock = trained("mood", MoodClassifier, train, args)
    export(model, args, clock, measure, card)


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
        self.eye, self.size, self.each, self.seed = senses.load_eye(), size, pool // len(MOODS), seed
        self.takes = Takes(size, pool, uses, seed)
        self.acted = loop.Pool(self.drawn, size, pool, uses)

    def __call__(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        gaits, spoken = self.acted(step)
        rng = np.random.default_rng((self.seed, 1, step))
        moods = rng.integers(len(MOODS), size=self.size)
        seen = torch.stack([gaits[m][rng.integers(len(gaits[m]))] for m in moods])
        heard = torch.stack([spoken[m][rng.integers(len(spoken[m]))] for m in moods])
        louder = torch.from_numpy(
            rng.normal(0, 0.05, (self.size, 1, 1)).astype(np.float32)
        )  # some microphones hear less
        return seen, heard + louder, torch.from_numpy(moods)

    def drawn(self, number: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """The pool with this number: what is seen of the gaits of each mood, and what is heard of its voices."""
        takes, seen, heard = self.takes.spoken(number), [], []
        for mood in MOODS:
            those = films("train", self.each, self.seed * 10**6 + number, mood=mood)
            seen.append(senses.seen(self.eye, np.stack([film.frames(senses.FRAMES) for film in those])))
            heard.append(senses.heard(np.stack([senses.voice(take.audio) for take in takes if take.style == mood])))
        return seen, heard
