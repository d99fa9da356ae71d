"""The figures of week 1. Each draws one figure and shows it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from PIL import Image

from coursekit.plots import PALETTE

BLUE, ORANGE, GREEN, PINK = PALETTE[:4]
GREY = "#9a9a9a"


def show_queries(
    queries: Sequence[str],
    found: Sequence[Sequence[Image.Image]],
    right: Sequence[Sequence[bool]] | None = None,
    title: str = "",
) -> None:
    """One row a query: the words, then the pictures found for them, best first. `right` says which to frame."""
    rows, columns = len(found), max(len(row) for row in found)
    figure, axes = plt.subplots(
        rows,
        columns + 1,
        figsize=(2.5 + 0.92 * columns, 0.95 * rows + 0.35 * bool(title)),
        width_ratios=[2.6] + [1] * columns,
        squeeze=False,
    )
    for i, (query, pictures) in enumerate(zip(queries, found, strict=True)):
        axes[i, 0].text(0.97, 0.5, _wrap(query, 24), ha="right", va="center", fontsize=9.5)
        axes[i, 0].axis("off")
        for j in range(columns):
            axis = axes[i, j + 1]
            if j >= len(pictures):
                axis.axis("off")
                continue
            _picture(axis, pictures[j])
            if right is not None and right[i][j]:
                axis.spines[:].set(color=GREEN, linewidth=3.5)
    if title:
        figure.suptitle(title, fontsize=11)
    _show(figure)


def show_album(pictures: Sequence[Image.Image], captions: Sequence[str], columns: int = 4) -> None:
    """Pictures with their captions below them."""
    rows = -(-len(pictures) // columns)
    lines = max(len(_wrap(caption, 27).splitlines()) for caption in captions)
    figure, axes = plt.subplots(rows, columns, figsize=(2.15 * columns, (2.0 + 0.16 * lines) * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, picture, caption in zip(axes.flat, pictures, captions, strict=False):
        axis.axis("on")
        _picture(axis, picture)
        axis.set_xlabel(_wrap(caption, 27), fontsize=7.5)
    _show(figure, "constrained")


def show_similarity(pictures: Sequence[Image.Image], captions: Sequence[str], matrix: Any, title: str = "") -> None:
    """The heat map: one row a picture, one column a caption. A frame marks the best caption of every picture.

    matrix: (n, m) cosines.
    """
    values = np.asarray(matrix, dtype=float)
    n, m = values.shape
    figure, (axis, beside) = plt.subplots(
        1, 2, figsize=(5.2 + 0.62 * m, 1.0 + 0.6 * n), width_ratios=[0.62 * m + 0.6, 4.2]
    )
    axis.imshow(values, cmap="cividis", aspect="auto")
    middle = (values.min() + values.max()) / 2
    for i, j in np.ndindex(n, m):
        ink = "white" if values[i, j] < middle else "black"
        axis.text(j, i, f"{values[i, j]:.2f}", ha="center", va="center", fontsize=8, color=ink)
    for i, j in enumerate(values.argmax(axis=1)):
        axis.add_patch(plt.Rectangle((j - 0.47, i - 0.46), 0.94, 0.92, fill=False, edgecolor=ORANGE, linewidth=2.2))
    names = [chr(ord("a") + j) for j in range(m)]  # the captions are long: they stand beside the map
    axis.xaxis.tick_top()
    axis.set_xticks(range(m), names, fontsize=10)
    axis.set_yticks(range(n), [""] * n)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    for i, picture in enumerate(pictures):
        small = OffsetImage(np.asarray(_square(picture).resize((96, 96))), zoom=0.36)
        where = {"xybox": (-24, 0), "xycoords": ("axes fraction", "data"), "boxcoords": "offset points"}
        axis.add_artist(AnnotationBbox(small, (0, i), frameon=False, **where))
    beside.set(xlim=(0, 1), ylim=(m - 0.5, -0.5))
    beside.axis("off")
    for j, caption in enumerate(captions):
        beside.text(0.0, j, names[j], fontsize=10, va="center", fontweight="bold")
        beside.text(0.07, j, _wrap(caption, 42), fontsize=8.5, va="center")
    figure.suptitle(title, fontsize=11)
    _show(figure)


def show_bars(
    groups: Mapping[str, Mapping[str, float]],
    chance: float | Mapping[str, float] | None = None,
    ylabel: str = "accuracy",
    title: str = "",
) -> None:
    """Groups of bars with their values on top, in [0, 1].

    groups: {label under the group: {name in the legend: value}}.   chance: a dashed line, or one for each group.
    """
    names = list(dict.fromkeys(name for bars in groups.values() for name in bars))
    figure, axis = plt.subplots(figsize=(2.2 + len(groups) * max(0.36 * len(names), 1.25), 3.3))
    width = 0.8 / len(names)
    for k, name in enumerate(names):
        for i, bars in enumerate(groups.values()):
            if name not in bars:
                continue
            place = i + (k - (len(names) - 1) / 2) * width
            axis.bar(place, bars[name], 0.92 * width, color=PALETTE[k], label=name if i == 0 and name else None)
            value = f"{100 * bars[name]:.0f}"
            behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # keeps it readable on the line of chance
            axis.text(place, bars[name] + 0.02, value, ha="center", va="bottom", fontsize=8, bbox=behind, zorder=4)
    if chance is not None:
        each = chance if isinstance(chance, Mapping) else dict.fromkeys(groups, chance)
        for i, label in enumerate(groups):
            line = axis.hlines(each[label], i - 0.46, i + 0.46, color="0.25", linestyle=(0, (4, 2)), linewidth=1.1)
            line.set_label("chance" if i == 0 else None)
    axis.set_xticks(range(len(groups)), [_wrap(label, 17) for label in groups], fontsize=8.5)
    axis.set_ylim(0, 1.09)
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
    axis.set_ylabel(ylabel)
    _tidy(axis)
    axis.tick_params(axis="x", length=0)
    if names != [""] or chance is not None:
        axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axis.set_title(title, fontsize=11)
    _show(figure)


def show_temperature(scales: Sequence[float], losses: Mapping[str, Sequence[float]], guess: float) -> None:
    """The loss over the scale 1 / temperature, on a logarithmic axis, with each line's minimum marked.

    guess: the loss of guessing, ln n, drawn as a dashed line.
    """
    figure, axis = plt.subplots(figsize=(6.4, 3.3))
    for colour, (name, values) in zip((BLUE, ORANGE, GREEN), losses.items(), strict=False):
        values = np.asarray(values, dtype=float)
        axis.plot(scales, values, color=colour, linewidth=1.8, label=name)
        lowest = int(values.argmin())
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
    axis.set_ylim(-0.05 * guess, 1.8 * guess)
    axis.set(xlabel="scale (1 / temperature)", ylabel="InfoNCE loss")
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _tidy(axis)
    _show(figure)


def show_training(history: Mapping[str, Sequence[float]], control: Mapping[str, Sequence[float]], guess: float) -> None:
    """Left, the loss of a run and of its control; right, what the model names rightly as it learns.

    history, control: from `small.train`.   guess: the loss of guessing, ln of the batch.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4))
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
    for axis in (left, right):
        _tidy(axis)
    _show(figure)


