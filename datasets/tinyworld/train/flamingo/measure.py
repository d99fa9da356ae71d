"""What a Flamingo can say about several pictures, and what it learns from examples in its prompt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import IdeficsForVisionText2Text, LlavaProcessor

from tinyworld.albums import KINDS, PLACES, Album, album, with_shots

CHUNK = 64
SHOTS = (0, 1, 2, 3)
USER, ASSISTANT, IMAGE, END = "<|user|>", "<|assistant|>", "<image>", "<|end|>"


def prompt(shown: Album) -> str:
    """The album as text, up to where the answer begins.

    The question comes first, then each picture after its name, so that what reads a picture knows what to look for.
    Of examples each is a turn: a picture, and its answer.
    """
    if not shown.question:
        turns = [f"{USER}{IMAGE}{ASSISTANT}{answer}{END}" for answer in shown.examples]
        return "".join(turns) + f"{USER}{IMAGE}{ASSISTANT}"
    pictures = " ".join(f"{place}{IMAGE}" for place in PLACES[: len(shown.scenes)])
    return f"{USER}{shown.question} {pictures}{ASSISTANT}"


class Reader:
    """A model that reads albums, with its processor, in float32.

    mask: which picture each word may ask, called as mask(ids, image, pictures); None: `masks.image_mask`.
    """

    def __init__(
        self,
        model: IdeficsForVisionText2Text,
        processor: LlavaProcessor,
        mask: Callable[[torch.Tensor, int, int], torch.Tensor] | None = None,
    ) -> None:
        self.model, self.processor, self.mask = model.eval(), processor, mask
        self.image = processor.tokenizer.convert_tokens_to_ids(IMAGE)

    def inputs(self, shown: list[Album]) -> dict[str, torch.Tensor]:
        """What the model reads of albums with equally many pictures."""
        from tinyworld.train.flamingo.masks import image_mask  # where a notebook that is graded cannot find it

        tokenizer = self.processor.tokenizer
        text = tokenizer([prompt(one) for one in shown], padding=True, padding_side="left", return_tensors="pt")
        images = [scene.render(64) for one in shown for scene in one.scenes]
        pixels = self.processor.image_processor(images=images, return_tensors="pt")["pixel_values"]
        pictures = len(shown[0].scenes)
        mask = (self.mask or image_mask)(text["input_ids"], self.image, pictures).long()
        return {
            "input_ids": text["input_ids"],
            "attention_mask": text["attention_mask"],
            "pixel_values": pixels.view(len(shown), pictures, *pixels.shape[1:]),
            "image_attention_mask": mask,
        }

    @torch.inference_mode()
    def __call__(self, shown: list[Album]) -> list[str]:
        """Its answer to each album, greedily."""
        out: dict[int, str] = {}
        for pictures in sorted({len(one.scenes) for one in shown}):
            chosen = [i for i, one in enumerate(shown) if len(one.scenes) == pictures]
            for start in range(0, len(chosen), CHUNK):
                part = chosen[start : start + CHUNK]
                inputs = self.inputs([shown[i] for i in part])
                ids = self.model.generate(**inputs, max_new_tokens=6, do_sample=False)
                said = ids[:, inputs["input_ids"].shape[1] :]
                texts = self.processor.tokenizer.batch_decode(said, skip_special_tokens=True)
                out |= {i: text.strip() for i, text in zip(part, texts, strict=True)}
        return [out[i] for i in range(len(shown))]


def load(folder: Path) -> Reader:
    """The checkpoint in a folder."""
    model = IdeficsForVisionText2Text.from_pretrained(folder, dtype=torch.float32)
    return Reader(model, LlavaProcessor.from_pretrained(folder))


def measure(folder: Path, n: int = 400) -> dict[str, float]:
    """Every figure of the card, from `n` albums each; shares in [0, 1]."""
    reader = load(folder)
    figures: dict[str, float] = {}
    for split in ("test", "compositional"):
        figures |= {f"{split}/{name}": value for name, value in report(reader, split, n).items()}
    figures["test/pictures exchanged"] = exchanged(reader, n)
    gates = [layer.alpha_cross_attn for layer in reader.model.model.gated_cross_attn_layers]
    return figures | {f"gate {i + 1}": gate.tanh().item() for i, gate in enumerate(gates)}


def glance(folder: Path, n: int = 64) -> dict[str, float]:
    """The same on a few validation albums, for a look while training."""
    return report(load(folder), "validation", n)


def report(reader: Reader, split: str, n: int) -> dict[str, float]:
    """Shares of right answers by kind of album; those of examples by how many there are."""
    figures: dict[str, float] = {}
    for kind in KINDS:
        rng = np.random.default_rng(0)
        shown = [album(split, kind, rng) for _ in range(n)]
        if kind == "examples":
            figures |= {f"examples {k}": share(reader, [with_shots(one, k) for one in shown]) for k in SHOTS}
        else:
            figures[kind] = share(reader, shown)
    return figures


def share(reader: Reader, shown: list[Album]) -> float:
    """The share of albums that are answered rightly."""
    said = reader(shown)
    return float(np.mean([text == one.answer for text, one in zip(said, shown, strict=True)]))


def exchanged(reader: Reader, n: int) -> float:
    """What the language alone can answer: questions on which picture, asked about another album's pictures."""
    rng = np.random.default_rng(3)
    shown = [album("test", kind, rng) for kind in ("differs", "shows") for _ in range(n // 2)]
    others = [one._replace(scenes=other.scenes) for one, other in zip(shown, shown[1:] + shown[:1], strict=True)]
    return share(reader, others)


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    columns = [kind for kind in KINDS if kind != "examples"] + [f"examples {k}" for k in SHOTS]
    names = [c.replace("examples ", "after ") + (" examples" if c.startswith("examples") else "") for c in columns]
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for split, name in (("test", "test"), ("compositional", "pairs never seen")):
        shares = [f"{100 * figures[f'{split}/{c}']:.1f} %" for c in columns]
        lines.append(f"| {name} | {' | '.join(shares)} |")
    gates = [value for name, value in figures.items() if name.startswith("gate ")]
    lines += ["", "| | |", "|---|---|"]
    blind = f"{100 * figures['test/pictures exchanged']:.1f} %"
    lines.append(f"| which picture, when others are shown (chance 33 %) | {blind} |")
    lines.append(f"| gates, tanh | {', '.join(f'{gate:.2f}' for gate in gates)} |")
    return "\n".join(lines)
