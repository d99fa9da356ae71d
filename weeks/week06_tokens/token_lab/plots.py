"""The figures of week 6: tokens, codebooks, and what is painted from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from coursekit.plots import PALETTE, Drawn, Sheet, panels, show, wrap
from tinyworld import Scene, tokens
from token_lab import codebooks, data, measuring, painting

SIDE = 96  # pixels on the screen of a picture
PLAIN = "#555555"
GREY = 0.82  # of places whose token is not known yet


def film(frames: Sequence[Image.Image], times: Sequence[int], alt: str) -> None:
    """Show frames as a GIF below the notebook's cell. times: milliseconds of each."""
    small = [frame.quantize(256) for frame in frames]
    gif = Drawn(alt, kind="gif")
    small[0].save(gif, "GIF", save_all=True, append_images=small[1:], duration=list(times), loop=0)
    gif.show()


def show_opening(vq: Any, painter: Any, captions: Sequence[str], seed: int = 0) -> None:
    """Captions, the tokens that a language model writes behind them, and the pictures that these are."""
    codes = painting.generate(painter, captions, seed=seed).view(-1, tokens.SIDE, tokens.SIDE)
    pictures = data.as_pictures(painting.pictures_of(vq, codes))
    step = 164
    sheet = Sheet(step * len(captions), 320)
    for i, (caption, ids, picture) in enumerate(zip(captions, codes.tolist(), pictures, strict=True)):
        x = i * step + 8
        sheet.text(wrap(caption, 20), x + 64, 30, "mm", size=11)
        for row, line in enumerate(ids):
            for column, code in enumerate(line):
                sheet.text(str(code), x + 4 + 18 * column, 76 + 14 * row, "mm", size=8, colour=PLAIN)
        sheet.picture(picture, x, 186, 128)
    sheet.show("Captions; below each the 64 numbers that a language model wrote behind it, and the picture they are")


