"""Does the program that the model writes draw the picture that it saw?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import TrOCRProcessor, VisionEncoderDecoderModel
from transformers.utils import logging

from tinyworld.programs import compare, program_of
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.train.programs.parsing import program_or_none

CHUNK = 64
GROUPS: dict[str, tuple[str, int | None]] = {
    "one object": ("test", 1),
    "two objects": ("test", 2),
    "three objects": ("test", 3),
}
GROUPS |= {"new pairs of colour and shape": ("compositional", None)}
NAMES = ("programs", "facts", "IoU", "exact")


def load(folder: Path) -> tuple[VisionEncoderDecoderModel, TrOCRProcessor]:
    """The model in a folder, computing in float32, and its processor."""
    logging.disable_progress_bar()
    model = VisionEncoderDecoderModel.from_pretrained(folder, dtype=torch.float32)
    return model.eval().requires_grad_(False), TrOCRProcessor.from_pretrained(folder)


def measure(folder: Path, n: int = 512) -> dict[str, float]:
    """Every figure of the card, from `n` pictures each. Shares and IoU are in [0, 1]; seconds and bits a picture."""
    model, processor = load(folder)
    figures: dict[str, float] = {}
    for group, (split, objects) in GROUPS.items():
        drawn = scenes(split, n, objects=objects)
        figures |= {f"{group}/{name}": value for name, value in agreement(model, processor, drawn).items()}
    mixed = scenes("test", n)
    figures |= {"mixed/bits": bits(model, processor, mixed), "seconds": seconds(model, processor, mixed[0])}
    figures["mixed/characters"] = float(np.mean([len(program_of(scene)) for scene in mixed]))
    return figures


def write(model: VisionEncoderDecoderModel, processor: TrOCRProcessor, pictures: Sequence[Image.Image]) -> list[str]:
    """Programs of pictures, the likeliest token each time."""
    texts: list[str] = []
    for i in range(0, len(pictures), CHUNK):
        pixels = processor(images=list(pictures[i : i + CHUNK]), return_tensors="pt").pixel_values
        ids = model.generate(pixels, do_sample=False, num_beams=1)
        texts += processor.batch_decode(ids, skip_special_tokens=True)
    return texts


def agreement(model: VisionEncoderDecoderModel, processor: TrOCRProcessor, drawn: Sequence[Scene]) -> dict[str, float]:
    """How the programs of scenes' pictures agree with the scenes: the shares that parse ("programs"), that state all
    facts ("facts"), that are the scene's own text ("exact"), and the mean IoU of the objects (`programs.compare`)."""
    texts = write(model, processor, [scene.render() for scene in drawn])
    parsed = [program_or_none(text) for text in texts]
    compared = [compare(program, scene) for program, scene in zip(parsed, drawn, strict=True)]
    return {
        "programs": float(np.mean([program is not None for program in parsed])),
        "facts": float(np.mean([c.facts for c in compared])),
        "IoU": float(np.mean([c.iou for c in compared])),
        "exact": float(np.mean([text == program_of(scene) for text, scene in zip(texts, drawn, strict=True)])),
    }


@torch.no_grad()
def bits(model: VisionEncoderDecoderModel, processor: TrOCRProcessor, drawn: Sequence[Scene]) -> float:
    """What the scenes' own programs cost under the model, in bits a picture: minus the binary logarithm of how likely
    it thinks them."""
    total = 0.0
    for i in range(0, len(drawn), CHUNK):
        part = drawn[i : i + CHUNK]
        pixels = processor(images=[scene.render() for scene in part], return_tensors="pt").pixel_values
        texts = processor.tokenizer([program_of(s) for s in part], padding=True, return_tensors="pt")["input_ids"]
        texts = torch.where(texts == processor.tokenizer.pad_token_id, -100, texts)
        total += model(pixel_values=pixels, labels=texts).loss.item() * int((texts != -100).sum())
    return total / len(drawn) / float(np.log(2))


def seconds(model: VisionEncoderDecoderModel, processor: TrOCRProcessor, scene: Scene) -> float:
    """The time of one picture by itself: the least of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        write(model, processor, [scene.render()])
        times.append(time.perf_counter() - start)
    return min(times)


def look(model: VisionEncoderDecoderModel, processor: TrOCRProcessor, n: int = 64) -> dict[str, float]:
    """A few figures of validation scenes, while training."""
    figures: dict[str, float] = {}
    for objects in (1, 2, 3):
        found = agreement(model, processor, scenes("validation", n, objects=objects))
        figures |= {f"{objects} {name}": found[name] for name in ("facts", "IoU")}
    return figures


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| | valid programs | all facts | IoU of objects | the scene's own text |", "|---|---|---|---|---|"]
    for group in GROUPS:
        valid, facts, iou, exact = (figures[f"{group}/{name}"] for name in NAMES)
        lines.append(f"| {group} | {100 * valid:.1f} % | {100 * facts:.1f} % | {iou:.3f} | {100 * exact:.1f} % |")
    lines += [
        "",
        "| | |",
        "|---|---|",
        f"| one picture | {1000 * figures['seconds']:.0f} ms |",
        f"| a program | {figures['mixed/characters']:.0f} characters; the right one costs {figures['mixed/bits']:.1f} "
        "bits under the model |",
    ]
    return "\n".join(lines)
