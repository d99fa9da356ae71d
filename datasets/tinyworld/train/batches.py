"""Training batches drawn on the fly: no picture is ever seen twice.

A batch is a function of the seed and the step alone, so a run that was stopped goes on with the batches it would have
had, and a worker process can draw them ahead.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from tinyworld.sampling import scenes, split_of
from tinyworld.scene import Scene
from tinyworld.train.roles import roles
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, SHAPES, SIZES

COLOUR_NAMES = tuple(COLOURS)


class SceneBatches(Dataset):
    """Item `i` is the batch of step `i`: a dict of tensors.

    pixels: uint8 (n, 3, 64, 64).    label_map: uint8 (n, 64, 64), the object each pixel shows, 0 for none.
    objects: int64 (n, 3, 3), shape, colour and size of each object as indices, -1 where there is no object.
    centres: float32 (n, 3, 2), x and y in [0, 1].    background: int64 (n,).
    With a tokenizer also
    input_ids: int64 (n, length), one caption each, ended by end tokens.
    roles: int64 (n, 5), who is where (`roles.py`).    told: bool (n,), whether the caption tells it.

    There, half of the batch are variants that differ from the other half in one fact: among random scenes
    a coarse impression finds the right caption; beside a near-twin, only looking closely does. `order` draws half of
    the scenes with two objects, and more twins in which these change places or colours.
    """

    def __init__(self, size: int, seed: int, tokenizer=None, short: float = 0.1, order: bool = False) -> None:
        self.size, self.seed, self.tokenizer, self.short, self.order = size, seed, tokenizer, short, order

    def __len__(self) -> int:
        return 10**9  # as many as one likes

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        seed = self.seed * 10**9 + step
        if self.tokenizer is None:
            return tensors(scenes("train", self.size, seed))
        rng = random.Random(seed)
        half, pairs = self.size // 2, self.size // 4 if self.order else 0
        drawn = scenes("train", half - pairs, seed) + scenes("train", pairs, seed, objects=2)
        drawn += [variant(scene, rng, ORDER_CHANGES if self.order else CHANGES) for scene in drawn]
        batch = tensors(drawn)
        words = np.random.default_rng(seed)
        told = [words.random() >= self.short for _ in drawn]
        texts = [s.caption(words) if full else s.short_caption(words) for s, full in zip(drawn, told, strict=True)]
        batch["input_ids"] = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")["input_ids"]
        batch["roles"], batch["told"] = torch.tensor([roles(s) for s in drawn]), torch.tensor(told)
        return batch


def loader(batches: SceneBatches, first_step: int, workers: int) -> DataLoader:
    """The batches from `first_step` on, drawn ahead by worker processes (0: in this one)."""
    steps = range(first_step, len(batches))
    return DataLoader(batches, batch_size=None, sampler=steps, num_workers=workers, persistent_workers=workers > 0)


# What a variant changes, and how often. Each is tried on scenes it does not fit too, and then drawn again.
CHANGES = {"shape": 6, "colour": 2, "size": 1, "background": 1, "places": 2, "colours": 2}
ORDER_CHANGES = {"shape": 4, "colour": 2, "size": 1, "background": 1, "places": 5, "colours": 3}


def variant(scene: Scene, rng: random.Random, changes: dict[str, int], within: bool = True) -> Scene:
    """A scene whose caption differs in one fact: a shape, a colour, a size, the background, or who is where.

    It is a training scene too: one that belongs to another split is drawn again. Not so with `within` false, for a
    scene that is told and never drawn: it may be of any split but the compositional one, whose pairs stay unheard of,
    and sizes change among several objects too.   Returns the scene itself where no change fits.
    """
    for _ in range(20):
        changed = _change(scene, rng, changes, within)
        pairs, split = {(o.colour, o.shape) for o in changed.objects}, split_of(changed)
        fits = split == "train" if within else split != "compositional"
        if changed.facts() != scene.facts() and len(pairs) == len(changed.objects) and fits:
            return changed
    return scene


def _change(scene: Scene, rng: random.Random, changes: dict[str, int], drawn: bool) -> Scene:
    kind = rng.choices(list(changes), list(changes.values()))[0]
    if kind == "background":
        return replace(scene, background=rng.choice(BACKGROUNDS))
    if kind == "places":
        return scene.swapped() if scene.relation() else scene
    things = list(scene.objects)
    i = rng.randrange(len(things))
    if kind == "colours":  # the colours change hands: which belongs to which?
        j = rng.randrange(len(things))
        things[i], things[j] = replace(things[i], colour=things[j].colour), replace(things[j], colour=things[i].colour)
    elif kind == "shape":
        things[i] = replace(things[i], shape=rng.choice(SHAPES))
    elif kind == "colour":
        things[i] = replace(things[i], colour=rng.choice(COLOUR_NAMES))
    elif len(things) == 1 or not drawn:  # with more, a larger object might touch another
        things[i] = replace(things[i], size=rng.choice(SIZES))
    return replace(scene, objects=tuple(things))


def tensors(drawn: list[Scene]) -> dict[str, torch.Tensor]:
    """The pictures of scenes with their labels, as `SceneBatches` describes them."""
    pixels = np.stack([np.asarray(scene.render(64)) for scene in drawn])
    return {"pixels": torch.from_numpy(pixels).permute(0, 3, 1, 2), **labels(drawn)}


def labels(drawn: list[Scene]) -> dict[str, torch.Tensor]:
    """What is on the pictures of scenes: `tensors` without the pixels."""
    objects = torch.full((len(drawn), 3, 3), -1)
    centres = torch.zeros(len(drawn), 3, 2)
    for i, scene in enumerate(drawn):
        for j, thing in enumerate(scene.objects):
            indices = SHAPES.index(thing.shape), COLOUR_NAMES.index(thing.colour), SIZES.index(thing.size)
            objects[i, j] = torch.tensor(indices)
            centres[i, j] = torch.tensor((thing.x, thing.y))
    return {
        "label_map": torch.from_numpy(np.stack([scene.label_map(64) for scene in drawn])),
        "objects": objects,
        "centres": centres,
        "background": torch.tensor([BACKGROUNDS.index(scene.background) for scene in drawn]),
    }
