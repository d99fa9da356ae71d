"""What known mistakes in decoding and counting give, sections 5 to 8, so that a check can name them.

A notebook that is graded cannot import it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch

from whisper_lab import listening, probes
from whisper_lab.checks import reference

# --- 5 greedy -------------------------------------------------------------------------------------------------------


def slipped_greedy(
    model: Any, features: torch.Tensor, suppress: Sequence[int], wanted: Sequence[int], most: int
) -> dict[str, list[int]]:
    """What greedy decoding says with mistakes, where the end is not to come first. wanted: the right answer."""
    step = listening.listener(model, features, reference.PROMPT, [], [])

    def said(never: Sequence[int], first: Sequence[int], later: Sequence[int]) -> list[int]:
        tokens: list[int] = []
        while len(tokens) < most:
            scores = step([tokens])[0]
            scores[[*never, *(later if tokens else first)]] = -torch.inf
            token = int(scores.argmax())
            if token == probes.END:
                break
            tokens.append(token)
        return tokens

    return {
        "suppressed tokens were said: their score must be -inf at every step": said([], [probes.END], []),
        "`suppress` was minded at the first step only; those are never to be said": said(
            [], [probes.END, *suppress], []
        ),
        "what begin_suppress forbids at the beginning was forbidden all the time, so that it cannot end": said(
            suppress, [probes.END], [probes.END]
        ),
        "begin_suppress was ignored: the end came first": said(suppress, [], []),
        "the prompt is part of the result; return what comes after it": [*reference.PROMPT, *wanted],
        "the end token is part of the result; leave it out": [*wanted, probes.END],
    }


# --- 6 beam ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BeamRules:
    """How beams are kept. The defaults are right; a mistake changes one of them.

    width: the width that is kept, of that which was asked for.   looked_at: the continuations that count, in widths.
    finishing: those among which one that ends is finished, in widths.   length: T, of tokens with the end, and whether
    it ended.   over: whether it is over, from the number of finished sequences and `width`.
    """

    width: Callable[[int], int] = lambda asked: asked
    looked_at: int = 2
    finishing: int = 1
    score: Callable[[float, int, float], float] = lambda total, length, penalty: total / length**penalty
    length: Callable[[int, bool], int] = lambda tokens, ended: tokens
    over: Callable[[int, int], bool] = lambda finished, width: finished >= width
    running_finish: bool = True
    sums: bool = True
    best: Callable[..., Any] = max
    keeps_end: bool = False


BEAM_SLIPS = {
    "one sequence was kept: the likeliest `width` go on": BeamRules(width=lambda asked: 1),
    "only the first `width` continuations were looked at: some of them end, and too few go on": BeamRules(looked_at=1),
    "one that ends is finished only if it is among the first `width`": BeamRules(finishing=2),
    "the sums were compared as they are: divide by the number of tokens ** penalty": BeamRules(
        score=lambda total, length, penalty: total
    ),
    "the penalty was ignored: it is the exponent of the number of tokens": BeamRules(
        score=lambda total, length, penalty: total / length
    ),
    "the number of tokens leaves the end out; it counts": BeamRules(
        length=lambda tokens, ended: max(tokens - ended, 1)
    ),
    "it stopped when the first sequence ended; it goes on until `width` have": BeamRules(
        over=lambda finished, width: finished > 0
    ),
    "it went on to the last step, though `width` sequences were finished": BeamRules(
        over=lambda finished, width: False
    ),
    "in the last step what still runs is finished too": BeamRules(running_finish=False),
    "only the last token's log-probability counts there; sum those of all": BeamRules(sums=False),
    "the worst of the finished sequences was taken": BeamRules(best=min),
    "the end token is part of the result; leave it out": BeamRules(keeps_end=True),
}


def beams(
    step: listening.Step, width: int, end: int, most: int, penalty: float, rules: BeamRules, over_first: bool = False
) -> list[int]:
    """What beam search finds by these rules. over_first: the last step too is over once `width` have ended."""
    running: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    finished: list[tuple[float, tuple[int, ...]]] = []
    width = rules.width(width)
    for length in range(1, most + 1):
        rows = step([list(tokens) for tokens, _ in running])
        every = [
            ((*tokens, token), (total if rules.sums else 0.0) + score)
            for (tokens, total), row in zip(running, rows.tolist(), strict=True)
            for token, score in enumerate(row)
        ]
        every = sorted(every, key=lambda pair: -pair[1])[: rules.looked_at * width]
        for tokens, total in every[: rules.finishing * width]:
            if tokens[-1] == end:
                kept = tokens if rules.keeps_end else tokens[:-1]
                finished.append((rules.score(total, rules.length(length, True), penalty), kept))
        running = [pair for pair in every if pair[0][-1] != end][:width]
        enough = over_first and rules.over(len(finished), width)
        if length == most and not enough and (rules.running_finish or not finished):
            finished += [(rules.score(total, rules.length(most, False), penalty), tokens) for tokens, total in running]
        if rules.over(len(finished), width) or not running:
            break
    return list(rules.best(finished, key=lambda pair: pair[0])[1])


def beams_that_tell(
    rng: np.random.Generator, vocabulary: int = 7, most: int = 6
) -> tuple[list[tuple[int, int, float]], dict[str, list[list[int]]]]:
    """Made-up scores (the seed of a `probes.tree`), widths and penalties that part every mistake from all the others.

    Returns these cases, and what the right way (under "") and each mistake (under its message) find in them.
    """
    ways = {"": BeamRules()} | BEAM_SLIPS
    cases: list[tuple[int, int, float]] = []
    results: dict[str, list[list[int]]] = {message: [] for message in ways}
    while any(results[a] == results[b] for a, b in combinations(ways, 2)):
        seed, width, penalty = int(rng.integers(10**6)), int(rng.integers(2, 4)), float(rng.choice([0.5, 1.0, 2.0]))
        step = remembered(probes.tree(seed, vocabulary))
        right = [beams(step, width, vocabulary - 1, most, penalty, BeamRules(), first) for first in (False, True)]
        if right[0] != right[1]:  # the exercise leaves open which comes first in the last step
            continue
        each = {message: beams(step, width, vocabulary - 1, most, penalty, rules) for message, rules in ways.items()}
        if any(results[a] == results[b] and each[a] != each[b] for a, b in combinations(ways, 2)):
            cases.append((seed, width, penalty))
            for message, found in each.items():
                results[message].append(found)
    return cases, results


def remembered(step: listening.Step) -> listening.Step:
    """The same scores, each made up once."""
    known: dict[tuple[int, ...], torch.Tensor] = {}

    def asked(sequences: Sequence[Sequence[int]]) -> torch.Tensor:
        for tokens in sequences:
            if tuple(tokens) not in known:
                known[tuple(tokens)] = step([tokens])[0]
        return torch.stack([known[tuple(tokens)] for tokens in sequences])

    return asked


# --- 7 fallback -----------------------------------------------------------------------------------------------------

Decoded = tuple[str, float]
Told = tuple[str, float, list[float]]  # the text, its temperature, and the temperatures that were tried


def ratio(text: str) -> float:
    """The bytes of a text over those of its compression."""
    return len(text.encode()) / len(zlib.compress(text.encode()))


@dataclass(frozen=True)
class FallbackRules:
    """When a text will do. The defaults are right; a mistake changes one of them."""

    fine: Callable[[float, float, float, float], bool] = lambda r, mean, most, least: r <= most and mean >= least
    stops: bool = True
    likeliest: bool = False
    nothing: str | None = None  # what is returned where nothing will do, in place of the last


FALLBACK_SLIPS = {
    "a text that repeats itself was taken: it compresses to a fraction of its length": FallbackRules(
        fine=lambda r, mean, most, least: mean >= least
    ),
    "an improbable text was taken: its mean is below the limit": FallbackRules(
        fine=lambda r, mean, most, least: r <= most
    ),
    "a text with one of the two faults was taken: either is enough to try again": FallbackRules(
        fine=lambda r, mean, most, least: r <= most or mean >= least
    ),
    "the ratio is upside down: bytes of the text over bytes of its compression": FallbackRules(
        fine=lambda r, mean, most, least: 1 / r <= most and mean >= least
    ),
    "the limits are those it is given, not 2.4 and -1": FallbackRules(
        fine=lambda r, mean, most, least: r <= 2.4 and mean >= -1
    ),
    "a text whose mean is exactly at the limit will do": FallbackRules(
        fine=lambda r, mean, most, least: r < most and mean > least
    ),
    "the likeliest of all that will do was taken; the first that will do is enough": FallbackRules(
        stops=False, likeliest=True
    ),
    "all temperatures were tried, and each costs a whole decoding: stop at the first that will do": FallbackRules(
        stops=False
    ),
    "where nothing will do the last text is what there is, with its temperature": FallbackRules(nothing=""),
}


def fallen_back(
    results: Sequence[Decoded], temperatures: Sequence[float], limits: tuple[float, float], rules: FallbackRules
) -> Told:
    """What falling back gives by these rules."""
    tried: list[float] = []
    fine: list[tuple[str, float, float]] = []
    for (text, mean), temperature in zip(results, temperatures, strict=True):
        tried.append(temperature)
        if rules.fine(ratio(text), mean, *limits):
            fine.append((text, temperature, mean))
            if rules.stops:
                break
    if fine:
        text, temperature, _ = max(fine, key=lambda one: one[2]) if rules.likeliest else fine[0]
        return text, temperature, tried
    if rules.nothing is not None:
        return rules.nothing, 0.0, tried
    return results[-1][0], temperatures[-1], tried


def fallback_cases(
    rng: np.random.Generator,
) -> list[tuple[list[Decoded], tuple[float, ...], tuple[float, float]]]:
    """Decodings made up in advance, their temperatures, and the limits: what tells all mistakes apart."""
    sentence, loop = reference.SENTENCE, reference.LOOP
    good = int(rng.integers(2, 5))
    mixed = [(loop, -0.2) if i % 2 else (sentence, -1.5) for i in range(6)]
    mixed[good:] = [(sentence + " on white", -0.4), *[(sentence, -0.1)] * (5 - good)]
    three = (0.0, 0.5, 1.0)
    usual = (2.4, -1.0)
    return [
        (mixed, reference.TEMPERATURES, usual),
        ([(loop, -0.2), (loop, -0.1), (sentence, -1.4)], three, usual),  # nothing will do
        ([(sentence, -3.0), (loop, -0.1), (sentence, -0.2)], three, usual),
        ([(sentence, -0.7), (sentence + " on white", -0.4), (sentence, -0.1)], three, (2.4, -0.5)),
        ([(sentence, -0.7), (sentence + " on white", -0.4), (loop, -0.1)], three, (1.0, -1.0)),
        ([(sentence, -1.0), (sentence + " on white", -0.4), (sentence, -0.1)], three, usual),
    ]


# --- 8 word_errors --------------------------------------------------------------------------------------------------


def slipped_rates(pairs: Sequence[tuple[str, str]], unit: str) -> dict[str, float]:
    """Error rates over pairs of what was said and heard, with mistakes."""
    said, heard = [a for a, _ in pairs], [b for _, b in pairs]

    def rate(a: Sequence[str], b: Sequence[str], unit: str = unit) -> float:
        return reference.error_rate(a, b, unit)

    parts = str.split if unit == "word" else list
    wanted, n = rate(said, heard), sum(len(parts(a)) for a in said)
    slips = {
        "that is the mean of the sentences' rates: sum the errors and the words first": float(
            np.mean([rate([a], [b]) for a, b in pairs])
        ),
        "divided by what was heard; it is by what was said": wanted * n / sum(len(parts(b)) for b in heard),
        "divided by the longer of the two; it is by what was said": wanted
        * n
        / sum(max(len(parts(a)), len(parts(b))) for a, b in pairs),
        "a rate above 1 was cut off: more can be wrong than was said": min(1.0, wanted),
        "case was ignored: texts are compared as they are": rate([a.lower() for a in said], [b.lower() for b in heard]),
        "that is the number of errors": wanted * n,
        "in percent; a part of 1 was asked for": 100 * wanted,
    }
    if unit == "word":
        slips["in characters: `unit` is words here"] = rate(said, heard, "character")
    else:
        slips["in words: `unit` is characters here"] = rate(said, heard, "word")
        slips["the spaces were left out; they are characters too"] = rate(
            [a.replace(" ", "") for a in said], [b.replace(" ", "") for b in heard]
        )
    return slips


def in_place(said: Sequence[str], heard: Sequence[str]) -> list[list[Any]]:
    """The alignment of the first word with the first, the second with the second, and so on."""
    both = min(len(said), len(heard))
    steps: list[list[Any]] = [["ok" if a == b else "sub", a, b] for a, b in zip(said[:both], heard[:both], strict=True)]
    return [*steps, *(["del", a, None] for a in said[both:]), *(["ins", None, b] for b in heard[both:])]
