# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `temporal`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from numpy.random import Generator

from coursekit.checks import assert_close, check
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from video_lab.checks.reference import library_moved, reference_inflated


@check("temporal")
def a_still_film(student: Student, rng: Generator) -> None:
    """A film that stands still gives what the picture gave, with one frame, two and five."""
    kernel, picture = gaussian(rng, 4, 2, 3, 3), gaussian(rng, 1, 2, 7, 7)
    for t in (1, 2, 5):
        for central in (False, True):
            found = student.inflate(kernel, t, central)
            assert_close(found, reference_inflated(kernel, t, central), what="the kernel")
            film = picture[:, :, None].expand(-1, -1, t, -1, -1)
            answer = F.conv3d(film, torch.as_tensor(found))[:, :, 0]
            assert_close(answer, F.conv2d(picture, kernel), atol=1e-4, what="the still film")


@check("temporal", weight=2)
def other_films(student: Student, rng: Generator) -> None:
    """One frame, one place, films that are no square."""
    for frames, height, width in ((1, 3, 2), (6, 1, 1), (3, 4, 2)):
        where = seed_from(rng), frames, height, width
        told = student.library("video_lab.probes").moved(student.motion_module, *where)
        assert_close(told["found"], library_moved(*where), atol=1e-3, rtol=1e-3, what="the states")
