"""A tiny TimeSformer (Bertasius et al. 2021): which of the twelve motions a film shows.

Divided attention: along time at each patch, then across the patches of each frame. Heads that are thrown away ask
every patch of every frame whether the subject's centre lies in it, where there, how fast it moves, and whether it is
large. One film in eight is a single frame, shown eight times: so the model says as well as it can what one frame
tells, which is the baseline.
"""

from __future__ import annotations

import argparse
import shutil

import torch
import torch.nn.functional as F
from torch import nn
from transformers import TimesformerConfig, TimesformerForVideoClassification, VideoMAEImageProcessor

from tinyworld.checkpoints import FOLDER
from tinyworld.films import MOTIONS, films
from tinyworld.train import loop, reels
from tinyworld.train.reels import FRAMES, SIDE, Reel, Reels
from tinyworld.train.towers import sine_cosine
from tinyworld.train.video import measure
from tinyworld.train.video.card import card

PATCH = 16
STOPPED = 8  # one in so many films is one frame
ASIDE = (-1, 1, -2)  # frames away from its own at which a head along time begins to look


def add_arguments(parser: argparse.ArgumentParser) -> None:
    usual = {"steps": 2400, "batch": 48, "rate": 1.5e-3, "pool": 1024, "uses": 8, "width": 96, "scenes": 600}
    reels.add_arguments(parser, FOLDER / "video", **usual)
    parser.add_argument("--layers", type=int, default=4, help="(default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    learner = Learner(build_model(args.width, args.layers)).to(device)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.05)
    training = loop.Training(args.runs / "video", learner, optimizer, loop.Average(learner), loop.Clock(args.steps))
    training.resume(args)
    if not args.export:
        train(training, learner, args, device)
    export(averaged(learner, training.average), args, training.clock)


def train(training: loop.Training, learner: Learner, args: argparse.Namespace, device: torch.device) -> None:
    """Train to the end from wherever it stands."""
    data = Reels(args.batch, args.pool, args.uses, args.seed)
    held = films("validation", 120, args.seed)

    def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
        return learner(data(i), torch.Generator().manual_seed(args.seed * 10**9 + i), device)

    def look() -> str:
        figures = measure.accuracies(averaged(learner, training.average), held)
        return "validation: " + ", ".join(f"{name} {100 * value:.0f} %" for name, value in figures.items())

    def rate(progress: float) -> float:
        return loop.steady_rate(progress, args.rate, 0.03, 0.4)

    learner.train()
    loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)


