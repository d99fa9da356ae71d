"""Whether sounds find their captions, and captions their sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import ClapModel, ClapProcessor

from tinyworld.sound import RATE
from tinyworld.sounds import MATERIALS, MOODS, PITCHES, RHYTHMS, sounds

OF = 64  # sounds among which one is looked for
TIMES = 4  # that they are played, every time otherwise
FACTS = {"material": MATERIALS, "pitch": PITCHES, "rhythm": RHYTHMS, "mood": MOODS}


def load(folder: Path) -> tuple[ClapModel, ClapProcessor]:
    """The checkpoint in a folder, in single precision."""
    return ClapModel.from_pretrained(folder, dtype=torch.float32).eval(), ClapProcessor.from_pretrained(folder)


def features(processor: ClapProcessor, played: Sequence[np.ndarray]) -> torch.Tensor:
    """Mel spectrograms in dB, float32 (n, 1, frames, bands)."""
    found = processor.feature_extractor(list(played), sampling_rate=RATE, return_tensors="pt")
    return found["input_features"].float()


@torch.inference_mode()
def embed_sounds(model: ClapModel, processor: ClapProcessor, played: Sequence[np.ndarray]) -> torch.Tensor:
    """Sounds at 16 kHz to unit vectors, float32 (n, 64)."""
    return _pooled(model.get_audio_features(features(processor, played)))


@torch.inference_mode()
def embed_texts(model: ClapModel, processor: ClapProcessor, texts: Sequence[str]) -> torch.Tensor:
    """Texts to unit vectors, float32 (n, 64)."""
    inputs = processor.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
    return _pooled(model.get_text_features(**inputs))


def _pooled(output: Any) -> torch.Tensor:
    return torch.nn.functional.normalize(getattr(output, "pooler_output", output), dim=-1).clone()


def retrieval(model: ClapModel, processor: ClapProcessor, times: int) -> dict[str, float]:
    """R@1 and R@5 of 64 test sounds in both directions, and how often a sound's facts are right of all captions."""
    figures: dict[str, list[float]] = {}
    for seed in range(times):
        rng, those = np.random.default_rng((seed, 12)), sounds("test", OF, seed)
        heard = embed_sounds(model, processor, [s.play(rng) for s in those])
        told = embed_texts(model, processor, [s.caption(rng) for s in those])
        alike = heard @ told.T
        own = alike.diag()
        for name, rank in (("text", (alike > own[:, None]).sum(1)), ("sound", (alike > own).sum(0))):
            for k in (1, 5):
                figures.setdefault(f"{name}/R@{k}", []).append((rank < k).float().mean().item())
        # Zero-shot: of the canonical captions that differ in one fact only, the right one has to be the nearest.
        for number, (fact, words) in enumerate(FACTS.items()):
            right = []
            for vector, sound in zip(heard, those, strict=True):
                facts = astuple(sound)
                others = [replace(sound, **{fact: word}).caption() for word in words]
                nearest = int((embed_texts(model, processor, others) @ vector).argmax())
                right.append(words[nearest] == facts[number])
            figures.setdefault(fact, []).append(float(np.mean(right)))
    return {name: float(np.mean(values)) for name, values in figures.items()}


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card; `n`: how often the sounds are played. Shares are in [0, 1]."""
    return retrieval(*load(folder), min(n or TIMES, TIMES))


ROWS = {"text/R@1": "sound to text, R@1", "text/R@5": "R@5", "sound/R@1": "text to sound, R@1", "sound/R@5": "R@5"}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = [f"| {' | '.join([*ROWS.values(), *FACTS])} |", "|" + "---|" * (len(ROWS) + len(FACTS))]
    lines.append("| " + " | ".join(f"{100 * figures[key]:.1f} %" for key in (*ROWS, *FACTS)) + " |")
    return "\n".join(lines)
