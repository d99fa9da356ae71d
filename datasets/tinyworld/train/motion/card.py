"""The card of the motion module."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld import motion
from tinyworld.films.reading import RESIDUAL
from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.motion import measure

TEXT = """---
license: mit
library_name: diffusers
pipeline_tag: text-to-video
---
# Tiny motion module of tinyworld

A `MotionAdapter` for the course's latent diffusion model, which stays as it is, and {tokens} learnt tokens a motion. It
is made for teaching: eight frames of one object that moves.

| | |
|---|---|
| module | {parameters:.2f} million parameters, its last layers begun at nought |
| words | {words:.2f} million parameters: motion, way and pace, added together |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} films of one object; predicts v, as the painter does |
| time | {minutes:.0f} CPU-minutes with the encoding, {threads} thread(s) of a shared CPU |
| defaults | guidance {guidance:g}, {sampling} steps |
| licence | MIT, weights and code |

## Measured
{scenes} captions of one object that were in no training, and a quarter as many for the last two rows: the painter by
itself, told the same without the motion, from eight noises or from one. `tinyworld.films.reading` reads films back.
Identity: frames with the shape and colour that were told. Direction: of the motions that have one. Residual: the median
of the acceleration that the told motion's law does not explain, in pixels a frame squared. All right: identity, motion,
and a residual of at most {residual:g}.

{table}

## Made by
`python -m tinyworld.train motion {arguments}`

`python -m tinyworld.measure motion` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a motion module that is already in `folder`."""
    pipe, words = motion.load(folder)
    moving = sum(p.numel() for name, p in pipe.unet.named_parameters() if "motion_modules" in name) / 1e6
    return TEXT.format(
        tokens=motion.TOKENS,
        parameters=moving,
        words=millions(words),
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        guidance=motion.GUIDANCE,
        sampling=motion.STEPS,
        scenes=args.scenes,
        residual=RESIDUAL,
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
