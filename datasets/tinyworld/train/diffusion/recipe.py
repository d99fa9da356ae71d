"""A tiny latent diffusion model (Rombach et al. 2022), written as a `StableDiffusionPipeline`.

Two stages:
1. An autoencoder, 64x64 pictures to 8x8 cells (`autoencoder.py`).
2. A UNet that learns to denoise those latents (`latents.py`), told by the course's CLIP text tower, which stays as it
   is. It predicts v (Salimans and Ho 2022), mostly at the noise levels where objects take shape, and every tenth
   caption is empty, for guidance (Ho and Salimans 2022). A star's tips are a small part of the squared error, so the
   UNet would learn shapes last; heads that are thrown away ask its last features what each cell will show, which
   at high noise only the caption can tell (after Yu et al. 2025, "Representation alignment for generation").
What is written is a moving average of the weights, in half precision. Both stages count steps, not time, and save what
they need to go on: a run may be stopped at any moment, and made longer afterwards.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging

from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.sampling import scenes
from tinyworld.train import loop
from tinyworld.train.batches import SceneBatches
from tinyworld.train.dense import DenseHeads
from tinyworld.train.diffusion import measure
from tinyworld.train.diffusion.autoencoder import (
    CELL,
    AutoencoderLearner,
    build_autoencoder,
    crop,
    psnr,
    reconstruction,
    whiten,
)
from tinyworld.train.diffusion.card import card
from tinyworld.train.diffusion.latents import Shards, TextStates, pictures

EMPTY = 0.1  # how often the caption is left out
# What part of a batch is noised up to which time: most of it where objects emerge, from their place to their outline.
PARTS, TIMES = (0.0, 0.1, 0.8, 1.0), (0, 100, 600, 1000)
SAMPLE = 512  # scenes whose statistics whiten the latents
APART, CROPPED = 0.12, 0.85  # where the autoencoder's parts begin to learn together, and it to see whole pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=11000, help="of the UNet (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="latents a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest rate of the UNet (default: %(default)s)")
    parser.add_argument(
        "--widths", type=int, nargs="+", default=[64, 128], help="of the UNet's levels (default: %(default)s)"
    )
    parser.add_argument("--shard", type=int, default=12288, help="scenes encoded at once (default: %(default)s)")
    parser.add_argument("--uses", type=int, default=10, help="how often each is used (default: %(default)s)")
    parser.add_argument(
        "--simple", type=int, default=2, help="so many first shards have scenes of one object (default: %(default)s)"
    )
    parser.add_argument("--telling", type=float, default=0.05, help="weight of the UNet's heads (default: %(default)s)")
    parser.add_argument("--autoencoder-steps", type=int, default=4000, help="(default: %(default)s)")
    parser.add_argument("--autoencoder-batch", type=int, default=16, help="pictures a step (default: %(default)s)")
    parser.add_argument("--autoencoder-rate", type=float, default=1e-3, help="(default: %(default)s)")
    parser.add_argument("--channels", type=int, default=8, help="of the latents (default: %(default)s)")
    parser.add_argument("--reading", type=float, default=0.01, help="weight of the heads' loss (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="torch.compile the UNet: worth it on a GPU")
    loop.add_arguments(parser, FOLDER / "diffusion")
    parser.add_argument("--scenes", type=int, default=256, help="pictures a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=120, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=1000, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    folder = args.runs / "diffusion"
    if not (args.resume or args.export):
        shutil.rmtree(folder, ignore_errors=True)
    vae, first = autoencoder_stage(args, device, folder / "autoencoder")
    unet, second = unet_stage(args, vae, device, folder / "unet")
    export(pipeline(vae, unet), args, first, second)


# --- the autoencoder ---


def autoencoder_stage(args: argparse.Namespace, device: torch.device, state: Path) -> tuple[AutoencoderKL, loop.Clock]:
    """Train it, or go on, or only load it; the averaged one with whitened latents, on the device."""
    learner = AutoencoderLearner(build_autoencoder(channels=args.channels), args.reading).to(device)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.autoencoder_rate, betas=(0.9, 0.99), weight_decay=0.0)
    average, clock = loop.Average(learner), loop.Clock(args.autoencoder_steps)
    training = loop.Training(state, learner, optimizer, average, clock)
    if not training.resume(args):
        learner.find_components(SceneBatches(SAMPLE, args.seed)[-1]["pixels"])
    if not args.export:
        data = SceneBatches(args.autoencoder_batch, args.seed)
        whole = SceneBatches(args.autoencoder_batch // 2, args.seed)

        def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
            generator = torch.Generator().manual_seed(args.seed * 10**9 + i)
            done = i / args.autoencoder_steps
            batch = crop(data[i], generator) if done < CROPPED else whole[i]
            with autocast(device):
                return learner({k: v.to(device) for k, v in batch.items()}, generator, apart=done < APART)

        def rate(progress: float) -> float:
            return loop.steady_rate(progress, args.autoencoder_rate, fall=0.4)

        seen = pictures(scenes("validation", 64)).to(device)

        def look() -> str:
            vae = finished(learner, average, args, device)
            values = (psnr((reconstruction(vae, seen, s) - seen).square().mean()).item() for s in (0.0, 0.3))
            return "reconstruction {:.1f} dB, with noise of 0.3 on the latents {:.1f} dB".format(*values)

        loop.fit(training, step, rate, args.autoencoder_batch, args.save_every, look, args.look_every)
    return finished(learner, average, args, device), clock


def finished(
    learner: AutoencoderLearner, average: loop.Average, args: argparse.Namespace, device: torch.device
) -> AutoencoderKL:
    """The averaged autoencoder with whitened latents."""
    vae = AutoencoderKL.from_config(learner.vae.config).to(device).eval().requires_grad_(False)
    vae.load_state_dict({k.removeprefix("vae."): v for k, v in average.weights.items() if k.startswith("vae.")})
    whiten(vae, pictures(scenes("train", SAMPLE, seed=args.seed + 1)).to(device))
    return vae


# --- the UNet ---


def build_unet(widths: list[int], channels: int, text_width: int) -> UNet2DConditionModel:
    """A `UNet2DConditionModel` of 8x8 latents with cross-attention at every level."""
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=channels,
        down_block_types=("CrossAttnDownBlock2D",) * len(widths),
        up_block_types=("CrossAttnUpBlock2D",) * len(widths),
        block_out_channels=tuple(widths),
        layers_per_block=1,
        cross_attention_dim=text_width,
        attention_head_dim=4,  # the number of heads, whatever it is called
        norm_num_groups=8,
    )
    with torch.no_grad():
        # As in the CLIP (`towers.py`): in so narrow a model uniform attention hardly learns to look anywhere.
        for name, weight in unet.named_parameters():
            if name.endswith(("to_q.weight", "to_k.weight")):
                weight.normal_(0, 1.5 * weight.shape[1] ** -0.5)
        unet.conv_out.weight.zero_()
        unet.conv_out.bias.zero_()
    return unet


def build_scheduler() -> DDIMScheduler:
    """The noise schedule of Ho et al. 2020: at its end 0.6 % of the signal is left, which says nothing."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        steps_offset=1,  # of no effect with this spacing; pipelines complain of any other value
        set_alpha_to_one=True,
    )


