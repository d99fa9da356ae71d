"""The card of the language model over words and image tokens."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld import tokens
from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.token_lm import measure
from tinyworld.train.token_lm.sampling import GUIDANCE

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: text-to-image
---
# Tiny language model of tinyworld over words and image tokens

A `GPT2LMHeadModel` with one vocabulary for words and pictures: it paints 64x64 scenes of coloured shapes from captions,
token by token, describes pictures and answers questions about them, all with the same weights (`tinyworld.tokens`).
Pictures become tokens by the course's `VQModel`. It is made for teaching: it knows one small world and nothing else.

| | |
|---|---|
| model | {model:.2f} million parameters, {layers} layers, {width} wide |
| vocabulary | {words} words and marks, and {codes} codes of a picture |
| a picture | {picture} tokens, after a caption in {text} places |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} sequences, scenes of one object first |
| time | {minutes:.0f} CPU-minutes in the training process |
| defaults | guidance {guidance:g} |
| licence | MIT, weights and code |

## Measured
{scenes} captions a figure, whose facts were kept out of training in every wording; half of them are paraphrases: those
that the latent diffusion model is measured on. The pictures are read by the judge (`python -m tinyworld.train judge`),
which has seen no generated picture. New pairs: captions of the compositional split, whose colour and shape never came
together in training. Relation: of the pictures where both objects are there. Where the rows do not say otherwise,
guidance is {guidance:g}. Bits say how likely tokens are, not pixels: they cannot be compared with a diffusion model's.

{table}

## Made by
`python -m tinyworld.train token_lm {arguments}`

`python -m tinyworld.measure token_lm` measures again.
"""

OPTIONS = ("steps", "batch", "rate", "width", "layers", "shard", "uses", "simple", "telling", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a model that is already in `folder`."""
    model = measure.load(folder)
    return TEXT.format(
        model=millions(model),
        layers=model.config.n_layer,
        width=model.config.n_embd,
        words=tokens.IMAGE_OFFSET,
        codes=tokens.CODES,
        picture=tokens.PICTURE,
        text=tokens.TEXT,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        minutes=clock.cpu_seconds / 60,
        guidance=GUIDANCE,
        scenes=args.scenes,
        table=measure.table(figures),
        arguments=options(args, OPTIONS),
    )
