"""The card of the vocoder."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.vocoder import measure
from tinyworld.train.vocoder.spectra import JUDGED, TRAINED

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: text-to-speech
---
# Tiny vocoder of tinyworld

A `SpeechT5HifiGan` with {parameters:.2f} million parameters, trained from nothing on espeak-ng's voices: from
SpeechT5's mel spectrogram (80 bands, 62.5 frames a second) to sound at 16 kHz. It is made for teaching and knows
synthetic voices only.

| | |
|---|---|
| input | log10 of mel amplitudes, as `SpeechT5FeatureExtractor` makes them of `audio_target`; not normalised |
| model | upsampling by {rates}, channels from {width}, residual blocks with kernels {kernels} |
| loss | spectral convergence and log magnitude through windows of {windows} samples, and the mel; no adversary |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} pieces of half a second |
| time | {minutes:.0f} CPU-minutes with the synthesis, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

## Measured
Copy synthesis of the shipped test recordings (`tinyworld.voices`) of nine voices that were in no training. Word error
rate: by the course's Whisper. Nearest of nine: by the course's speaker embedding, among the voices' enrolment
recordings; of nine copies: among these after the same way through the mel. Distance: mean difference of log magnitudes
from the recording's through windows of {judged} samples, that no loss looked through. Griffin-Lim makes 60 rounds from
the same mel. Real-time factor: seconds to make a second, on the machine that wrote this card.

{table}

## Made by
`python -m tinyworld.train vocoder {arguments}`

`python -m tinyworld.measure vocoder` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "width", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a vocoder that is already in `folder`."""
    model = measure.load(folder)
    config = model.config
    return TEXT.format(
        parameters=millions(model),
        rates=", ".join(map(str, config.upsample_rates)),
        width=config.upsample_initial_channel,
        kernels=" and ".join(map(str, config.resblock_kernel_sizes)),
        windows=", ".join(map(str, TRAINED)),
        judged=", ".join(map(str, JUDGED)),
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
