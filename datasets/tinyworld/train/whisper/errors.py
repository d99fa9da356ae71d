"""Word errors, beside the recipes: a notebook that is graded cannot import them, for it is asked to count its own."""

from __future__ import annotations


def wer(right: list[str], found: list[str]) -> float:
    """Word error rate: insertions, deletions and substitutions of all texts over the number of right words."""
    wrong = sum(_distance(r.split(), f.split()) for r, f in zip(right, found, strict=True))
    return wrong / sum(len(r.split()) for r in right)


def _distance(a: list[str], b: list[str]) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        last, row[0] = row[0], i + 1
        for j, y in enumerate(b):
            last, row[j + 1] = row[j + 1], min(last + (x != y), row[j] + 1, row[j + 1] + 1)
    return row[-1]
