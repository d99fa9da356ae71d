"""The figures of week 10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from coursekit.plots import PALETTE, Sheet, panels, show, wilson, wrap

GOOD, BAD = "#009E73", "#D55E00"


def show_journey(wave: Any, said: str, heard: str, picture: Image.Image, caption: str, match: float) -> None:
    """From a wave to a caption, in one row."""
    sheet = Sheet(900, 230)
    samples = np.asarray(wave)
    parts = np.array_split(samples, 180)
    top = max(float(np.abs(samples).max()), 1e-6)
    for i, part in enumerate(parts):
        height = 60 * float(np.abs(part).max()) / top
        sheet.block(20 + i, 90 - height / 2, 1, max(1.0, height), PALETTE[0])
    sheet.text(wrap(f"“{said}”", 26), 110, 150, "ma", size=13)
    _arrow(sheet, 232, 90, "Whisper")
    sheet.text(wrap(heard, 20), 400, 90, "mm", size=14, bold=True)
    _arrow(sheet, 500, 90, "diffusion")
    sheet.picture(picture, 575, 20, 128)
    _arrow(sheet, 720, 90, "BLIP")
    sheet.text(wrap(caption, 16), 840, 80, "mm", size=13)
    sheet.text(f"match {match:.0%}", 840, 150, "mm", size=13, colour=GOOD if match >= 0.5 else BAD, bold=True)
    sheet.show(f"A wave that says “{said}”; heard: {heard}; the picture painted of it; described: {caption}")


def _arrow(sheet: Sheet, x: float, y: float, words: str) -> None:
    sheet.text("→", x + 30, y, "mm", size=26, colour="#888888")
    sheet.text(words, x + 30, y - 26, "mm", size=11, colour="#888888")


def show_forming(rows: Mapping[str, Sequence[Image.Image]], steps: Sequence[int], side: int = 96) -> None:
    """Named rows of pictures, the columns headed by the steps that were made."""
    sheet = Sheet(150 + len(steps) * (side + 8), len(rows) * (side + 10) + 24)
    for j, step in enumerate(steps):
        sheet.text(f"step {step}", 146 + j * (side + 8) + side / 2, 12, "mm", size=11, colour="#555555")
    for i, (name, pictures) in enumerate(rows.items()):
        y = i * (side + 10) + 24
        sheet.text(wrap(name, 20), 8, y + side / 2, "lm", size=12)
        for j, picture in enumerate(pictures):
            sheet.picture(picture, 146 + j * (side + 8), y, side)
    sheet.show("Rows of a picture that forms from left to right: " + ", ".join(rows))


def show_pictures(pictures: Sequence[Image.Image], titles: Sequence[str], side: int = 112) -> None:
    """Pictures in a row, with titles below."""
    said = [wrap(title, side // 7) for title in titles]
    room = 18 * max(1 + words.count("\n") for words in said)
    sheet = Sheet(len(pictures) * (side + 14), side + 12 + room)
    for i, (picture, words) in enumerate(zip(pictures, said, strict=True)):
        x = i * (side + 14) + 7
        sheet.picture(picture, x, 5, side)
        sheet.text(words, x + side / 2, side + 10, "ma", size=11)
    sheet.show("Pictures: " + "; ".join(titles))


def show_choices(
    captions: Sequence[str],
    painted: Sequence[Sequence[Image.Image]],
    chosen: Mapping[str, Sequence[int]],
    right: Sequence[Sequence[bool]],
    rows: int = 4,
) -> None:
    """Candidates of some prompts: framed green and ticked where all that was told is right; below each who chose it."""
    marks = ["control" if "," in name else name.removeprefix("by ").removeprefix("the ")[:5] for name in chosen]
    marks = [mark.removesuffix("'") for mark in marks]
    side, step = 80, 92
    sheet = Sheet(300 + len(painted[0]) * step, rows * (side + 30) + 4)
    interesting = sorted(range(len(captions)), key=lambda i: len({chosen[name][i] for name in chosen}), reverse=True)
    for row, i in enumerate(interesting[:rows]):
        y = row * (side + 30) + 6
        sheet.text(wrap(captions[i], 36), 8, y + side / 2, "lm", size=12)
        for j, picture in enumerate(painted[i]):
            x = 296 + j * step
            sheet.picture(picture, x, y, side, GOOD if right[i][j] else BAD)
            who = [mark for mark, name in zip(marks, chosen, strict=True) if chosen[name][i] == j]
            words = ("✓ " if right[i][j] else "") + " ".join(who)
            sheet.text(words.strip(), x + side / 2, y + side + 6, "ma", size=10)
    sheet.show(
        "Four candidates for each of some prompts; the right ones framed green and ticked, and below each who chose it"
    )


def show_shares(right: Mapping[str, int], n: int, title: str = "") -> None:
    """Counts of n as bars, with the 95 % interval of each rate (Wilson 1927)."""
    figure, (axis,) = panels(4.6, height=0.34 * len(right) + 0.2, left=2.5)
    rows = np.arange(len(right))[::-1]
    values = np.array(list(right.values())) / n
    error = np.abs(np.array([wilson(count, n) for count in right.values()]).T - values)
    axis.barh(rows, values, color=PALETTE[0], height=0.6, xerr=error, error_kw={"elinewidth": 1, "ecolor": "0.4"})
    for row, value in zip(rows, values, strict=True):
        axis.text(0.01, row, f"{value * n:.0f}", va="center", fontsize=9, color="white" if value > 0.08 else "black")
    axis.set(yticks=rows, xlabel=f"pictures with everything right, of {n}", xlim=(0, 1))
    axis.set_yticklabels(list(right), fontsize=9)
    axis.set_title(title, fontsize=9, loc="left")
    show(figure, alt=f"Right of {n}: " + ", ".join(f"{name} {count}" for name, count in right.items()))


def show_page(html: str, height: int = 330) -> None:
    """A page in a frame of its own: nothing of it can reach the notebook."""
    import html as escaping

    from IPython import display

    frame = f'<iframe sandbox style="width:100%;height:{height}px;border:0" srcdoc="{escaping.escape(html)}"></iframe>'
    display.display({"text/html": frame}, raw=True)
