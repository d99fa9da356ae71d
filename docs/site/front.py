"""The first page: one moving picture of what the course builds, the weeks as cards, and why to trust its grades."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from coursekit import models
from coursekit.plots import Sheet
from coursekit.session import one_thread
from grader.course.syllabus import Course
from pages import audits, write
from tinyworld import checkpoint, parse_caption, speech
from weeks import Page, digest

WIDTH, HEIGHT, SIDE = 880, 300, 256
SOUND, CANVAS, SAID = 12, 300, 580  # where the three parts of the moving picture begin
STEPS, SEED = 16, 1
INK, PALE = "#1c2733", "#5b6875"


def make(course: Course, source: Path, weeks: Sequence[Page], cache: Path, execute: bool) -> None:
    """Write index.md, and the pictures on it. execute: paint the moving picture too, unless it is in the cache."""
    moving = source / "_extra" / "files" / "wish.webp"  # Sphinx copies no picture that only HTML names
    alt = ""
    if execute:
        kept = cache / f"wish-{digest(course, 'coursekit')}.webp"
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with one_thread():
                alt = film(kept)
            kept.with_suffix(".txt").write_text(alt, encoding="utf-8")
        alt = kept.with_suffix(".txt").read_text(encoding="utf-8")
        moving.parent.mkdir(parents=True, exist_ok=True)
        moving.write_bytes(kept.read_bytes())
        with Image.open(kept) as frames:
            frames.seek(frames.n_frames - 1)
            frames.convert("RGB").save(moving.with_name("wish-still.webp"), quality=85)
    cards = "\n".join(card(source, page) for page in weeks)
    write(source / "index.md", INDEX.format(film=shown(alt), cards=cards, models=measured(), audits=audits(course)))


def shown(alt: str) -> str:
    """The moving picture as HTML; its last frame for those who want nothing to move."""
    if not alt:
        return ""
    return (
        '<picture class="wish"><source media="(prefers-reduced-motion: reduce)" srcset="files/wish-still.webp">'
        f'<img src="files/wish.webp" width="{WIDTH}" height="{HEIGHT}" alt="{alt}"></picture>'
    )


def card(source: Path, page: Page) -> str:
    """A week as a card of sphinx-design's grid."""
    week, picture = page.week, ""
    if page.picture:
        small = source / "files" / "weeks" / f"{week.slug}-card.webp"
        with Image.open(page.picture) as figure:
            figure = figure.convert("RGB")
            height = min(figure.height, round(figure.width * 0.62))
            figure = figure.crop((0, 0, figure.width, height))
            figure.thumbnail((520, 400))
            buffer = io.BytesIO()
            figure.save(buffer, "WEBP", quality=80)
        small.write_bytes(buffer.getvalue())
        picture = f":img-top: /files/weeks/{small.name}\n:img-alt: {page.alt}\n"
    return (
        f":::{{grid-item-card}} {week.number} · {week.title}\n:link: /weeks/{week.slug}\n:link-type: doc\n{picture}\n"
        f"{week.summary[0].upper()}{week.summary[1:]}.\n\n{{bdg-light}}`{week.points:g} points` "
        f"{{bdg-light}}`{week.minutes / 60:.3g} hours`\n:::\n"
    )


def measured() -> str:
    """What the shipped models reach, from their cards, as a table in Markdown."""

    def of(name: str, key: str) -> float:
        return float(json.loads((checkpoint(name) / "figures.json").read_text(encoding="utf-8"))[key])

    def megabytes(name: str) -> str:
        return f"{sum(path.stat().st_size for path in checkpoint(name).rglob('*.safetensors')) / 1e6:.1f} MB"

    rows = [
        ("clip", "CLIP", f"names the shape of {of('clip', 'test/zero-shot shape'):.1%} of unseen pictures"),
        ("diffusion", "Stable Diffusion", f"paints all that was asked for in {of('diffusion', 'guidance 3/all'):.1%}"),
        ("blip", "BLIP", f"describes two objects without a wrong word in {of('blip', 'test/2/exact'):.1%}"),
        ("whisper", "Whisper", f"gets {of('whisper', 'test/en/WER'):.1%} of English words wrong"),
        (
            "token_lm",
            "GPT-2 over image tokens",
            f"paints all that was asked for in {of('token_lm', 'guidance 2/one/all'):.1%}",
        ),
        ("llava", "LLaVA", f"answers {of('llava', 'test/count'):.1%} of questions that ask how many"),
    ]
    lines = ["| model | weights | measured on what it never saw |", "|---|---:|---|"]
    return "\n".join(
        [*lines, *(f"| [{label}](world/{name}.md) | {megabytes(name)} | {told} |" for name, label, told in rows)]
    )


# --- the moving picture -----------------------------------------------------------------------------------------------


