# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `consensus`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from numpy.random import Generator

from caption_lab.checks.reference import (
    corpus,
    library_cider,
)
from coursekit.checks import assert_close, check
from coursekit.student import Student


def brute_rouge_l(candidate: str, references: Sequence[str]) -> float:
    """ROUGE-L by trying every subsequence of a short candidate."""
    words, best = candidate.split(), 0.0
    for reference in references:
        others = reference.split()
        for size in range(len(words), 0, -1):
            if any(_inside(some, others) for some in combinations(words, size)):
                best = max(best, 2 * size / (len(words) + len(others)))
                break
    return best


def _inside(some: Sequence[str], others: Sequence[str]) -> bool:
    rest = iter(others)
    return all(word in rest for word in some)


@check("consensus")
def every_subsequence_tried(student: Student, rng: Generator) -> None:
    """Short texts of few words, in which they repeat: the best of all subsequences is found."""
    for _ in range(12):
        texts = [" ".join(rng.choice(list("abcd"), size=int(rng.integers(1, 9)))) for _ in range(3)]
        wanted = brute_rouge_l(texts[0], texts[1:])
        assert_close(student.rouge_l(texts[0], texts[1:]), wanted, atol=1e-6, what=f"of {texts[0]!r} ROUGE-L")
    assert_close(student.rouge_l("teal", ["a red star"]), 0.0, what="where nothing is shared ROUGE-L")


@check("consensus")
def odd_pictures(student: Student, rng: Generator) -> None:
    """Ragged references, words that every picture has, repeated words, and a candidate without any."""
    said, told = corpus(rng, 6, 3)
    told = [some[: 1 + i % 3] for i, some in enumerate(told)]
    said[0], said[1], said[2] = "teal", f"{said[1]} {said[1]}", told[2][0]
    wanted = library_cider(said, told)
    assert_close(student.cider(said, told), wanted, atol=1e-4, what="a picture's CIDEr")
    alone = student.cider(["a red star"], [["a red star"]])
    assert_close(alone, [0.0], atol=1e-6, what="of one picture, where every n-gram is everywhere, CIDEr")
