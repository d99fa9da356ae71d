"""The card of the talker."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.talker import measure
from tinyworld.train.talker.features import EACH
from tinyworld.train.voices.corpus import ACTED, voices

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: text-to-speech
language: [en]
---
# Tiny talker of tinyworld

A `FastSpeech2ConformerModel` with {parameters:.2f} million parameters, trained from nothing on espeak-ng's voices: from
phones, a voice's embedding and a style to the mel spectrogram that the course's vocoder reads. It is made for teaching
and speaks only the world's {words} words, in synthetic voices. Do not give it a person's voice.

| | |
|---|---|
| input | ids of `tinyworld.phones.Phones`: espeak-ng's names, General American |
| voice | `speaker_embedding`: 64 numbers of the course's speaker embedding |
| style | `lang_ids`: the class's slot for languages holds it, {styles} |
| output | log10 of mel amplitudes, 80 bands, 62.5 frames a second; `duration_outputs` in frames |
| pitch, energy | of each phone: octaves above 150 Hz; log10 of the root mean square, plus 1.5 |
| model | {layers} + {layers} Conformer layers, width {width}; a post-net of two layers |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} sentences; {voices} voices of {speakers} speakers; the class's own loss |
| time | {minutes:.0f} CPU-minutes with the synthesis, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

`speaking_speed` in the configuration multiplies durations: above 1 it is slower.

## Measured
Texts of the shipped test recordings (`tinyworld.voices`) in the nine voices of those, which were in no training; the
embedding of a voice is the mean of its three enrolment sentences. The vocoder makes the sound. Word error rate by the
course's Whisper; seven words in no order as well, for Whisper knows the grammar and repairs what it hears badly. Voice
picked of nine: whose enrolment, through the vocoder as well, the sound's embedding lies nearest. Styles: against
neutral, over the same sentences; the pitch is what the talker gives to every frame. A second of speech takes
{real_time:.2f} seconds.

{table}

## Made by
`python -m tinyworld.train talker {arguments}`

Durations are espeak-ng's own; pitch is measured by autocorrelation.
`python -m tinyworld.measure talker` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "width", "layers", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a talker that is already in `folder`."""
    model, phones = measure.load(folder)
    return TEXT.format(
        parameters=millions(model),
        words=len(phones.words),
        styles=", ".join(f"{i} {name}" for i, name in enumerate(ACTED)),
        layers=model.config.encoder_layers,
        width=model.config.hidden_size,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        voices=len(voices("train", EACH)),
        speakers=len({voice.speaker for voice in voices("train")}),
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        real_time=figures["real time"],
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
