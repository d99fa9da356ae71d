"""Model cards: what was trained on what, for how long, and how good it is, as measured."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import BlipConfig

from tinyworld import grounding, pointing
from tinyworld.measure import blip as measure_blip
from tinyworld.measure import clip as measure
from tinyworld.measure import connectors as measure_connectors
from tinyworld.measure import diffusion as measure_diffusion
from tinyworld.measure import flamingo as measure_flamingo
from tinyworld.measure import judge as measure_judge
from tinyworld.measure import llava as measure_llava
from tinyworld.measure import trimodal as measure_trimodal
from tinyworld.measure import whisper as measure_whisper
from tinyworld.train import espeak, loop
from tinyworld.train.listener import words

MEASURED = """## Measured
{scenes} scenes a figure, drawn from splits that share no scene with training. The compositional split's scenes hold a
(colour, shape) pair that was never seen in training. Zero-shot: one-object scenes, the mean of each class's prompts
from `tinyworld.prompts`. Retrieval: galleries of 256 scenes of one to three objects with different canonical captions.
Choices: two-object scenes and canonical captions.

{table}"""

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

BLENDED = """
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
        measured=MEASURED.format(scenes=scenes, table=measure.table(figures)),
        arguments=f"--steps {clock.step} --see {clock.first_stage / clock.step:.3f} {options}",
    )


def blend_card(folder: Path, figures: dict[str, float], ends: list[dict[str, float]], share: float, scenes: int) -> str:
    """The card of the mean of two checkpoints, from the first one's card in `folder` and the figures of both."""
    head, _, _ = (folder / "README.md").read_text().partition("## Measured")
    for row in ("training", "scenes seen", "time"):
        head = head.replace(f"| {row} |", f"| {row}, for `plain` |")
    relations = [
        [100 * those[f"test/choice {name}"] for name in ("of two: relation", "of four relations")]
        for those in (*ends, figures)
    ]
    measured = MEASURED.format(scenes=scenes, table=measure.table(figures))
    story = BLENDED.format(share=share, plain=relations[0], ordered=relations[1], shipped=relations[2])
    return f"{head}{measured}\n{story}"


JUDGE = """---
license: mit
library_name: pytorch
---
# The judge of tinyworld

A convolutional network with {parameters:.2f} million parameters that reads a picture of coloured shapes: where the
objects are, the shape, colour and size of each, and the background (`tinyworld.judge`). It measures pictures that other
models make, was trained apart from all of them and has seen none of theirs. What is no shape, colour or background of
the world it calls unclear.

| | |
|---|---|
| network | 16x16 cells of 4x4 pixels, each with a score for an object's centre and that object's attributes |
| weights | float16 safetensors, {megabytes:.2f} MB |
| training | {steps} steps of {batch} drawings, coloured anew and softened; {wrong:.0f} % of shapes and colours wrong |
| time | {cpu_minutes:.0f} CPU-minutes |
| licence | MIT, weights and code |

## Measured
{scenes} scenes a figure. An attribute is right when it is right for every object of the scene; the relation is that of
two objects. Soft: the same pictures blurred, noisy, warped or compressed as in training. Right throughout: number,
every attribute of every object, and the background. Places are off by {place:.2f} pixels of 64 on average.

{table}

## Made by
`python -m tinyworld.train judge --steps {steps} --batch {batch} --width {width} --seed {seed}`

The shipped run was begun with twice as many steps in view and shortened at step 297, so its learning rate fell a little
differently: expect figures like these, not the same bits.
`python -m tinyworld.measure judge` measures again.
"""


def judge_card(
    folder: Path,
    judge: torch.nn.Module,
    figures: dict[str, float],
    args: argparse.Namespace,
    clock: loop.Clock,
    wrong: float,
) -> str:
    """The card of a judge whose weights are already in `folder`. wrong: the part of what it was shown that was."""
    return JUDGE.format(
        parameters=sum(p.numel() for p in judge.parameters()) / 1e6,
        megabytes=(folder / "model.safetensors").stat().st_size / 1e6,
        steps=clock.step,
        batch=args.batch,
        width=args.width,
        seed=args.seed,
        wrong=100 * wrong,
        cpu_minutes=clock.cpu_seconds / 60,
        scenes=args.scenes,
        place=figures["test/place, pixels"],
        table=measure_judge.table(figures),
    )


