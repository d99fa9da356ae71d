"""Three connectors between the same towers: what each costs and how well the model answers through it."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from transformers import LlavaProcessor

from tinyworld import connectors
from tinyworld.measure.llava import Chatter, answering, messages
from tinyworld.sampling import scenes
from tinyworld.scene import Scene

COLUMNS = ("colour", "shape", "size", "count", "yes/no", "relation", "background", "where", "follow-up")


def load(folder: Path) -> Chatter:
    """One connector's model."""
    return Chatter(connectors.load(folder), LlavaProcessor.from_pretrained(folder))


def measure(folder: Path, n: int = 512) -> dict[str, float]:
    """Every figure of the card for every connector in a folder, from `n` test scenes each; shares in [0, 1]."""
    figures, drawn = {}, scenes("test", n, seed=5)
    for kind in connectors.KINDS:
        if (folder / kind).is_dir():
            chatter = load(folder / kind)
            found = answering(chatter, drawn)
            found["mean"] = sum(found[c] for c in COLUMNS) / len(COLUMNS)
            found |= cost(chatter, drawn[0])
            figures |= {f"{kind}/{name}": value for name, value in found.items()}
    return figures


def glance(folder: Path, n: int = 64) -> dict[str, float]:
    """Answers about a few validation scenes, for a look while training."""
    return answering(load(folder), scenes("validation", n))


@torch.inference_mode()
def cost(chatter: Chatter, scene: Scene) -> dict[str, float]:
    """Image tokens and the connector's parameters, and the time of one pass, in ms: the least of five."""
    text = chatter.processor.apply_chat_template(messages([], "what do you see?"), add_generation_prompt=True)
    inputs = chatter.processor(images=[scene.render(64)], text=[text], return_tensors="pt")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        chatter.model(**inputs)
        times.append(time.perf_counter() - start)
    tokens = (inputs["input_ids"] == chatter.model.config.image_token_id).sum().item()
    parameters = sum(p.numel() for p in chatter.model.model.multi_modal_projector.parameters())
    return {"image tokens": float(tokens), "parameters": float(parameters), "ms": 1000 * min(times)}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = [f"| connector | image tokens | parameters | one pass | {' | '.join(COLUMNS)} | mean |"]
    lines.append("|---|---|---|---|" + "---|" * (len(COLUMNS) + 1))
    for kind in connectors.KINDS:
        if f"{kind}/mean" in figures:
            shares = " | ".join(f"{100 * figures[f'{kind}/{c}']:.1f} %" for c in (*COLUMNS, "mean"))
            lines.append(
                f"| {kind} | {figures[f'{kind}/image tokens']:.0f} | {figures[f'{kind}/parameters']:,.0f} | "
                f"{figures[f'{kind}/ms']:.1f} ms | {shares} |"
            )
    return "\n".join(lines)
