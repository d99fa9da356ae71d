"""The card of the classifier of motions."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.video import measure

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: video-classification
---
# Tiny VideoMAE classifier of tinyworld

A `VideoMAEForVideoClassification` with {parameters:.2f} million parameters, trained on films of `tinyworld.films`
with their motions, without masks before. It is made for teaching and knows twelve motions of coloured shapes.

| | |
|---|---|
| films | 8 frames of 64x64, one second, values in [-1, 1]; tubelets of {tubelet} frames of {patch}x{patch} |
| layers | {layers}, {width} wide, {heads} heads, joint attention |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} films, half mirrored, one in eight a single frame; heads that are thrown away |
| time | {minutes:.0f} CPU-minutes with the drawing, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

## Measured
{scenes} films a figure, of contents that were in no training. Compositional: with colours and shapes that never came
together in training. One frame: a random frame eight times, as one film in eight was in training. Shuffled: the frames
in random order, reversed: backwards, both as they never were in training, and counted by the film's own motion.

{table}

## Made by
`python -m tinyworld.train video {arguments}`

`python -m tinyworld.measure video` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "width", "layers", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a classifier that is already in `folder`."""
    model = measure.load(folder)
    config = model.config
    return TEXT.format(
        parameters=millions(model),
        patch=config.patch_size,
        tubelet=config.tubelet_size,
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        scenes=args.scenes,
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
