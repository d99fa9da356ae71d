# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `words_and_codes`."""

from __future__ import annotations

import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check, pair_of
from coursekit.inputs import gaussian, seed_from
from coursekit.student import Student
from grader.rubrics.week06_tokens.checks.shared import opening_rows, painter
from token_lab.checks.reference import library_sentence_loss, reference_rows, some_rows


@check("words_and_codes")
def any_rows(student: Student, rng: Generator) -> None:
    """Full, empty and single captions, other marks and offsets, and inputs that stay as they were."""
    marks = tuple(int(x) for x in rng.permutation(3) + 50)
    for lengths, places in (((4, 0, 9), 9), ((0,), 3), ((1, 2), 2)):
        words, codes = some_rows(rng, lengths, m=int(rng.integers(1, 9)))
        wanted = reference_rows(words, codes, places, 60, marks)
        found = pair_of(student.words_and_codes(words, codes, places, 60, marks), "(ids, labels)")
        for name, one, right in zip(("ids", "labels"), found, wanted, strict=True):
            assert_close(one, right, what=f"the {name} of captions of {lengths} words")
            assert_that(not torch.as_tensor(one).is_floating_point(), f"the {name} are no whole numbers")
    before = codes.clone()
    after = student.library("token_lab.probes").arguments_after(
        student.words_and_codes, words, codes, places, 60, marks
    )
    assert_close(after[1], before, what="`codes` after the call (work on a copy)")
    assert_that([list(row) for row in after[0]] == words, "`words` changed in the call (work on a copy)")


@check("words_and_codes", weight=2)
def any_weights(student: Student, rng: Generator) -> None:
    """Other weights, pictures of one code, and a part in which nothing is charged."""
    for m, weights in ((6, (0.5, 0.5)), (1, (1 / 8, 7 / 8)), (3, (1.0, 0.0))):
        words, codes = some_rows(rng, (2, 6, 1, 3), m)
        ids, labels = reference_rows(words, codes, 6, 12, (0, 1, 2))
        logits, wanted = library_sentence_loss(seed_from(rng), ids, labels, m, *weights)
        found = student.sentence_loss(logits, labels, m, *weights)
        assert_close(found, wanted, atol=1e-4, rtol=1e-4, what=f"the loss of pictures of {m} codes")
    silent = labels.clone()
    silent[:, :-m] = -100
    logits = gaussian(rng, *labels.shape, 21)
    alone = torch.nn.functional.cross_entropy(logits[:, -m - 1 : -1].flatten(0, 1), labels[:, -m:].flatten())
    found = torch.as_tensor(student.sentence_loss(logits, silent, m))
    assert_that(not bool(found.isnan().any()), "where no word is charged the loss is nan; that part is 0")
    assert_close(found, 7 / 8 * alone, atol=1e-4, what="the loss where no word is charged")


@check("words_and_codes", artefact=True)
def what_the_painter_pays(student: Student, rng: Generator) -> None:
    """`my_rows` are the opening pictures as the painter reads them, and `my_loss` is what it pays."""
    ids, labels, m = opening_rows()
    assert_close(student.my_rows, ids, what="my_rows")
    model = painter()
    words, codes = labels.clone(), labels.clone()
    words[:, -m:], codes[:, :-m] = -100, -100
    with torch.no_grad():
        text, image = (float(model(input_ids=ids, labels=some).loss) for some in (words, codes))
    assert_close(float(student.my_loss), text / 8 + 7 * image / 8, atol=1e-3, rtol=1e-3, what="my_loss")
