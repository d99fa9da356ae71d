"""Whether painted films are films of what was told: read back by `films.reading`, beside baselines and true films."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tinyworld import judge as judges
from tinyworld import motion
from tinyworld.checkpoints import checkpoint
from tinyworld.films import FilmFacts, caption, facts, films, reading, still_caption
from tinyworld.motion import FRAMES, GUIDANCE, STEPS
from tinyworld.train.diffusion.measure import load as load_painter

SCENES = 200
CHUNK = 25  # films painted at once
NAMES = {"true": "true films", "module": "motion module", "independent": "independent frames", "same": "same noise"}
COLUMNS = ("identity", "moves as told", "direction", "residual", "all right")


def summary(made: np.ndarray, told: Sequence[FilmFacts]) -> dict[str, float]:
    """How films, uint8 (n, 8, 64, 64, 3), hold to what was told of them.

    identity: the share of all frames with the subject's shape and colour.   moves as told: of all films.   direction:
    of those whose motion has one.   residual: the median over films, pixels a frame squared, infinite where half are
    lost.   all right: the share in which all of it holds.
    """
    judge = judges.load()
    found = [reading.report(frames, facts, judge) for frames, facts in zip(made, told, strict=True)]
    ways = [bool(r.direction) for r, t in zip(found, told, strict=True) if directed(t)]
    return {
        "identity": float(np.mean([r.identity for r in found])),
        "moves as told": float(np.mean([r.motion == t.motion for r, t in zip(found, told, strict=True)])),
        "direction": float(np.mean(ways)) if ways else 0.0,
        "residual": float(np.median([r.residual for r in found])),
        "all right": float(np.mean([r.right for r in found])),
    }


def directed(told: FilmFacts) -> bool:
    """Whether a motion has a direction that can be wrong."""
    return told.motion not in ("falls", "bounces", "swings")


@torch.no_grad()
def baseline(told: Sequence[FilmFacts], same: bool, seed: int = 0) -> np.ndarray:
    """The painter of week 2, told the same without the motion, eight times: from eight noises, or from one."""
    painter = load_painter(checkpoint("diffusion"))
    texts = [still_caption(f) for f in told for _ in range(1 if same else FRAMES)]
    generator, made = torch.Generator().manual_seed(seed), []
    for i in range(0, len(texts), 128):
        some = texts[i : i + 128]
        made.append(painter(some, num_inference_steps=STEPS, guidance_scale=GUIDANCE, generator=generator,
                            height=64, width=64, output_type="np").images)  # fmt: skip
    pictures = np.round(255 * np.concatenate(made)).astype(np.uint8)
    return np.repeat(pictures[:, None], FRAMES, 1) if same else pictures.reshape(len(told), FRAMES, 64, 64, 3)


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card; `n`: films a figure, of test captions of one object."""
    n = n or SCENES
    pipe, words = motion.load(folder)
    those = films("test", n, 0, objects=1)
    told, texts = [facts(film) for film in those], [caption(film) for film in those]
    made = {"true": np.stack([film.frames(FRAMES) for film in those])}
    made["module"] = np.concatenate(
        [motion.filmed(pipe, words, texts[i : i + CHUNK], seed=i) for i in range(0, n, CHUNK)]
    )
    few = told[: max(n // 4, 1)]
    made |= {"independent": baseline(few, same=False), "same": baseline(few, same=True)}
    figures: dict[str, float] = {}
    for name, shown in made.items():
        figures |= {f"{name}/{key}": value for key, value in summary(shown, told[: len(shown)]).items()}
    return {key: min(value, 99.0) for key, value in figures.items()}  # JSON has no infinity


def save_sheet(made: np.ndarray, file: Path, most: int = 20) -> None:
    """Films as rows of frames."""
    rows = [np.concatenate(list(film), axis=1) for film in made[:most]]
    Image.fromarray(np.concatenate(rows)).save(file)


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""

    def cell(name: str, column: str) -> str:
        value = figures[f"{name}/{column}"]
        if column == "residual":
            return "lost" if value >= 99 else f"{value:.2f} px"
        return f"{100 * value:.1f} %"

    lines = [f"| | {' | '.join(COLUMNS)} |", "|" + "---|" * (1 + len(COLUMNS))]
    lines += [f"| {called} | {' | '.join(cell(name, c) for c in COLUMNS)} |" for name, called in NAMES.items()]
    return "\n".join(lines)
