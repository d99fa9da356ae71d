# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `merge`."""

from __future__ import annotations

import itertools

import jiwer
from numpy.random import Generator

from coursekit.checks import assert_same, assert_that, check, sound_evidence
from coursekit.student import Student
from grader.rubrics.week04_whisper.checks.shared import whisper
from whisper_lab import data, listening, measuring
from whisper_lab.checks.reference import pieces, plain


@check("merge", weight=2)
def words_cut_in_two(student: Student, rng: Generator) -> None:
    """A word that a cut fell into is wrong in one piece and right in the other. The right one stands in the result."""
    for overlap in (5, 6, 7, 24):
        words = [int(w) for w in rng.permutation(500)[: 40 + overlap]]
        parts = pieces(rng, words, 9 + overlap, overlap)
        for left, right in itertools.pairwise(parts):
            left[-1], right[0] = 900 + int(rng.integers(50)), 1000 + int(rng.integers(50))
        found = plain(student.merge(parts))
        stray = [w for w in found if w >= 900] if isinstance(found, list) else []
        assert_that(not stray, f"{len(stray)} words stand in the result that were cut in two and misheard")
        assert_same(found, words, f"overlaps of {overlap}: the merged sequence")


@check("merge")
def a_refrain_is_kept(student: Student, rng: Generator) -> None:
    """What was said twice stays twice: only what pieces share because they overlap is dropped."""
    words = [int(w) for w in rng.permutation(500)[:18]]
    said = [*words[:4], *words[:4], *words[4:]]  # said twice, in the first piece
    found = plain(student.merge(pieces(rng, said, 12, 4)))
    assert_same(found, said, "the merged sequence")
    assert_same(plain(student.merge([])), [], "no pieces, merged,")


@check("merge", artefact=True)
def the_long_recording(student: Student, rng: Generator) -> None:
    """`my_long_transcript` is the long recording, from beginning to end."""
    long = data.long_recording()
    found = student.my_long_transcript
    assert_that(isinstance(found, str), "expected a text")
    sound_evidence(f"It begins: {found[:200]}", long.audio)
    rate = jiwer.wer(long.text, measuring.normal(found))
    wanted = jiwer.wer(long.text, measuring.normal(listening.long_transcript(whisper(), long.audio)))
    assert_that(
        rate <= wanted + 0.02,
        f"its word error rate is {rate:.0%}; the library's merging of the same pieces has {wanted:.0%}",
    )
