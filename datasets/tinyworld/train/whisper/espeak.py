"""Speech from text by espeak-ng's C library, with the time of every word and of every phone.

It carries a little of its state from one utterance to the next, so the same calls give the very same sound only from a
process's start; otherwise times differ by some milliseconds.

Only the recipes need it: `apt-get install libespeak-ng1`. espeak-ng is free software under the GPL; the sound that it
makes is not a derived work of it.
"""

from __future__ import annotations

import ctypes
import functools
from ctypes.util import find_library
from dataclasses import dataclass

import numpy as np
from scipy.signal import resample_poly

from tinyworld.sound import RATE

# The accents of each language, by espeak-ng's names.
ACCENTS = {
    "en": (
        "en", "en-US", "en-GB-x-rp", "en-GB-scotland", "en-GB-x-gbclan", "en-GB-x-gbcwmd", "en-029", "en-US-nyc",
    ),
    "de": ("de",),
}  # fmt: skip
# The speakers: espeak-ng's voice variants without those that are jokes or effects. A family (Gene, Gene2) is one
# speaker, so that no test voice has a near-twin in training.
SPEAKERS = (
    "adam", "Alex", "Alicia", "Andrea", "Andy", "anika", "Annie", "antonio", "aunty", "belinda", "benjamin", "boris",
    "caleb", "david", "Denis", "Diogo", "ed edward edward2", "f1", "f2", "f3", "f4", "f5", "Gene Gene2", "gustave",
    "Henrique", "Hugo", "iven iven2 iven3 iven4", "Jacky", "john", "kaukovalta",
    "klatt klatt2 klatt3 klatt4 klatt5 klatt6", "Lee", "linda", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8",
    "marcelo", "Marco", "Mario", "max", "Michael", "michel", "miguel", "Mike", "Nguyen", "norbert", "pablo", "paul",
    "pedro", "quincy", "rob robert", "sandro", "shelby", "steph steph2 steph3", "travis", "victor", "zac",
)  # fmt: skip
# Events of espeak-ng (speak_lib.h).
WORD, END, PHONEME = 1, 5, 7
SYNCHRONOUS, PHONEME_EVENTS, DO_NOT_EXIT = 2, 1, 0x8000
SPEED, VOLUME, PITCH, PITCH_RANGE = 1, 2, 3, 4
PAUSES = ("", "_", "_:", "_|", "_!")


@dataclass(frozen=True, eq=False)
class Spoken:
    """What espeak-ng said. Times are in seconds.

    audio: float32 (samples,) at 16 kHz.   words: (start, end) of each.   phones: (name, start, end) of each.
    """

    audio: np.ndarray
    words: tuple[tuple[float, float], ...]
    phones: tuple[tuple[str, float, float], ...]


def speakers(split: str) -> list[str]:
    """The voice variants of a split. Every seventh speaker of the alphabet is for test, every fourteenth to look at."""
    names = {"test": SPEAKERS[3::7], "validation": SPEAKERS[5::14]}
    names["train"] = tuple(s for s in SPEAKERS if s not in names["test"] and s not in names["validation"])
    return [name for family in names[split] for name in family.split()]


def say(
    text: str, voice: str, speed: int = 175, pitch: int = 50, pitch_range: int = 50, stretch: float = 1.0
) -> Spoken:
    """Speak a text.

    voice: accent and speaker, "en-US+m3".   speed: words a minute, 80 to 450.   pitch, pitch_range: 0 to 100.
    stretch: resample so that all lasts so much longer and sounds lower, as from a longer vocal tract.
    Raises RuntimeError when espeak-ng is not installed, ValueError for a voice that it does not have.
    """
    library, heard = _engine()
    for parameter, value in ((SPEED, speed), (VOLUME, 80), (PITCH, pitch), (PITCH_RANGE, pitch_range)):
        library.espeak_SetParameter(parameter, value, 0)
    if library.espeak_SetVoiceByName(f"gmw/{voice}".encode()):
        raise ValueError(f"espeak-ng has no voice {voice!r}")
    heard.sound.clear(), heard.events.clear()
    coded = text.encode()
    library.espeak_Synth(coded, len(coded) + 1, 0, 1, 0, 1, None, None)  # from the start, to the end, as UTF-8
    library.espeak_Synchronize()
    up, down = RATE // 50, int(heard.rate / 50 / stretch)
    audio = resample_poly(np.concatenate(heard.sound).astype(np.float32) / 32768, up, down).astype(np.float32)
    seconds = (up / down) / RATE  # of one of espeak-ng's samples after resampling
    return Spoken(audio, *_times(text, heard.events, seconds))


