"""What each fusion makes of picture, text and sound: with all three, with one missing, with noise, and with a lie."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPModel

from tinyworld import fusion, pointing
from tinyworld.checkpoints import checkpoint
from tinyworld.fusion import Fusion
from tinyworld.pointing import MODALITIES, Pointed
from tinyworld.train.batches import tensors
from tinyworld.train.towers import normalise
from tinyworld.vocabulary import SHAPES

CHUNK = 128
NOISES = (20.0, 5.0, 0.0, -10.0)  # dB


@torch.no_grad()
def features(clip: CLIPModel, tasks: list[Pointed]) -> torch.Tensor:
    """The patches of the tasks' pictures as CLIP's vision tower sees them, float32 (n, 16, width)."""
    seen = []
    for i in range(0, len(tasks), CHUNK):
        pixels = normalise(tensors([t.scene for t in tasks[i : i + CHUNK]])["pixels"])
        seen.append(clip.vision_model(pixel_values=pixels).last_hidden_state[:, 1:])
    return torch.cat(seen)


class Tasks:
    """Tasks of a split, with what the models are given of them. Voices are new ones, but for validation."""

    def __init__(self, n: int, split: str, seed: int) -> None:
        self.tasks = pointing.pointed(split, n, seed)
        clip = CLIPModel.from_pretrained(checkpoint("clip"), dtype=torch.float32).eval()
        self.image = features(clip, self.tasks)
        self.text = pointing.token_ids([t.text for t in self.tasks])
        self.voices = "train" if split == "validation" else "test"

    def audio(self, noise: float = 20.0, lie: bool = False) -> torch.Tensor:
        """What is heard; a lie is the colour of the object that is not meant."""
        rng = np.random.default_rng(4)
        colours = [t.scene.objects[1 - t.meant if lie else t.meant].colour for t in self.tasks]
        return pointing.audio_tokens(pointing.say(colours, self.voices, rng, noise))


@torch.inference_mode()
def answers(model: Fusion, seen: Tasks, audio: torch.Tensor, missing: str | None = None) -> list[str]:
    """The shapes that a model answers, with one modality missing where named."""
    there = torch.ones(len(seen.tasks), len(MODALITIES), dtype=torch.bool)
    if missing:
        there[:, MODALITIES.index(missing)] = False
    scores = torch.cat(
        [
            model(*(tensor[i : i + CHUNK] for tensor in (seen.image, seen.text, audio, there)))
            for i in range(0, len(there), CHUNK)
        ]
    )
    return [SHAPES[i] for i in scores.argmax(1)]


def report(model: Fusion, seen: Tasks) -> dict[str, float]:
    """Shares in [0, 1]: right with all three, without each, under noise; and whom it believes when words disagree."""
    meant = [t.shape for t in seen.tasks]

    def right(said: list[str]) -> float:
        return float(np.mean([a == b for a, b in zip(said, meant, strict=True)]))

    audio = seen.audio()
    figures = {"all three": right(answers(model, seen, audio))}
    figures |= {f"no {name}": right(answers(model, seen, audio, name)) for name in MODALITIES}
    figures |= {f"noise {snr:g} dB": right(answers(model, seen, seen.audio(snr))) for snr in NOISES[1:]}
    said = answers(model, seen, seen.audio(lie=True))
    figures["believes text"] = right(said)
    figures["believes audio"] = float(np.mean([a == t.other for a, t in zip(said, seen.tasks, strict=True)]))
    return figures


def measure(folder: Path, n: int = 1024) -> dict[str, float]:
    """Every figure of the card, from `n` test tasks with voices that no model has heard."""
    seen = Tasks(n, "test", 0)
    figures: dict[str, float] = {}
    for name in json.loads((folder / "config.json").read_text())["models"]:
        model = fusion.load(folder, name)
        figures |= {f"{name}/{key}": value for key, value in report(model, seen).items()}
        figures[f"{name}/parameters"] = float(sum(p.numel() for p in model.parameters()))
        figures[f"{name}/ms"] = 1000 * seconds(model, seen)
    return figures


@torch.inference_mode()
def seconds(model: Fusion, seen: Tasks) -> float:
    """The time of 64 tasks: the least of five."""
    there = torch.ones(len(seen.image[:64]), len(MODALITIES), dtype=torch.bool)
    inputs = (seen.image[:64], seen.text[:64], seen.audio()[:64], there)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        model(*inputs)
        times.append(time.perf_counter() - start)
    return min(times)


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    names = list(dict.fromkeys(key.split("/")[0] for key in figures))
    columns = [key.split("/", 1)[1] for key in figures if key.startswith(f"{names[0]}/")]
    shares = [c for c in columns if c not in ("parameters", "ms")]
    lines = [f"| fusion | parameters | 64 tasks | {' | '.join(shares)} |", "|---|---|---|" + "---|" * len(shares)]
    for name in names:
        found = " | ".join(f"{100 * figures[f'{name}/{c}']:.1f} %" for c in shares)
        lines.append(f"| {name} | {figures[f'{name}/parameters']:,.0f} | {figures[f'{name}/ms']:.1f} ms | {found} |")
    return "\n".join(lines)
