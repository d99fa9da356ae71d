# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `eer`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("eer")

EER = """
def trials(embeddings, voices):
    unit = F.normalize(embeddings, dim=1)
    first, second = torch.triu_indices(len(voices), len(voices), offset=1)
    same = torch.tensor([voices[i] == voices[j] for i, j in zip(first.tolist(), second.tolist())])
    return (unit[first] * unit[second]).sum(dim=1), same


def false_rates(scores, same, threshold):
    accepted = scores >= threshold
    return float(accepted[~same].float().mean()), float((~accepted)[same].float().mean())


def equal_error(scores, same):
    candidates = scores.sort(descending=True).values
    rates = [false_rates(scores, same, c) for c in candidates]
    at = min(range(len(rates)), key=lambda i: round(abs(rates[i][0] - rates[i][1]), 6))
    return sum(rates[at]) / 2, float(candidates[at])
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(EER, *pairs))


ANSWERS.right(
    "by roc_curve",
    cell(
        """
from sklearn.metrics import roc_curve

def trials(embeddings, voices):
    pairs = [(i, j) for i in range(len(voices)) for j in range(i + 1, len(voices))]
    scores = [float(F.cosine_similarity(embeddings[i], embeddings[j], dim=0)) for i, j in pairs]
    return torch.tensor(scores), torch.tensor([voices[i] == voices[j] for i, j in pairs])


def false_rates(scores, same, threshold):
    accepted = scores >= threshold
    others, own = (~same).sum(), same.sum()
    return float((accepted & ~same).sum() / others), float((~accepted & same).sum() / own)


def equal_error(scores, same):
    far, hit, at = roc_curve(same.numpy(), scores.numpy(), drop_intermediate=False)
    far, frr, at = far[1:], 1 - hit[1:], at[1:]
    i = np.abs(far - frr).round(9).argmin()
    return float(far[i] + frr[i]) / 2, float(at[i])
"""
    ),
)
ANSWERS.right(
    "with tables",
    cell(
        """
def trials(embeddings, voices):
    cosines = F.cosine_similarity(embeddings[:, None], embeddings[None], dim=2)
    upper = torch.ones(len(voices), len(voices)).triu(diagonal=1).bool()
    ids = torch.tensor([sorted(set(voices)).index(voice) for voice in voices])
    return cosines[upper], (ids[:, None] == ids[None])[upper]


def false_rates(scores, same, threshold):
    own, others = scores[same], scores[~same]
    return (others >= threshold).float().mean().item(), (own < threshold).float().mean().item()


def equal_error(scores, same):
    best = None
    for threshold in sorted(scores.tolist(), reverse=True):
        accepted, missed = false_rates(scores.double(), same, threshold)
        if best is None or abs(accepted - missed) < best[0] - 1e-6:
            best = abs(accepted - missed), (accepted + missed) / 2, threshold
    return best[1], best[2]
"""
    ),
)
ANSWERS.wrong(
    "dot products",
    answer(("F.normalize(embeddings, dim=1)", "embeddings")),
    "compares lengths too",
    slip="those are dot products",
)
ANSWERS.wrong(
    "with itself",
    answer(("offset=1", "offset=0")),
    "pairs each recording with itself",
    slip="paired with itself",
)
ANSWERS.wrong(
    "each twice",
    answer(
        (
            "first, second = torch.triu_indices(len(voices), len(voices), offset=1)",
            "first, second = (~torch.eye(len(voices), dtype=torch.bool)).nonzero().T",
        )
    ),
    "has each pair twice",
    slip="each pair is there twice",
)
ANSWERS.wrong(
    "two voices",
    answer(("voices[i] == voices[j]", "voices[i] != voices[j]")),
    "marks the pairs of two voices",
    slip="those are the pairs of *two* voices",
)
ANSWERS.wrong(
    "rates exchanged",
    answer(
        (
            "return float(accepted[~same].float().mean()), float((~accepted)[same].float().mean())",
            "return float((~accepted)[same].float().mean()), float(accepted[~same].float().mean())",
        )
    ),
    "exchanges the two rates",
    slip="the two are exchanged",
)
ANSWERS.wrong(
    "of all pairs",
    answer(
        (
            "float(accepted[~same].float().mean()), float((~accepted)[same].float().mean())",
            "float((accepted & ~same).float().mean()), float((~accepted & same).float().mean())",
        )
    ),
    "divides by all pairs",
    slip="divided by the number of all pairs",
)
ANSWERS.wrong(
    "of the accepted",
    answer(
        (
            "float(accepted[~same].float().mean()), float((~accepted)[same].float().mean())",
            "float((~same)[accepted].float().mean()), float(same[~accepted].float().mean())",
        )
    ),
    "divides by what was accepted",
    slip="divided by what was accepted",
)
ANSWERS.wrong(
    "low scores accepted",
    answer(("scores >= threshold", "scores < threshold")),
    "accepts low scores",
    slip="those are the rates of what is right",
)
ANSWERS.wrong(
    "least sum",
    answer(("abs(rates[i][0] - rates[i][1])", "rates[i][0] + rates[i][1]")),
    "takes the least sum",
    slip="where the sum of both rates is least",
)
ANSWERS.wrong(
    "fewest errors",
    answer(
        (
            "at = min(range(len(rates)), key=lambda i: round(abs(rates[i][0] - rates[i][1]), 6))\n"
            "    return sum(rates[at]) / 2,",
            "wrong = [float(((scores >= c) != same).float().mean()) for c in candidates]\n"
            "    at = wrong.index(min(wrong))\n"
            "    return wrong[at],",
        )
    ),
    "takes the fewest errors",
    slip="where the fewest pairs are wrong",
)
ANSWERS.wrong(
    "both added",
    answer(("sum(rates[at]) / 2", "sum(rates[at])")),
    "adds the two",
    slip="the sum of the two rates",
)
ANSWERS.wrong(
    "acceptance alone",
    answer(("sum(rates[at]) / 2", "rates[at][0]")),
    "gives false acceptance alone",
    slip="that is the false acceptance alone",
)
ANSWERS.wrong(
    "at a half",
    answer(
        (
            "return sum(rates[at]) / 2, float(candidates[at])",
            "return float(((scores >= 0.5) != same).float().mean()), 0.5",
        )
    ),
    "puts the threshold at 0.5",
    slip="the threshold is fixed at 0.5",
)
ANSWERS.wrong(
    "above",
    answer(
        (
            "return float(accepted[~same]",
            "accepted = accepted if isinstance(threshold, torch.Tensor) else scores > threshold\n"
            "    return float(accepted[~same]",
        )
    ),
    "rejects a score that equals the threshold",
    visible_passes=True,
    slip="",
)
