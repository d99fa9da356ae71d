"""The image tokeniser of week 6: 64x64 pictures to 8x8 tokens of 256 codes and back, a `VQModel`.

A VQ-VAE (van den Oord et al. 2017) begun with the weights of week 2's autoencoder, whose latents already say what is
where; k-means on them gives the first codes. Then all of it learns together, in three stages:
1. crops: quarters of pictures around an object, so that most of what is seen is worth a code of its own;
2. whole pictures, with the features of the course's CLIP compared too (after Johnson et al. 2016; never the judge's);
3. the decoder alone: the tokens of a picture do not change any more.
Codes are moving averages of what chose them; those that nothing chooses are moved to where something is missed. So the
loss has the commitment term only (VQ-VAE, equation 3), and diffusers' own, whose `legacy=True` puts beta on the wrong
term (diffusers issue 8226), is not used.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, VQModel
from torch import nn
from transformers import CLIPVisionModel
from transformers.utils import logging

from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.sampling import scenes
from tinyworld.train import loop
from tinyworld.train.batches import SceneBatches
from tinyworld.train.dense import DenseHeads
from tinyworld.train.diffusion.autoencoder import CELL, crop, psnr
from tinyworld.train.towers import MEAN, STD
from tinyworld.train.vq import measure
from tinyworld.train.vq.card import card
from tinyworld.train.vq.codebook import Codebook, perplexity

CODES = 256
COMMITMENT = 0.25  # beta
FEATURES = 0.02  # weight of CLIP's features
SAMPLE = 256  # scenes whose latents k-means begins with
CROPPED, SETTLED = 0.62, 0.84  # where whole pictures begin, and where the tokens stay as they are
REVIVE_EVERY = 25  # steps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=2300, help="(default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="crops a step (default: %(default)s)")
    parser.add_argument("--whole", type=int, default=12, help="whole pictures a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=6e-4, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--reading", type=float, default=0.01, help="weight of the heads' loss (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "vq")
    parser.add_argument("--scenes", type=int, default=512, help="pictures a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=120, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=500, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    folder = args.runs / "vq"
    if not (args.resume or args.export):
        shutil.rmtree(folder, ignore_errors=True)
    learner = Tokeniser(build_model(), args.reading).to(device)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.rate, betas=(0.9, 0.99), weight_decay=0.0)
    training = loop.Training(folder, learner, optimizer, loop.Average(learner), loop.Clock(args.steps))
    if not training.resume(args):
        learner.begin(SceneBatches(SAMPLE, args.seed)[-1])
    if not args.export:
        train(training, learner, args, device)
    export(averaged(learner, training.average), args, training.clock)


def train(training: loop.Training, learner: Tokeniser, args: argparse.Namespace, device: torch.device) -> None:
    """Train to the end from wherever it stands."""
    crops, whole = SceneBatches(args.batch, args.seed), SceneBatches(args.whole, args.seed)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        generator = torch.Generator().manual_seed(args.seed * 10**9 + i)
        done = i / args.steps
        batch = crop(crops[i], generator) if done < CROPPED else whole[i]
        if done >= SETTLED:
            learner.settle()
        batch = {name: tensor.to(device) for name, tensor in batch.items()}
        with loop.autocast(device):
            return learner(batch, generator, features=done >= CROPPED, revive=i % REVIVE_EVERY == 0)

    seen = scenes("validation", 96, objects=1)

    def look() -> str:
        figures = measure.reconstructions(averaged(learner, training.average), seen)
        return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, fall=0.35)

    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


# --- the model ---


def build_model(codes: int = CODES) -> VQModel:
    """A `VQModel` of 64x64 pictures in [0, 1], its encoder and decoder those of week 2's autoencoder."""
    vae = AutoencoderKL.from_pretrained(checkpoint("diffusion") / "vae", low_cpu_mem_usage=False)
    parts: tuple[str, ...] = ("in_channels", "out_channels", "down_block_types", "up_block_types", "block_out_channels")
    parts += ("layers_per_block", "latent_channels", "norm_num_groups", "sample_size")
    channels = vae.config.latent_channels
    vq = VQModel(
        **{name: vae.config[name] for name in parts},
        num_vq_embeddings=codes,
        vq_embed_dim=channels,  # AmusedPipeline takes the one for the other
        scaling_factor=1.0,
        lookup_from_codebook=True,  # so that `decode` takes token ids, as AmusedPipeline has it
    )
    vq.quantize.legacy = False
    drawn = vae.decoder.state_dict()
    drawn["conv_out.weight"], drawn["conv_out.bias"] = drawn["conv_out.weight"] / 2, drawn["conv_out.bias"] / 2 + 0.5
    vq.decoder.load_state_dict(drawn)
    vq.post_quant_conv.load_state_dict(vae.post_quant_conv.state_dict())
    # The posterior's mean alone: the 1x1 convolution that ends the old encoder goes into its last layer.
    weights = vae.encoder.state_dict()
    # Pictures in [0, 1], as aMUSEd's: exact but at the picture's edge, where what is padded is now black, not grey.
    weights["conv_in.bias"] = weights["conv_in.bias"] - weights["conv_in.weight"].sum((1, 2, 3))
    weights["conv_in.weight"] = 2 * weights["conv_in.weight"]
    end = vae.quant_conv.weight[:channels, :, 0, 0]
    weights["conv_out.bias"] = end @ weights["conv_out.bias"] + vae.quant_conv.bias[:channels]
    weights["conv_out.weight"] = torch.einsum("oi,ichw->ochw", end, weights["conv_out.weight"])
    vq.encoder.load_state_dict(weights)
    with torch.no_grad():
        vq.quant_conv.weight.copy_(torch.eye(channels)[:, :, None, None])
        vq.quant_conv.bias.zero_()
    return vq


