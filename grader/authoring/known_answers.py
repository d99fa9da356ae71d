"""Answers whose verdict is known before they are graded: they keep the checks honest."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent


@dataclass(frozen=True)
class Answer:
    """An answer whose verdict is known before it is graded.

    question: the exercise.   name: short, unique within the question.   right: whether it must keep every point.
    source: the whole source of the exercise's answer cell.   why: what is wrong with it, in the student's words.
    visible_passes: whether a wrong answer passes all the checks that a student can see.
    slip: words of the message by which a visible check names this mistake; "" where none can, so that any mistake named
        is another one. None: not stated.
    """

    question: str
    name: str
    right: bool
    source: str
    why: str = ""
    visible_passes: bool = False
    slip: str | None = None


class Answers(list[Answer]):
    """The known answers to one question, in the order in which they were put down."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def right(self, name: str, source: str) -> None:
        """One that must keep every point."""
        self.append(Answer(self.question, name, True, source))

    def wrong(self, name: str, source: str, why: str, visible_passes: bool = False, slip: str | None = None) -> None:
        """One that must lose points."""
        self.append(Answer(self.question, name, False, source, why, visible_passes, slip))


def function(head: str, body: str) -> str:
    """A function's source: its first line, and its body, which is given without indentation."""
    return f"{head}\n{indent(body.strip(chr(10)), '    ')}\n"


def cell(*parts: str) -> str:
    """The source of an answer's cell: its parts, such as a function and what the notebook runs with it."""
    return "\n\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def swap(source: str, *pairs: tuple[str, str]) -> str:
    """The source with each first text replaced by the second. Raises ValueError where it is not there."""
    for old, new in pairs:
        if old not in source:
            raise ValueError(f"{old!r} is not in the answer")
        source = source.replace(old, new)
    return source
