"""The card of BLIP."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from safetensors import safe_open
from transformers import BlipConfig

from tinyworld.train import loop
from tinyworld.train.blip import measure
from tinyworld.train.cards import megabytes, options

TEXT = """---
license: mit
library_name: transformers
pipeline_tag: image-to-text
---
# Tiny BLIP of tinyworld

A BLIP (Li et al. 2022) with {parameters:.2f} million parameters that captions scenes of coloured shapes, tells true
captions from false ones and answers questions. It is small enough to write a caption in milliseconds on a CPU and is
made for teaching: it knows eight colours, six shapes, two sizes, six backgrounds, four relations and the captions and
questions of one small grammar, and nothing else. Do not use it on photographs.

| | |
|---|---|
| vision tower | {vision_layers} layers, width {width}, {heads} heads, {patches} patches of {patch}x{patch} pixels |
| text encoder and decoder | {layers} layers each, width {width}, {text_heads} heads, at most {length} tokens |
| tokenizer | WordPiece of {vocabulary} tokens: the grammar's words, and letters for any other |
| weights | float16 safetensors, {megabytes:.1f} MB in all |
| training | {steps} steps of {batch} pictures, from the vision tower of the course's CLIP |
| pictures seen | {samples:,}, each drawn afresh, with a caption, {questions} questions, and for half a false caption |
| time | {cpu_minutes:.0f} CPU-minutes in the training process |
| licence | MIT, weights and code |

Three models share this folder and what they have in common:
- `BlipForConditionalGeneration.from_pretrained(folder)`: vision tower and decoder;
- `BlipForImageTextRetrieval.from_pretrained(folder, variant="matching")`: vision tower, encoder, both heads;
- `BlipForQuestionAnswering.from_pretrained(folder, variant="answering")`: vision tower, encoder and decoder.

## Measured
{scenes} scenes a figure, drawn from splits that share no scene with training; captions and answers are decoded
greedily. Exact: the caption, parsed back, states all of the scene's facts, in whatever words. The attributes are those
of all objects of a scene, in order. Pairs never seen: scenes with a (colour, shape) pair that training never held.
Matching: how often a true caption is taken for true, and for false one in which that alone is changed: an attribute of
one object, the background, which object is where, or which has which colour. All, the mean of true and false: {all}.

{table}

## Made by
`python -m tinyworld.train blip {arguments}`

`python -m tinyworld.measure blip` measures again.
"""

OPTIONS = ("steps", "batch", "rate", "layers", "seed")  # that the command on the card says


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock, questions: int) -> str:
    """The card of a BLIP checkpoint that is already in `folder`. questions: how many were asked of each picture."""
    config = BlipConfig.from_pretrained(folder)
    vision, text = config.vision_config, config.text_config
    parameters = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as stored:
            parameters += sum(math.prod(stored.get_slice(name).get_shape()) for name in stored.keys())  # noqa: SIM118
    return TEXT.format(
        parameters=parameters / 1e6,
        vision_layers=vision.num_hidden_layers,
        width=vision.hidden_size,
        heads=vision.num_attention_heads,
        patch=vision.patch_size,
        patches=(vision.image_size // vision.patch_size) ** 2,
        layers=text.num_hidden_layers,
        text_heads=text.num_attention_heads,
        length=text.max_position_embeddings,
        vocabulary=text.vocab_size,
        megabytes=megabytes(folder),
        steps=clock.step,
        batch=args.batch,
        samples=clock.samples,
        questions=questions,
        cpu_minutes=clock.cpu_seconds / 60,
        scenes=args.scenes,
        all=f"{100 * figures['test/matching/all']:.1f} %",
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
