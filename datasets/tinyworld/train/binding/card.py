"""The card of the binder."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld import senses
from tinyworld.train import loop
from tinyworld.train.binding import measure
from tinyworld.train.cards import megabytes, millions, options

TEXT = """---
license: mit
library_name: pytorch
---
# Tiny binder of tinyworld

A `tinyworld.senses.Binder` with {parameters:.2f} million parameters: films, sounds and IMU in one space, as in
ImageBind. It is made for teaching. The films come as the last layer of the course's video model has them, which stays
as it is.

| | |
|---|---|
| senses | 8 frames; a second of sound as {mels} mel bands; a second of IMU, 6 axes at 64 Hz |
| towers | {width} wide, convolutions and one layer of attention each |
| space | unit vectors of {space} numbers |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {half} films with sounds and {half} other films with IMU; no film gave both |
| time | {minutes:.0f} CPU-minutes with the synthesis, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

## Measured
R@1: the right one of {of} is the nearest ({chance:.1f} % by chance), the mean over {times} sets of films of contents
that were in no training. Sounds and IMU never came together in training: pictures bound both.

{table}

## Made by
`python -m tinyworld.train binding {arguments}`

`python -m tinyworld.measure binding` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "width", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a binder that is already in `folder`."""
    model = senses.load_binder(folder)
    return TEXT.format(
        parameters=millions(model),
        mels=senses.MELS,
        width=model.settings["width"],
        space=model.settings["space"],
        megabytes=megabytes(folder),
        steps=clock.step,
        half=args.batch // 2,
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        of=measure.OF,
        chance=100 / measure.OF,
        times=args.scenes,
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
