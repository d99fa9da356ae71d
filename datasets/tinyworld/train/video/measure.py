"""How often motions are told, of whole films, of one frame, and of frames in another order."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import VideoMAEForVideoClassification

from tinyworld.films import MOTIONS, Film, films
from tinyworld.train.reels import FRAMES, normalised, shot

CHUNK = 60
WAYS = ("films", "one frame", "shuffled", "reversed")
SCENES = 600


def load(folder: Path) -> VideoMAEForVideoClassification:
    """The checkpoint in a folder, in single precision."""
    return VideoMAEForVideoClassification.from_pretrained(folder, dtype=torch.float32).eval()


def changed(frames: torch.Tensor, way: str, generator: torch.Generator) -> torch.Tensor:
    """Films (n, 8, ...) in one of WAYS: as they are, one frame of each eight times, in random order, or backwards."""
    if way == "reversed":
        return frames.flip(1)
    if way == "films":
        return frames
    n = len(frames)
    order = torch.rand(n, FRAMES, generator=generator).argsort(1)
    if way == "one frame":
        order = order[:, :1].expand(-1, FRAMES)
    return frames[torch.arange(n)[:, None], order]


@torch.inference_mode()
def scores(model: VideoMAEForVideoClassification, frames: torch.Tensor) -> torch.Tensor:
    """Films, uint8 (n, 8, 3, 64, 64), to scores of MOTIONS, float32 (n, 12)."""
    return torch.cat([model(normalised(part)).logits for part in frames.split(CHUNK)])


def accuracies(model: VideoMAEForVideoClassification, those: list[Film]) -> dict[str, float]:
    """The share of films whose motion is told, in each of WAYS, by the motion of the film as it is."""
    frames, wanted = shot(those), torch.tensor([MOTIONS.index(film.motion) for film in those])
    generator, found = torch.Generator().manual_seed(0), {}
    for way in WAYS:
        said = scores(model, changed(frames, way, generator)).argmax(1)
        found[way] = (said == wanted).float().mean().item()
    return found


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card; `n`: films a figure. Shares are in [0, 1]."""
    model, n = load(folder), n or SCENES
    figures = accuracies(model, films("test", n, 0))
    figures["compositional"] = accuracies(model, films("compositional", n, 0))["films"]
    for motion in MOTIONS:
        figures[motion] = accuracies(model, films("test", max(n // len(MOTIONS), 1), 1, motion))["films"]
    return figures


ROWS = ("films", "compositional", "one frame", "shuffled", "reversed")


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""

    def lines(names: tuple[str, ...]) -> list[str]:
        shown = " | ".join(f"{100 * figures[name]:.1f} %" for name in names)
        return [f"| {' | '.join(names)} |", "|" + "---|" * len(names), f"| {shown} |"]

    return "\n".join([*lines(ROWS), "", *lines(MOTIONS)])
