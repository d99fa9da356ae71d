"""The judge: a small network that says what is in a picture, to measure the pictures that other models make.

    from tinyworld import judge
    verdict = judge.load().read([picture])[0]
    verdict.background, verdict.objects     # "white", (Seen(shape="star", colour="red", size="small", x=0.3, ...),)

It finds objects by their centres (after Zhou et al. 2019, "Objects as Points") and tells each one's attributes. What is
no shape, colour or background of the world is "unclear": it was shown blobs, mixtures and foreign colours, so that a
sloppy picture is not given the benefit of the doubt.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from tinyworld.checkpoints import checkpoint
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, SHAPES, SIZES

SIDE = 64  # pixels a side of a picture
GRID = 16  # cells a side of the map of centres
UNCLEAR = "unclear"
CLASSES: dict[str, tuple[str, ...]] = {
    "shape": (*SHAPES, UNCLEAR),
    "colour": (*COLOURS, UNCLEAR),
    "size": SIZES,
    "background": (*BACKGROUNDS, UNCLEAR),
}
CHUNK = 256


@dataclass(frozen=True, slots=True)
class Seen:
    """One object as the judge sees it. `x`, `y`: its centre in [0, 1]; certainty: that there is an object, in [0, 1].

    shape, colour: a word of the world or "unclear".
    """

    shape: str
    colour: str
    size: str
    x: float
    y: float
    certainty: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is in a picture. background: a word of the world or "unclear".  objects: the most certain one first."""

    background: str
    objects: tuple[Seen, ...]


class Judge(nn.Module):
    """Pictures to a map of centres with the attributes of what lies there, and to a background."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.width = width
        self.fine = nn.Sequential(_block(3, width, 2), _block(width, 2 * width, 2), _block(2 * width, 2 * width))
        self.coarse = nn.Sequential(
            _block(2 * width, 4 * width, 2), _block(4 * width, 4 * width), _block(4 * width, 4 * width)
        )
        self.join = _block(6 * width, 3 * width)
        self.centre, self.offset = nn.Conv2d(3 * width, 1, 1), nn.Conv2d(3 * width, 2, 1)
        self.attributes = nn.ModuleDict(
            {name: nn.Conv2d(3 * width, len(CLASSES[name]), 1) for name in ("shape", "colour", "size")}
        )
        self.background = nn.Linear(8 * width, len(CLASSES["background"]))

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        """pixels: float32 (n, 3, 64, 64) in [-1, 1].

        Returns scores before softmax: shape, colour, size (n, classes, 16, 16); background (n, classes); centre
        (n, 16, 16), before the sigmoid; and offset (n, 2, 16, 16), x and y from a cell's middle to its object's centre,
        in cells.
        """
        fine = self.fine(pixels)
        coarse = self.coarse(fine)
        joined = self.join(torch.cat([fine, F.interpolate(coarse, scale_factor=2)], dim=1))
        out = {name: head(joined) for name, head in self.attributes.items()}
        out["background"] = self.background(torch.cat([coarse.mean((2, 3)), coarse.amax((2, 3))], dim=1))
        return out | {"centre": self.centre(joined)[:, 0], "offset": self.offset(joined)}

    @torch.inference_mode()
    def read(self, pictures: Sequence[Image.Image] | torch.Tensor | np.ndarray) -> list[Verdict]:
        """What is in each picture.

        pictures: PIL images of any size, or uint8 (n, 64, 64, 3), or float (n, 3, 64, 64) in [-1, 1].
        Raises ValueError for anything else.
        """
        pixels = as_pixels(pictures).to(next(self.parameters()).device)
        return [verdict for part in pixels.split(CHUNK) for verdict in self._read(part)]

    def _read(self, pixels: torch.Tensor) -> list[Verdict]:
        out = {name: tensor.float().cpu() for name, tensor in self(pixels).items()}
        certain = out["centre"].sigmoid()
        # An object's centre is where its neighbourhood is surest; two objects are at least three cells apart.
        peak = (certain > 0.5) & (certain == F.max_pool2d(certain[:, None], 5, 1, 2)[:, 0])
        best = {name: out[name].argmax(1) for name in out if name in CLASSES}
        verdicts = []
        for i, peaks in enumerate(peak):
            objects = []
            for row, column in peaks.nonzero().tolist():
                dx, dy = out["offset"][i, :, row, column].tolist()
                words = {name: CLASSES[name][best[name][i, row, column]] for name in ("shape", "colour", "size")}
                x, y = (min(max((c + 0.5 + d) / GRID, 0.0), 1.0) for c, d in ((column, dx), (row, dy)))
                objects.append(Seen(**words, x=x, y=y, certainty=certain[i, row, column].item()))
            objects.sort(key=lambda seen: -seen.certainty)
            verdicts.append(Verdict(CLASSES["background"][best["background"][i]], tuple(objects)))
        return verdicts


def load(folder: Path | None = None) -> Judge:
    """The shipped judge, or the one in `folder`, in eval mode and float32."""
    folder = folder or checkpoint("judge")
    judge = Judge(**json.loads((folder / "config.json").read_text())["judge"])
    judge.load_state_dict(load_file(folder / "model.safetensors"))
    return judge.float().eval()


def as_pixels(pictures: Sequence[Image.Image] | torch.Tensor | np.ndarray) -> torch.Tensor:
    """Pictures as the judge reads them: float32 (n, 3, 64, 64) in [-1, 1]. Raises ValueError for what is no picture."""
    if isinstance(pictures, torch.Tensor):
        if pictures.ndim != 4 or pictures.shape[1:] != (3, SIDE, SIDE) or not pictures.is_floating_point():
            raise ValueError(
                f"a tensor of pictures is float (n, 3, {SIDE}, {SIDE}) in [-1, 1], got {pictures.dtype} "
                f"{tuple(pictures.shape)}"
            )
        return pictures.float()
    if not isinstance(pictures, np.ndarray):
        if not all(isinstance(picture, Image.Image) for picture in pictures):
            raise ValueError("pictures must be PIL images, or one array or tensor of them")
        resized = [p.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR) for p in pictures]
        pictures = np.stack([np.asarray(p) for p in resized]) if resized else np.zeros((0, SIDE, SIDE, 3), np.uint8)
    if pictures.dtype != np.uint8 or pictures.shape[1:] != (SIDE, SIDE, 3):
        raise ValueError(f"an array of pictures is uint8 (n, {SIDE}, {SIDE}, 3), got {pictures.dtype} {pictures.shape}")
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.GroupNorm(8, outputs), nn.SiLU())
