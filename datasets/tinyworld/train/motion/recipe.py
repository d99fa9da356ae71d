"""A tiny motion module (Guo et al. 2023, "AnimateDiff") on the frozen painter of week 2: text to film.

Its last layers start at nought, so that at first eight frames are eight pictures of the painter's; then it learns, on
latents of films of one object, to make them one film. Motions are told by learnt tokens behind the caption's
(`tinyworld.motion`). Only the module and the tokens are trained. As the painter, it predicts v, and every tenth film is
told nothing, for guidance.
"""

from __future__ import annotations

import argparse
import shutil

import torch
from diffusers import MotionAdapter, StableDiffusionPipeline, UNetMotionModel
from safetensors.torch import save_file
from torch import nn

from tinyworld import motion
from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.films import caption, facts, films, still_caption
from tinyworld.motion import FRAMES, MotionWords
from tinyworld.train import loop, reels
from tinyworld.train.diffusion.measure import load
from tinyworld.train.motion import measure
from tinyworld.train.motion.card import card
from tinyworld.train.reels import normalised, shot

EMPTY = 0.1  # how often nothing is told
CHUNK = 16  # films encoded at once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    usual = {"steps": 4000, "batch": 8, "rate": 1e-3, "pool": 768, "uses": 12, "scenes": 200}
    reels.add_arguments(parser, FOLDER / "motion", **usual)


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    painter = load_painter()
    learner = Denoiser(inflated(painter), painter).to(device)
    trained = [p for p in learner.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=args.rate, betas=(0.9, 0.99), weight_decay=0.01)
    average = loop.Average(learner, 0.998)
    training = loop.Training(args.runs / "motion", learner, optimizer, average, loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, learner, painter, args, device)
    export(learner, average, args, training.clock)


def load_painter() -> StableDiffusionPipeline:
    """The painter of week 2, frozen."""
    painter = load(checkpoint("diffusion"))
    for part in (painter.unet, painter.vae, painter.text_encoder):
        part.eval().requires_grad_(False)
    return painter


def build_adapter(widths: tuple[int, ...] = (64, 128)) -> MotionAdapter:
    """A motion module for the painter's levels that changes nothing at first: diffusers leaves that to its user."""
    adapter = MotionAdapter(
        block_out_channels=widths,
        motion_layers_per_block=1,
        motion_num_attention_heads=4,
        motion_norm_num_groups=8,
        motion_max_seq_length=16,
    )
    with torch.no_grad():
        for name, weight in adapter.named_parameters():
            if "proj_out" in name:
                weight.zero_()
            elif name.endswith(("to_q.weight", "to_k.weight")):
                weight.normal_(0, 1.5 * weight.shape[1] ** -0.5)  # as in the painter: uniform attention hardly learns
    return adapter


def inflated(painter: StableDiffusionPipeline) -> UNetMotionModel:
    """The painter's UNet for films; only its motion modules learn."""
    unet = UNetMotionModel.from_unet2d(painter.unet, build_adapter(tuple(painter.unet.config.block_out_channels)))
    for name, parameter in unet.named_parameters():
        parameter.requires_grad_("motion_modules" in name)
    return unet