def film(path: Path) -> str:
    """Write the moving picture: a wish is spoken, heard, painted, described and asked about. Returns it in words."""
    from caption_lab import blip
    from whisper_lab import listening

    spoken = (one for one in speech.load("voices", "en") if one.kind == "caption")
    wish = next(one for one in spoken if len(parse_caption(one.text).objects) == 1)
    (heard,) = listening.transcribe(models.load("whisper", "tiny", "cpu"), [wish.audio])
    painting = painted(heard)
    (caption,) = blip.captions(models.load("captioning", "tiny", "cpu"), painting[-1:])
    question = "what is the background"
    (answer,) = blip.answers(models.load("vqa", "tiny", "cpu"), painting[-1:], [question])
    words = heard.split()
    frames: list[tuple[Image.Image, int]] = []

    def add(milliseconds: int, canvas: Image.Image | None, played: float, *lines: tuple[str, str]) -> None:
        frames.append((frame(wish.audio, played, canvas, lines), milliseconds))

    for i in range(len(words) + 1):
        add(180, None, i / len(words), ("heard", " ".join(words[:i])))
    for picture in painting:
        add(140, picture, 1, ("heard", heard), ("painted", ""))
    told = [("heard", heard), ("painted", f"in {len(painting)} steps"), ("described", caption)]
    add(1200, painting[-1], 1, *told)
    add(3000, painting[-1], 1, *told, ("asked", f"{question}?"), ("answered", answer))
    first, *others = (picture for picture, _ in frames)
    times = [milliseconds for _, milliseconds in frames]
    first.save(path, "WEBP", save_all=True, append_images=others, duration=times, loop=0, quality=82, method=4)
    return (
        f"A voice says “{wish.text}”; the words appear as they are heard; noise becomes that picture step by step; "
        f"it is described as “{caption}”; asked {question}, the answer is {answer}."
    )


def painted(text: str) -> list[Image.Image]:
    """The picture of a text after each step of diffusion, from noise on."""
    import torch

    pipe = models.load("diffusion", "tiny", "cpu").model
    seen: list[Image.Image] = []

    def look(pipe: Any, step: int, t: Any, given: dict[str, Any]) -> dict[str, Any]:
        with torch.no_grad():
            pixels = pipe.vae.decode(given["latents"] / pipe.vae.config.scaling_factor).sample
        values = ((pixels[0].clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).byte().numpy()
        seen.append(Image.fromarray(values))
        return given

    generator = torch.Generator().manual_seed(SEED)
    pipe(text, num_inference_steps=STEPS, guidance_scale=3.0, generator=generator, callback_on_step_end=look)
    return seen


def frame(wave: np.ndarray, played: float, canvas: Image.Image | None, lines: Sequence[tuple[str, str]]) -> Image.Image:
    """One frame: the sound so far, the canvas, and what was made of it in words."""
    sheet = Sheet(WIDTH, HEIGHT)
    bars = 64
    loud = np.sqrt([np.square(part).mean() for part in np.array_split(wave, bars)])
    loud = loud / loud.max()
    for i, value in enumerate(loud):
        height = max(2, 200 * value)
        colour = "#0072B2" if i < played * bars else "#c9d3dc"
        sheet.block(SOUND + 4 * i, HEIGHT / 2 - height / 2, 3, height, colour)
    if canvas:
        sheet.picture(canvas, CANVAS, (HEIGHT - SIDE) / 2, SIDE)
    else:
        sheet.frame(CANVAS, (HEIGHT - SIDE) / 2, SIDE, SIDE, "#d9d9d9", 1)
    y = 34.0
    for label, text in lines:
        sheet.text(label, SAID, y, "la", 12, PALE)
        wrapped = textwrap.fill(text, 34)
        sheet.text(wrapped, SAID, y + 16, "la", 15, INK)
        y += 30 + 20 * (1 + wrapped.count("\n"))
    return sheet.image


INDEX = """---
html_theme.sidebar_secondary.remove: true
---

# Crossmodal

<p class="lead">Build CLIP, diffusion, BLIP, Whisper and LLaVA by hand, and see each of them work within seconds on a
plain laptop. No GPU, no download, no key. Change one parameter, and the same cells run the real models.</p>

{film}

Everything above was made by the models that the course ships, on one core. By the last week they are one web app, of
which every part is yours.

## The weeks

::::{{grid}} 1 2 2 3
:gutter: 3

{cards}
::::

## Start

```
git clone https://github.com/crossmodal-course/crossmodal && cd crossmodal
make lab      # sets up, and opens the weeks in JupyterLab
make demo     # sets up, and grades a sample class: gradebook, feedback, report
```

Or open a week in Colab: the button is at the top of its page.

## Who it is for

**Students.** An exercise is one function. The cell below it tries the function on fresh inputs and says which mistake
it looks like. What stays open stops nothing below it.

**Instructors.** Weeks are released, graded and given back with nbgrader. Hundreds of notebooks, broken and hostile ones
among them, run side by side on one machine, a GPU or a cluster. [The guide](guide/index.md) is a walk through one week
in pictures.

**CI.** Every notebook is executed, and every check is examined with known wrong and right answers.

## What makes the grade trustworthy

The judge never shares a process with the student. A notebook runs in a sandbox without network, which only ever sees
inputs; what comes back is data, never code. Points come of checks that ran to their end, and of nothing else.
[How a grade comes about](guide/grading.md), and [what it was attacked with](figures/attacks.md).

Each question's checks are graded themselves, with answers that are known to be wrong:

{audits}

## What the models reach

{models}

Each was trained by a recipe in the tree; [its card](world/index.md) says how, and what it cannot do.

```{{toctree}}
:hidden:
:maxdepth: 1

Weeks <weeks/index>
Instructors <guide/index>
The world <world/index>
Figures <figures/index>
Reference <api/index>
Project <project/index>
```
"""
