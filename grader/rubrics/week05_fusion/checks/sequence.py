# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `sequence`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, check, pair_of
from coursekit.student import Student
from fusion_lab.checks.reference import reference_join, three_parts


@check("sequence", weight=2)
def any_number_of_parts(student: Student, rng: Generator) -> None:
    """One part, or five, of any length; and the parts stay as they were."""
    for lengths in ((3,), (1, 6), (2, 1, 4, 3, 5)):
        parts, modality, positions = three_parts(rng, lengths)
        tokens, segments = pair_of(student.join(parts, modality, positions), "(tokens, segments)")
        assert_close(tokens, reference_join(parts, modality, positions), what=f"the tokens of {len(lengths)} parts")
        wanted = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)])
        assert_close(segments, wanted, what=f"the segments of {len(lengths)} parts")
    after = student.library("fusion_lab.probes").arguments_after(student.join, parts, modality, positions)
    for before, part in zip(parts, after[0], strict=True):
        assert_close(part, before, what="a part after the call")
