"""The card of the classifiers of picture, text and sound."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld import pointing
from tinyworld.train import loop
from tinyworld.train.cards import megabytes, options
from tinyworld.train.trimodal import measure

TEXT = """---
license: mit
library_name: pytorch
---
# Three fusions of tinyworld

Small transformers that are shown a picture of two objects, read which side is meant and hear which colour is meant, and
answer with the shape (`tinyworld.pointing`, `tinyworld.fusion`). Made for teaching.

| | |
|---|---|
| models | {models} |
| picture | 16 patches of the course's CLIP, frozen |
| text | words, numbered |
| sound | colours cut out of the course's recordings, 40 mel bands, {tokens} tokens |
| training, each | {steps} steps of {batch} tasks from {pool:,} pictures |
| time | {minutes} CPU-minutes |
| weights | float16 safetensors, {megabytes:.1f} MB in all |
| licence | MIT, weights and code |

## Measured
{scenes} tasks of the test split, spoken by voices that were not heard in training, with noise 20 dB below the speech
unless another ratio is given. Without the picture a shape can only be guessed (chance 17 %); from the picture alone one
of two. Believes: the text names the one object, the voice the other, and the answer agrees with that. 64 tasks: the
time of one batch on this machine's CPU.

{table}

## Made by
`python -m tinyworld.train trimodal {arguments}`

`python -m tinyworld.measure trimodal` measures again.
"""

OPTIONS = ("steps", "batch", "pool", "rate", "width", "layers", "seed")  # that the command on the card says


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clocks: dict[str, loop.Clock]) -> str:
    """The card of the models in `folder`; a clock for each."""
    clock = next(iter(clocks.values()))
    return TEXT.format(
        models="; ".join(clocks),
        tokens=pointing.FRAMES // pointing.TOGETHER,
        steps=clock.step,
        batch=args.batch,
        pool=args.pool,
        minutes=", ".join(f"{c.cpu_seconds / 60:.0f}" for c in clocks.values()),
        megabytes=megabytes(folder),
        scenes=args.scenes,
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
