"""What the models of image tokens learn from: scenes with their codes, made ahead.

Scenes are encoded by the shard and kept on disk; each is used several times, with new words. A shard is a function of
the tokeniser, the seed and its number, so a run that was stopped goes on with the codes it would have had. Facts that
`diffusion.latents.held_out` keeps are in no shard: the models are measured on the captions that the diffusion model is.
"""

from __future__ import annotations

import argparse
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import VQModel

from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.tokens import encode
from tinyworld.train.batches import labels
from tinyworld.train.diffusion.latents import held_out, pictures

MIXED = (0.45, 0.4, 0.15)  # scenes of one, two and three objects


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of recipes that learn from codes."""
    parser.add_argument("--vq", type=Path, help="another tokeniser's folder than the shipped one's")
    parser.add_argument("--shard", type=int, default=16384, help="scenes encoded at once (default: %(default)s)")
    parser.add_argument("--uses", type=int, default=4, help="how often each is used (default: %(default)s)")
    parser.add_argument(
        "--simple", type=int, default=1, help="so many first shards have scenes of one object (default: %(default)s)"
    )


class Batch(NamedTuple):
    """codes: int64 (n, 64).   drawn: their scenes.   labels: `batches.labels` of them."""

    codes: torch.Tensor
    drawn: list[Scene]
    labels: dict[str, torch.Tensor]


class CodeShards:
    """Batches of training scenes with their codes.

    folder: where codes are kept.   scenes: in a shard.   uses: how often each comes.   simple: so many first shards
    hold scenes of one object only, the others those of MIXED.
    """

    def __init__(self, vq: VQModel, folder: Path, scenes: int, uses: int, batch: int, simple: int, seed: int) -> None:
        self.vq, self.folder, self.scenes, self.batch, self.simple, self.seed = vq, folder, scenes, batch, simple, seed
        self.steps = scenes * uses // batch  # to one shard
        weights = b"".join(w.detach().cpu().float().numpy().tobytes() for w in vq.encoder.parameters())
        self.name = f"{zlib.crc32(weights):08x}-{seed}-{scenes}-{simple}"
        self._loaded: tuple[int, Batch] | None = None

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        number, within = divmod(step, self.steps)
        if self._loaded is None or self._loaded[0] != number:
            drawn = self.draw(number)
            self._loaded = number, Batch(self.codes(number, drawn), drawn, labels(drawn))
        shard = self._loaded[1]
        a_pass, first = divmod(within * self.batch, self.scenes - self.scenes % self.batch)
        generator = torch.Generator().manual_seed((self.seed * 10**4 + number) * 10**3 + a_pass)
        chosen = torch.randperm(self.scenes, generator=generator)[first : first + self.batch]
        known = {name: tensor[chosen] for name, tensor in shard.labels.items()}
        return Batch(shard.codes[chosen].long(), [shard.drawn[i] for i in chosen.tolist()], known)

    def draw(self, number: int) -> list[Scene]:
        """The scenes of a shard."""
        rng = random.Random(f"codes/{self.seed}/{number}")
        parts = (1.0, 0.0, 0.0) if number < self.simple else MIXED
        drawn: list[Scene] = []
        for objects, part in zip((1, 2, 3), parts, strict=True):
            allowed = _allowed(rng.randrange(2**30), objects)
            drawn += [next(allowed) for _ in range(round(part * self.scenes))]
        return drawn[: self.scenes]

    def codes(self, number: int, drawn: list[Scene]) -> torch.Tensor:
        """The codes of a shard's scenes, uint8 (n, 64), from the disk where they are."""
        file = self.folder / f"{self.name}-{number}.npy"
        if file.is_file():
            return torch.from_numpy(np.load(file))
        made = [encode(self.vq, pictures(drawn[i : i + 128])).byte() for i in range(0, len(drawn), 128)]
        codes = torch.cat(made)
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new.npy")
        np.save(fresh, codes.numpy())
        fresh.replace(file)
        return codes


def _allowed(seed: int, objects: int) -> Iterator[Scene]:
    """Training scenes of so many objects whose facts are not held out."""
    while True:
        yield from (scene for scene in scenes("train", 4096, seed, objects) if not held_out(scene))
        seed += 1
