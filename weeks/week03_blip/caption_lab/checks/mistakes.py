"""What known mistakes of week 3 give, so that a check can name them. A notebook that is graded cannot import it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F

from caption_lab import probes
from caption_lab.checks.reference import BeamRules, Found, library_filtered, plain_beams, reference_rouge_l
from coursekit.checks import Slip
from coursekit.inputs import gaussian

# --- 2 attend ---------------------------------------------------------------------------------------------------------


def slipped_weights(
    queries: torch.Tensor, keys: torch.Tensor, heads: int, allowed: torch.Tensor | None
) -> dict[str, torch.Tensor]:
    """Attention's weights (n, heads, queries, keys) with mistakes."""
    q, k = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (queries, keys))
    scores = q @ k.transpose(-1, -2)
    scaled = scores / q.shape[-1] ** 0.5
    shut = torch.zeros_like(scores)
    if allowed is not None:
        shut = shut.masked_fill(~allowed, -torch.inf)
    slips = {
        "the root of d is missing": (scores + shut).softmax(-1),
        "divided by the root of all features; d is those of one head": (
            scores / queries.shape[-1] ** 0.5 + shut
        ).softmax(-1),
        "the softmax runs over the queries; it runs over the keys": (scaled + shut).softmax(-2),
    }
    if allowed is not None:
        after = scaled.softmax(-1)
        slips |= {
            "the mask is ignored": after,
            "closed after the softmax: rows no longer sum to 1. Close with -inf before it": after * allowed,
            "True is open, and is taken for closed": scaled.masked_fill(allowed, -torch.inf).softmax(-1),
        }
    return slips


# --- 4 greedy ---------------------------------------------------------------------------------------------------------


def slipped_stop(wanted: torch.Tensor, length: int) -> dict[str, list[list[int]]]:
    """A batch of captions, int64 (n, tokens), that stops too late, at `length` tokens, or too early."""
    ends = wanted == probes.END
    first = int(ends.int().argmax(1)[ends.any(1)].min()) + 1 if ends.any() else wanted.shape[1]
    over = F.pad(wanted, (0, max(0, length - wanted.shape[1])), value=probes.PAD)
    return {
        "it went on writing padding after every caption had ended": over.tolist(),
        "it stopped when the first caption ended; the others go on": wanted[:, :first].tolist(),
    }


# --- 4 beam_search ----------------------------------------------------------------------------------------------------

BEAM_SLIPS = {
    "only one beginning goes on: the best B that do not end are to": BeamRules(alive=lambda beams, finished: 1),
    "the best B extensions are too few, for some of them end: take 2 B, so that B can go on": BeamRules(grown=1),
    "a caption is finished only if it is among the best B: of the other B, those that end are dropped": BeamRules(
        finishing=2
    ),
    "every finished caption took a beam away: B beginnings go on all the same": BeamRules(
        alive=lambda beams, finished: max(beams - finished, 0)
    ),
    "it stopped when a caption was finished; here the search goes on to the longest": BeamRules(
        over=lambda beams, finished, best_ends: finished >= 1
    ),
    "it stopped when the best extension ended; here the search goes on to the longest": BeamRules(
        over=lambda beams, finished, best_ends: best_ends
    ),
    "it stopped when B captions were finished; here the search goes on to the longest": BeamRules(
        over=lambda beams, finished, best_ends: finished >= beams
    ),
    "after the last allowed token all of the best B are finished, however they end": BeamRules(all_finish=False),
    "the scores were summed as they are: they are no log-probabilities before log_softmax": BeamRules(
        logarithms=lambda scores: scores
    ),
    "the best plain sum was chosen: divide by the length, to the power of the penalty": BeamRules(
        score=lambda total, length, penalty: total
    ),
    "the caption is right, the score is the plain sum: divide by the length": BeamRules(returns_sum=True),
    "the length counts all new tokens, the end too": BeamRules(
        score=lambda total, length, penalty: total / max(length - 1, 1) ** penalty
    ),
    "the start token counts for nothing, in the length too": BeamRules(
        score=lambda total, length, penalty: total / (length + 1) ** penalty
    ),
    "the start token is not part of the result": BeamRules(keeps_start=True),
    "the end token is part of the caption and missing": BeamRules(keeps_end=False),
}