DIFFUSION = """---
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

DIFFUSION_RECIPE = ("steps", "batch", "rate", "shard", "uses", "simple", "autoencoder_steps", "autoencoder_batch")
DIFFUSION_RECIPE += ("autoencoder_rate", "channels", "reading", "seed")


def diffusion_card(
    folder: Path, figures: dict[str, float], args: argparse.Namespace, first: loop.Clock, second: loop.Clock
) -> str:
    """The card of a pipeline that is already in `folder`; the clocks are those of its two stages."""
    pipe = measure_diffusion.load(folder)
    millions = {
        name: sum(p.numel() for p in getattr(pipe, part).parameters()) / 1e6
        for name, part in (("vae", "vae"), ("unet", "unet"), ("text", "text_encoder"))
    }
    options = " ".join(f"--{name.replace('_', '-')} {getattr(args, name)}" for name in DIFFUSION_RECIPE)
    widths = [str(width) for width in pipe.unet.config.block_out_channels]
    return DIFFUSION.format(
        **millions,
        channels=pipe.vae.config.latent_channels,
        widths=", ".join(widths),
        megabytes=sum(f.stat().st_size for f in folder.rglob("*.safetensors")) / 1e6,
        first=first.step,
        second=second.step,
        first_batch=args.autoencoder_batch,
        second_batch=args.batch,
        first_minutes=first.cpu_seconds / 60,
        second_minutes=second.cpu_seconds / 60,
        guidance=measure_diffusion.GUIDANCE,
        steps=measure_diffusion.STEPS,
        scenes=args.scenes,
        table=measure_diffusion.table(figures),
        arguments=f"{options} --widths {' '.join(widths)}",
    )


BLIP = """---
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

BLIP_RECIPE = ("steps", "batch", "rate", "layers", "seed")


def blip_card(
    folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock, questions: int
) -> str:
    """The card of a BLIP checkpoint that is already in `folder`. questions: how many were asked of each picture."""
    config = BlipConfig.from_pretrained(folder)
    vision, text = config.vision_config, config.text_config
    files, parameters = sorted(folder.glob("*.safetensors")), 0
    for file in files:
        with safe_open(file, "pt") as stored:
            parameters += sum(math.prod(stored.get_slice(name).get_shape()) for name in stored.keys())  # noqa: SIM118
    return BLIP.format(
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
        megabytes=sum(file.stat().st_size for file in files) / 1e6,
        steps=clock.step,
        batch=args.batch,
        samples=clock.samples,
        questions=questions,
        cpu_minutes=clock.cpu_seconds / 60,
        scenes=args.scenes,
        all=f"{100 * figures['test/matching/all']:.1f} %",
        table=measure_blip.table(figures),
        arguments=" ".join(
            f"--{name} {clock.step if name == 'steps' else getattr(args, name)}" for name in BLIP_RECIPE
        ),
    )


