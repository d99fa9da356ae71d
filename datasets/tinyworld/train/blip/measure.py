"""What a BLIP can say: captions parsed back to facts, true against false captions, and answers to questions."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from transformers import (
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipForQuestionAnswering,
    BlipProcessor,
)

from tinyworld.captions import facts_of
from tinyworld.questions import KINDS
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.train.batches import variant

CHUNK = 128
ATTRIBUTES = ("size", "colour", "shape", "background")
# What a false caption has changed: one attribute, or which object is where, or which has which colour.
CHANGED = ("shape", "colour", "size", "background", "places", "colours")
SPLITS = ("test", "compositional")

# The checkpoint's files that make each class's model, by the `variant` that `from_pretrained` asks for.
VARIANTS = {
    None: ("vision", "decoder"),
    "matching": ("vision", "encoder", "matching"),
    "answering": ("vision", "encoder", "decoder"),
}


class Blip:
    """The three models of one checkpoint in float32 on the CPU, behind three methods."""

    def __init__(self, folder: Path) -> None:
        self.processor = BlipProcessor.from_pretrained(folder)
        kinds = BlipForConditionalGeneration, BlipForImageTextRetrieval, BlipForQuestionAnswering
        self.writer, self.matcher, self.answerer = (
            kind.from_pretrained(folder, variant=variant, dtype=torch.float32).eval()
            for kind, variant in zip(kinds, VARIANTS, strict=True)
        )

    def pixels(self, drawn: list[Scene]) -> torch.Tensor:
        """What the models see of scenes: float32 (n, 3, 64, 64)."""
        return self.processor(images=[s.render(64) for s in drawn], return_tensors="pt")["pixel_values"]

    def captions(self, drawn: list[Scene]) -> list[str]:
        """A caption of each, by greedy decoding."""
        out = []
        for i in range(0, len(drawn), CHUNK):
            ids = self.writer.generate(pixel_values=self.pixels(drawn[i : i + CHUNK]), max_new_tokens=40, num_beams=1)
            out += self.processor.batch_decode(ids, skip_special_tokens=True)
        return out

    @torch.inference_mode()
    def true(self, drawn: list[Scene], texts: list[str]) -> torch.Tensor:
        """Whether the matcher takes each text for true of its scene: bool (n,)."""
        out = []
        for i in range(0, len(drawn), CHUNK):
            tokens = self.processor(text=texts[i : i + CHUNK], padding=True, truncation=True, return_tensors="pt")
            scores = self.matcher(pixel_values=self.pixels(drawn[i : i + CHUNK]), **tokens).itm_score
            out.append(scores.argmax(1) == 1)
        return torch.cat(out)

    def answers(self, drawn: list[Scene], questions: list[str]) -> list[str]:
        """The answer to each question about its scene."""
        out = []
        for i in range(0, len(drawn), CHUNK):
            tokens = self.processor(text=questions[i : i + CHUNK], padding=True, truncation=True, return_tensors="pt")
            pixels = self.pixels(drawn[i : i + CHUNK])
            ids = self.answerer.generate(pixel_values=pixels, max_new_tokens=6, num_beams=1, **tokens)
            out += self.processor.batch_decode(ids, skip_special_tokens=True)
        return out


def measure(folder: Path, n: int = 1024) -> dict[str, float]:
    """Every figure of the card, from `n` scenes each; shares in [0, 1]."""
    blip = Blip(folder)
    figures: dict[str, float] = {}
    for split in SPLITS:
        for objects in (1, 2, 3) if split == "test" else (1, 2):
            drawn = scenes(split, n, objects=objects)
            figures |= {f"{split}/{objects}/{k}": v for k, v in caption_scores(drawn, blip.captions(drawn)).items()}
    figures |= {f"test/matching/{k}": v for k, v in matching_shares(blip, scenes("test", n)).items()}
    return figures | {f"test/answer/{k}": v for k, v in answering(blip, scenes("test", n)).items()}


def glance(folder: Path, n: int = 96) -> dict[str, float]:
    """The same on a few validation scenes, for a look while training."""
    blip, drawn = Blip(folder), scenes("validation", n)
    figures: dict[str, float] = {}
    for objects in (1, 2):
        drawn = scenes("validation", n, objects=objects)
        figures |= {f"{k} of {objects}": v for k, v in caption_scores(drawn, blip.captions(drawn)).items()}
    figures |= {f"match {k}": v for k, v in matching_shares(blip, drawn).items()}
    return figures | {f"answer {k}": v for k, v in answering(blip, drawn).items()}


def caption_scores(drawn: list[Scene], texts: list[str]) -> dict[str, float]:
    """ "exact": all facts right. Each attribute: of all objects, which are compared in the captions' normal order."""
    exact, right = [], defaultdict(list)
    for scene, text in zip(drawn, texts, strict=True):
        wanted, found = scene.facts(), facts_of(text)
        exact.append(found == wanted)
        right["background"].append(found is not None and found.background == wanted.background)
        for i, thing in enumerate(wanted.objects):
            other = found.objects[i] if found and i < len(found.objects) else (None,) * 3
            for name, a, b in zip(("size", "colour", "shape"), thing, other, strict=True):
                right[name].append(a == b)
    return {"exact": float(np.mean(exact))} | {name: float(np.mean(right[name])) for name in ATTRIBUTES}


