"""The figures of week 4, and its players."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes

from coursekit.notebook import oracle
from coursekit.plots import PALETTE, Sheet, panels, show
from tinyworld.sound import RATE
from whisper_lab.measuring import Rate

FLOOR = 70  # decibels below the loudest that a spectrogram still shows
LIBRARY = "whisper_lab.checks.library"


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
    told = f", with the beginnings of the words {', '.join(word for word, _ in words)}" if words else ""
    show(figure, alt=f"{title}: a wave, and below it its spectrogram up to {rate / 2000:g} kHz{told}")


def show_spectrograms(sounds: Mapping[str, tuple[Any, int]]) -> None:
    """Named sounds side by side, (wave, samples a second), on one scale of time and frequency."""
    highest = max(rate for _, rate in sounds.values()) / 2000
    figure, axes = panels(*[8.2 / len(sounds) - 0.4] * len(sounds), height=2.2, between=0.55)
    for axis, (name, (wave, rate)) in zip(axes, sounds.items(), strict=True):
        _spectrogram(axis, wave, rate)
        axis.set(ylim=(0, highest), facecolor="0.93")
        axis.set_title(name, fontsize=9)
    show(figure, alt=f"Spectrograms side by side: {', '.join(sounds)}")


def show_resolutions(
    wave: Any, sizes: Sequence[int], power: Callable[..., Any] | None = None, highest: float = 4.0, rate: int = RATE
) -> None:
    """Spectrograms of one wave in frames of these many samples, up to a frequency in kHz, one below the other.

    power: as the exercise has it, power(wave, size, hop) gives (frequencies, frames); by default the library's.
    """
    samples = torch.tensor(np.asarray(wave), dtype=torch.float32)
    for size in sizes:
        spectrum = torch.as_tensor((power or oracle(LIBRARY).power_spectrogram)(samples, size, rate // 500))
        level = (10 * (spectrum + 1e-10).log10()).numpy()
        figure, (axis,) = panels(8.2, height=1.5, bottom=0.45, top=0.3)
        extent = (0, len(samples) / rate, 0, rate / 2000)
        limits = {"vmax": level.max(), "vmin": level.max() - FLOOR}
        axis.imshow(level, origin="lower", aspect="auto", extent=extent, cmap="magma", **limits)
        axis.set(xlabel="seconds", ylabel="kHz", ylim=(0, highest))
        axis.set_title(f"frames of {1000 * size / rate:g} ms", fontsize=9, loc="left")
        show(figure, alt=f"A spectrogram in frames of {1000 * size / rate:g} ms, up to {highest:g} kHz")


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
    show(figure, alt="Every fifth mel filter, low and wide towards high frequencies; and the filters' middles in kHz")


def show_features(features: Mapping[str, Any], seconds: float) -> None:
    """Named log-mel spectrograms (mels, frames) of windows of so many seconds, one below the other."""
    for name, values in features.items():
        figure, (axis,) = panels(8.2, height=1.6, bottom=0.45, top=0.3)
        extent = (0, seconds, 0, len(values))
        axis.imshow(np.asarray(values), origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-1, vmax=1.5)
        axis.set(xlabel="seconds", ylabel="mel")
        axis.set_title(name, fontsize=9, loc="left")
        show(figure, alt=f"A log-mel spectrogram: {name}")


def likeness(positions: Any) -> np.ndarray:
    """How alike positions (length, width) are, (length, length): inner products, 1 with itself."""
    values = np.asarray(positions, dtype=float)
    return values @ values.T / (values**2).sum(axis=1, keepdims=True)


def show_positions(positions: Any) -> None:
    """Sinusoidal positions (length, width), and how alike those in a quarter, the middle and three are to all."""
    values = np.asarray(positions)
    figure, (left, right) = panels(3.7, 3.7, height=2.2, between=0.85, top=0.45)
    left.imshow(values.T, aspect="auto", cmap="RdBu", vmin=-1, vmax=1)
    left.set(xlabel="position", ylabel="feature")
    left.set_title("sines above, cosines below (red -1, blue 1)", fontsize=9)
    for i, colour in zip(len(values) * np.arange(1, 4) // 4, PALETTE, strict=False):
        right.plot(likeness(values)[i], color=colour, linewidth=1, label=f"position {i}")
    right.set(xlabel="position", ylabel="likeness")
    right.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1), columnspacing=1)
    show(figure, alt="Positions as stripes from quick to slow; the likeness of three of them to all has a peak at each")


def show_languages(
    shares: Any, silent: Sequence[float], codes: Sequence[str], names: Sequence[str], least: float = 0.02
) -> None:
    """How the languages share the first token, (n, languages), for each named sound; behind it how surely it is none.

    Languages that nowhere have the share `least` are drawn as others. silent: the probability of no speech, (n,).
    """
    from transformers.models.whisper.tokenization_whisper import LANGUAGES

    values = np.asarray(shares)
    shown = [j for j in np.argsort(-values.sum(axis=0)) if values[:, j].max() >= least][: len(PALETTE) - 1]
    figure, (axis,) = panels(4.9, height=0.36 * len(values) + 0.3, left=3.3, right=1.0, bottom=0.5)
    before = np.zeros(len(values))
    rows = np.arange(len(values))[::-1]
    for colour, j in zip(PALETTE, shown, strict=False):
        name = LANGUAGES.get(codes[j].strip("<|>"), codes[j]).capitalize()
        axis.barh(rows, values[:, j], left=before, color=colour, label=name, height=0.7)
        before += values[:, j]
    axis.barh(rows, 1 - before, left=before, color="0.85", label="others", height=0.7)
    axis.set(xlim=(0, 1), yticks=rows, xlabel="share among the languages")
    axis.set_yticklabels(names, fontsize=8)
    axis.legend(frameon=False, fontsize=8, ncols=len(shown) + 1, loc="lower left", bbox_to_anchor=(0, 1))
    for row, p in zip(rows, silent, strict=True):
        axis.text(1.1, row, f"{p:.2f}", va="center", ha="center", fontsize=8)
    axis.text(1.1, rows[0] + 0.95, "no speech", va="center", ha="center", fontsize=8)
    show(
        figure, alt=f"A bar for each of {len(names)} sounds: how the languages share it; and how surely it is no speech"
    )


def show_confidence(groups: Mapping[str, Mapping[str, Sequence[tuple[str, float]]]]) -> None:
    """What was said, and below it named rows of what was heard, as (piece of text, log-probability).

    The line under a piece is as long as the piece is probable. No colour tells it: the words themselves name colours.
    """
    sheet = Sheet(900, sum(26 * len(rows) + 40 for rows in groups.values()))
    y = 16.0
    for said, rows in groups.items():
        sheet.text(f"said: {said}", 8, y, colour="#555555", size=12)
        y += 24
        for name, row in rows.items():
            sheet.text(name, 82, y, "rm", colour="#555555", size=12)
            x = 92.0
            for piece, score in row:
                sure = min(1.0, float(np.exp(score)))
                piece = piece.replace("<|", "‹").replace("|>", "›").strip() or "␣"
                wide = sheet.width(piece, 14)
                sheet.text(piece, x, y, size=14)
                sheet.block(x, y + 10, wide, 3, "#dddddd")
                if round(sure * wide):
                    sheet.block(x, y + 10, round(sure * wide), 3, PALETTE[0])
                x += wide + 7
            y += 26
        y += 16
    heard = "; ".join(
        f"{name}: {' '.join(piece.strip() for piece, _ in row)}"
        for rows in groups.values()
        for name, row in rows.items()
    )
    sheet.show(alt=f"What was heard, each piece with a line as long as it is probable. {heard}"[:600])


def show_alignment(steps: Sequence[tuple[str, Any, Any]]) -> None:
    """An alignment, (what, said, heard) a step, as three lines of text: said, heard, and what went wrong."""
    columns = [(str(said or "***"), str(heard or "***"), "" if what == "ok" else what) for what, said, heard in steps]
    widths = [max(map(len, column)) for column in columns]
    for name, line in zip(("said ", "heard", "     "), zip(*columns, strict=True), strict=True):
        print(name, *(word.ljust(width) for word, width in zip(line, widths, strict=True)))


def show_noise(decibels: Sequence[float], rates: Mapping[str, Sequence[Rate]], clean: Mapping[str, Rate]) -> None:
    """WER over the signal-to-noise ratio with 95 % intervals, for named groups; at the left end without noise."""
    figure, (axis,) = panels(6.4, height=2.8)
    places = np.arange(len(decibels) + 1)
    for i, (name, values) in enumerate(rates.items()):
        every = [clean[name], *values]
        middle = np.array([rate.value for rate in every])
        reach = np.array([[rate.value - rate.low, rate.high - rate.value] for rate in every]).T.clip(min=0)
        said = f"{name}: {every[0].sentences} sentences, {every[0].words:,} words"
        style: dict[str, Any] = {
            "marker": "os^D"[i % 4],
            "color": PALETTE[i],
            "linewidth": 1.6,
            "capsize": 3,
            "elinewidth": 1,
        }
        axis.errorbar(places + 0.08 * i, middle, yerr=reach, label=said, **style)
    axis.set(xlabel="speech over noise, dB", ylabel="word error rate", ylim=(0, None), xticks=places)
    axis.set_xticklabels(["no noise", *(f"{snr:g}" for snr in decibels)])
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    show(
        figure, alt=f"Word error rate over noise for {' and '.join(rates)}, with 95 % intervals: it rises to the right"
    )


def show_rates(rates: Mapping[str, Rate], title: str = "") -> None:
    """Named error rates as bars with 95 % intervals, and of how many words each is."""
    figure, (axis,) = panels(4.6, height=0.28 * len(rates) + 0.2, left=2.0, right=1.0)
    rows = np.arange(len(rates))[::-1]
    values = np.array([rate.value for rate in rates.values()])
    reach = np.array([[rate.value - rate.low, rate.high - rate.value] for rate in rates.values()]).T.clip(min=0)
    axis.barh(rows, values, color=PALETTE[5], height=0.6)
    axis.errorbar(values, rows, xerr=reach, fmt="none", color="0.25", capsize=2, linewidth=1)
    for row, rate in zip(rows, rates.values(), strict=True):
        axis.text(1.03, row, f"{rate.words:,} words", va="center", fontsize=8, transform=axis.get_yaxis_transform())
    axis.set(yticks=rows, xlabel="word error rate", xlim=(0, 1.02 * max(0.02, *(rate.high for rate in rates.values()))))
    axis.set_yticklabels(list(rates), fontsize=8)
    axis.set_title(title, fontsize=9, loc="left")
    told = ", ".join(f"{name} {rate.value:.0%}" for name, rate in rates.items())
    show(figure, alt=f"Word error rates {title}, with 95 % intervals: {told}")


def show_silence(found: Mapping[str, Sequence[tuple[str, float, float]]], silent: float, unlikely: float) -> None:
    """What is said to speech and to other sounds: (text, mean log-probability, probability of no speech) of each.

    A row for each kind of sound, a panel for each number. silent, unlikely: the limits beyond which (grey) both must
    lie for nothing to be said; such sounds are filled.
    """
    figure, axes = panels(3.1, 3.1, height=0.34 * len(found) + 0.2, left=1.5, between=0.3)
    rows = np.arange(len(found))[::-1]
    lowest = min([unlikely - 0.4, *(mean for sounds in found.values() for _, mean, _ in sounds)]) - 0.2
    limits = ((2, silent, (silent, 1.05)), (1, unlikely, (lowest, unlikely)))
    for axis, (number, limit, beyond) in zip(axes, limits, strict=True):
        axis.axvspan(*beyond, color="0.94", zorder=0, linewidth=0)
        axis.axvline(limit, color="0.6", linewidth=1, linestyle="--")
        for row, sounds in zip(rows, found.values(), strict=True):
            spread = np.linspace(0.28, -0.28, len(sounds)) if len(sounds) > 1 else np.zeros(1)
            skipped = [p > silent and mean < unlikely for _, mean, p in sounds]
            edges = [PALETTE[0] if skip else "0.45" for skip in skipped]
            fills = [PALETTE[0] if skip else "white" for skip in skipped]
            at = [sound[number] for sound in sounds]
            axis.scatter(at, row + spread, c=fills, s=14, edgecolors=edges, linewidths=0.8, clip_on=False)
        axis.set(ylim=(-0.6, len(found) - 0.4), yticks=rows)
        axis.set_yticklabels(list(found) if axis is axes[0] else [], fontsize=8)
    axes[0].set(xlabel="probability of no speech", xlim=(-0.03, 1.05))
    axes[1].set(xlabel="mean log-probability", xlim=(lowest, 0.15))
    alt = "A row for each kind of sound: the probability of no speech, the mean log-probability of what would be said. "
    show(figure, alt=alt + "Speech and the hum lie near 0 in both; silence and coloured noises beyond both limits")


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
    show(figure, alt=f"Attention of the tokens {', '.join(pieces)} over time, a staircase, and the path down it"[:400])


def show_pieces(parts: Sequence[str], merged: str, said: str) -> None:
    """What was heard in every window of a long recording, what came of it, and what was said."""
    for i, part in enumerate(parts):
        print(f"window {i + 1:2d}  {part}")
    print(f"\nmerged     {merged}\nsaid       {said}")


def show_ways(said: str, ways: Mapping[str, str]) -> None:
    """Named transcripts of one long recording: how many of its words each has wrong."""
    for name, heard in ways.items():
        print(f"{oracle(LIBRARY).error_rate([said], [heard]):6.1%}  {name}")