WHISPER = """---
license: mit
library_name: transformers
pipeline_tag: automatic-speech-recognition
language: [en, de]
---
# Tiny Whisper of tinyworld

A `WhisperForConditionalGeneration` (Radford et al. 2022) with {parameters:.2f} million parameters, trained from nothing
on synthetic speech about coloured shapes. It writes down English and German, tells the language, when each word is
said and when nobody speaks, and translates German into English. It is made for teaching: it has heard nothing but
espeak-ng say captions, commands, numbers and colours, {words} words in all. Do not use it on people.

| | |
|---|---|
| window | {seconds} seconds of 16 kHz sound: {bins} mel bands, {positions} positions |
| encoder | {layers} layers, width {width}, {heads} heads |
| decoder | {decoder_layers} layers, at most {length} tokens; word times from the heads {aligned} (layer, head) |
| tokenizer | byte-level BPE, {vocabulary} tokens with Whisper's own special ones and {stamps} timestamps |
| weights | float16 safetensors, {megabytes:.1f} MB |
| training | {hearing} steps of the encoder alone, then {writing} of both, {batch} windows each |
| voices | {accents} accents of English and one of German by {speakers} speakers; {others} others for the tests |
| time | {cpu_minutes:.0f} CPU-minutes with the synthesis, float32, {threads} thread(s) of a shared CPU |
| licence | MIT, weights and code |

## Measured
On the shipped recordings (`tinyworld.speech`), {utterances}. No sentence was trained on in any wording or language; the
new voices were heard in no training sentence. Greedy decoding, language given, white noise. Sentences: without an
error. Translated: word for word as the grammar's own translation. A time is right when it is off by at most 0.15 s,
counted over the sentences that are written down without an error; a word's time is right when start and end are.
Nobody: speech, noise and silence told apart by the probability of `<|nospeech|>`.

{table}

## Made by
`python -m tinyworld.train whisper {arguments}`

First the encoder learns from labels for every frame, which the synthesiser gives away: the phone and the word that is
being said. Then the decoder joins, and the attention of the heads that word times are read from is drawn to the next
word's frames. Some windows hold several utterances or a cut from a longer recording, so that long sound can be
written down window by window; some hold nothing but noise. The heads are thrown away.
`python -m tinyworld.measure whisper` measures again.
"""

WHISPER_RECIPE = ("steps", "hear", "batch", "rate", "pool", "uses", "width", "layers", "decoder_layers", "seed")


def whisper_card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a Whisper checkpoint that is already in `folder`."""
    heard = measure_whisper.load(folder)
    config, tokenizer = heard.model.config, heard.processor.tokenizer
    options = {name: getattr(args, name) for name in WHISPER_RECIPE} | {"steps": clock.step}
    return WHISPER.format(
        parameters=sum(p.numel() for p in heard.model.parameters()) / 1e6,
        words=len(words()),
        layers=config.encoder_layers,
        width=config.d_model,
        heads=config.encoder_attention_heads,
        seconds=heard.processor.feature_extractor.chunk_length,
        bins=config.num_mel_bins,
        positions=config.max_source_positions,
        decoder_layers=config.decoder_layers,
        length=config.max_target_positions,
        aligned=", ".join(str(tuple(pair)) for pair in heard.model.generation_config.alignment_heads),
        vocabulary=len(tokenizer),
        stamps=config.max_source_positions + 1,
        megabytes=(folder / "model.safetensors").stat().st_size / 1e6,
        hearing=args.hear,
        writing=clock.step - args.hear,
        batch=args.batch,
        accents=len(espeak.ACCENTS["en"]),
        speakers=len(espeak.speakers("train")),
        others=len(espeak.speakers("test")),
        cpu_minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        utterances=f"{args.scenes} of each split and language" if args.scenes else "all of each split and language",
        table=measure_whisper.table(figures),
        arguments=" ".join(f"--{name.replace('_', '-')} {value}" for name, value in options.items()),
    )


LLAVA = """---
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

LLAVA_RECIPE = ("steps", "batch", "turns", "rate", "width", "layers", "meaning", "drawing", "seed")


def llava_card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a LLaVA checkpoint that is already in `folder`."""
    chatter = measure_llava.load(folder)
    model, text = chatter.model.model, chatter.model.config.text_config
    return LLAVA.format(
        parameters=_millions(chatter.model),
        vision=_millions(model.vision_tower),
        patches=chatter.model.config.image_seq_length,
        projector=_millions(model.multi_modal_projector),
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        heads=text.num_attention_heads,
        language=_millions(model.language_model),
        vocabulary=text.vocab_size,
        locations=grounding.BINS,
        megabytes=(folder / "model.safetensors").stat().st_size / 1e6,
        steps=clock.step,
        batch=args.batch,
        turns=args.turns,
        samples=clock.samples,
        cpu_minutes=clock.cpu_seconds / 60,
        scenes=args.scenes,
        turn=measure_llava.TURN,
        drawn=2,
        table=measure_llava.table(figures),
        arguments=_options(LLAVA_RECIPE, args, clock),
    )


def _millions(module: torch.nn.Module) -> float:
    return sum(p.numel() for p in module.parameters()) / 1e6


def _options(names: tuple[str, ...], args: argparse.Namespace, clock: loop.Clock) -> str:
    values = {name: getattr(args, name) for name in names} | {"steps": clock.step}
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in values.items())


CONNECTORS = """---
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