class Tokeniser(nn.Module):
    """The model, its codebook's averages, and the heads that are thrown away. reading: the weight of their loss."""

    def __init__(self, vq: VQModel, reading: float, width: int = 96) -> None:
        super().__init__()
        self.vq, self.reading = vq, reading
        self.codebook = Codebook(vq.quantize.embedding.weight)
        channels = vq.config.latent_channels
        self.reader = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU()
        )
        self.heads = DenseHeads(width, CELL)
        verbosity = logging.get_verbosity()
        logging.set_verbosity_error()  # that the text tower's weights are left over is no news
        clip = CLIPVisionModel.from_pretrained(checkpoint("clip"), dtype=torch.float32, attn_implementation="eager")
        logging.set_verbosity(verbosity)
        self.clip: list[CLIPVisionModel] = [clip.eval().requires_grad_(False)]  # in a list: not trained, not saved

    @torch.no_grad()
    def begin(self, batch: dict[str, torch.Tensor]) -> None:
        """The first codes: k-means on the latents of these pictures' crops."""
        generator = torch.Generator().manual_seed(0)
        pixels = crop(batch, generator)["pixels"].float() / 255
        self.codebook.begin(_cells(self.vq.encode(pixels).latents), generator)

    def settle(self) -> None:
        """From now on only the decoder learns."""
        for part in (self.vq.encoder, self.vq.quant_conv, self.reader, self.heads):
            part.requires_grad_(False)

    def forward(
        self, batch: dict[str, torch.Tensor], generator: torch.Generator, features: bool = False, revive: bool = False
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch of `SceneBatches` or of its crops, and figures to print."""
        pixels = batch["pixels"].float() / 255
        latents = self.vq.encode(pixels).latents.float()
        cells = _cells(latents)
        index = self.codebook.nearest(cells.detach())
        codes = self.codebook.weight[index].view(len(latents), *latents.shape[2:], -1).permute(0, 3, 1, 2)
        passed = latents + (codes - latents).detach()  # straight through (VQ-VAE, section 3.2)
        drawn = self.vq.decoder(self.vq.post_quant_conv(passed)).float() * 2 - 1
        pixels = pixels * 2 - 1  # errors are counted as those of the autoencoder
        error = (drawn - pixels).square().mean()
        loss = error + 0.1 * (drawn - pixels).abs().mean()
        if features:
            loss = loss + FEATURES * self.difference(drawn, pixels)
        figures = {"PSNR": psnr(error).item(), "perplexity": perplexity(index, len(self.codebook.weight))}
        if latents.requires_grad:
            missed = (latents - codes).square().mean()
            read = self.reader(passed).float().flatten(2).transpose(1, 2)
            reading, told = self.heads(torch.cat([read.mean(1, keepdim=True), read], dim=1), batch)
            loss = loss + COMMITMENT * 0.1 * missed + self.reading * reading
            figures |= told | {"missed": missed.item()}
            self.codebook.follow(cells.detach(), index)
            if revive:
                figures["revived"] = self.codebook.revive(cells.detach(), generator)
        return loss, figures

    def difference(self, drawn: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
        """How far apart two batches of pictures, in [-1, 1], lie in the features of CLIP's vision tower."""
        mean, std = (torch.tensor(v, device=pixels.device).view(3, 1, 1) for v in (MEAN, STD))
        clip = self.clip[0].to(pixels.device)

        def features(pictures: torch.Tensor) -> torch.Tensor:
            states = clip((pictures / 2 + 0.5 - mean) / std, output_hidden_states=True).hidden_states
            return torch.stack([F.layer_norm(states[i].float(), states[i].shape[-1:]) for i in (2, 4, 6)])

        with torch.no_grad():
            wanted = features(pixels)
        return (features(drawn) - wanted).square().mean()


def _cells(latents: torch.Tensor) -> torch.Tensor:
    """(n, width, h, w) -> (n * h * w, width)."""
    return latents.permute(0, 2, 3, 1).flatten(0, 2).float()


def averaged(learner: Tokeniser, average: loop.Average) -> VQModel:
    """A copy of the model with the averaged weights, on the CPU."""
    vq = VQModel.from_config(learner.vq.config)
    vq.load_state_dict({k.removeprefix("vq."): v.cpu() for k, v in average.weights.items() if k.startswith("vq.")})
    return vq.eval().requires_grad_(False)


def export(vq: VQModel, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, measured figures and the card with them."""
    fresh: Path = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    vq.half().save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
