"""How much of what was said was understood: errors in words and characters, and reports over voices and noise."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from coursekit.models import Loaded
from coursekit.notebook import oracle
from coursekit.plots import wilson
from tinyworld.sound import RATE
from tinyworld.speech import Utterance
from whisper_lab import data, listening

AddNoise = Callable[[torch.Tensor, torch.Tensor, float], Any]
DRAWS = 1000  # of sentences, for an interval
LIBRARY = "whisper_lab.checks.library"


def wer(said: Sequence[str], heard: Sequence[str], unit: str = "word") -> float:
    """WER, or with unit "character" CER, over all sentences: all errors by the number of words said. For figures alone.

    Raises ValueError where nothing was said.
    """
    return oracle("whisper_lab.checks.reference").error_rate(said, heard, unit)


def compression_ratio(text: str) -> float:
    """How many times shorter zlib makes the text's bytes: high where it repeats itself.   Source: OpenAI's whisper."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def normal(text: str) -> str:
    """Text as it is compared: lower case, without punctuation, single spaces."""
    return " ".join(re.sub(r"[^\w\s']", " ", text.lower()).split())


@dataclass(frozen=True)
class Rate:
    """A word error rate, of how many words in how many sentences it is, and between what it lies with 95 %.

    Errors come in clusters, a sentence at a time; so the interval is that of sentences drawn again (a bootstrap). Where
    there is no error at all, it is Wilson's for the words.
    """

    value: float
    words: int
    sentences: int
    low: float
    high: float

    def __str__(self) -> str:
        """Such as "4.1 % of 1,132 words (2.9 to 5.6 %)"."""
        return f"{self.value:.1%} of {self.words:,} words ({100 * self.low:.1f} to {self.high:.1%})".replace("%", " %")


def rate_of(said: Sequence[str], heard: Sequence[str]) -> Rate:
    """The WER of what was heard, with its interval; both are texts as they are compared. For figures alone."""
    count = oracle("whisper_lab.checks.reference").count_errors
    errors = np.array([count(a.split(), b.split()) for a, b in zip(said, heard, strict=True)])
    words = np.array([len(a.split()) for a in said])
    drawn = np.random.default_rng(0).integers(0, len(words), size=(DRAWS, len(words)))
    again = errors[drawn].sum(axis=1) / words[drawn].sum(axis=1)
    low, high = np.quantile(again, [0.025, 0.975]) if errors.any() else wilson(0, int(words.sum()))
    return Rate(errors.sum() / words.sum(), int(words.sum()), len(words), float(low), float(high))


def word_error_rate(loaded: Loaded, said: Sequence[Utterance], waves: Sequence[np.ndarray] | None = None) -> Rate:
    """The WER of the library's transcripts of these utterances, or of other waves with the same words."""
    heard = understood(loaded, said, [one.audio for one in said] if waves is None else waves)
    return rate_of([normal(one.text) for one in said], heard)


def understood(loaded: Loaded, said: Sequence[Utterance], waves: Sequence[np.ndarray], **settings: Any) -> list[str]:
    """The library's transcripts of waves, normalised, each in its utterance's language."""
    heard: list[str] = [""] * len(said)
    for language in sorted({one.language for one in said}):
        mine = [i for i, one in enumerate(said) if one.language == language]
        found = listening.transcribe(loaded, [waves[i] for i in mine], language, **settings)
        for i, text in zip(mine, found, strict=True):
            heard[i] = normal(text)
    return heard


def over_noise(
    loaded: Loaded,
    groups: Mapping[str, Sequence[Utterance]],
    decibels: Sequence[float],
    seed: int = 0,
    add_noise: AddNoise | None = None,
) -> dict[str, list[Rate]]:
    """The WER of groups of utterances in white noise of these signal-to-noise ratios.

    add_noise: as the exercise has it, puts noise on speech; by default the library's.
    """
    put = add_noise or oracle(LIBRARY).add_noise
    found: dict[str, list[Rate]] = {name: [] for name in groups}
    for snr in decibels:
        for name, said in groups.items():
            noisy = [
                np.asarray(put(torch.from_numpy(one.audio), _white(len(one.audio), seed + i), snr), dtype=np.float32)
                for i, one in enumerate(said)
            ]
            found[name].append(word_error_rate(loaded, said, noisy))
    return found


