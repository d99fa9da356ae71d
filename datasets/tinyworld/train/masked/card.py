"""The card of the masked painter."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.masked import measure
from tinyworld.train.masked.sampling import GUIDANCE, STEPS

TEXT = """---
license: mit
library_name: diffusers
pipeline_tag: text-to-image
---
# Tiny masked painter of tinyworld

A `UVit2DModel`, the transformer of aMUSEd (Patil et al. 2024), that paints 64x64 scenes of coloured shapes from
captions by filling in masked tokens, all places at once and the surest first (MaskGIT, Chang et al. 2022). Pictures
become tokens by the course's `VQModel`; captions are read by the text tower of the course's CLIP, frozen, as for the
course's latent diffusion model. It is made for teaching: it knows one small world and nothing else.

| | |
|---|---|
| model | {model:.2f} million parameters, {width} wide, {blocks} blocks, {layers} layers, {blocks} blocks |
| told | CLIP's last hidden states and the one at the caption's end; micro-conditions are always the same |
| mask | id {mask}, the last of the vocabulary |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch}, scenes of one object first |
| time | {minutes:.0f} CPU-minutes in the training process |
| defaults | guidance {guidance:g}, {passes} steps of `AmusedScheduler` |
| licence | MIT, weights and code |

## Measured
{scenes} captions a figure, whose facts were kept out of training in every wording; half of them are paraphrases: those
that the latent diffusion model is measured on. The pictures are read by the judge (`python -m tinyworld.train judge`),
which has seen no generated picture. New pairs: captions of the compositional split, whose colour and shape never came
together in training. Relation: of the pictures where both objects are there. Where the rows do not say otherwise,
guidance is {guidance:g} and there are {passes} steps.

{table}

## Made by
`python -m tinyworld.train masked {arguments}`

`python -m tinyworld.measure masked` measures again.
"""

OPTIONS = ("steps", "batch", "rate", "width", "layers", "blocks", "shard", "uses", "simple", "telling", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a model that is already in `folder`."""
    model = measure.load(folder)
    return TEXT.format(
        model=millions(model),
        width=model.config.hidden_size,
        blocks=model.config.num_res_blocks,
        layers=model.config.num_hidden_layers,
        mask=model.config.vocab_size - 1,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        minutes=clock.cpu_seconds / 60,
        guidance=GUIDANCE,
        passes=STEPS,
        scenes=args.scenes,
        table=measure.table(figures),
        arguments=options(args, OPTIONS),
    )
