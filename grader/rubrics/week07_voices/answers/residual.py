# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `residual`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("residual")

RESIDUAL = """
def residual_codes(z, books):
    rest, total, codes = z.transpose(1, 2), torch.zeros_like(z), []
    for book in books:
        ids = torch.cdist(rest, book[None].expand(len(z), -1, -1)).argmin(dim=-1)
        codes.append(ids)
        rest = rest - book[ids]
        total = total + book[ids].transpose(1, 2)
    return torch.stack(codes, dim=1), total


def bitrate(rate, books, k):
    return rate * books * math.log2(k) / 1000
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(RESIDUAL, *pairs))


ANSWERS.right(
    "row by row",
    cell(
        """
def residual_codes(z, books):
    n, d, frames = z.shape
    left = z.permute(0, 2, 1).reshape(-1, d).clone()
    begun, codes = left.clone(), []
    for book in books:
        ids = ((left[:, None] - book[None]) ** 2).sum(dim=2).argmin(dim=1)
        left = left - book[ids]
        codes.append(ids.view(n, frames))
    return torch.stack(codes, dim=1), (begun - left).view(n, frames, d).permute(0, 2, 1)


def bitrate(rate, books, k):
    return float(rate * books * np.log2(k)) / 1e3
"""
    ),
)
ANSWERS.right(
    "by the square",
    cell(
        """
def residual_codes(z, books):
    rest = z.clone()
    codes = []
    for book in books:
        near = book.square().sum(dim=1)[None, :, None] - 2 * torch.einsum("kd,ndt->nkt", book, rest)
        codes.append(near.argmin(dim=1))
        rest = rest - F.embedding(codes[-1], book).mT
    return torch.stack(codes, 1), z - rest


def bitrate(rate, books, k):
    return books * rate * math.log(k) / math.log(2) / 1000
"""
    ),
)
ANSWERS.wrong(
    "input each time",
    answer(("rest = rest - book[ids]", "rest = z.transpose(1, 2)")),
    "quantises the input each time",
    slip="every book quantises z itself",
)
ANSWERS.wrong(
    "from z",
    answer(("rest = rest - book", "rest = z.transpose(1, 2) - book")),
    "takes each code from z",
    slip="what is left over was taken from z",
)
ANSWERS.wrong(
    "added",
    answer(("rest = rest - book", "rest = rest + book")),
    "adds the code to the rest",
    slip="the code was added",
)
ANSWERS.wrong(
    "one book",
    answer(("    for book in books:\n", "    for book in books[:1].expand_as(books):\n")),
    "uses the first book each time",
    slip="the first book was used every time",
)
ANSWERS.wrong(
    "farthest",
    answer(("argmin", "argmax")),
    "takes the farthest code",
    slip="the code that is farthest",
)
ANSWERS.wrong(
    "dot product",
    answer(("torch.cdist(rest, book[None].expand(len(z), -1, -1)).argmin(dim=-1)", "(rest @ book.T).argmax(dim=-1)")),
    "takes the largest dot product",
    slip="the largest dot product",
)
ANSWERS.wrong(
    "books first",
    answer(("torch.stack(codes, dim=1)", "torch.stack(codes)")),
    "puts the books first",
    slip="the books stand first",
)
ANSWERS.wrong(
    "the last alone",
    answer(("total = total + book", "total = book")),
    "gives the last code alone",
    slip="the last book's code alone",
)
ANSWERS.wrong(
    "the rest",
    answer(("dim=1), total", "dim=1), rest.transpose(1, 2)")),
    "gives what is left over",
    slip="that is what is left over",
)
ANSWERS.wrong(
    "no frame rate",
    answer(("rate * books *", "books *")),
    "leaves the frame rate out",
    slip="the frame rate is missing",
)
ANSWERS.wrong(
    "k bits",
    answer(("math.log2(k)", "k")),
    "counts k bits for a code",
    slip="log2(k) bits, not k",
)
ANSWERS.wrong(
    "natural",
    answer(("math.log2(k)", "math.log(k)")),
    "takes the natural logarithm",
    slip="the logarithm is the natural one",
)
ANSWERS.wrong(
    "bits",
    answer((" / 1000", "")),
    "gives bits",
    slip="those are bits",
)
ANSWERS.wrong(
    "whole bits",
    answer(("math.log2(k)", "math.ceil(math.log2(k))")),
    "rounds bits up",
    visible_passes=True,
    slip="",
)
