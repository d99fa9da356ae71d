"""What the models of films learn from, and the options that their recipes share."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tinyworld.films import MOODS, MOTIONS, SECONDS, Film, films
from tinyworld.train import loop

FRAMES = 8
SIDE = 64
ACTED = 8  # one in so many films is a gait of an acted mood, to the left or right
MIRRORED = {"left": "right", "right": "left", "clockwise": "anticlockwise", "anticlockwise": "clockwise"}


def add_arguments(parser: argparse.ArgumentParser, out: Path, **usual: float) -> None:
    """The options of every recipe of films. usual: steps, batch, rate, pool, uses, width and scenes, each a default."""
    said = {
        "steps": "(default: %(default)s)",
        "batch": "films a step (default: %(default)s)",
        "rate": "highest learning rate (default: %(default)s)",
        "pool": "films drawn at once (default: %(default)s)",
        "uses": "how often each is used (default: %(default)s)",
        "width": "of the layers (default: %(default)s)",
        "scenes": "films a figure on the card (default: %(default)s)",
    }
    for name, value in usual.items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=said[name])
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, out)
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=200, help="steps between looks (default: %(default)s)")


@dataclass(frozen=True, eq=False)
class Reel:
    """Some films.   frames: uint8 (n, 8, 3, 64, 64).   films: what they show, or for mirrored ones showed."""

    films: list[Film]
    frames: torch.Tensor
    mirrored: torch.Tensor  # bool (n,)

    @property
    def motions(self) -> torch.Tensor:
        """Which of MOTIONS each is, int64 (n,)."""
        names = [f.motion for f in self.films]
        turned = [MIRRORED.get(m, m) if back else m for m, back in zip(names, self.mirrored.tolist(), strict=True)]
        return torch.tensor([MOTIONS.index(motion) for motion in turned])

    @property
    def sizes(self) -> torch.Tensor:
        """Whether the subject is large, float32 (n,)."""
        return torch.tensor([float(film.subject.size == "large") for film in self.films])

    def places(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The subject's centre, in [0, 1], and its velocity, in sides a second, in each frame: float32 (n, 8, 2)."""
        told = [film.at(np.arange(FRAMES) * SECONDS / FRAMES) for film in self.films]
        place = torch.tensor(np.stack([position[:, 0] for position, _ in told]), dtype=torch.float32)
        speed = torch.tensor(np.stack([velocity[:, 0] for _, velocity in told]), dtype=torch.float32)
        back = self.mirrored[:, None]
        place[..., 0] = torch.where(back, 1 - place[..., 0], place[..., 0])
        speed[..., 0] = torch.where(back, -speed[..., 0], speed[..., 0])
        return place, speed


def shot(drawn: list[Film]) -> torch.Tensor:
    """Films to their frames, uint8 (n, 8, 3, 64, 64)."""
    return torch.from_numpy(np.stack([film.frames(FRAMES) for film in drawn])).permute(0, 1, 4, 2, 3)


class Reels:
    """Step -> a reel of films of a pool, half of them mirrored; a pool is drawn anew when each was used a few times."""

    def __init__(self, size: int, pool: int, uses: int, seed: int, mirror: bool = True) -> None:
        self.size, self.pool, self.seed, self.mirror = size, pool, seed, mirror
        self.shots = loop.Pool(self.drawn, size, pool, uses)

    def __call__(self, step: int) -> Reel:
        those, shown = self.shots(step)
        generator = torch.Generator().manual_seed(self.seed * 10**9 + step)
        chosen = torch.randperm(self.pool, generator=generator)[: self.size]
        mirrored = (torch.rand(len(chosen), generator=generator) < 0.5) & self.mirror
        frames = shown[chosen]
        frames = torch.where(mirrored[:, None, None, None, None], frames.flip(-1), frames)
        return Reel([those[i] for i in chosen.tolist()], frames, mirrored)

    def drawn(self, number: int) -> tuple[list[Film], torch.Tensor]:
        """The pool with this number, and its frames."""
        seed, acted = self.seed * 10**6 + number, self.pool // ACTED
        those = films("train", self.pool - acted, seed)
        those += [film for mood in MOODS[1:] for film in films("train", -(-acted // 3), seed, mood=mood)]
        those = those[: self.pool]
        return those, shot(those)


def normalised(frames: torch.Tensor) -> torch.Tensor:
    """uint8 to float32 in [-1, 1]."""
    return frames.float() / 127.5 - 1
