# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `recall_at_k`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator

from coursekit.checks import assert_close, assert_that, check
from coursekit.student import Student
from grader.rubrics.week01_clip.checks.shared import album_vectors


def recall(scores: np.ndarray, answers: np.ndarray, k: int) -> float:
    """R@k by sorting, the right answer behind all that tie with it."""
    hits = 0
    for row, answer in zip(scores, answers, strict=True):
        others = np.delete(row, answer)
        hits += int(np.sum(others >= row[answer])) < k
    return hits / len(scores)


@check("recall_at_k")
def ties_count_against(student: Student, rng: Generator) -> None:
    """A model that sends everything to one point finds nothing."""
    constant = torch.full((20, 20), 0.5)
    own = torch.arange(20)
    slips = {"ties count for the model: a candidate as good as the right one is ahead of it": 1.0}
    assert_close(student.recall_at_k(constant, own, 1), 0.0, slips=slips, what="R@1 of a constant score")
    assert_close(student.recall_at_k(constant, own, 19), 0.0, what="R@19 of a constant score among 20")
    scores = torch.from_numpy(rng.integers(0, 4, size=(30, 12))).float()
    answers = rng.integers(0, 12, size=30)
    for k in (1, 3, 6):
        found = student.recall_at_k(scores, torch.from_numpy(answers), k)
        assert_close(found, recall(scores.numpy(), answers, k), what=f"R@{k} with many ties")


@check("recall_at_k")
def any_answers(student: Student, rng: Generator) -> None:
    """The right answers are those it is told, and there may be more candidates than queries."""
    scores, answers = rng.normal(size=(30, 45)), rng.integers(0, 45, size=30)
    scores[np.arange(30), answers] += 1.5
    for k in (1, 4, 10):
        found = student.recall_at_k(torch.from_numpy(scores).float(), torch.from_numpy(answers), k)
        assert_close(found, recall(scores, answers, k), what=f"R@{k} of 30 queries among 45")


@check("recall_at_k", weight=0.5)
def k_beyond_the_candidates(student: Student, rng: Generator) -> None:
    """Among all the candidates the right one is always found. `topk` with k above their number raises."""
    scores = torch.from_numpy(rng.normal(size=(6, 4))).float()
    answers = torch.from_numpy(rng.integers(0, 4, size=6))
    assert_close(student.recall_at_k(scores, answers, 9), 1.0, what="R@9 among 4")


@check("recall_at_k", artefact=True)
def the_album_was_searched(student: Student, rng: Generator) -> None:
    """`recalls` holds what this model reaches on the album, in both directions."""
    images, texts = album_vectors()
    found = student.recalls
    assert_that(isinstance(found, dict) and len(found) == 2, "recalls is not the dict that the cell makes")
    scores, own = (texts @ images.T).numpy(), np.arange(len(images))
    for (name, numbers), matrix in zip(found.items(), (scores, scores.T), strict=True):
        wanted = [recall(matrix, own, k) for k in (1, 5, 10)]
        assert_close(numbers, wanted, atol=0.02, what=f"R@1, R@5 and R@10 of {name}")
