"""How much of what was said was understood: errors in words and characters, and reports over voices and noise."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from coursekit.models import Loaded
from coursekit.notebook import oracle
from tinyworld import sound
from tinyworld.speech import Utterance
from whisper_lab import data, listening


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


def word_error_rate(loaded: Loaded, said: Sequence[Utterance], waves: Sequence[np.ndarray] | None = None) -> float:
    """The WER of the library's transcripts of these utterances, or of other waves with the same words."""
    heard = _heard(loaded, said, [one.audio for one in said] if waves is None else waves)
    return wer([normal(one.text) for one in said], heard)


def _heard(loaded: Loaded, said: Sequence[Utterance], waves: Sequence[np.ndarray]) -> list[str]:
    """Transcripts, normalised, each in its utterance's language."""
    heard: list[str] = [""] * len(said)
    for language in sorted({one.language for one in said}):
        mine = [i for i, one in enumerate(said) if one.language == language]
        found = listening.transcribe(loaded, [waves[i] for i in mine], language)
        for i, text in zip(mine, found, strict=True):
            heard[i] = normal(text)
    return heard


def over_noise(
    loaded: Loaded, groups: Mapping[str, Sequence[Utterance]], decibels: Sequence[float], seed: int = 0
) -> dict[str, list[float]]:
    """The WER of groups of utterances in white noise of these signal-to-noise ratios."""
    found: dict[str, list[float]] = {name: [] for name in groups}
    for snr in decibels:
        rng = np.random.default_rng(seed)
        for name, said in groups.items():
            noisy = [sound.in_noise(one.audio, snr, rng) for one in said]
            found[name].append(word_error_rate(loaded, said, noisy))
    return found


def by_voice(loaded: Loaded, said: Sequence[Utterance]) -> dict[str, dict[str, float]]:
    """The WER by accent and by speaker, the two parts of a voice's name, the best understood first."""
    heard = _heard(loaded, said, [one.audio for one in said])
    found: dict[str, dict[str, float]] = {}
    for part, name in enumerate(("accent", "speaker")):
        names = [one.voice.split("+")[part] for one in said]
        rates = {}
        for each in sorted(set(names)):
            mine = [i for i, other in enumerate(names) if other == each]
            rates[each] = wer([normal(said[i].text) for i in mine], [heard[i] for i in mine])
        found[name] = dict(sorted(rates.items(), key=lambda pair: pair[1]))
    return found


def without_speech(loaded: Loaded, n: int = 4, seed: int = 0) -> dict[str, list[tuple[str, float, float]]]:
    """What is said to speech and to sounds that are none: text, mean log-probability, probability of no speech."""
    seconds = listening.window_seconds(loaded) - 1
    waves = {"speech": [one.audio for one in data.spoken(4 * n, seed=seed)]}
    rng = np.random.default_rng(seed)
    waves["speech in noise"] = [sound.in_noise(one.audio, 5, rng) for one in data.spoken(2 * n, "voices", seed=seed)]
    for kind in data.KINDS:
        count = 1 if kind == "silence" else n
        waves[kind] = [data.noise(kind, seconds, seed + i) for i in range(count)]
    return {kind: listening.confidence(loaded, some) for kind, some in waves.items()}
