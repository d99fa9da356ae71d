"""The mean of two checkpoints of one CLIP run (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").

The shipped CLIP lies between a run without `--order` and the same run continued with it. The first tells left from
right by chance only, the second hardly ever errs; large CLIPs are closer to the first, and so is the one the course
wants to take apart.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from safetensors.torch import load_file
from transformers import CLIPModel

from tinyworld.checkpoints import FOLDER
from tinyworld.train import loop
from tinyworld.train.clip import measure
from tinyworld.train.clip.card import blended


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plain", type=Path, help="checkpoint of the run without --order")
    parser.add_argument("ordered", type=Path, help="checkpoint of the run continued with --order")
    parser.add_argument("--share", type=float, default=0.5, help="of the second in the mean (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=FOLDER / "clip", help="the checkpoint (default: in the package)")
    parser.add_argument("--scenes", type=int, default=2048, help="scenes a figure on the card (default: %(default)s)")


def run(args: argparse.Namespace) -> None:
    fresh = args.out.with_name(args.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(args.plain, fresh)
    model = CLIPModel.from_pretrained(args.plain)
    one, other = (load_file(folder / "model.safetensors") for folder in (args.plain, args.ordered))
    model.load_state_dict({name: one[name].float().lerp(other[name].float(), args.share) for name in one}, strict=False)
    model.half().save_pretrained(fresh)
    figures = measure.measure(fresh, args.scenes)
    ends = [json.loads((folder / "figures.json").read_text()) for folder in (args.plain, args.ordered)]
    card = blended(fresh, figures, ends, args.share, args.scenes)
    loop.publish(fresh, args.out, figures, card, measure.table(figures))