def matching_shares(blip: Blip, drawn: list[Scene]) -> dict[str, float]:
    """How often a true caption is taken for true, and one with a single fact changed for false."""
    words = np.random.default_rng(0)
    figures = {"true": blip.true(drawn, [s.caption(words) for s in drawn]).float().mean().item()}
    for name in CHANGED:
        pairs = [(s, t) for i, s in enumerate(drawn) if (t := _false(s, name, i)).facts() != s.facts()]
        if pairs:
            taken = blip.true([s for s, _ in pairs], [t.caption(words) for _, t in pairs])
            figures[name] = 1 - taken.float().mean().item()
    figures["all"] = (figures["true"] + float(np.mean([figures[k] for k in CHANGED if k in figures]))) / 2
    return figures


def _false(scene: Scene, change: str, seed: int) -> Scene:
    return variant(scene, random.Random(seed), {change: 1}, within=False)


def answering(blip: Blip, drawn: list[Scene]) -> dict[str, float]:
    """The share of right answers by kind of question, one question of each kind that a scene allows."""
    words, rng = np.random.default_rng(0), random.Random(0)
    asked = defaultdict(list)
    for scene in drawn:
        questions = scene.questions(words)
        for kind in sorted({q.kind for q in questions}):
            asked[kind].append((scene, rng.choice([q for q in questions if q.kind == kind])))
    figures = {}
    for kind in KINDS:
        if asked[kind]:
            found = blip.answers([s for s, _ in asked[kind]], [q.text for _, q in asked[kind]])
            right = [text == q.answer for text, (_, q) in zip(found, asked[kind], strict=True)]
            figures[kind] = float(np.mean(right))
    return figures


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""

    def percent(name: str) -> str:
        return f"{100 * figures[name]:.1f} %" if name in figures else "-"

    groups = [f"{split}/{n}" for split in SPLITS for n in (1, 2, 3) if f"{split}/{n}/exact" in figures]
    columns = ("exact", *ATTRIBUTES)
    lines = [f"| captions | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for group in groups:
        split, count = group.split("/")
        name = f"{count} object{'s' * (count != '1')}" + (", pairs never seen" if split == "compositional" else "")
        lines.append(f"| {name} | {' | '.join(percent(f'{group}/{column}') for column in columns)} |")
    lines += ["", f"| matching | true | {' | '.join(CHANGED)} |", f"|---|---|{'---|' * len(CHANGED)}"]
    lines.append(f"| judged rightly | {' | '.join(percent(f'test/matching/{c}') for c in ('true', *CHANGED))} |")
    lines += ["", f"| questions | {' | '.join(KINDS)} |", f"|---|{'---|' * len(KINDS)}"]
    lines.append(f"| answered rightly | {' | '.join(percent(f'test/answer/{kind}') for kind in KINDS)} |")
    return "\n".join(lines)
