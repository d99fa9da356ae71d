"""One film of each motion side by side, as an animation to look at."""

from __future__ import annotations

import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tinyworld.films.film import Film
from tinyworld.films.motions import MOTIONS
from tinyworld.films.sampling import films
from tinyworld.films.words import caption


def pages(shown: list[Film], columns: int = 4, frames: int = 16, side: int = 128, label: int = 52) -> list[Image.Image]:
    """The frames of the animation: films of 64x64, enlarged without smoothing to `side`, each over its caption."""
    font, drawn = ImageFont.load_default(size=10), [film.frames(frames) for film in shown]
    made = []
    for t in range(frames):
        page = Image.new("RGB", (columns * (side + 8) + 8, -(-len(shown) // columns) * (side + label) + 8), "white")
        draw = ImageDraw.Draw(page)
        for i, (film, pictures) in enumerate(zip(shown, drawn, strict=True)):
            x, y = 8 + i % columns * (side + 8), 8 + i // columns * (side + label)
            page.paste(Image.fromarray(pictures[t]).resize((side, side), Image.Resampling.NEAREST), (x, y))
            draw.rectangle((x - 1, y - 1, x + side, y + side), outline=(200, 200, 200))
            text = textwrap.fill(caption(film), side // 5)
            draw.multiline_text((x, y + side + 2), text, fill="black", font=font, spacing=1)
        made.append(page)
    return made


def save(shown: list[Film], file: Path, frames: int = 16, slower: float = 1.5, columns: int = 4) -> None:
    """Write an animation that repeats, GIF or WebP by the file's name, so many times slower than the films are."""
    first, *others = pages(shown, columns, frames)
    milliseconds = round(1000 * slower / frames)
    first.save(file, save_all=True, append_images=others, duration=milliseconds, loop=0)


def one_of_each(split: str = "train", seed: int = 0) -> list[Film]:
    """A film of every motion."""
    return [films(split, 1, seed, motion)[0] for motion in MOTIONS]
