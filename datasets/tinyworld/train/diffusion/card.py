"""The card of the latent diffusion model."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.diffusion import measure

TEXT = """---
license: mit
library_name: diffusers
pipeline_tag: text-to-image
---
# Tiny latent diffusion model of tinyworld

A `StableDiffusionPipeline` (Rombach et al. 2022) that paints 64x64 scenes of coloured shapes from captions, trained
from nothing. It is small enough to paint on a CPU and is made for teaching: it knows eight colours, six shapes, two
sizes, six backgrounds, four relations and the captions of one small grammar, and nothing else.

| | |
|---|---|
| autoencoder | `AutoencoderKL`, {vae:.2f} million parameters, latents {channels}x8x8, whitened: scaling_factor is 1 |
| UNet | `UNet2DConditionModel`, {unet:.2f} million parameters, widths {widths}, predicts v |
| text encoder | the text tower of the course's CLIP, {text:.2f} million parameters, unchanged |
| scheduler | DDIM, linear betas, trailing steps |
| weights | float16 safetensors, {megabytes:.1f} MB in all |
| training | autoencoder {first} steps of {first_batch}, UNet {second} steps of {second_batch} |
| time | {first_minutes:.0f} and {second_minutes:.0f} CPU-minutes in the training process |
| defaults | guidance {guidance:g}, {steps} steps |
| licence | MIT, weights and code |

## Measured
{scenes} captions a figure, whose facts were kept out of training in every wording; half of them are paraphrases. The
pictures are read by the judge (`python -m tinyworld.train judge`), which has seen no generated picture. Where the rows
do not say otherwise, guidance is {guidance:g} and there are {steps} steps. New pairs: captions of the compositional
split, whose colour and shape never came together in training. Relation: of the pictures where both objects are there.

{table}

## Made by
`python -m tinyworld.train diffusion {arguments}`

`python -m tinyworld.measure diffusion` measures again.
"""

# What the command on the card says, and the widths.
OPTIONS = (
    "steps", "batch", "rate", "shard", "uses", "simple", "autoencoder_steps", "autoencoder_batch", "autoencoder_rate",
    "channels", "reading", "seed",
)  # fmt: skip


def card(
    folder: Path, figures: dict[str, float], args: argparse.Namespace, first: loop.Clock, second: loop.Clock
) -> str:
    """The card of a pipeline that is already in `folder`; the clocks are those of its two stages."""
    pipe = measure.load(folder)
    widths = [str(width) for width in pipe.unet.config.block_out_channels]
    return TEXT.format(
        vae=millions(pipe.vae),
        unet=millions(pipe.unet),
        text=millions(pipe.text_encoder),
        channels=pipe.vae.config.latent_channels,
        widths=", ".join(widths),
        megabytes=megabytes(folder),
        first=first.step,
        second=second.step,
        first_batch=args.autoencoder_batch,
        second_batch=args.batch,
        first_minutes=first.cpu_seconds / 60,
        second_minutes=second.cpu_seconds / 60,
        guidance=measure.GUIDANCE,
        steps=measure.STEPS,
        scenes=args.scenes,
        table=measure.table(figures),
        arguments=f"{options(args, OPTIONS)} --widths {' '.join(widths)}",
    )
