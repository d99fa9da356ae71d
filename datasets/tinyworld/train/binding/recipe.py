"""Binding through pictures (Girdhar et al. 2023, "ImageBind"): sounds and IMU find each other, never paired.

The course's video model looks at the films and stays as it is. One half of the films is shown with its sound, the other
half with its IMU, each pair by CLIP's contrastive loss with a temperature of its own; no film ever gives both.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
import torch.nn.functional as F

from tinyworld import senses
from tinyworld.checkpoints import FOLDER
from tinyworld.films import films, imu, soundtrack
from tinyworld.senses import Binder
from tinyworld.train import loop, reels
from tinyworld.train.binding import measure
from tinyworld.train.binding.card import card
from tinyworld.train.senses import averaged, export, trained

NOISE = (0.1, 0.03)  # m/s^2, rad/s


def add_arguments(parser: argparse.ArgumentParser) -> None:
    usual = {"steps": 1600, "batch": 256, "rate": 1e-3, "pool": 3072, "uses": 40, "width": 96, "scenes": 8}
    reels.add_arguments(parser, FOLDER / "binding", **usual)


def run(args: argparse.Namespace) -> None:
    model, clock = trained("binding", Binder, train, args)
    export(model, args, clock, measure, card)


def train(training: loop.Training, model: Binder, args: argparse.Namespace, device: torch.device) -> None:
    """Train to the end from wherever it stands."""
    data = Pairs(args.batch, args.pool, args.uses, args.seed)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        loss, figures = torch.zeros((), device=device), {}
        for name, (seen, other) in data(i).items():
            found = model(seen=seen.to(device), **{name: other.to(device)})
            scores = model.scale[name].exp().clamp(max=100) * found["seen"] @ found[name].T
            own = torch.arange(len(scores), device=device)
            loss = loss + (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 4
            figures[name] = (scores.argmax(1) == own).float().mean().item()
        return loss, figures

    def look() -> str:
        found = measure.retrieval(averaged(model, training.average), senses.load_eye(), "validation", 2)
        return ", ".join(f"{name} {100 * value:.0f} %" for name, value in found.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.05, 0.4)

    model.train()
    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


class Pairs:
    """Step -> pictures with sounds and pictures with IMU, of other films: what is `seen`, and what is `heard` or
    `felt`.

    Of a pool of films the even ones give their sound and the odd ones their IMU; a pool is drawn anew now and then.
    """

    def __init__(self, size: int, pool: int, uses: int, seed: int) -> None:
        self.eye, self.size, self.pool, self.seed = senses.load_eye(), size, pool, seed
        self.pairs = loop.Pool(self.drawn, size, pool, uses)

    def __call__(self, step: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        rng = np.random.default_rng((self.seed, 1, step))
        half, batch = self.pool // 2, {}
        for name, (seen, other) in self.pairs(step).items():
            chosen = rng.permutation(half)[: self.size // 2]
            other = other[chosen]
            if name == "felt":  # another sensor's noise every time
                noise = np.repeat(NOISE, 3) * rng.standard_normal(other.shape)
                other = senses.felt(other + noise.astype(np.float32))
            else:
                other = other + torch.from_numpy(rng.normal(0, 0.15, (len(chosen), 1, 1)).astype(np.float32))
            batch[name] = (seen[chosen], other)
        return batch

    def drawn(self, number: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """The pool with this number: log-mel spectrograms of sounds, and what IMUs measure."""
        rng = np.random.default_rng((self.seed, 0, number))
        those = films("train", self.pool, self.seed * 10**6 + number)
        seen = senses.seen(self.eye, np.stack([film.frames(senses.FRAMES) for film in those]))
        heard = senses.heard(np.stack([soundtrack(film, rng) for film in those[::2]]))
        felt = torch.from_numpy(np.stack([imu(film, rng) for film in those[1::2]]))
        return {"heard": (seen[::2], heard), "felt": (seen[1::2], felt)}
