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

from tinyworld.captions import short_caption
from tinyworld.sampling import scenes, split_of
from tinyworld.scene import Scene
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, SHAPES, SIZES

COLOUR_NAMES = tuple(COLOURS)


class SceneBatches(Dataset):
    """Item `i` is the batch of step `i`: a dict of tensors.

    pixels: uint8 (n, 3, 64, 64).    label_map: uint8 (n, 64, 64), the object each pixel shows, 0 for none.
    objects: int64 (n, 3, 3), shape, colour and size of each object as indices, -1 where there is no object.
    centres: float32 (n, 3, 2), x and y in [0, 1].    background: int64 (n,).
    input_ids: int64 (n, length) with a tokenizer: one caption each, ended by end tokens.

    With a tokenizer, half of the batch are variants that differ from the other half in one fact: among random scenes
    a coarse impression finds the right caption; beside a near-twin, only looking closely does.
    """

    def __init__(self, size: int, seed: int, tokenizer=None, short: float = 0.1) -> None:
        self.size, self.seed, self.tokenizer, self.short = size, seed, tokenizer, short

    def __len__(self) -> int:
        return 10**9  # as many as one likes

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        seed = self.seed * 10**9 + step
        if self.tokenizer is None:
            return tensors(scenes("train", self.size, seed))
        rng = random.Random(seed)
        drawn = scenes("train", self.size // 2, seed)
        drawn += [variant(scene, rng) for scene in drawn]
        batch = tensors(drawn)
        words = np.random.default_rng(seed)
        texts = [short_caption(s, words) if words.random() < self.short else s.caption(words) for s in drawn]
        batch["input_ids"] = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")["input_ids"]
        return batch


def loader(batches: SceneBatches, first_step: int, workers: int) -> DataLoader:
    """The batches from `first_step` on, drawn ahead by worker processes (0: in this one)."""
    steps = range(first_step, len(batches))
    return DataLoader(batches, batch_size=None, sampler=steps, num_workers=workers, persistent_workers=workers > 0)


def variant(scene: Scene, rng: random.Random) -> Scene:
    """A scene that differs in one fact: a shape (most often), a colour, a size, the background, who is where.

    It is a training scene too: one that belongs to another split is drawn again.
    """
    for _ in range(20):
        changed = _change(scene, rng)
        pairs = {(o.colour, o.shape) for o in changed.objects}
        if changed != scene and len(pairs) == len(changed.objects) and split_of(changed) == "train":
            return changed
    return scene


def _change(scene: Scene, rng: random.Random) -> Scene:
    kind = rng.choices(("shape", "colour", "size", "background", "places", "colours"), (6, 2, 1, 1, 2, 2))[0]
    if kind == "background":
        return replace(scene, background=rng.choice(BACKGROUNDS))
    if kind == "places":
        return scene.swapped() if len(scene.objects) > 1 else scene
    things = list(scene.objects)
    i = rng.randrange(len(things))
    if kind == "colours":  # the colours change hands: which belongs to which?
        j = rng.randrange(len(things))
        things[i], things[j] = replace(things[i], colour=things[j].colour), replace(things[j], colour=things[i].colour)
    elif kind == "shape":
        things[i] = replace(things[i], shape=rng.choice(SHAPES))
    elif kind == "colour":
        things[i] = replace(things[i], colour=rng.choice(COLOUR_NAMES))
    elif len(things) == 1:  # with more, a larger object might touch another
        things[i] = replace(things[i], size=rng.choice(SIZES))
    return replace(scene, objects=tuple(things))


def tensors(drawn: list[Scene]) -> dict[str, torch.Tensor]:
    objects = torch.full((len(drawn), 3, 3), -1)
    centres = torch.zeros(len(drawn), 3, 2)
    for i, scene in enumerate(drawn):
        for j, thing in enumerate(scene.objects):
            indices = SHAPES.index(thing.shape), COLOUR_NAMES.index(thing.colour), SIZES.index(thing.size)
            objects[i, j] = torch.tensor(indices)
            centres[i, j] = torch.tensor((thing.x, thing.y))
    pixels = np.stack([np.asarray(scene.render(64)) for scene in drawn])
    return {
        "pixels": torch.from_numpy(pixels).permute(0, 3, 1, 2),
        "label_map": torch.from_numpy(np.stack([scene.label_map(64) for scene in drawn])),
        "objects": objects,
        "centres": centres,
        "background": torch.tensor([BACKGROUNDS.index(scene.background) for scene in drawn]),
    }
