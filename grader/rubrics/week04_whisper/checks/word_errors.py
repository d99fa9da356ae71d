# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `word_errors`."""

from __future__ import annotations

from typing import Any

import jiwer
from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, check
from coursekit.student import Student
from whisper_lab.checks.reference import WORDS, assert_alignment, count_errors, misheard, plain


@check("word_errors", weight=2)
def equal_to_jiwer(student: Student, rng: Generator) -> None:
    """WER and CER are jiwer's, over many sentences."""
    pairs = [misheard(rng, int(n)) for n in rng.integers(1, 15, size=12)]
    said, heard = [" ".join(a) for a, _ in pairs], [" ".join(b) for _, b in pairs]
    assert_close(student.error_rate(said, heard), jiwer.wer(said, heard), atol=1e-6, what="the word error rate")
    found = student.error_rate(said, heard, "character")
    assert_close(found, jiwer.cer(said, heard), atol=1e-6, what="the character error rate")
    for a, b in pairs[:4]:
        best = jiwer.process_words(" ".join(a), " ".join(b))
        least = best.substitutions + best.deletions + best.insertions
        assert_alignment(student.align(a, b), a, b, least)


@check("word_errors", weight=2)
def nothing_heard_and_nothing_said(student: Student, rng: Generator) -> None:
    """Nothing heard is all left out; nothing said is all put in; both nothing is no error."""
    words = [str(w) for w in rng.choice(WORDS, 5)]
    assert_alignment(student.align(words, []), words, [], 5)
    assert_alignment(student.align([], words), [], words, 5)
    assert_same(plain(student.align([], [])), [], "the alignment of nothing with nothing")
    found = student.error_rate([" ".join(words), "one two"], ["", "one two three four five six seven eight"])
    assert_close(found, 11 / 7, atol=1e-6, what="five words lost and six put in, of seven said: the rate")


@check("word_errors")
def letters_are_aligned_too(student: Student, rng: Generator) -> None:
    """Any list can be aligned: letters, or numbers."""
    for said, heard in (("kitten", "sitting"), ("abcdef", "azced"), ("aab", "baa")):
        assert_alignment(
            student.align(list(said), list(heard)), list(said), list(heard), count_errors(list(said), list(heard))
        )
    numbers: tuple[list[Any], list[Any]] = (
        [int(i) for i in rng.integers(0, 4, size=30)],
        [int(i) for i in rng.integers(0, 4, size=26)],
    )
    assert_alignment(student.align(*numbers), *numbers, count_errors(*numbers))
