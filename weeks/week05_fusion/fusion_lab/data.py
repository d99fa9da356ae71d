"""The scenes, questions and albums that the notebook asks about. All are of the test split."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

import tinyworld
from tinyworld import conversations, pointing
from tinyworld.albums import Album, album
from tinyworld.pointing import Pointed
from tinyworld.scene import Scene
from tinyworld.vocabulary import COLOURS, SHAPES


class Asked(NamedTuple):
    """A question about a scene, its answer, and what kind it is (`tinyworld.conversations.ALL_KINDS`)."""

    scene: Scene
    text: str
    answer: str
    kind: str


def opening_scenes() -> list[Scene]:
    """The scenes that the notebook begins with: a few of two objects, the first of which holds one star."""
    drawn = tinyworld.scenes("test", 60, 11, objects=2)
    stars = [s for s in drawn if sum(o.shape == "star" for o in s.objects) == 1]
    return [stars[0], *[s for s in drawn if s is not stars[0]][:3]]


def pictures(scenes: list[Scene]) -> list[Image.Image]:
    """The scenes drawn, 64x64."""
    return [scene.render(64) for scene in scenes]


def questions(n: int, seed: int = 0, kinds: tuple[str, ...] = ("colour", "shape", "background")) -> list[Asked]:
    """`n` questions, one a scene, their kinds in turn."""
    rng = np.random.default_rng(seed)
    out: list[Asked] = []
    for scene in tinyworld.scenes("test", 4 * n, seed):
        wanted = kinds[len(out) % len(kinds)]
        if wanted == "where":
            turn = conversations.where(scene, int(rng.integers(len(scene.objects))), rng)
            out.append(Asked(scene, *turn))
        else:
            several = [q for q in scene.questions(rng) if q.kind == wanted]
            if several:
                out.append(Asked(scene, *several[0]))
        if len(out) == n:
            break
    return out


def tasks(n: int, seed: int = 0) -> list[Pointed]:
    """Tasks of picture, text and sound."""
    return pointing.pointed("test", n, seed)


def albums(kind: str, n: int, seed: int = 0) -> list[Album]:
    """Albums of one kind."""
    rng = np.random.default_rng(seed)
    return [album("test", kind, rng) for _ in range(n)]


def asked_if_there(n: int, seed: int = 0) -> dict[str, list[Asked]]:
    """Questions whether something is there; half of them ask for what is not there.

    "random": any object that is not there.   "one word off": one that differs from what is there in colour or shape.
    """
    rng = np.random.default_rng(seed)
    random: list[Asked] = []
    near: list[Asked] = []
    for i, scene in enumerate(tinyworld.scenes("test", n, seed)):
        there = {(o.colour, o.shape) for o in scene.objects}
        present = scene.objects[int(rng.integers(len(scene.objects)))]
        absent = [(c, s) for c in COLOURS for s in SHAPES if (c, s) not in there]
        # nothing of it is there, neither the colour nor the shape
        foreign = [(c, s) for c, s in absent if all(c != o.colour and s != o.shape for o in scene.objects)]
        close = [(c, s) for c, s in absent if (c == present.colour) != (s == present.shape)]
        for several, choices in ((random, foreign), (near, close)):
            colour, shape = choices[int(rng.integers(len(choices)))] if i % 2 else (present.colour, present.shape)
            article = "an" if colour[0] in "aeiou" else "a"
            several.append(Asked(scene, f"is there {article} {colour} {shape}?", "no" if i % 2 else "yes", "yes/no"))
    return {"random": random, "one word off": near}


def false_premises(n: int, seed: int = 0) -> list[Asked]:
    """Questions for the colour of a shape that is not there. No answer is right."""
    rng, out = np.random.default_rng(seed), []
    for scene in tinyworld.scenes("test", n, seed):
        missing = [s for s in SHAPES if all(o.shape != s for o in scene.objects)]
        out.append(Asked(scene, f"what colour is the {missing[int(rng.integers(len(missing)))]}?", "", "colour"))
    return out
