"""The figures of week 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from coursekit import plots
from coursekit.plots import PALETTE, Sheet, panels, rate, show, wilson
from diffusion_lab import data, painting
from diffusion_lab.measuring import CHANGE, Rows

SIDE = 96  # pixels on the screen of a picture in a row
LABEL = 132  # of the names of rows

Pictures = Sequence[Image.Image] | torch.Tensor


def show_pictures(pictures: Sequence[Image.Image], captions: Sequence[str]) -> None:
    """Pictures with what was asked for below them."""
    plots.grid(pictures, captions, columns=4, side=192, alt="Painted pictures: " + "; ".join(captions))


def show_rows(
    rows: Sequence[Pictures], labels: Sequence[str], title: str = "", columns: Sequence[str] = (), alt: str = ""
) -> None:
    """Rows of pictures, PIL images or tensors (n, 3, h, w) in [0, 1], each with its name on the left.

    columns: what each column is, written above it.   alt: what is to be seen; by default the rows' names.
    """
    lists = [data.to_pictures(row) if isinstance(row, torch.Tensor) else list(row) for row in rows]
    head = 26 if title else 4
    top = head + (18 if columns else 0)
    sheet = Sheet(LABEL + max(len(row) for row in lists) * (SIDE + 6), top + len(lists) * (SIDE + 6))
    if title:
        sheet.text(title, 6, 13, size=13)
    for j, words in enumerate(columns):
        sheet.text(words, LABEL + j * (SIDE + 6) + SIDE / 2, head + 8, "mm", size=11)
    for i, (row, label) in enumerate(zip(lists, labels, strict=True)):
        y = top + i * (SIDE + 6)
        sheet.text(plots.wrap(label, 18), LABEL - 8, y + SIDE / 2, "rm", size=12)
        for j, picture in enumerate(row):
            sheet.picture(picture, LABEL + j * (SIDE + 6), y, SIDE)
    sheet.show(alt or f"{title or 'Rows of pictures'}: {', '.join(labels)}")


def show_dissolving(schedules: Mapping[str, torch.Tensor], add_noise: Any, seed: int = 0) -> None:
    """One scene at nine moments under every schedule, with the same noise. add_noise: as the notebook's."""
    clean, parts = data.scene_pixels(), torch.linspace(0, 1, 9)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed)).expand(9, -1, -1, -1)
    rows = []
    for kept in schedules.values():
        rows.append(add_noise(clean.expand_as(noise), noise, (parts * (len(kept) - 1)).long(), kept) / 2 + 0.5)
    show_rows(
        rows,
        list(schedules),
        columns=["t = 0", *(f"t = {part:.3g} T" for part in parts[1:-1]), "t = T"],
        alt="A red star that drowns in noise from left to right, a row each for the schedules " + ", ".join(schedules),
    )


def show_signal(schedules: Mapping[str, torch.Tensor]) -> None:
    """What is left of the signal, and the signal-to-noise ratio, over the steps."""
    figure, (left, right) = panels(3.6, 3.6, height=2.3, between=0.9)
    for colour, (name, schedule) in zip(PALETTE, schedules.items(), strict=False):
        kept = schedule.double().numpy()
        line: dict[str, Any] = {"color": colour, "linewidth": 1.6}
        line["linestyle"] = "--" if name == "this model's own" else "-"
        place = np.linspace(0, 1, len(kept))
        left.plot(place, kept, label=name, **line)
        right.semilogy(place, kept / (1 - kept), **line)
    left.set(xlabel="t / T", ylabel="signal left, $\\bar\\alpha$")
    right.set(xlabel="t / T", ylabel="signal-to-noise ratio", ylim=(1e-5, 1e5))
    right.axhline(1, color="0.7", linewidth=0.8)
    left.legend(frameon=False, fontsize=8)
    halves = (f"{name} {float((kept > 0.5).double().mean()):.0%} of the way" for name, kept in schedules.items())
    show(
        figure,
        alt=f"The signal left falls from 1 to 0, and the signal-to-noise ratio; half is left: {', '.join(halves)}",
    )


