"""The card of the codec language model."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.codec_lm import measure

TEXT = """---
license: mit
library_name: pytorch
pipeline_tag: text-to-speech
language: [en]
---
# Tiny codec language model of tinyworld

`tinyworld.codec_lm.CodecLM`, a `GPT2LMHeadModel` of {parameters:.2f} million parameters over the codes of the course's
codec, trained from nothing on espeak-ng's voices: VALL-E's first stage, told which frame says which phone. It is made
for teaching and speaks only the world's words, in synthetic voices. Do not give it a person's voice.

| | |
|---|---|
| a frame | the code before it, its phone and both neighbours, where in the phone it is, a voice and a style |
| voice | 64 numbers of the course's speaker embedding |
| output | the next code of the codec's first book, 1024 kinds, 62.5 a second |
| model | {layers} layers of {heads} heads, width {width} |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} sentences; one code in eight that is looked back on is wrong |
| voices | 372 of 62 speakers |
| time | {minutes:.0f} CPU-minutes with the synthesis, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

## Measured
Texts of the shipped test recordings (`tinyworld.voices`) in the nine voices of those, which were in no training; the
voice is the embedding of three seconds of its enrolment, durations are the course's talker's. Word error rate by the
course's Whisper; seven words in no order as well. Voice picked of nine: whose enrolment, through the codec's first book
as well, the sound's embedding lies nearest. Eighteen sentences at once, a second of speech takes
{real_time:.2f} seconds.

{table}

## Made by
`python -m tinyworld.train codec_lm {arguments}`

`python -m tinyworld.measure codec_lm` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "width", "layers", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a codec language model that is already in `folder`."""
    model = measure.load(folder)
    config = model.model.config
    return TEXT.format(
        parameters=millions(model),
        layers=config.n_layer,
        heads=config.n_head,
        width=config.n_embd,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        real_time=figures["real time"],
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
