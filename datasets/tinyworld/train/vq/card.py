"""The card of the image tokeniser."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.vq import measure

TEXT = """---
license: mit
library_name: diffusers
---
# Tiny image tokeniser of tinyworld

A `VQModel` (van den Oord et al. 2017) that turns a 64x64 picture of coloured shapes into 8x8 tokens of {codes} codes
and back. It was begun with the weights of the course's autoencoder (see the latent diffusion model) and is made for
teaching: it knows one small world and nothing else.

| | |
|---|---|
| model | `VQModel`, {model:.2f} million parameters, codes of {width} numbers |
| a picture | 64 tokens of 8 bits: 512 bits, of 98,304 in its pixels |
| codes | moving averages of what chose them; the loss has the commitment term only |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} crops, then of {whole} pictures; the decoder alone in the end |
| time | {minutes:.0f} CPU-minutes in the training process |
| licence | MIT, weights and code |

diffusers gives every `VQModel` the loss of `legacy=True`, with beta on the wrong term (issue 8226), and no
configuration says otherwise: set `vq.quantize.legacy = False` before training on.

## Measured
{scenes} pictures of the test split a figure, encoded and decoded, then read by the judge (`python -m tinyworld.train
judge`). New pairs: scenes of the compositional split, whose colour and shape never came together in training. Codes
used: by four times as many pictures.

{table}

## Made by
`python -m tinyworld.train vq {arguments}`

`python -m tinyworld.measure vq` measures again.
"""

OPTIONS = ("steps", "batch", "whole", "rate", "reading", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a model that is already in `folder`."""
    vq = measure.load(folder)
    return TEXT.format(
        codes=vq.config.num_vq_embeddings,
        width=vq.config.vq_embed_dim,
        model=millions(vq),
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        whole=args.whole,
        minutes=clock.cpu_seconds / 60,
        scenes=args.scenes,
        table=measure.table(figures),
        arguments=options(args, OPTIONS),
    )
