"""Figures of week 8 on whole films: physics, summaries, distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from coursekit.plots import PALETTE, Sheet, panels, show
from video_lab import plots, watching

PICTURE = 256  # pixels on the screen of a trajectory


def show_physics(follow: watching.Follow, residual: watching.Residual) -> dict[str, watching.Physics]:
    """Trajectories found in a film of each kind, and what no law explains in all of them."""
    film = next(film for film in watching.lawful() if film.motion == "flies")
    rng = np.random.default_rng(3)
    sheet = Sheet(len(watching.KINDS) * (PICTURE + 12), PICTURE + 30)
    for i, kind in enumerate(watching.KINDS):
        frames = watching.of_kind(film, kind, rng)
        seen = watching.places_of(frames, film.background)
        x = i * (PICTURE + 12) + 6
        sheet.text(kind, x + PICTURE / 2, 11, "mm", size=12)
        under = frames.astype(float).mean(axis=0).astype(np.uint8)
        sheet.picture(Image.fromarray(under), x, 24, PICTURE)
        _way(sheet, np.asarray(follow(seen, 200.0)), x, 24)
    sheet.show(f"The way found in a film of each kind, drawn over the mean of its frames: {', '.join(watching.KINDS)}")
    found = watching.lawfulness(follow, residual)
    figure, axes = panels(2.7, 2.7, height=0.32 * len(found) + 0.15, left=1.3, between=0.5)
    names = list(found)[::-1]
    for axis, values, label in (
        (axes[0], [found[name].residual for name in names], "residual, pixels/frame²"),
        (axes[1], [100 * found[name].missing for name in names], "frames without it, %"),
    ):
        axis.barh(names, values, color=PALETTE[0], height=0.6)
        for i, value in enumerate(values):
            axis.text(value + 0.01 * max(values), i, f"{value:.2g}", va="center", fontsize=8)
        axis.set(xlim=(0, 1.2 * max(values)), xlabel=label)
        axis.tick_params(axis="y", labelsize=8)
    axes[1].set_yticklabels([])
    told = "; ".join(f"{name}: {p.residual:.2f} px/frame², {p.missing:.0%} missing" for name, p in found.items())
    show(figure, alt=f"What no law explains, and how often the thing is missing. {told}")
    return found


def _way(sheet: Sheet, tracks: np.ndarray, x: float, y: float) -> None:
    """Dots where each track is seen, the later the darker, with their frame's number."""
    scale = PICTURE / watching.SIZE
    for j in range(tracks.shape[1]):
        for t, place in enumerate(tracks[:, j]):
            if np.isfinite(place[0]):
                px, py = x + scale * place[0], y + scale * place[1]
                sheet.block(px - 8, py - 8, 16, 16, "white")
                sheet.frame(px - 8, py - 8, 16, 16, PALETTE[j % len(PALETTE)], 2)
                sheet.text(str(t), px, py, "mm", size=10)


def show_summary(choose: Callable[..., Any], clip: Any = None) -> dict[str, float]:
    """A long film's frames by k centres and at even steps, with their scenes, and how many scenes are shown in all.

    clip: whose features choose; the shipped one, unless given.
    """
    film = watching.long_film(3)
    k = len(watching.LENGTHS)
    rows = {
        "k centres": [int(i) for i in choose(watching.clip_features(film.frames, clip), k)],
        "even steps": watching.even(len(film.frames), k),
    }
    sheet = Sheet(110 + k * 106, len(rows) * 124 + 30)
    width = k * 106 / len(film.frames)
    for t, scene in enumerate(film.scene.tolist()):
        sheet.block(110 + t * width, 6, width + 1, 14, PALETTE[scene % len(PALETTE)])
    sheet.text("the film", 102, 13, "rm", size=11)
    for i, (name, chosen) in enumerate(rows.items()):
        y = 30 + 124 * i
        sheet.text(name, 102, y + 48, "rm", size=11)
        for j, t in enumerate(chosen):
            colour = PALETTE[int(film.scene[t]) % len(PALETTE)]
            sheet.picture(Image.fromarray(film.frames[t]), 114 + 106 * j, y + 4, 96, colour)
            sheet.text(f"frame {t}", 114 + 106 * j + 48, y + 112, "mm", size=10)
    told = "; ".join(f"{name}: frames {at} show scenes {film.scene[at].tolist()}" for name, at in rows.items())
    sheet.show(f"{len(film.frames)} frames of {k} scenes, the scenes as colours, and six of the frames. {told}")
    found = watching.scenes_shown(choose, clip=clip)
    said = ", ".join(f"{name} {value:.0%}" for name, value in found.items())
    plots.bars(found, "of six scenes, shown by six frames", f"Scenes shown by six frames, over twenty films: {said}")
    return found


def show_distances(measure: Callable[..., Any], embed: Callable[..., Any]) -> dict[str, dict[int, float]]:
    """Distances of sets of films over the number of films in each."""
    found = watching.distances(measure, embed)
    figure, (axis,) = panels(4.4, height=2.2, left=0.9)
    for (name, values), colour in zip(found.items(), PALETTE, strict=False):
        axis.loglog(list(values), list(values.values()), "o-", color=colour, label=name, base=2)
    axis.set(xlabel="films in each set", ylabel="squared distance", xticks=watching.SIZES)
    axis.set_xticklabels([str(n) for n in watching.SIZES], fontsize=8)
    axis.legend(frameon=False, fontsize=8)
    told = "; ".join(
        f"{name}: " + ", ".join(f"{n} films {value:.2g}" for n, value in values.items())
        for name, values in found.items()
    )
    show(figure, alt=f"Squared Fréchet distances by the number of films in each set. {told}")
    return found
