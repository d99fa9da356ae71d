"""A tiny CLIP (Radford et al. 2021): learn which caption belongs to which picture.

Two stages, under one learning rate that falls along a cosine:
1. See. The vision tower alone learns from labels for every patch (`dense.py`).
2. Match. Both towers learn from InfoNCE on pairs of picture and caption, half of each batch being near-twins of the
   other half; the patch labels stay on, so that the patches keep what they know.
With `--order` the second stage also teaches who is where (`roles.py`), which InfoNCE alone hardly does.
What is written is a moving average of the weights, in half precision, without the heads.
"""

from __future__ import annotations

import argparse
import math
import shutil
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPModel, CLIPProcessor, CLIPTokenizer

from tinyworld.checkpoints import FOLDER
from tinyworld.sampling import scenes
from tinyworld.train import loop
from tinyworld.train.batches import SceneBatches, loader
from tinyworld.train.clip import measure
from tinyworld.train.clip.card import card
from tinyworld.train.clip.clock import TwoStageClock
from tinyworld.train.dense import DenseHeads
from tinyworld.train.roles import RoleHeads
from tinyworld.train.tokenizer import build_tokenizer
from tinyworld.train.towers import build_model, build_processor, normalise

HIGHEST_SCALE = 100.0  # of the learnt temperature, as in CLIP