class Denoiser(nn.Module):
    """The UNet with its loss, and the heads that are thrown away. telling: the weight of what they are asked."""

    empty: torch.Tensor
    kept: torch.Tensor

    def __init__(self, unet: UNet2DConditionModel, empty: torch.Tensor, telling: float) -> None:
        super().__init__()
        self.unet, self.telling = unet, telling
        self.heads = DenseHeads(unet.config.block_out_channels[0], CELL)
        self._features = torch.zeros(0)
        unet.conv_norm_out.register_forward_pre_hook(lambda _, inputs: setattr(self, "_features", inputs[0]))
        self.register_buffer("empty", empty, persistent=False)
        self.register_buffer("kept", build_scheduler().alphas_cumprod, persistent=False)

    def forward(
        self, latents: torch.Tensor, states: torch.Tensor, labels: dict[str, torch.Tensor], generator: torch.Generator
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch, and figures: the error of v at middle noise and at the rest, and what the heads say."""
        n, device = len(latents), latents.device
        # Evenly spread over the batch, which makes the loss less random (Kingma et al. 2021, "Variational diffusion").
        even = (torch.arange(n) + torch.rand(1, generator=generator)) / n
        times = torch.from_numpy(np.interp(even, PARTS, TIMES)).long().clamp(max=999).to(device)
        noise = torch.randn(latents.shape, generator=generator).to(device)
        dropped = (torch.rand(n, generator=generator) < EMPTY).to(device)
        states = torch.where(dropped[:, None, None], self.empty, states)
        kept = self.kept[times].view(n, 1, 1, 1)
        noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
        wanted = kept.sqrt() * noise - (1 - kept).sqrt() * latents
        error = (self.unet(noisy, times, states).sample.float() - wanted).square().mean((1, 2, 3))
        middle = (times >= TIMES[1]) & (times < TIMES[2])
        cells = self._features.float().flatten(2).transpose(1, 2)
        told, figures = self.heads(torch.cat([cells.mean(1, keepdim=True), cells], dim=1), labels)
        figures |= {"middle": error[middle].mean().item(), "rest": error[~middle].mean().item()}
        return error.mean() + self.telling * told, figures


def unet_stage(
    args: argparse.Namespace, vae: AutoencoderKL, device: torch.device, state: Path
) -> tuple[UNet2DConditionModel, loop.Clock]:
    """Train it, or go on, or only load it; the averaged one, on the CPU."""
    encoder, tokenizer = text_tower()
    text = TextStates(encoder.to(device), tokenizer)
    torch.manual_seed(args.seed)  # whether the first stage was trained or loaded, the UNet starts the same
    unet = build_unet(args.widths, args.channels, encoder.config.hidden_size)
    learner = Denoiser(unet, text([""]), args.telling).to(device)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.rate, betas=(0.9, 0.99), weight_decay=0.01)
    average, clock = loop.Average(learner, 0.999), loop.Clock(args.steps)
    training = loop.Training(state, learner, optimizer, average, clock)
    training.resume(args)
    if not args.export:
        shards = Shards(vae, text, args.shard, args.uses, args.batch, args.simple, args.seed)
        if args.compile:
            unet.compile()

        def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
            latents, states, labels = shards(i)
            with autocast(device):
                return learner(latents, states, labels, torch.Generator().manual_seed(args.seed * 10**9 + i))

        def rate(progress: float) -> float:
            return loop.steady_rate(progress, args.rate)

        def look() -> str:
            pipe = pipeline(vae, averaged(learner, average).to(device), encoder, tokenizer)
            figures = measure.look(pipe, sheet=state.parent / "look.png")
            return ", ".join(f"{name} {100 * value:.0f} %" for name, value in figures.items())

        loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)
    return averaged(learner, average), clock


def averaged(learner: Denoiser, average: loop.Average) -> UNet2DConditionModel:
    """A copy of the UNet with the averaged weights, on the CPU."""
    unet = UNet2DConditionModel.from_config(learner.unet.config)
    weights = {k.removeprefix("unet."): v.cpu() for k, v in average.weights.items() if k.startswith("unet.")}
    unet.load_state_dict(weights)
    return unet.eval().requires_grad_(False)


# --- both ---


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 on a GPU, float32 elsewhere."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def text_tower() -> tuple[CLIPTextModel, CLIPTokenizer]:
    """The text tower and the tokenizer of the shipped CLIP, in float32."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # that the other tower's weights are left over is no news
    encoder = CLIPTextModel.from_pretrained(checkpoint("clip"), dtype=torch.float32)
    logging.set_verbosity(verbosity)
    return encoder.eval().requires_grad_(False), CLIPTokenizer.from_pretrained(checkpoint("clip"))


def pipeline(
    vae: AutoencoderKL,
    unet: UNet2DConditionModel,
    encoder: CLIPTextModel | None = None,
    tokenizer: CLIPTokenizer | None = None,
) -> StableDiffusionPipeline:
    """The parts as one pipeline, without a safety checker: the world has nothing to be kept safe from."""
    if encoder is None:
        encoder, tokenizer = text_tower()
    return StableDiffusionPipeline(
        vae=vae,
        unet=unet,
        text_encoder=encoder,
        tokenizer=tokenizer,
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def save(pipe: StableDiffusionPipeline, folder: Path) -> None:
    """Write a pipeline with its weights in half precision, that loads in single precision unless told otherwise."""
    for part in (pipe.vae, pipe.unet, pipe.text_encoder):
        part.half()
    pipe.save_pretrained(folder)
    # diffusers' models load as float32 whatever was saved; transformers' as the configuration says.
    config = folder / "text_encoder" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dtype": "float32"}, indent=2) + "\n")


def export(pipe: StableDiffusionPipeline, args: argparse.Namespace, first: loop.Clock, second: loop.Clock) -> None:
    """Write the checkpoint: the pipeline in half precision, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    save(pipe, fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, first, second), measure.table(figures))