def connectors_card(
    folder: Path, figures: dict[str, float], args: argparse.Namespace, clocks: dict[str, loop.Clock]
) -> str:
    """The card of the connectors in `folder`; a clock for each."""
    clock = next(iter(clocks.values()))
    return CONNECTORS.format(
        kinds=", ".join(clocks),
        steps=clock.step,
        batch=args.batch,
        turns=args.turns,
        minutes=", ".join(f"{c.cpu_seconds / 60:.0f}" for c in clocks.values()),
        megabytes=sum(f.stat().st_size for f in folder.rglob("*.safetensors")) / 1e6,
        scenes=args.scenes,
        table=measure_connectors.table(figures),
        arguments=_options(("steps", "batch", "turns", "queries", "rate", "meaning", "seed"), args, clock),
    )


FLAMINGO = """---
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

FLAMINGO_RECIPE = ("steps", "batch", "talks", "latents", "depth", "every", "rate", "seeing", "meaning", "seed")


def flamingo_card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a Flamingo checkpoint that is already in `folder`."""
    whole = measure_flamingo.load(folder).model
    model, config = whole.model, whole.config
    return FLAMINGO.format(
        parameters=_millions(whole),
        vision=_millions(model.vision_model),
        latents=config.perceiver_config.resampler_n_latents,
        depth=config.perceiver_config.resampler_depth,
        resampler=_millions(model.perceiver_resampler),
        crossings=len(model.gated_cross_attn_layers),
        layers=config.num_hidden_layers,
        gated=_millions(model.gated_cross_attn_layers),
        language=_millions(model.layers) + _millions(model.embed_tokens),
        megabytes=(folder / "model.safetensors").stat().st_size / 1e6,
        steps=clock.step,
        batch=args.batch,
        talks=args.talks,
        cpu_minutes=clock.cpu_seconds / 60,
        scenes=args.scenes,
        table=measure_flamingo.table(figures),
        arguments=_options(FLAMINGO_RECIPE, args, clock),
    )


TRIMODAL = """---
license: mit
library_name: pytorch
---
# Three fusions of tinyworld

Small transformers that are shown a picture of two objects, read which side is meant and hear which colour is meant, and
answer with the shape (`tinyworld.pointing`, `tinyworld.fusion`). Made for teaching.

| | |
|---|---|
| models | {models} |
| picture | 16 patches of the course's CLIP, frozen |
| text | words, numbered |
| sound | colours cut out of the course's recordings, 40 mel bands, {tokens} tokens |
| training, each | {steps} steps of {batch} tasks from {pool:,} pictures |
| time | {minutes} CPU-minutes |
| weights | float16 safetensors, {megabytes:.1f} MB in all |
| licence | MIT, weights and code |

## Measured
{scenes} tasks of the test split, spoken by voices that were not heard in training, with noise 20 dB below the speech
unless another ratio is given. Without the picture a shape can only be guessed (chance 17 %); from the picture alone one
of two. Believes: the text names the one object, the voice the other, and the answer agrees with that. 64 tasks: the
time of one batch on this machine's CPU.

{table}

## Made by
`python -m tinyworld.train trimodal {arguments}`

`python -m tinyworld.measure trimodal` measures again.
"""


def trimodal_card(
    folder: Path, figures: dict[str, float], args: argparse.Namespace, clocks: dict[str, loop.Clock]
) -> str:
    """The card of the models in `folder`; a clock for each."""
    clock = next(iter(clocks.values()))
    return TRIMODAL.format(
        models="; ".join(clocks),
        tokens=pointing.FRAMES // pointing.TOGETHER,
        steps=clock.step,
        batch=args.batch,
        pool=args.pool,
        minutes=", ".join(f"{c.cpu_seconds / 60:.0f}" for c in clocks.values()),
        megabytes=sum(f.stat().st_size for f in folder.glob("*.safetensors")) / 1e6,
        scenes=args.scenes,
        table=measure_trimodal.table(figures),
        arguments=_options(("steps", "batch", "pool", "rate", "width", "layers", "seed"), args, clock),
    )
