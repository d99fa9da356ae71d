"""A language model over the codec's codes says a text in a voice of which it was given three seconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

import tinyworld
from coursekit import models
from coursekit.models import Loaded
from tinyworld.codec_lm import TEMPERATURE, CodecLM
from tinyworld.sound import RATE
from voice_lab import cloning, data, measuring, plots

SECONDS = 3
SHOWN = ("Andrea", "Lee", "Michael")


@cache
def language_model() -> CodecLM:
    """The shipped codec language model, which is of no class of the Hub's."""
    return CodecLM.from_pretrained(tinyworld.checkpoint("codec_lm"))


@cache
def _talker() -> Loaded:
    return models.load("talker", "tiny", "cpu")


def three_seconds(name: str) -> np.ndarray:
    """The first three seconds of a voice's enrolment, float32 (48000,)."""
    said = [one.audio for one in data.spoken(split="enrolment") if one.voice == name]
    return np.concatenate(said)[: SECONDS * RATE]


@torch.no_grad()
def coded(
    texts: Sequence[str], names: Sequence[str], temperature: float = TEMPERATURE, seed: int = 0
) -> list[torch.Tensor]:
    """What the model says, a text in each voice: sounds (samples,).

    The talker says how long each phone lasts; every other thing is in the codes, drawn one after the other.
    """
    known = cloning.embedded([three_seconds(name) for name in names])
    asked = []
    for text, voice in zip(texts, known, strict=True):
        given = _talker().processor([text])
        told = _talker().model(**given, speaker_embedding=voice[None], lang_ids=torch.zeros(1, 1, dtype=torch.long))
        asked.append(language_model().asked(given["input_ids"][0], told.duration_outputs[0], voice, 0))
    drawn = language_model().speak(asked, torch.Generator().manual_seed(seed), temperature)
    return [measuring.codec().decode(codes) for codes in drawn]


def show_coded(text: str, temperature: float = TEMPERATURE) -> dict[str, str]:
    """A text in three of the nine voices, to be heard, and what the card says of all nine. Returns what Whisper hears.

    temperature: above 0; below 1 likely codes are likelier still. Raises KeyError for a word that the world has not.
    """
    found = plots.hear(dict(zip(SHOWN, coded([text] * len(SHOWN), SHOWN, temperature), strict=True)), text)
    figures = json.loads((tinyworld.checkpoint("codec_lm") / "figures.json").read_text(encoding="utf-8"))
    print(f"On its card, at a temperature of {TEMPERATURE}, of 45 sentences in nine voices:")
    for name, key in (
        ("words that Whisper mishears", "sentences/WER"),
        ("the voice is picked from nine", "sentences/picked"),
        ("the same for recordings through one book", "copies/picked"),
        ("control: another voice's three seconds", "swapped/picked"),
    ):
        print(f"{figures[key]:6.0%}  {name}")
    return found
