"""VideoMAE's classifier (Tong et al. 2022), tiny: which of the twelve motions a film shows.

Its tokens are tubelets of two frames, which hold the way a thing goes; a TimeSformer of this size, whose tokens are
patches of one frame, learnt which places a thing visits and hardly in which order. Heads that are thrown away ask every
tubelet whether the subject's centre lies in it, where there, how fast it moves, and whether it is large. One film in
eight is a single frame, shown eight times: so the model says as well as it can what one frame tells, which is the
baseline.
"""

from __future__ import annotations

import argparse
import shutil

import torch
import torch.nn.functional as F
from torch import nn
from transformers import VideoMAEConfig, VideoMAEForVideoClassification, VideoMAEImageProcessor

from tinyworld.checkpoints import FOLDER
from tinyworld.films import MOTIONS, films
from tinyworld.train import loop, reels
from tinyworld.train.reels import FRAMES, SIDE, Reel, Reels
from tinyworld.train.video import measure
from tinyworld.train.video.card import card

PATCH, TUBELET = 16, 2  # pixels, frames
ROWS = SIDE // PATCH
HEADS = 4
STOPPED = 8  # one in so many films is one frame


def add_arguments(parser: argparse.ArgumentParser) -> None:
    usual = {"steps": 4800, "batch": 48, "rate": 1.5e-3, "pool": 1024, "uses": 8, "width": 128, "scenes": 600}
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
    """The model, and heads on its tubelets that are thrown away."""

    def __init__(self, model: VideoMAEForVideoClassification) -> None:
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
        states = self.model.videomae(frames).last_hidden_state
        scores = self.model.classifier(self.model.fc_norm(states.mean(1)))
        loss = F.cross_entropy(scores, wanted)
        slices = FRAMES // TUBELET
        told = self.heads(states.unflatten(1, (slices, -1)))[~stopped]
        place, speed = (x[~stopped].to(device).unflatten(1, (slices, TUBELET)).mean(2) for x in reel.places())
        cell = (place * ROWS).long().clamp(0, ROWS - 1)
        cell = cell[..., 1] * ROWS + cell[..., 0]
        seen = F.cross_entropy(told[..., 0].flatten(0, 1), cell.flatten())
        here = told[..., 1:].gather(2, cell[..., None, None].expand(-1, -1, 1, 5))[:, :, 0]
        moved = F.smooth_l1_loss(here[..., :4], torch.cat([place * ROWS % 1 - 0.5, speed], dim=-1))
        large = reel.sizes[~stopped].to(device)[:, None].expand(-1, slices)
        moved = moved + 0.1 * F.binary_cross_entropy_with_logits(here[..., 4], large)
        right = (scores.argmax(1) == wanted).float()
        figures = {"right": right[~stopped].mean().item(), "seen": seen.item(), "moved": moved.item()}
        return loss + 0.3 * seen + moved, figures


def build_model(width: int, layers: int) -> VideoMAEForVideoClassification:
    """Joint attention over 4 slices of 4 x 4 tubelets; a film's class from the mean of all."""
    config = VideoMAEConfig(
        image_size=SIDE,
        patch_size=PATCH,
        num_frames=FRAMES,
        tubelet_size=TUBELET,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        intermediate_size=2 * width,
        id2label=dict(enumerate(MOTIONS)),
        label2id={motion: i for i, motion in enumerate(MOTIONS)},
    )
    return VideoMAEForVideoClassification(config)


def build_processor() -> VideoMAEImageProcessor:
    """Films to `pixel_values`, float32 (n, 8, 3, 64, 64) in [-1, 1]."""
    size = {"height": SIDE, "width": SIDE}
    half = [0.5, 0.5, 0.5]
    return VideoMAEImageProcessor(
        do_resize=False, do_center_crop=False, crop_size=size, image_mean=half, image_std=half
    )


def averaged(learner: Learner, average: loop.Average) -> VideoMAEForVideoClassification:
    """A copy of the model with the averaged weights, on the CPU."""
    model = VideoMAEForVideoClassification(learner.model.config)
    weights = {k.removeprefix("model."): v.cpu() for k, v in average.weights.items() if k.startswith("model.")}
    model.load_state_dict(weights)
    return model.eval()


def export(model: VideoMAEForVideoClassification, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: the model in half precision, its processor, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.half().save_pretrained(fresh)
    build_processor().save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
