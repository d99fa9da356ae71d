"""The card of the reader."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.reader import measure

LAST = 2.0  # the guide's strength at the end

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: text-to-speech
language: [en]
---
# Tiny reader of tinyworld

A `SpeechT5ForTextToSpeech` with {parameters:.2f} million parameters, trained from nothing on one of espeak-ng's voices:
from phones to the mel spectrogram that the course's vocoder reads. Nobody told it how long a phone lasts; its attention
learnt it, with week 7's guided attention. It is made for teaching and speaks only the world's {words} words, in one
synthetic voice.

| | |
|---|---|
| input | ids of `tinyworld.phones.Phones`: espeak-ng's names, General American |
| voice | espeak-ng's `{speaker}`, neutral, at one pace; `speaker_embeddings` is always 1 |
| output | log10 of mel amplitudes, 80 bands, 62.5 frames a second, {reduction} a step |
| model | {layers} + {layers} layers of {heads} heads, width {width}; a post-net of two layers |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} sentences; the class's own loss |
| guided attention | on every head: sigma {sigma}, strength {guide:g}, falling to {last:g} |
| time | {minutes:.0f} CPU-minutes with the synthesis, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

The class's prenet drops numbers at random when it speaks, too: seed it, or no two runs are alike.

## Measured
Texts of the shipped test recordings (`tinyworld.voices`), which were in no training; the vocoder makes the sound. Word
error rate by the course's Whisper; seven words in no order as well. A phone is skipped that no step gives a fifth of
its attention; attention goes back where its highest place is two phones or more before that of the step before. A
second of speech takes {real_time:.2f} seconds.

{table}

## Made by
`python -m tinyworld.train reader {arguments}`

The shipped weights come of a run that was planned for 8000 steps and cut to 4200 at step 3088, so its rate and its
guide fell later and faster than by this command.

`python -m tinyworld.measure reader` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "width", "layers")
FURTHER = ("reduction", "guide", "sigma", "speaker", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a reader that is already in `folder`."""
    model, phones = measure.load(folder)
    return TEXT.format(
        parameters=millions(model),
        words=len(phones.words),
        speaker=args.speaker,
        reduction=model.config.reduction_factor,
        layers=model.config.encoder_layers,
        heads=model.config.encoder_attention_heads,
        width=model.config.hidden_size,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        sigma=args.sigma,
        guide=args.guide,
        last=LAST,
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        real_time=figures["real time"],
        table=measure.table(figures),
        arguments=options(args, OPTIONS + FURTHER, steps=clock.step),
    )
