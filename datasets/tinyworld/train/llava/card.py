"""The card of LLaVA."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld import grounding
from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.llava import measure

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: image-text-to-text
---
# Tiny LLaVA of tinyworld

A `LlavaForConditionalGeneration` (Liu et al. 2023) with {parameters:.2f} million parameters that chats about scenes of
coloured shapes: it answers questions turn by turn, describes, and says where things are in location tokens. It is small
enough to answer in milliseconds on a CPU and is made for teaching: it knows the words of one small grammar and nothing
else. Do not use it on photographs.

| | |
|---|---|
| vision tower | that of the course's CLIP, {vision:.2f} million parameters, unchanged; {patches} patches |
| projector | two layers, {projector:.3f} million parameters |
| language model | `Llama`, {layers} layers, width {width}, {heads} heads, {language:.2f} million parameters |
| tokenizer | byte-level BPE of {vocabulary} tokens, {locations} of them places |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {steps} steps of {batch} conversations of {turns} turns |
| conversations | {samples:,}, each about a picture drawn afresh |
| time | {cpu_minutes:.0f} CPU-minutes in the training process |
| licence | MIT, weights and code |

## Measured
{scenes} scenes a figure, drawn from splits that share no scene with training; answers are decoded greedily. Where: the
box overlaps the true one by at least half (intersection over union). Follow-up: a question that says "it". Caption: it
states all facts of the scene, in whatever words. Turn {turn}: the last question of a conversation, of any kind. Pairs
never seen: scenes with a (colour, shape) pair that training never held.

{table}

## Made by
`python -m tinyworld.train llava {arguments}`

The vision tower is frozen. While training, heads that are thrown away asked the state of every phrase about objects how
many fit it, and what and where the one is; and one attention head of layer {drawn} was drawn to the patches that a
phrase speaks of, so where that head looks was taught and is no finding.
`python -m tinyworld.measure llava` measures again.
"""

# What the command on the card says.
OPTIONS = ("steps", "batch", "turns", "rate", "width", "layers", "meaning", "drawing", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock, drawn: int) -> str:
    """The card of a LLaVA checkpoint that is already in `folder`. drawn: the layer whose head was drawn, from 1."""
    chatter = measure.load(folder)
    model, text = chatter.model.model, chatter.model.config.text_config
    return TEXT.format(
        parameters=millions(chatter.model),
        vision=millions(model.vision_tower),
        patches=chatter.model.config.image_seq_length,
        projector=millions(model.multi_modal_projector),
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        heads=text.num_attention_heads,
        language=millions(model.language_model),
        vocabulary=text.vocab_size,
        locations=grounding.BINS,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        turns=args.turns,
        samples=clock.samples,
        cpu_minutes=clock.cpu_seconds / 60,
        scenes=args.scenes,
        turn=measure.TURN,
        drawn=drawn,
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
