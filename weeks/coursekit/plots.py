"""Plots that every week shares. Each draws one figure and shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

# Okabe & Ito's palette, which the colour-blind can tell apart
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555", "#F0E442"]


def grid(
    images: Sequence[Image.Image], titles: Sequence[str] | None = None, columns: int = 8, size: float = 1.3
) -> None:
    """Pictures in rows of `columns`, each `size` inches, pixels kept sharp."""
    rows = -(-len(images) // columns)
    columns = min(columns, len(images))
    figure, axes = plt.subplots(
        rows, columns, figsize=(size * columns, (size + 0.35 * bool(titles)) * rows), squeeze=False
    )
    for axis in axes.flat:
        axis.axis("off")
    for i, (axis, image) in enumerate(zip(axes.flat, images, strict=False)):
        axis.imshow(image, interpolation="nearest" if max(image.size) <= 128 else "antialiased")
        if titles:
            axis.set_title(_wrap(titles[i], 22), fontsize=7)
    _show(figure)


def heatmap(
    matrix: Any,
    rows: Sequence[str | Image.Image],
    columns: Sequence[str | Image.Image],
    title: str = "",
    digits: int = 2,
) -> None:
    """A matrix (n, m) in colour with its values, rows and columns labelled by text or by small pictures."""
    values = np.asarray(matrix, dtype=float)
    n, m = values.shape
    figure, axis = plt.subplots(figsize=(2.6 + 0.62 * m, 1.6 + 0.62 * n))
    shown = axis.imshow(values, cmap="cividis")
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    if values.size <= 144:
        for i, j in np.ndindex(n, m):
            ink = "white" if values[i, j] < middle else "black"
            axis.text(j, i, f"{values[i, j]:.{digits}f}", ha="center", va="center", fontsize=7, color=ink)
    _label(axis, axis.yaxis, rows)
    _label(axis, axis.xaxis, columns)
    figure.colorbar(shown, ax=axis, fraction=0.04, pad=0.02)
    axis.set_title(title, fontsize=10)
    _show(figure)


def curve(lines: Mapping[str, Sequence[float]], xlabel: str = "step", ylabel: str = "", title: str = "") -> None:
    """Named lines over their index."""
    figure, axis = plt.subplots(figsize=(6, 3))
    for colour, (name, values) in zip(PALETTE, lines.items(), strict=False):
        axis.plot(np.asarray(values, dtype=float), label=name, color=colour, linewidth=1.6)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.set_title(title, fontsize=10)
    if len(lines) > 1:
        axis.legend(frameon=False, fontsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    _show(figure)


def scatter(groups: Mapping[str, Any], title: str = "", join: Sequence[tuple[Any, Any]] = ()) -> None:
    """Named groups of points (n, 2). `join` draws a thin line between each pair of points."""
    figure, axis = plt.subplots(figsize=(5.2, 4.4))
    for a, b in join:
        axis.plot([a[0], b[0]], [a[1], b[1]], color="0.8", linewidth=0.6, zorder=1)
    markers = "os^Dv*Px"
    for colour, marker, (name, points) in zip(PALETTE, markers, groups.items(), strict=False):
        points = np.asarray(points, dtype=float)
        axis.scatter(points[:, 0], points[:, 1], s=22, label=name, color=colour, marker=marker, alpha=0.85, zorder=2)
    axis.legend(frameon=False, fontsize=8)
    axis.set_title(title, fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    _show(figure)


def _label(axis: Any, side: Any, labels: Sequence[str | Image.Image]) -> None:
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    horizontal = side is axis.xaxis
    side.set_ticks(range(len(labels)))
    if not isinstance(labels[0], Image.Image):
        side.set_ticklabels([_wrap(str(text), 26) for text in labels], fontsize=7)
        if horizontal:
            plt.setp(axis.get_xticklabels(), rotation=40, ha="right", rotation_mode="anchor")
        return
    side.set_ticklabels([""] * len(labels))
    for i, image in enumerate(labels):
        picture = OffsetImage(np.asarray(image.convert("RGB").resize((64, 64))), zoom=0.5)
        place, offset = ((i, 1), (0, -20)) if horizontal else ((0, i), (-20, 0))
        frame = ("data", "axes fraction") if horizontal else ("axes fraction", "data")
        if horizontal:
            place = (i, 0)
        axis.add_artist(
            AnnotationBbox(picture, place, xybox=offset, xycoords=frame, boxcoords="offset points", frameon=False)
        )


def _wrap(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def _show(figure: Figure) -> None:
    figure.set_layout_engine("tight")
    plt.show()
    plt.close(figure)
