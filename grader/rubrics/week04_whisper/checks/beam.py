# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `beam`."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.random import Generator

from coursekit.checks import assert_same, check
from coursekit.student import Student
from whisper_lab import probes
from whisper_lab.checks.reference import PROMPT, decoding_tasks, library_said, plain


@check("beam", weight=2)
def nothing_is_better(student: Student, rng: Generator) -> None:
    """With a width that holds everything, it finds the best of all sequences. Its scores are means of logarithms."""
    vocabulary, most = 4, 4
    for penalty in (1.0, 0.0, 2.0):
        seed = int(rng.integers(10**6))
        step = probes.tree(seed, vocabulary)
        best, score = None, -np.inf
        for length in range(most + 1):
            for tokens in itertools.product(range(vocabulary - 1), repeat=length):
                spelled = [*tokens, vocabulary - 1][:most]  # those of full length need no end
                total = sum(float(step([spelled[:i]])[0, token]) for i, token in enumerate(spelled))
                if total / len(spelled) ** penalty > score:
                    best, score = list(tokens), total / len(spelled) ** penalty
        theirs = student.library("whisper_lab.probes").tree(seed, vocabulary)
        found = plain(student.beam_search(theirs, vocabulary**most, vocabulary - 1, most, penalty))
        assert_same(found, best, f"penalty {penalty:g}: the best sequence")


@check("beam")
def several_widths(student: Student, rng: Generator) -> None:
    """Of every width and length penalty, the library's, whether sequences end or are cut off."""
    asked, probed = student.library("whisper_lab.listening"), student.library("whisper_lab.probes")
    for width, penalty, ends in ((2, 1.0, False), (5, 0.6, True), (3, 0.0, True), (4, 1.0, False)):
        settings = {"num_beams": width, "early_stopping": True, "length_penalty": penalty}
        # Where a cut-off sequence is best and others end, it matters whether the last step finishes those first; and a
        # penalty of which nothing depends tells nothing.
        fit: list[int] = []
        while not fit:
            seed, model, several, suppress = decoding_tasks(rng)
            suppress = suppress if ends else [*suppress, probes.END]
            best = library_said(model, several, suppress, 10, **settings)
            usual = (
                library_said(model, several, suppress, 10, **settings | {"length_penalty": 1.0}) if penalty != 1 else []
            )
            fit = [
                i
                for i, one in enumerate(best)
                if len(set(one)) > 1 and not (ends and len(one) == 10) and (not usual or one != usual[i])
            ]
        wanted, features = best[fit[0]], several[fit[0] : fit[0] + 1]
        step = asked.listener(probed.whisper(seed), features, PROMPT, suppress, [probes.END])
        found = plain(student.beam_search(step, width, probes.END, 10, penalty))
        assert_same(found, wanted, f"width {width}, penalty {penalty:g}: the best sequence")
