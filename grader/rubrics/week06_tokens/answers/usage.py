# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `usage`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("usage")

USAGE = """
def usage(batches, k):
    counts = torch.bincount(torch.cat([ids.flatten() for ids in batches]), minlength=k).double()
    shares = counts / counts.sum()
    return float(torch.special.entr(shares).sum().exp()), int((counts > 0).sum())
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(USAGE, *pairs))


ANSWERS.right(
    "by NumPy",
    cell(
        """
def usage(batches, k):
    counts = np.zeros(k)
    for ids in batches:
        counts += np.bincount(ids.numpy().ravel(), minlength=k)
    p = counts[counts > 0] / counts.sum()
    return float(np.exp(-(p * np.log(p)).sum())), len(p)
"""
    ),
)
ANSWERS.right(
    "by twos",
    cell(
        """
def usage(batches, k):
    _, counts = torch.unique(torch.cat([ids.reshape(-1) for ids in batches]), return_counts=True)
    p = counts / counts.sum()
    return 2 ** float(-(p * p.log2()).sum()), counts.numel()
"""
    ),
)
ANSWERS.wrong(
    "mean of batches",
    cell(
        """
def usage(batches, k):
    found = []
    for ids in batches:
        shares = torch.bincount(ids.flatten(), minlength=k) / ids.numel()
        found.append(float(torch.special.entr(shares).sum().exp()))
    return sum(found) / len(found), len(torch.cat([ids.flatten() for ids in batches]).unique())
"""
    ),
    "averages the batches' perplexities",
    slip="the mean of the batches' perplexities",
)
ANSWERS.wrong(
    "mean of shares",
    cell(
        """
def usage(batches, k):
    shares = torch.stack([torch.bincount(ids.flatten(), minlength=k) / ids.numel() for ids in batches]).mean(dim=0)
    return float(torch.special.entr(shares).sum().exp()), int((shares > 0).sum())
"""
    ),
    "lets a small batch count as much as a large one",
    slip="add up counts, not shares",
)
ANSWERS.wrong(
    "log2 and exp",
    answer(("torch.special.entr(shares).sum().exp()", "(torch.special.entr(shares).sum() / math.log(2)).exp()")),
    "mixes log2 with exp",
    slip="do not belong together",
)
ANSWERS.wrong(
    "log and two",
    answer(("float(torch.special.entr(shares).sum().exp())", "2 ** float(torch.special.entr(shares).sum())")),
    "mixes log with 2 **",
    slip="do not belong together",
)
ANSWERS.wrong(
    "entropy", answer((".sum().exp()", ".sum()")), "gives the entropy itself", slip="that is the entropy; perplexity"
)
ANSWERS.wrong(
    "nan of nothing",
    answer(("torch.special.entr(shares).sum().exp()", "(-(shares * shares.log()).sum()).exp()")),
    "multiplies 0 by the logarithm of 0",
    slip="a code that never occurs",
)
ANSWERS.wrong(
    "the last batch",
    answer(("torch.cat([ids.flatten() for ids in batches])", "batches[-1].flatten()")),
    "counts the last batch alone",
    slip="the last batch alone",
)
ANSWERS.wrong(
    "those that are dead",
    answer(("counts > 0", "counts == 0")),
    "counts the codes that are not used",
    slip="do *not* occur",
)
ANSWERS.wrong(
    "a share",
    answer(("int((counts > 0).sum())", "float((counts > 0).double().mean())")),
    "gives the share of codes that occur",
    slip="that is the share",
)
ANSWERS.wrong(
    "batches of one shape",
    answer(("torch.cat([ids.flatten() for ids in batches])", "torch.cat(batches).flatten()")),
    "joins batches before they are rows, which needs them to be alike",
    visible_passes=True,
    slip="",
)
