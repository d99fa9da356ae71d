"""What known mistakes with noise, times and overlaps give, sections 9 to 12, so that a check can name them.

A notebook that is graded cannot import it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch

from whisper_lab import listening
from whisper_lab.checks import reference

# --- 2 log_mel ------------------------------------------------------------------------------------------------------


def slipped_features(power: torch.Tensor, filters: torch.Tensor) -> dict[str, torch.Tensor]:
    """Log-mel features (mels, frames - 1) of a power spectrogram with mistakes."""
    every = (filters.T @ power).clamp(min=1e-10)
    log, whole = every[:, :-1].log10(), every.log10()
    natural = every[:, :-1].log()
    return {
        "the last frame is one too many: Whisper drops it": (whole.clamp(min=whole.max() - 8) + 4) / 4,
        "the loudest frame was the last one, which Whisper drops: drop it first": (log.clamp(min=whole.max() - 8) + 4)
        / 4,
        "the first frame was dropped; it is the last": reference.scaled(filters.T @ power[:, 1:]),
        "that is the natural logarithm; Whisper takes that of 10": (natural.clamp(min=natural.max() - 8) + 4) / 4,
        "the floor is missing: nothing is more than 8 below the loudest": (log + 4) / 4,
        "not scaled: add 4 and divide by 4": log.clamp(min=log.max() - 8),
        "the loudest of each frame: the floor is 8 below the loudest of all": (
            log.clamp(min=log.max(dim=0).values - 8) + 4
        )
        / 4,
        "the filters are applied to the magnitude; take the power": reference.scaled(filters.T @ power[:, :-1].sqrt()),
    }


def slipped_silence(right: torch.Tensor) -> dict[str, torch.Tensor]:
    """The features of silence with mistakes."""
    slips = {
        f"the power is kept above 1e-{p} before the logarithm; it is 1e-10": right + (10 - p) / 4
        for p in (3, 5, 6, 7, 8, 9, 12)
    }
    return slips | {
        "the logarithm of nothing is -inf: keep the power above 1e-10 before it": torch.full_like(right, -torch.inf)
    }


# --- 9 add_noise ----------------------------------------------------------------------------------------------------


def slipped_noise(speech: torch.Tensor, noise: torch.Tensor, snr: float) -> dict[str, torch.Tensor]:
    """Speech in noise with mistakes."""
    n = len(speech)
    whole = noise.repeat(-(-n // len(noise)))[:n]
    cut = torch.nn.functional.pad(noise[:n], (0, max(0, n - len(noise))))
    power, loud, root = speech.square().mean(), whole.square().mean(), 10 ** (-snr / 20)
    gain = (power / loud).sqrt() * root
    return {
        "that factor is the power's; the wave's is its root": speech + whole * gain**2,
        "the louder of the two is the noise: a sign of the decibels": speech + whole * gain / root**2,
        "the noise was taken as loud as it came": speech + whole * root,
        "10 dB are a factor of 10 in power, of its root in the wave: 10 ** (snr / 20) there": speech
        + whole * gain * root,
        "the noise was measured before it was repeated or cut": speech
        + whole * (power / noise.square().mean()).sqrt() * root,
        "that is the variance of the noise; its power is the mean of the squares": speech
        + whole * (power / whole.var(unbiased=False)).sqrt() * root,
        "the peaks were compared; powers are means of squares": speech
        + whole * speech.abs().max() / whole.abs().max() * root,
        "the noise ended before the speech: repeat it": speech + cut * (power / cut.square().mean()).sqrt() * root,
    }


# --- 10 segments ----------------------------------------------------------------------------------------------------

Segment = tuple[Any, Any, list[int]]


def slipped_segments(tokens: Sequence[int], begin: int) -> dict[str, list[Segment]]:
    """Segments with mistakes. Times are rounded to a millisecond."""
    right = reference.between_times(tokens, begin)
    times = [(token - begin) * 0.02 if token >= begin else None for token in tokens]
    marks = [i for i, token in enumerate(tokens) if token >= begin]

    def scaled(by: float, shift: float = 0.0) -> list[Segment]:
        return rounded([(a * by + shift, None if b is None else b * by + shift, words) for a, b, words in right])

    early, last = [], None  # where a segment begins with the first of two times in a row
    for start, end, words in right:
        early.append((start if last is None else last, end, words))
        last = end
    pauses = [(times[i], times[j], list(tokens[i + 1 : j])) for i, j in zip(marks, marks[1:], strict=False)]
    return {
        "the times are counted in tokens: one is 0.02 s": scaled(50),
        "the times are the tokens' numbers: count from `begin`": scaled(1, 0.02 * begin),
        "a time token is 0.02 s, not 0.01": scaled(0.5),
        "what was never closed is missing: it is told too, with None for its end": rounded(
            [one for one in right if one[1] is not None]
        ),
        "what was never closed has no end: None": rounded([(a, a if b is None else b, w) for a, b, w in right]),
        "a pause is no segment: between those two times nothing is said": rounded(
            pauses + [one for one in right if one[1] is None]
        ),
        "every time to the next became a segment; a pause is no segment, and what was never closed is one": rounded(
            pauses
        ),
        "a pause between segments belongs to none: each begins with the time right before its words": rounded(early),
    }


def rounded(segments: Sequence[Any]) -> list[Any]:
    """Segments with their times to a millisecond, so that they can be compared; what is none stays as it is."""
    try:
        return [[*(None if t is None else round(float(t), 3) for t in one[:2]), list(one[2])] for one in segments]
    except (TypeError, ValueError, IndexError):
        return list(segments)


# --- 11 dtw ---------------------------------------------------------------------------------------------------------


def slipped_paths(cost: np.ndarray) -> dict[str, list[list[int]]]:
    """Paths through a cost with mistakes, as [rows, columns]."""
    n, m = cost.shape
    i = j = 0
    stepped = [(0, 0)]
    while (i, j) != (n - 1, m - 1):
        ways = [(i + 1, j + 1), (i + 1, j), (i, j + 1)]
        i, j = min((p for p in ways if p[0] < n and p[1] < m), key=lambda p: cost[p])
        stepped.append((i, j))
    rows, columns = (list(part) for part in zip(*stepped, strict=True))
    right = [list(part) for part in reference.library_path(cost)]
    dear = [list(part) for part in reference.library_path(-cost)]
    return {
        "the cheapest next step, again and again, is not the cheapest path": [rows, columns],
        "that is the dearest path": dear,
        "columns and rows are exchanged": right[::-1],
        "the path runs backwards: turn it round at the end": [part[::-1] for part in right],
        "a step straight down is missing: two rows can share a column": _without(cost, (1, 0)),
        "a step to the right is missing: two columns can share a row": _without(cost, (0, 1)),
        "a step down and to the right at once is missing": _without(cost, (1, 1)),
    }


def _without(cost: np.ndarray, step: tuple[int, int]) -> list[list[int]]:
    """The cheapest path without one kind of step; [] where there is none."""
    ways = [one for one in ((1, 1), (1, 0), (0, 1)) if one != step]
    total = np.full(np.add(cost.shape, 1), np.inf)
    total[0, 0] = 0
    for i, j in np.ndindex(cost.shape):
        before = [total[i + 1 - a, j + 1 - b] for a, b in ways] + ([0.0] if (i, j) == (0, 0) else [])
        total[i + 1, j + 1] = cost[i, j] + min(before)
    i, j = cost.shape
    path = []
    while i > 0 and j > 0 and np.isfinite(total[i, j]):
        path.append((i - 1, j - 1))
        i, j = min(((i - a, j - b) for a, b in ways), key=lambda place: total[place])
    return [list(part) for part in zip(*path[::-1], strict=True)] if path and path[-1] == (0, 0) else []


def times_that_tell(rng: np.random.Generator) -> tuple[torch.Tensor, np.ndarray, dict[str, np.ndarray]]:
    """Attention for which every mistake puts the tokens elsewhere, when they begin, and what each mistake gives."""
    while True:
        lengths = rng.integers(7, 12, size=5)
        begins = np.concatenate([[0], np.cumsum(lengths)])
        values = rng.uniform(0, 1, size=(3, 5, begins[-1]))
        for i in range(5):
            values[:, i, begins[i] : begins[i + 1]] += rng.uniform(0.1, 0.4, size=(3, 1))
        values *= np.exp(2 * rng.normal(size=(3, 1, begins[-1])))  # some positions draw every token's attention
        values *= np.where(rng.random(values.shape) < 0.15, 10, 1)  # and some places one token's
        weights = torch.from_numpy(values / values.sum(axis=-1, keepdims=True)).float()
        wanted = reference.library_times(weights)[0].numpy()
        slips = _slipped_times(weights, wanted)
        every = [wanted, *slips.values()]
        if all(np.abs(a - b).max() > 0.01 for a, b in combinations(every, 2)):
            return weights, wanted, slips


def _slipped_times(weights: torch.Tensor, wanted: np.ndarray) -> dict[str, np.ndarray]:
    def begins(matrix: torch.Tensor, sign: float = -1.0) -> np.ndarray:
        rows, columns = reference.library_path(sign * matrix.double().numpy())
        return np.array([0.02 * columns[rows.index(i)] for i in range(len(matrix))])

    def scaled(values: torch.Tensor, dim: int) -> torch.Tensor:
        return (values - values.mean(dim=dim, keepdim=True)) / values.std(dim=dim, keepdim=True, unbiased=False)

    smooth = listening.median_filter
    right = smooth(scaled(weights, 1), 7)
    rows, columns = (np.array(part) for part in reference.library_path(-right.mean(dim=0).double().numpy()))
    ends = np.array([0.02 * columns[rows == i].max() for i in range(len(wanted))])
    return {
        "those are positions: one is 0.02 s": wanted / 0.02,
        "those are ends: a token's time is the first position the path gives it": ends,
        "the path leads where nobody listened: attention is to be large, a cost small": begins(right.mean(dim=0), 1.0),
        "every position is to be scaled over the tokens first": begins(smooth(weights, 7).mean(dim=0)),
        "scaled over the positions; scale each position over the tokens": begins(
            smooth(scaled(weights, 2), 7).mean(dim=0)
        ),
        "the median filter is missing: single positions stand out": begins(scaled(weights, 1).mean(dim=0)),
        "one head alone: take the mean of them": begins(right[0]),
        "the mean is taken off, and what is left is not divided by the deviation": begins(
            smooth(weights - weights.mean(dim=1, keepdim=True), 7).mean(dim=0)
        ),
    }


# --- 12 merge -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MergeRules:
    """How pieces are merged. The defaults are right; a mistake changes one of them.

    least: agreements at least.   counted: the greatest number of agreements decides, not their share.
    exact: all must agree.   left: the part of the overlap that is taken from the left piece.
    """

    least: int = 2
    counted: bool = False
    exact: bool = False
    left: Callable[[int], int] = lambda overlap: overlap // 2
    fixed: int | None = None


MERGE_SLIPS = {
    "the pieces stand one after the other, overlaps and all": MergeRules(fixed=0),
    "one agreement alone is an accident; two are the least": MergeRules(least=1),
    "the place with most agreements was taken; it is that with the greatest share of them": MergeRules(counted=True),
    "an overlap counted only where all of it agrees: the words at the cut may differ": MergeRules(exact=True, least=1),
    "an overlap counted only where all of it agrees, two at least: the words at the cut may differ": MergeRules(
        exact=True
    ),
    "all of an overlap was taken from the left piece, whose last word the cut may have spoilt": MergeRules(
        left=lambda overlap: overlap
    ),
    "all of an overlap was taken from the right piece, whose first word the cut may have spoilt": MergeRules(
        left=lambda overlap: 0
    ),
} | {
    f"{n} tokens were dropped from every piece: find out how many each shares with the one before": MergeRules(fixed=n)
    for n in range(1, 9)
}


def merged(parts: Sequence[Sequence[int]], rules: MergeRules) -> list[int]:
    """Pieces as one sequence, by these rules."""
    result = list(parts[0]) if parts else []
    for part in parts[1:]:
        if rules.fixed is not None:
            result += part[rules.fixed :]
            continue
        best, overlap = (0.0, 0), 0
        for k in range(rules.least, min(len(result), len(part)) + 1):
            agree = sum(a == b for a, b in zip(result[-k:], part[:k], strict=True))
            worth = (float(agree) if rules.counted else agree / k, k)
            if agree >= rules.least and (agree == k or not rules.exact) and worth > best:
                best, overlap = worth, k
        keep = rules.left(overlap)
        result = result[: len(result) - overlap + keep] + list(part[keep:])
    return result


def merge_cases(rng: np.random.Generator) -> list[list[list[int]]]:
    """Pieces that tell all mistakes apart."""
    words = [int(w) for w in rng.permutation(500)[:60]]
    even = reference.pieces(rng, words[:33], 12, int(rng.integers(3, 6)))
    cut = reference.pieces(rng, words[:40], 14, int(rng.integers(5, 8)))
    for i, (left, right) in enumerate(zip(cut, cut[1:], strict=False)):
        left[-1], right[0] = 900 + i, 950 + i
    chance = [words[:9], [words[8], *words[10:20]]]  # one token is the same by chance
    a, b, c = words[:3]
    refrain = [[*words[20:25], a, *words[25:30], a, b, c], [a, b, c, *words[30:33], a, b, c, *words[33:40]]]
    return [even, cut, chance, refrain, [words[:20]], [words[:9], words[9:20]], []]
