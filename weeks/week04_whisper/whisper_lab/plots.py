"""The figures of week 4, and its players."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from coursekit.plots import PALETTE, Sheet, panels, show
from tinyworld.sound import RATE

FLOOR = 70  # decibels below the loudest that a spectrogram still shows
CONFIDENT, DOUBTFUL = (0, 114, 178), (213, 94, 0)


def _power(wave: Any, rate: int) -> np.ndarray:
    """Power in decibels over time, (bins, frames), in windows of 25 ms every 10 ms."""
    size, hop = rate // 40, rate // 100
    samples = torch.tensor(np.asarray(wave), dtype=torch.float32)
    spectrum = torch.stft(samples, size, hop, window=torch.hann_window(size), return_complex=True)
    return (10 * (spectrum.abs() ** 2 + 1e-10).log10()).numpy()


def _spectrogram(axis: Axes, wave: Any, rate: int = RATE) -> None:
    level = _power(wave, rate)
    extent = (0, len(wave) / rate, 0, rate / 2000)
    axis.imshow(
        level, origin="lower", aspect="auto", extent=extent, cmap="magma", vmax=level.max(), vmin=level.max() - FLOOR
    )
    axis.set(xlabel="seconds", ylabel="kHz")
    axis.locator_params(axis="x", nbins=6)


def show_sound(wave: Any, words: Sequence[tuple[str, float]] = (), title: str = "", rate: int = RATE) -> None:
    """A sound as a wave and as a spectrogram, with words (word, start in seconds) where they begin."""
    figure, (above,) = panels(8.2, height=2.9, top=0.45)
    box = above.get_position()
    above.set_position((box.x0, box.y0, box.width, box.height * 0.72))
    _spectrogram(above, wave, rate)
    below = figure.add_axes((box.x0, box.y0 + box.height * 0.78, box.width, box.height * 0.22))
    below.plot(np.arange(len(wave)) / rate, wave, linewidth=0.4, color="0.3")
    below.set(xlim=(0, len(wave) / rate), xticks=[], yticks=[])
    below.spines[["top", "right", "left", "bottom"]].set_visible(False)
    below.set_title(title, fontsize=10, loc="left")
    for i, (word, start) in enumerate(words):
        above.axvline(start, color="white", linewidth=0.8, alpha=0.7)
        above.text(start + 0.015, 7.3 - 0.9 * (i % 2), word, color="white", fontsize=8, va="center")
    show(figure)


def show_spectrograms(sounds: Mapping[str, tuple[Any, int]]) -> None:
    """Named sounds side by side, (wave, samples a second), on one scale of time and frequency."""
    highest = max(rate for _, rate in sounds.values()) / 2000
    figure, axes = panels(*[8.2 / len(sounds) - 0.4] * len(sounds), height=2.2, between=0.55)
    for axis, (name, (wave, rate)) in zip(axes, sounds.items(), strict=True):
        _spectrogram(axis, wave, rate)
        axis.set(ylim=(0, highest), facecolor="0.93")
        axis.set_title(name, fontsize=9)
    show(figure)


def show_resolutions(wave: Any, sizes: Sequence[int], highest: float = 4.0, rate: int = RATE) -> None:
    """Spectrograms of one wave in frames of these many samples, up to a frequency in kHz, one below the other."""
    samples = torch.tensor(np.asarray(wave), dtype=torch.float32)
    for size in sizes:
        spectrum = torch.stft(samples, size, rate // 500, window=torch.hann_window(size), return_complex=True)
        level = (20 * (spectrum.abs() + 1e-5).log10()).numpy()
        figure, (axis,) = panels(8.2, height=1.5, bottom=0.45, top=0.3)
        extent = (0, len(samples) / rate, 0, rate / 2000)
        limits = {"vmax": level.max(), "vmin": level.max() - FLOOR}
        axis.imshow(level, origin="lower", aspect="auto", extent=extent, cmap="magma", **limits)
        axis.set(xlabel="seconds", ylabel="kHz", ylim=(0, highest))
        axis.set_title(f"frames of {1000 * size / rate:g} ms", fontsize=9, loc="left")
        show(figure)


def show_filters(filters: Any, rate: int = RATE) -> None:
    """A mel filterbank (bins, filters): every fifth triangle, and where the filters' middles lie."""
    values = np.asarray(filters)
    hertz = np.linspace(0, rate / 2, len(values)) / 1000
    figure, (left, right) = panels(5.2, 2.4, height=2.2, between=0.75)
    for i in range(0, values.shape[1], 5):
        left.plot(hertz, 1000 * values[:, i], linewidth=1, color=PALETTE[i // 5 % 7])
    left.set(xlabel="kHz", ylabel="weight · 1000", ylim=(0, None))
    left.set_title("every fifth filter", fontsize=9)
    right.plot(hertz[values.argmax(axis=0)], ".", color=PALETTE[0], markersize=3)
    right.set(xlabel="filter", ylabel="its middle, kHz")
    show(figure)


def show_features(features: Mapping[str, Any], seconds: float) -> None:
    """Named log-mel spectrograms (mels, frames) of windows of so many seconds, one below the other."""
    for name, values in features.items():
        figure, (axis,) = panels(8.2, height=1.6, bottom=0.45, top=0.3)
        extent = (0, seconds, 0, len(values))
        axis.imshow(np.asarray(values), origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-1, vmax=1.5)
        axis.set(xlabel="seconds", ylabel="mel")
        axis.set_title(name, fontsize=9, loc="left")
        show(figure)


def show_positions(positions: Any) -> None:
    """Sinusoidal positions (length, width), and how alike each is to those in a quarter, the middle and three."""
    values = np.asarray(positions)
    figure, (left, right) = panels(3.9, 3.7, height=2.2)
    left.imshow(values.T, aspect="auto", cmap="RdBu", vmin=-1, vmax=1)
    left.set(xlabel="position", ylabel="feature")
    for i, colour in zip(len(values) * np.arange(1, 4) // 4, PALETTE, strict=False):
        right.plot(values @ values[i] / (values[i] @ values[i]), color=colour, linewidth=1, label=f"position {i}")
    right.set(xlabel="position", ylabel="likeness")
    right.legend(frameon=False, fontsize=8)
    show(figure)


def show_languages(shares: Any, codes: Sequence[str], names: Sequence[str], most: int = 4) -> None:
    """How the languages share the first token, for each named utterance: shares (n, languages)."""
    values = np.asarray(shares)
    shown = list(np.argsort(-values.max(axis=0))[:most])
    figure, (axis,) = panels(6.0, height=0.36 * len(values) + 0.3, left=3.0, bottom=0.5)
    before = np.zeros(len(values))
    rows = np.arange(len(values))[::-1]
    for colour, j in zip(PALETTE, shown, strict=False):
        axis.barh(rows, values[:, j], left=before, color=colour, label=codes[j].strip("<|>"), height=0.7)
        before += values[:, j]
    axis.barh(rows, 1 - before, left=before, color="0.85", label="others", height=0.7)
    axis.set(xlim=(0, 1), yticks=rows, xlabel="share of the first token")
    axis.set_yticklabels(names, fontsize=8)
    axis.legend(frameon=False, fontsize=8, ncols=most + 1, loc="lower right", bbox_to_anchor=(1, 1))
    show(figure)


def show_confidence(rows: Sequence[Sequence[tuple[str, float]]]) -> None:
    """Rows of pieces of text with their log-probabilities: blue where the model was sure, orange where it was not."""
    sheet = Sheet(860, 30 * len(rows) + 6)
    for i, row in enumerate(rows):
        x = 8.0
        for piece, score in row:
            sure = min(1.0, float(np.exp(score))) ** 2
            mixed = [round(sure * a + (1 - sure) * b) for a, b in zip(CONFIDENT, DOUBTFUL, strict=True)]
            piece = piece.replace("<|", "‹").replace("|>", "›")
            sheet.text(piece.strip() or "␣", x, 30 * i + 18, colour="#{:02x}{:02x}{:02x}".format(*mixed), size=14)
            x += 9.2 * len(piece.strip() or " ") + 9
    sheet.show()


def show_alignment(steps: Sequence[tuple[str, Any, Any]]) -> None:
    """An alignment, (what, said, heard) a step, as three lines of text: said, heard, and what went wrong."""
    columns = [(str(said or "***"), str(heard or "***"), "" if what == "ok" else what) for what, said, heard in steps]
    widths = [max(map(len, column)) for column in columns]
    for name, line in zip(("said ", "heard", "     "), zip(*columns, strict=True), strict=True):
        print(name, *(word.ljust(width) for word, width in zip(line, widths, strict=True)))


def show_noise(decibels: Sequence[float], rates: Mapping[str, Sequence[float]], clean: Mapping[str, float]) -> None:
    """WER over the signal-to-noise ratio, for named groups, and without noise (dotted)."""
    figure, (axis,) = panels(5.4, height=2.6)
    for colour, marker, (name, values) in zip(PALETTE, "os^D", rates.items(), strict=False):
        axis.plot(decibels, values, marker=marker, label=name, color=colour, linewidth=1.6)
        axis.axhline(clean[name], color=colour, linestyle=":", linewidth=1)
    axis.set(xlabel="speech over noise, dB", ylabel="word error rate", ylim=(-0.02, None))
    axis.invert_xaxis()
    axis.legend(frameon=False, fontsize=8)
    show(figure)


def show_rates(rates: Mapping[str, float], title: str = "") -> None:
    """Named error rates as bars."""
    figure, (axis,) = panels(4.6, height=0.26 * len(rates) + 0.2, left=2.0)
    rows = np.arange(len(rates))[::-1]
    axis.barh(rows, list(rates.values()), color=PALETTE[0], height=0.6)
    for row, value in zip(rows, rates.values(), strict=True):
        axis.text(value, row, f" {value:.1%}", va="center", fontsize=8)
    axis.set(yticks=rows, xlabel="word error rate", xlim=(0, 1.25 * max([*rates.values(), 0.02])))
    axis.set_yticklabels(list(rates), fontsize=8)
    axis.set_title(title, fontsize=9, loc="left")
    show(figure)


def show_silence(found: Mapping[str, Sequence[tuple[str, float, float]]], silent: float, unlikely: float) -> None:
    """What is said to speech and to other sounds: (text, mean log-probability, probability of no speech) of each.

    silent, unlikely: the limits beyond which both must lie for nothing to be said (the grey corner).
    """
    figure, (axis,) = panels(5.4, height=2.8)
    axis.fill_between([silent, 1.03], -20, unlikely, color="0.95", zorder=0, linewidth=0)
    axis.axvline(silent, color="0.7", linewidth=1, linestyle="--")
    axis.axhline(unlikely, color="0.7", linewidth=1, linestyle="--")
    for colour, marker, (name, rows) in zip(PALETTE, "os^DvPX*", found.items(), strict=False):
        x, y = [p for _, _, p in rows], [m for _, m, _ in rows]
        axis.scatter(x, y, color=colour, marker=marker, label=name, s=26, alpha=0.8)
    axis.set(xlabel="probability of no speech", ylabel="mean log-probability", xlim=(-0.03, 1.03))
    axis.set_ylim(min([unlikely - 0.4, *(m for rows in found.values() for _, m, _ in rows)]) - 0.1, 0.1)
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    show(figure, trim=True)


def show_path(
    weights: Any, path: tuple[Any, Any], pieces: Sequence[str], tick: float, words: Sequence[tuple[str, float]] = ()
) -> None:
    """Attention (tokens, positions) with a path through it, and when the words really begin (dashed)."""
    values = np.asarray(weights)
    figure, (axis,) = panels(7.4, height=0.22 * len(values) + 0.4, left=1.3)
    extent = (0, values.shape[1] * tick, len(values) - 0.5, -0.5)
    axis.imshow(values, aspect="auto", cmap="magma", extent=extent, vmin=0, vmax=np.quantile(values, 0.99))
    rows, columns = path
    axis.plot((np.asarray(columns) + 0.5) * tick, rows, color="#56B4E9", linewidth=1.8)
    for _, start in words:
        axis.axvline(start, color="white", linewidth=0.8, linestyle="--", alpha=0.8)
    axis.set(yticks=range(len(values)), xlabel="seconds")
    axis.set_yticklabels(pieces, fontsize=8)
    show(figure)


def show_pieces(parts: Sequence[str], merged: str, said: str) -> None:
    """What was heard in every window of a long recording, what came of it, and what was said."""
    for i, part in enumerate(parts):
        print(f"window {i + 1:2d}  {part}")
    print(f"\nmerged     {merged}\nsaid       {said}")
