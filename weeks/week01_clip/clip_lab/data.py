"""What week 1 looks at: views of tinyworld, each the same on every machine, and a few photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

import tinyworld
from coursekit import photographs as shipped
from tinyworld import Object, Scene

# What a class name is put into before CLIP reads it (Radford et al. 2021, section 3.1.4). Of the last two the small
# model has never read the like.
TEMPLATES: tuple[str, ...] = ("{}", "there is {}", "a photo of {}", "{} and nothing else")

# What a picture of one object can be sorted by, and the classes.
ATTRIBUTES: dict[str, tuple[str, ...]] = {"colour": tuple(tinyworld.COLOURS), "shape": tuple(tinyworld.SHAPES)}


@dataclass(frozen=True)
class Album:
    """Pictures and their captions, in the same order; no two captions say the same.

    scenes: what is in each.   pictures: PIL images, RGB.   captions: one sentence each.
    """

    scenes: tuple[Scene, ...]
    pictures: list[Image.Image]
    captions: list[str]

    def __len__(self) -> int:
        return len(self.scenes)

    def labels(self, attribute: str) -> np.ndarray:
        """The class of every picture of a one-object album: int array (n,), places in ATTRIBUTES[attribute]."""
        return np.array([ATTRIBUTES[attribute].index(getattr(scene.objects[0], attribute)) for scene in self.scenes])


def album(n: int = 256, seed: int = 1, objects: int | None = None, split: str = "test") -> Album:
    """The first `n` scenes of a split whose captions all differ. One object has at most 576 captions."""
    found: dict[str, Scene] = {}
    for drawn in (n + n // 4, 3 * n):  # few captions come twice, so the first is nearly always enough
        for scene in tinyworld.scenes(split, drawn, seed, objects):
            found.setdefault(scene.caption(), scene)
        if len(found) >= n:
            break
    else:
        raise ValueError(f"only {len(found)} of the {split} scenes have captions of their own; ask for fewer than {n}")
    chosen = dict(list(found.items())[:n])
    return Album(tuple(chosen.values()), [scene.render() for scene in chosen.values()], list(chosen))


def prompt(attribute: str, name: str, template: str = "{}") -> str:
    """The text for one class: prompt("colour", "orange", "there is {}") is "there is an orange shape".

    attribute: "colour" or "shape".   name: the class.   template: has one {}.
    """
    noun = f"{name} shape" if attribute == "colour" else name
    return template.format(("an " if noun[0] in "aeiou" else "a ") + noun)


@dataclass(frozen=True)
class SwapPairs:
    """Two pictures and two captions each, where caption j belongs to picture j and is wrong for the other.

    pictures, captions: lists of 2n; entries 2i and 2i + 1 belong together.
    """

    pictures: list[Image.Image]
    captions: list[str]

    def similarity(self, images: ArrayLike, texts: ArrayLike) -> np.ndarray:
        """Cosines (n, 2, 2) of every pair's two pictures (axis 1) with its two captions (axis 2).

        images, texts: arrays or tensors (2n, d) of unit length, in this order.
        """
        u, v = (np.asarray(x, dtype=np.float64).reshape(len(self.pictures) // 2, 2, -1) for x in (images, texts))
        return np.einsum("pid,pcd->pic", u, v)


def swap_pairs(kind: str, n: int = 160, seed: int = 3) -> SwapPairs:
    """Hard negatives for CLIP, of scenes with two objects.

    kind: "places" exchanges the two objects, so that both captions have the same words in another order;
    "colour" gives the first object another colour, so that one word differs.
    """
    if kind not in ("places", "colour"):
        raise ValueError(f'kind must be "places" or "colour", not {kind!r}')
    rng = np.random.default_rng(seed)
    both: list[Scene] = []
    for scene in tinyworld.scenes("test", n, seed, objects=2):
        first, second = scene.objects
        if kind == "places":
            # the second object is now where the first was and is named first: the relation word stays the same
            moved = replace(second, x=first.x, y=first.y), replace(first, x=second.x, y=second.y)
        else:
            taken = {first.colour, second.colour}
            other = str(rng.choice([colour for colour in tinyworld.COLOURS if colour not in taken]))
            moved = replace(first, colour=other), second
        both += [scene, Scene(moved, scene.background)]
    return SwapPairs([scene.render() for scene in both], [scene.caption() for scene in both])


def truths_and_lies(album: Album, seed: int = 5) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Two captions for every picture of a one-object album: its own, and one that tells a lie. In random order.

    A lie is another colour or another shape, and a pair of the two that true captions have as well. So neither the
    picture alone nor the caption alone gives away whether they belong together.
    Returns, for an album of n: whose picture, an int array (2n,) of places in the album; 2n captions; and whether each
    is true, an int array (2n,) of 0 and 1.
    """
    rng = np.random.default_rng(seed)
    captions = list(album.captions) + [_lie(scene, rng).caption() for scene in album.scenes]
    order = rng.permutation(len(captions))
    return order % len(album), [captions[i] for i in order], (order < len(album)).astype(np.int64)


def _lie(scene: Scene, rng: np.random.Generator) -> Scene:
    thing: Object = scene.objects[0]
    attribute = str(rng.choice(["colour", "shape"]))
    facts: list[dict[str, Any]] = [{attribute: v} for v in ATTRIBUTES[attribute] if v != getattr(thing, attribute)]
    others = [replace(thing, **fact) for fact in facts]
    possible = [other for other in others if (other.colour, other.shape) not in tinyworld.HELD_OUT_PAIRS]
    return Scene((possible[int(rng.integers(len(possible)))],), scene.background)


_PHOTOGRAPHS: dict[str, str] = {
    "astronaut": "a portrait of an astronaut with the American flag",
    "chelsea": "a close-up photo of a tabby cat",
    "coffee": "a cup of coffee on a saucer",
    "rocket": "a rocket standing on a launchpad",
    "hubble_deep_field": "a telescope image of distant galaxies",
    "camera": "a black-and-white photo of a photographer with a tripod",
    "coins": "rows of old coins",
    "page": "a page of printed text",
}


def photographs(names: Sequence[str] = tuple(_PHOTOGRAPHS)) -> tuple[list[Image.Image], list[str]]:
    """Photographs with a caption each: PIL images, RGB, and strings."""
    pictures = shipped.photographs(names, longest=400)  # no model here looks at more than 224 x 224
    return pictures, [_PHOTOGRAPHS[name] for name in names]
