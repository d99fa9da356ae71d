# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `temporal`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("temporal")

TEMPORAL = """
def inflate(kernel, t, central=False):
    if not central:
        return (kernel / t)[:, :, None].repeat(1, 1, t, 1, 1)
    found = kernel.new_zeros(*kernel.shape[:2], t, *kernel.shape[2:])
    found[:, :, t // 2] = kernel
    return found


def motion_module(states, frames, norm, inside, weight, bias):
    films = states.view(-1, frames, *states.shape[1:])
    rows = norm(films.transpose(1, 2)).permute(0, 3, 4, 2, 1)
    found = F.linear(inside(rows.flatten(0, 2)), weight, bias).view(rows.shape)
    return states + found.permute(0, 3, 4, 1, 2).reshape(states.shape)
"""
END = """    found = F.linear(inside(rows.flatten(0, 2)), weight, bias).view(rows.shape)
    return states + found.permute(0, 3, 4, 1, 2).reshape(states.shape)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(TEMPORAL, *pairs))


ANSWERS.right(
    "as the library",
    cell(
        """
def inflate(kernel, t, central=False):
    parts = [kernel if i == t // 2 else torch.zeros_like(kernel) for i in range(t)]
    return torch.stack(parts if central else [kernel / t] * t, dim=2)


def motion_module(states, frames, norm, inside, weight, bias):
    nf, c, h, w = states.shape
    n = nf // frames
    x = states.reshape(n, frames, c, h, w).permute(0, 2, 1, 3, 4)
    x = norm(x).permute(0, 3, 4, 2, 1).reshape(n * h * w, frames, c)
    x = inside(x) @ weight.T + bias
    x = x.reshape(n, h, w, frames, c).permute(0, 3, 4, 1, 2).reshape(nf, c, h, w)
    return x + states
"""
    ),
)
ANSWERS.right(
    "film by film",
    cell(
        """
def inflate(kernel, t, central=False):
    o, i, h, w = kernel.shape
    found = torch.zeros(o, i, t, h, w)
    for k in range(t):
        if not central:
            found[:, :, k] = kernel / t
        elif k == t // 2:
            found[:, :, k] = kernel
    return found


def motion_module(states, frames, norm, inside, weight, bias):
    films = []
    for film in states.split(frames):
        normed = norm(film.transpose(0, 1)[None])[0]  # (c, frames, h, w)
        made = torch.zeros_like(film)
        for y in range(film.shape[2]):
            for x in range(film.shape[3]):
                made[:, :, y, x] = inside(normed[:, :, y, x].T[None])[0] @ weight.T + bias
        films.append(film + made)
    return torch.cat(films)
"""
    ),
)
ANSWERS.wrong("not divided", answer(("(kernel / t)", "kernel")), "repeats and does not divide", slip="not divided by t")
ANSWERS.wrong(
    "first frame",
    answer(("found[:, :, t // 2] = kernel", "found[:, :, 0] = kernel")),
    "puts the kernel into the first frame",
    slip="stands in the first frame",
)
ANSWERS.wrong(
    "turned round",
    answer(("if not central:", "if central:")),
    "takes the one for the other",
    slip="`central` is turned round",
)
ANSWERS.wrong(
    "central ignored",
    answer(("    if not central:\n        return", "    if True:\n        return")),
    "never looks at central",
    slip="`central` is not used",
)
ANSWERS.wrong(
    "frames first",
    answer(
        ("states.view(-1, frames, *states.shape[1:])", "states.view(frames, -1, *states.shape[1:]).transpose(0, 1)"),
        ("found.permute(0, 3, 4, 1, 2).reshape", "found.permute(3, 0, 4, 1, 2).reshape"),
    ),
    "takes the frames for the films",
    slip="frames and films are exchanged",
)
ANSWERS.wrong(
    "norm of frames",
    answer(
        ("norm(films.transpose(1, 2)).permute(0, 3, 4, 2, 1)", "norm(states).view(films.shape).permute(0, 3, 4, 1, 2)")
    ),
    "normalises each frame alone",
    slip="the norm saw each frame alone",
)
ANSWERS.wrong(
    "no norm",
    answer(("norm(films.transpose(1, 2))", "films.transpose(1, 2)")),
    "leaves the norm out",
    slip="the norm was left out",
)
ANSWERS.wrong(
    "reshaped",
    answer(
        (
            END,
            """    pages = rows.permute(0, 3, 1, 2, 4)
    found = F.linear(inside(pages.reshape(-1, frames, pages.shape[-1])), weight, bias).view(pages.shape)
    return states + found.permute(0, 1, 4, 2, 3).reshape(states.shape)
""",
        )
    ),
    "makes its rows by reshape alone",
    slip="rows were made by reshape alone",
)
ANSWERS.wrong(
    "left folded",
    answer(("found.permute(0, 3, 4, 1, 2).reshape(states.shape)", "found.reshape(states.shape)")),
    "puts the result back without moving axes",
    slip="put back without moving its axes",
)
ANSWERS.wrong(
    "no residual",
    answer(("return states + found", "return found")),
    "does not add the states",
    slip="states were not added",
)
ANSWERS.wrong(
    "across space",
    answer(
        (
            END,
            """    pages = rows.permute(0, 3, 1, 2, 4)
    found = F.linear(inside(pages.flatten(2, 3).flatten(0, 1)), weight, bias).view(pages.shape)
    return states + found.permute(0, 1, 4, 2, 3).reshape(states.shape)
""",
        )
    ),
    "attends across space",
    slip="attention runs across space",
)
ANSWERS.wrong(
    "norm added",
    answer(
        ("return states + found", "return norm(films.transpose(1, 2)).transpose(1, 2).reshape(states.shape) + found")
    ),
    "adds the normalised states",
    slip="the normalised states were added",
)
ANSWERS.wrong(
    "not one frame",
    answer(("return (kernel / t)", "t = max(t, 2)\n        return (kernel / t)")),
    "makes two frames of one",
    visible_passes=True,
    slip="",
)
