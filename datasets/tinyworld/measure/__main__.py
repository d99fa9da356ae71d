"""`python -m tinyworld.measure NAME`: measure a shipped checkpoint's card figures again."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from tinyworld.checkpoints import checkpoint
from tinyworld.measure import clip

MEASURES = {"clip": clip}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tinyworld.measure", description=__doc__)
    parser.add_argument("name", choices=MEASURES)
    parser.add_argument("--checkpoint", type=Path, help="another folder than the shipped one")
    parser.add_argument("--scenes", type=int, default=2048, help="scenes per figure (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    start = time.perf_counter()
    figures = MEASURES[args.name].measure(args.checkpoint or checkpoint(args.name), args.scenes)
    print(MEASURES[args.name].table(figures))
    print(f"{args.scenes} scenes a figure, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
