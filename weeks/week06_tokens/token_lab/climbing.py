"""Words that pull a picture: week 1's CLIP and the tokeniser, with cutouts and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from PIL import Image

from coursekit.models import Loaded
from coursekit.plots import PALETTE, Sheet, panels, show
from token_lab import data, measuring, painting
from token_lab.plots import PLAIN, film

CUT_SIDE = 64
RATE = 0.8
STEPS = 60


class Climb(NamedTuple):
    """A picture on its way. frames: pictures (steps, 3, 64, 64).  scores: what CLIP said of what it was shown.
    whole: what CLIP says of the whole last picture.  latent: where it ended, (1, 8, 8, 8)."""

    frames: torch.Tensor
    scores: list[float]
    whole: float
    latent: torch.Tensor


def climb(
    paint: Callable[..., Any],
    cut: Callable[..., torch.Tensor] | None,
    vq: Any,
    clip: Loaded,
    words: str = painting.PROMPT,
    steps: int = STEPS,
    seed: int = 0,
) -> Climb:
    """The tokeniser's latents, moved until CLIP finds the words in what is decoded from them.

    paint, cut: as `prompt_to_paint` and `cutouts` of the notebook; without `cut` CLIP is shown the picture itself.
    """
    frames: list[torch.Tensor] = []

    def decode(latent: torch.Tensor) -> torch.Tensor:
        frames.append(painting.decode(vq, latent))
        return frames[-1]

    def shown(picture: torch.Tensor, step: int) -> torch.Tensor:
        return picture if cut is None else cut(picture, painting.places_of(step), CUT_SIDE)

    score, project = painting.words_score(clip, words), painting.straight_to_codes(vq)
    latent, scores = paint(painting.starting_latent(vq, seed), project, decode, score, shown, steps, RATE)
    with torch.no_grad():
        last = painting.decode(vq, latent)
        frames.append(last)
        return Climb(torch.cat([f.detach() for f in frames]), scores, float(score(last)), latent)


def show_climbs(climbs: dict[str, Climb]) -> None:
    """Pictures on their way to the words, moving, and what CLIP and the judge say of them."""
    every = [0, 2, 4, 6, 8, 10, 14, 18, 24, 30, 36, 42, 48, 54, 10**6]
    frames: list[Image.Image] = []
    for k in every:
        sheet = Sheet(150 * len(climbs), 166)
        for i, (name, one) in enumerate(climbs.items()):
            at = min(k, len(one.frames) - 1)
            sheet.text(name, 150 * i + 75, 10, "mm", size=12, bold=True)
            sheet.picture(data.as_pictures(one.frames[at][None])[0], 150 * i + 11, 22, 128)
            sheet.text(f"step {at}", 150 * i + 75, 158, "mm", size=10, colour=PLAIN)
        frames.append(sheet.image)
    film(
        frames, [500] + [180] * (len(frames) - 2) + [3000], "White pages that turn into pictures: " + ", ".join(climbs)
    )
    figure, (axis,) = panels(4.6, height=2.0)
    for colour, (name, one) in zip(PALETTE, climbs.items(), strict=False):
        axis.plot(one.scores, color=colour, label=name)
    axis.set(xlabel="step", ylabel="CLIP's cosine")
    axis.legend(frameon=False, fontsize=8)
    show(figure, alt="CLIP's cosine with the words rises over the steps for both")
    for name, one in climbs.items():
        print(f"{name:18s}CLIP {one.whole:.2f}   the judge sees {told(one)}")


def told(one: Climb) -> str:
    """What the judge sees on the last picture."""
    (verdict,) = measuring.read(one.frames[-1:])
    things = [f"a {o.size} {o.colour} {o.shape}" for o in verdict.objects]
    return f"{', '.join(things) or 'nothing'} on {verdict.background}"
