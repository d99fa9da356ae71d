# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `quantise`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("quantise")

QUANTISE = """
def quantise(weight):
    scale = weight.abs().amax(dim=1) / 127
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (weight / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale
"""
RESTORE = """
def restore(q, scale):
    return q.float() * scale[:, None]
"""
CACHE = """
def cache_bytes(tokens, layers, heads, width, number=2):
    return 2 * tokens * layers * heads * width * number
"""
ANSWERS.right(
    "row by row",
    cell(
        """
def quantise(weight):
    scale, rows = torch.ones(len(weight)), []
    for i, row in enumerate(weight):
        top = row.abs().max()
        if top > 0:
            scale[i] = top / 127
        rows.append(torch.round(row / scale[i]))
    return torch.stack(rows).char(), scale
""",
        "def restore(q, scale):\n    return torch.einsum('ij,i->ij', q.to(scale.dtype), scale)",
        """
def cache_bytes(tokens, layers, heads, width, number=2):
    key = tokens * heads * width * number
    return layers * (key + key)
""",
    ),
)
ANSWERS.right(
    "infinity norm",
    cell(
        """
def quantise(weight):
    scale = torch.linalg.vector_norm(weight, ord=float("inf"), dim=1) / 127
    scale[scale == 0] = 1
    return torch.round(weight / scale.unsqueeze(1)).to(torch.int8), scale
""",
        "def restore(q, scale):\n    return (q.T * scale).T",
        CACHE,
    ),
)
ANSWERS.wrong(
    "one scale",
    cell(
        swap(QUANTISE, ("weight.abs().amax(dim=1) / 127", "(weight.abs().amax() / 127).expand(len(weight))")),
        RESTORE,
        CACHE,
    ),
    "has one scale for all rows",
    slip="one scale for the whole matrix",
)
ANSWERS.wrong(
    "cut off",
    cell(swap(QUANTISE, (".round()", ".trunc()")), RESTORE, CACHE),
    "cuts off instead of rounding",
    slip="cut off, not rounded",
)
ANSWERS.wrong(
    "by 128", cell(swap(QUANTISE, ("/ 127", "/ 128")), RESTORE, CACHE), "divides by 128", slip="divide by 127"
)
ANSWERS.wrong(
    "no value cache",
    cell(QUANTISE, RESTORE, swap(CACHE, ("return 2 * ", "return "))),
    "forgets the values",
    slip="a key *and* a value",
)
ANSWERS.wrong(
    "zeros",
    cell(swap(QUANTISE, ("    scale = torch.where(scale > 0, scale, torch.ones_like(scale))\n", "")), RESTORE, CACHE),
    "divides a row of zeros by zero",
    slip="a row of zeros has scale 1",
)
ANSWERS.wrong(
    "always two bytes",
    cell(QUANTISE, RESTORE, swap(CACHE, ("* number", "* 2"))),
    "has the bytes built in",
    visible_passes=True,
    slip="",
)
