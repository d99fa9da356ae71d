"""Drawings made difficult, for the judge to learn from and to be measured on.

1. soft pictures: blur, noise, JPEG, a warp of a pixel and a shift of the colours, so that what a decoder does to an
   edge does not count against it. The labels stay.
2. wrong pictures: blobs, mixtures of two shapes, shapes blurred beyond recognition, colours and backgrounds that the
   world does not have. The label is "unclear".
Colours are drawn anew for each object, so it knows the pairs of the compositional split too.
"""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from tinyworld import drawing
from tinyworld.judge import CLASSES, GRID, SIDE
from tinyworld.objects import Object
from tinyworld.sampling import scenes
from tinyworld.vocabulary import BACKGROUND_COLOURS, BACKGROUNDS, COLOURS, RADII, SHAPES, SIZES

IGNORE = -100  # `cross_entropy` leaves it out
WRONG = 0.15  # how often an object's shape is none, or its colour, or the background
BORDER = 10  # pixels around what is blurred
NEAR, FAR = 35, 75  # RGB distance under which a colour has a name, and over which it has none


def difficult_batch(size: int, seed: int) -> dict[str, torch.Tensor]:
    """A batch that is a function of the seed: pixels as `Judge` reads them, and what it should say of each cell.

    exact, near: bool (n, 16, 16), the cells of the centres, and those with their eight neighbours.
    shape, colour, size: int64 (n, 16, 16), classes at the near cells.    offset: float32 (n, 16, 16, 2).
    background: int64 (n,).
    """
    rng = np.random.default_rng(seed)
    drawn = [difficult(scene.objects, rng) for scene in scenes("train", size, seed)]
    pixels = np.stack([np.asarray(picture) for picture, _, _ in drawn])
    batch = {
        "exact": torch.zeros(size, GRID, GRID, dtype=torch.bool),
        "near": torch.zeros(size, GRID, GRID, dtype=torch.bool),
        "offset": torch.zeros(size, GRID, GRID, 2),
        "background": torch.tensor([background for _, background, _ in drawn]),
    }
    batch |= {name: torch.full((size, GRID, GRID), IGNORE) for name in ("shape", "colour", "size")}
    steps = torch.arange(GRID) + 0.5
    for i, (_, _, labels) in enumerate(drawn):
        for thing, classes in labels:
            x, y = GRID * thing.x, GRID * thing.y
            row, column = int(y), int(x)
            around = slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2)
            batch["exact"][i, row, column] = True
            batch["near"][i][around] = True
            batch["offset"][i][around] = torch.stack(
                torch.meshgrid(x - steps[around[1]], y - steps[around[0]], indexing="xy"), dim=-1
            )
            for name, value in classes.items():
                batch[name][i][around] = value
    batch["pixels"] = soften(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1, rng)
    return batch


def difficult(
    objects: tuple[Object, ...], rng: np.random.Generator
) -> tuple[Image.Image, int, list[tuple[Object, dict[str, int]]]]:
    """A picture, some of it wrong; the class of its background; and each object with the classes it shows."""
    name = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    picture, background = drawing.empty(name, SIDE).copy(), BACKGROUNDS.index(name)
    if rng.random() < WRONG:
        colour = rng.integers(0, 256, 3)
        picture = Image.new("RGB", (SIDE, SIDE), tuple(int(c) for c in colour))
        background = _named(colour, [c[0] for c in BACKGROUND_COLOURS.values() if len(c) == 1], "background")
    labels = []
    for thing in objects:
        thing = replace(thing, colour=rng.choice(list(COLOURS)), shape=rng.choice(SHAPES))
        classes = {"shape": SHAPES.index(thing.shape), "size": SIZES.index(thing.size)}
        coverage, corner = drawing.silhouette(thing, SIDE)
        if rng.random() < WRONG:
            (coverage, corner), classes["shape"] = no_shape(thing, rng), len(SHAPES)
        colour = np.array(COLOURS[thing.colour])
        if rng.random() < WRONG:
            colour = rng.integers(0, 256, 3)
            if rng.random() < 0.5:  # between two colours
                a, b = rng.choice(list(COLOURS), 2, replace=False)
                colour = np.array(COLOURS[a]) + rng.random() * (np.array(COLOURS[b]) - np.array(COLOURS[a]))
        classes["colour"] = _named(colour, list(COLOURS.values()), "colour")
        picture.paste(tuple(int(c) for c in colour), corner, mask=coverage)
        labels.append((thing, classes))
    return picture, background, labels


def _named(colour: np.ndarray, known: list[tuple[int, int, int]], kind: str) -> int:
    """The class of a colour: that of the known one nearest to it, none, or in between not to be asked."""
    distance = np.linalg.norm(np.array(known) - colour, axis=1)
    if distance.min() < NEAR:  # the plain backgrounds come first in their list
        return int(distance.argmin())
    return len(CLASSES[kind]) - 1 if distance.min() > FAR else IGNORE


