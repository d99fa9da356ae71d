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
    """The share of pictures that are drawn right, by the number of tries."""
    right = scribing.measure_tries(scribe, redraw, scenes)
    figure, (axis,) = panels(3.8, height=2.2)
    axis.plot(range(1, len(right) + 1), right, marker="o", color=PALETTE[2])
    axis.set(xlabel="tries", ylabel=f"drawn right, of {len(scenes)}", ylim=(0, 1.03), xticks=range(1, len(right) + 1))
    show(figure, alt="The share of pictures that are drawn right rises with the number of tries")
