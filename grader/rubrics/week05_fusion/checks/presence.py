# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `presence`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import check
from coursekit.student import Student
from fusion_lab.checks.reference import (
    assert_presence,
    reference_presence,
)


@check("presence", weight=2)
def as_models_say_it(student: Student, rng: Generator) -> None:
    """Answers with capitals, spaces and more words; and what would be divided by zero."""
    forms = {"yes": ["Yes", " yes, there is", "YES.", "yes"], "no": ["No", " no.", "there is none", "not yes"]}
    words = ["yes" if x else "no" for x in rng.random(22) < 0.6]
    said = [*forms["yes"], *forms["no"], *(str(rng.choice(forms[word])) for word in words)]  # each at least once
    wanted = ["yes" if x else "no" for x in rng.random(30) < 0.4]
    assert_presence(student.presence_scores(said, wanted), reference_presence(said, wanted))
    for said, wanted in ((["no"] * 4, ["yes", "no"] * 2), (["yes"] * 3, ["no"] * 3), (["no"] * 2, ["no"] * 2)):
        assert_presence(student.presence_scores(said, wanted), reference_presence(said, wanted))