def show_losses(losses: Sequence[float], best: float | None = None) -> None:
    """The training loss, each step and its running mean. best: what the best possible model would pay."""
    values = np.asarray(losses, dtype=float)
    window = max(1, len(values) // 40)
    smooth = np.convolve(values, np.ones(window) / window, mode="valid")
    figure, (axis,) = panels(5.2, height=2.2)
    axis.plot(values, color="0.8", linewidth=0.8, label="of each batch")
    places = np.arange(len(smooth)) + window // 2
    axis.plot(places, smooth, color=PALETTE[0], linewidth=1.8, label=f"mean of {window} batches")
    told = f"The loss falls from {values[0]:.2f} to {smooth[-1]:.2f}"
    if best is not None:
        line: dict[str, Any] = {"color": PALETTE[1], "linewidth": 1.4, "linestyle": (0, (4, 3)), "zorder": 3}
        axis.axhline(best, label="the best possible model", **line)
        told += f"; the best possible model's is {best:.2f}"
    axis.set(xlabel="step", ylabel="loss", ylim=(0, 1.2))
    axis.legend(frameon=False, fontsize=8, loc="upper right")
    show(figure, alt=told)


def animate(clouds: Mapping[str, Sequence[torch.Tensor]], side: int = 220, frames: int = 30) -> None:
    """Clouds of points side by side, moving: for each its points (n, 2) at every step. One of one step stands still."""
    titles = Sheet(len(clouds) * side, side + 22)
    for i, name in enumerate(clouds):
        titles.text(name, (i + 0.5) * side, 11, "mm", size=12)
    sheets = []
    for k in range(frames):
        pixels = np.asarray(titles.image).copy()
        for i, steps in enumerate(clouds.values()):
            points = steps[min(len(steps) - 1, round(k / (frames - 1) * (len(steps) - 1)))]
            where = ((points.nan_to_num(posinf=9, neginf=-9).numpy() * (0.21, -0.21) + 0.5) * side).round().astype(int)
            for x, y in where[((where > 1) & (where < side - 2)).all(axis=1)]:
                pixels[22 + y - 1 : 22 + y + 1, i * side + x - 1 : i * side + x + 1] = (0, 114, 178)
        sheets.append(Image.fromarray(pixels).quantize(16))
    film = plots.Drawn("Points in motion, side by side: " + ", ".join(clouds), "gif")
    times = [70] * (frames - 1) + [2000]
    sheets[0].save(film, "GIF", save_all=True, append_images=sheets[1:], duration=times, loop=0)
    film.show()


def show_trajectories(paths: Mapping[str, torch.Tensor]) -> None:
    """The ways of points (steps + 1, n, 2), side by side, over the star they end in."""
    from diffusion_lab.points import star

    figure, axes = panels(*[2.7] * len(paths), height=2.7, left=0.2, bottom=0.35, between=0.25)
    ground = star(3000)
    for axis, (name, steps) in zip(axes, paths.items(), strict=True):
        axis.scatter(ground[:, 0], ground[:, 1], s=1, color="0.88", label="the star", zorder=1)
        for i, way in enumerate(steps.transpose(0, 1)[:24].numpy()):
            axis.plot(*way.T, color=PALETTE[0], linewidth=0.7, alpha=0.6, label=None if i else "a path", zorder=2)
        axis.scatter(steps[-1][:, 0], steps[-1][:, 1], s=9, color=PALETTE[1], label="where a path ends", zorder=3)
        axis.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), xticks=[], yticks=[])
        axis.set_title(name, fontsize=9)
        axis.spines[["left", "bottom"]].set_visible(False)
    key: dict[str, Any] = {"loc": "lower center", "ncols": 3, "frameon": False, "fontsize": 8, "markerscale": 2}
    figure.legend(*axes[0].get_legend_handles_labels(), **key)
    show(figure, alt="Paths of points into a star, and where they end: " + ", ".join(paths))


def beliefs(pipe: Any, clean_and_noise: Any, seed: int = 0) -> tuple[list[int], torch.Tensor, torch.Tensor]:
    """One scene with more and more noise, and the clean picture that the pipeline takes each for, told the caption.

    clean_and_noise: as the notebook's. Returns the times, and both as pixels (n, 3, h, w) in [0, 1].
    """
    kept = pipe.scheduler.alphas_cumprod
    moments = [int(part * (len(kept) - 1)) for part in (0.1, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)]
    clean = painting.encode(pipe, data.scene_pixels()[None])
    noise, prediction = painting.start(pipe, 1, seed), pipe.scheduler.config.prediction_type
    above, below = [], []
    with torch.no_grad():
        answer = painting.guided_answer(pipe, [data.scene_caption()], 1.0)
        for t in moments:
            noisy = painting.noised(pipe, clean, noise, t)
            guess, _ = clean_and_noise(answer(noisy, t), noisy, torch.tensor([t]), kept, prediction)
            above.append(painting.decode(pipe, noisy)[0])
            below.append(painting.decode(pipe, guess)[0])
    return moments, torch.stack(above), torch.stack(below)


def show_beliefs(pipe: Any, clean_and_noise: Any, seed: int = 0) -> None:
    """The figure of `beliefs`."""
    moments, above, below = beliefs(pipe, clean_and_noise, seed)
    alt = "Above a star under more and more noise; below the guess at it, ever paler, at last an empty white page"
    show_rows([above, below], ["what it sees", "its guess"], columns=[f"t = {t}" for t in moments], alt=alt)


def _rates(axis: Any, places: Sequence[float], right: Sequence[float], n: int, **line: Any) -> None:
    """A curve of rates, with Wilson's intervals."""
    values = [value / n for value in right]
    ends = np.array([wilson(value, n) for value in right]).T
    bars = np.abs(ends - values)
    axis.errorbar(places, values, bars, linewidth=1.6, elinewidth=0.9, capsize=2, **line)


