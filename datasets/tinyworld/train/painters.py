"""What is measured alike of every model that paints captions: diffusion, a language model of tokens, a masked one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tinyworld.judge import Judge
from tinyworld.sampling import scenes
from tinyworld.train.diffusion.latents import held_out
from tinyworld.train.diffusion.measure import DOUBLE, SINGLE, captions, score, unseen

GROUPS = ("one", "pairs", "new pairs")
COPIES = 12  # pictures of one caption, for diversity
Paint = Callable[[list[str], int], np.ndarray]  # captions and a seed to pictures, uint8 (n, 64, 64, 3)


def obedience(paint: Paint, judge: Judge, n: int, groups: tuple[str, ...] = GROUPS) -> dict[str, float]:
    """How often pictures show what their captions say (`diffusion.measure.score`), of `n` unseen captions of one
    object, as many of two ("pairs"), and as many of new pairs of colour and shape ("new pairs")."""
    figures: dict[str, float] = {}
    for group in groups:
        asked = scenes("compositional", n, objects=1) if group == "new pairs" else unseen(n, 1 + (group == "pairs"))
        verdicts = judge.read(paint(captions(asked), 0))
        figures |= {f"{group}/{name}": value for name, value in score(asked, verdicts).items()}
    return figures


def diversity(paint: Paint, judge: Judge, n: int = 12) -> float:
    """How far apart pictures of one caption put its object: the standard deviation of its centre, in pixels.

    The mean over x and y, and over `n` unseen captions of one object, of which the place is not said. Scenes that are
    drawn at random reach about 12.
    """
    asked = captions(unseen(n, 1))
    verdicts = judge.read(paint([caption for caption in asked for _ in range(COPIES)], 1))
    spreads = []
    for i in range(n):
        seen = [v.objects[0] for v in verdicts[i * COPIES : (i + 1) * COPIES] if v.objects]
        if len(seen) > 1:
            spreads.append(64 * np.std([(s.x, s.y) for s in seen], axis=0, ddof=1).mean())
    return float(np.mean(spreads)) if spreads else 0.0


def seconds(paint: Paint) -> float:
    """The time of one picture by itself: the least of three."""
    times = []
    for seed in range(3):
        start = time.perf_counter()
        paint(["a small red star on a white background"], seed)
        times.append(time.perf_counter() - start)
    return min(times)


def look(paint: Paint, judge: Judge, sheet: Path | None = None, n: int = 48) -> dict[str, float]:
    """A few figures of validation captions, while training, and with `sheet` a picture of the pictures."""
    figures: dict[str, float] = {}
    painted = []
    for objects, kinds in ((1, ("shape", "colour", "one object", "all")), (2, DOUBLE[:2])):
        asked = [s for s in scenes("validation", 16 * n, objects=objects) if held_out(s)][:n]
        painted.append(paint(captions(asked), 0))
        found = score(asked, judge.read(painted[-1]))
        figures |= {name: found[name] for name in kinds}
    if sheet:
        save_sheet(np.concatenate(painted), sheet)
    return figures


def save_sheet(pictures: np.ndarray, file: Path, columns: int = 12) -> None:
    """Pictures, uint8 (n, 64, 64, 3), as one page, each twice as large."""
    rows = pictures[: len(pictures) // columns * columns].reshape(-1, columns, 64, 64, 3)
    page = Image.fromarray(rows.transpose(0, 2, 1, 3, 4).reshape(-1, columns * 64, 3))
    page.resize((2 * page.width, 2 * page.height), Image.Resampling.NEAREST).save(file)


def rows(figures: dict[str, float], groups: dict[str, str]) -> list[str]:
    """The figures of `obedience` as lines of Markdown, those that there are.

    groups: what stands before the figures' names -> how a row is called.
    """

    def lines(kind: str, names: tuple[str, ...], called: str) -> list[str]:
        found = [group for group in groups if f"{group}{kind}/{names[0]}" in figures]
        return [
            f"| {groups[group]}{called} | "
            + " | ".join(f"{100 * figures[f'{group}{kind}/{name}']:.1f} %" for name in names)
            + " |"
            for group in found
        ]

    one = [f"| one object | {' | '.join(SINGLE)} |", f"|---|{'---|' * len(SINGLE)}"]
    two = [f"| two objects | {' | '.join(DOUBLE)} |", f"|---|{'---|' * len(DOUBLE)}"]
    one += lines("one", SINGLE, "") + lines("new pairs", SINGLE, ", new pairs")
    return [*one, "", *two, *lines("pairs", DOUBLE, "")]