def available() -> bool:
    """Whether espeak-ng is installed."""
    return find_library("espeak-ng") is not None


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # in letters, from 1
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("phoneme", ctypes.c_char * 8),  # a union, of which this is the largest member
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Heard:
    """What the library hands over while it speaks."""

    def __init__(self) -> None:
        self.rate = 0
        self.sound: list[np.ndarray] = []
        self.events: list[tuple[int, int, int, str]] = []  # type, text position, sample, phoneme
        self.callback: object = None  # kept, or it would be freed while the library still calls it

    def __call__(self, sound, samples: int, events) -> int:
        if samples > 0:
            self.sound.append(np.ctypeslib.as_array(sound, (samples,)).copy())
        i = 0
        while events[i].type:
            e = events[i]
            name = e.phoneme.decode(errors="replace") if e.type == PHONEME else ""
            self.events.append((e.type, e.text_position, e.sample, name))
            i += 1
        return 0


@functools.cache
def _engine():
    """The library, started once a process, and the object that hears what it says."""
    name = find_library("espeak-ng")
    if name is None:
        raise RuntimeError("espeak-ng is not installed: apt-get install libespeak-ng1")
    library, heard = ctypes.CDLL(name), _Heard()
    heard.rate = library.espeak_Initialize(SYNCHRONOUS, 500, None, PHONEME_EVENTS | DO_NOT_EXIT)
    if heard.rate <= 0:
        raise RuntimeError("espeak-ng does not start: are its data installed? apt-get install espeak-ng-data")
    heard.callback = _CALLBACK(heard)
    library.espeak_SetSynthCallback(heard.callback)
    return library, heard


def _times(text: str, events, seconds: float):
    """The words' and the phones' times, from espeak-ng's events."""
    end = max(sample for _, _, sample, _ in events)
    marks = [(sample, name) for kind, _, sample, name in events if kind == PHONEME] + [(end, "")]
    phones = [
        (name, start, stop)
        for (start, name), (stop, _) in zip(marks, marks[1:], strict=False)
        if name not in PAUSES and stop > start
    ]
    # Where each word of the text begins, as a letter of it.
    words, letters = text.split(), [0]
    for word in words:
        letters.append(letters[-1] + len(word) + 1)
    began = {at: sample for kind, at, sample, _ in events if kind == WORD and at > 0}
    groups: list[list[int]] = []  # words without an event of their own are said together with the one before
    for i in range(len(letters) - 1):
        if letters[i] + 1 in began or not groups:
            groups.append([i])
        else:
            groups[-1].append(i)
    starts = [began.get(letters[group[0]] + 1, 0) for group in groups] + [end]
    spans: list[tuple[float, float]] = []
    for group, start, stop in zip(groups, starts, starts[1:], strict=False):
        inside = [p for p in phones if start <= p[1] < stop] or [("", start, stop)]
        # Their phones are shared out by the words' letters: "on a" -> "on", "a".
        share = np.cumsum([len(words[i]) for i in group]) / sum(len(words[i]) for i in group)
        first = [0, *(min(round(s * len(inside)), len(inside) - 1) for s in share[:-1])]
        edges = [inside[i][1] for i in first] + [inside[-1][2]]
        spans += [(a * seconds, b * seconds) for a, b in zip(edges, edges[1:], strict=False)]
    return tuple(spans), tuple((name, a * seconds, b * seconds) for name, a, b in phones)
