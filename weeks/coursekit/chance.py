"""Whether what an answer drew at random was drawn with the right probabilities."""

from __future__ import annotations

import numpy as np
from scipy.stats import chisquare

ONCE_IN = 1e-6  # how seldom a right answer may fail a test of chance


def fits(counts: np.ndarray, chances: np.ndarray) -> bool:
    """Whether counts are what such chances give: a right answer fails once in a million times.

    counts: whole numbers (n,).   chances: their probabilities, or numbers in proportion to them, (n,).
    """
    if counts[chances <= 0].any():
        return False
    order = np.argsort(chances)
    seen, due = counts[order].astype(float), counts.sum() * chances[order] / chances.sum()
    # where few are due the statistic is not chi-squared: the rarest go together
    rare = int(np.searchsorted(np.cumsum(due), 8.0)) + 1
    seen, due = (np.concatenate([[x[:rare].sum()], x[rare:]]) for x in (seen, due))
    return len(seen) < 2 or bool(chisquare(seen, due).pvalue > ONCE_IN)


def as_counts(values: np.ndarray) -> list[int]:
    """Rounded, for a message."""
    return [round(float(value)) for value in values]
