"""The figures of week 5."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from coursekit.models import Loaded
from coursekit.plots import PALETTE, RIGHT, WRONG, Sheet, panels, show, wilson, wrap
from fusion_lab import chatting, data, measuring
from fusion_lab.handmade import Part, by_hand
from tinyworld import conversations, grounding, pointing
from tinyworld.pointing import Pointed
from tinyworld.scene import Scene

SIDE = 128  # pixels on the screen of a picture
PLAIN = "#555555"


def show_chat(llava: Loaded, scenes: Sequence[Scene]) -> None:
    """Pictures with what the model answers about them: three questions, a box, and a caption."""
    width, height = 800, SIDE + 24
    sheet = Sheet(width, height * len(scenes))
    for row, scene in enumerate(scenes):
        rng = np.random.default_rng(row)
        turns = [conversations.Turn(*q) for q in scene.questions(rng)[:3]]
        pointed = conversations.where(scene, 0, rng)
        asked = [*(turn.question for turn in turns), pointed.question, "describe the picture"]
        said = chatting.answers(llava, [scene.render(64)] * len(asked), asked)
        y = row * height + 8
        sheet.picture(scene.render(SIDE), 6, y, SIDE)
        _box(sheet, grounding.from_text(said[-2]), 6, y)
        for i, (question, answer) in enumerate(zip(asked, said, strict=True)):
            shown = "the red frame" if question == pointed.question else wrap(answer, 48)
            sheet.text(question, SIDE + 24, y + 24 * i, "la", size=12, colour=PLAIN)
            sheet.text(shown, SIDE + 340, y + 24 * i, "la", size=12)
    sheet.show(alt="Pictures with what the model answers about them")


def _box(sheet: Sheet, box: grounding.Box | None, x: float, y: float, colour: str = WRONG, line: int = 2) -> None:
    if box:
        width, height = SIDE * (box.right - box.left), SIDE * (box.bottom - box.top)
        sheet.frame(x + SIDE * box.left, y + SIDE * box.top, width, height, colour, line)


def show_layout(task: Pointed, join: Callable[..., tuple[torch.Tensor, torch.Tensor]]) -> None:
    """The tokens of a task of three senses in one row, with the modality and the position that `join` gives each."""
    words, sounds = task.text.split(), pointing.FRAMES // pointing.TOGETHER
    step, top = 26, 26
    lengths = 16, pointing.LENGTH, sounds
    # two features: the one is what the modality added, the other the position
    modality = torch.tensor([[i, 0.0] for i in range(3)])
    positions = torch.tensor([[0.0, j] for j in range(max(lengths))])
    tokens, segments = join([torch.zeros(1, n, 2) for n in lengths], modality, positions)
    sheet = Sheet(step * sum(lengths) + 24, 150)
    picture, x = task.scene.render(64), 8
    for i in range(16):
        left, upper = 16 * (i % 4), 16 * (i // 4)
        sheet.picture(picture.crop((left, upper, left + 16, upper + 16)), x + 2, top, step - 4)
        x += step
    for i in range(pointing.LENGTH):
        sheet.frame(x + 3, top + 1, step - 6, step - 6, "#d9d9d9", 1)
        sheet.text(words[i] if i < len(words) else "", x + step / 2, top + 36 + 12 * (i % 2), "mm", size=10)
        x += step
    rng = np.random.default_rng(0)
    mel = pointing.audio_tokens(pointing.say([task.colour], "test", rng))[0]
    mel = mel.view(sounds, pointing.TOGETHER, pointing.MELS).flip(2).transpose(1, 2)
    low, high = mel.min(), mel.max()
    for frames in mel:
        shade = (255 * (frames - low) / (high - low)).byte().numpy()
        sheet.picture(Image.fromarray(shade).resize((64, 64)), x + 2, top, step - 4)
        x += step
    of = [(int(added), int(part)) for added, part in zip(tokens[0, :, 0].round(), segments, strict=True)]
    for i, place in enumerate(tokens[0, :, 1].round().long().tolist()):
        sheet.text(str(place), 8 + (i + 0.5) * step, 118, "mm", size=9, colour=PLAIN)
    for (added, part), first, n in _runs(of):
        name = ("picture", "text", "sound")[part] if added == part else f"{added}, {part}"
        sheet.block(10 + first * step, 92, n * step - 4, 16, PALETTE[part])
        sheet.text(name, 8 + (first + n / 2) * step, 100, "mm", size=11, colour="white", bold=True)
    sheet.text(f'said: "{task.colour}"   meant: {task.shape}', 10, 138, size=12)
    sheet.show(alt="The tokens of a task in a row: patches, words, and pieces of a spectrogram, numbered anew in each")


def _runs(values: Sequence[Any]) -> list[tuple[Any, int, int]]:
    """Equal values in a row as one: (value, its first place, how many)."""
    out, first = [], 0
    for value, run in groupby(values):
        n = len(list(run))
        out.append((value, first, n))
        first += n
    return out


def show_table(table: Mapping[str, Mapping[str, float]], columns: Sequence[str] = ()) -> None:
    """Named rows of figures, all or these columns: shares as percentages, counts and milliseconds as they are."""
    columns = columns or list(next(iter(table.values())))
    wide, tall = 84, 26
    sheet = Sheet(130 + wide * len(columns), 44 + tall * len(table))
    for j, column in enumerate(columns):
        sheet.text(wrap(column, 11), 130 + wide * (j + 0.5), 18, "mm", size=11, colour=PLAIN)
    for i, (name, values) in enumerate(table.items()):
        y = 44 + tall * (i + 0.5)
        sheet.text(name, 8, y, bold=True)
        for j, column in enumerate(columns):
            sheet.text(_figure(column, values[column]), 130 + wide * (j + 0.5), y, "mm", size=12)
    sheet.show(alt=f"A table: {', '.join(table)} by {', '.join(columns)}")


def _figure(column: str, value: float) -> str:
    if column == "ms":
        return f"{value:.1f}"
    if column in ("parameters", "image tokens"):
        return f"{value:,.0f}"
    if column in ("MB", "error"):
        return f"{value:.3f}"
    return f"{value:.0%}"


def _bars(groups: Mapping[str, Mapping[str, float]], n: int, width: float = 6.2, alt: str = "") -> None:
    """Bars side by side: a group for each column, a colour for each name.

    n: of how many answers each share is, for its whiskers (Wilson's interval, 95 %).
    """
    columns = list(next(iter(groups.values())))
    figure, (axis,) = panels(width, height=2.4, bottom=0.65)
    for i, (name, values) in enumerate(groups.items()):
        at = np.arange(len(columns)) + (i - (len(groups) - 1) / 2) * 0.8 / len(groups)
        shares = np.array([values[c] for c in columns])
        reach = np.abs(np.array([wilson(share * n, n) for share in shares]) - shares[:, None]).T
        axis.bar(at, shares, 0.8 / len(groups), label=name, color=PALETTE[i])
        axis.errorbar(at, shares, yerr=reach, fmt="none", color="0.3", capsize=1.5, linewidth=0.8)
    axis.set_xticks(range(len(columns)), [wrap(c, 12) for c in columns], fontsize=8)
    axis.set(ylim=(0, 1.04), ylabel=f"share of {n}")
    axis.legend(frameon=False, fontsize=8, ncols=len(groups), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    show(figure, alt=alt)


def show_dropped(drop_modalities: Part, n: int = 44) -> None:
    """Tasks, some without a voice, and what `drop_modalities` of the exercise leaves of each."""
    names, side, rates = ("picture", "text", "sound"), 13, torch.full((3,), 0.5)
    there = torch.ones(n, 3, dtype=torch.bool)
    there[-n // 4 :, 2] = False
    left = torch.as_tensor(drop_modalities(there, rates, 0))
    out = measuring.measure_dropped(drop_modalities, rates)
    sheet = Sheet(80 + (side + 2) * n + 230, 3 * 24 + 34)
    for part, (name, rate, share) in enumerate(zip(names, rates.tolist(), out, strict=True)):
        y = 4 + 24 * part
        sheet.text(name, 4, y + side / 2, "lm", size=12)
        for i in range(n):
            x = 80 + (side + 2) * i
            if left[i, part]:
                sheet.block(x, y, side, side, PALETTE[part])
            elif there[i, part]:
                sheet.frame(x + 1, y + 1, side - 2, side - 2, "#b5b5b5", 1)
        sheet.text(f"left out in {share:.1%}, rate {rate:.0%}", 90 + (side + 2) * n, y + side / 2, "lm", size=12)
    below = "a column for each task; filled: kept, empty frame: left out, nothing: was missing before"
    sheet.text(below, 80, 3 * 24 + 16, "lm", size=12, colour=PLAIN)
    told = ", ".join(f"{name} in {share:.1%}" for name, share in zip(names, out, strict=True))
    sheet.show(
        alt=f"Tasks and what is kept of each; at rates of one half left out are {told} of the tasks with all three"
    )


def show_missing(names: Sequence[str], late: Part, cross: Part, believed: measuring.Believed) -> None:
    """What each fusion does when a modality is gone, is noisy, or lies; the functions: as the exercises have them."""
    belief = measuring.measure_belief(names, believed)
    table = {name: row | belief[name] for name, row in measuring.measure_fusions(names, late, cross).items()}
    columns = [c for c in next(iter(table.values())) if c not in ("parameters", "ms")]
    shown = {name: {c: values[c] for c in columns} for name, values in table.items()}
    alt = f"Right answers of {', '.join(table)}, with all modalities, without each, in noise, and whom they believe"
    _bars(shown, measuring.TASKS, 8.4, alt)


def show_labels(llava: Loaded, scene: Scene, answer_labels: Part) -> None:
    """A conversation as tokens; what the model is taught to say, by the exercise's labels, is green and bold."""
    tokenizer, rng = llava.processor.tokenizer, np.random.default_rng(1)
    image = llava.model.config.image_token_id
    turns = conversations.conversation(scene, rng, 4)
    text = "".join(
        f"<|user|>{'' if i else tokenizer.decode([image])}{turn.question}<|assistant|>{turn.answer}<|end|>"
        for i, turn in enumerate(turns)
    )
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    marks = (tokenizer.convert_tokens_to_ids(mark) for mark in ("<|assistant|>", "<|end|>"))
    x, y, sheet = 8.0, 16, Sheet(820, 130)
    for token, label in zip(ids[0].tolist(), answer_labels(ids, *marks)[0].tolist(), strict=True):
        word = "<image> x 16" if token == image else tokenizer.decode([token]).strip()
        colour = RIGHT if label >= 0 else PLAIN
        wide = sheet.width(word, 12, colour == RIGHT) + 9
        if x + wide > 812:
            x, y = 8.0, y + 26
        sheet.text(word, x, y, size=12, colour=colour, bold=colour == RIGHT)
        x += wide
    sheet.show(alt="A conversation as tokens; the assistant's words and the ends of its turns are green")


def show_stage_one(llava: Loaded, losses: Sequence[float], seed: int = 0) -> None:
    """The losses of stage one, step by step, beside what the whole LLaVA pays. losses: of the notebook's batches."""
    mean = np.convolve(losses, np.ones(20) / 20, mode="valid")
    whole = measuring.stage_loss(llava, seed)
    figure, (axis,) = panels(4.8, height=2.3)
    axis.plot(losses, color="0.8", linewidth=0.8, label="of each batch")
    axis.plot(np.arange(len(mean)) + 10, mean, color=PALETTE[0], label="mean of 20 batches")
    axis.axhline(whole, color=PALETTE[1], linestyle="--", linewidth=1, label="the whole LLaVA's")
    axis.set(xlabel="step", ylabel="loss of the answers", ylim=(0, None))
    axis.legend(frameon=False, fontsize=8)
    fell = f"The loss falls from {mean[0]:.2f} to {mean[-1]:.2f} while the projector alone learns"
    show(figure, alt=f"{fell}; the whole LLaVA pays {whole:.2f}")


def show_prior(llava: Loaded, seed: int = 0) -> None:
    """Right answers with the right picture, another, and none."""
    _bars(
        measuring.measure_prior(llava, seed), 48, alt="Right answers by kind, with its own, another, and a grey picture"
    )


def show_gates(loaded: Loaded, resample: Part, last_picture: Part, gated: Part) -> None:
    """The loss as the gates open; resample, last_picture, gated: as the exercises have them."""
    parts = (0, 0.25, 0.5, 0.75, 1, 1.25)
    losses = measuring.measure_gates(loaded, resample, last_picture, gated, parts)
    figure, (axis,) = panels(4.6, height=2.3)
    axis.plot(parts, losses, marker="o", color=PALETTE[0])
    guess = np.log(3)
    axis.axhline(guess, color="0.5", linestyle="--", linewidth=1)
    axis.text(1.25, guess + 0.06, "a guess among three answers", ha="right", fontsize=8, color="0.35")
    axis.set(xlabel="gates, as a part of what training found", ylabel="loss of the answer")
    show(figure, alt="The loss of answers falls as the gates open to what training found")


def show_albums(loaded: Loaded, resample: Part, last_picture: Part, gated: Part, n: int = 2) -> None:
    """Albums with what the model answers, green where it is right; the functions: see `show_gates`."""
    albums = [album for kind in ("differs", "in all", "shows") for album in data.albums(kind, n, seed=43)]
    said, side = chatting.reader(by_hand(loaded, resample, gated), last_picture)(albums), 84
    sheet = Sheet(640, (side + 14) * len(albums))
    for i, (album, answer) in enumerate(zip(albums, said, strict=True)):
        y = i * (side + 14) + 6
        for j, scene in enumerate(album.scenes):
            sheet.picture(scene.render(side), 6 + j * (side + 6), y, side)
        sheet.text(wrap(album.question, 40), 290, y + 26, colour=PLAIN)
        sheet.text(answer, 290, y + 56, colour=RIGHT if answer == album.answer else WRONG, bold=True)
    sheet.show(alt="Albums of three pictures with a question and the model's answer")


def show_shots(loaded: Loaded) -> None:
    """Right answers after so many examples, and one such prompt."""
    album = data.albums("examples", 1, seed=52)[0]
    sheet = Sheet(560, SIDE)
    for i, scene in enumerate(album.scenes):
        sheet.picture(scene.render(96), 10 + 136 * i, 4, 96)
        word = album.examples[i] if i < len(album.examples) else "?"
        sheet.text(word, 58 + 136 * i, 114, "mm", bold=word == "?")
    sheet.show(alt="A prompt of examples; right answers after none, one, two and three of them")
    figure, (axis,) = panels(3.4, height=2.0)
    shares = measuring.measure_shots(loaded)
    axis.bar(range(len(shares)), shares, color=PALETTE[0])
    axis.set(xlabel="examples in the prompt", ylabel="right answers", ylim=(0, 1.02), xticks=range(len(shares)))
    show(figure, alt="A prompt of examples; right answers after none, one, two and three of them")


def show_boxes(llava: Loaded, to_bins: Part, from_bins: Part, iou: Part, n: int = 6) -> None:
    """Where the model says that things are, a solid frame, and where they are, a dashed one, both from tokens.

    to_bins, from_bins, iou: as the exercise has them.
    """
    asked = data.questions(n, 23, ("where",))
    said = chatting.answers(llava, [q.scene.render(64) for q in asked], [q.text for q in asked])
    sheet = Sheet((SIDE + 12) * n, SIDE + 86)
    for i, (q, answer) in enumerate(zip(asked, said, strict=True)):
        x, found = 6 + i * (SIDE + 12), grounding.tokens_of(answer)
        there = next(box for box in grounding.boxes_of(q.scene) if grounding.to_text(box) == q.answer)
        rows = [to_bins(torch.tensor([there]), grounding.BINS), *([torch.tensor([found])] if found else [])]
        boxes = [from_bins(tokens, grounding.BINS) for tokens in rows]
        overlap = float(iou(*boxes)) if len(boxes) == 2 else 0.0
        picture = outlined(q.scene.render(SIDE), boxes[0][0].tolist(), dashed=True)
        picture = outlined(picture, boxes[1][0].tolist()) if len(boxes) == 2 else picture
        sheet.picture(picture, x, 4, SIDE)
        sheet.text(f"{wrap(q.text, 20)}\nIoU {overlap:.2f}", x + SIDE / 2, SIDE + 10, "ma", size=11)
    below = f"solid: the model's box, of {grounding.BINS} tokens a side; dashed: where it is"
    sheet.text(below, 6, SIDE + 74, size=12, colour=PLAIN)
    sheet.show(alt="Pictures with the model's box, solid, and the true one, dashed")


def outlined(picture: Image.Image, box: Sequence[float], dashed: bool = False) -> Image.Image:
    """The picture with a box (left, top, right, bottom in [0, 1]) drawn on it, black beside white.

    No colour: shapes and backgrounds have those. dashed: black and white take turns, six pixels each.
    """
    shown = picture.copy()
    draw, side = ImageDraw.Draw(shown), picture.width - 1
    left, top, right, bottom = (round(c * side) for c in box)
    if not dashed:
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline="white", width=3)
        draw.rectangle((left, top, right, bottom), outline="black", width=1)
        return shown
    for k, (x, y) in enumerate(_around(left, top, right, bottom)):
        draw.rectangle((x - 1, y - 1, x + 1, y + 1), fill="black" if k // 6 % 2 else "white")
    return shown


def _around(left: int, top: int, right: int, bottom: int) -> list[tuple[int, int]]:
    """The pixels of a frame, one after the other."""
    there = [(x, top) for x in range(left, right)] + [(right, y) for y in range(top, bottom)]
    return there + [(x, bottom) for x in range(right, left, -1)] + [(left, y) for y in range(bottom, top, -1)]


def show_looks(llava: Loaded, project: Part, splice: Part, look_map: Part, ablate: Part, n: int = 4) -> None:
    """Where the last token looks before it answers, and what the answer is worth without those patches.

    project, splice, look_map, ablate: as the exercises have them.
    """
    asked = data.questions(n, 62, ("colour", "shape"))
    sheet = Sheet((2 * SIDE + 20) * 2 + 20, (SIDE + 36) * ((n + 1) // 2))
    for i, q in enumerate(asked):
        attention, first = chatting.attentions(llava, q)
        looked = look_map(attention, attention.shape[-1] - 1, first, chatting.SIDE)
        shade = Image.fromarray((255 * looked / looked.max()).byte().numpy())
        x, y = 8 + (i % 2) * (2 * SIDE + 24), 4 + (i // 2) * (SIDE + 36)
        sheet.picture(q.scene.render(SIDE), x, y, SIDE)
        sheet.picture(shade.resize((SIDE, SIDE), Image.Resampling.NEAREST), x + SIDE + 6, y, SIDE)
        sheet.text(f"{q.text} {q.answer}", x + SIDE, y + SIDE + 14, "mm", size=12)
    sheet.show(alt="Pictures beside where the last token looks; and the answer's probability as patches are replaced")
    ks = (0, 1, 2, 4, 6, 8)
    figure, (axis,) = panels(4.6, height=2.2)
    found = measuring.measure_faithfulness(llava, project, splice, look_map, ablate, ks)
    for colour, marker, (name, values) in zip(PALETTE, "os^", found.items(), strict=False):
        axis.plot(ks, values, marker=marker, label=name, color=colour)
    axis.set(xlabel="patches replaced, of 16", ylabel="probability of the right answer", ylim=(0, 1.02))
    axis.legend(frameon=False, fontsize=8)
    show(figure, alt="Pictures beside where the last token looks; and the answer's probability as patches are replaced")


def show_cost(
    llava: Loaded, cache_bytes: Callable[..., int], quantise: Callable[..., tuple[Any, Any]], restore: Part
) -> None:
    """What image tokens cost and what fewer of them cost, and what fewer bits cost.

    cache_bytes, quantise, restore: as the exercise has them.
    """
    lengths, merged = measuring.measure_lengths(llava, cache_bytes), measuring.measure_merged(llava)
    figure, (time, cache, right) = panels(2.2, 2.2, 2.2, height=2.1, between=0.8)
    time.plot(lengths["image tokens"], lengths["ms"], marker="o", color=PALETTE[0])
    time.set(xlabel="image tokens", ylabel="ms a pass", ylim=(0, None))
    cache.plot(lengths["image tokens"], lengths["KB"], marker="o", color=PALETTE[1])
    cache.set(xlabel="image tokens", ylabel="KB of cache", ylim=(0, None))
    right.plot(merged["image tokens"], merged["right"], marker="o", color=PALETTE[2])
    right.set(xlabel="image tokens, averaged", ylabel="right answers", ylim=(0, 1.03), xticks=merged["image tokens"])
    show(figure, alt="Milliseconds and kilobytes over the number of image tokens, and right answers with fewer of them")
    show_table(measuring.measure_bits(llava, quantise, restore))


def show_presence(llava: Loaded, presence_scores: Callable[..., dict[str, float]]) -> None:
    """What the model says of what is not there; presence_scores: as the exercise has it."""
    found = measuring.measure_presence(llava, presence_scores)
    show_table({name: found[name] for name in ("random", "one word off")})
    asked = data.false_premises(5, seed=83)
    said = chatting.answers(llava, [q.scene.render(64) for q in asked], [q.text for q in asked])
    sheet = Sheet((SIDE + 12) * len(asked), SIDE + 66)
    for i, (q, answer) in enumerate(zip(asked, said, strict=True)):
        x = 6 + i * (SIDE + 12)
        sheet.picture(q.scene.render(SIDE), x, 4, SIDE)
        sheet.text(f"{wrap(q.text, 20)}\n{answer}", x + SIDE / 2, SIDE + 10, "ma", size=11)
    sheet.show(alt="Pictures, questions about what is not there, and the answers")
    print(f"names a colour of what is not there: {found['false premise']['names a colour']:.0%}")


def show_photographs(llava: Loaded) -> None:
    """The real model on photographs that scikit-image ships."""
    from skimage import data as photographs

    arrays = photographs.astronaut(), photographs.coffee(), photographs.chelsea()
    shots = [Image.fromarray(array) for array in arrays]
    asked = ["What is in the picture?", "Is there a dog?", "What colour is the car?"]
    sheet = Sheet(700, 3 * (SIDE + 20))
    for i, shot in enumerate(shots):
        said = chatting.answers(llava, [shot] * len(asked), asked)
        sheet.picture(shot, 6, 6 + i * (SIDE + 20), SIDE)
        text = "\n".join(f"{q} {wrap(a, 70)}" for q, a in zip(asked, said, strict=True))
        sheet.text(text, SIDE + 20, 12 + i * (SIDE + 20), "la", size=12)
    sheet.show(alt="Photographs with the model's answers")
