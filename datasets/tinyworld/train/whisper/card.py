"""The card of Whisper."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyworld.train import loop
from tinyworld.train.cards import megabytes, millions, options
from tinyworld.train.whisper import espeak, measure
from tinyworld.train.whisper.listener import words

TEXT = """---
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

# What the command on the card says.
OPTIONS = ("steps", "hear", "batch", "rate", "pool", "uses", "width", "layers", "decoder_layers", "seed")


def card(folder: Path, figures: dict[str, float], args: argparse.Namespace, clock: loop.Clock) -> str:
    """The card of a Whisper checkpoint that is already in `folder`."""
    heard = measure.load(folder)
    config, tokenizer = heard.model.config, heard.processor.tokenizer
    return TEXT.format(
        parameters=millions(heard.model),
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
        megabytes=megabytes(folder),
        hearing=args.hear,
        writing=clock.step - args.hear,
        batch=args.batch,
        accents=len(espeak.ACCENTS["en"]),
        speakers=len(espeak.speakers("train")),
        others=len(espeak.speakers("test")),
        cpu_minutes=clock.cpu_seconds / 60,
        threads=args.threads,
        utterances=f"{args.scenes} of each split and language" if args.scenes else "all of each split and language",
        table=measure.table(figures),
        arguments=options(args, OPTIONS, steps=clock.step),
    )