def alike(some: Sequence[Found], others: Sequence[Found]) -> bool:
    """Whether captions with their scores are the same."""
    return all(a[0] == b[0] and abs(a[1] - b[1]) < 1e-3 for a, b in zip(some, others, strict=True))


def cases_that_tell(
    rng: np.random.Generator,
) -> tuple[list[tuple[torch.Tensor, int, float]], dict[str, list[Found]]]:
    """Tables of scores, beams and penalties for which every slip gives something else than all the others.

    Returns the cases, and what the right way (under "") and each slip (under its message) find for them.
    """
    ways = {"": BeamRules()} | BEAM_SLIPS
    given: list[tuple[torch.Tensor, int, float]] = []
    results: dict[str, list[Found]] = {message: [] for message in ways}
    while any(alike(results[a], results[b]) for a, b in combinations(ways, 2)):
        longest, beams, penalty = int(rng.integers(5, 8)), int(rng.integers(2, 5)), float(rng.choice([0.0, 0.5, 1, 2]))
        table = gaussian(rng, longest, 12, 12) + 2 * gaussian(rng, longest, 12, 1)
        table[..., probes.END] += 1.5
        step = probes.counting_step(table)
        each = {message: plain_beams(step, longest, beams, penalty, rules) for message, rules in ways.items()}
        telling = any(
            alike(results[a], results[b]) and not alike([each[a]], [each[b]]) for a, b in combinations(ways, 2)
        )
        if telling:
            given.append((table, beams, penalty))
            for message, one in each.items():
                results[message].append(one)
    return given, results


# --- 4 sampling -------------------------------------------------------------------------------------------------------


