"""What students never see: each week's hidden checks, and known right and wrong answers that keep the checks honest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """An answer whose verdict is known before it is graded.

    question: the exercise.   name: short, unique within the question.   right: whether it must keep every point.
    source: the whole source of the exercise's answer cell.   why: what is wrong with it, in the student's words.
    visible_passes: whether a wrong answer passes all the checks that a student can see.
    """

    question: str
    name: str
    right: bool
    source: str
    why: str = ""
    visible_passes: bool = False
