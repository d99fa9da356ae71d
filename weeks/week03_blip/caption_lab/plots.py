"""The figures of week 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from coursekit import plots
from coursekit.plots import PALETTE, RIGHT, WRONG, Sheet, panels, show
from tinyworld import Scene, facts_of

SIDE = 96  # pixels on the screen of a picture in a row


def show_captions(
    pictures: Sequence[Image.Image],
    captions: Sequence[str] | Mapping[str, Sequence[str]],
    scenes: Sequence[Scene] = (),
    columns: int = 4,
    side: int = 192,
) -> None:
    """Pictures with what was said of them. captions: one list, or several with a name each.

    scenes: what is really there; a caption that tells exactly that has a green frame or name, another a red one.
    """
    named = captions if isinstance(captions, Mapping) else {"": captions}
    columns, width = min(columns, len(pictures)), side + 14
    blocks, told = [], []
    for i in range(len(pictures)):
        lines = []
        for name, said in named.items():
            true = facts_of(said[i]) == scenes[i].facts() if scenes else None
            colour = "black" if true is None else RIGHT if true else WRONG
            text = f"{name}: {said[i]}" if name else said[i]
            lines.append((plots.wrap(text or "(nothing)", side // 6), colour))
            told.append((text or "(nothing)") + {None: "", True: " (right)", False: " (wrong)"}[true])
        blocks.append(lines)
    tall = side + 14 + 15 * max(sum(1 + t.count("\n") for t, _ in lines) for lines in blocks) + 6 * len(named)
    sheet = Sheet(columns * width, -(-len(pictures) // columns) * tall)
    for i, (picture, lines) in enumerate(zip(pictures, blocks, strict=True)):
        x, y = i % columns * width + 7, i // columns * tall + 5
        frame = lines[0][1] if scenes and len(named) == 1 else None
        sheet.picture(picture, x, y, side, frame)
        below = y + side + 8
        for text, colour in lines:
            sheet.text(text, x, below, "la", size=11, colour=colour)
            below += 15 * (1 + text.count("\n")) + 4
    sheet.show(alt="Pictures with what was said of them: " + "; ".join(told))


def show_patches(picture: Image.Image, side: int, patches: Callable[..., torch.Tensor]) -> None:
    """A picture, and the same cut into patches of `side` pixels, numbered in the order they are read.

    patches: cuts it, as the exercise has it.
    """
    picture = picture.convert("RGB")
    pixels = np.asarray(picture)
    cut = torch.as_tensor(patches(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float(), side))[0]
    tiles = cut.unflatten(1, (3, side, side)).permute(0, 2, 3, 1).byte().numpy()
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    cell, gap, whole = max(4, 240 // rows - 5), 5, 240
    sheet = Sheet(whole + 60 + columns * (cell + gap), max(whole, rows * (cell + gap)) + 8)
    sheet.picture(picture, 4, 4, whole)
    for i in range(rows * columns):
        x, y = whole + 50 + i % columns * (cell + gap), 4 + i // columns * (cell + gap)
        sheet.picture(Image.fromarray(tiles[i]), x, y, cell)
        if i < columns or i == rows * columns - 1:
            dark = tiles[i].mean() < 128
            sheet.text(str(i + 1), x + cell / 2, y + cell / 2, "mm", size=13, colour="white" if dark else "black")
    sheet.show(alt=f"A picture, and the {rows} rows of {columns} patches it is cut into, numbered as they are read")


def show_weights(weights: Mapping[str, torch.Tensor], words: Sequence[str] = ()) -> None:
    """Matrices of attention side by side, from 0 (dark) to their largest (bright); rows look at columns."""
    figure, axes = panels(*[2.9] * len(weights), height=2.9, left=1.0, bottom=0.9, between=0.9)
    told = []
    for axis, (name, matrix) in zip(axes, weights.items(), strict=True):
        values = matrix.detach().float().numpy()
        axis.imshow(values, cmap="magma", vmin=0, aspect="auto")
        axis.set_title(name, fontsize=9)
        axis.spines[["left", "bottom"]].set_visible(False)
        if len(words) == values.shape[0]:
            axis.set_yticks(range(len(words)), words, fontsize=7)
        columns = [str(j) for j in range(values.shape[1])]
        if len(words) == values.shape[1]:
            columns = list(words)
            axis.set_xticks(range(len(words)), words, fontsize=7, rotation=90)
        else:
            few = range(0, len(columns), 1 if len(columns) < 20 else 64)
            axis.set_xticks(few, [columns[j] for j in few], fontsize=7)
            axis.set_xlabel("class token (0), then the patches as they are numbered", fontsize=8)
        most = (f"{word} at {columns[j]}" for word, j in zip(words, values.argmax(axis=1), strict=False))
        told.append(f"{name}: {', '.join(most)}")
    show(figure, alt="Matrices of attention, and where each row looks most. " + "; ".join(told))


def show_losses(losses: Mapping[str, Sequence[float]]) -> None:
    """Training losses over the steps."""
    figure, (axis,) = panels(5.2, height=2.2)
    for colour, line, (name, values) in zip(PALETTE, ("-", "--", ":"), losses.items(), strict=False):
        axis.plot(values, line, color=colour, linewidth=1.8, label=name)  # they may lie on each other
    axis.set(xlabel="step", ylabel="loss", ylim=(0, None))
    axis.legend(frameon=False, fontsize=8)
    told = (f"{name} from {values[0]:.2f} to {values[-1]:.2f}" for name, values in losses.items())
    show(figure, alt=f"The loss over {len(next(iter(losses.values())))} steps: {'; '.join(told)}")


def show_next(words: Sequence[str], rows: Mapping[str, torch.Tensor], top: int = 8) -> None:
    """The most probable next words under several ways of filtering. rows: {name: probabilities (vocabulary,)}."""
    first = next(iter(rows.values()))
    best = first.topk(top).indices.tolist()
    figure, axes = panels(*[8 / len(rows) - 0.35] * len(rows), height=1.9, bottom=0.8, between=0.35)
    for axis, (name, chances) in zip(axes, rows.items(), strict=True):
        axis.bar(range(top), chances[best].tolist(), color=PALETTE[0])
        axis.set_xticks(range(top), [words[i] for i in best], rotation=60, ha="right", fontsize=8)
        axis.set(ylim=(0, 1))
        axis.set_title(name, fontsize=9)
        if axis is not axes[0]:
            axis.set_yticklabels([])
    axes[0].set_ylabel("probability")
    told = (
        f"{name}: " + ", ".join(f"{words[i]} {float(chances[i]):.0%}" for i in best[:4])
        for name, chances in rows.items()
    )
    show(figure, alt="The next word's probabilities, of the four most probable. " + "; ".join(told))


def show_sampling(report: Any) -> None:
    """Ways of sampling between truth and variety."""
    figure, (axis,) = panels(5.0, height=2.8)
    for i, (name, (right, different)) in enumerate(report.points.items()):
        colour, marker = PALETTE[i % len(PALETTE)], "os^Dv*Px"[i % 8]
        axis.scatter(different, right, color=colour, marker=marker, s=46, label=name, zorder=2)
    axis.set(
        xlabel="part of the six captions that differ",
        ylabel="part exactly right",
        xlim=(0, 1.05),
        ylim=(-0.03, 1.05),
    )
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    told = (f"{name} {different:.0%}, {right:.0%}" for name, (right, different) in report.points.items())
    show(
        figure,
        trim=True,
        alt="Of the captions of each way of sampling, how many differ and are right: " + "; ".join(told),
    )


def show_bars(
    report: Mapping[str, Mapping[str, float]],
    ylabel: str,
    chance: float | None = None,
    n: int | Mapping[str, int] | None = None,
    colours: Sequence[str] = PALETTE,
) -> None:
    """Groups of bars: {group: {bar: value in [0, 1]}}.

    n: of how many cases each value is a share, for its whiskers (Wilson's interval, 95 %): one number, or one for each
    group.   colours: of the bars.
    """
    names = list(dict.fromkeys(name for row in report.values() for name in row))
    figure, (axis,) = panels(1.1 * len(report) + 1.2, height=2.3, bottom=0.75)
    wide = 0.8 / len(names)
    for i, (colour, name) in enumerate(zip(colours, names, strict=False)):
        places = [j + (i - (len(names) - 1) / 2) * wide for j in range(len(report))]
        values = np.array([row.get(name, 0.0) for row in report.values()])
        axis.bar(places, values, wide * 0.92, color=colour, label=name)
        if n is not None:
            cases = [n[group] if isinstance(n, Mapping) else n for group in report]
            ends = [plots.wilson(value * m, m) for value, m in zip(values, cases, strict=True)]
            reach = np.abs(np.array(ends) - values[:, None]).T
            axis.errorbar(places, values, yerr=reach, fmt="none", color="0.3", capsize=1.5, linewidth=0.8)
    if chance is not None:
        axis.axhline(chance, color="0.4", linewidth=0.8, linestyle="--")
    below = [f"{group}, of {n[group]}" if isinstance(n, Mapping) else group for group in report]
    axis.set_xticks(range(len(report)), [plots.wrap(words, 16) for words in below], fontsize=8)
    axis.set(ylabel=f"{ylabel}, of {n}" if isinstance(n, int) else ylabel, ylim=(0, 1.05))
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    told = (f"{group}: " + ", ".join(f"{name} {v:.0%}" for name, v in row.items()) for group, row in report.items())
    show(figure, trim=True, alt=f"Bars, {ylabel}. {'; '.join(told)}")


def show_ranking(
    pictures: Sequence[Image.Image],
    ranked: Sequence[Sequence[tuple[str, float]]],
    scenes: Sequence[Scene],
    guesses: Sequence[Sequence[str]],
) -> None:
    """For each picture its candidate captions with the probability that they are true, the best first.

    guesses: the captions in the order they were made; the first of each is set in bold.
    """
    told = []
    rows = max(len(some) for some in ranked)
    tall = max(SIDE + 34, 17 * rows + 14)
    sheet = Sheet(860, len(pictures) * tall)
    for i, (picture, some, scene, (first, *_)) in enumerate(zip(pictures, ranked, scenes, guesses, strict=True)):
        y = i * tall + 6
        sheet.picture(picture, 6, y, SIDE)
        for j, (caption, chance) in enumerate(some):
            line = y + 8 + 17 * j
            sheet.block(SIDE + 24, line - 5, 1 + 80 * chance, 10, PALETTE[5])
            sheet.text(f"{chance:.2f}", SIDE + 112, line, "lm", size=11)
            true = facts_of(caption) == scene.facts()
            colour = RIGHT if true else WRONG
            sheet.text(caption or "(nothing)", SIDE + 150, line, "lm", size=12, colour=colour, bold=caption == first)
            guess = ", the first guess" if caption == first else ""
            told.append(f"{i + 1}: {caption or '(nothing)'} ({chance:.2f}, {'true' if true else 'false'}{guess})")
    sheet.show(alt="Candidate captions of each picture as ITM sorts them. " + "; ".join(told))


def show_scores(rows: Mapping[str, tuple[str, Mapping[str, float]]], title: str = "") -> None:
    """A table of captions and what metrics give them: {kind: (caption, {metric: value})}."""
    names = list(next(iter(rows.values()))[1])
    left, wide = 600, 76
    sheet = Sheet(left + wide * len(names), 34 + 26 * len(rows) + (24 if title else 0))
    y = 12
    if title:
        sheet.text(title, 6, y, "lm", size=12)
        y += 24
    for j, name in enumerate(names):
        sheet.text(name, left + wide * j + wide / 2, y, "mm", size=12, bold=True)
    for kind, (caption, values) in rows.items():
        y += 26
        sheet.text(kind, 6, y, "lm", size=12, bold=True)
        sheet.text(caption, 150, y, "lm", size=11)
        for j, name in enumerate(names):
            sheet.block(left + wide * j + 6, y - 9, 1 + (wide - 12) * min(1.0, max(0.0, values[name])), 18, "#cfe3f1")
            sheet.text(f"{values[name]:.2f}", left + wide * j + wide / 2, y, "mm", size=12)
    told = (
        f"{kind}: " + ", ".join(f"{name} {value:.2f}" for name, value in values.items())
        for kind, (_, values) in rows.items()
    )
    sheet.show(alt="Kinds of captions and what metrics give them. " + "; ".join(told))


def show_word_maps(picture: Image.Image, words: Sequence[str], maps: torch.Tensor) -> None:
    """A picture, and beside it for each word where the decoder looked when it wrote it (bright)."""
    from matplotlib import colormaps

    step, columns = SIDE + 6, 8
    sheet = Sheet(columns * step, -(-(len(words) + 1) // columns) * (step + 18))
    sheet.picture(picture, 3, 3, SIDE)
    small = np.asarray(picture.convert("L").resize((SIDE, SIDE)), dtype=float)[..., None] / 255
    for i, (word, values) in enumerate(zip(words, maps, strict=True), 1):
        x, y = i % columns * step + 3, i // columns * (step + 18) + 3
        scaled = (values - values.min()) / (values.max() - values.min() + 1e-9)
        grown = torch.nn.functional.interpolate(scaled[None, None].float(), (SIDE, SIDE), mode="bilinear")[0, 0]
        heat = colormaps["magma"](grown.numpy())[..., :3]
        sheet.picture(Image.fromarray((255 * (0.8 * heat + 0.2 * small)).astype(np.uint8)), x, y, SIDE)
        sheet.text(word, x + SIDE / 2, y + SIDE + 10, "mm", size=12)
    where = plots.brightest(zip(words, maps, strict=True))
    sheet.show(alt="A picture, and for each word where the decoder looked most when it wrote it: " + where)


def show_answers(
    pictures: Sequence[Image.Image], asked: Sequence[Sequence[tuple[str, str, str]]], side: int = 120
) -> None:
    """Pictures, each with questions: (question, what is said, what is right)."""
    tall = side + 22
    sheet, told = Sheet(620, len(pictures) * tall), []
    for i, (picture, rows) in enumerate(zip(pictures, asked, strict=True)):
        y = i * tall + 6
        sheet.picture(picture, 6, y, side)
        for j, (question, said, right) in enumerate(rows):
            line = y + 10 + 20 * j
            sheet.text(question, side + 24, line, "lm", size=12)
            tell = said if said == right else f"{said} (it is {right})"
            told.append(f"{i + 1}: {question} {tell}")
            sheet.text(tell, side + 360, line, "lm", size=12, colour=RIGHT if said == right else WRONG, bold=True)
    sheet.show(alt="Questions about each picture, and the answers. " + "; ".join(told))


def show_adaptation(report: Mapping[str, Mapping[str, float]]) -> None:
    """What a captioner says before and after it was taught a colour, in ways."""
    names = list(next(iter(report.values())))
    turned = {name: {way: row[name] for way, row in report.items()} for name in names}
    unnamed = "#b5b5b5", PALETTE[3], PALETTE[0]  # no orange, which brown things are called before, and no brown
    cases = dict.fromkeys(names, 24) | {"brown seen everywhere": 48}  # of all captions without brown
    show_bars(turned, "part of the captions", n=cases, colours=unnamed)
