# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `temperature`."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check
from coursekit.student import Student


@check("temperature")
def never_above_a_hundred(student: Student, rng: Generator) -> None:
    """The scale is capped at 100, and only there. The cap belongs to the scale, not to its logarithm."""
    module, set_parameter = student.Temperature(), student.library("clip_lab.probes").set_parameter
    for log_scale, wanted in ((12.0, 100.0), (4.0, math.exp(4)), (-2.0, math.exp(-2)), (0.0, 1.0)):
        set_parameter(module, "log_scale", log_scale)
        assert_close(module(), wanted, atol=1e-3, rtol=1e-4, what=f"the scale when log_scale is {log_scale:g}")


@check("temperature")
def starts_where_it_is_told(student: Student, rng: Generator) -> None:
    """`start` is the temperature at first."""
    start = float(rng.uniform(0.02, 0.8))
    assert_close(student.Temperature(start)(), 1 / start, rtol=1e-4, what=f"the scale for start={start:.3f}")
    assert_close(student.Temperature(start=2.0)(), 0.5, rtol=1e-4, what="the scale for start=2")


@check("temperature", weight=0.5)
def a_scalar(student: Student, rng: Generator) -> None:
    """Parameter and scale are single numbers."""
    module = student.Temperature()
    for found, what in ((module.log_scale, "log_scale"), (module(), "the scale")):
        assert_that(np.shape(found) == (), f"{what} has shape {np.shape(found)}; a scalar has ()")
