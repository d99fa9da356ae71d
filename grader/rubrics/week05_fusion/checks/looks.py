# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `looks`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian
from coursekit.student import Student


@check("looks")
def any_map(student: Student, rng: Generator) -> None:
    """Other sizes, another place, patches anywhere."""
    for side, first, place in ((3, 0, 10), (4, 5, 3), (1, 2, 2)):
        attention = gaussian(rng, 2, 3, 22, 22).softmax(-1)
        row = attention.mean((0, 1))[place, first : first + side * side]
        found = student.look_map(attention, place, first, side)
        assert_close(found, (row / row.sum()).view(side, side), what=f"a map of side {side}")


@check("looks")
def any_number_of_patches(student: Student, rng: Generator) -> None:
    """None, one and all."""
    patches, weights, fill = gaussian(rng, 8, 3), gaussian(rng, 8), gaussian(rng, 3)
    order = weights.argsort(descending=True)
    for k in (0, 1, 5, 8):
        wanted = patches.clone()
        wanted[order[:k]] = fill
        assert_close(student.ablate(patches, weights, k, fill), wanted, what=f"the patches with k = {k}")
