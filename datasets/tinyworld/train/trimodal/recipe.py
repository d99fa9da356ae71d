"""Classifiers of picture, text and sound (`tinyworld.fusion`), one for each kind of fusion, and one that misses some.

All learn the task of `tinyworld.pointing` in the same way from the same tasks. The picture comes as the patches'
features of the course's CLIP, computed once; the sound as a log-mel spectrogram of words cut from the course's
recordings, with noise, afresh each time. "early, dropout" learns with modalities left out (Neverova et al. 2016,
"ModDrop"), the others with all three always there.
"""

from __future__ import annotations

import argparse
import json
import shutil

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import CLIPModel

from tinyworld import fusion, pointing
from tinyworld.checkpoints import FOLDER, checkpoint
from tinyworld.fusion import Fusion
from tinyworld.train import loop
from tinyworld.train.trimodal import measure
from tinyworld.train.trimodal.card import card
from tinyworld.train.trimodal.measure import features

NAMES = {"late": "late", "cross": "cross", "early": "early", "early, dropout": "early"}  # with their kinds
# What is there, and how often, where modalities are left out: picture, text, audio.
LEFT = {(True, True, True): 0.4, (True, False, True): 0.3, (True, True, False): 0.2, (False, True, True): 0.1}
NOISE = (5.0, 30.0)  # dB


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=2500, help="of each model (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=96, help="tasks a step (default: %(default)s)")
    parser.add_argument("--pool", type=int, default=8192, help="pictures, drawn once (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--width", type=int, default=96, help="(default: %(default)s)")
    parser.add_argument("--layers", type=int, default=2, help="(default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "trimodal")
    parser.add_argument("--scenes", type=int, default=1024, help="tasks a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=60, help="CPU-seconds a save (default: %(default)s)")
    parser.add_argument("--look-every", type=int, default=250, help="steps between looks (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    data = None if args.export else Pool(args.pool, args.batch, args.seed)
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    clocks, settings = {}, {}
    for name in NAMES:
        model, clocks[name] = learn(name, args, data)
        settings[name] = model.settings
        weights = {key: weight.half().contiguous() for key, weight in model.state_dict().items()}
        save_file(weights, fresh / f"{fusion.file_name(name)}.safetensors", {"format": "pt"})
    (fresh / "config.json").write_text(json.dumps({"models": settings}, indent=1) + "\n")
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clocks), measure.table(figures))


class Pool:
    """Tasks whose pictures CLIP has seen once. `pool(step, left_out)` is a step's batch: image, text, audio, there as
    `Fusion` takes them, and the right answers, int64 (n,)."""

    def __init__(self, size: int, batch: int, seed: int) -> None:
        self.tasks, self.batch, self.seed = pointing.pointed("train", size, seed), batch, seed
        clip = CLIPModel.from_pretrained(checkpoint("clip"), dtype=torch.float32).eval()
        self.image = features(clip, self.tasks)

    def __call__(self, step: int, left_out: bool) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        rng = np.random.default_rng((self.seed, step))
        chosen = rng.integers(len(self.tasks), size=self.batch)
        drawn = []
        for i in chosen:  # the same picture, and this time perhaps the other object
            scene, meant = self.tasks[i].scene, int(rng.integers(2))
            place = pointing.place(scene, meant, rng)
            drawn.append(pointing.Pointed(scene, meant, place, scene.objects[meant].colour))
        waves = pointing.say([t.colour for t in drawn], "train", rng, float(rng.uniform(*NOISE)))
        there = torch.ones(self.batch, len(pointing.MODALITIES), dtype=torch.bool)
        if left_out:
            there = torch.tensor(list(LEFT))[rng.choice(len(LEFT), size=self.batch, p=list(LEFT.values()))]
        text = pointing.token_ids([t.text for t in drawn])
        return (self.image[chosen], text, pointing.audio_tokens(waves), there), pointing.labels(drawn)


def learn(name: str, args: argparse.Namespace, data: Pool | None) -> tuple[Fusion, loop.Clock]:
    """Train one model, or go on, or only load it; the averaged one, in eval mode."""
    torch.manual_seed(args.seed)
    model = Fusion(NAMES[name], args.width, args.layers)
    start(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.05)
    average, clock = loop.Average(model), loop.Clock(args.steps)
    training = loop.Training(args.runs / "trimodal" / fusion.file_name(name), model, optimizer, average, clock)
    training.resume(args)
    if data is not None:
        seen = measure.Tasks(256, "validation", 0)

        def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
            inputs, wanted = data(i, left_out="dropout" in name)
            scores = model(*inputs)
            return F.cross_entropy(scores, wanted), {"right": (scores.argmax(1) == wanted).float().mean().item()}

        def rate(progress: float) -> float:
            return loop.steady_rate(progress, args.rate, warm_up=0.05, fall=0.4)

        def look() -> str:
            figures = measure.report(averaged(model, average), seen)
            return f"{name}: " + ", ".join(f"{key} {100 * value:.0f} %" for key, value in figures.items())

        loop.fit(training, step, rate, args.batch, args.save_every, look, args.look_every)
    return averaged(model, average), clock


@torch.no_grad()
def start(model: Fusion) -> None:
    """Larger queries and keys, as in `towers.initialise`: small ones leave attention uniform for long."""
    for name, weight in model.named_parameters():
        if name.endswith("in_proj_weight"):  # queries, keys and values, one below the other
            width = weight.shape[1]
            weight[: 2 * width].normal_(0, 1.5 * width**-0.5)


def averaged(model: Fusion, average: loop.Average) -> Fusion:
    """A copy with the averaged weights."""
    copy = Fusion(**model.settings)
    copy.load_state_dict(average.weights)
    return copy.eval()
