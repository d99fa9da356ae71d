# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `presence`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("presence")

PRESENCE = """
def presence_scores(said, wanted):
    yes = [text.strip().lower().startswith("yes") for text in said]
    true = [word == "yes" for word in wanted]
    hits = sum(a and b for a, b in zip(yes, true))
    right = sum(a == b for a, b in zip(yes, true))
    precision, recall = hits / max(sum(yes), 1), hits / max(sum(true), 1)
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    shares = {"accuracy": right / len(yes), "precision": precision, "recall": recall, "f1": f1}
    return shares | {"yes": sum(yes) / len(yes)}
"""
ANSWERS.right(
    "counts",
    cell(
        """
def presence_scores(said, wanted):
    tp = fp = fn = tn = 0
    for text, word in zip(said, wanted):
        is_yes = text.lower().strip()[:3] == "yes"
        if is_yes:
            tp, fp = tp + (word == "yes"), fp + (word != "yes")
        else:
            fn, tn = fn + (word == "yes"), tn + (word != "yes")
    div = lambda a, b: a / b if b else 0.0
    n = tp + fp + fn + tn
    return {"accuracy": div(tp + tn, n), "precision": div(tp, tp + fp), "recall": div(tp, tp + fn),
            "f1": div(2 * tp, 2 * tp + fp + fn), "yes": div(tp + fp, n)}
"""
    ),
)
ANSWERS.right(
    "tensors",
    cell(
        """
def presence_scores(said, wanted):
    yes = torch.tensor([t.strip().casefold().startswith("yes") for t in said]).float()
    true = torch.tensor([w == "yes" for w in wanted]).float()
    hits = (yes * true).sum()
    p, r = hits / yes.sum().clamp(min=1), hits / true.sum().clamp(min=1)
    f = 2 * p * r / (p + r).clamp(min=1e-9)
    found = {"accuracy": (yes == true).float().mean(), "precision": p, "recall": r, "f1": f, "yes": yes.mean()}
    return {k: v.item() for k, v in found.items()}
"""
    ),
)
ANSWERS.wrong(
    "exchanged",
    cell(
        swap(
            PRESENCE,
            (
                "precision, recall = hits / max(sum(yes), 1), hits / max(sum(true), 1)",
                "recall, precision = hits / max(sum(yes), 1), hits / max(sum(true), 1)",
            ),
        )
    ),
    "exchanges precision and recall",
    slip="precision and recall are exchanged",
)
ANSWERS.wrong(
    "mean for F1",
    cell(
        swap(PRESENCE, ("2 * precision * recall / (precision + recall) if hits else 0.0", "(precision + recall) / 2"))
    ),
    "takes the arithmetic mean for F1",
    slip="the arithmetic mean",
)
ANSWERS.wrong(
    "no counts as yes",
    cell(swap(PRESENCE, ('.startswith("yes")', '.startswith("no")'))),
    "counts the noes",
    slip="a no was taken for a yes",
)
ANSWERS.wrong(
    "share of true yes",
    cell(swap(PRESENCE, ('{"yes": sum(yes) / len(yes)}', '{"yes": sum(true) / len(true)}'))),
    "reports how often yes is right",
    slip="among what is right",
)
ANSWERS.wrong(
    "exact words",
    cell(swap(PRESENCE, ('text.strip().lower().startswith("yes")', 'text == "yes"'))),
    "takes only the bare word for a yes",
    slip="begins with",
)
ANSWERS.wrong(
    "anywhere",
    cell(swap(PRESENCE, ('.startswith("yes")', '.count("yes") > 0'))),
    "takes a yes anywhere in the answer",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "zero",
    cell(swap(PRESENCE, ("hits / max(sum(yes), 1)", "hits / sum(yes)"))),
    "divides by zero where nothing is yes",
    slip="ZeroDivisionError",
)