def show_quality(counts: Sequence[int], quality: Mapping[str, Sequence[int]], n: int) -> None:
    """On how many of n pictures everything is right, over the number of steps, for every sampler."""
    figure, (axis,) = panels(4.6, height=2.6)
    for i, (name, values) in enumerate(quality.items()):
        places = [index + 0.05 * (i - (len(quality) - 1) / 2) for index in range(len(counts))]  # bars stay apart
        _rates(axis, places, values, n, marker="os^D"[i], label=name, color=PALETTE[i])
    axis.set(xlabel="steps", ylabel=f"part of {n} pictures all right", ylim=(0, 1.05))
    axis.set_xticks(range(len(counts)), [str(count) for count in counts])
    axis.legend(frameon=False, fontsize=8)
    told = (f"{name} {', '.join(map(str, values))}" for name, values in quality.items())
    show(figure, alt=f"Pictures all right, of {n}, with {', '.join(map(str, counts))} steps: {'; '.join(told)}")


def show_guidance(strengths: Sequence[float], right: Sequence[int], different: Sequence[float], n: int) -> None:
    """Fidelity, as counts of n pictures, and diversity over the strength of guidance."""
    figure, (left, other) = panels(3.4, 3.4, height=2.3, between=0.9)
    _rates(left, strengths, right, n, marker="o", color=PALETTE[2])
    left.set(xlabel="guidance g", ylabel=f"part of {n} pictures right", ylim=(-0.03, 1.05))
    other.plot(strengths, different, "s-", color=PALETTE[1])
    other.set(xlabel="guidance g", ylabel="difference of pictures", ylim=(-0.01, None))
    for axis, high in ((left, 1.0), (other, other.get_ylim()[1])):
        axis.axvline(1, color="0.8", linewidth=0.8, zorder=0)
        axis.text(1.1, high, "the model as it is", fontsize=8, color="0.35", va="top")
    told = (f"g {g:g}: {r} of {n}, {d:.2f}" for g, r, d in zip(strengths, right, different, strict=True))
    show(figure, alt="Pictures with both objects right, and the difference of pictures. " + "; ".join(told))


def show_word_maps(picture: Image.Image, maps: Sequence[tuple[str, torch.Tensor]]) -> None:
    """A picture, and for each word the map of where it was listened to, from its least (dark) to its most (bright)."""
    from matplotlib import colormaps

    step, columns = SIDE + 6, 8
    rows = -(-(len(maps) + 1) // columns)
    sheet = Sheet(columns * step, rows * (step + 18))
    sheet.picture(picture, 3, 3, SIDE)
    for i, (word, values) in enumerate(maps, 1):
        x, y = i % columns * step + 3, i // columns * (step + 18) + 3
        scaled = (values - values.min()) / (values.max() - values.min() + 1e-9)
        heat = (255 * colormaps["magma"](scaled.numpy())[..., :3]).astype(np.uint8)
        sheet.picture(Image.fromarray(heat), x, y, SIDE)
        sheet.text(word, x + SIDE / 2, y + SIDE + 10, "mm", size=12)
    sheet.show("A picture, and for each word a map that is bright where it was listened to: " + plots.brightest(maps))


def show_report(report: Rows, columns: int = 8) -> None:
    """The first pictures of every row, and below them what was measured of all of it."""
    names = list(report.pictures)
    rows = [report.pictures[name][:columns] for name in names]
    show_rows(rows, names, title=report.caption, alt=report.alt)
    for name, values in report.measured.items():
        n = len(report.pictures[name])
        said = [f"{what} {v:.0%}" if what == CHANGE else f"{what} {rate(v * n, n)}" for what, v in values.items()]
        print(f"{name:26s}" + "   ".join(said))


def show_edits(report: Rows) -> None:
    """SDEdit at several strengths: pictures, and curves of what changed and what stayed."""
    rows = [pictures[:8] for pictures in report.pictures.values()]
    show_rows(rows, list(report.pictures), title=report.caption, alt=report.alt)
    figure, (axis,) = panels(4.6, height=2.3)
    strengths, n = [float(name.split()[-1]) for name in report.measured], len(next(iter(report.pictures.values())))
    for i, what in enumerate(next(iter(report.measured.values()))):
        places = [strength + 0.012 * (i - 1) for strength in strengths]  # curves that meet stay apart
        counts = [row[what] * n for row in report.measured.values()]
        _rates(axis, places, counts, n, marker="os^"[i], color=PALETTE[i], label=what)
    axis.set(xlabel="strength", ylabel=f"part of {n} pictures", ylim=(-0.03, 1.05))
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(0.0, 0.5))
    told = (
        f"{name}: " + ", ".join(f"{what} {part:.0%}" for what, part in row.items())
        for name, row in report.measured.items()
    )
    show(figure, alt=f"Parts of {n} pictures. " + "; ".join(told))
