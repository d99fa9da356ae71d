# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `frechet`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("frechet")

FRECHET = """
def frechet(one, other):
    one, other = one.double(), other.double()
    first, second = one.T.cov(), other.T.cov()
    root = torch.linalg.eigvals(first @ second).real.clamp(min=0).sqrt().sum()
    return float((one.mean(0) - other.mean(0)).square().sum() + first.trace() + second.trace() - 2 * root)
"""
SCIPY = """
from scipy.linalg import sqrtm

def frechet(one, other):
    one, other = one.double().numpy(), other.double().numpy()
    gap = one.mean(axis=0) - other.mean(axis=0)
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    root = sqrtm(first @ second)
    return float(gap @ gap + np.trace(first + second - 2 * root.real))
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(FRECHET, *pairs))


def by_scipy(*pairs: tuple[str, str]) -> str:
    return cell(swap(SCIPY, *pairs))


ANSWERS.right(
    "by a symmetric root",
    cell(
        """
def frechet(one, other):
    a, b = one.double(), other.double()
    a, b = a - a.mean(0), b - b.mean(0)
    first, second = a.T @ a / (len(a) - 1), b.T @ b / (len(b) - 1)
    values, vectors = torch.linalg.eigh(first)
    half = vectors * values.clamp(min=0).sqrt() @ vectors.T
    root = torch.linalg.eigvalsh(half @ second @ half).clamp(min=0).sqrt().sum()
    gap = one.double().mean(0) - other.double().mean(0)
    return float(gap @ gap + first.trace() + second.trace() - 2 * root)
"""
    ),
)
ANSWERS.right(
    "by singular values",
    cell(
        """
def frechet(one, other):
    a, b = one.double(), other.double()
    gap = a.mean(0) - b.mean(0)
    a, b = (a - a.mean(0)) / (len(a) - 1) ** 0.5, (b - b.mean(0)) / (len(b) - 1) ** 0.5
    root = torch.linalg.svdvals(a @ b.T).sum()  # of A'AB'B the roots of the eigenvalues
    return float(gap @ gap + a.square().sum() + b.square().sum() - 2 * root)
"""
    ),
)
ANSWERS.wrong(
    "divided by n",
    answer(("one.T.cov(), other.T.cov()", "one.T.cov(correction=0), other.T.cov(correction=0)")),
    "divides the covariances by n",
    slip="divided by n; n - 1",
)
ANSWERS.wrong(
    "entry by entry",
    by_scipy(("root = sqrtm(first @ second)", "root = np.sqrt(np.abs(first @ second))")),
    "takes the root entry by entry",
    slip="the root was taken entry by entry",
)
ANSWERS.wrong(
    "means not squared",
    answer((".square().sum() + first", ".norm() + first")),
    "takes the length of the means' difference",
    slip="the means were not squared",
)
ANSWERS.wrong(
    "means only",
    answer((" + first.trace() + second.trace() - 2 * root", "")),
    "leaves the covariances out",
    slip="the covariances' part is missing",
)
ANSWERS.wrong(
    "covariances only",
    answer(("(one.mean(0) - other.mean(0)).square().sum() + first", "first")),
    "leaves the means out",
    slip="the means' part is missing",
)
ANSWERS.wrong(
    "once the root",
    answer(("- 2 * root", "- root")),
    "takes the root off once",
    slip="the root of the product stands once",
)
ANSWERS.wrong(
    "variances only",
    answer(("one.T.cov(), other.T.cov()", "torch.diag(one.var(0)), torch.diag(other.var(0))")),
    "takes variances without correlations",
    slip="variances without their correlations",
)
ANSWERS.wrong(
    "not squared",
    answer(("return float(", "return max(0.0, "), (" - 2 * root)", " - 2 * float(root)) ** 0.5")),
    "returns the root of the distance",
    slip="that is the root of the distance",
)
ANSWERS.wrong(
    "about zero",
    answer(
        ("one.T.cov(), other.T.cov()", "one.T @ one / (len(one) - 1), other.T @ other / (len(other) - 1)"),
    ),
    "takes the moments about 0",
    slip="second moments were taken about 0",
)
ANSWERS.wrong(
    "equal numbers only",
    answer(("second = one.T.cov(), other.T.cov()", "second = one.T.cov(), other[: len(one)].T.cov()")),
    "looks at no more rows of the second set than the first has",
    visible_passes=True,
    slip="",
)
