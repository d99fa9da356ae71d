"""What is right on pictures, as the judge reads them, which none of the studio's models has seen; and whether ranking
helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from PIL import Image

from studio_lab.studio import Models, ours
from tinyworld import Facts, Scene, judge
from tinyworld.judge import Seen, Verdict
from tinyworld.objects import direction

load_judge = lru_cache(maxsize=1)(judge.load)


def shows(facts: Facts, verdict: Verdict) -> dict[str, bool]:
    """What is right on a picture: "background", "objects" (number, colours, shapes, sizes), "relation", and "all"."""
    seen = [(one.size, one.colour, one.shape) for one in verdict.objects]
    found = {
        "background": verdict.background == facts.background,
        "objects": sorted(seen) == sorted(facts.objects),
        "relation": facts.relation is None or _related(facts, verdict.objects),
    }
    return found | {"all": all(found.values())}


def _related(facts: Facts, objects: Sequence[Seen]) -> bool:
    places = [next((o for o in objects if (o.colour, o.shape) == thing[1:]), None) for thing in facts.objects]
    first, second = places  # what has a relation has two objects
    return first is not None and second is not None and direction(first, second) == facts.relation


def read(pictures: Sequence[Image.Image]) -> list[Verdict]:
    """What the judge sees on the pictures."""
    return load_judge().read(list(pictures))


def by_chance(pictures: Sequence[Image.Image], prompt: str) -> int:
    """The first candidate: what one gets without ranking."""
    return 0


def choosers(
    models: Models,
    others: Mapping[str, str],
    rank: Callable[..., Any] | None = None,
    matches: Callable[..., float] | None = None,
) -> dict[str, Callable[[Sequence[Image.Image], str], int]]:
    """Named ways to choose one of several candidates. others: another prompt for each, for the control.

    rank, matches: as the notebook's; by default the course's own.
    """

    def by_clip(pictures: Sequence[Image.Image], prompt: str) -> int:
        return int((rank or ours.rank)(models["clip"], pictures, prompt)[0][0])

    def by_blip(pictures: Sequence[Image.Image], prompt: str) -> int:
        chances = [(matches or ours.matches)(models["retrieval"], picture, prompt) for picture in pictures]
        return chances.index(max(chances))

    return {
        "the first": by_chance,
        "by CLIP, told another prompt": lambda pictures, prompt: by_clip(pictures, others[prompt]),
        "by CLIP": by_clip,
        "by BLIP's matching": by_blip,
    }


def candidates(models: Models, scenes: Sequence[Scene], n: int = 4, steps: int = 8, seed: int = 0) -> list[list]:
    """`n` pictures of each scene's caption."""
    pipe = models.painter
    return [ours.paint(pipe, s.caption(), range(seed + n * i, seed + n * i + n), steps) for i, s in enumerate(scenes)]


def choices(
    models: Models,
    scenes: Sequence[Scene],
    painted: Sequence[Sequence[Image.Image]],
    rank: Callable[..., Any] | None = None,
    matches: Callable[..., float] | None = None,
) -> tuple[dict[str, list[int]], list[list[bool]]]:
    """Which candidate each way chooses for every scene, and which candidates show all that was told.

    rank, matches: see `choosers`.
    """
    captions = [scene.caption() for scene in scenes]
    ways = choosers(models, dict(zip(captions, captions[1:] + captions[:1], strict=True)), rank, matches)
    chosen = {
        name: [way(pictures, caption) for pictures, caption in zip(painted, captions, strict=True)]
        for name, way in ways.items()
    }
    right = [
        [shows(scene.facts(), verdict)["all"] for verdict in read(pictures)]
        for scene, pictures in zip(scenes, painted, strict=True)
    ]
    return chosen, right
