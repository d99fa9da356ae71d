# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `greedy`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from numpy.random import Generator

from caption_lab import blip, data, probes
from coursekit.checks import assert_same, assert_that, check
from coursekit.inputs import gaussian
from coursekit.student import Student
from grader.rubrics.week03_blip.checks.shared import captioner, show_captions, texts_of


@check("greedy")
def cut_off_and_other_marks(student: Student, rng: Generator) -> None:
    """It stops after `longest` tokens, and start, end and padding are those it is told."""
    for start, end, pad, longest in ((4, 3, 7, 6), (0, 5, 1, 1), (2, 2, 0, 9), (6, 1, 4, 12)):
        table = gaussian(rng, 12, 8, 8)
        table[..., pad] -= 50
        table[..., end] += 0.5
        table[0, :, end] -= 5
        wanted = reference_greedy(probes.counting_step(table, 2), 6, start, end, longest, pad)
        step = student.library("caption_lab.probes").counting_step(table, 2)
        found = torch.as_tensor(student.greedy(step, 6, start, end, longest, pad)).tolist()
        assert_same(found, wanted, f"start {start}, end {end}, padding {pad}, at most {longest}: the list of token ids")
    step = student.library("caption_lab.probes").counting_step(gaussian(rng, 12, 8, 8))
    rows = torch.as_tensor(student.greedy(step, 1, 1, 2, 5, 0))
    assert_that(rows.ndim == 2 and len(rows) == 1, "of one picture one row was expected")


def reference_greedy(
    step: Callable[[torch.Tensor], torch.Tensor], n: int, start: int, end: int, longest: int, pad: int
) -> list[list[int]]:
    """The same, caption by caption in plain Python."""
    rows = [[start] for _ in range(n)]
    for _ in range(longest):
        scores = step(torch.tensor(rows)).tolist()
        for row, some in zip(rows, scores, strict=True):
            row.append(pad if end in row[1:] else some.index(max(some)))
        if all(end in row[1:] for row in rows):
            break
    return rows


@check("greedy", weight=2, artefact=True)
def the_opening_captions(student: Student, rng: Generator) -> None:
    """`my_captions` are what the model says of the opening pictures."""
    pictures = data.pictures(data.opening_scenes())
    wanted = blip.captions(captioner(), pictures)
    said = texts_of(student.my_captions, len(pictures), "my_captions")
    show_captions("What the model says of the opening pictures", pictures, said, wanted)
    right = sum(a == b for a, b in zip(said, wanted, strict=True))
    assert_that(right >= len(wanted) - 1, f"{right} of {len(wanted)} captions are generate()'s")
