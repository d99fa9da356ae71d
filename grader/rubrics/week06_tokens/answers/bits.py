# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `bits`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("bits")

BITS = """
def picture_bits(scores, codes):
    paid = F.cross_entropy(scores.transpose(1, 2), codes, reduction="none")
    return paid.sum(dim=1) / math.log(2)
"""
REPORT = """
def bit_report(bits, m, k, side):
    mean, pixels = float(bits.mean()), side * side
    report = {"picture": mean, "token": mean / m, "pixel": mean / pixels}
    return report | {"uniform": m * math.log2(k), "ratio": 24 * pixels / mean}
"""


def bits(*pairs: tuple[str, str]) -> str:
    return cell(swap(BITS, *pairs), REPORT)


def report(*pairs: tuple[str, str]) -> str:
    return cell(BITS, swap(REPORT, *pairs))


ANSWERS.right(
    "gathered",
    cell(
        """
def picture_bits(scores, codes):
    chances = scores.log_softmax(dim=-1).gather(-1, codes.unsqueeze(-1)).squeeze(-1)
    return -(chances / np.log(2)).sum(-1)
""",
        """
def bit_report(bits, m, k, side):
    mean = bits.double().mean().item()
    return {
        "picture": mean,
        "token": mean / m,
        "pixel": mean / side**2,
        "uniform": float(m * np.log2(k)),
        "ratio": side**2 * 3 * 8 / mean,
    }
""",
    ),
)
ANSWERS.right(
    "picture by picture",
    cell(
        """
def picture_bits(scores, codes):
    out = []
    for said, picture in zip(scores, codes):
        out.append(F.cross_entropy(said, picture, reduction="sum") * math.log2(math.e))
    return torch.stack(out)
""",
        """
def bit_report(bits, m, k, side):
    mean = sum(bits.tolist()) / len(bits)
    names = ("picture", "token", "pixel", "uniform", "ratio")
    return dict(zip(names, (mean, mean / m, mean / side / side, m * math.log(k, 2), 3 * 8 * side * side / mean)))
""",
    ),
)
ANSWERS.wrong("nats", bits((" / math.log(2)", "")), "gives nats", slip="those are nats: divide")
ANSWERS.wrong(
    "per token", bits(("paid.sum(dim=1)", "paid.mean(dim=1)")), "gives bits of a token", slip="that is per token"
)
ANSWERS.wrong(
    "mean loss",
    bits(("paid.sum(dim=1) / math.log(2)", "paid.mean(dim=1)")),
    "gives the mean loss, in nats",
    slip="those are nats per token",
)
ANSWERS.wrong(
    "one number",
    bits(("paid.sum(dim=1) / math.log(2)", "paid.sum(dim=1).mean() / math.log(2)")),
    "gives one number for the batch",
    slip="one number for the batch",
)
ANSWERS.wrong(
    "negative", bits(("return paid", "return -paid")), "gives the logarithm without its minus", slip="bits are positive"
)
ANSWERS.wrong(
    "uniform in nats",
    report(("math.log2(k)", "math.log(k)")),
    "counts a uniform code in nats",
    slip="those are nats: log2",
)
ANSWERS.wrong(
    "one uniform token",
    report(("m * math.log2(k)", "math.log2(k)")),
    "counts one token",
    slip="a picture has m",
)
ANSWERS.wrong(
    "three numbers a pixel",
    report(('"pixel": mean / pixels', '"pixel": mean / (3 * pixels)')),
    "counts numbers, not pixels",
    slip="that is per number",
)
ANSWERS.wrong(
    "bytes", report(("24 * pixels / mean", "3 * pixels / mean")), "compares bytes with bits", slip="are 24 bits"
)
ANSWERS.wrong(
    "upside down",
    report(("24 * pixels / mean", "mean / (24 * pixels)")),
    "has the ratio upside down",
    slip="upside down",
)
ANSWERS.wrong(
    "bytes of codes",
    report(("math.log2(k)", "math.ceil(math.log2(k))")),
    "rounds the bits of a code up",
    visible_passes=True,
    slip="",
)
