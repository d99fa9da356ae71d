# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `key_frames`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("key_frames")

KEY_FRAMES = """
def key_frames(features, k):
    unit = F.normalize(features, dim=1)
    far = 1 - unit @ unit.T
    chosen = [int(far.amax(dim=1).argmin())]
    while len(chosen) < k:
        near = far[:, chosen].amin(dim=1)
        near[chosen] = -1
        chosen.append(int(near.argmax()))
    return sorted(chosen)
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(KEY_FRAMES, *pairs))


ANSWERS.right(
    "with running distances",
    cell(
        """
def key_frames(features, k):
    x = features.double().numpy()
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    first = int(np.argmin((1 - x @ x.T).max(axis=1)))
    chosen, near = [first], 1 - x @ x[first]
    for _ in range(k - 1):
        near[chosen[-1]] = -1
        chosen.append(int(near.argmax()))
        near = np.minimum(near, 1 - x @ x[chosen[-1]])
        near[chosen] = -1
    return sorted(chosen)
"""
    ),
)
ANSWERS.right(
    "in loops",
    cell(
        """
def key_frames(features, k):
    n = len(features)
    far = [[1 - float(F.cosine_similarity(a, b, dim=0)) for b in features] for a in features]
    chosen = [min(range(n), key=lambda i: max(far[i]))]
    while len(chosen) < k:
        rest = [i for i in range(n) if i not in chosen]
        chosen.append(max(rest, key=lambda i: min(far[i][c] for c in chosen)))
    return sorted(chosen)
"""
    ),
)
ANSWERS.wrong(
    "from frame 0",
    answer(("[int(far.amax(dim=1).argmin())]", "[0]")),
    "begins with frame 0",
    slip="it begins with frame 0",
)
ANSWERS.wrong(
    "not normalised",
    answer(("F.normalize(features, dim=1)", "features"), ("= -1\n", "= -float('inf')\n")),
    "takes dot products",
    slip="features were not brought to length 1",
)
ANSWERS.wrong(
    "Euclidean",
    answer(("1 - unit @ unit.T", "torch.cdist(features, features)")),
    "takes Euclidean distances",
    slip="distances are Euclidean",
)
ANSWERS.wrong(
    "mean distance",
    answer(("far[:, chosen].amin(dim=1)", "far[:, chosen].mean(dim=1)")),
    "takes the mean distance from the chosen ones",
    slip="on average",
)
ANSWERS.wrong(
    "not in order",
    answer(("return sorted(chosen)", "return chosen")),
    "returns them as they were chosen",
    slip="in the order of time was asked for",
)
ANSWERS.wrong(
    "even steps",
    cell(
        """
def key_frames(features, k):
    return sorted({round(i * (len(features) - 1) / max(1, k - 1)) for i in range(k)})
"""
    ),
    "takes frames at even steps",
    slip="even steps",
)
ANSWERS.wrong(
    "nearest to the mean",
    answer(("[int(far.amax(dim=1).argmin())]", "[int((unit @ unit.mean(dim=0)).argmax())]")),
    "begins with the frame nearest to the mean",
    slip="nearest to the mean",
)
ANSWERS.wrong(
    "the farthest first",
    answer(("far.amax(dim=1).argmin()", "far.amax(dim=1).argmax()")),
    "begins with the frame that is farthest away",
    slip="whose farthest frame is farthest",
)
ANSWERS.wrong(
    "twice where all are alike",
    answer(("        near[chosen] = -1\n", "")),
    "chooses a frame twice where all are alike",
    visible_passes=True,
    slip="",
)