def show_codebook(vq: Any, ids: torch.Tensor) -> None:
    """Every code as the patch that it decodes to, the most frequent first.

    ids: int64, tokens of pictures, to count.
    """
    with torch.no_grad():
        fields = torch.arange(tokens.CODES)[:, None, None].expand(-1, 3, 3)
        patches = painting.pictures_of(vq, fields)[:, :, 8:16, 8:16]
    counts = torch.bincount(ids.flatten(), minlength=tokens.CODES)
    order = counts.argsort(descending=True, stable=True).tolist()
    sheet = Sheet(32 * 20 + 8, 8 * 20 + 8)
    for i, code in enumerate(order):
        (patch,) = data.as_pictures(patches[code][None])
        sheet.picture(patch, 4 + 20 * (i % 32), 4 + 20 * (i // 32), 18)
    sheet.show("256 small patches, one for each code: plain backgrounds first, then pieces of coloured shapes")


def show_tokens(vq: Any, scenes: Sequence[Scene], quantise: Callable[..., Any]) -> None:
    """Pictures, the codes that `quantise` finds for them, and the pictures that these become."""
    pixels = data.pixels(scenes)
    with torch.no_grad():
        _, ids = quantise(painting.latents(vq, pixels), vq.quantize.embedding.weight)
    back = data.as_pictures(painting.pictures_of(vq, torch.as_tensor(ids)))
    side, place = 128, 16  # of a picture and of a code in it, which has room for three digits
    sheet = Sheet(64 + (side + 20) * len(scenes), (side + 8) * 3)
    for row, name in enumerate(("picture", "tokens", "back")):
        sheet.text(name, 4, (side + 8) * row + side / 2, colour=PLAIN)
    shades = np.random.default_rng(0).permutation(tokens.CODES)
    for i, scene in enumerate(scenes):
        x = 64 + i * (side + 20)
        sheet.picture(scene.render(64), x, 4, side)
        for row, line in enumerate(torch.as_tensor(ids)[i].tolist()):
            y = side + 12 + place * row
            for column, code in enumerate(line):
                grey = 150 + int(shades[code]) * 105 // tokens.CODES
                sheet.block(x + place * column, y, place, place, f"#{grey:02x}{grey:02x}{255:02x}")
                sheet.text(str(code), x + place * (column + 0.5), y + place / 2, "mm", size=7)
        sheet.picture(back[i], x, 2 * side + 20, side)
    sheet.show("Pictures, the 64 codes of each, and the pictures that are decoded from the codes alone")


def show_learning(histories: Mapping[str, Sequence[float]]) -> None:
    """The perplexity of codebooks that learn, step by step."""
    figure, (axis,) = panels(4.8, height=2.3)
    for colour, (name, values) in zip(PALETTE, histories.items(), strict=False):
        axis.plot(values, color=colour, label=name)
    axis.set(xlabel="step", ylabel="perplexity", ylim=(0, codebooks.LEARNT_CODES))
    axis.legend(frameon=False, fontsize=8)
    show(
        figure, alt="Perplexity over the steps: with restarts most codes are used at once, without them most stay dead"
    )


def show_usage(numbers: Sequence[int], found: Sequence[tuple[float, int]]) -> None:
    """Perplexity and the number of codes that occur, over the number of pictures that were counted."""
    figure, (axis,) = panels(4.8, height=2.3)
    axis.plot(numbers, [used for _, used in found], marker="o", color=PALETTE[1], label="codes that occur")
    axis.plot(numbers, [perplexity for perplexity, _ in found], marker="o", color=PALETTE[0], label="perplexity")
    axis.axhline(tokens.CODES, color="0.7", linewidth=0.8, linestyle="--")
    axis.text(numbers[0], 0.98 * tokens.CODES, f"all {tokens.CODES}", color="0.4", fontsize=8, va="top")
    axis.set_xscale("log", base=2)
    axis.set(xlabel="pictures counted", ylabel="codes", ylim=(0, 1.05 * tokens.CODES))
    axis.legend(frameon=False, fontsize=8)
    show(figure, alt="Both rise with the number of pictures; the perplexity of one picture is a tenth of that of many")


def show_texture(found: Mapping[str, codebooks.Textured]) -> None:
    """Patches, and what decoders made of their tone alone; below them what was measured, and the adversary's weight."""
    first, n, side = next(iter(found.values())), 9, 60
    rows = {"patches": first.wanted, **{name: one.made for name, one in found.items()}}
    sheet = Sheet(140 + (side + 6) * n, (side + 8) * len(rows))
    for j, (name, patches) in enumerate(rows.items()):
        sheet.text(wrap(name, 16), 6, (side + 8) * j + side / 2, bold=j == 0)
        for i, picture in enumerate(data.as_pictures(patches[:n].expand(-1, 3, -1, -1))):
            sheet.picture(picture, 140 + i * (side + 6), 4 + j * (side + 8), side)
    sheet.show("Patches of thin lines; a decoder without a critic paints them plain, one with a critic paints lines")
    for name, one in found.items():
        told = codebooks.measure_texture(one)
        print(f"{name:18s}" + "   ".join(f"{what} {value:.3f}" for what, value in told.items()))


# --- pictures that are being written --------------------------------------------------------------------------------


def known_so_far(vq: Any, ids: torch.Tensor, known: torch.Tensor) -> list[Image.Image]:
    """Pictures of tokens (n, 64) of which some are not known yet: these places are grey."""
    pixels = painting.pictures_of(vq, ids.clamp(max=tokens.CODES - 1).view(-1, tokens.SIDE, tokens.SIDE))
    mask = known.view(-1, 1, tokens.SIDE, tokens.SIDE).float().repeat_interleave(8, 2).repeat_interleave(8, 3)
    return data.as_pictures(mask * pixels + (1 - mask) * GREY)


def animate_painting(vq: Any, captions: Sequence[str], written: torch.Tensor, passes: Sequence[torch.Tensor]) -> None:
    """Two ways to fill in tokens beside each other, a frame for each call of a network.

    written: int64 (n, 64), tokens in the order in which they were written.   passes: tokens before the first and after
    every pass of masked decoding, each (n, 64).
    """
    frames, places = [], torch.arange(tokens.PICTURE)
    for calls in [*range(9), *range(16, tokens.PICTURE + 1, 8)]:
        now = passes[min(calls, len(passes) - 1)]
        left = known_so_far(vq, written, (places < calls).expand(len(written), -1))
        right = known_so_far(vq, now, now < tokens.CODES)
        sheet = Sheet(90 + (SIDE + 8) * len(captions), 2 * (SIDE + 8) + 22)
        sheet.text(f"{calls} network calls", 90, 12, bold=True)
        for j, (name, row) in enumerate((("row by row", left), ("in eight\npasses", right))):
            sheet.text(name, 6, 22 + j * (SIDE + 8) + SIDE / 2)
            for i, picture in enumerate(row):
                sheet.picture(picture, 90 + i * (SIDE + 8), 24 + j * (SIDE + 8), SIDE)
        frames.append(sheet.image)
    times = [1000] + [350] * 8 + [300] * (len(frames) - 10) + [3000]
    alt = "Above, pictures filled in token by token from the top left; below, all over at once, done after eight calls"
    film(frames, times, alt)


def show_rows(rows: Mapping[str, Sequence[Image.Image]], below: Sequence[str] = (), alt: str = "") -> None:
    """Rows of pictures with their names at the left, and words below the columns."""
    n = max(len(row) for row in rows.values())
    said = [wrap(words, SIDE // 6) for words in below]
    high = 8 + 14 * max((1 + words.count("\n") for words in said), default=0)
    sheet = Sheet(140 + (SIDE + 8) * n, (SIDE + 8) * len(rows) + high)
    for j, (name, row) in enumerate(rows.items()):
        sheet.text(wrap(name, 18), 6, (SIDE + 8) * j + SIDE / 2, size=12)
        for i, picture in enumerate(row):
            sheet.picture(picture, 140 + i * (SIDE + 8), 4 + j * (SIDE + 8), SIDE)
    for i, words in enumerate(said):
        sheet.text(words, 140 + i * (SIDE + 8) + SIDE / 2, (SIDE + 8) * len(rows) + 4, "ma", size=10)
    sheet.show(alt)


def show_temperatures(vq: Any, rows: Mapping[str, torch.Tensor], scenes_said: str) -> None:
    """Pictures of one caption at several settings, and on how many of each what was told is to be seen."""
    pictures, told = {}, {}
    scene = _scene_of(scenes_said)
    for name, codes in rows.items():
        pixels = painting.pictures_of(vq, codes.view(-1, tokens.SIDE, tokens.SIDE))
        told[name] = (measuring.facts_right(pixels, [scene] * len(pixels)), measuring.diversity(pixels))
        pictures[name] = data.as_pictures(pixels)
    show_rows(pictures, alt=f"Pictures of {scenes_said!r}: {', '.join(rows)}")
    for name, (right, differ) in told.items():
        print(f"{name:28s}all right on {right:.0%}   pictures differ by {differ:.3f}")


def _scene_of(caption: str) -> Scene:
    """A scene that a caption of one object describes; its place is any."""
    from tinyworld import Object
    from tinyworld.captions import facts_of

    facts = facts_of(caption)
    if facts is None:
        raise ValueError(f"this describes no scene: {caption!r}")
    size, colour, shape = facts.objects[0]
    return Scene((Object(shape, colour, size, 0.5, 0.5),), facts.background)


# --- the table ------------------------------------------------------------------------------------------------------

COLUMNS = ("facts right", "relations right", "differences", "ms a picture", "network calls", "kept to", "edited")
SHARES = ("facts right", "relations right", "edited", "its own", "another's")


def show_table(table: Mapping[str, Mapping[str, float | None]], columns: Sequence[str] = ()) -> None:
    """Named rows of figures: shares as percentages, a dash where there is none."""
    columns = list(columns) or list(list(table.values())[0])
    wide, tall, left = 84, 28, 190
    sheet = Sheet(left + wide * len(columns), 48 + tall * len(table))
    for j, column in enumerate(columns):
        sheet.text(wrap(column, 11), left + wide * (j + 0.5), 20, "mm", size=11, colour=PLAIN)
    for i, (name, values) in enumerate(table.items()):
        y = 48 + tall * (i + 0.5)
        sheet.text(name, 8, y, bold=True, size=12)
        for j, column in enumerate(columns):
            sheet.text(_figure(column, values.get(column)), left + wide * (j + 0.5), y, "mm", size=12)
    sheet.show(alt=f"A table: {', '.join(table)} by {', '.join(columns)}")


def _figure(column: str, value: float | None) -> str:
    if value is None:
        return "–"
    if column in SHARES:
        return f"{value:.0%}"
    return f"{value:.3f}" if column in ("differences", "kept to") else f"{value:,.0f}"


def show_bits(found: Mapping[str, torch.Tensor], report: Mapping[str, float]) -> None:
    """What pictures cost, in bits, under captions that are right, missing and wrong; in other units below."""
    figure, (axis,) = panels(4.8, height=2.2)
    for i, values in enumerate(found.values()):
        axis.scatter(values, np.full(len(values), i), s=14, color=PALETTE[i], alpha=0.6)
        axis.plot([values.mean()] * 2, [i - 0.3, i + 0.3], color=PALETTE[i], linewidth=2)
    axis.axvline(report["uniform"], color="0.5", linewidth=0.8, linestyle="--")
    axis.text(0.98 * report["uniform"], len(found) - 0.6, "without any model", color="0.4", fontsize=8, ha="right")
    axis.set_yticks(range(len(found)), list(found))
    axis.set(xlabel="bits a picture", ylim=(len(found) - 0.5, -0.5), xlim=(0, None))
    show(figure, trim=True, alt="Bits of each picture: fewest under its own caption, most under another's")
    print(
        "   ".join(f"{name} {value:,.3g}" if value < 1000 else f"{name} {value:,.0f}" for name, value in report.items())
    )


# --- any to any, and by heart ---------------------------------------------------------------------------------------


def show_any_to_any(vq: Any, painter: Any, captions: Sequence[str], seed: int = 0) -> None:
    """One model in all its directions: it paints captions, describes what it painted, and answers about it."""
    codes = painting.generate(painter, captions, seed=seed)
    pictures = data.as_pictures(painting.pictures_of(vq, codes.view(-1, tokens.SIDE, tokens.SIDE)))
    said = measuring.say(painter, tokens.describing(codes), tokens.TEXT)
    asked = ["what is the background?"] * len(captions)
    answers = measuring.say(painter, tokens.asking(codes, asked), tokens.ANSWER)
    step = 112
    sheet = Sheet(760, step * len(captions))
    for i, (caption, picture, words, answer) in enumerate(zip(captions, pictures, said, answers, strict=True)):
        y = step * i + 6
        sheet.text(wrap(caption, 28), 8, y + 48)
        sheet.picture(picture, 220, y, SIDE)
        sheet.text(wrap(words, 34), 330, y + 36)
        sheet.text(f"{asked[i]}  {answer}", 330, y + 82, colour=PLAIN)
    sheet.show("Captions, the pictures painted of them, and what the same model says of these, and answers")


def show_neighbours(vq: Any, painter: Any, captions: Sequence[str], seed: int = 0) -> dict[str, float]:
    """Painted pictures, the nearest of the training pictures, and the nearest of as many that no model has seen.

    Returns the mean distances, a root mean square in [0, 1] each.
    """
    import tinyworld

    codes = painting.generate(painter, captions, seed=seed)
    painted = painting.pictures_of(vq, codes.view(-1, tokens.SIDE, tokens.SIDE))
    rows, found = {"painted": data.as_pictures(painted)}, {}
    for name, split in (("nearest it learnt from", "train"), ("nearest it never saw", "test")):
        scenes = tinyworld.scenes(split, measuring.TRAINING, 7)
        distance, at = measuring.nearest(painted, data.pixels(scenes))
        found[name] = float(distance.mean())
        rows[name] = [scenes[i].render(64) for i in at.tolist()]
    show_rows(rows, alt="Painted pictures, and below each the nearest training picture and the nearest unseen one")
    print("   ".join(f"{name}: {value:.3f} away" for name, value in found.items()))
    return found


def show_real(vq: Any, masker: Any, captions: Sequence[str]) -> None:
    """Photographs through the full profile's tokeniser and back, and what its masked model paints."""
    from coursekit.photographs import photographs

    shots = [shot.resize((256, 256)) for shot in photographs(("astronaut", "coffee", "chelsea"), 512)]
    ids = painting.tokens_of(vq, data.as_pixels(shots))
    back = data.as_pictures(painting.pictures_of(vq, ids))
    show_rows(
        {"photographs": shots, f"{ids[0].numel()} tokens each": back}, alt="Photographs, and their tokens decoded"
    )
    painted = [data.as_pictures(painting.amused(vq, masker, caption))[0] for caption in captions]
    show_rows({"painted": painted}, captions, alt="Pictures that the masked model painted of captions")
