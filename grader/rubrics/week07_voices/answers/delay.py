# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `delay`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("delay")

DELAY = """
def delay(codes, pad):
    n, books, frames = codes.shape
    rows = torch.full((n, books, frames + books - 1), pad)
    for i in range(books):
        rows[:, i, i : i + frames] = codes[:, i]
    return rows


def undelay(rows):
    books = rows.shape[1]
    frames = rows.shape[2] - books + 1
    return torch.stack([rows[:, i, i : i + frames] for i in range(books)], dim=1)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(DELAY, *pairs))


ANSWERS.right(
    "by padding",
    cell(
        """
def delay(codes, pad):
    books = codes.shape[1]
    return torch.stack([F.pad(codes[:, i], (i, books - 1 - i), value=pad) for i in range(books)], dim=1)


def undelay(rows):
    books, wide = rows.shape[1:]
    at = torch.arange(books)[:, None] + torch.arange(wide - books + 1)
    return rows.gather(2, at.expand(len(rows), -1, -1))
"""
    ),
)
ANSWERS.right(
    "step by step",
    cell(
        """
def delay(codes, pad):
    n, books, frames = codes.shape
    steps = []
    for t in range(frames + books - 1):
        column = torch.full((n, books), pad)
        for i in range(books):
            if 0 <= t - i < frames:
                column[:, i] = codes[:, i, t - i]
        steps.append(column)
    return torch.stack(steps, dim=2)


def undelay(rows):
    n, books, wide = rows.shape
    return torch.stack([rows[:, i].roll(-i, dims=1)[:, : wide - books + 1] for i in range(books)], dim=1)
"""
    ),
)
ANSWERS.wrong(
    "turned round",
    answer(("rows[:, i, i : i + frames] = codes", "rows[:, i, books - 1 - i : books - 1 - i + frames] = codes")),
    "delays the first book most",
    slip="the first book is delayed most",
)
ANSWERS.wrong(
    "cut off",
    answer(
        (
            "rows[:, i, i : i + frames] = codes[:, i]\n    return rows",
            "rows[:, i, i : i + frames] = codes[:, i]\n    return rows[:, :, :frames]",
        )
    ),
    "cuts the end off",
    slip="the end is cut off",
)
ANSWERS.wrong(
    "rolled",
    cell(
        """
def delay(codes, pad):
    return torch.stack([codes[:, i].roll(i, dims=-1) for i in range(codes.shape[1])], dim=1)


def undelay(rows):
    books = rows.shape[1]
    frames = rows.shape[2] - books + 1
    return torch.stack([rows[:, i, i : i + frames] for i in range(books)], dim=1)
"""
    ),
    "rolls the codes round",
    slip="the codes were rolled round",
)
ANSWERS.wrong(
    "one too many",
    answer(
        ("frames + books - 1), pad", "frames + books), pad"),
        ("rows[:, i, i : i + frames] = codes", "rows[:, i, i + 1 : i + 1 + frames] = codes"),
    ),
    "shifts by one too many",
    slip="one step too many",
)
ANSWERS.wrong(
    "nothing",
    answer(("rows[:, i, i : i + frames] = codes", "rows[:, i, :frames] = codes")),
    "shifts nothing",
    slip="nothing is shifted",
)
ANSWERS.wrong(
    "zeros",
    answer(("books - 1), pad)", "books - 1), 0)")),
    "fills with 0",
    slip="the gaps hold 0",
)
ANSWERS.wrong(
    "another axis",
    answer(("    return rows\n", "    return rows.transpose(0, 1)\n")),
    "exchanges batch and books",
    slip="books and rows of the batch are exchanged",
)
ANSWERS.wrong(
    "not undone",
    answer(("rows[:, i, i : i + frames] for", "rows[:, i, :frames] for")),
    "does not undo it",
    slip="nothing was undone: each book",
)
ANSWERS.wrong(
    "one cut",
    answer(("rows[:, i, i : i + frames] for", "rows[:, i, books - 1 :] for")),
    "cuts all books at one place",
    slip="every book was cut at the same place",
)
ANSWERS.wrong(
    "undone the other way",
    answer(("rows[:, i, i : i + frames] for", "rows[:, i, books - 1 - i : books - 1 - i + frames] for")),
    "undoes the delays the other way round",
    slip="the delays are turned round",
)
ANSWERS.wrong(
    "four books",
    answer(("    for i in range(books):\n", "    for i in range(min(books, 4)):\n")),
    "knows four books at most",
    visible_passes=True,
    slip="",
)
