# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `bleu`."""

from __future__ import annotations

from numpy.random import Generator

from caption_lab import data
from caption_lab.checks.reference import (
    corpus,
    library_bleu,
)
from coursekit.checks import assert_close, check
from coursekit.student import Student
from grader.rubrics.week03_blip.checks.shared import show_captions, texts_of


@check("bleu", weight=2)
def odd_corpora(student: Student, rng: Generator) -> None:
    """Short and long candidates, repeated words, other numbers of references, no match at all, and n from 1 to 4."""
    base, told = corpus(rng, 8, 3)
    short = [" ".join(text.split()[:4]) for text in base]
    long = [f"{text} {text}" for text in base]
    ragged = [some[: 1 + i % 3] for i, some in enumerate(told)]
    cases = {
        "short candidates": (short, told, 4),
        "long candidates": (long, told, 4),
        "other numbers of references": (base, ragged, 4),
        "n = 1": (base, told, 1),
        "n = 2": (short, told, 2),
        "nothing in common": (["teal teal teal teal"] * 8, told, 4),
        "one word again and again": (["a a a a a a"] * 8, told, 1),
        "candidates of two words": ([" ".join(text.split()[:2]) for text in base], told, 4),
    }
    for name, (said, some, n) in cases.items():
        wanted = library_bleu(said, some, n)
        assert_close(student.bleu(said, some, n), wanted, atol=1e-2, rtol=1e-4, what=f"{name}: the score")


@check("bleu")
def ties_of_length(student: Student, rng: Generator) -> None:
    """Of two references whose lengths are as close, the shorter counts."""
    said = ["a b c d e f g h"] * 3
    told = [["a b c d e f g h i j", "a b c d e f"], ["a b c d e f", "a b c d e f g h i j"], ["a b c d e f g h i j"] * 2]
    assert_close(student.bleu(said, told), library_bleu(said, told), atol=1e-2, what="the score")


@check("bleu", artefact=True)
def the_captions_were_scored(student: Student, rng: Generator) -> None:
    """`my_bleu` is the score of the notebook's own captions."""
    scenes = data.sample_scenes(48, 2, seed=29)
    pictures = data.pictures(scenes)
    said = texts_of(student.judged_captions, 48, "judged_captions")
    references = [scene.captions(4, seed=i) for i, scene in enumerate(scenes)]
    show_captions(
        "Four of the captions that were scored, and a reference", pictures[:4], said[:4], [r[0] for r in references[:4]]
    )
    assert_close(student.my_bleu, library_bleu(said, references), atol=0.02, what="my_bleu")
