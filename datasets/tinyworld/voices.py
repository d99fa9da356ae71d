"""Nine voices that no model of week 7 has heard, in four acted styles: `load("test")` gives recordings with phones.

They were synthesised by espeak-ng (`python -m tinyworld.train voices`); loading needs soundfile, not espeak-ng.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyworld import german
from tinyworld.sound import RATE
from tinyworld.vocabulary import COLOURS, SHAPES, SIZES

FOLDER = Path(__file__).parent / "recordings"
VOICES = ("Andrea", "benjamin", "f1", "Henrique", "Lee", "m6", "Michael", "paul", "travis")
STYLES = ("neutral", "joyful", "sad", "angry")
SPLITS = {
    "enrolment": "sentences by which a voice is made known, neutral",
    "test": "other sentences of the same voices, neutral",
    "styles": "every voice says its sentences in all four styles",
}


@dataclass(frozen=True)
class Phone:
    """A sound of speech, by espeak-ng's name, and when it is spoken, in seconds from the start."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Recording:
    """A spoken sentence.

    audio: float32 (samples,) in [-1, 1] at 16 kHz, at most 5 seconds.   text: what is said, lower case.
    voice: one of VOICES.   style: one of STYLES.   phones: in order; what lies between two of them is a pause.
    """

    audio: np.ndarray
    text: str
    voice: str
    style: str
    phones: tuple[Phone, ...]

    @property
    def seconds(self) -> float:
        return len(self.audio) / RATE


def load(split: str = "test") -> list[Recording]:
    """The shipped recordings of a split, voice by voice. Raises ValueError for another name than those in SPLITS."""
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}; got {split!r}")
    return list(_load(FOLDER, split))


@functools.cache
def _load(folder: Path, split: str) -> tuple[Recording, ...]:
    import soundfile  # here, so that the rest of tinyworld does without it

    path = folder / f"nine_{split}.ogg"
    sound, rate = soundfile.read(path, dtype="float32")
    if rate != RATE:
        raise ValueError(f"{path} has {rate} samples a second, not {RATE}")
    sound.flags.writeable = False  # it is shared by all who load it
    return tuple(
        Recording(
            audio=sound[entry["start"] : entry["stop"]],
            phones=tuple(Phone(*phone) for phone in entry["phones"]),
            **{name: entry[name] for name in ("text", "voice", "style")},
        )
        for entry in json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    )


def word_salad(n: int, seed: int = 0, words: int = 7) -> list[str]:
    """`n` texts of so many words of the world in no order: nothing in them but the sound tells what comes next."""
    rng = np.random.default_rng((seed, 7))
    known = [*COLOURS, *SHAPES, *SIZES, *german.ENGLISH_NUMBERS, "above", "under", "background", "striped", "paint"]
    return [" ".join(known[i] for i in rng.integers(len(known), size=words)) for _ in range(n)]
