"""What the checks of week 4 ask with and compare with. A notebook that is graded cannot import it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np
import torch
from transformers import WhisperFeatureExtractor
from transformers.audio_utils import mel_filter_bank

from coursekit.audio import RATE
from coursekit.checks import Slip, assert_close, assert_same, assert_that
from coursekit.inputs import gaussian
from coursekit.models import Loaded
from whisper_lab import listening, probes

WORDS = (
    "a",
    "big",
    "small",
    "red",
    "green",
    "blue",
    "star",
    "circle",
    "square",
    "left",
    "right",
    "above",
    "one",
    "two",
)


def chirp(rng: np.random.Generator, samples: int) -> torch.Tensor:
    """A sliding tone in a little noise, float32 (samples,): like speech, loud in few places at a time."""
    t = np.arange(samples) / RATE
    low, slope = rng.uniform(200, 2000), rng.uniform(500, 3000)
    wave = 0.4 * np.sin(2 * np.pi * (low * t + slope * t**2)) + 0.01 * rng.normal(size=samples)
    return torch.from_numpy(wave).float()


# --- 1 spectrogram --------------------------------------------------------------------------------------------------


def library_power(
    wave: torch.Tensor, size: int = 400, hop: int = 160, edge: bool = False, **settings: Any
) -> torch.Tensor:
    """The power spectrogram by torch.stft, (size // 2 + 1, frames). edge: mirrored with the ends' samples twice."""
    if edge:
        wave, settings = torch.from_numpy(np.pad(wave.numpy(), size // 2, mode="symmetric")), {"center": False}
    usual: dict[str, Any] = {"window": torch.hann_window(size), "pad_mode": "reflect"}
    return torch.stft(wave, size, hop, return_complex=True, **(usual | settings)).abs() ** 2


def real_power(wave: torch.Tensor, size: int = 400, hop: int = 160) -> torch.Tensor:
    """The squares of the real parts alone, (size // 2 + 1, frames)."""
    return torch.stft(wave, size, hop, window=torch.hann_window(size), return_complex=True).real ** 2


# --- 2 log_mel ------------------------------------------------------------------------------------------------------


def library_filters(count: int, size: int, rate: int, **settings) -> np.ndarray:
    """transformers' mel filterbank, (size // 2 + 1, count)."""
    settings = {"norm": "slaney", "mel_scale": "slaney"} | settings
    return mel_filter_bank(1 + size // 2, count, 0.0, rate / 2, rate, **settings)


@lru_cache
def extractor(mels: int, seconds: int) -> WhisperFeatureExtractor:
    """Whisper's feature extractor for a window of so many seconds."""
    return WhisperFeatureExtractor(feature_size=mels, chunk_length=seconds)


def library_features(wave: torch.Tensor, mels: int = 80) -> torch.Tensor:
    """What Whisper sees of a wave of whole seconds, (mels, frames)."""
    found = extractor(mels, len(wave) // RATE)(wave.numpy(), sampling_rate=RATE, return_tensors="pt")
    return found.input_features[0]


def scaled(mel: torch.Tensor) -> torch.Tensor:
    log = mel.clamp(min=1e-10).log10()
    return (log.clamp(min=log.max() - 8) + 4) / 4


# --- 3 encoder_front ------------------------------------------------------------------------------------------------


def whisper_positions(length: int, width: int) -> torch.Tensor:
    """The encoder's positions, (length, width), as the library has them."""
    from transformers.models.whisper.modeling_whisper import sinusoids

    return sinusoids(length, width)


# --- 4 first_token --------------------------------------------------------------------------------------------------


def first_probabilities(loaded: Loaded, heard: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """After the start token alone: the languages' shares (n, languages), and the probability of no speech (n,)."""
    model, known = loaded.model, loaded.model.generation_config
    parts = []
    for part in heard.split(listening.BATCH):
        ids = torch.full((len(part), 1), known.decoder_start_token_id, device=model.device)
        with torch.no_grad():
            logits = model(input_features=part.to(model.device), decoder_input_ids=ids, use_cache=False).logits
        parts.append(logits[:, 0].float().cpu())
    logits = torch.cat(parts)
    languages = logits[:, list(known.lang_to_id.values())].softmax(dim=-1)
    return languages, logits.softmax(dim=-1)[:, known.no_timestamps_token_id - 1]


def first_logits(model, features: torch.Tensor) -> torch.Tensor:
    """The library's logits after the start token alone, (n, vocabulary)."""
    ids = torch.full((len(features), 1), model.generation_config.decoder_start_token_id)
    with torch.no_grad():
        return model(input_features=features, decoder_input_ids=ids).logits[:, 0]


def hearing(rng: np.random.Generator, n: int = 1):
    """A random Whisper's seed, the model, and log-mel features (n, 80, 100) that it has never heard."""
    seed = int(rng.integers(10**6))
    return seed, probes.whisper(seed), gaussian(rng, n, probes.MELS, probes.FRAMES)


# --- 5 greedy -------------------------------------------------------------------------------------------------------

PROMPT = [probes.START, probes.LANGUAGES["<|en|>"], probes.TASKS["transcribe"], probes.NO_TIMESTAMPS]


def decoding_task(rng: np.random.Generator, several: bool = True):
    """A random Whisper's seed, the model, features, suppressed tokens, and the library's greedy answer to them.

    several: it ends by itself after two tokens or more; else it is stopped at 16. So a task tells right from wrong.
    """
    while True:
        seed, model, features, suppress = decoding_tasks(rng)
        for i, wanted in enumerate(library_said(model, features, suppress, 16)):
            if len(set(wanted)) > 1 and (2 <= len(wanted) < 14 if several else len(wanted) == 16):
                return seed, model, features[i : i + 1], suppress, wanted


def silent_task(rng: np.random.Generator):
    """A task as in `decoding_task` in which the end would come first, did it not stand in `begin_suppress`."""
    while True:
        seed, model, features, suppress = decoding_tasks(rng)
        free = library_said(model, features, suppress, 16, begin_suppress_tokens=None)
        for i, wanted in enumerate(library_said(model, features, suppress, 16)):
            if not free[i] and len(wanted) > 1:
                return seed, model, features[i : i + 1], suppress, wanted


def decoding_tasks(rng: np.random.Generator, n: int = 8):
    """A random Whisper's seed, the model, features (n, mels, frames), and all tokens but eleven of text, suppressed."""
    seed, model, features = hearing(rng, n)
    allowed = [*rng.choice(probes.TEXT, 11, replace=False).tolist(), probes.END]
    return seed, model, features, [i for i in range(probes.VOCABULARY) if i not in allowed]


def library_said(model, features, suppress: Sequence[int], most: int, **settings) -> list[list[int]]:
    """What the library says to each of the features. The end may not come first."""
    settings = {"language": "en", "task": "transcribe", "begin_suppress_tokens": [probes.END]} | settings
    return listening.generated(model, features, max_new_tokens=most, suppress_tokens=list(suppress), **settings)


def plain(value) -> list:
    if isinstance(value, torch.Tensor | np.ndarray):
        return value.tolist()
    return [int(v) if isinstance(v, torch.Tensor) else v for v in value] if isinstance(value, list | tuple) else value


# --- 6 beam ---------------------------------------------------------------------------------------------------------


def beam_task(rng: np.random.Generator, width: int, most: int = 12):
    """A task in which looking ahead pays: what the library says with beams, without, and with beams but no penalty.

    With beams it ends by itself: where it is cut off, the order of things in the last step would matter.
    """
    while True:
        seed, model, every, suppress = decoding_tasks(rng)
        beams: dict[str, Any] = {"num_beams": width, "early_stopping": True}
        ways: tuple[dict[str, Any], ...] = ({}, beams, beams | {"length_penalty": 0.0})
        alone, wanted, plain = (library_said(model, every, suppress, most, **way) for way in ways)
        for i, answers in enumerate(zip(wanted, alone, plain, strict=True)):
            if len({tuple(one) for one in answers}) == 3 and len(answers[0]) < most:
                return seed, every[i : i + 1], suppress, answers


# --- 7 fallback -----------------------------------------------------------------------------------------------------

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

LOOP = " the star the star" * 12

SENTENCE = "a small red star left of a large blue circle"


# --- 8 word_errors --------------------------------------------------------------------------------------------------


def count_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest words (or characters) to exchange, leave out or put in that make one of the other."""
    row = np.arange(len(heard) + 1)
    steps = np.arange(len(heard) + 1)
    for one in said:
        kept = row[:-1] + np.array([one != other for other in heard], dtype=int)
        row = np.concatenate([[row[0] + 1], np.minimum(row[1:] + 1, kept)])
        row = np.minimum.accumulate(row - steps) + steps  # put in any number of words
    return int(row[-1])


def error_rate(said: Sequence[str], heard: Sequence[str], unit: str = "word") -> float:
    """WER, or with unit "character" CER, over all sentences: all errors by the number of words said."""
    parts = str.split if unit == "word" else list
    pairs = [(parts(a), parts(b)) for a, b in zip(said, heard, strict=True)]
    total = sum(len(a) for a, _ in pairs)
    if not total:
        raise ValueError("nothing was said: a rate needs at least one word")
    return sum(count_errors(a, b) for a, b in pairs) / total


def misheard(rng: np.random.Generator, n: int) -> tuple[list[str], list[str]]:
    """A sentence of n words, and what somebody heard: words exchanged, left out and put in."""
    said = [str(word) for word in rng.choice(WORDS, n)]
    heard: list[str] = []
    for word in said:
        what = rng.random()
        heard += [] if what < 0.15 else [str(rng.choice(WORDS))] if what < 0.3 else [word]
        heard += [str(rng.choice(WORDS))] if rng.random() < 0.12 else []
    return said, heard


def assert_alignment(found, said: Sequence[str], heard: Sequence[str], least: int) -> None:
    """`found` is a list of (what, word said, word heard) that spells both, with the least number of errors."""
    assert_that(isinstance(found, list | tuple), "expected a list of steps")
    steps = []
    for step in found:
        assert_that(
            isinstance(step, list | tuple) and len(step) == 3, f"a step is (what, said, heard), not {step!r}"[:90]
        )
        steps.append(tuple(step))
    legal = {"ok": lambda a, b: a is not None and a == b, "sub": lambda a, b: None not in (a, b) and a != b}
    legal |= {"del": lambda a, b: a is not None and b is None, "ins": lambda a, b: a is None and b is not None}
    turned = {("del", True), ("ins", False)}
    for what, a, b in steps:
        assert_that(what in legal, f'a step is called "ok", "sub", "del" or "ins", not {what!r}')
        assert_that(
            (what, a is None) not in turned,
            f'({what!r}, {a!r}, {b!r}): "del" is what was said and not heard, "ins" what was heard and not said',
        )
        assert_that(legal[what](a, b), f"({what!r}, {a!r}, {b!r}) contradicts itself")
    assert_that(
        [a for _, a, _ in steps if a is not None] != list(said)[::-1] or list(said) == list(said)[::-1],
        "the steps run backwards: turn them round at the end",
    )
    spelled = [a for _, a, _ in steps if a is not None], [b for _, _, b in steps if b is not None]
    lost = len(said) - len(spelled[0]), len(heard) - len(spelled[1])
    ends = all(list(all_[n:]) == part for all_, part, n in zip((said, heard), spelled, lost, strict=True) if n >= 0)
    if ends and min(lost) == 0 < max(lost):
        raise Slip("what is left over when one of the two is used up is missing: it was left out, or put in")
    assert_same(spelled[0], list(said), "what was said, read off the alignment,")
    assert_same(spelled[1], list(heard), "what was heard, read off the alignment,")
    errors = sum(what != "ok" for what, _, _ in steps)
    assert_that(errors == least, f"the alignment has {errors} errors where {least} are enough: {said} heard as {heard}")


# --- 9 add_noise ----------------------------------------------------------------------------------------------------


def in_noise(speech: torch.Tensor, noise: torch.Tensor, snr: float) -> torch.Tensor:
    """Speech (samples,) with noise, repeated or cut to its length, at a signal-to-noise ratio in decibels."""
    whole = np.resize(noise.double().numpy(), len(speech))
    ratio = np.mean(speech.double().numpy() ** 2) / max(np.mean(whole**2), 1e-30)
    return speech + torch.from_numpy(whole * np.sqrt(ratio * 10 ** (-snr / 10))).float()


# --- 10 segments ----------------------------------------------------------------------------------------------------


def told_segments(rng: np.random.Generator, begin: int, n: int):
    """Segments (start, end, tokens), and the tokens a model says for them."""
    ticks = np.sort(rng.choice(np.arange(1, 200), size=n + 1, replace=False)).tolist()
    segments, tokens = [], []
    for start, end in zip(ticks, ticks[1:], strict=False):
        said = [int(t) for t in rng.integers(0, begin - 20, size=int(rng.integers(1, 6)))]
        segments.append((start * 0.02, end * 0.02, said))
        tokens += [begin + start, *said, begin + end]
    return segments, tokens


def between_times(tokens: Sequence[int], begin: int) -> list[tuple[float, float | None, list[int]]]:
    """The segments (start, end, tokens) of tokens with times."""
    found: list[tuple[float, float | None, list[int]]] = []
    last = 0.0
    for spoken, group in groupby(tokens, key=lambda token: token < begin):
        some = list(group)
        if spoken:
            found.append((last, None, some))
            continue
        if found and found[-1][1] is None:
            found[-1] = (found[-1][0], 0.02 * (some[0] - begin), found[-1][2])
        last = 0.02 * (some[-1] - begin)
    return found


def assert_segments(found, wanted) -> None:
    """`found` is a list of (start, end, tokens), times to a millisecond."""
    assert_that(isinstance(found, list | tuple), "expected a list of (start, end, tokens)")
    assert_that(
        all(isinstance(one, list | tuple) and len(one) == 3 for one in found), "a segment is (start, end, tokens)"
    )
    assert_that(len(found) == len(wanted), f"{len(found)} segments where {len(wanted)} were expected")
    for i, (mine, theirs) in enumerate(zip(found, wanted, strict=True)):
        assert_same(plain(mine[2]), list(theirs[2]), f"segment {i}: the tokens")
        for name, a, b in (("start", mine[0], theirs[0]), ("end", mine[1], theirs[1])):
            if b is None:
                assert_that(a is None, f"segment {i} was never closed: its end is None, not {a}")
            else:
                assert_that(isinstance(a, int | float) or hasattr(a, "shape"), f"segment {i}: the {name} is {a!r}"[:80])
                assert_close(a, b, atol=1e-3, what=f"segment {i}: the {name}")


# --- 11 dtw ---------------------------------------------------------------------------------------------------------


def library_times(weights: torch.Tensor, width: int = 7) -> tuple[torch.Tensor, tuple[np.ndarray, np.ndarray]]:
    """When each token begins, in seconds, and the path, by the library's dynamic time warping.

    weights: attention (heads, tokens, positions).
    """
    from transformers.models.whisper.generation_whisper import _dynamic_time_warping

    scaled = (weights - weights.mean(dim=1, keepdim=True)) / weights.std(dim=1, keepdim=True, unbiased=False)
    matrix = listening.median_filter(scaled, width).mean(dim=0)
    rows, columns = _dynamic_time_warping(-matrix.double().numpy())
    first = np.concatenate([[True], np.diff(rows) > 0])
    return torch.from_numpy(columns[first] * listening.TICK), (rows, columns)


def library_path(cost: np.ndarray) -> tuple[list[int], list[int]]:
    """The path by the library's dynamic time warping."""
    from transformers.models.whisper.generation_whisper import _dynamic_time_warping

    rows, columns = _dynamic_time_warping(cost)
    return rows.tolist(), columns.tolist()


def assert_path(found, cost: np.ndarray) -> None:
    """`found` is (rows, columns) of a cheapest path through the cost, from corner to corner."""
    assert_that(isinstance(found, list | tuple) and len(found) == 2, "expected two sequences: rows and columns")
    rows, columns = (np.asarray(plain(part)) for part in found)
    n, m = cost.shape
    assert_that(rows.ndim == columns.ndim == 1 and len(rows) == len(columns) > 0, "rows and columns differ in length")
    backwards = len(rows) > 1 and (rows[0], columns[0]) == (n - 1, m - 1)
    assert_that(not backwards, "the path runs backwards: turn it round at the end")
    assert_that((rows[0], columns[0]) == (0, 0), f"the path begins at {(int(rows[0]), int(columns[0]))}, not at (0, 0)")
    assert_that(
        (rows[-1], columns[-1]) == (n - 1, m - 1),
        f"the path ends at {(int(rows[-1]), int(columns[-1]))}, not at {(n - 1, m - 1)}",
    )
    steps = set(zip(np.diff(rows).tolist(), np.diff(columns).tolist(), strict=True))
    assert_that(steps <= {(1, 1), (1, 0), (0, 1)}, "a step of the path goes one down, one to the right, or both")
    total, least = cost[rows, columns].sum(), cost[library_path(cost)].sum()
    assert_that(total <= least + 1e-4 + 1e-5 * abs(least), f"the path costs {total:.4g}; there is one for {least:.4g}")


def attention_task(rng: np.random.Generator, heads: int = 3, tokens: int = 6, each: int = 12):
    """Attention (heads, tokens, frames) that moves on every so many frames, in noise; the frames; when tokens begin."""
    lengths = rng.integers(each - 3, each + 4, size=tokens)
    begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    weights = rng.uniform(0, 0.2, size=(heads, tokens, int(lengths.sum())))
    for i, (begin, length) in enumerate(zip(begins, lengths, strict=True)):
        weights[:, i, begin : begin + length] += 5
    loud = rng.uniform(0.5, 20, size=(heads, 1, weights.shape[-1]))  # some frames draw every token's attention
    weights = weights * loud
    weights /= weights.sum(axis=-1, keepdims=True)
    return torch.from_numpy(weights).float(), int(lengths.sum()), begins * 0.02


# --- 12 merge -------------------------------------------------------------------------------------------------------


def library_merge(parts: Sequence[Sequence[int]]) -> list[int]:
    """Pieces that overlap as one sequence, the way the library's speech pipeline does it."""
    from transformers.models.whisper.tokenization_whisper import _find_longest_common_sequence

    return [int(token) for token in _find_longest_common_sequence([list(part) for part in parts])]


def pieces(rng: np.random.Generator, words: Sequence[int], length: int, overlap: int) -> list[list[int]]:
    """A sequence in pieces of `length`, each of which begins with the last `overlap` of the one before."""
    step = length - overlap
    count = max(1, math.ceil((len(words) - overlap) / step))
    return [list(words[i * step : i * step + length]) for i in range(count)]