def slipped_filters(
    scores: torch.Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> dict[str, torch.Tensor]:
    """The filtered probabilities of scores (n, vocabulary) with mistakes, where these settings can show them."""
    plain, hot = scores.softmax(-1), library_filtered(scores, temperature)
    kept = library_filtered(scores, temperature, top_k, top_p) > 0
    slips = {
        "what is left does not sum to 1: divide by its sum": hot * kept,
        "nothing was filtered": plain,
        "multiplied by the temperature: divide": (scores * temperature).softmax(-1),
    }
    if top_k is not None and top_p is not None:
        slips["the nucleus is of what top-k has left, not of all that was there before"] = each_alone(
            scores, temperature, top_k, top_p
        )
    if top_p is not None and top_k is None:
        fewer = [row.sort(descending=True).values.cumsum(0).le(top_p).sum() for row in plain]
        small = torch.stack(
            [
                F.one_hot(row.topk(max(1, int(k))).indices, scores.shape[-1]).sum(0)
                for row, k in zip(plain, fewer, strict=True)
            ]
        )
        slips["one token too few: their sum must reach top_p"] = _to_one(plain * small)
        bounded = (plain >= top_p) | F.one_hot(plain.argmax(-1), plain.shape[-1]).bool()
        slips["top_p bounds the sum of the best tokens, not each of them"] = _to_one(bounded * plain)
        best = plain.sort(descending=True).values
        back = (best.cumsum(-1) - best < top_p) * plain
        slips["the tokens that stay were sorted, and not sorted back"] = _to_one(back)
    return slips


def each_alone(scores: torch.Tensor, temperature: float, top_k: int, top_p: float) -> torch.Tensor:
    """What both filters leave when each is applied to all that was there, in place of one after the other."""
    hot, few = library_filtered(scores, temperature), library_filtered(scores, temperature, top_k)
    return _to_one(hot * (few > 0) * (library_filtered(scores, temperature, None, top_p) > 0))


def _to_one(left: torch.Tensor) -> torch.Tensor:
    return left / left.sum(-1, keepdim=True).clamp(min=1e-9)


# --- 7 bleu -----------------------------------------------------------------------------------------------------------


def closest(lengths: Sequence[int], own: int) -> float:
    """Of the references' lengths the closest to the candidate's own, of two the shorter."""
    return min(lengths, key=lambda x: (abs(x - own), x))


@dataclass(frozen=True)
class BleuRules:
    """How BLEU is counted. The defaults are right; a mistake changes one of them.

    added: the references' counts are summed.   first: only the first reference counts.
    by_sentence: the mean of the sentences' scores.
    length: r of one candidate, from the lengths of its references and its own.
    """

    brevity: bool = True
    geometric: bool = True
    clipped: bool = True
    added: bool = False
    first: bool = False
    by_sentence: bool = False
    length: Callable[[Sequence[int], int], float] = closest


BLEU_SLIPS = {
    "the brevity penalty is missing": BleuRules(brevity=False),
    "the mean of the p_n is arithmetic; it is geometric": BleuRules(geometric=False),
    "not clipped: an n-gram counts at most as often as in one reference": BleuRules(clipped=False),
    "an n-gram counts as often as in the reference that has it most often, not their sum": BleuRules(added=True),
    "only the first reference was used": BleuRules(first=True),
    "the mean of sentence scores: sum the counts first, then divide": BleuRules(by_sentence=True),
    "r is the length of the closest reference, not of the shortest": BleuRules(
        length=lambda lengths, own: min(lengths)
    ),
    "r is the length of the closest reference, not their mean length": BleuRules(
        length=lambda lengths, own: float(np.mean(lengths))
    ),
    "of two lengths that are as close, the shorter counts": BleuRules(
        length=lambda lengths, own: min(lengths, key=lambda x: (abs(x - own), -x))
    ),
}


def slipped_bleu(candidates: Sequence[str], references: Sequence[Sequence[str]], rules: BleuRules, n: int = 4) -> float:
    """BLEU in [0, 100] by other rules than the right ones."""
    counted = [_hits(candidate, some, rules, n) for candidate, some in zip(candidates, references, strict=True)]
    lengths = [
        (len(one.split()), rules.length([len(r.split()) for r in some], len(one.split())))
        for one, some in zip(candidates, references, strict=True)
    ]
    if rules.by_sentence:
        each = zip(counted, lengths, strict=True)
        return float(np.mean([_bleu(hits, total, *both, rules) for (hits, total), both in each]))
    hits, total = (np.sum(parts, axis=0) for parts in zip(*counted, strict=True))
    ours, theirs = (sum(parts) for parts in zip(*lengths, strict=True))
    return _bleu(hits, total, ours, theirs, rules)


def _hits(candidate: str, references: Sequence[str], rules: BleuRules, n: int) -> tuple[np.ndarray, np.ndarray]:
    """How many of a candidate's n-grams of each size are in a reference, and how many there are, (n,) each."""
    hits, total = np.zeros(n), np.zeros(n)
    for k in range(n):
        count, most = grams(candidate, k + 1), Counter[tuple[str, ...]]()
        for reference in references[:1] if rules.first else references:
            most = most + grams(reference, k + 1) if rules.added else most | grams(reference, k + 1)
        shared = count & most if rules.clipped else Counter({gram: c for gram, c in count.items() if gram in most})
        hits[k], total[k] = shared.total(), count.total()
    return hits, total


def _bleu(hits: np.ndarray, total: np.ndarray, ours: float, theirs: float, rules: BleuRules) -> float:
    if hits.min() == 0:
        return 0.0
    parts = hits / total
    mean = np.exp(np.log(parts).mean()) if rules.geometric else parts.mean()
    brevity = min(1.0, float(np.exp(1 - theirs / max(ours, 1)))) if rules.brevity else 1.0
    return float(100 * brevity * mean)


def grams(text: str, size: int) -> Counter[tuple[str, ...]]:
    """A text's n-grams of this size, counted."""
    words = text.split()
    return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))


# --- 7 consensus ------------------------------------------------------------------------------------------------------


