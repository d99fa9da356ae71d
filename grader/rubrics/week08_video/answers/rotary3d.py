# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `rotary3d`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("rotary3d")

ROTARY = """
def rotary3d(x, frames, height, width):
    d = x.shape[-1]
    places = torch.cartesian_prod(*(torch.arange(float(n)) for n in (frames, height, width))).view(-1, 3)
    angles = [
        places[:, axis, None] * 10_000.0 ** (-torch.arange(0, part, 2) / part)
        for axis, part in enumerate((d // 4, 3 * d // 8, 3 * d // 8))
    ]
    angle = torch.cat(angles, dim=1)
    first, second = x[..., 0::2], x[..., 1::2]
    turned = first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()
    return torch.stack(turned, dim=-1).flatten(-2)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(ROTARY, *pairs))


ANSWERS.right(
    "by complex numbers",
    cell(
        """
def rotary3d(x, frames, height, width):
    d = x.shape[-1]
    grid = torch.meshgrid(torch.arange(frames), torch.arange(height), torch.arange(width), indexing="ij")
    parts = []
    for place, part in zip(grid, (d // 4, d // 8 * 3, d // 8 * 3)):
        parts.append(place.flatten()[:, None] / 10000 ** (2 * torch.arange(part // 2) / part))
    angle = torch.cat(parts, dim=1)
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(-2)
"""
    ),
)
ANSWERS.right(
    "token by token",
    cell(
        """
def rotary3d(x, frames, height, width):
    d, found, token = x.shape[-1], x.clone(), 0
    for t in range(frames):
        for row in range(height):
            for column in range(width):
                start = 0
                for place, part in ((t, d // 4), (row, 3 * d // 8), (column, 3 * d // 8)):
                    for j in range(part // 2):
                        angle = place * 10000 ** (-2 * j / part)
                        c, s = float(np.cos(angle)), float(np.sin(angle))
                        a, b = x[:, :, token, start + 2 * j], x[:, :, token, start + 2 * j + 1]
                        found[:, :, token, start + 2 * j] = c * a - s * b
                        found[:, :, token, start + 2 * j + 1] = s * a + c * b
                    start += part
                token += 1
    return found
"""
    ),
)
ANSWERS.wrong(
    "by the token's number",
    cell(
        """
def rotary3d(x, frames, height, width):
    angle = torch.arange(x.shape[2])[:, None] * 10_000.0 ** (-torch.arange(0, x.shape[-1], 2) / x.shape[-1])
    first, second = x[..., 0::2], x[..., 1::2]
    turned = first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()
    return torch.stack(turned, dim=-1).flatten(-2)
"""
    ),
    "turns by the token's number",
    slip="turned by the token's number",
)
ANSWERS.wrong(
    "frames fastest",
    answer(
        (
            "for n in (frames, height, width))).view(-1, 3)",
            "for n in (height, width, frames))).view(-1, 3)[:, [2, 0, 1]]",
        )
    ),
    "lets the frames run fastest",
    slip="the token order is rows, columns, frames",
)
ANSWERS.wrong(
    "from one",
    answer((".view(-1, 3)\n", ".view(-1, 3) + 1\n")),
    "counts from 1",
    slip="counting begins at 1",
)
ANSWERS.wrong(
    "backwards",
    answer(("angle = torch.cat(angles, dim=1)", "angle = -torch.cat(angles, dim=1)")),
    "turns the other way round",
    slip="the other way round",
)
ANSWERS.wrong(
    "halves",
    answer(
        ("first, second = x[..., 0::2], x[..., 1::2]", "first, second = x.chunk(2, dim=-1)"),
        ("torch.stack(turned, dim=-1).flatten(-2)", "torch.cat(turned, dim=-1)"),
    ),
    "pairs the first half with the second",
    slip="the first half is paired with the second",
)
ANSWERS.wrong(
    "rates of all",
    answer(("-torch.arange(0, part, 2) / part)", "-torch.arange(0, part, 2) / d)")),
    "takes the rates of all features",
    slip="the rates are those of all d features",
)
ANSWERS.wrong(
    "rows and columns",
    answer(("places[:, axis, None]", "places[:, (0, 2, 1)[axis], None]")),
    "exchanges rows and columns",
    slip="rows and columns are exchanged",
)
ANSWERS.wrong(
    "time last",
    answer(
        ("places[:, axis, None]", "places[:, (1, 2, 0)[axis], None]"),
        ("enumerate((d // 4, 3 * d // 8, 3 * d // 8))", "enumerate((3 * d // 8, 3 * d // 8, d // 4))"),
    ),
    "gives time the last features",
    slip="time has the last quarter",
)
ANSWERS.wrong(
    "half for time",
    answer(("(d // 4, 3 * d // 8, 3 * d // 8)", "(d // 2, d // 4, d // 4)")),
    "gives time half of the features",
)
ANSWERS.wrong(
    "one film",
    answer(("turned, dim=-1).flatten(-2)", "turned, dim=-1).flatten(-2)[:, :2]")),
    "keeps two heads only",
    visible_passes=True,
    slip="",
)