class Denoiser(nn.Module):
    """The inflated UNet and the words, with their loss."""

    kept: torch.Tensor
    empty: torch.Tensor

    def __init__(self, unet: UNetMotionModel, painter: StableDiffusionPipeline) -> None:
        super().__init__()
        self.unet, self.words = unet, MotionWords(painter.text_encoder.config.hidden_size)
        self.register_buffer("kept", painter.scheduler.alphas_cumprod, persistent=False)
        self.register_buffer("empty", motion.states(painter, [""]), persistent=False)

    def forward(
        self, latents: torch.Tensor, seen: torch.Tensor, told: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """latents: (n, 8, channels, 8, 8).   seen: text states (n, 32, width).   told: int64 (n, 3), of `motion.told`.

        Returns the loss, and figures: the error of v at more and at less noise.
        """
        n, device = len(latents), latents.device
        even = (torch.arange(n) + torch.rand(n, generator=generator)) / n
        times = (1000 * even).long().clamp(max=999).to(device)
        noise = torch.randn(latents.shape, generator=generator).to(device)
        dropped = (torch.rand(n, generator=generator) < EMPTY).to(device)
        seen = torch.where(dropped[:, None, None], self.empty, seen)
        told = torch.where(dropped[:, None], torch.tensor(motion.told(None), device=device), told)
        kept = self.kept[times].view(n, 1, 1, 1, 1)
        noisy = kept.sqrt() * latents + (1 - kept).sqrt() * noise
        wanted = kept.sqrt() * noise - (1 - kept).sqrt() * latents
        prompt = torch.cat([seen, self.words(told)], dim=1).repeat_interleave(FRAMES, 0)
        made = self.unet(noisy.transpose(1, 2), times, encoder_hidden_states=prompt).sample.transpose(1, 2)
        error = (made - wanted).square().mean((1, 2, 3, 4))
        high = times >= 500
        return error.mean(), {"noisy": error[high].mean().item(), "clear": error[~high].mean().item()}


class Latents:
    """Step -> latents, text states and what is told of films of one object; a pool is encoded anew now and then."""

    def __init__(self, painter: StableDiffusionPipeline, size: int, pool: int, uses: int, seed: int) -> None:
        self.painter, self.size, self.pool, self.seed = painter, size, pool, seed
        self.encodings = loop.Pool(self.encoded, size, pool, uses)

    def __call__(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        latents, seen, told = self.encodings(step)
        generator = torch.Generator().manual_seed(self.seed * 10**9 + step)
        chosen = torch.randperm(self.pool, generator=generator)[: self.size]
        return latents[chosen].float(), seen[chosen].float(), told[chosen]

    @torch.no_grad()
    def encoded(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The pool with this number: latents and text states in half precision, and what is told."""
        drawn = films("train", self.pool, self.seed * 10**6 + number, objects=1)
        latents, scale = [], self.painter.vae.config.scaling_factor
        for i in range(0, len(drawn), CHUNK):
            pixels = normalised(shot(drawn[i : i + CHUNK]))
            found = self.painter.vae.encode(pixels.flatten(0, 1)).latent_dist.mean * scale
            latents.append(found.unflatten(0, pixels.shape[:2]).half())
        said = [facts(film) for film in drawn]
        seen = [
            motion.states(self.painter, [still_caption(f) for f in said[i : i + 128]]) for i in range(0, len(said), 128)
        ]
        return torch.cat(latents), torch.cat(seen).half(), torch.tensor([motion.told(f) for f in said])


def train(
    training: loop.Training,
    learner: Denoiser,
    painter: StableDiffusionPipeline,
    args: argparse.Namespace,
    device: torch.device,
) -> None:
    """Train to the end from wherever it stands."""
    data = Latents(painter, args.batch, args.pool, args.uses, args.seed)
    held = films("validation", 30, args.seed, objects=1)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        batch = (tensor.to(device) for tensor in data(i))
        return learner(*batch, torch.Generator().manual_seed(args.seed * 10**9 + i))

    def look() -> str:
        pipe, words = finished(learner, training.average)
        made = motion.filmed(pipe, words, [caption(film) for film in held])
        measure.save_sheet(made, args.runs / "motion.png")
        found = measure.summary(made, [facts(film) for film in held])
        return ", ".join(f"{name} {value:.2f}" for name, value in found.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.02, 0.3)

    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


def finished(learner: Denoiser, average: loop.Average) -> tuple:
    """The pipeline and the words with averaged weights, on the CPU."""
    painter = load_painter()
    adapter = build_adapter(tuple(painter.unet.config.block_out_channels))
    pipe = motion.pipeline_of(painter, adapter)
    unet = {k.removeprefix("unet."): v.cpu() for k, v in average.weights.items() if k.startswith("unet.")}
    pipe.unet.load_state_dict(pipe.unet.state_dict() | unet)
    words = MotionWords(learner.words.width)
    words.load_state_dict({k.removeprefix("words."): v.cpu() for k, v in average.weights.items() if k[:6] == "words."})
    return pipe, words.eval()


def export(learner: Denoiser, average: loop.Average, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: module and words in half precision, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    pipe, words = finished(learner, average)
    pipe.unet.save_motion_modules(fresh)
    MotionAdapter.from_pretrained(fresh).half().save_pretrained(fresh)
    halves = {key: weight.half().contiguous() for key, weight in words.state_dict().items()}
    save_file(halves, fresh / motion.FILE, {"format": "pt"})
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
