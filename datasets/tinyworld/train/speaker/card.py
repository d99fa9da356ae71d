"""The card of the speaker embedding."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.speaker import measure
from tinyworld.train.speaker.settings import MARGIN, SECONDS, WIDTH
from tinyworld.train.voices.corpus import voices

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: audio-classification
---
# Tiny speaker embedding of tinyworld

A `WavLMForXVector` with {parameters:.2f} million parameters, trained from nothing on espeak-ng's voices: `embeddings`
are {width} numbers whose angle tells whether two recordings are of one voice. It is made for teaching and knows
synthetic voices only. Do not use it on people.

| | |
|---|---|
| input | 16 kHz sound of half a second or more, normalised by its `Wav2Vec2FeatureExtractor` |
| model | four convolutions (20 ms a frame), {layers} transformer layer, three time-delay layers, mean and deviation |
| loss | `AMSoftmaxLoss`, margin {margin}; `classifier` is the identity, so it acts on `embeddings` themselves |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} pieces of {seconds:.0f} s; {voices} voices of {speakers} speakers, four styles |
| time | {minutes:.0f} CPU-minutes with the synthesis, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

## Measured
On the shipped recordings (`tinyworld.voices`) of nine voices that were in no training. Equal error rate: over all
pairs of recordings of the row. Nearest of nine: the voice whose three enrolment sentences, which say something else,
lie nearest. The styles change pitch, range, rate and loudness.

{table}

## Made by
`python -m tinyworld.train speaker {arguments}`

`python -m tinyworld.measure speaker` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "width", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a speaker embedding that is already in `folder`."""
    model, _ = measure.load(folder)
    return TEXT.format(
        parameters=millions(model),
        width=WIDTH,
        layers=model.config.num_hidden_layers,
        margin=MARGIN,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        seconds=SECONDS,
        voices=len(voices("train")),
        speakers=len({voice.speaker for voice in voices("train")}),
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
