"""The card of the three connectors."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, options
from tinyworld.train.connectors import measure

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: image-text-to-text
---
# Three connectors of tinyworld

The course's LLaVA with its projector, with BLIP-2's Q-Former (Li et al. 2023) and with Flamingo's Perceiver resampler
(Alayrac et al. 2022) between the same vision tower and the same language model, trained alike. Made for teaching; they
know scenes of coloured shapes and nothing else. `tinyworld.connectors.load(folder / kind)` loads one.

| | |
|---|---|
| kinds | {kinds} |
| towers | the course's CLIP and the language model of the course's LLaVA, both frozen and not in this folder |
| training, each | {steps} steps of {batch} conversations of {turns} turns, the same ones in the same order |
| time | {minutes} CPU-minutes |
| weights | of the connectors alone, float16 safetensors, {megabytes:.1f} MB in all |
| licence | MIT, weights and code |

## Measured
{scenes} scenes of the test split a figure; answers are decoded greedily. Where: the box overlaps the true one by at
least half. One pass: of the whole model over one picture with a short question, on this machine's CPU. The language
model had learnt with a projector, which favours the projector. One seed: small differences mean nothing.

{table}

## Made by
`python -m tinyworld.train connectors {arguments}`

`python -m tinyworld.measure connectors` measures again.
"""

OPTIONS = ("steps", "batch", "turns", "queries", "rate", "meaning", "seed")  # that the command on the card says


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clocks: dict[str, loop.Clock]) -> str:
    """The card of the connectors in `folder`; a clock for each."""
    clock = next(iter(clocks.values()))
    return TEXT.format(
        kinds=", ".join(clocks),
        steps=clock.step,
        batch=args.batch,
        turns=args.turns,
        minutes=", ".join(f"{c.cpu_seconds / 60:.0f}" for c in clocks.values()),
        megabytes=megabytes(folder),
        scenes=args.scenes,
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
