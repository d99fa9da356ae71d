"""Pictures and words as the page shows them."""

from __future__ import annotations

import re

from PIL import Image, ImageDraw

LARGE, SMALL = 384, 128  # pixels of the picture and of a thumbnail


def enlarged(picture: Image.Image, side: int) -> Image.Image:
    """The picture so many pixels wide in a thin frame, which white ones need; a tiny one with sharp pixels."""
    sharp = side >= picture.width
    shown = picture.resize((side, side), Image.Resampling.NEAREST if sharp else Image.Resampling.LANCZOS)
    ImageDraw.Draw(shown).rectangle((0, 0, side - 1, side - 1), outline="#d9d9d9")
    return shown


def sheet(pictures: list[Image.Image], side: int) -> Image.Image:
    """Pictures side by side."""
    page = Image.new("RGB", (len(pictures) * (side + 8) - 8, side), "white")
    for i, picture in enumerate(pictures):
        page.paste(enlarged(picture, side), (i * (side + 8), 0))
    return page


def plain(text: str) -> str:
    """Text as Markdown that shows it as it is, on one line, whatever marks it holds; nothing in it is fetched."""
    text = " ".join(str(text).encode("utf-8", "replace").decode().split())
    text = re.sub(r"([\\`*_\[\]<>&!|$~:#^@])", r"\\\1", text)
    return re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", text)  # a list, a rule or a heading begins with one of these
