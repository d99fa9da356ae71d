# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `guided`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("guided")

GUIDED = """
def guided_attention(attention, tokens, frames, sigma=0.4):
    n, heads, high, wide = attention.shape
    f, t = torch.arange(high)[None, :, None], torch.arange(wide)[None, None]
    sounds, texts = frames[:, None, None], tokens[:, None, None]
    penalty = 1 - torch.exp(-((f / sounds - t / texts) ** 2) / (2 * sigma**2))
    there = ((f < sounds) & (t < texts))[:, None].expand_as(attention)
    return (penalty[:, None] * attention)[there].mean()
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(GUIDED, *pairs))


ANSWERS.right(
    "pair by pair",
    cell(
        """
def guided_attention(attention, tokens, frames, sigma=0.4):
    total, count = 0.0, 0
    for one, t, f in zip(attention, tokens.tolist(), frames.tolist()):
        off = torch.linspace(0, 1, f + 1)[:-1, None] - torch.linspace(0, 1, t + 1)[None, :-1]
        part = one[:, :f, :t] * (1 - torch.exp(-off.square() / (2 * sigma * sigma)))
        total, count = total + part.sum(), count + part.numel()
    return total / count
"""
    ),
)
ANSWERS.right(
    "with masked sums",
    cell(
        """
def guided_attention(attention, tokens, frames, sigma=0.4):
    high, wide = attention.shape[2:]
    down, across = torch.arange(high).float(), torch.arange(wide).float()
    off = down[None, :, None] / frames[:, None, None] - across[None, None, :] / tokens[:, None, None]
    real = (down < frames[:, None])[:, :, None] * (across < tokens[:, None])[:, None, :]
    weight = real * -torch.expm1(-0.5 * (off / sigma) ** 2)
    count = (tokens * frames).sum() * attention.shape[1]
    return torch.einsum("nft,nhft->", weight, attention) / count
"""
    ),
)
ANSWERS.wrong(
    "padded lengths",
    answer(("f / sounds - t / texts", "f / high - t / wide")),
    "makes the penalty for the padded size",
    slip="the penalty was made with the lengths of the padded batch",
)
ANSWERS.wrong(
    "padding in the mean",
    answer(("(penalty[:, None] * attention)[there].mean()", "(penalty[:, None] * attention * there).mean()")),
    "divides by the padded size",
    slip="the mean is over the padding too",
)
ANSWERS.wrong(
    "no lengths",
    answer(("f / sounds - t / texts", "f / high - t / wide"), ("[there].mean()", ".mean()")),
    "knows no lengths at all",
    slip="penalty and mean are of the whole padded batch",
)
ANSWERS.wrong(
    "the sum",
    answer(("[there].mean()", "[there].sum()")),
    "adds up",
    slip="it is the sum",
)
ANSWERS.wrong(
    "the bell",
    answer(("1 - torch.exp", "torch.exp")),
    "penalises the diagonal",
    slip="the bell itself is the penalty",
)
ANSWERS.wrong(
    "not squared",
    answer(("((f / sounds - t / texts) ** 2)", "(f / sounds - t / texts).abs()")),
    "does not square the distance",
    slip="the distance from the diagonal is not squared",
)
ANSWERS.wrong(
    "no two",
    answer(("(2 * sigma**2)", "sigma**2")),
    "forgets the 2",
    slip="the 2 of 2 sigma squared",
)
ANSWERS.wrong(
    "sigma plain",
    answer(("2 * sigma**2", "2 * sigma")),
    "does not square sigma",
    slip="sigma is not squared",
)
ANSWERS.wrong(
    "exchanged",
    answer(("f / sounds - t / texts", "f / texts - t / sounds")),
    "exchanges the lengths",
    slip="the texts' lengths and the sounds' are exchanged",
)
ANSWERS.wrong(
    "means of means",
    answer(
        (
            "return (penalty[:, None] * attention)[there].mean()",
            "rows = penalty[:, None] * attention\n"
            "    return torch.stack([row[mask].mean() for row, mask in zip(rows, there)]).mean()",
        )
    ),
    "takes the mean of each pair first",
    slip="the mean of the pairs' means",
)
ANSWERS.wrong(
    "detached",
    answer(("* attention)", "* attention.detach())")),
    "cuts the gradient off",
    visible_passes=True,
    slip="",
)
