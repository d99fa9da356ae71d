"""The judge of generated pictures (`tinyworld.judge`).

It sees nothing generative, only drawings made difficult (`distortions.py`).
"""

from __future__ import annotations

import argparse
import json
import shutil

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from tinyworld.checkpoints import FOLDER
from tinyworld.judge import CLASSES, Judge
from tinyworld.train import loop
from tinyworld.train.judge import measure
from tinyworld.train.judge.card import card
from tinyworld.train.judge.distortions import IGNORE, difficult_batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=800, help="steps to train (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="pictures a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--width", type=int, default=24, help="of the network (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="cpu, cuda or auto (default: %(default)s)")
    loop.add_arguments(parser, FOLDER / "judge")
    parser.add_argument("--scenes", type=int, default=2048, help="scenes a figure on the card (default: %(default)s)")
    parser.add_argument("--save-every", type=float, default=120, help="CPU-seconds a save (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = loop.pick_device(args.device)
    judge = Judge(args.width).to(device)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=args.rate, weight_decay=0.01)
    average, clock = loop.Average(judge), loop.Clock(args.steps)
    training = loop.Training(args.runs / "judge", judge, optimizer, average, clock)
    training.resume(args)
    if not args.export:

        def step(i: int) -> tuple[torch.Tensor, dict[str, float]]:
            batch = difficult_batch(args.batch, args.seed * 10**9 + i)
            return loss({name: tensor.to(device) for name, tensor in batch.items()}, judge)

        def rate(progress: float) -> float:
            return loop.cosine_rate(progress, args.rate)

        loop.fit(training, step, rate, args.batch, args.save_every)
    averaged = Judge(args.width)
    averaged.load_state_dict({name: weight.cpu() for name, weight in average.weights.items()})
    export(averaged.eval(), args, clock)


def loss(batch: dict[str, torch.Tensor], judge: Judge) -> tuple[torch.Tensor, dict[str, float]]:
    """Where centres are, what each is, and the background."""
    out = judge(batch["pixels"])
    near, exact = batch["near"], batch["exact"]
    # A cell beside a centre may say either: only the centre's own cell and those farther off are asked.
    asked = exact | ~near
    centre = F.binary_cross_entropy_with_logits(out["centre"][asked], exact[asked].float(), reduction="sum")
    total = centre / exact.sum() + F.cross_entropy(out["background"], batch["background"], ignore_index=IGNORE)
    figures = {"background": _accuracy(out["background"], batch["background"])}
    for name in ("shape", "colour", "size"):
        scores, wanted = out[name].permute(0, 2, 3, 1)[near], batch[name][near]
        total = total + F.cross_entropy(scores, wanted, ignore_index=IGNORE)
        figures[name] = _accuracy(scores, wanted)
    offset = out["offset"].permute(0, 2, 3, 1)[near]
    return total + F.smooth_l1_loss(offset, batch["offset"][near]), figures


def _accuracy(scores: torch.Tensor, wanted: torch.Tensor) -> float:
    asked = wanted != IGNORE
    return (scores.argmax(-1) == wanted)[asked].float().mean().item()


def export(judge: Judge, args: argparse.Namespace, clock: loop.Clock) -> None:
    """Write the checkpoint: weights in half precision, measured figures and the card with them."""
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_file({name: weight.half() for name, weight in judge.state_dict().items()}, fresh / "model.safetensors")
    settings = {"model_type": "tinyworld-judge", "judge": {"width": judge.width}, "classes": CLASSES}
    (fresh / "config.json").write_text(json.dumps(settings, indent=1) + "\n")
    figures = measure.measure(fresh, args.scenes)
    loop.publish(fresh, args.out, figures, card(fresh, figures, args, clock), measure.table(figures))
