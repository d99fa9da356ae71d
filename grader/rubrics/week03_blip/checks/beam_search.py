# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `beam_search`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product

import torch
from numpy.random import Generator

from caption_lab import blip, data, probes
from caption_lab.checks.reference import (
    plain_beams,
)
from coursekit.checks import assert_close, assert_same, assert_that, check, pair_of
from coursekit.inputs import gaussian
from coursekit.student import Student
from grader.rubrics.week03_blip.checks.shared import captioner, show_captions, texts_of


@check("beam_search")
def every_beginning_kept(student: Student, rng: Generator) -> None:
    """With as many beams as there are beginnings it finds the best caption there is, by trying them all."""
    asked = student.library("caption_lab.probes")
    for penalty in (0.0, 1.0, 0.0, 1.0, 2.0, 0.5):
        scores = 0.5 * gaussian(rng, 3, 5, 5)
        rows = torch.cat([scores, torch.full((3, 5, 60), -1e4)], dim=2).log_softmax(-1)  # so many that there are 2 B
        best = max((worth / n**penalty, ids) for n in (1, 2, 3) for ids, worth in whole_captions(rows, n, 4, 3))
        table = torch.cat([rows, torch.full((3, 60, 65), -1e4)], dim=1)
        found = pair_of(student.beam_search(asked.counting_step(table), 1, 4, 3, 30, penalty), "the ids and the score")
        assert_same([int(i) for i in found[0]], list(best[1]), f"penalty {penalty:g}: the list of token ids")
        assert_close(found[1], best[0], atol=1e-3, what=f"penalty {penalty:g}: the score")


def whole_captions(rows: torch.Tensor, n: int, end: int, longest: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every caption of n tokens that is whole, from start token 1, with its log-probability."""
    for ids in product(range(5), repeat=n):
        if end in ids[:-1] or (n < longest and ids[-1] != end):
            continue
        yield ids, float(sum(rows[t, before, i] for t, (before, i) in enumerate(zip((1, *ids), ids, strict=False))))


@check("beam_search")
def one_beam_and_short_captions(student: Student, rng: Generator) -> None:
    """One beam is greedy with a score, and one token may be all there is room for."""
    asked = student.library("caption_lab.probes")
    for beams, longest, penalty in ((1, 8, 1.0), (1, 12, 0.0), (1, 5, 2.0), (3, 1, 1.0), (2, 3, 0.7), (6, 12, 1.5)):
        while True:  # with a second beam another caption is found: else nobody can tell one from two
            table = gaussian(rng, longest, 12, 12) + 2 * gaussian(rng, longest, 12, 1)
            step = probes.counting_step(table)
            wanted, score = plain_beams(step, longest, beams, penalty)
            if beams > 1 or plain_beams(step, longest, 2, penalty)[0] != wanted:
                break
        found = student.beam_search(asked.counting_step(table), probes.START, probes.END, longest, beams, penalty)
        ids, mine = pair_of(found, "the ids and the score")
        told = f"{beams} beams, at most {longest} tokens"
        assert_same([int(i) for i in ids], wanted, f"{told}: the list of token ids")
        assert_close(mine, score, atol=1e-3, what=f"{told}: the score")


@check("beam_search")
def finished_captions_cost_no_beam(student: Student, rng: Generator) -> None:
    """A caption that has ended leaves its place to another beginning: the best one may come last."""
    asked = student.library("caption_lab.probes")
    for beams in (2, 3, 4):
        longest, start, end = 2 * beams + 2, 1, 4
        path = [start, *(int(i) for i in rng.integers(5, 20, longest))]
        table = torch.from_numpy(rng.uniform(1e-3, 3e-3, (longest, 20, 20)))
        for t, (before, after) in enumerate(pairwise(path)):  # the end is always likeliest, the path is next
            table[t, before, end], table[t, before, after] = rng.uniform(0.5, 0.6), rng.uniform(0.36, 0.4)
        table = (table / table.sum(-1, keepdim=True)).log()
        found = student.beam_search(asked.counting_step(table.float()), start, end, longest, beams, 2.0)
        ids, score = pair_of(found, "the ids and the score")
        wanted = [*path[1:-1], end]
        total = sum(float(table[t, before, i]) for t, (before, i) in enumerate(pairwise([start, *wanted])))
        told = f"{beams} beams, of which one ends in every step, at most {longest} tokens and penalty 2"
        assert_same([int(i) for i in ids], wanted, f"{told}: the list of token ids")
        assert_close(score, total / longest**2, atol=1e-3, what=f"{told}: the score")


@check("beam_search", artefact=True)
def the_opening_beams(student: Student, rng: Generator) -> None:
    """`my_beams` are what four beams find for the four opening pictures of two objects."""
    pictures = data.pictures(data.opening_scenes()[4:])
    wanted = blip.captions(captioner(), pictures, num_beams=4, early_stopping="never")
    said = texts_of(student.my_beams, 4, "my_beams")
    show_captions("What four beams find", pictures, said, wanted)
    right = sum(a == b for a, b in zip(said, wanted, strict=True))
    assert_that(right >= 3, f"{right} of 4 captions are generate()'s")
