# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `tubelets`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("tubelets")

TUBELETS = """
def tubelets(film, kernel, bias):
    found = F.conv3d(film.transpose(1, 2), kernel, bias, stride=kernel.shape[2:])
    return found.flatten(2).transpose(1, 2)


def positions(tokens, d):
    angles = torch.arange(tokens)[:, None] * 10_000.0 ** (-torch.arange(0, d, 2) / d)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(TUBELETS, *pairs))


ANSWERS.right(
    "by blocks",
    cell(
        """
def tubelets(film, kernel, bias):
    n, frames, c, h, w = film.shape
    d, _, t, p, _ = kernel.shape
    blocks = film.reshape(n, frames // t, t, c, h // p, p, w // p, p).permute(0, 1, 4, 6, 3, 2, 5, 7)
    return blocks.reshape(n, -1, c * t * p * p) @ kernel.reshape(d, -1).T + bias


def positions(tokens, d):
    table = torch.zeros(tokens, d)
    for i in range(tokens):
        for j in range(d // 2):
            angle = i / 10000 ** (2 * j / d)
            table[i, 2 * j], table[i, 2 * j + 1] = np.sin(angle), np.cos(angle)
    return table
"""
    ),
)
ANSWERS.right(
    "slice by slice",
    cell(
        """
def tubelets(film, kernel, bias):
    t, p = kernel.shape[2:4]
    slices = []
    for start in range(0, film.shape[1], t):
        part = sum(F.conv2d(film[:, start + k], kernel[:, :, k], stride=p) for k in range(t))
        slices.append((part + bias[:, None, None]).flatten(2).mT)
    return torch.cat(slices, dim=1)


def positions(tokens, d):
    table = torch.arange(tokens).unsqueeze(1) / torch.pow(10000, (torch.arange(d) // 2) * 2 / d)
    table[:, 0::2] = torch.sin(table[:, 0::2])
    table[:, 1::2] = torch.cos(table[:, 1::2])
    return table
"""
    ),
)
ANSWERS.wrong(
    "reshaped",
    answer(
        ("film.transpose(1, 2)", "film.reshape(film.shape[0], film.shape[2], film.shape[1], *film.shape[3:])"),
    ),
    "exchanges frames and channels by reshape",
    slip="exchanged by reshape",
)
ANSWERS.wrong(
    "time fastest",
    answer(("found.flatten(2).transpose(1, 2)", "found.permute(0, 3, 4, 2, 1).flatten(1, 3)")),
    "has time run fastest",
    slip="time runs fastest",
)
ANSWERS.wrong(
    "columns first",
    answer(("found.flatten(2).transpose(1, 2)", "found.transpose(3, 4).flatten(2).transpose(1, 2)")),
    "has columns run before rows",
    slip="columns run before rows",
)
ANSWERS.wrong(
    "overlapping",
    answer(("stride=kernel.shape[2:]", "stride=(1, *kernel.shape[3:])")),
    "moves by one frame",
    slip="tubelets overlap in time",
)
ANSWERS.wrong("no bias", answer(("kernel, bias, stride", "kernel, None, stride")), "leaves the bias out", slip="bias")
ANSWERS.wrong(
    "features first",
    answer(("found.flatten(2).transpose(1, 2)", "found.flatten(2)")),
    "returns features before tokens",
    slip="features stand before tokens",
)
ANSWERS.wrong(
    "backwards",
    answer(("transpose(1, 2), kernel, bias", "transpose(1, 2), kernel.flip(2), bias")),
    "turns time round",
    slip="backwards in time",
)
ANSWERS.wrong(
    "first frame",
    cell(
        """
def tubelets(film, kernel, bias):
    t, p = kernel.shape[2:4]
    rows = [F.conv2d(film[:, i], kernel[:, :, 0], bias, stride=p).flatten(2).mT for i in range(0, film.shape[1], t)]
    return torch.cat(rows, dim=1)
""",
        TUBELETS.split("\n\n\n")[1],
    ),
    "looks at the first frame of each tubelet only",
    slip="only the first frame",
)
ANSWERS.wrong(
    "halves",
    answer(
        ("torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)", "torch.cat([angles.sin(), angles.cos()], 1)")
    ),
    "puts all sines first",
    slip="all sines stand first",
)
ANSWERS.wrong(
    "cosines first",
    answer(("[angles.sin(), angles.cos()]", "[angles.cos(), angles.sin()]")),
    "puts the cosine before the sine",
    slip="cosines come first",
)
ANSWERS.wrong(
    "without the two",
    answer(("torch.arange(0, d, 2) / d", "torch.arange(d // 2) / d")),
    "forgets the 2 of the exponent",
    slip="the exponent lacks its 2",
)
ANSWERS.wrong(
    "from one",
    answer(("torch.arange(tokens)[:, None]", "torch.arange(1, tokens + 1)[:, None]")),
    "counts from 1",
    slip="counting begins at 1",
)
ANSWERS.wrong(
    "two frames always",
    answer(("stride=kernel.shape[2:]", "stride=(2, *kernel.shape[3:])")),
    "moves by two frames whatever the kernel",
    visible_passes=True,
    slip="",
)
