"""The masked painter of week 6: aMUSEd's transformer over the tokens of a picture, a `UVit2DModel`.

It learns to fill in masked tokens, of which a batch has anything from a few to all (MaskGIT, Chang et al. 2022, section
3.1), told by the text tower of the course's CLIP, frozen: the very states that the diffusion model is told, so that the
two can be compared. Every tenth caption is empty, for guidance. As with the diffusion model, heads that are thrown away
ask the last features what each cell will show, which with everything masked only the caption can tell.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UVit2DModel, VQModel
from diffusers.models.attention_processor import AttnProcessor
from torch import nn

from tinyworld import tokens
from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.conditions import TextConditions
from tinyworld.scene import Scene
from tinyworld.train import loop
from tinyworld.train.dense import DenseHeads
from tinyworld.train.diffusion.autoencoder import CELL
from tinyworld.train.diffusion.recipe import text_tower
from tinyworld.train.masked import measure
from tinyworld.train.masked.card import card
from tinyworld.train.vq import measure as vq_measure
from tinyworld.train.vq import shards
from tinyworld.train.vq.shards import Batch, CodeShards

EMPTY, SHORT = 0.1, 0.1  # how often a caption is empty, or leaves facts out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=4000, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="pictures a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="(default: %(default)s)")
    parser.add_argument("--layers", type=int, default=2, help="in the middle (default: %(default)s)")
    parser.add_argument("--blocks", type=int, default=2, help="with convolutions, each side (default: %(default)s)")
    parser.add_argument("--telling", type=float, default=0.1, help="weight of the heads' loss (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "masked")
    shards.add_arguments(parser)
    parser.add_argument("--scenes", type=int, default=256, help="pictures a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=120, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=500, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    args.vq = args.vq or checkpoint("vq")
    folder = args.runs / "masked"
    if not (args.resume or args.export):
        shutil.rmtree(folder, ignore_errors=True)
    conditions = TextConditions(*text_tower()).to(device)
    model = build_model(args.width, args.layers, args.blocks, conditions.encoder.config.hidden_size)
    vq = vq_measure.load(args.vq)
    begin_codes(model, vq.quantize.embedding.weight)
    learner = Painter(model, args.telling).to(device)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    training = loop.Training(folder, learner, optimizer, loop.Average(learner, 0.999), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, learner, conditions, vq, args, device)
    export(averaged(learner, training.average), args, training.clock)


def train(
    training: loop.Training,
    learner: Painter,
    conditions: TextConditions,
    vq: VQModel,
    args: argparse.Namespace,
    device: torch.device,
) -> None:
    """Train to the end from wherever it stands."""
    shards = CodeShards(vq, args.runs / "codes", args.shard, args.uses, args.batch, args.simple, args.seed)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        batch = shards(i)
        words = np.random.default_rng((args.seed, i))
        with loop.autocast(device):
            told = conditions([caption(scene, words) for scene in batch.drawn])
            return learner(batch, told, torch.Generator().manual_seed(args.seed * 10**9 + i))

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, warm_up=0.03, fall=0.4)

    def look() -> str:
        figures = measure.look(averaged(learner, training.average), conditions, vq, args.runs / "masked.png")
        return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


def caption(scene: Scene, words: np.random.Generator) -> str:
    """What the painter is told of a scene: nothing, a part of it, or all."""
    kind = words.random()
    if kind < EMPTY:
        return ""
    if kind < EMPTY + SHORT:
        return scene.short_caption(words)
    return scene.caption(words if words.random() < 0.5 else None)


def build_model(width: int, layers: int, blocks: int, text_width: int) -> UVit2DModel:
    """A `UVit2DModel` of 8x8 codes; the last id of its vocabulary is the mask."""
    model = UVit2DModel(
        hidden_size=width,
        cond_embed_dim=text_width,
        micro_cond_encode_dim=16,
        micro_cond_embed_dim=5 * 16,
        encoder_hidden_size=text_width,
        vocab_size=tokens.CODES + 1,
        codebook_size=tokens.CODES,
        in_channels=width,
        block_out_channels=width,
        num_res_blocks=blocks,
        block_num_heads=width // 32,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        intermediate_size=5 * width // 2,
        sample_size=tokens.SIDE,
    )
    model.set_attn_processor(AttnProcessor())  # the fused one's backward takes half of a step in bfloat16 on a CPU
    with torch.no_grad():  # as in the diffusion model: in so narrow a model uniform attention hardly learns to look
        for name, weight in model.named_parameters():
            if name.endswith(("to_q.weight", "to_k.weight")):
                weight.normal_(0, 1.5 * weight.shape[1] ** -0.5)
    return model


@torch.no_grad()
def begin_codes(model: UVit2DModel, codes: torch.Tensor) -> None:
    """Embeddings of codes, and what is compared with them, that begin as their vectors in the codebook, (256, width):
    like codes alike."""
    codes = (codes - codes.mean(0)) / codes.std(0)
    width = model.config.in_channels
    rows = codes @ torch.randn(codes.shape[1], width) * codes.shape[1] ** -0.5
    model.embed.embeddings.weight[: len(rows)] = rows
    model.mlm_layer.conv2.weight.copy_(0.1 * rows[:, :, None, None])


class Painter(nn.Module):
    """The model with its loss, and the heads that are thrown away. telling: the weight of what they are asked."""

    def __init__(self, model: UVit2DModel, telling: float) -> None:
        super().__init__()
        self.model, self.telling = model, telling
        self.heads = DenseHeads(model.config.block_out_channels, CELL)
        self._features = torch.zeros(0)
        model.mlm_layer.register_forward_pre_hook(lambda _, inputs: setattr(self, "_features", inputs[0]))

    def forward(
        self, batch: Batch, told: dict[str, torch.Tensor], generator: torch.Generator
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch, and figures: the error where most is masked and where little is, what the heads say."""
        device = told["encoder_hidden_states"].device
        codes = batch.codes.to(device)
        n, places = codes.shape
        # Evenly spread over the batch, which makes the loss less random.
        even = (torch.arange(n) + torch.rand(1, generator=generator)) / n
        ratio = torch.cos(even * torch.pi / 2)  # MaskGIT's schedule
        order = torch.rand(n, places, generator=generator).argsort(1)
        hidden = (order < (ratio * places).ceil().clamp(min=1)[:, None]).to(device)
        ids = torch.where(hidden, self.model.config.vocab_size - 1, codes)
        scores = self.model(ids.view(n, tokens.SIDE, tokens.SIDE), **told).flatten(2).float()
        error = F.cross_entropy(scores, codes, reduction="none")
        loss = (error * hidden).sum() / hidden.sum()
        cells = self._features.float().flatten(2).transpose(1, 2)
        known = {name: tensor.to(device) for name, tensor in batch.labels.items()}
        asked, figures = self.heads(torch.cat([cells.mean(1, keepdim=True), cells], dim=1), known)
        each = (error * hidden).sum(1) / hidden.sum(1)
        most = (ratio > 0.7).to(device)
        figures |= {"most masked": each[most].mean().item(), "little masked": each[~most].mean().item()}
        return loss + self.telling * asked, figures


def averaged(learner: Painter, average: loop.Average) -> UVit2DModel:
    """A copy of the model with the averaged weights, on the CPU."""
    model = UVit2DModel.from_config(learner.model.config)
    weights = {k.removeprefix("model."): v.cpu() for k, v in average.weights.items() if k.startswith("model.")}
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


def export(model: UVit2DModel, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, measured figures and the card with them."""
    fresh: Path = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes, args.vq)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
