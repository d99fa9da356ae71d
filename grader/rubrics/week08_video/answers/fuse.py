# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `fuse`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("fuse")

FUSE = """
def late(seen, heard, trust=0.5):
    return (trust * seen.log_softmax(dim=1) + (1 - trust) * heard.log_softmax(dim=1)).softmax(dim=1)


def early(seen, heard, there):
    parts = []
    for features, here in zip((seen, heard), there.T):
        own = features[here]
        parts.append((features - own.mean(dim=0)) / (own.std(dim=0) + 1e-6) * here[:, None])
    return torch.cat(parts, dim=1)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(FUSE, *pairs))


ANSWERS.right(
    "of the logits",
    cell(
        """
def late(seen, heard, trust=0.5):
    return F.softmax(trust * seen + (1 - trust) * heard, dim=-1)


def early(seen, heard, there):
    def scaled(x, here):
        weight = here.float()[:, None]
        count = weight.sum()
        mean = (x * weight).sum(0) / count
        spread = (((x - mean) ** 2 * weight).sum(0) / (count - 1)).sqrt()
        return torch.where(here[:, None], (x - mean) / (spread + 1e-6), torch.zeros_like(x))

    return torch.cat([scaled(seen, there[:, 0]), scaled(heard, there[:, 1])], dim=1)
"""
    ),
)
ANSWERS.right(
    "in place",
    cell(
        """
def late(seen, heard, trust=0.5):
    log = trust * torch.log_softmax(seen.double(), 1) + (1 - trust) * torch.log_softmax(heard.double(), 1)
    return (log - log.logsumexp(1, keepdim=True)).exp().float()


def early(seen, heard, there):
    found = torch.zeros(len(seen), seen.shape[1] + heard.shape[1])
    a = seen.shape[1]
    for part, own, here in ((slice(0, a), seen, there[:, 0]), (slice(a, None), heard, there[:, 1])):
        rows = own[here].numpy()
        found[here, part] = torch.from_numpy((rows - rows.mean(0)) / (rows.std(0, ddof=1) + 1e-6))
    return found
"""
    ),
)
ANSWERS.wrong(
    "mean of chances",
    answer(
        (
            "(trust * seen.log_softmax(dim=1) + (1 - trust) * heard.log_softmax(dim=1)).softmax(dim=1)",
            "trust * seen.softmax(dim=1) + (1 - trust) * heard.softmax(dim=1)",
        )
    ),
    "averages chances",
    slip="chances were averaged",
)
ANSWERS.wrong(
    "trust in the voice",
    answer(("trust * seen.log_softmax(dim=1) + (1 - trust)", "(1 - trust) * seen.log_softmax(dim=1) + trust")),
    "trusts the voice instead",
    slip="here it is the voice's",
)
ANSWERS.wrong(
    "both alike",
    answer(("trust * seen.log_softmax(dim=1) + (1 - trust) *", "0.5 * seen.log_softmax(dim=1) + 0.5 *")),
    "does not look at trust",
    slip="`trust` is not used",
)
ANSWERS.wrong(
    "no sum of 1",
    answer((").softmax(dim=1)\n", ").exp()\n")),
    "returns what does not add up to 1",
    slip="the chances do not add up to 1",
)
ANSWERS.wrong(
    "a product",
    answer(("trust * seen.log_softmax(dim=1) + (1 - trust) *", "seen.log_softmax(dim=1) +")),
    "multiplies the chances",
    slip="added and not weighted",
)
ANSWERS.wrong(
    "logarithms",
    answer((").softmax(dim=1)\n", ").log_softmax(dim=1)\n")),
    "returns logarithms",
    slip="those are logarithms",
)
ANSWERS.wrong(
    "over the rows",
    answer(("dim=1)).softmax(dim=1)", "dim=1)).softmax(dim=0)"), ("log_softmax(dim=1)", "log_softmax(dim=0)")),
    "runs softmax over the rows",
    slip="softmax ran over the rows",
)
ANSWERS.wrong(
    "over missing rows",
    answer(("own = features[here]", "own = features")),
    "takes means over missing rows too",
    slip="rows in which the sense is missing too",
)
ANSWERS.wrong(
    "zeros first",
    answer(
        ("        own = features[here]\n", "        features = features * here[:, None]\n        own = features\n"),
        (" * here[:, None])\n", ")\n"),
    ),
    "sets missing rows to 0 before the mean",
    slip="missing rows were set to 0 before",
)
ANSWERS.wrong(
    "all kept",
    answer((" * here[:, None])\n", ")\n")),
    "keeps the features of a missing sense",
    slip="a sense that is missing is 0",
)
ANSWERS.wrong(
    "not scaled",
    answer(("(features - own.mean(dim=0)) / (own.std(dim=0) + 1e-6)", "features")),
    "leaves the features as they are",
    slip="drowns the other",
)
ANSWERS.wrong(
    "divided by n",
    answer(("own.std(dim=0)", "own.std(dim=0, correction=0)")),
    "divides the variance by n",
    slip="the variance was divided by n",
)
ANSWERS.wrong(
    "voice first",
    answer(("torch.cat(parts, dim=1)", "torch.cat(parts[::-1], dim=1)")),
    "puts the voice first",
    slip="the voice's features stand first",
)
ANSWERS.wrong(
    "overflowing",
    answer(
        (
            "    return (trust * seen.log_softmax(dim=1) + (1 - trust) * heard.log_softmax(dim=1)).softmax(dim=1)",
            "    mean = seen.exp() ** trust * heard.exp() ** (1 - trust)\n"
            "    return mean / mean.sum(dim=1, keepdim=True)",
        )
    ),
    "overflows where logits are large",
    visible_passes=True,
    slip="",
)
