# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `speaker`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("speaker")

SPEAKER = """
def pool(states, lengths):
    rows = [row[:n] for row, n in zip(states, lengths.tolist())]
    return torch.stack([torch.cat([row.mean(dim=0), row.std(dim=0)]) for row in rows])


def margin_loss(embeddings, weights, labels, scale=30.0, margin=0.4):
    cosines = F.normalize(embeddings, dim=1) @ F.normalize(weights, dim=0)
    own = F.one_hot(labels, weights.shape[1])
    return F.cross_entropy(scale * (cosines - margin * own), labels)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(SPEAKER, *pairs))


ANSWERS.right(
    "with a mask",
    cell(
        """
def pool(states, lengths):
    mask = (torch.arange(states.shape[1]) < lengths[:, None])[..., None]
    n = lengths[:, None]
    inside = torch.where(mask, states, torch.zeros(()))
    mean = inside.sum(dim=1) / n
    off = torch.where(mask, states - mean[:, None], torch.zeros(()))
    return torch.cat([mean, (off.square().sum(dim=1) / (n - 1)).sqrt()], dim=1)


def margin_loss(embeddings, weights, labels, scale=30.0, margin=0.4):
    e = embeddings / embeddings.norm(dim=1, keepdim=True)
    w = weights / weights.norm(dim=0)
    logits = scale * (e @ w)
    rows = torch.arange(len(labels))
    right = logits[rows, labels] - scale * margin
    logits = logits.clone()
    logits[rows, labels] = right
    return (torch.logsumexp(logits, dim=1) - right).mean()
"""
    ),
)
ANSWERS.right(
    "row after row",
    cell(
        """
def pool(states, lengths):
    found = torch.zeros(len(states), 2 * states.shape[2])
    for i, n in enumerate(lengths):
        part = states[i, : int(n)]
        middle = part.sum(dim=0) / n
        found[i] = torch.cat([middle, ((part - middle) ** 2).sum(dim=0).div(n - 1).sqrt()])
    return found


def margin_loss(embeddings, weights, labels, scale=30.0, margin=0.4):
    cosines = F.cosine_similarity(embeddings[:, :, None], weights[None], dim=1)
    lowered = cosines.scatter_add(1, labels[:, None], torch.full((len(labels), 1), -margin))
    return F.nll_loss(F.log_softmax(scale * lowered, dim=1), labels)
"""
    ),
)
ANSWERS.wrong(
    "padding in both",
    answer(("row[:n] for", "row for")),
    "pools over the padding",
    slip="mean and deviation are over the padding",
)
ANSWERS.wrong(
    "padding in the deviation",
    answer(
        (
            "torch.cat([row.mean(dim=0), row.std(dim=0)]) for row in rows",
            "torch.cat([row.mean(dim=0), whole.std(dim=0)]) for row, whole in zip(rows, states)",
        )
    ),
    "spreads over the padding",
    slip="the deviation is over the padding",
)
ANSWERS.wrong(
    "divides by m",
    answer(("row.std(dim=0)", "row.std(dim=0, correction=0)")),
    "divides by m",
    slip="divided by m; torch",
)
ANSWERS.wrong(
    "variance",
    answer(("row.std(dim=0)", "row.var(dim=0)")),
    "gives variances",
    slip="those are variances",
)
ANSWERS.wrong(
    "no deviation",
    answer(("torch.cat([row.mean(dim=0), row.std(dim=0)])", "row.mean(dim=0)")),
    "leaves the deviation out",
    slip="the deviation is missing",
)
ANSWERS.wrong(
    "turned round",
    answer(("row.mean(dim=0), row.std(dim=0)", "row.std(dim=0), row.mean(dim=0)")),
    "puts the deviation first",
    slip="the deviation stands before the mean",
)
ANSWERS.wrong(
    "from all",
    answer(("cosines - margin * own", "cosines - margin")),
    "takes the margin from all voices",
    slip="the margin was taken from all voices",
)
ANSWERS.wrong(
    "added",
    answer(("cosines - margin * own", "cosines + margin * own")),
    "adds the margin",
    slip="the margin was added",
)
ANSWERS.wrong(
    "after the scale",
    answer(("scale * (cosines - margin * own)", "scale * cosines - margin * own")),
    "takes the margin off after the scale",
    slip="the margin came after the scale",
)
ANSWERS.wrong(
    "no scale",
    answer(("scale * (cosines", "(cosines")),
    "leaves the scale out",
    slip="the scale is missing",
)
ANSWERS.wrong(
    "plain weights",
    answer(("F.normalize(weights, dim=0)", "weights")),
    "does not normalise the weights",
    slip="the weights were not brought to length 1",
)
ANSWERS.wrong(
    "plain embeddings",
    answer(("F.normalize(embeddings, dim=1)", "embeddings")),
    "does not normalise the embeddings",
    slip="the embeddings were not brought to length 1",
)
ANSWERS.wrong(
    "another axis",
    answer(("F.normalize(weights, dim=0)", "F.normalize(weights, dim=1)")),
    "normalises the rows of the weights",
    slip="the rows of `weights`",
)
ANSWERS.wrong(
    "the sum",
    answer(("own), labels)", 'own), labels, reduction="sum")')),
    "adds up the batch",
    slip="it is the sum over the batch",
)
ANSWERS.wrong(
    "other defaults",
    answer(("margin=0.4", "margin=0.3")),
    "has another margin where none is given",
    visible_passes=True,
    slip="",
)
