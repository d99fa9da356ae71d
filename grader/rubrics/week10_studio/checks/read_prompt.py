# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `read_prompt`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_same, assert_that, check
from coursekit.student import Student
from studio_lab.checks.reference import (
    WORDS,
    read,
    refused,
)


@check("read_prompt")
def what_looks_the_same(student: Student, rng: Generator) -> None:
    """Letters of other widths and characters that nobody sees become plain."""
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in "red")
    prompt, unknown = read(student, f"{wide}\u200bstar\x07on\u00a0white", WORDS)
    assert_same(prompt, "red star on white", "the prompt with wide letters and control characters")
    assert_same(unknown, [], "its unknown words")
    prompt, unknown = read(student, "Ünder 3 étoiles, x2y!", ["x"])
    assert_same((prompt, unknown), ("Ünder 3 étoiles, x2y!", ["ünder", "étoiles", "y"]), "prompt and unknown words")


@check("read_prompt")
def the_limit_itself(student: Student, rng: Generator) -> None:
    """The limit counts the characters that are left; with known=None every word will do."""
    most = int(rng.integers(20, 60))
    exact = "r" * most
    assert_same(read(student, f"  {exact}\n\n ", None, most), (exact, []), "a prompt as long as allowed")
    said = refused(lambda: student.read_prompt(exact + "r", None, most), "one character too many")
    assert_that(str(most) in said, f"the message should name the limit, {most}; it says {said!r}")
    assert_same(read(student, "r" * 300)[0], "r" * 300, "300 characters")
    refused(lambda: student.read_prompt("r" * 301), "301 characters")
    refused(lambda: student.read_prompt("\u200b\x00\u00ad", WORDS), "a prompt of characters that nobody sees")
