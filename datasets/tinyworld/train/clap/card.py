"""The card of the audio-text embedding."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.sounds import MATERIALS, MOODS, PITCHES, RHYTHMS
from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.clap import measure

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: zero-shot-audio-classification
---
# Tiny CLAP of tinyworld

A `ClapModel` with {parameters:.2f} million parameters, trained from nothing on synthesised sounds (`tinyworld.sounds`)
and their captions. It is made for teaching and knows {kinds} kinds of sound.

| | |
|---|---|
| sounds | two seconds at 16 kHz: {bands} mel bands in dB by `ClapFeatureExtractor`; Swin of depths {depths} |
| texts | RoBERTa of {layers} layers, {vocabulary} byte-level pieces |
| space | unit vectors of {width} numbers |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} sounds, all of different kinds; contrastive, with heads that are thrown away |
| time | {minutes:.0f} CPU-minutes with the synthesis, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

## Measured
{of} sounds of kinds that were in no training, played and worded at random, {times} times over. R@1: the right one of
{of} is the nearest. Material, pitch, rhythm, mood: of the captions that differ in this fact alone, the right one is the
nearest ({chances} by chance).

{table}

## Made by
`python -m tinyworld.train clap {arguments}`

`python -m tinyworld.measure clap` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "width", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a CLAP that is already in `folder`."""
    model, processor = measure.load(folder)
    counts = [len(known) for known in (MATERIALS, PITCHES, RHYTHMS, MOODS)]
    return TEXT.format(
        parameters=millions(model),
        kinds=counts[0] * counts[1] * counts[2] * counts[3],
        bands=model.config.audio_config.num_mel_bins,
        depths=", ".join(map(str, model.config.audio_config.depths)),
        layers=model.config.text_config.num_hidden_layers,
        vocabulary=len(processor.tokenizer),
        width=model.config.projection_dim,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        of=measure.OF,
        times=min(args.scenes or measure.TIMES, measure.TIMES),
        chances=", ".join(f"{100 / n:.0f} %" for n in counts),
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
