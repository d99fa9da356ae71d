"""The card of the model that writes programs."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.programs import measure

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: image-to-text
---
# Tiny model of tinyworld that writes pictures as programs

A `VisionEncoderDecoderModel` that reads a 64x64 scene of coloured shapes and writes the few lines of SVG that draw it
(`tinyworld.programs`). It is made for teaching: it knows one small world and one small language, and nothing else.

| | |
|---|---|
| encoder | the vision tower of the course's CLIP, trained on, {encoder:.2f} million parameters |
| decoder | GPT-2 with cross-attention, {layers} layers, {decoder:.2f} million parameters |
| vocabulary | {vocabulary} tokens, each a part of a line |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch}, scenes of one object first |
| time | {minutes:.0f} CPU-minutes in the training process |
| licence | MIT, weights and code |

## Measured
{scenes} pictures a figure, of scenes that were never trained on; the program is written token by token, the likeliest
each time, then parsed and drawn. IoU: of the masks of objects that shape and colour match, 0 for one without a partner;
the right program itself reaches 0.95, since coordinates are whole half-pixels. New pairs: scenes of the compositional
split, whose colour and shape never came together in training.

{table}

## Made by
`python -m tinyworld.train programs {arguments}`

`python -m tinyworld.measure programs` measures again.
"""

OPTIONS = ("steps", "batch", "rate", "layers", "telling", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a model that is already in `folder`."""
    model, _ = measure.load(folder)
    return TEXT.format(
        encoder=millions(model.encoder),
        decoder=millions(model.decoder),
        layers=model.decoder.config.n_layer,
        vocabulary=model.decoder.config.vocab_size,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        minutes=clock.cpu_seconds / 60,
        scenes=args.scenes,
        table=measure.table(figures),
        arguments=options(args, OPTIONS),
    )