class Learner(nn.Module):
    """The model, and heads on its patches that are thrown away."""

    def __init__(self, model: TimesformerForVideoClassification) -> None:
        super().__init__()
        self.model = model
        self.heads = nn.Linear(model.config.hidden_size, 6)  # see `forward`

    def forward(
        self, reel: Reel, generator: torch.Generator, device: torch.device
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a reel, and figures to print."""
        n, wanted = len(reel.films), reel.motions.to(device)
        frames = reels.normalised(reel.frames.to(device))
        stopped = torch.arange(n) < n // STOPPED
        at = torch.randint(FRAMES, (n,), generator=generator)
        frames = torch.where(
            stopped.to(device)[:, None, None, None, None], frames[torch.arange(n), at][:, None], frames
        )
        states = self.model.timesformer(frames).last_hidden_state
        scores = self.model.classifier(states[:, 0])
        loss = F.cross_entropy(scores, wanted)
        told = self.heads(by_frame(states[:, 1:]))[~stopped]
        place, speed = (x[~stopped].to(device) for x in reel.places())
        cell = (place * (SIDE // PATCH)).long().clamp(0, SIDE // PATCH - 1)
        cell = cell[..., 1] * (SIDE // PATCH) + cell[..., 0]
        seen = F.cross_entropy(told[..., 0].flatten(0, 1), cell.flatten())
        here = told[..., 1:].gather(2, cell[..., None, None].expand(-1, -1, 1, 5))[:, :, 0]
        off = place * (SIDE // PATCH) % 1 - 0.5
        moved = F.smooth_l1_loss(here[..., :4], torch.cat([off, speed], dim=-1))
        large = reel.sizes[~stopped].to(device)[:, None].expand(-1, FRAMES)
        moved = moved + 0.1 * F.binary_cross_entropy_with_logits(here[..., 4], large)
        right = (scores.argmax(1) == wanted).float()
        figures = {"right": right[~stopped].mean().item(), "seen": seen.item(), "moved": moved.item()}
        return loss + 0.3 * seen + moved, figures


def by_frame(states: torch.Tensor) -> torch.Tensor:
    """TimeSformer's tokens, whose time runs fastest, (n, patches * frames, d), to (n, frames, patches, d)."""
    n, _, d = states.shape
    return states.view(n, -1, FRAMES, d).transpose(1, 2)


def build_model(width: int, layers: int) -> TimesformerForVideoClassification:
    """Divided attention over 8 frames of 4 x 4 patches."""
    config = TimesformerConfig(
        image_size=SIDE,
        patch_size=PATCH,
        num_frames=FRAMES,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 24,
        intermediate_size=3 * width,
        id2label=dict(enumerate(MOTIONS)),
        label2id={motion: i for i, motion in enumerate(MOTIONS)},
    )
    model = TimesformerForVideoClassification(config)
    initialise(model)
    return model


@torch.no_grad()
def initialise(model: TimesformerForVideoClassification) -> None:
    """Positions that say where and when from the start, and heads that look a frame back, a frame ahead and two back.

    Left to itself, so small a model learns which places a thing visits and not in which order: "moves left" and "moves
    right" stay one. So times have a third of the numbers for themselves, as waves, and in each layer three heads along
    time start with queries that are the keys of another frame: a wave at t + 1 is the wave at t, rotated.
    """
    embeddings, width = model.timesformer.embeddings, model.config.hidden_size
    side, waves = SIDE // PATCH, width // 6
    there = width - 2 * waves  # numbers for where and what
    weight = embeddings.patch_embeddings.projection.weight
    weight.normal_(0, (3 * PATCH**2) ** -0.5)
    weight[there:] = 0
    steps = torch.arange(side, dtype=torch.float32)
    columns, rows = (sine_cosine(x, there // 2) for x in (steps.repeat(side), steps.repeat_interleave(side)))
    embeddings.position_embeddings.zero_()
    embeddings.position_embeddings[0, 1:, :there] = torch.cat([columns, rows], dim=-1)
    frequencies = torch.linspace(0.4, 2.6, waves)
    angles = torch.arange(FRAMES)[:, None] * frequencies
    embeddings.time_embeddings.zero_()
    embeddings.time_embeddings[0, :, there:] = torch.cat([angles.sin(), angles.cos()], dim=-1)
    for name, parameter in model.named_parameters():
        if name.endswith("qkv.weight"):
            parameter.normal_(0, 0.6 * width**-0.5)
            parameter[: 2 * width].normal_(0, 1.2 * width**-0.5)
            if ".temporal_attention." in name:
                look_aside(parameter, model.config.num_attention_heads, there, frequencies)
        elif name.endswith(("dense.weight", "temporal_dense.weight")):
            parameter.normal_(0, 0.6 * parameter.shape[1] ** -0.5)


def look_aside(weight: torch.Tensor, heads: int, there: int, frequencies: torch.Tensor) -> None:
    """Let the first heads of a layer look at the frames ASIDE. weight: (3 * width, width), queries, keys and values."""
    width = weight.shape[1]
    size, waves = width // heads, len(frequencies)
    used = torch.linspace(0, waves - 1, min(size // 2, waves)).round().long()
    for head, shift in enumerate(ASIDE[: heads - 1]):
        queries, keys = (weight[k * width + head * size :][:size] for k in (0, 1))
        queries.zero_(), keys.zero_()
        for row, wave in enumerate(used.tolist()):
            sine, cosine = there + wave, there + waves + wave
            turn = torch.tensor(shift * frequencies[wave].item())
            keys[2 * row, sine] = keys[2 * row + 1, cosine] = 1.0
            queries[2 * row, sine], queries[2 * row, cosine] = turn.cos(), turn.sin()
            queries[2 * row + 1, cosine], queries[2 * row + 1, sine] = turn.cos(), -turn.sin()


def build_processor() -> VideoMAEImageProcessor:
    """Films to `pixel_values`, float32 (n, 8, 3, 64, 64) in [-1, 1]."""
    size = {"height": SIDE, "width": SIDE}
    half = [0.5, 0.5, 0.5]
    return VideoMAEImageProcessor(
        do_resize=False, do_center_crop=False, crop_size=size, image_mean=half, image_std=half
    )


def averaged(learner: Learner, average: loop.Average) -> TimesformerForVideoClassification:
    """A copy of the model with the averaged weights, on the CPU."""
    model = TimesformerForVideoClassification(learner.model.config)
    weights = {k.removeprefix("model."): v.cpu() for k, v in average.weights.items() if k.startswith("model.")}
    model.load_state_dict(weights)
    return model.eval()


def export(model: TimesformerForVideoClassification, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, its processor, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    build_processor().save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
