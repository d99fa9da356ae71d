"""The card of the codec."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.codec import measure
from tinyworld.train.vocoder.spectra import JUDGED

TEXT = """---
license: mit
library_name: transformers
---
# Tiny codec of tinyworld

An `EncodecModel` with {parameters:.2f} million parameters, trained from nothing on espeak-ng's voices: 16 kHz sound to
{frames} frames a second of up to {books} codes of {bits} bits, and back. It is made for teaching and knows synthetic
voices only.

| | |
|---|---|
| input | 16 kHz sound in [-1, 1], not normalised; {hop} samples a frame |
| model | strides {ratios} from the frames up, {width} channels at the sound's own rate; not causal |
| codes | {books} books of {codes} codes of {numbers} numbers; each holds what the ones before left over |
| loss | spectrograms through windows of four lengths, the mel, the wave, commitment; no adversary |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} pieces of 0.64 s; the first {whole:.0f} % without codes |
| time | {minutes:.0f} CPU-minutes with the synthesis, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

transformers' class keeps its codebooks as buffers, which nothing trains: here moving averages beside it did.

## Measured
The shipped test recordings (`tinyworld.voices`) of nine voices that were in no training. Word error rate: by the
course's Whisper. Nearest of nine: by the course's speaker embedding, among the voices' enrolment recordings; of nine
copies: among these after the same codec. Distance: mean difference of log magnitudes from the recording's through
windows of {judged} samples. Codes in use: the perplexity of what each book's codes are.

{table}

## Made by
`python -m tinyworld.train codec {arguments}`

`python -m tinyworld.measure codec` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "width", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a codec that is already in `folder`."""
    from tinyworld.train.codec.recipe import WHOLE

    model = measure.load(folder)
    config = model.config
    return TEXT.format(
        parameters=millions(model),
        frames=config.frame_rate,
        books=config.num_quantizers,
        bits=model.bits_per_codebook,
        hop=config.hop_length,
        ratios=", ".join(map(str, config.upsampling_ratios)),
        width=config.num_filters,
        codes=config.codebook_size,
        numbers=config.codebook_dim,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        whole=100 * WHOLE,
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        judged=", ".join(map(str, JUDGED)),
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