def gap_axes(images: Any, texts: Any) -> Any:
    """Two directions to look at the joint space along: `vectors @ gap_axes(...).T` are points of the plane.

    images (n, d), texts (m, d): float tensors. Returns a float tensor (2, d) with orthogonal unit rows: along the
    modality gap, and along what varies most of the rest.
    """
    import torch

    gap = images.mean(dim=0) - texts.mean(dim=0)
    along = gap / gap.norm()
    both = torch.cat([images - images.mean(dim=0), texts - texts.mean(dim=0)])
    rest = both - (both @ along)[:, None] * along
    return torch.stack([along, torch.linalg.svd(rest, full_matrices=False).Vh[0]])


def show_joint_space(panels: Mapping[str, tuple[Any, Any]]) -> None:
    """Pictures and captions in the plane, one panel each, all to one scale, a thin line between the two of a pair.

    panels: {title: (points of pictures (n, 2), points of captions (n, 2))}, the first axis along the gap.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(3.9 * len(panels), 4.0), squeeze=False, sharey=True)
    centred = {}
    for title, sides in panels.items():
        images, texts = (np.asarray(side, dtype=float) for side in sides)
        middle = (images.mean(axis=0) + texts.mean(axis=0)) / 2
        centred[title] = images - middle, texts - middle
    reach = 1.06 * max(np.abs(points).max() for sides in centred.values() for points in sides)
    for axis, (title, (images, texts)) in zip(axes.flat, centred.items(), strict=True):
        lines = np.stack([images, texts, np.full_like(images, np.nan)], axis=1).reshape(-1, 2)
        axis.plot(*lines.T, color="0.75", linewidth=0.5, zorder=1)
        axis.scatter(*images.T, s=20, color=BLUE, marker="o", linewidth=0, alpha=0.8, label="picture", zorder=2)
        axis.scatter(*texts.T, s=24, color=ORANGE, marker="^", linewidth=0, alpha=0.8, label="caption", zorder=3)
        for points, colour in ((images, BLUE), (texts, ORANGE)):
            axis.axvline(points[:, 0].mean(), color=colour, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
        axis.set_title(_wrap(title, 38), fontsize=10)
        axis.set(
            xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], xlabel="along the gap", aspect="equal"
        )
        _tidy(axis)
    axes[0, 0].set_ylabel("where the rest varies most")
    axes[0, 0].legend(frameon=False, fontsize=8.5, loc="upper center", ncols=2)
    _show(figure)


def _smooth(values: Sequence[float], window: int = 7) -> np.ndarray:
    """A running mean that is as long as its input."""
    values = np.asarray(values, dtype=float)
    near = np.convolve(values, np.ones(window), mode="same")
    return near / np.convolve(np.ones_like(values), np.ones(window), mode="same") if len(values) >= window else values


def _square(picture: Image.Image) -> Image.Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.convert("RGB").crop((left, top, left + side, top + side))


def _picture(axis: Axes, picture: Image.Image) -> None:
    axis.imshow(_square(picture), interpolation="nearest" if max(picture.size) <= 128 else "antialiased")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_color("0.85")


def _tidy(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)


def _wrap(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width)) or text


def _show(figure: Figure, layout: str = "tight") -> None:
    figure.set_layout_engine(layout)
    plt.show()
    plt.close(figure)