def _white(samples: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(data.noise("white", samples / RATE + 0.01, seed)[:samples])


def by_voice(
    loaded: Loaded, said: Sequence[Utterance], snr: float | None = None, seed: int = 0
) -> dict[str, dict[str, Rate]]:
    """The WER by accent and by speaker, the two parts of a voice's name, the best understood first.

    snr: of white noise on everything, in decibels; None: without noise.
    """
    heard = understood(loaded, said, [one.audio for one in said] if snr is None else data.in_noise(said, snr, seed))
    found: dict[str, dict[str, Rate]] = {}
    for part, name in enumerate(("accent", "speaker")):
        names = [one.voice.split("+")[part] for one in said]
        rates = {}
        for each in sorted(set(names)):
            mine = [i for i, other in enumerate(names) if other == each]
            rates[each] = rate_of([normal(said[i].text) for i in mine], [heard[i] for i in mine])
        found[name] = dict(sorted(rates.items(), key=lambda pair: pair[1].value))
    return found


def beams_in_noise(loaded: Loaded, n: int = 100, snr: float = 0.0, seed: int = 0) -> dict[str, tuple[str, str]]:
    """What greedy decoding and what five beams make of n sentences each by known and by new voices, in white noise.

    Returns {what was said: (heard greedily, heard with five beams)}; a sentence that comes twice counts once.
    """
    said = [*data.spoken(n, "test", seed=seed), *data.spoken(n, "voices", seed=seed)]
    waves = data.in_noise(said, snr, seed)
    one = understood(loaded, said, waves)
    five = understood(loaded, said, waves, num_beams=5, early_stopping=True)
    return {normal(each.text): (a, b) for each, a, b in zip(said, one, five, strict=True)}


def gain(said: Sequence[str], before: Sequence[str], after: Sequence[str]) -> tuple[float, float, float]:
    """By how much the WER of the same sentences fell, and between what that lies with 95 %, as in `Rate`."""
    count = oracle("whisper_lab.checks.reference").count_errors
    fewer = np.array(
        [count(s.split(), a.split()) - count(s.split(), b.split()) for s, a, b in zip(said, before, after, strict=True)]
    )
    words = np.array([len(s.split()) for s in said])
    drawn = np.random.default_rng(0).integers(0, len(words), size=(DRAWS, len(words)))
    low, high = np.quantile(fewer[drawn].sum(axis=1) / words[drawn].sum(axis=1), [0.025, 0.975])
    return float(fewer.sum() / words.sum()), float(low), float(high)


def long_form(
    loaded: Loaded, recordings: Sequence[data.Recording], merge: Callable[[list[list[int]]], Any] | None = None
) -> dict[str, list[float]]:
    """The WER of long recordings, merged from windows that overlap and read one window after another, in two ways each.

    merge: as the exercise has it; by default the library's.
    """
    put_together = merge or oracle(LIBRARY).merge
    found: dict[str, list[float]] = {}
    for one in recordings:
        ways = {
            "one window after another, by its times": _joined(listening.one_after_another(loaded, one.audio)),
            "one after another, the previous text as a prompt": _joined(
                listening.one_after_another(loaded, one.audio, previous=True)
            ),
        }
        for name, loops in (("windows that overlap, merged", False), ("the same, loops let be", True)):
            parts = listening.in_pieces(loaded, one.audio, loops=loops)
            ways[name] = listening.text_of(loaded, put_together(parts))
        for name, text in ways.items():
            found.setdefault(name, []).append(wer([one.text], [normal(text)]))
    return found


def _joined(segments: Sequence[tuple[float, float, str]]) -> str:
    return " ".join(text for *_, text in segments)


def without_speech(loaded: Loaded, n: int = 8, seed: int = 0) -> dict[str, list[tuple[str, float, float]]]:
    """What is said to speech and to sounds that are none: text, mean log-probability, probability of no speech."""
    seconds = listening.window_seconds(loaded) - 1
    waves = {"speech": [one.audio for one in data.spoken(4 * n, seed=seed)]}
    waves["speech in noise"] = data.in_noise(data.spoken(2 * n, "voices", seed=seed), 5, seed)
    for kind in data.KINDS:
        count = 1 if kind == "silence" else n
        waves[kind] = [data.noise(kind, seconds, seed + i) for i in range(count)]
    return {kind: listening.confidence(loaded, some) for kind, some in waves.items()}
