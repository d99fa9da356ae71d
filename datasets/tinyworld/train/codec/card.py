"""The card of the codec."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.codec import BANDS, FRAME_RATE, HOP
from tinyworld.train import loop
from tinyworld.train.cards import megabytes, options
from tinyworld.train.codec import measure
from tinyworld.train.vocoder.spectra import JUDGED

TEXT = """---
license: mit
library_name: pytorch
---
# Tiny codec of tinyworld

`tinyworld.codec.MelCodec`: 16 kHz sound to {rate} frames a second of up to {books} codes of {bits} bits, and back. The
mel spectrogram of SpeechT5 is the encoder, EnCodec's residual quantiser (`EncodecResidualVectorQuantizer`) is between,
the course's vocoder is the decoder. It is made for teaching and knows synthetic voices only.

| | |
|---|---|
| a frame | {hop} samples: {bands} bands, each brought to mean 0 and variance 1 over speech |
| codes | {books} books of {codes} codes of {bands} numbers; each holds what the ones before left over |
| weights | float16 safetensors, {megabytes:.1f} MB, and the vocoder's |
| training | k-means, {rounds} rounds a book, on {frames} frames of {takes} sentences |
| time | {minutes:.1f} CPU-minutes with the synthesis, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

## Measured
The shipped test recordings (`tinyworld.voices`) of nine voices that were in no training. Word error rate: by the
course's Whisper. Nearest of nine copies: by the course's speaker embedding, among the voices' enrolment after the same
codec. Distance: mean difference of log magnitudes from the recording's through windows of {judged} samples. Left over:
of the frames' variance. Codes in use: the perplexity of what each book's codes are. No codes: the vocoder alone.

{table}

## Made by
`python -m tinyworld.train codec {arguments}`

`python -m tinyworld.measure codec` measures again.
"""

# What the command on the card says.
OPTIONS = ("takes", "frames", "rounds", "codes", "books", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a codec that is already in `folder`."""
    codec = measure.load(folder)
    return TEXT.format(
        rate=FRAME_RATE,
        books=codec.books,
        bits=codec.bits,
        codes=2**codec.bits,
        hop=HOP,
        bands=BANDS,
        megabytes=megabytes(folder),
        rounds=clock.step,
        frames=args.frames,
        takes=args.takes,
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        judged=", ".join(map(str, JUDGED)),
        table=measure.table(figures),
        arguments=options(args, OPTIONS),
    )
