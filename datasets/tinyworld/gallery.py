"""A labelled sheet of scenes, to look at."""

from __future__ import annotations

import textwrap

from PIL import Image, ImageDraw, ImageFont

from tinyworld.objects import Object
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, SHAPES, SIZES


def sheet(pictures: list[Scene], labels: list[str], columns: int, side: int = 128, label: int = 52) -> Image.Image:
    """Pictures of 64x64, enlarged without smoothing to `side` so that every pixel shows, each over its label."""
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * (side + 8) + 8, rows * (side + label) + 8), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=10)
    for i, (scene, text) in enumerate(zip(pictures, labels, strict=True)):
        x, y = 8 + i % columns * (side + 8), 8 + i // columns * (side + label)
        page.paste(scene.render(64).resize((side, side), Image.Resampling.NEAREST), (x, y))
        draw.rectangle((x - 1, y - 1, x + side, y + side), outline=(200, 200, 200))
        draw.multiline_text((x, y + side + 2), textwrap.fill(text, side // 5), fill="black", font=font, spacing=1)
    return page


def sampled(split: str, n: int, seed: int, columns: int = 8) -> Image.Image:
    """Scenes of a split over their canonical captions."""
    drawn = scenes(split, n, seed)
    return sheet(drawn, [s.caption() for s in drawn], columns)


def alphabet() -> Image.Image:
    """Every shape in both sizes, walking through the colours and the backgrounds."""
    colours = list(COLOURS)
    drawn = [
        Scene((Object(shape, colours[(i + 5 * j) % 8], size, 0.5, 0.5),), BACKGROUNDS[(i + j) % 6])
        for j, size in enumerate(SIZES)
        for i, shape in enumerate(SHAPES)
    ]
    return sheet(drawn, [s.caption() for s in drawn], columns=len(SHAPES))
