"""How far the judge can be trusted: on drawings, on drawings made soft, and on things that are no shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tinyworld import drawing
from tinyworld import judge as judges
from tinyworld.judge import UNCLEAR, Judge, Seen, Verdict
from tinyworld.objects import Object, direction
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.train.judge.distortions import no_shape, soften
from tinyworld.vocabulary import COLOURS

ASKED = ("count", "colour", "shape", "size", "background", "relation", "all")


def measure(folder: Path, n: int = 2048) -> dict[str, float]:
    """Every figure of the card, from `n` scenes each. Shares are in [0, 1]; "place, pixels" is in pixels of 64."""
    judge = judges.load(folder)
    figures: dict[str, float] = {}
    for split in ("test", "compositional"):
        figures |= {f"{split}/{name}": value for name, value in accuracy(judge, scenes(split, n)).items()}
    drawn = scenes("test", n)
    soft = soften(judges.as_pixels([s.render() for s in drawn]), np.random.default_rng(0))
    figures |= {f"soft/{name}": value for name, value in accuracy(judge, drawn, soft).items()}
    figures["wrong/shape"] = caught(judge, n)
    return figures


def accuracy(judge: Judge, drawn: list[Scene], pixels: torch.Tensor | None = None) -> dict[str, float]:
    """How often a verdict on a scene's picture is right, and how far off its places are."""
    verdicts = judge.read([s.render() for s in drawn] if pixels is None else pixels)
    right: dict[str, list[bool]] = {name: [] for name in ASKED}
    distances = []
    for scene, verdict in zip(drawn, verdicts, strict=True):
        found = pair_up(scene, verdict)
        distances += [64 * np.hypot(s.x - o.x, s.y - o.y) for o, s in found]
        whole = len(found) == len(scene.objects) == len(verdict.objects)
        answers = {name: whole and all(getattr(o, name) == getattr(s, name) for o, s in found) for name in ASKED[1:4]}
        answers |= {"count": whole, "background": scene.background == verdict.background}
        answers["all"] = all(answers.values())
        if len(scene.objects) == 2:
            answers["relation"] = whole and direction(found[0][1], found[1][1]) == direction(*scene.objects)
        for name, answer in answers.items():
            right[name].append(answer)
    return {name: float(np.mean(answers)) for name, answers in right.items() if answers} | {
        "place, pixels": float(np.mean(distances)) if distances else float("nan")
    }


def pair_up(scene: Scene, verdict: Verdict, reach: float = 0.1) -> list[tuple[Object, Seen]]:
    """Each object of the scene with what the judge sees within `reach` of its centre, the nearest first taken."""
    left, pairs = list(verdict.objects), []
    for thing in scene.objects:
        near = min(left, key=lambda s: np.hypot(s.x - thing.x, s.y - thing.y), default=None)
        if near and np.hypot(near.x - thing.x, near.y - thing.y) <= reach:
            left.remove(near)
            pairs.append((thing, near))
    return pairs


def caught(judge: Judge, n: int) -> float:
    """Of blobs, mixtures of two shapes and blurred-away shapes, the part that is not taken for a shape."""
    rng, pictures = np.random.default_rng(0), []
    for scene in scenes("test", n, objects=1):
        (thing,) = scene.objects
        coverage, corner = no_shape(thing, rng)
        picture = drawing.empty(scene.background, 64).copy()
        picture.paste(COLOURS[thing.colour], corner, mask=coverage)
        pictures.append(picture)
    return float(np.mean([not v.objects or v.objects[0].shape == UNCLEAR for v in judge.read(pictures)]))


NAMES = {
    "count": "number of objects",
    "colour": "colour, 8 classes",
    "shape": "shape, 6 classes",
    "size": "size, 2 classes",
    "background": "background, 6 classes",
    "relation": "relation, 4 classes",
    "all": "right throughout",
}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| | test | compositional | test, made soft |", "|---|---|---|---|"]
    for key, name in NAMES.items():
        cells = (f"{100 * figures[f'{split}/{key}']:.1f} %" for split in ("test", "compositional", "soft"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append(f"| blobs and mixtures called unclear, or not seen | {100 * figures['wrong/shape']:.1f} % | | |")
    return "\n".join(lines)
