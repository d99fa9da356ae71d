"""The figures of pictures as programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from coursekit.models import Loaded
from coursekit.plots import PALETTE, Sheet, panels, show
from tinyworld import Scene
from token_lab import scribing
from token_lab.plots import PLAIN, SIDE


def show_programs(scribe: Loaded, scenes: Sequence[Scene], run: Callable[[str], Scene]) -> None:
    """Pictures, the programs that the model writes of them, and what these draw. run: as `run_program`."""
    pictures = [scene.render(64) for scene in scenes]
    texts = scribing.texts_of(scribe, pictures)
    step = SIDE + 14
    sheet = Sheet(720, step * len(scenes))
    for i, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
        y = step * i + 6
        sheet.picture(picture, 6, y, SIDE)
        sheet.text(text, SIDE + 24, y + SIDE / 2, size=11)
        try:
            sheet.picture(run(text).render(64), 600, y, SIDE)
        except ValueError as error:
            sheet.text(f"no program:\n{error}"[:60], 600, y + SIDE / 2, size=10, colour=PLAIN)
    sheet.show("Pictures, the programs that a model writes of them, and what these programs draw")


def show_tries(scribe: Loaded, redraw: Callable[..., Any], scenes: Sequence[Scene]) -> None:
    """Pictures seen through noise, and the share that is drawn right by the number of tries."""
    sheet = Sheet((SIDE + 8) * 6, SIDE + 8)
    for i, picture in enumerate(scribing.noisy(scenes)[:6]):
        sheet.picture(picture, 4 + (SIDE + 8) * i, 4, SIDE)
    sheet.show("Pictures under heavy noise, in which shapes can just be seen")
    figure, (axis,) = panels(4.2, height=2.2)
    found, numbers = scribing.measure_tries(scribe, redraw, scenes), range(1, scribing.TRIES + 1)
    for colour, (name, right) in zip((PALETTE[2], PALETTE[1]), found.items(), strict=True):
        axis.plot(numbers, right, marker="o", color=colour, label=name)
    axis.set(xlabel="tries", ylabel=f"drawn right, of {len(scenes)}", ylim=(0, 1.03), xticks=numbers)
    axis.legend(frameon=False, fontsize=8)
    show(figure, alt="The share of pictures that are drawn right rises with the tries where the nearest one is kept")