def slipped_rouge_l(candidate: str, references: Sequence[str]) -> dict[str, float]:
    """ROUGE-L with mistakes."""
    own, each = candidate.split(), [reference_rouge_l(candidate, [r]) for r in references]
    others = [r.split() for r in references]
    return {
        "the mean over the references; take the best": float(np.mean(each)),
        "only the first reference was used": each[0],
        "words shared in any order; a subsequence keeps the order": max(
            2 * (Counter(own) & Counter(words)).total() / (len(own) + len(words)) for words in others
        ),
        "the longest run of words; a subsequence may have gaps": max(
            2 * _run(own, words) / (len(own) + len(words)) for words in others
        ),
        "the recall alone": max(
            e * (len(own) + len(words)) / 2 / len(words) for e, words in zip(each, others, strict=True)
        ),
        "the precision alone": max(
            e * (len(own) + len(words)) / 2 / len(own) for e, words in zip(each, others, strict=True)
        ),
        "sets of words: order and repetition count": max(
            len(set(own) & set(words)) / max(len(set(words)), 1) for words in others
        ),
    }


def _run(a: Sequence[str], b: Sequence[str]) -> int:
    """The length of the longest run of words that two texts share."""
    return SequenceMatcher(None, a, b, autojunk=False).find_longest_match().size


@dataclass(frozen=True)
class CiderRules:
    """How CIDEr is counted. The defaults are right; a mistake changes one of them.

    by_reference: an n-gram's count is that of the references it occurs in, not of the pictures.
    among_references: m is the number of references, not of pictures.
    mean: of a picture's cosines with its references.
    """

    by_reference: bool = False
    among_references: bool = False
    weighed: bool = True
    mean: Callable[[Sequence[float]], float] = np.mean


CIDER_SLIPS = {
    "the n-grams are counted over references; count in how many pictures each occurs": CiderRules(by_reference=True),
    "both counts are over references; m counts pictures, and so does what it is divided by": CiderRules(
        by_reference=True, among_references=True
    ),
    "the weights are missing: an n-gram that every picture has tells nothing": CiderRules(weighed=False),
    "the best of the references was taken; take their mean": CiderRules(mean=max),
}


def slipped_cider(candidates: Sequence[str], references: Sequence[Sequence[str]], rules: CiderRules) -> list[float]:
    """CIDEr of every picture by other rules than the right ones."""
    scores = np.zeros(len(candidates))
    for n in range(1, 5):
        counts = [[grams(reference, n) for reference in some] for some in references]
        groups = [[count] for some in counts for count in some] if rules.by_reference else counts
        there = Counter(gram for some in groups for gram in set().union(*some))
        m = len(groups) if rules.among_references else len(candidates)

        def weight(gram: tuple[str, ...], there: Counter[tuple[str, ...]] = there, m: int = m) -> float:
            return float(np.log(m / max(1, there[gram]))) if rules.weighed else 1.0

        for i, (candidate, some) in enumerate(zip(candidates, counts, strict=True)):
            own = {gram: h * weight(gram) for gram, h in grams(candidate, n).items()}
            others = [{gram: h * weight(gram) for gram, h in count.items()} for count in some]
            scores[i] += 2.5 * rules.mean([_cosine(own, other) for other in others])
    return scores.tolist()


def _cosine(a: dict[tuple[str, ...], float], b: dict[tuple[str, ...], float]) -> float:
    long = np.sqrt(sum(x * x for x in a.values()) * sum(x * x for x in b.values()))
    return float(sum(x * b.get(gram, 0.0) for gram, x in a.items()) / long) if long > 0 else 0.0


# --- 9 fine_tune ------------------------------------------------------------------------------------------------------


def assert_learnt(place: float, wanted: float, replay: float) -> None:
    """A number that learns has come near the mean of what it was shown."""
    if abs(place - wanted) < 0.8:
        return
    if place == 0:
        raise Slip("it did not move at all: a backward and a step belong to each batch")
    if abs(place + wanted) < 0.8:
        raise Slip(f"new and old are exchanged: replay {replay:g} is the part of old examples")
    raise AssertionError(
        f"with replay {replay:g} it ended at {place:.2f} where about {wanted:.2f} was due. One backward and one step "
        "belong to each batch, and gradients are cleared before each (zero_grad)"
    )
