"""Does the language model of words and image tokens paint, describe and answer? The judge reads what it paints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import VQModel
from transformers import GPT2LMHeadModel
from transformers.utils import logging

from tinyworld import judge as judges
from tinyworld import tokens
from tinyworld.captions import facts_of
from tinyworld.checkpoints import checkpoint
from tinyworld.questions import KINDS
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.train import painters
from tinyworld.train.diffusion.latents import pictures
from tinyworld.train.diffusion.measure import captions, unseen
from tinyworld.train.editing import Repaint, edits
from tinyworld.train.token_lm.sampling import GUIDANCE, answer, describe, paint
from tinyworld.train.vq import measure as vq_measure

GUIDANCES = (1.0, 1.5, 2.0, 3.0)


def load(folder: Path) -> GPT2LMHeadModel:
    """The model in a folder, computing in float32."""
    logging.disable_progress_bar()
    return GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval().requires_grad_(False)


def measure(folder: Path, n: int = 256, vq_folder: Path | None = None) -> dict[str, float]:
    """Every figure of the card, from `n` pictures each. Shares are in [0, 1]; seconds and bits a picture."""
    model, vq, judge = load(folder), vq_measure.load(vq_folder or checkpoint("vq")), judges.load()
    figures: dict[str, float] = {}
    for guidance in GUIDANCES:
        groups = painters.GROUPS if guidance == GUIDANCE else painters.GROUPS[:2]
        found = painters.obedience(painter(model, vq, guidance), judge, n, groups)
        figures |= {f"guidance {guidance:g}/{name}": value for name, value in found.items()}
    paint_now = painter(model, vq, GUIDANCE)
    figures |= {"diversity": painters.diversity(paint_now, judge), "seconds": painters.seconds(paint_now)}
    figures |= {f"edit/{key}": value for key, value in edits(repainter(model, vq), judge, n // 4).items()}
    asked = unseen(n, 1)
    codes = tokens.encode(vq, pictures(asked))
    figures["bits/told"] = bits(model, captions(asked), codes)
    figures["bits/not told"] = bits(model, [""] * n, codes)
    for name, objects in (("one", 1), ("two", 2), ("three", 3)):
        figures[f"captions/{name}"] = described(model, vq, scenes("test", n, objects=objects))
    return figures | {f"answers/{kind}": share for kind, share in answered(model, vq, scenes("test", n)).items()}


def painter(model: GPT2LMHeadModel, vq: VQModel, guidance: float = GUIDANCE) -> painters.Paint:
    """What `painters` measures."""
    return lambda texts, seed: tokens.decode(vq, paint(model, texts, guidance, seed=seed))


def repainter(model: GPT2LMHeadModel, vq: VQModel) -> Repaint:
    """What `editing` measures: a language model can keep only what comes before the first place that it paints."""

    def repaint(pixels: torch.Tensor, texts: list[str], cells: torch.Tensor) -> np.ndarray:
        codes = tokens.encode(vq, pixels)
        firsts = cells.int().argmax(1).tolist()
        painted = [paint(model, [texts[i]], seed=i, begun=codes[i : i + 1, :first]) for i, first in enumerate(firsts)]
        return tokens.decode(vq, torch.cat(painted))

    return repaint


@torch.no_grad()
def bits(model: GPT2LMHeadModel, texts: Sequence[str], codes: torch.Tensor) -> float:
    """What pictures cost under the model after these captions, in bits a picture: minus the binary logarithm of how
    likely it thinks their 64 tokens. Of tokens, not of pixels."""
    total = 0.0
    for i in range(0, len(codes), 64):
        ids = tokens.painting(texts[i : i + 64], codes[i : i + 64])
        scores = model(ids).logits[:, tokens.PROMPT - 1 : -1].log_softmax(-1)
        total -= scores.gather(2, ids[:, tokens.PROMPT :, None]).sum().item()
    return total / len(codes) / float(np.log(2))


def described(model: GPT2LMHeadModel, vq: VQModel, drawn: Sequence[Scene]) -> float:
    """The share of captions of these scenes' pictures that state just the scene's facts, in whatever words."""
    texts = describe(model, tokens.encode(vq, pictures(list(drawn))))
    return float(np.mean([facts_of(text) == scene.facts() for text, scene in zip(texts, drawn, strict=True)]))


def answered(model: GPT2LMHeadModel, vq: VQModel, drawn: Sequence[Scene]) -> dict[str, float]:
    """The share of right answers to all questions about these scenes, by kind."""
    words = np.random.default_rng(0)
    asked = [(i, question) for i, scene in enumerate(drawn) for question in scene.questions(words)]
    codes = tokens.encode(vq, pictures(list(drawn)))
    said = answer(model, codes[[i for i, _ in asked]], [question.text for _, question in asked])
    right: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for text, (_, question) in zip(said, asked, strict=True):
        right[question.kind].append(text == question.answer)
    return {kind: float(np.mean(answers)) for kind, answers in right.items() if answers}


def look(model: GPT2LMHeadModel, vq: VQModel, sheet: Path | None = None, n: int = 48) -> dict[str, float]:
    """A few figures of validation scenes, while training."""
    figures = painters.look(painter(model, vq), judges.load(), sheet, n)
    for objects in (1, 2, 3):
        figures[f"captions {objects}"] = described(model, vq, scenes("validation", n, objects=objects))
    answers = answered(model, vq, scenes("validation", n // 2))
    return figures | {f"answers {kind}": share for kind, share in answers.items()}


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = painters.rows(figures, {f"guidance {g:g}/": f"guidance {g:g}" for g in GUIDANCES})
    lines += ["", "| read from a picture | |", "|---|---|"]
    lines += [
        f"| captions with all facts, of {name} | {100 * figures[f'captions/{name}']:.1f} % |"
        for name in ("one", "two", "three")
    ]
    lines += [
        f"| answers: {kind} | {100 * figures[f'answers/{kind}']:.1f} % |"
        for kind in KINDS
        if f"answers/{kind}" in figures
    ]
    lines += [
        "",
        "| | |",
        "|---|---|",
        f"| one picture | {figures['seconds']:.2f} s, 64 steps of one token, with a cache |",
        f"| one caption, many pictures | the object's centre spreads by {figures['diversity']:.1f} pixels |",
        f"| an edit of one colour | {100 * figures['edit/right']:.1f} % right, {100 * figures['edit/stays']:.1f} % in "
        f"their place, the rest kept to {figures['edit/kept']:.1f} dB |",
        f"| a picture's tokens | {figures['bits/told']:.0f} bits after its caption, {figures['bits/not told']:.0f} "
        "without, of 512 |",
    ]
    return "\n".join(lines)
