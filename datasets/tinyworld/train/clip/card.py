"""The cards of CLIP: of one run, and of the mean of two that is shipped."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.clip import measure
from tinyworld.train.clip.clock import TwoStageClock

MEASURED = """## Measured
{scenes} scenes a figure, drawn from splits that share no scene with training. The compositional split's scenes hold a
(colour, shape) pair that was never seen in training. Zero-shot: one-object scenes, the mean of each class's prompts
from `tinyworld.prompts`. Retrieval: galleries of 256 scenes of one to three objects with different canonical captions.
Choices: two-object scenes and canonical captions.

{table}"""

TEXT = """---
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

{measured}

Without `--order` relations are the weak point, as in large CLIPs (Yuksekgonul et al. 2023, "When and why
vision-language models behave like bags-of-words"): few of the contrasts in training need them. Place is in the patches
nonetheless, as the probe shows.

## Made by
`python -m tinyworld.train clip {arguments}`

The numbers of steps make it repeatable; with `--minutes` in place of `--steps` a machine does what it can in that time.
First the vision tower learns from labels for every patch (shape, colour and size of the object it shows, where that
object's centre is, its silhouette); then both towers from InfoNCE, half of each batch being near-twins of the other
half, with the patch labels still on. The heads are thrown away. `python -m tinyworld.measure clip` measures again.
"""

STORY = """
Relations are the weak point, as in large CLIPs (Yuksekgonul et al. 2023, "When and why vision-language models behave
like bags-of-words"), and here that was chosen. Place is in the patches nonetheless, as the probe shows.

## Made by
```
python -m tinyworld.train clip --steps 1810 --see 0.667 --out plain
python -m tinyworld.train clip --resume --order --steps 2754 --batch 128 --out ordered
python -m tinyworld.train blend plain ordered --share {share}
```
First the vision tower learns from labels for every patch (shape, colour and size of the object it shows, where that
object's centre is, its silhouette); then both towers from InfoNCE, half of each batch being near-twins of the other
half, with the patch labels still on: that is `plain`. `ordered` goes on from it with batches rich in twins whose
objects change places, and with heads that ask both embeddings who is where. The heads are thrown away. What is shipped
is the mean of the two sets of weights (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"):

| weights | relation, of two | relation, of four |
|---|---|---|
| `plain` | {plain[0]:.1f} % | {plain[1]:.1f} % |
| `ordered` | {ordered[0]:.1f} % | {ordered[1]:.1f} % |
| shipped | {shipped[0]:.1f} % | {shipped[1]:.1f} % |

So a CLIP of this size can learn who is where when it is taught; InfoNCE on captions hardly teaches it.

These commands are the recipe that the trial runs arrived at; the weights come from the runs themselves. Those were
bounded by minutes on a shared CPU, so the learning rate fell a little differently, and what `--order` adds came in one
after another: heads for both embeddings from step 1844, more scenes of two objects from 1924, the labels that ask the
class token where each colour is from 2378. Expect figures like these, not the same bits.
`python -m tinyworld.measure clip` measures again.
"""

OPTIONS = ("batch", "rate", "patch", "width", "layers", "text_layers", "seed")  # that the command on the card says


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: TwoStageClock) -> str:
    """The card of a CLIP checkpoint that is already in `folder`."""
    clip = measure.load(folder)
    vision, text = clip.model.config.vision_config, clip.model.config.text_config
    device = f"{args.threads} thread(s) of a shared CPU" if loop.pick_device(args.device).type == "cpu" else "a GPU"
    return TEXT.format(
        parameters=millions(clip.model),
        layers=vision.num_hidden_layers,
        width=vision.hidden_size,
        heads=vision.num_attention_heads,
        patch=vision.patch_size,
        patches=(vision.image_size // vision.patch_size) ** 2,
        text_layers=text.num_hidden_layers,
        text_width=text.hidden_size,
        length=text.max_position_embeddings,
        vocabulary=text.vocab_size,
        megabytes=megabytes(folder),
        seeing=clock.first_stage,
        matching=clock.step - clock.first_stage,
        half=args.batch // 2,
        batch=args.batch,
        samples=clock.samples,
        minutes=clock.seconds / 60,
        cpu_minutes=clock.cpu_seconds / 60,
        device=device,
        measured=MEASURED.format(scenes=args.scenes, table=measure.table(figures)),
        arguments=f"--steps {clock.step} --see {clock.first_stage / clock.step:.3f} {options(args, OPTIONS)}",
    )


def blended(folder: Path, figures: dict[str, float], ends: list[dict[str, float]], share: float, scenes: int) -> str:
    """The card of the mean of two checkpoints, from the first one's card in `folder` and the figures of both."""
    head, _, _ = (folder / "README.md").read_text().partition("## Measured")
    for row in ("training", "scenes seen", "time"):
        head = head.replace(f"| {row} |", f"| {row}, for `plain` |")
    relations = [
        [100 * those[f"test/choice {name}"] for name in ("of two: relation", "of four relations")]
        for those in (*ends, figures)
    ]
    measured = MEASURED.format(scenes=scenes, table=measure.table(figures))
    story = STORY.format(share=share, plain=relations[0], ordered=relations[1], shipped=relations[2])
    return f"{head}{measured}\n{story}"
