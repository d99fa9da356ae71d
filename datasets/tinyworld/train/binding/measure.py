"""Whether films are found by their sounds and IMU, and these by each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import VideoMAEForVideoClassification

from tinyworld import senses
from tinyworld.films import films, imu, soundtrack
from tinyworld.senses import Binder

OF = 64  # films among which one is looked for
TIMES = 8  # such sets
PAIRS = {
    "seen, heard": "picture to sound",
    "seen, felt": "picture to IMU",
    "felt, heard": "IMU to sound, never paired",
    "heard, felt": "sound to IMU, never paired",
    "control": "IMU to sound of other films",
}


@torch.inference_mode()
def embedded(model: Binder, eye: VideoMAEForVideoClassification, split: str, seed: int) -> dict[str, torch.Tensor]:
    """Unit vectors (64, 64) of what is seen, heard and felt of 64 films of a split."""
    those, rng = films(split, OF, seed), np.random.default_rng((seed, 13))
    return model(
        senses.seen(eye, np.stack([film.frames(senses.FRAMES) for film in those])),
        senses.heard(np.stack([soundtrack(film, rng) for film in those])),
        senses.felt(np.stack([imu(film, rng) for film in those])),
    )


def retrieval(model: Binder, eye: VideoMAEForVideoClassification, split: str, times: int) -> dict[str, float]:
    """R@1 of 64 in each of PAIRS, the mean over so many sets. The control looks for another film's sound."""
    found: dict[str, list[float]] = {}
    for seed in range(times):
        vectors = embedded(model, eye, split, seed)
        for name in PAIRS:
            asking, asked = ("felt", "heard") if name == "control" else name.split(", ")
            alike = vectors[asking] @ vectors[asked].T
            wanted = torch.arange(OF).roll(1 if name == "control" else 0)
            found.setdefault(name, []).append((alike.argmax(1) == wanted).float().mean().item())
    return {name: float(np.mean(values)) for name, values in found.items()}


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card; `n`: sets of 64 films. Shares are in [0, 1]."""
    return retrieval(senses.load_binder(folder), senses.load_eye(), "test", n or TIMES)


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    shown = " | ".join(f"{100 * figures[name]:.1f} %" for name in PAIRS)
    return "\n".join([f"| {' | '.join(PAIRS.values())} |", "|" + "---|" * len(PAIRS), f"| {shown} |"])