def no_shape(thing: Object, rng: np.random.Generator) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """Something that is none of the shapes, as `drawing.silhouette` gives one: coverage and the box it belongs in.

    A blob, two shapes in one, or a shape blurred beyond recognition.
    """
    coverage, box = drawing.silhouette(thing, SIDE)
    side = box[2] - box[0]
    kind = rng.integers(3)
    if kind == 0:  # a circle whose radius swings by a third or so, two to four times around
        angle = np.linspace(0, 2 * math.pi, 60, endpoint=False)
        radius = np.full(60, 0.75)
        for waves in (2, 3, 4):
            radius += rng.uniform(0.08, 0.2) * np.cos(waves * angle + rng.uniform(0, 2 * math.pi))
        radius *= 4 * RADII[thing.size] * SIDE * min(1.0, 1.0 / radius.max())
        centre = 4 * (thing.x * SIDE - box[0]), 4 * (thing.y * SIDE - box[1])
        canvas = Image.new("L", (4 * side, 4 * side))
        corners = [
            (centre[0] + r * math.cos(a), centre[1] + r * math.sin(a)) for r, a in zip(radius, angle, strict=True)
        ]
        ImageDraw.Draw(canvas).polygon(corners, fill=255)
        return canvas.reduce(4), box
    box = (box[0] - BORDER, box[1] - BORDER, box[2] + BORDER, box[3] + BORDER)
    coverage = ImageOps.expand(coverage, BORDER)
    if kind == 1:  # half one shape, half another, with the edge a decoder would give it
        other = rng.choice([s for s in SHAPES if s != thing.shape])
        second = ImageOps.expand(drawing.silhouette(replace(thing, shape=other), SIDE)[0], BORDER)
        mixed = Image.blend(coverage, second, rng.uniform(0.4, 0.6))
        return mixed.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.5))), box
    return coverage.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 0.6) * RADII[thing.size] * SIDE)), box


def soften(pixels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Pictures (n, 3, 64, 64) in [-1, 1] as a decoder or a codec might render them: each effect on some of them."""
    pixels = pixels.clone()

    def some(part: float) -> tuple[torch.Tensor, int]:
        chosen = np.flatnonzero(rng.random(len(pixels)) < part)
        return torch.from_numpy(chosen), len(chosen)

    def normal(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))

    def uniform(n: int, least: float, most: float) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(least, most, (n, 1, 1, 1))).float()

    # A warp: every point moves by up to about a pixel, neighbours together.
    chosen, n = some(0.4)
    coarse = normal(n, 2, 7, 7) * uniform(n, 0.2, 0.8) * 2 / SIDE
    moved = F.interpolate(coarse, (SIDE, SIDE), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    grid = F.affine_grid(torch.eye(2, 3).expand(n, 2, 3), [n, 3, SIDE, SIDE], align_corners=False)
    pixels[chosen] = F.grid_sample(pixels[chosen], grid + moved, padding_mode="border", align_corners=False)
    chosen, n = some(0.5)
    pixels[chosen] = _blur(pixels[chosen], uniform(n, 0.3, 1.2))
    # The colours a little off, in all of the picture.
    chosen, n = some(0.5)
    scale, shift = 1 + normal(n, 3, 1, 1) * uniform(n, 0.01, 0.05), normal(n, 3, 1, 1) * uniform(n, 0.01, 0.05)
    pixels[chosen] = pixels[chosen] * scale + shift
    # Noise, fine or in spots of a few pixels.
    chosen, n = some(0.3)
    pixels[chosen] += normal(n, 3, SIDE, SIDE) * uniform(n, 0.02, 0.12)
    chosen, n = some(0.3)
    pixels[chosen] += _blur(normal(n, 3, SIDE, SIDE), torch.ones(n, 1, 1, 1)) * uniform(n, 0.05, 0.25)
    pixels = pixels.clamp(-1, 1)
    for i in some(0.2)[0]:
        pixels[i] = _jpeg(pixels[i], int(rng.integers(40, 95)))
    return pixels


def _blur(pixels: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Gaussian blur, each picture with its own standard deviation (n, 1, 1, 1) in pixels."""
    n, steps = len(pixels), torch.arange(-3, 4).float()
    kernel = torch.exp(-(steps**2) / (2 * spread.view(n, 1) ** 2))
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)
    flat = F.pad(pixels.reshape(1, 3 * n, SIDE, SIDE), (3, 3, 3, 3), mode="replicate")
    flat = F.conv2d(F.conv2d(flat, kernel.view(-1, 1, 1, 7), groups=3 * n), kernel.view(-1, 1, 7, 1), groups=3 * n)
    return flat.view(n, 3, SIDE, SIDE)


def _jpeg(pixels: torch.Tensor, quality: int) -> torch.Tensor:
    picture = Image.fromarray(((pixels + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1).float() / 127.5 - 1
