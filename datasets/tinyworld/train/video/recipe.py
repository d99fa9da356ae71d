"""A tiny TimeSformer (Bertasius et al. 2021): which of the twelve motions a film shows.

Divided attention: along time at each patch, then across the patches of each frame. As the paper begins with a ViT that
knows pictures, this one begins with BLIP's tower, which knows the world's. Heads that are thrown away ask
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
from transformers import (
    BlipForConditionalGeneration,
    BlipImageProcessor,
    TimesformerConfig,
    TimesformerForVideoClassification,
    VideoMAEImageProcessor,
)

from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.films import MOTIONS, films
from tinyworld.train import loop, reels
from tinyworld.train.reels import FRAMES, SIDE, Reel, Reels
from tinyworld.train.video import measure
from tinyworld.train.video.card import card

PATCH = 16
STOPPED = 8  # one in so many films is one frame
ASIDE = (-1, 1, -2)  # frames away from its own at which a head along time begins to look
TIMES = 0.5  # size of the waves that say when, against the states
GAIN = 4.0  # of the heads that look aside
SPREAD = 0.5  # of pixels
# What is called how in TimeSformer and in BLIP's tower.
EMBEDDINGS = {
    "embeddings.cls_token": "embeddings.class_embedding",
    "embeddings.position_embeddings": "embeddings.position_embedding",
    "embeddings.patch_embeddings.projection.weight": "embeddings.patch_embedding.weight",
    "embeddings.patch_embeddings.projection.bias": "embeddings.patch_embedding.bias",
    "layernorm.weight": "post_layernorm.weight",
    "layernorm.bias": "post_layernorm.bias",
}
LAYER = {
    "attention.attention.qkv": "self_attn.qkv",
    "attention.output.dense": "self_attn.projection",
    "layernorm_before": "layer_norm1",
    "layernorm_after": "layer_norm2",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    usual = {"steps": 2400, "batch": 48, "rate": 1.5e-3, "pool": 1024, "uses": 8, "scenes": 600}
    reels.add_arguments(parser, FOLDER / "video", **usual)
    parser.add_argument("--layers", type=int, default=4, help="(default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    learner = Learner(build_model(args.layers)).to(device)
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


def build_model(layers: int) -> TimesformerForVideoClassification:
    """Divided attention over 8 frames of 4 x 4 patches; across each frame, and layer for layer, BLIP's vision tower."""
    tower = BlipForConditionalGeneration.from_pretrained(checkpoint("blip"), dtype=torch.float32).vision_model
    width = tower.config.hidden_size
    config = TimesformerConfig(
        image_size=SIDE,
        patch_size=PATCH,
        num_frames=FRAMES,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=tower.config.num_attention_heads,
        intermediate_size=tower.config.intermediate_size,
        layer_norm_eps=tower.config.layer_norm_eps,
        id2label=dict(enumerate(MOTIONS)),
        label2id={motion: i for i, motion in enumerate(MOTIONS)},
    )
    model = TimesformerForVideoClassification(config)
    begin_as_tower(model, tower)
    begin_times(model)
    return model


@torch.no_grad()
def begin_as_tower(model: TimesformerForVideoClassification, tower: nn.Module) -> None:
    """Everything across a frame as in BLIP's tower, and nothing yet along time, as the paper begins with a ViT."""
    stored = tower.state_dict()
    spread = BlipImageProcessor.from_pretrained(checkpoint("blip")).image_std[0]
    stored["embeddings.patch_embedding.weight"] *= SPREAD / spread  # films are normalised by another one
    for ours, theirs in EMBEDDINGS.items():
        model.timesformer.get_parameter(ours).copy_(stored[theirs])
    for i, layer in enumerate(model.timesformer.encoder.layer):
        for ours, theirs in LAYER.items():
            for kind in ("weight", "bias"):
                layer.get_parameter(f"{ours}.{kind}").copy_(stored[f"encoder.layers.{i}.{theirs}.{kind}"])
        layer.temporal_dense.weight.zero_()


@torch.no_grad()
def begin_times(model: TimesformerForVideoClassification) -> None:
    """Times that say when from the start, and heads that look a frame back, a frame ahead and two back.

    Left to itself, so small a model learns which places a thing visits and not in which order: "moves left" and "moves
    right" stay one. So a time is a row of waves, along those directions in which the tower's states hardly differ, and
    in each layer three heads along time start with queries that are the keys of another frame: a wave at t + 1 is the
    wave at t, rotated.
    """
    config = model.config
    frequencies = torch.linspace(0.4, 2.6, config.hidden_size // config.num_attention_heads // 4)
    quiet, spread = quiet_directions(model, 2 * len(frequencies))
    angles = torch.arange(FRAMES)[:, None] * frequencies
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)  # (frames, 2 * waves)
    model.timesformer.embeddings.time_embeddings.copy_(TIMES * spread * waves @ quiet)
    for layer in model.timesformer.encoder.layer:
        weight = layer.temporal_attention.attention.qkv.weight
        weight.normal_(0, config.hidden_size**-0.5)
        layer.temporal_attention.output.dense.weight.normal_(0, config.hidden_size**-0.5)
        look_aside(weight, config.num_attention_heads, quiet, frequencies)


@torch.no_grad()
def quiet_directions(model: TimesformerForVideoClassification, n: int) -> tuple[torch.Tensor, float]:
    """The n directions along which the states of frames differ least, orthonormal rows (n, width), and their root mean
    square over all directions."""
    frames = reels.normalised(reels.shot(films("train", 64)))
    given = model.timesformer(frames, output_hidden_states=True).hidden_states[: max(1, model.config.num_hidden_layers)]
    states = torch.cat(given)[:, 1:].flatten(0, 1)
    values, vectors = torch.linalg.eigh(torch.cov(states.T))
    return vectors[:, :n].T.contiguous(), float(values.mean().sqrt())


def look_aside(weight: torch.Tensor, heads: int, quiet: torch.Tensor, frequencies: torch.Tensor) -> None:
    """Let the first heads of a layer look at the frames ASIDE. weight: (3 * width, width), queries, keys and values."""
    width = weight.shape[1]
    size = width // heads
    turns = torch.tensor(ASIDE)[:, None] * frequencies
    for head, turn in enumerate(turns[: heads - 1]):
        queries, keys = (weight[k * width + head * size :][:size] for k in (0, 1))
        queries.zero_(), keys.zero_()
        sine, cosine = quiet[0::2], quiet[1::2]
        keys[0 : 2 * len(turn) : 2], keys[1 : 2 * len(turn) : 2] = GAIN * sine, GAIN * cosine
        queries[0 : 2 * len(turn) : 2] = GAIN * (turn.cos()[:, None] * sine + turn.sin()[:, None] * cosine)
        queries[1 : 2 * len(turn) : 2] = GAIN * (turn.cos()[:, None] * cosine - turn.sin()[:, None] * sine)


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
