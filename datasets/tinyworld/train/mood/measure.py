"""How often an acted mood is told from gait, voice and both, and which is believed where they differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import VideoMAEForVideoClassification

from tinyworld import senses, voices
from tinyworld.films import MOODS, films
from tinyworld.senses import MoodClassifier

SCENES = 72
WAYS = ("seen", "heard", "late", "early")
BELIEVED = ("late", "early")


def voiced() -> tuple[torch.Tensor, torch.Tensor]:
    """The nine voices' recordings in four styles as `heard`, and their moods: nobody of them was heard in training."""
    said = voices.load("styles")
    moods = torch.tensor([MOODS.index(recording.style) for recording in said])
    return senses.heard(np.stack([senses.voice(recording.audio) for recording in said])), moods


def walking(eye: VideoMAEForVideoClassification, moods: torch.Tensor, split: str, seed: int = 0) -> torch.Tensor:
    """What is `seen` of one film of a split for each mood that is asked for."""
    several = {m: iter(films(split, int((moods == m).sum()), seed, mood=MOODS[m])) for m in moods.unique().tolist()}
    return senses.seen(eye, np.stack([next(several[m]).frames(senses.FRAMES) for m in moods.tolist()]))


@torch.inference_mode()
def accuracies(
    model: MoodClassifier, eye: VideoMAEForVideoClassification, split: str, n: int | None = None
) -> dict[str, float]:
    """The share of right moods in each of WAYS; and where gait and voice are of two moods, whose the answer is: "late:
    voice", "late: gait", "early: voice" and "early: gait"."""
    heard, moods = (x[: n or SCENES] for x in voiced())
    found = model(walking(eye, moods, split), heard)
    figures = {way: (found[way].argmax(1) == moods).float().mean().item() for way in WAYS}
    others = (moods + torch.arange(len(moods)) % (len(MOODS) - 1) + 1) % len(MOODS)
    torn = model(walking(eye, others, split, 1), heard)
    for way in BELIEVED:
        said = torn[way].argmax(1)
        figures[f"{way}: voice"] = (said == moods).float().mean().item()
        figures[f"{way}: gait"] = (said == others).float().mean().item()
    return figures


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card; `n`: recordings. Shares are in [0, 1]."""
    return accuracies(senses.load_mood(folder), senses.load_eye(), "test", n)


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    torn = [f"{way}: {whose}" for way in BELIEVED for whose in ("voice", "gait")]

    def lines(names: list[str]) -> list[str]:
        shown = " | ".join(f"{100 * figures[name]:.1f} %" for name in names)
        return [f"| {' | '.join(names)} |", "|" + "---|" * len(names), f"| {shown} |"]

    return "\n".join([*lines(list(WAYS)), "", *lines(torn)])
