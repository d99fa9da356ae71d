"""The figures of week 1. Each draws one figure and shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from PIL import Image

from coursekit.plots import PALETTE, Sheet, grid, panels, show, wilson, wrap

BLUE, ORANGE, GREEN = PALETTE[:3]
GREY = "#9a9a9a"


def show_queries(
    queries: Sequence[str],
    found: Sequence[Sequence[Image.Image]],
    right: Sequence[Sequence[bool]] | None = None,
    title: str = "",
) -> None:
    """One row a query: the words, then the pictures found for them, best first. `right` says which to frame."""
    side, gap, words, top = 80, 14, 200, 36 if title else 8
    columns = max(len(row) for row in found)
    sheet = Sheet(words + columns * (side + gap) + 4, top + len(found) * (side + gap))
    sheet.text(title, sheet.image.width / 2, top / 2, "mm", size=15)
    for i, (query, pictures) in enumerate(zip(queries, found, strict=True)):
        y = top + i * (side + gap)
        sheet.text(wrap(query, 26), words - 16, y + side / 2, "rm")
        for j, picture in enumerate(pictures):
            sheet.picture(picture, words + j * (side + gap), y, side, GREEN if right and right[i][j] else None)
    asked = list(queries)
    if right:
        places = [f"found in place {row.index(True) + 1}" if True in row else "not found" for row in map(list, right)]
        asked = [f"{query}, {place}" for query, place in zip(queries, places, strict=True)]
    sheet.show(f"{title}: for each query a row of pictures, best first. Queries: " + "; ".join(asked))


def show_album(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int = 4) -> None:
    """Pictures with their captions below them."""
    grid(pictures, captions, columns, side=192, alt="Pictures and captions: " + "; ".join(captions))


def show_similarity(pictures: Sequence[Image.Image], captions: Sequence[str], matrix: Any, title: str = "") -> None:
    """The heat map: one row a picture, one column a caption. A frame marks the best caption of every picture.

    matrix: (n, m) cosines.
    """
    values = np.asarray(matrix, dtype=float)
    n, m = values.shape
    left, top, wide, high, side = 66, 66, 62, 58, 48
    beside = left + m * wide + 24
    sheet = Sheet(beside + 350, top + n * high + 8)
    sheet.text(title, sheet.image.width / 2, 18, "mm", size=15)
    low, high_value = values.min(), values.max()
    colours = colormaps["cividis"]((values - low) / max(high_value - low, 1e-9))
    for i, j in np.ndindex(n, m):
        x, y = left + j * wide, top + i * high
        sheet.block(x, y, wide, high, to_hex(colours[i, j]))
        ink = "white" if values[i, j] < (low + high_value) / 2 else "black"
        sheet.text(f"{values[i, j]:.2f}", x + wide / 2, y + high / 2, "mm", size=11, colour=ink)
    names = [chr(ord("a") + j) for j in range(m)]  # the captions are long: they stand beside the map
    for i, picture in enumerate(pictures):
        sheet.picture(picture, left - side - 8, top + i * high + (high - side) // 2, side)
        best = int(values[i].argmax())
        sheet.frame(left + best * wide + 3, top + i * high + 3, wide - 6, high - 6, ORANGE)
    for j, caption in enumerate(captions):
        sheet.text(names[j], left + (j + 0.5) * wide, top - 14, "mm")
        sheet.text(names[j], beside, top + (j + 0.5) * n / m * high, "lm", bold=True)
        sheet.text(wrap(caption, 44), beside + 24, top + (j + 0.5) * n / m * high, "lm", size=12)
    own = sum(int(row.argmax()) == i for i, row in enumerate(values))
    sheet.show(f"{title}: a map of {n} pictures by {m} captions; for {own} of {n} pictures the best is their own")


def show_bars(
    groups: Mapping[str, Mapping[str, float]],
    chance: float | Mapping[str, float] | None = None,
    ylabel: str = "accuracy",
    title: str = "",
    n: int | Mapping[str, int] | None = None,
) -> None:
    """Groups of bars with their values on top, in [0, 1].

    groups: {label under the group: {name in the legend: value}}.   chance: a dashed line, or one for each group.
    n: of how many tries each bar is the rate, or each group's; its 95 % interval is drawn (Wilson 1927).
    """
    names = list(dict.fromkeys(name for bars in groups.values() for name in bars))
    legend = names != [""]
    room = 2.1 if legend else 0.2 if chance is None else 0.75
    figure, (axis,) = panels(len(groups) * max(0.36 * len(names), 1.25), height=2.5, right=room)
    width = 0.8 / len(names)
    for k, name in enumerate(names):
        places = [i + (k - (len(names) - 1) / 2) * width for i, bars in enumerate(groups.values()) if name in bars]
        values = [bars[name] for bars in groups.values() if name in bars]
        axis.bar(places, values, 0.92 * width, color=PALETTE[k], label=name or None)
        tries = [n[label] if isinstance(n, Mapping) else n for label, bars in groups.items() if name in bars]
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # keeps it readable on the line of chance
        for place, value, many in zip(places, values, tries, strict=True):
            top = value
            if many:
                low, top = wilson(value * many, many)
                axis.plot([place] * 2, [low, top], color="black", linewidth=1.2, zorder=3)
            axis.text(
                place, top + 0.02, f"{100 * value:.0f}", ha="center", va="bottom", fontsize=8, bbox=behind, zorder=4
            )
    if chance is not None:
        each = chance if isinstance(chance, Mapping) else dict.fromkeys(groups, chance)
        for i, label in enumerate(groups):
            line = axis.hlines(each[label], i - 0.46, i + 0.46, color="0.25", linestyle=(0, (4, 2)), linewidth=1.1)
            line.set_label("chance" if i == 0 else None)
        if not legend:  # a legend of one line would take more room than the line's own name
            axis.text(len(groups) - 0.5, list(each.values())[-1], "chance", fontsize=8, color="0.25", va="center")
    axis.set_xticks(range(len(groups)), [wrap(label, 17) for label in groups], fontsize=8.5)
    axis.set_ylim(0, 1.09)
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
    axis.set_ylabel(ylabel)
    axis.tick_params(axis="x", length=0)
    if legend:
        axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axis.set_title(title, fontsize=11)
    said = (
        f"{label}: " + ", ".join(f"{name} {value:.0%}".strip() for name, value in bars.items())
        for label, bars in groups.items()
    )
    show(figure, alt=f"{title} Bars, {ylabel}. ".lstrip() + "; ".join(said))


def show_temperature(scales: Sequence[float], losses: Mapping[str, Sequence[float]], guess: float) -> None:
    """The loss over the scale 1 / temperature, on a logarithmic axis, with each line's minimum marked.

    guess: the loss of guessing, ln n, drawn as a dashed line.
    """
    figure, (axis,) = panels(4.2, height=2.6, right=1.6)
    told = []
    for colour, (name, row) in zip((BLUE, GREEN, ORANGE), losses.items(), strict=False):
        values = np.asarray(row, dtype=float)
        axis.plot(scales, values, color=colour, linewidth=1.8, label=name)
        lowest = int(values.argmin())
        told.append(f"{name} {values[lowest]:.2f} at scale {scales[lowest]:.3g}")
        axis.plot(scales[lowest], values[lowest], "o", color=colour, markersize=6)
        axis.annotate(
            f"{scales[lowest]:.3g}", (scales[lowest], values[lowest]), (0, 7), textcoords="offset points", ha="center",
            fontsize=8, color=colour,
        )  # fmt: skip
    axis.axhline(guess, color="0.25", linestyle=(0, (4, 2)), linewidth=1.1, label="guessing, ln n")
    axis.axvline(1 / 0.07, color=GREY, linewidth=1)
    axis.text(
        1 / 0.07, 1.0, " CLIP starts here", transform=axis.get_xaxis_transform(), fontsize=8, color="0.35", va="top"
    )
    axis.set_xscale("log")
    ticks = [tick for tick in (1, 3, 10, 30, 100, 300) if tick <= max(scales)]
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_ylim(-0.05 * guess, 1.8 * guess)
    axis.set(xlabel="scale (1 / temperature)", ylabel="InfoNCE loss")
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    show(figure, alt=f"The loss over the scale; guessing costs {guess:.2f}. Lowest: " + "; ".join(told))


def show_training(history: Mapping[str, Sequence[float]], control: Mapping[str, Sequence[float]], guess: float) -> None:
    """Left, the loss of a run and of its control; right, what the model names rightly as it learns.

    history, control: from `small.train`.   guess: the loss of guessing, ln of the batch.
    """
    figure, (left, right) = panels(3.7, 3.4, height=2.6, right=1.5)
    left.axhline(guess, color="0.25", linestyle=(0, (4, 2)), linewidth=1.1)
    left.text(len(history["loss"]), guess - 0.12, "guessing", fontsize=8, color="0.25", ha="right", va="top")
    for run, colour, name in ((control, ORANGE, "shuffled captions"), (history, BLUE, "true captions")):
        left.plot(run["loss"], color=colour, linewidth=0.8, alpha=0.35)
        left.plot(_smooth(run["loss"]), color=colour, linewidth=2, label=name)
    left.set(xlabel="step", ylabel="InfoNCE loss", ylim=(0, None))
    left.legend(frameon=False, fontsize=8, loc="lower left")
    for colour, marker, name in zip(PALETTE, "os^Dv", ("background", "colour", "size", "shape"), strict=False):
        right.plot(history["step"], history[name], color=colour, marker=marker, markersize=4, label=name)
    right.plot(
        history["step"], history["recall"], color="0.15", marker="v", markersize=5, linewidth=2.2, label="all: R@1"
    )
    right.plot(control["step"], control["recall"], color="0.55", linestyle=":", linewidth=2, label="R@1, shuffled")
    right.set(xlabel="step", ylim=(-0.03, 1.05))
    right.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
    right.set_title("best caption is right about …", fontsize=9.5)
    right.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    ends = (f"{name} {history[name][-1]:.0%}" for name in ("background", "colour", "size", "shape", "recall"))
    show(
        figure,
        alt=f"Left, the loss: with true captions from {history['loss'][0]:.1f} to {history['loss'][-1]:.1f}, with "
        f"shuffled ones to {control['loss'][-1]:.1f}; guessing costs {guess:.1f}. Right, what the best caption is "
        f"right about after {history['step'][-1]} steps: {', '.join(ends)}",
    )


def show_joint_space(spaces: Mapping[str, tuple[Any, Any]]) -> None:
    """Pictures and captions in the plane, one panel each, all to one scale, a thin line between the two of a pair.

    spaces: {title: (points of pictures (n, 2), points of captions (n, 2))}, the first axis along the gap.
    """
    figure, axes = panels(*[3.5] * len(spaces), height=3.5, left=0.4, bottom=0.35, between=0.15)
    centred = {}
    for title, sides in spaces.items():
        images, texts = (np.asarray(side, dtype=float) for side in sides)
        middle = (images.mean(axis=0) + texts.mean(axis=0)) / 2
        centred[title] = images - middle, texts - middle
    reach = 1.06 * max(np.abs(points).max() for sides in centred.values() for points in sides)
    for axis, (title, (images, texts)) in zip(axes, centred.items(), strict=True):
        lines = np.stack([images, texts, np.full_like(images, np.nan)], axis=1).reshape(-1, 2)
        axis.plot(*lines.T, color="0.75", linewidth=0.5, zorder=1)
        axis.scatter(
            images[:, 0], images[:, 1], s=20, color=BLUE, marker="o", linewidth=0, alpha=0.8, label="picture", zorder=2
        )
        axis.scatter(
            texts[:, 0], texts[:, 1], s=24, color=ORANGE, marker="^", linewidth=0, alpha=0.8, label="caption", zorder=3
        )
        for points, colour in ((images, BLUE), (texts, ORANGE)):
            axis.axvline(points[:, 0].mean(), color=colour, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
        axis.set_title(wrap(title, 38), fontsize=10)
        axis.set(
            xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], xlabel="along the gap", aspect="equal"
        )
        axes[0].set_ylabel("where the rest varies most")
    axes[0].legend(frameon=False, fontsize=8.5, loc="upper center", ncols=2)
    apart = (f"{title}, middles {_apart(*sides):.2f} apart" for title, sides in centred.items())
    show(figure, alt="Pictures and captions as two clouds of points. " + "; ".join(apart))


def _apart(images: np.ndarray, texts: np.ndarray) -> float:
    """How far the middles of two clouds (n, 2) are from each other along the first axis."""
    return abs(float(images[:, 0].mean() - texts[:, 0].mean()))


def _smooth(values: Sequence[float], window: int = 7) -> np.ndarray:
    """A running mean that is as long as its input."""
    row, ones = np.asarray(values, dtype=float), np.ones(window)
    if len(row) < window:
        return row
    return np.convolve(row, ones, mode="same") / np.convolve(np.ones_like(row), ones, mode="same")
