# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `vq_loss`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("vq_loss")

LOSS = """
def vq_loss(z, quantised, beta=0.25):
    return F.mse_loss(quantised, z.detach()) + beta * F.mse_loss(z, quantised.detach())
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(LOSS, *pairs))


ANSWERS.right(
    "by squares",
    cell(
        """
def vq_loss(z, quantised, beta=0.25):
    codes = (quantised - z.detach()).pow(2).mean()
    commitment = (quantised.detach() - z).pow(2).mean()
    return codes + beta * commitment
"""
    ),
)
ANSWERS.right(
    "by norms",
    cell(
        """
def vq_loss(z, quantised, beta=0.25):
    first = torch.sum((z.detach() - quantised) ** 2) / z.numel()
    second = torch.sum((z - quantised.detach()) ** 2) / z.numel()
    return torch.stack([first, beta * second]).sum()
"""
    ),
)
ANSWERS.wrong(
    "beta on the codes",
    cell(
        """
def vq_loss(z, quantised, beta=0.25):
    return beta * F.mse_loss(quantised, z.detach()) + F.mse_loss(z, quantised.detach())
"""
    ),
    "weighs the codebook's part, as diffusers does by default",
    slip="beta stands before the codebook's part",
)
ANSWERS.wrong(
    "both detached",
    answer(("F.mse_loss(quantised, z.detach())", "F.mse_loss(quantised.detach(), z.detach())")),
    "detaches both sides of the codebook's part",
    slip="no gradient arrives at `quantised`",
)
ANSWERS.wrong(
    "nothing detached",
    cell(
        """
def vq_loss(z, quantised, beta=0.25):
    return (1 + beta) * F.mse_loss(quantised, z)
"""
    ),
    "detaches nothing",
    slip="nothing is detached",
)
ANSWERS.wrong(
    "sums",
    answer(
        ("F.mse_loss(quantised, z.detach())", "F.mse_loss(quantised, z.detach(), reduction='sum')"),
        ("F.mse_loss(z, quantised.detach())", "F.mse_loss(z, quantised.detach(), reduction='sum')"),
    ),
    "sums instead of taking the mean",
    slip="it is summed over all entries",
)
ANSWERS.wrong(
    "summed over features",
    cell(
        """
def vq_loss(z, quantised, beta=0.25):
    codes = (quantised - z.detach()).square().sum(dim=1).mean()
    return codes + beta * (quantised.detach() - z).square().sum(dim=1).mean()
"""
    ),
    "sums over the features of a place",
    slip="summed over the features of a place",
)
ANSWERS.wrong(
    "commitment alone",
    answer(("F.mse_loss(quantised, z.detach()) + beta * ", "")),
    "forgets the codebook's part",
    slip="no gradient arrives at `quantised`",
)
ANSWERS.wrong(
    "no commitment",
    answer((" + beta * F.mse_loss(z, quantised.detach())", "")),
    "forgets the commitment",
    slip="one of the two parts is missing",
)
ANSWERS.wrong(
    "beta twice",
    answer(("return F", "return beta * F")),
    "weighs both parts",
    slip="beta weighs both parts",
)
ANSWERS.wrong(
    "no root",
    cell(
        """
def vq_loss(z, quantised, beta=0.25):
    return F.l1_loss(quantised, z.detach()) + beta * F.l1_loss(z, quantised.detach())
"""
    ),
    "takes the distance, not its square",
    slip="the distance, not its square",
)
ANSWERS.wrong(
    "a beta of its own",
    answer(("beta * F", "0.25 * F")),
    "has beta built in",
    visible_passes=True,
    slip="",
)
