"""Projector, Q-Former and Perceiver resampler between the same towers, trained alike (`tinyworld.connectors`).

Each starts anew between the course's CLIP and the language model of the course's LLaVA, both frozen, as in BLIP-2 (Li
et al. 2023, section 3.3), and learns from the same conversations in the same order, for as many steps. The heads are
those of `llava.py`; no attention is drawn anywhere, since queries have no place in the picture to be drawn to. Only
what has learnt is written.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import LlavaForConditionalGeneration

from tinyworld import connectors
from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.train import loop
from tinyworld.train.connectors import measure
from tinyworld.train.connectors.card import card
from tinyworld.train.language import build_processor, build_tokenizer, image_tokens
from tinyworld.train.llava.recipe import TOLD, Batches, MeaningHeads
from tinyworld.train.towers import normalise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=700, help="of each connector (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="conversations a step (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=7, help="of a conversation (default: %(default)s)")
    parser.add_argument("--queries", type=int, default=8, help="of Q-Former and resampler (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--meaning", type=float, default=0.3, help="weight of the heads' loss (default: %(default)s)")
    parser.add_argument(
        "--kinds", nargs="+", choices=connectors.KINDS, default=list(connectors.KINDS), help="(default: all)"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    parser.add_argument("--llava", type=Path, help="whose language model to start from (default: the shipped one)")
    loop.add_arguments(parser, FOLDER / "connectors")
    parser.add_argument("--scenes", type=int, default=512, help="scenes a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=200, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    clocks = {kind: learn(kind, args, fresh / kind) for kind in args.kinds}
    figures = measure.measure(fresh, args.scenes)
    # every shipped checkpoint's folder has a configuration; this one holds several models
    (fresh / "config.json").write_text(json.dumps({"connectors": args.kinds, "queries": args.queries}) + "\n")
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clocks), measure.table(figures))


class Learner(nn.Module):
    """A LLaVA with some connector, and the heads that are thrown away."""

    def __init__(self, llava: LlavaForConditionalGeneration, meaning: float) -> None:
        super().__init__()
        self.llava, self.meaning = llava, meaning
        self.heads = MeaningHeads(llava.config.text_config.hidden_size)

    def forward(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch, and figures to print."""
        seen = self.llava(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            pixel_values=normalise(batch["pixels"]),
            labels=batch["labels"],
            output_hidden_states=True,
        )
        meaning, figures = self.heads(seen.hidden_states[-1 - TOLD], batch)
        return seen.loss + self.meaning * meaning, figures | {"LM": seen.loss.item(), "meaning": meaning.item()}


def learn(kind: str, args: argparse.Namespace, out: Path) -> loop.Clock:
    """Train one connector, or go on, or only load it; write its model into `out`."""
    torch.manual_seed(args.seed)
    device = loop.pick_device(args.device)
    tokenizer = build_tokenizer()
    learner = Learner(start(kind, args.queries, args.llava or checkpoint("llava")), args.meaning).to(device)
    parameters = [p for p in learner.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=args.rate, betas=(0.9, 0.98), weight_decay=0.05)
    average, clock = loop.Average(learner), loop.Clock(args.steps)
    training = loop.Training(args.runs / "connectors" / kind, learner, optimizer, average, clock)
    training.resume(args)
    tokens = image_tokens() if kind == "projector" else args.queries
    if not args.export:
        data = Batches(args.batch, args.turns, args.seed + 1, tokenizer, tokens)  # LLaVA has seen those of its seed

        def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
            return learner({name: tensor.to(device) for name, tensor in data[i].items()})

        def rate(progress: float) -> float:
            return loop.steady_rate(progress, args.rate, warm_up=0.05, fall=0.4)

        def look() -> str:
            folder = args.runs / "connectors-look"
            save(kind, learner, average, args.queries, folder)
            return f"{kind}: " + ", ".join(f"{k} {100 * v:.0f} %" for k, v in measure.glance(folder).items())

        loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)
    save(kind, learner, average, args.queries, out)
    return clock


def start(kind: str, queries: int, folder: Path) -> LlavaForConditionalGeneration:
    """The LLaVA in a folder, frozen, with a connector that knows nothing."""
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    model.requires_grad_(False)
    connectors.give(model, kind, queries)
    return model


def save(kind: str, learner: Learner, average: loop.Average, queries: int, folder: Path) -> None:
    """Write the averaged connector in half precision, and the processor, for `connectors.load`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    prefix = "llava.model.multi_modal_projector."
    weights = {k.removeprefix(prefix): w.half().cpu() for k, w in average.weights.items() if k.startswith(prefix)}
    save_file({k: w.contiguous() for k, w in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    (folder / "connector.json").write_text(json.dumps({"connector": kind, "queries": queries}) + "\n")
    tokens = image_tokens() if kind == "projector" else queries
    build_processor(build_tokenizer(), tokens).save_pretrained(folder)
