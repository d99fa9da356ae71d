"""The card of the judge."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld import judge as judges
from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions
from tinyworld.train.judge import measure
from tinyworld.train.judge.distortions import WRONG

TEXT = """---
license: mit
library_name: pytorch
---
# The judge of tinyworld

A convolutional network with {parameters:.2f} million parameters that reads a picture of coloured shapes: where the
objects are, the shape, colour and size of each, and the background (`tinyworld.judge`). It measures pictures that other
models make, was trained apart from all of them and has seen none of theirs. What is no shape, colour or background of
the world it calls unclear.

| | |
|---|---|
| network | 16x16 cells of 4x4 pixels, each with a score for an object's centre and that object's attributes |
| weights | float16 safetensors, {megabytes:.2f} MB |
| training | {steps} steps of {batch} drawings, coloured anew and softened; {wrong:.0f} % of shapes and colours wrong |
| time | {cpu_minutes:.0f} CPU-minutes |
| licence | MIT, weights and code |

## Measured
{scenes} scenes a figure. An attribute is right when it is right for every object of the scene; the relation is that of
two objects. Soft: the same pictures blurred, noisy, warped or compressed as in training. Right throughout: number,
every attribute of every object, and the background. Places are off by {place:.2f} pixels of 64 on average.

{table}

## Made by
`python -m tinyworld.train judge --steps {steps} --batch {batch} --width {width} --seed {seed}`

The shipped run was begun with twice as many steps in view and shortened at step 297, so its learning rate fell a little
differently: expect figures like these, not the same bits.
`python -m tinyworld.measure judge` measures again.
"""


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a judge that is already in `folder`."""
    return TEXT.format(
        parameters=millions(judges.load(folder)),
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        width=args.width,
        seed=args.seed,
        wrong=100 * WRONG,
        cpu_minutes=clock.cpu_seconds / 60,
        scenes=args.scenes,
        place=figures["test/place, pixels"],
        table=measure.table(figures),
    )
