# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `quantise`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("quantise")

QUANTISE = """
def quantise(z, codebook):
    n, d, h, w = z.shape
    rows = z.permute(0, 2, 3, 1).reshape(-1, d)
    ids = torch.cdist(rows, codebook).argmin(dim=1).reshape(n, h, w)
    nearest = codebook[ids].permute(0, 3, 1, 2)
    return z + (nearest - z).detach(), ids
"""
TAIL = """
with needs("quantise"):
    my_tokens = quantise(vq.encode(opening_pixels).latents, vq.quantize.embedding.weight)[1]
    print(f"{len(my_tokens)} pictures of {tuple(my_tokens.shape[1:])} tokens")
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(QUANTISE, *pairs), TAIL)


ANSWERS.right(
    "with the squares written out",
    cell(
        """
def quantise(z, codebook):
    flat = torch.movedim(z, 1, -1)
    far = flat.square().sum(-1, keepdim=True) - 2 * flat @ codebook.T + codebook.square().sum(-1)
    ids = far.min(dim=-1).indices
    codes = F.embedding(ids, codebook.detach())
    return z + (torch.movedim(codes, -1, 1) - z).detach(), ids
""",
        TAIL,
    ),
)
ANSWERS.right(
    "place by place",
    cell(
        """
class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, code):
        return code.clone()

    @staticmethod
    def backward(ctx, slope):
        return slope, None


def quantise(z, codebook):
    n, d, h, w = z.shape
    ids = torch.empty(n, h, w, dtype=torch.int64)
    for i in range(n):
        for y in range(h):
            for x in range(w):
                ids[i, y, x] = (codebook - z[i, :, y, x]).norm(dim=1).argmin()
    return Straight.apply(z, codebook[ids].permute(0, 3, 1, 2)), ids
""",
        TAIL,
    ),
)
ANSWERS.wrong(
    "flattened as it lies",
    answer(
        ("z.permute(0, 2, 3, 1).reshape(-1, d)", "z.reshape(-1, d)"),
        ("codebook[ids].permute(0, 3, 1, 2)", "codebook[ids].reshape(z.shape)"),
    ),
    "cuts rows out of z without moving the features last",
    slip="z was cut into rows as it lies",
)
ANSWERS.wrong(
    "not moved back",
    answer(("codebook[ids].permute(0, 3, 1, 2)", "codebook[ids].reshape(z.shape)")),
    "does not move the features back",
    slip="the features were not moved back",
)
ANSWERS.wrong("farthest", answer(("argmin", "argmax")), "takes the farthest code", slip="the code that is farthest")
ANSWERS.wrong(
    "dot product",
    answer(("torch.cdist(rows, codebook).argmin", "(rows @ codebook.T).argmax")),
    "takes the largest dot product",
    slip="the largest dot product",
)
ANSWERS.wrong(
    "cosine",
    answer(
        ("torch.cdist(rows, codebook).argmin", "(F.normalize(rows, dim=1) @ F.normalize(codebook, dim=1).T).argmax")
    ),
    "takes the code of the nearest direction",
    slip="the code of the same direction",
)
ANSWERS.wrong(
    "no gradient",
    answer(("z + (nearest - z).detach()", "nearest.detach()")),
    "lets no gradient through",
    slip="no gradient arrives at z",
)
ANSWERS.wrong(
    "codes as they are",
    answer(("z + (nearest - z).detach()", "nearest")),
    "gives the codes themselves, which do not depend on z",
    slip="no gradient arrives at z",
)
ANSWERS.wrong(
    "half detached",
    answer(("z + (nearest - z).detach()", "z + nearest - z.detach()")),
    "lets the codebook learn through the picture",
    slip="the codebook gets a gradient",
)
ANSWERS.wrong(
    "one row of indices",
    answer((", ids\n", ", ids.flatten()\n")),
    "gives the indices as one long row",
    slip="one long row",
)
ANSWERS.wrong(
    "square pictures",
    answer((".reshape(n, h, w)", ".reshape(n, int((h * w) ** 0.5), -1)")),
    "takes every picture for a square",
    visible_passes=True,
    slip="",
)
