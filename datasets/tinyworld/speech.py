"""Spoken sentences of the world, as shipped: `load("test", "de")` gives utterances with sound, words and their times.

They were synthesised by espeak-ng (`python -m tinyworld.train speech`); loading needs soundfile, not espeak-ng.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyworld.sentences import LANGUAGES
from tinyworld.sound import RATE

FOLDER = Path(__file__).parent / "recordings"
SPLITS = {
    "train": "sentences and voices that the course's Whisper was trained on",
    "test": "new sentences, known voices",
    "voices": "new sentences, new voices",
}


@dataclass(frozen=True)
class Word:
    """A word and when it is spoken, in seconds from the start of the sound."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Utterance:
    """A spoken sentence.

    audio: float32 (samples,) in [-1, 1] at 16 kHz, at most 5 seconds.   text: what is said.   language: "en" or "de".
    translation: the same in English.   words: the words of `text` with their times.
    voice: espeak-ng's name for accent and speaker, such as "en-US+m3".   kind: one of `sentences.KINDS`.
    """

    audio: np.ndarray
    text: str
    language: str
    translation: str
    words: tuple[Word, ...]
    voice: str
    kind: str

    @property
    def seconds(self) -> float:
        return len(self.audio) / RATE


def load(split: str = "test", language: str = "en") -> list[Utterance]:
    """The shipped utterances of a split ("train", "test" or "voices") in a language ("en" or "de")."""
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}; got {language!r}")
    return list(_load(FOLDER, split, language))


@functools.cache
def _load(folder: Path, split: str, language: str) -> tuple[Utterance, ...]:
    import soundfile  # here, so that the rest of tinyworld does without it

    sound, rate = soundfile.read(folder / f"{split}_{language}.ogg", dtype="float32")
    if rate != RATE:
        raise ValueError(f"{folder / f'{split}_{language}.ogg'} has {rate} samples a second, not {RATE}")
    sound.flags.writeable = False  # it is shared by all who load it
    return tuple(
        Utterance(
            audio=sound[entry["start"] : entry["stop"]],
            words=tuple(Word(text, start, end) for text, start, end in entry["words"]),
            language=language,
            **{name: entry[name] for name in ("text", "translation", "voice", "kind")},
        )
        for entry in json.loads((folder / f"{split}_{language}.json").read_text(encoding="utf-8"))
    )
