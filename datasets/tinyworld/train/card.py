"""Model cards: what was trained on what, for how long, and how good it is, as measured."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.measure import clip as measure
from tinyworld.train import loop

CARD = """---
license: mit
library_name: transformers
pipeline_tag: zero-shot-image-classification
---
# Tiny CLIP of tinyworld

A `CLIPModel` (Radford et al. 2021) with {parameters:.2f} million parameters, trained from nothing on scenes of coloured
shapes. It is small enough to run in milliseconds on a CPU and is made for teaching: it knows eight colours, six shapes,
two sizes, six backgrounds and the captions of one small grammar, and nothing else. Do not use it on photographs.

| | |
|---|---|
| vision tower | {layers} layers, width {width}, {heads} heads, {patches} patches of {patch}x{patch} pixels |
| text tower | {text_layers} layers, width {text_width}, at most {length} tokens |
| tokenizer | byte-level BPE of {vocabulary} tokens, learnt on the grammar; any text can be encoded |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {seeing} steps of {half} pictures with patch labels, then {matching} of {batch} pictures with captions |
| scenes seen | {samples:,}, each drawn afresh |
| time | {minutes:.0f} minutes on {device}, {cpu_minutes:.0f} CPU-minutes in the training process |
| licence | MIT, weights and code |

## Measured
{scenes} scenes a figure, drawn from splits that share no scene with training. The compositional split's scenes hold a
(colour, shape) pair that was never seen in training. Zero-shot: one-object scenes, the mean of each class's prompts
from `tinyworld.prompts`. Retrieval: galleries of 256 scenes of one to three objects with different canonical captions.
Choices: two-object scenes and canonical captions.

{table}

Relations are the weak point, as in large CLIPs (Yuksekgonul et al. 2023, "When and why vision-language models behave
like bags-of-words"): few of the contrasts in training needed them. Place is in the patches nonetheless, as the probe
shows.

## Made by
`python -m tinyworld.train clip {arguments}`

The numbers of steps make it repeatable; with `--minutes` in place of `--steps` a machine does what it can in that time.
First the vision tower learns from labels for every patch (shape, colour and size of the object it shows, where that
object's centre is, its silhouette); then both towers from InfoNCE, half of each batch being near-twins of the other
half, with the patch labels still on. The heads are thrown away. `python -m tinyworld.measure clip` measures again.
"""

RECIPE = ("batch", "rate", "patch", "width", "layers", "text_layers", "seed")


def clip_card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock, scenes: int) -> str:
    """The card of a CLIP checkpoint that is already in `folder`."""
    clip = measure.load(folder)
    vision, text = clip.model.config.vision_config, clip.model.config.text_config
    device = f"{args.threads} thread(s) of a shared CPU" if loop.pick_device(args.device).type == "cpu" else "a GPU"
    options = " ".join(f"--{name.replace('_', '-')} {getattr(args, name)}" for name in RECIPE)
    return CARD.format(
        parameters=sum(p.numel() for p in clip.model.parameters()) / 1e6,
        layers=vision.num_hidden_layers,
        width=vision.hidden_size,
        heads=vision.num_attention_heads,
        patch=vision.patch_size,
        patches=(vision.image_size // vision.patch_size) ** 2,
        text_layers=text.num_hidden_layers,
        text_width=text.hidden_size,
        length=text.max_position_embeddings,
        vocabulary=text.vocab_size,
        megabytes=(folder / "model.safetensors").stat().st_size / 1e6,
        seeing=clock.first_stage,
        matching=clock.step - clock.first_stage,
        half=args.batch // 2,
        batch=args.batch,
        samples=clock.samples,
        minutes=clock.seconds / 60,
        cpu_minutes=clock.cpu_seconds / 60,
        device=device,
        scenes=scenes,
        table=measure.table(figures),
        arguments=f"--steps {clock.step} --see {clock.first_stage / clock.step:.3f} {options}",
    )
