"""Three connectors between the same towers: what each costs and how well the model answers through it."""

from __future__ import annotations

from pathlib import Path

from transformers import LlavaProcessor

from tinyworld import connectors
from tinyworld.sampling import scenes
from tinyworld.train.llava.measure import Chatter, answering

COLUMNS = ("colour", "shape", "size", "count", "yes/no", "relation", "background", "where", "follow-up")


def load(folder: Path) -> Chatter:
    """One connector's model."""
    return Chatter(connectors.load(folder), LlavaProcessor.from_pretrained(folder))


def measure(folder: Path, n: int = 512) -> dict[str, float]:
    """Every figure of the card for every connector in a folder, from `n` test scenes each; shares in [0, 1]."""
    drawn = scenes("test", n, seed=5)
    figures: dict[str, float] = {}
    for kind in connectors.KINDS:
        if (folder / kind).is_dir():
            chatter = load(folder / kind)
            found = answering(chatter, drawn)
            found["mean"] = sum(found[c] for c in COLUMNS) / len(COLUMNS)
            found |= connectors.cost(chatter.model, chatter.processor, drawn[0])
            figures |= {f"{kind}/{name}": value for name, value in found.items()}
    return figures


def glance(folder: Path, n: int = 64) -> dict[str, float]:
    """Answers about a few validation scenes, for a look while training."""
    return answering(load(folder), scenes("validation", n))


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
