"""The model of week 6 that writes pictures as programs (`tinyworld.programs`), a `VisionEncoderDecoderModel`.

The vision tower of the course's CLIP, which goes on learning, and a small GPT-2 that attends to its patches: the class
of Donut (Kim et al. 2022) and TrOCR. Pix2Struct, the other choice, normalises each picture by its own mean, and so can
hardly tell a plain grey background from a plain white one.
Scenes of one object come first. A coordinate that is missed by one unit is nearly right: the wanted distribution over
coordinates is a narrow bell instead of one token (after Szegedy et al. 2016, section 7), and heads that are thrown away
ask each patch of the tower what lies there and where its centre is (`dense.py`).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from torch import nn
from transformers import (
    CLIPImageProcessor,
    CLIPVisionModel,
    PreTrainedTokenizerFast,
    TrOCRProcessor,
    VisionEncoderDecoderModel,
)
from transformers.utils import logging

from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.programs import program_of
from tinyworld.sampling import scenes
from tinyworld.train import loop
from tinyworld.train.batches import tensors
from tinyworld.train.dense import DenseHeads
from tinyworld.train.gpt2 import build_gpt2
from tinyworld.train.programs import measure
from tinyworld.train.programs.card import card
from tinyworld.train.programs.tokenizer import LONGEST, build_tokenizer, coordinates
from tinyworld.train.towers import normalise, sine_cosine

SIMPLE = 0.12  # the first part of the steps, in which scenes have one object
SPREAD = 1.0  # standard deviation of a wanted coordinate, in units: half a pixel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=2600, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="pictures a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=8e-4, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=3, help="of the decoder (default: %(default)s)")
    parser.add_argument("--telling", type=float, default=0.1, help="weight of the heads' loss (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "programs")
    parser.add_argument("--scenes", type=int, default=512, help="pictures a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=120, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=500, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    folder = args.runs / "programs"
    if not (args.resume or args.export):
        shutil.rmtree(folder, ignore_errors=True)
    tokenizer = build_tokenizer()
    learner = Writer(build_model(tokenizer, args.layers), tokenizer, args.telling).to(device)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    training = loop.Training(folder, learner, optimizer, loop.Average(learner, 0.998), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, learner, tokenizer, args, device)
    export(averaged(learner, training.average), build_processor(tokenizer), args, training.clock)


def train(
    training: loop.Training,
    learner: Writer,
    tokenizer: PreTrainedTokenizerFast,
    args: argparse.Namespace,
    device: torch.device,
) -> None:
    """Train to the end from wherever it stands."""
    processor = build_processor(tokenizer)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        drawn = scenes("train", args.batch, args.seed * 10**9 + i, objects=1 if i < SIMPLE * args.steps else None)
        batch = {name: tensor.to(device) for name, tensor in tensors(drawn).items()}
        texts = tokenizer([program_of(scene) for scene in drawn], padding=True, return_tensors="pt")
        with loop.autocast(device):
            return learner(batch, texts["input_ids"].to(device))

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, warm_up=0.03, fall=0.4)

    def look() -> str:
        figures = measure.look(averaged(learner, training.average), processor)
        return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


# --- the model ---


def build_model(tokenizer: PreTrainedTokenizerFast, layers: int) -> VisionEncoderDecoderModel:
    """CLIP's vision tower as it is shipped, and a GPT-2 as wide with cross-attention."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # that the text tower's weights are left over is no news
    tower = CLIPVisionModel.from_pretrained(checkpoint("clip"), dtype=torch.float32, attn_implementation="eager")
    logging.set_verbosity(verbosity)
    decoder = build_gpt2(
        len(tokenizer),
        LONGEST,
        tower.config.hidden_size,
        layers,
        add_cross_attention=True,
        is_decoder=True,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.no_grad():  # neighbouring coordinates begin alike
        for axis in ("x", "y"):
            ids = tokenizer.convert_tokens_to_ids(coordinates(axis))
            waves = sine_cosine(torch.arange(len(ids)).float() / 4, tower.config.hidden_size)
            decoder.transformer.wte.weight[ids] += 0.1 * waves
    model = VisionEncoderDecoderModel(encoder=tower, decoder=decoder)
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id = config.bos_token_id = config.eos_token_id = tokenizer.eos_token_id
        config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.max_length = LONGEST
    return model


def build_processor(tokenizer: PreTrainedTokenizerFast) -> TrOCRProcessor:
    """CLIP's way with pictures, and the tokenizer of programs."""
    return TrOCRProcessor(CLIPImageProcessor.from_pretrained(checkpoint("clip")), tokenizer)


def wanted(tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
    """For each token the distribution that is wanted where it comes: itself, or a bell of coordinates. (v, v)."""
    table = torch.eye(len(tokenizer))
    for axis in ("x", "y"):
        ids = torch.tensor(tokenizer.convert_tokens_to_ids(coordinates(axis)))
        apart = torch.arange(len(ids))[:, None] - torch.arange(len(ids))
        table[ids[:, None], ids] = torch.softmax(-0.5 * (apart / SPREAD).square(), dim=1)
    return table


class Writer(nn.Module):
    """The model with its loss, and the heads that are thrown away. telling: the weight of what they are asked."""

    table: torch.Tensor

    def __init__(self, model: VisionEncoderDecoderModel, tokenizer: PreTrainedTokenizerFast, telling: float) -> None:
        super().__init__()
        self.model, self.telling, self.pad = model, telling, tokenizer.pad_token_id
        tower = model.encoder.config
        self.heads = DenseHeads(tower.hidden_size, tower.patch_size)
        self.start = model.config.decoder_start_token_id
        self.register_buffer("table", wanted(tokenizer), persistent=False)

    def forward(self, batch: dict[str, torch.Tensor], texts: torch.Tensor) -> tuple[torch.Tensor, dict[str, float]]:
        """batch: `batches.tensors`.   texts: int64 (n, length), programs, padded. The loss, and figures to print."""
        before = torch.cat([torch.full_like(texts[:, :1], self.start), texts[:, :-1]], dim=1)
        out = self.model(pixel_values=normalise(batch["pixels"]), decoder_input_ids=before, use_cache=False)
        there = texts != self.pad
        scores = out.logits.float()[there]
        missed = -(self.table[texts[there]] * scores.log_softmax(-1)).sum(-1).mean()
        told, figures = self.heads(out.encoder_last_hidden_state.float(), batch, places=True)
        figures |= {"program": missed.item(), "tokens": (scores.argmax(-1) == texts[there]).float().mean().item()}
        return missed + self.telling * told, figures


def averaged(learner: Writer, average: loop.Average) -> VisionEncoderDecoderModel:
    """A copy of the model with the averaged weights, on the CPU."""
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, learner.model.decoder.config.n_layer)
    weights = {k.removeprefix("model."): v.cpu() for k, v in average.weights.items() if k.startswith("model.")}
    model.load_state_dict(weights, strict=False)  # position ids are no weights
    return model.eval().requires_grad_(False)


def export(
    model: VisionEncoderDecoderModel, processor: TrOCRProcessor, args: argparse.Namespace, clock: loop.Clock
) -> None:
    """Write the checkpoint: the model in half precision, its processor, measured figures and the card with them."""
    fresh: Path = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    processor.save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
