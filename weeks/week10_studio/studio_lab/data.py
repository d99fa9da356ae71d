"""What week 10 works with: spoken wishes, sound files, prompts to paint, scenes to look at."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

import tinyworld
from tinyworld import Facts, speech
from tinyworld.sentences import parse_command
from tinyworld.sound import RATE


@dataclass(frozen=True, eq=False)
class Wish:
    """Somebody says what to paint. audio: float32 (samples,) at 16 kHz.   text: what is said, in its language.

    facts: what the picture must show.
    """

    audio: np.ndarray
    text: str
    language: str
    voice: str
    facts: Facts


def wishes(language: str = "en", objects: int = 1, splits: tuple[str, ...] = ("test", "voices")) -> list[Wish]:
    """The held-out recordings that ask for a picture with so many objects: no model was trained on what they say."""
    found = []
    for split in splits:
        for one in speech.load(split, language):
            if one.kind not in ("caption", "command"):
                continue
            facts = (
                tinyworld.parse_caption(one.translation) if one.kind == "caption" else parse_command(one.translation)
            )
            if len(facts.objects) == objects:
                found.append(Wish(one.audio.copy(), one.text, one.language, one.voice, facts))
    return found


def sound_file(wave: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str | None = None) -> bytes:
    """A wave (samples,) or (samples, channels) as the bytes of a sound file."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, wave, rate, subtype, format=kind)
    return file.getvalue()
