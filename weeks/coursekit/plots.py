"""Plots that every week shares. Each draws one figure and shows it, with words for those who cannot see it."""

from __future__ import annotations

import base64
import io
import math
import textwrap
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

# Okabe & Ito's palette, which the colour-blind can tell apart
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555", "#F0E442"]
RIGHT, WRONG = "#2c7a4b", "#b3261e"  # of what is said or seen


class Sheet:
    """A white page to lay pictures and words on; every measure is in pixels, and y goes down.

    For figures that are pictures rather than plots: each pixel of a picture stays sharp, and it is there at once, where
    forty small matplotlib axes take a second.
    """

    def __init__(self, width: float, height: float) -> None:
        self.image = Image.new("RGB", (math.ceil(width), math.ceil(height)), "white")
        self._draw = ImageDraw.Draw(self.image)

    def picture(self, picture: Image.Image, x: float, y: float, side: int, frame: str | None = None) -> None:
        """The picture's middle square, `side` wide, with its top left corner at (x, y). frame: a colour."""
        square = min(picture.size)
        left, top = (picture.width - square) // 2, (picture.height - square) // 2
        sharp = side % square == 0  # every pixel becomes a block of pixels
        shown = picture.convert("RGB").resize(
            (side, side),
            Image.Resampling.NEAREST if sharp else Image.Resampling.LANCZOS,
            box=(left, top, left + square, top + square),
        )
        self.image.paste(shown, (round(x), round(y)))
        self.frame(x, y, side, side, frame or "#d9d9d9", 4 if frame else 1)

    def block(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A filled rectangle."""
        self._draw.rectangle((round(x), round(y), round(x + width) - 1, round(y + height) - 1), fill=colour)

    def frame(self, x: float, y: float, width: float, height: float, colour: str, thickness: int = 3) -> None:
        """The outline of a rectangle, drawn around it."""
        corners = round(x) - thickness, round(y) - thickness, round(x + width), round(y + height)
        self._draw.rectangle((*corners[:2], *(c + thickness - 1 for c in corners[2:])), outline=colour, width=thickness)

    def text(
        self,
        words: str,
        x: float,
        y: float,
        anchor: str = "lm",
        size: int = 13,
        colour: str = "black",
        bold: bool = False,
    ) -> None:
        """Words, perhaps in several lines. anchor: "l", "m" or "r" and "a" (top) or "m": what of them (x, y) is."""
        align = {"l": "left", "m": "center", "r": "right"}[anchor[0]]
        self._draw.multiline_text((x, y), words, colour, _font(size, bold), anchor, spacing=3, align=align)

    def width(self, words: str, size: int = 13, bold: bool = False) -> float:
        """How wide one line of words will be."""
        return float(self._draw.textlength(words, font=_font(size, bold)))

    def show(self, alt: str) -> None:
        """Show the sheet below the notebook's cell. alt: what is on it, see `Drawn`."""
        png = Drawn(alt)
        self.image.save(png, "PNG")
        png.show()


@lru_cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """The font of matplotlib's figures."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", name), size)


def grid(
    images: Sequence[Image.Image], titles: Sequence[str] = (), columns: int = 8, side: int = 128, *, alt: str
) -> None:
    """Pictures in rows of `columns`, each `side` pixels wide, with their titles below them. alt: see `Drawn`."""
    columns = min(columns, len(images))
    said = [wrap(title, side // 6) for title in titles]
    step = side + 12
    height = step + 16 * max((1 + words.count("\n") for words in said), default=0)
    sheet = Sheet(columns * step, -(-len(images) // columns) * height)
    for i, image in enumerate(images):
        x, y = i % columns * step + 6, i // columns * height + 4
        sheet.picture(image, x, y, side)
        if i < len(said):
            sheet.text(said[i], x + side / 2, y + side + 5, "ma", size=11)
    sheet.show(alt)


def wrap(text: str, width: int) -> str:
    """The text in lines of at most `width` letters."""
    return "\n".join(textwrap.wrap(text, width)) or text


def panels(
    *widths: float,
    height: float = 3.0,
    left: float = 0.8,
    right: float = 0.15,
    top: float = 0.35,
    bottom: float = 0.55,
    between: float = 0.6,
) -> tuple[Figure, list[Axes]]:
    """A figure with axes of the given widths side by side, and the room around them. All in inches."""
    size = left + sum(widths) + between * (len(widths) - 1) + right, bottom + height + top
    figure, axes = Figure(size, dpi=100), []
    for i, width in enumerate(widths):
        x = left + sum(widths[:i]) + between * i
        axes.append(figure.add_axes((x / size[0], bottom / size[1], width / size[0], height / size[1])))
        axes[-1].spines[["top", "right"]].set_visible(False)
    return figure, axes


def show(figure: Figure, trim: bool = False, *, alt: str) -> None:
    """Show a figure below the notebook's cell. trim: cut it to what is on it, for which it is drawn twice.

    alt: what is on it, see `Drawn`. pyplot would draw every figure twice, and keep it.
    """
    png = Drawn(alt)
    figure.savefig(png, format="png", bbox_inches="tight" if trim else None)
    png.show()


class Drawn(io.BytesIO):
    """A picture's file to be written, and what is on it in words, for those who cannot see it.

    alt: what a reader should learn from the figure, names and numbers rather than how it looks; one or two sentences.
    kind: "png" or "gif".   Raises ValueError where nothing is said: no figure of the course goes without.
    """

    def __init__(self, alt: str, kind: str = "png") -> None:
        super().__init__()
        if not alt.strip():
            raise ValueError("a figure needs words for those who cannot see it: alt=")
        self.alt, self.kind = " ".join(alt.split()), kind

    def show(self) -> None:
        """Show what was written below the notebook's cell."""
        _display(self)


def _display(png: Drawn) -> None:
    """A picture with its words where front ends look for them: nbconvert in its metadata, VS Code in the plain text."""
    from IPython import display  # a notebook has it; tests of the rest need not

    mime = f"image/{png.kind}"
    bundle = {mime: base64.b64encode(png.getvalue()).decode("ascii"), "text/plain": png.alt}
    display.display(bundle, metadata={mime: {"alt": png.alt}}, raw=True)


def brightest(maps: Iterable[tuple[str, Any]]) -> str:
    """Where maps are brightest, in words: "star in the middle right; blue in the upper left".

    maps: names with a tensor or an array (h, w) each.
    """
    said = []
    for name, values in maps:
        row, column = divmod(int(values.argmax()), values.shape[1])
        upper = ("upper", "middle", "lower")[3 * row // values.shape[0]]
        said.append(f"{name} in the {upper} {('left', 'middle', 'right')[3 * column // values.shape[1]]}")
    return "; ".join(said).replace("middle middle", "middle")


def wilson(right: float, n: int, sure: float = 1.96) -> tuple[float, float]:
    """Between which rates the true one lies, where `right` of `n` were so: Wilson 1927, at 95 % by default.

    It stays in [0, 1] and says something even of 0 or n of n. Raises ValueError where nothing was tried.
    """
    if n < 1:
        raise ValueError("a rate of nothing has no interval")
    part, extra = right / n, sure**2 / n
    middle = (part + extra / 2) / (1 + extra)
    half = sure / (1 + extra) * math.sqrt(part * (1 - part) / n + extra / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(right: float, n: int) -> str:
    """A rate with its count and interval, such as "12 of 16, 75 % (51 to 90 %)"."""
    low, high = wilson(right, n)
    return f"{right:g} of {n}, {100 * right / n:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"
