"""The card of Flamingo."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.flamingo import measure

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: image-text-to-text
---
# Tiny Flamingo of tinyworld

An `IdeficsForVisionText2Text` (Laurençon et al. 2023), the open reproduction of Flamingo (Alayrac et al. 2022), with
{parameters:.2f} million parameters. It compares several pictures, counts over them, and finds out from examples in its
prompt what it is asked. It is made for teaching: it knows scenes of coloured shapes and the words of one small grammar,
and nothing else. Do not use it on photographs.

| | |
|---|---|
| vision tower | that of the course's CLIP, {vision:.2f} million parameters, unchanged |
| resampler | {latents} latents, {depth} blocks, {resampler:.2f} million parameters |
| gated cross-attention | before {crossings} of {layers} layers, {gated:.2f} million parameters |
| language model | that of the course's LLaVA, trained on, {language:.2f} million parameters |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} albums and {talks} conversations about one picture |
| time | {cpu_minutes:.0f} CPU-minutes in the training process |
| licence | MIT, weights and code |

## Measured
{scenes} albums a figure, all of whose scenes are of a split that shares none with training; answers are decoded
greedily. Differs: which of three pictures has another colour, shape, size or background. Shows: which shows the object
that is named. In all: how many of a kind over two or three pictures. One of them: a question about the n-th. Examples:
pictures with one word each; which attribute the words name is never said, so without an example nothing can tell.
Pairs never seen: scenes with a (colour, shape) pair that training never held.

{table}

## Made by
`python -m tinyworld.train flamingo {arguments}`

The vision tower is frozen; the language model is not, since LLaVA's has never read of several pictures. While training,
heads that are thrown away asked the latents which objects there are, and the state of each picture's token what that
picture alone has to say to the question. `python -m tinyworld.measure flamingo` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "talks", "latents", "depth", "every", "rate", "seeing", "meaning", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a Flamingo checkpoint that is already in `folder`."""
    whole = measure.load(folder).model
    model, config = whole.model, whole.config
    return TEXT.format(
        parameters=millions(whole),
        vision=millions(model.vision_model),
        latents=config.perceiver_config.resampler_n_latents,
        depth=config.perceiver_config.resampler_depth,
        resampler=millions(model.perceiver_resampler),
        crossings=len(model.gated_cross_attn_layers),
        layers=config.num_hidden_layers,
        gated=millions(model.gated_cross_attn_layers),
        language=millions(model.layers) + millions(model.embed_tokens),
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        talks=args.talks,
        cpu_minutes=clock.cpu_seconds / 60,
        scenes=args.scenes,
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
