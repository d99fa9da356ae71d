"""The card of the classifier of moods."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld import senses
from tinyworld.films import MOODS
from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.mood import measure

TEXT = """---
license: mit
library_name: pytorch
---
# Tiny classifier of acted moods of tinyworld

A `tinyworld.senses.MoodClassifier` with {parameters:.2f} million parameters, for gaits of coloured shapes and
synthetic voices. It is made to teach fusion. **It knows nothing of how anybody feels**: the moods ({moods}) are
conventions that the course's authors made up and a program acts. To infer emotions of people at work or in education
is prohibited in the European Union, but for medical and safety reasons (Regulation (EU) 2024/1689, Article 5(1)(f)).

| | |
|---|---|
| senses | 8 frames as the course's video model sees them; up to {seconds} seconds of voice as {mels} mel bands |
| model | {width} wide; a layer for each sense, one over both for early fusion; late is the mean of log probabilities |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} pairs of a gait and a voice of one mood; a sense is sometimes missing |
| time | {minutes:.0f} CPU-minutes with the speaking, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

## Measured
{scenes} recordings of nine voices that were in no training, each beside a gait of a film of the test split;
{chance:.0f} % by chance. Below, gait and voice are of two moods: how often the answer is the one's or the other's.

{table}

## Made by
`python -m tinyworld.train mood {arguments}`

`python -m tinyworld.measure mood` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "rate", "pool", "uses", "width", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a classifier that is already in `folder`."""
    model = senses.load_mood(folder)
    return TEXT.format(
        parameters=millions(model),
        moods=", ".join(MOODS),
        seconds=senses.VOICE,
        mels=senses.MELS,
        width=model.settings["width"],
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        scenes=min(args.scenes, measure.SCENES),
        chance=100 / len(MOODS),
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
