# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `bind`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("bind")

BIND = """
def specific_force(path, rate):
    return (path[2:] - 2 * path[1:-1] + path[:-2]) * rate**2 - np.array([0.0, 9.81])


def bound_loss(seen, others, there, scales):
    total = 0.0
    for other, here, scale in zip(others, there.T, scales):
        scores = scale.exp() * F.normalize(seen[here], dim=1) @ F.normalize(other[here], dim=1).T
        own = torch.arange(len(scores))
        total = total + (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
    return total
"""
FORCE = "(path[2:] - 2 * path[1:-1] + path[:-2]) * rate**2 - np.array([0.0, 9.81])"
BOTH = "(F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2"


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(BIND, *pairs))


ANSWERS.right(
    "by differences and logarithms",
    cell(
        """
def specific_force(path, rate):
    force = np.diff(path, n=2, axis=0) / (1 / rate) ** 2
    force[:, 1] -= 9.81
    return force


def bound_loss(seen, others, there, scales):
    parts = []
    for i in range(len(others)):
        rows = there[:, i].nonzero()[:, 0]
        q = seen[rows] / seen[rows].norm(dim=1, keepdim=True)
        k = others[i][rows] / others[i][rows].norm(dim=1, keepdim=True)
        table = torch.exp(scales[i]) * (q @ k.T)
        one = -table.log_softmax(dim=1).diagonal().mean()
        two = -table.log_softmax(dim=0).diagonal().mean()
        parts.append(0.5 * (one + two))
    return torch.stack(parts).sum()
"""
    ),
)
ANSWERS.right(
    "masked",
    answer(
        (
            "        scores = scale.exp() * F.normalize(seen[here], dim=1) @ F.normalize(other[here], dim=1).T\n"
            "        own = torch.arange(len(scores))\n",
            "        scores = scale.exp() * F.normalize(seen, dim=1) @ F.normalize(other, dim=1).T\n"
            "        scores = scores[here][:, here]\n"
            "        own = torch.arange(int(here.sum()))\n",
        )
    ),
)
for name, pair, words, slip in (
    ("acceleration", (FORCE, FORCE.partition(" - np.array")[0]), "leaves gravity out", "that is the acceleration"),
    ("upside down", ("- np.array([0.0, 9.81])", "+ np.array([0.0, 9.81])"), "adds gravity", "gravity was added"),
    ("rate once", ("rate**2", "rate"), "multiplies by the rate once", "the time between places squared"),
    ("no rate", (" * rate**2", ""), "does not look at the rate", "per place, not per second"),
    ("sideways", ("[0.0, 9.81]", "[9.81, 0.0]"), "takes gravity off x", "gravity was taken off x"),
    ("both axes", ("np.array([0.0, 9.81])", "9.81"), "takes gravity off both axes", "off both axes"),
    ("all films", ("seen[here], dim=1) @ F.normalize(other[here]", "seen, dim=1) @ F.normalize(other"),
     "counts films that lack the sense", "films without a sense were counted"),
    ("any length", ("F.normalize(seen[here], dim=1) @ F.normalize(other[here], dim=1).T", "seen[here] @ other[here].T"),
     "leaves vectors as long as they are", "not brought to length 1"),
    ("no exponent", ("scale.exp()", "scale"), "takes the scale for its exponential", "scales are logarithms"),
    ("divided", ("scale.exp() *", "(-scale).exp() *"), "divides by the scale", "scores were divided"),
    ("one way", (BOTH, "F.cross_entropy(scores, own)"), "looks one way only", "only pictures look for"),
    ("other way", (BOTH, "F.cross_entropy(scores.T, own)"), "looks the other way only", "only the other sense looks"),
    ("added", (BOTH, BOTH[1:-5]), "adds the two directions", "the two directions were added"),
    ("summed", (BOTH, BOTH.replace("own)", "own, reduction='sum')")), "sums over films", "losses were summed"),
    ("mean", ("return total\n", "return total / len(others)\n"), "averages over senses", "losses were averaged"),
    ("a scale for all", ("scale.exp()", "scales[0].exp()"), "has one scale", "a scale of its own"),
):  # fmt: skip
    ANSWERS.wrong(name, answer(pair), words, slip=slip)
ANSWERS.wrong(
    "a velocity",
    answer((FORCE, "np.diff(path, axis=0)[1:] * rate - np.array([0.0, 9.81])")),
    "takes one difference",
    slip="that is a velocity",
)
ANSWERS.wrong(
    "among all",
    answer(
        ("seen[here], dim=1) @ F.normalize(other[here]", "seen, dim=1) @ F.normalize(other"),
        (BOTH, "(F.cross_entropy(scores[here], own[here]) + F.cross_entropy(scores.T[here], own[here])) / 2"),
    ),
    "lets films that lack the sense be chosen",
    slip="stand among those to choose from",
)
ANSWERS.wrong(
    "in turn",
    answer(("return total\n", "both = there[:, 0] & there[:, 1]\n"
            "    one, two = (F.normalize(other[both], dim=1) for other in others)\n"
            "    scores = scales.mean().exp() * one @ two.T\n"
            "    own = torch.arange(len(scores))\n"
            f"    return total + {BOTH}\n")),
    "pairs the other senses with each other",
    slip="paired with each other too",
)  # fmt: skip
ANSWERS.wrong(
    "two senses",
    answer(("in zip(others, there.T, scales)", "in list(zip(others, there.T, scales))[:2]")),
    "looks at two senses only",
    visible_passes=True,
    slip="",
)
