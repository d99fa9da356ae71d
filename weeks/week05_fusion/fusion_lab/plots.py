"""The figures of week 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from coursekit.models import Loaded
from coursekit.plots import PALETTE, RIGHT, WRONG, Sheet, panels, show, wilson, wrap
from fusion_lab import chatting, data, measuring
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


def show_layout(task: Pointed) -> None:
    """The tokens of a task of three senses in one row, with where each stands in its own segment."""
    words, sounds = task.text.split(), pointing.FRAMES // pointing.TOGETHER
    step, top = 26, 26
    sheet = Sheet(step * (16 + pointing.LENGTH + sounds) + 24, 150)
    picture, x = task.scene.render(64), 8
    for i in range(16):
        left, upper = 16 * (i % 4), 16 * (i // 4)
        sheet.picture(picture.crop((left, upper, left + 16, upper + 16)), x + 2, top, step - 4)
        x += step
    spans = [("picture", 16, PALETTE[0]), ("text", pointing.LENGTH, PALETTE[1]), ("sound", sounds, PALETTE[2])]
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
    x = 8
    for name, n, colour in spans:
        sheet.block(x + 2, 92, n * step - 4, 16, colour)
        sheet.text(name, x + n * step / 2, 100, "mm", size=11, colour="white", bold=True)
        for i in range(n):
            sheet.text(str(i), x + (i + 0.5) * step, 118, "mm", size=9, colour=PLAIN)
        x += n * step
    sheet.text(f'said: "{task.colour}"   meant: {task.shape}', 10, 138, size=12)
    sheet.show(alt="The tokens of a task in a row: patches, words, and pieces of a spectrogram, numbered anew in each")


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


def show_missing(table: Mapping[str, Mapping[str, float]]) -> None:
    """What each fusion does when a modality is gone, is noisy, or lies."""
    columns = [c for c in next(iter(table.values())) if c not in ("parameters", "ms")]
    shown = {name: {c: values[c] for c in columns} for name, values in table.items()}
    alt = f"Right answers of {', '.join(table)}, with all modalities, without each, in noise, and whom they believe"
    _bars(shown, measuring.TASKS, 8.4, alt)


def show_labels(llava: Loaded, scene: Scene) -> None:
    """A conversation as tokens; what the model is taught to say is coloured."""
    tokenizer, rng = llava.processor.tokenizer, np.random.default_rng(1)
    parts: list[tuple[str, str]] = []
    for i, turn in enumerate(conversations.conversation(scene, rng, 4)):
        parts.append(("<|user|>", PLAIN))
        parts += [("<image> x 16", PALETTE[0])] if i == 0 else []
        parts += [(tokenizer.decode([t]).strip(), PLAIN) for t in tokenizer(turn.question)["input_ids"]]
        parts.append(("<|assistant|>", PLAIN))
        parts += [(tokenizer.decode([t]).strip(), RIGHT) for t in tokenizer(turn.answer)["input_ids"]]
        parts.append(("<|end|>", RIGHT))
    x, y, sheet = 8.0, 16, Sheet(820, 130)
    for word, colour in parts:
        wide = sheet.width(word, 12, colour == RIGHT) + 9
        if x + wide > 812:
            x, y = 8.0, y + 26
        sheet.text(word, x, y, size=12, colour=colour, bold=colour == RIGHT)
        x += wide
    sheet.show(alt="A conversation as tokens; the assistant's words and the ends of its turns are green")


def show_prior(llava: Loaded, seed: int = 0) -> None:
    """Right answers with the right picture, another, and none."""
    _bars(
        measuring.measure_prior(llava, seed), 48, alt="Right answers by kind, with its own, another, and a grey picture"
    )


def show_gates(loaded: Loaded) -> None:
    """The loss as the gates open."""
    parts = (0, 0.25, 0.5, 0.75, 1, 1.25)
    figure, (axis,) = panels(4.6, height=2.3)
    axis.plot(parts, measuring.measure_gates(loaded, parts), marker="o", color=PALETTE[0])
    axis.set(xlabel="gates, as a part of what training found", ylabel="loss of the answer")
    show(figure, alt="The loss of answers falls as the gates open to what training found")


def show_albums(loaded: Loaded, n: int = 2) -> None:
    """Albums with what the model answers, green where it is right."""
    albums = [album for kind in ("differs", "in all", "shows") for album in data.albums(kind, n, seed=43)]
    said, side = chatting.reader(loaded)(albums), 84
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


def show_boxes(llava: Loaded, n: int = 6) -> None:
    """Where the model says that things are, in red; where they are, in green, which is broader."""
    asked = data.questions(n, 23, ("where",))
    said = chatting.answers(llava, [q.scene.render(64) for q in asked], [q.text for q in asked])
    sheet = Sheet((SIDE + 12) * n, SIDE + 86)
    for i, (q, answer) in enumerate(zip(asked, said, strict=True)):
        x, found, wanted = 6 + i * (SIDE + 12), grounding.from_text(answer), grounding.from_text(q.answer)
        sheet.picture(q.scene.render(SIDE), x, 4, SIDE)
        _box(sheet, wanted, x, 4, RIGHT, 5)
        _box(sheet, found, x, 4)
        overlap = grounding.overlap(found, wanted) if found and wanted else 0.0
        sheet.text(f"{wrap(q.text, 20)}\nIoU {overlap:.2f}", x + SIDE / 2, SIDE + 10, "ma", size=11)
    below = f"red: the model's box, of {grounding.BINS} tokens a side; green: where it is"
    sheet.text(below, 6, SIDE + 74, size=12, colour=PLAIN)
    sheet.show(alt="Pictures with the model's box in red and the true one in green")


def show_looks(llava: Loaded, n: int = 4) -> None:
    """Where the last token looks before it answers, and what the answer is worth without those patches."""
    asked = data.questions(n, 62, ("colour", "shape"))
    sheet = Sheet((2 * SIDE + 20) * 2 + 20, (SIDE + 36) * ((n + 1) // 2))
    for i, q in enumerate(asked):
        attention, first = chatting.attentions(llava, q)
        row = attention.mean(dim=(0, 1))[-1, first : first + chatting.SIDE**2].view(chatting.SIDE, chatting.SIDE)
        shade = Image.fromarray((255 * row / row.max()).byte().numpy())
        x, y = 8 + (i % 2) * (2 * SIDE + 24), 4 + (i // 2) * (SIDE + 36)
        sheet.picture(q.scene.render(SIDE), x, y, SIDE)
        sheet.picture(shade.resize((SIDE, SIDE), Image.Resampling.NEAREST), x + SIDE + 6, y, SIDE)
        sheet.text(f"{q.text} {q.answer}", x + SIDE, y + SIDE + 14, "mm", size=12)
    sheet.show(alt="Pictures beside where the last token looks; and the answer's probability as patches are replaced")
    ks = (0, 1, 2, 4, 6, 8)
    figure, (axis,) = panels(4.6, height=2.2)
    for colour, (name, values) in zip(PALETTE, measuring.measure_faithfulness(llava, ks).items(), strict=False):
        axis.plot(ks, values, marker="o", label=name, color=colour)
    axis.set(xlabel="patches replaced, of 16", ylabel="probability of the right answer", ylim=(0, 1.02))
    axis.legend(frameon=False, fontsize=8)
    show(figure, alt="Pictures beside where the last token looks; and the answer's probability as patches are replaced")


def show_cost(llava: Loaded) -> None:
    """What image tokens cost and what fewer of them cost, and what fewer bits cost."""
    lengths, merged = measuring.measure_lengths(llava), measuring.measure_merged(llava)
    figure, (time, cache, right) = panels(2.2, 2.2, 2.2, height=2.1, between=0.8)
    time.plot(lengths["image tokens"], lengths["ms"], marker="o", color=PALETTE[0])
    time.set(xlabel="image tokens", ylabel="ms a pass", ylim=(0, None))
    cache.plot(lengths["image tokens"], lengths["KB"], marker="o", color=PALETTE[1])
    cache.set(xlabel="image tokens", ylabel="KB of cache", ylim=(0, None))
    right.plot(merged["image tokens"], merged["right"], marker="o", color=PALETTE[2])
    right.set(xlabel="image tokens, averaged", ylabel="right answers", ylim=(0, 1.03))
    show(figure, alt="Milliseconds and kilobytes over the number of image tokens, and right answers with fewer of them")
    show_table(measuring.measure_bits(llava))


def show_presence(llava: Loaded) -> None:
    """What the model says of what is not there."""
    found = measuring.measure_presence(llava)
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