def add_arguments(parser: argparse.ArgumentParser) -> None:
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, help="train for so long (default: 45)")
    budget.add_argument("--steps", type=int, help="train for so many steps")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that draw batches ahead (default: %(default)s)"
    )
    parser.add_argument("--batch", type=int, default=256, help="pictures a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument(
        "--see", type=float, default=0.22, help="the first stage's part of the budget (default: %(default)s)"
    )
    parser.add_argument(
        "--order", action="store_true", help="teach who is where: more scenes of two objects, and heads that ask"
    )
    parser.add_argument("--patch", type=int, default=16, help="pixels a patch (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="of both towers (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=6, help="of the vision tower (default: %(default)s)")
    parser.add_argument("--text-layers", type=int, default=4, help="of the text tower (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "clip")
    parser.add_argument("--scenes", type=int, default=2048, help="scenes a figure on the card (default: %(default)s)")
    parser.add_argument(
        "--look-every", type=float, default=120, help="seconds between evaluations (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, args.patch, args.width, args.layers, args.text_layers)
    learner = Learner(model, args.order).to(device)
    average = loop.Average(learner)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.05)
    clock = TwoStageClock(args.steps, None if args.steps else args.minutes or 45)
    training = loop.Training(args.runs / "clip", learner, optimizer, average, clock)
    training.resume(args)
    processor = build_processor(tokenizer)
    if not args.export:
        learn(args, learner, clock, training, processor)
    export(averaged(learner, average), processor, args, clock)


class Learner(nn.Module):
    """The model and the heads that are thrown away in the end."""

    def __init__(self, model: CLIPModel, order: bool = False) -> None:
        super().__init__()
        vision = model.config.vision_config
        self.clip, self.heads = model, DenseHeads(vision.hidden_size, vision.patch_size)
        self.order = order
        self.roles = RoleHeads(model.config.projection_dim)

    def forward(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch, with the contrastive part where the batch has captions, and figures to print."""
        seen = self.clip.vision_model(pixel_values=normalise(batch["pixels"]))
        loss, figures = self.heads(seen.last_hidden_state, batch, places=self.order)
        if "input_ids" in batch:
            read = self.clip.text_model(input_ids=batch["input_ids"])
            images = F.normalize(self.clip.visual_projection(seen.pooler_output), dim=-1)
            texts = F.normalize(self.clip.text_projection(read.pooler_output), dim=-1)
            match = info_nce(images, texts, self.clip.logit_scale)
            figures["InfoNCE"] = match.item()
            loss = match + 0.3 * loss
            if self.order:
                of_images, figures["image roles"] = self.roles(images, batch["roles"])
                of_texts, figures["text roles"] = self.roles(texts[batch["told"]], batch["roles"][batch["told"]])
                loss = loss + of_images + of_texts
        return loss, figures


def info_nce(images: torch.Tensor, texts: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
    """Which of the batch's texts is this image's, and which image this text's? (van den Oord et al. 2018; CLIP, fig. 3)

    images, texts: (n, d), unit vectors; row i of both belongs together.
    """
    scores = log_scale.exp() * images @ texts.T
    own = torch.arange(len(scores), device=scores.device)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def learn(
    args: argparse.Namespace,
    learner: Learner,
    clock: TwoStageClock,
    training: loop.Training,
    processor: CLIPProcessor,
) -> None:
    """Train until the clock's budget is used, saving and looking at validation scenes now and then."""
    bar, device = loop.Progress(), next(learner.parameters()).device
    looked = clock.seconds
    clock.start()
    for batch in batches(args, clock, processor.tokenizer):
        rate = loop.cosine_rate(clock.progress, args.rate)
        for group in training.optimizer.param_groups:
            group["lr"] = rate
        loss, figures = learner({name: tensor.to(device) for name, tensor in batch.items()})
        training.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        training.optimizer.step()
        with torch.no_grad():
            learner.clip.logit_scale.clamp_(max=math.log(HIGHEST_SCALE))
        training.average.update(learner)
        clock.tick(len(batch["pixels"]))
        clock.first_stage += "input_ids" not in batch
        bar.show(clock.progress, f"loss {loss.item():.3f}")
        if clock.seconds - looked > args.look_every:
            looked = clock.seconds
            text = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
            bar.line(f"{100 * clock.progress:3.0f} % step {clock.step} loss {loss.item():.3f}: {text}")
            training.save()
            if "InfoNCE" in figures:
                seen = look(averaged(learner, training.average), processor)
                bar.line(
                    "      validation: " + ", ".join(f"{name} {100 * value:.1f} %" for name, value in seen.items())
                )
            clock.start()  # looking and saving are not training
    training.save()


def batches(
    args: argparse.Namespace, clock: TwoStageClock, tokenizer: CLIPTokenizer
) -> Iterator[dict[str, torch.Tensor]]:
    """The first stage's batches, pictures only, then the second's, until the budget is used."""
    see = SceneBatches(args.batch // 2, args.seed)  # no negatives needed: smaller batches, more steps
    match = SceneBatches(args.batch, args.seed, tokenizer, order=args.order)
    for end, stage in ((args.see, see), (1.0, match)):
        if clock.progress < end:
            for batch in loader(stage, clock.step, args.workers):
                yield batch
                if clock.progress >= end:
                    break


def averaged(learner: Learner, average: loop.Average) -> CLIPModel:
    """A copy of the model with the averaged weights, on the CPU."""
    model = CLIPModel(learner.clip.config)
    prefix = "clip."
    weights = {k.removeprefix(prefix): v.cpu() for k, v in average.weights.items() if k.startswith(prefix)}
    model.load_state_dict(weights, strict=False)
    return model.eval()


def look(model: CLIPModel, processor: CLIPProcessor, n: int = 384) -> dict[str, float]:
    """The figures that matter, on a few validation scenes."""
    clip = measure.Clip(model, processor)
    single, pairs = scenes("validation", n, objects=1), scenes("validation", n, objects=2)
    figures = {name: measure.zero_shot_share(clip, single, name) for name in ("colour", "shape", "size", "background")}
    figures["R@1"], figures["R@1 to image"] = measure.retrieval(clip, scenes("validation", n))
    seen = clip.images(pairs)
    figures["wrong shape"] = measure.choice(clip, pairs, measure.other_shape, seen)
    figures["binding"] = measure.choice(clip, pairs, measure.exchanged_colours, seen)
    figures["relation"] = measure.choice(clip, pairs, measure.reversed_relation, seen)
    return figures


def export(model: CLIPModel, processor: CLIPProcessor, args: argparse.Namespace, clock: TwoStageClock) -> None:
    """Write the checkpoint: weights in half precision, processor, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    model.half().save_pretrained(fresh)
    processor.save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
