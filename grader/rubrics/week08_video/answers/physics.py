# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `physics`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("physics")

PHYSICS = """
from scipy.optimize import linear_sum_assignment


def follow(seen, far):
    tracks, last = [], np.zeros((0, 2))
    for i, places in enumerate(seen):
        places = np.asarray(places, dtype=float).reshape(-1, 2)
        distances = np.linalg.norm(last[:, None] - places[None], axis=2)
        pairs = {b: a for a, b in zip(*linear_sum_assignment(distances), strict=True) if distances[a, b] <= far}
        for b, place in enumerate(places):
            if b not in pairs:
                pairs[b] = len(tracks)
                tracks.append(np.full((len(seen), 2), np.nan))
                last = np.vstack([last, place])
            tracks[pairs[b]][i] = last[pairs[b]] = place
    return np.stack(tracks, axis=1) if tracks else np.zeros((len(seen), 0, 2))


def residual_acceleration(path, law):
    left = path[2:] - 2 * path[1:-1] + path[:-2] - np.asarray(law)
    left = left[np.isfinite(left).all(axis=1)]
    return float(np.sqrt((left**2).sum(axis=1).mean())) if len(left) else float("inf")
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(PHYSICS, *pairs))


ANSWERS.right(
    "in loops",
    cell(
        """
import scipy.optimize

def follow(seen, far):
    frames, tracks, last = len(seen), [], []
    for i in range(frames):
        now = [np.array(p, dtype=float) for p in seen[i]]
        owner = [None] * len(now)
        if last and now:
            costs = [[float(np.hypot(*(a - b))) for b in now] for a in last]
            rows, columns = scipy.optimize.linear_sum_assignment(np.array(costs))
            for a, b in zip(rows, columns):
                if costs[a][b] <= far:
                    owner[b] = a
        for b, place in enumerate(now):
            if owner[b] is None:
                tracks.append({})
                last.append(place)
                owner[b] = len(tracks) - 1
            tracks[owner[b]][i] = place
            last[owner[b]] = place
    found = np.full((frames, len(tracks), 2), np.nan)
    for j, track in enumerate(tracks):
        for i, place in track.items():
            found[i, j] = place
    return found


def residual_acceleration(path, law):
    total = count = 0
    for i in range(1, len(path) - 1):
        step = (path[i + 1] - path[i]) - (path[i] - path[i - 1]) - np.array(law)
        if not np.isnan(step).any():
            total, count = total + step @ step, count + 1
    return np.sqrt(total / count) if count else np.inf
"""
    ),
)
ANSWERS.right(
    "in torch",
    answer(
        (
            "left = path[2:] - 2 * path[1:-1] + path[:-2] - np.asarray(law)",
            "left = np.diff(path, n=2, axis=0) - np.asarray(law)",
        ),
        (
            'return float(np.sqrt((left**2).sum(axis=1).mean())) if len(left) else float("inf")',
            "return float(torch.from_numpy(left).norm(dim=1).square().mean().sqrt()) if len(left) else torch.inf",
        ),
    ),
)
ANSWERS.wrong(
    "in the order of naming",
    answer(
        (
            "pairs = {b: a for a, b in zip(*linear_sum_assignment(distances), strict=True) if distances[a, b] <= far}",
            "pairs = {b: b for b in range(min(len(places), len(last)))}",
        )
    ),
    "matches nothing",
    slip="nothing was matched",
)
ANSWERS.wrong(
    "nearest in turn",
    answer(
        (
            "        pairs = {b: a for a, b in zip(*linear_sum_assignment(distances), strict=True) "
            "if distances[a, b] <= far}\n",
            """        pairs = {}
        for a in range(len(last)):
            free = [b for b in range(len(places)) if b not in pairs]
            if free:
                b = min(free, key=lambda b: distances[a, b])
                if distances[a, b] <= far:
                    pairs[b] = a
""",
        )
    ),
    "lets each thing take the nearest place in turn",
    slip="each thing took what was nearest",
)
ANSWERS.wrong(
    "never too far",
    answer((" if distances[a, b] <= far}", "}")),
    "does not look at `far`",
    slip="farther than `far` were matched",
)
ANSWERS.wrong(
    "lost for ever",
    answer(
        (
            "        for b, place in enumerate(places):\n",
            "        last = last.copy()\n"
            "        last[[a for a in range(len(last)) if a not in pairs.values()]] = 1e6\n"
            "        for b, place in enumerate(places):\n",
        )
    ),
    "forgets what is not seen in a frame",
    slip="lost for ever",
)
ANSWERS.wrong(
    "tracks first",
    answer(("np.stack(tracks, axis=1)", "np.stack(tracks, axis=0)")),
    "exchanges frames and tracks",
    slip="axes are exchanged",
)
ANSWERS.wrong(
    "zeros",
    answer(("np.full((len(seen), 2), np.nan)", "np.zeros((len(seen), 2))")),
    "says 0 where nothing is seen",
    slip="NaN was asked for",
)
ANSWERS.wrong(
    "no law",
    answer((" - np.asarray(law)\n", "\n")),
    "does not take the law off",
    slip="the law was not taken off",
)
ANSWERS.wrong(
    "law added",
    answer((" - np.asarray(law)\n", " + np.asarray(law)\n")),
    "adds the law",
    slip="the law was added",
)
ANSWERS.wrong(
    "mean of sizes",
    answer(("np.sqrt((left**2).sum(axis=1).mean())", "np.sqrt((left**2).sum(axis=1)).mean()")),
    "takes the mean of the sizes",
    slip="that is the mean of the sizes",
)
ANSWERS.wrong(
    "no root",
    answer(("np.sqrt((left**2).sum(axis=1).mean())", "(left**2).sum(axis=1).mean()")),
    "forgets the root",
    slip="that is a mean square",
)
ANSWERS.wrong(
    "over x and y",
    answer(("(left**2).sum(axis=1).mean()", "(left**2).mean()")),
    "averages x and y",
    slip="x and y were averaged",
)
ANSWERS.wrong(
    "gaps closed",
    answer(("    left = path[2:]", "    path = path[np.isfinite(path[:, 0])]\n    left = path[2:]")),
    "takes frames that lie apart for neighbours",
    slip="frames that lie apart",
)
ANSWERS.wrong(
    "nothing is 0",
    answer(('float("inf")', "0.0")),
    "says 0 where nothing can be said",
    visible_passes=True,
    slip="",
)
