# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `looks`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("looks")

LOOK = """
def look_map(attentions, place, first, side):
    row = attentions.mean(dim=(0, 1))[place, first : first + side * side]
    return (row / row.sum()).reshape(side, side)
"""
ABLATE = """
def ablate(patches, weights, k, fill):
    replaced = patches.clone()
    replaced[weights.flatten().topk(k).indices] = fill
    return replaced
"""
ANSWERS.right(
    "sorted and stacked",
    cell(
        """
def look_map(attentions, place, first, side):
    rows = [head[place][first : first + side**2] for layer in attentions for head in layer]
    mean = torch.stack(rows).mean(0).view(side, side)
    return mean / mean.sum()
""",
        """
def ablate(patches, weights, k, fill):
    order = weights.reshape(-1).sort(descending=True).indices[:k]
    keep = torch.ones(len(patches), dtype=torch.bool)
    keep[order] = False
    return torch.where(keep[:, None], patches, fill)
""",
    ),
)
ANSWERS.right(
    "einsum and rank",
    cell(
        """
def look_map(attentions, place, first, side):
    total = torch.einsum("lhj->j", attentions[:, :, place])[first : first + side * side]
    return torch.nn.functional.normalize(total, p=1, dim=0).unflatten(0, (side, side))
""",
        """
def ablate(patches, weights, k, fill):
    rank = (-weights.flatten()).argsort().argsort()
    return torch.where((rank < k).unsqueeze(1), fill.expand_as(patches), patches)
""",
    ),
)
ANSWERS.wrong(
    "column",
    cell(swap(LOOK, ("[place, first : first + side * side]", "[first : first + side * side, place]")), ABLATE),
    "takes who looks at the token",
    slip="that is who looks at the token",
)
ANSWERS.wrong(
    "not scaled",
    cell(swap(LOOK, ("(row / row.sum())", "row")), ABLATE),
    "does not scale the map",
    slip="it does not sum to 1",
)
ANSWERS.wrong(
    "transposed",
    cell(swap(LOOK, (".reshape(side, side)", ".reshape(side, side).T")), ABLATE),
    "exchanges rows and columns",
    slip="rows and columns are exchanged",
)
ANSWERS.wrong(
    "least",
    cell(LOOK, swap(ABLATE, (".topk(k)", ".topk(k, largest=False)"))),
    "replaces the least",
    slip="the smallest weights were taken",
)
ANSWERS.wrong(
    "in place", cell(LOOK, swap(ABLATE, ("patches.clone()", "patches"))), "changes its argument", slip="work on a copy"
)
ANSWERS.wrong(
    "the last token",
    cell(swap(LOOK, ("[place,", "[-1,")), ABLATE),
    "always takes the last token",
    slip="that is the last token's row",
)
ANSWERS.wrong(
    "threshold",
    cell(
        LOOK,
        """
def ablate(patches, weights, k, fill):
    limit = weights.flatten().sort(descending=True).values[max(k - 1, 0)]
    replaced = patches.clone()
    replaced[weights.flatten() >= limit] = fill
    return replaced
""",
    ),
    "replaces one where none was asked for",
    visible_passes=True,
    slip="",
)
