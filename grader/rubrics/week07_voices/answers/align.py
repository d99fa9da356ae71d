# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `align`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("align")

ALIGN = """
def align(scores, tokens, frames):
    durations = torch.zeros(scores.shape[:2], dtype=torch.long)
    for i, (t, f) in enumerate(zip(tokens.tolist(), frames.tolist())):
        part = scores[i, :t, :f]
        best = torch.full((t, f), -torch.inf, dtype=scores.dtype)
        best[0] = part[0].cumsum(dim=0)
        for k in range(1, f):
            best[1:, k] = part[1:, k] + torch.maximum(best[1:, k - 1], best[:-1, k - 1])
        j = t - 1
        for k in range(f - 1, -1, -1):
            durations[i, j] += 1
            if k and j and (best[j - 1, k - 1] > best[j, k - 1]):
                j -= 1
    return durations
"""


def answer(*pairs: tuple[str, str]) -> str:
    return cell(swap(ALIGN, *pairs))


ANSWERS.right(
    "from behind",
    cell(
        """
def align(scores, tokens, frames):
    out = []
    for row, t, f in zip(scores.numpy(), tokens, frames):
        t, f = int(t), int(f)
        value = {(t - 1, f - 1): float(row[t - 1, f - 1])}
        for k in range(f - 2, -1, -1):
            for j in range(t):
                nexts = [value[n] for n in ((j, k + 1), (j + 1, k + 1)) if n in value]
                if nexts:
                    value[j, k] = float(row[j, k]) + max(nexts)
        counts, j = [0] * scores.shape[1], 0
        for k in range(f):
            counts[j] += 1
            if k + 1 < f and value.get((j + 1, k + 1), -math.inf) > value.get((j, k + 1), -math.inf):
                j += 1
        out.append(counts)
    return torch.tensor(out)
"""
    ),
)
ANSWERS.right(
    "with choices kept",
    cell(
        """
def align(scores, tokens, frames):
    n, most, longest = scores.shape
    best = torch.full((n, most + 1), -torch.inf)
    best[:, 1] = scores[:, 0, 0]
    went = []
    for k in range(1, longest):
        came = torch.stack([best[:, 1:], best[:, :-1]])
        went.append(came.argmax(dim=0))
        best = torch.cat([torch.full((n, 1), -torch.inf), came.amax(dim=0) + scores[:, :, k]], dim=1)
    durations = torch.zeros(n, most, dtype=torch.long)
    for i in range(n):
        j = int(tokens[i]) - 1
        for k in range(int(frames[i]) - 1, -1, -1):
            durations[i, j] += 1
            if k:
                j -= int(went[k - 1][i, j])
    return durations
"""
    ),
)
ANSWERS.wrong(
    "free",
    cell(
        """
def align(scores, tokens, frames):
    rows = [s[:t, :f].argmax(dim=0) for s, t, f in zip(scores, tokens, frames)]
    return torch.stack([torch.bincount(row, minlength=scores.shape[1]) for row in rows])
"""
    ),
    "gives each frame to its likeliest token",
    slip="each frame went to its likeliest token",
)
ANSWERS.wrong(
    "into the padding",
    answer(("part = scores[i, :t, :f]", "t, f = scores.shape[1:]\n        part = scores[i]")),
    "aligns the padding too",
    slip="the path goes on into the padding",
)
ANSWERS.wrong(
    "evenly",
    cell(
        """
def align(scores, tokens, frames):
    out = torch.zeros(scores.shape[:2], dtype=torch.long)
    for i, (t, f) in enumerate(zip(tokens.tolist(), frames.tolist())):
        out[i, :t] = f // t
        out[i, : f % t] += 1
    return out
"""
    ),
    "shares the frames out evenly",
    slip="each token got as many frames",
)
ANSWERS.wrong(
    "worst",
    answer(("part = scores[i, :t, :f]", "part = -scores[i, :t, :f]")),
    "takes the smallest sum",
    slip="that is the worst path",
)
ANSWERS.wrong(
    "greedy",
    cell(
        """
def align(scores, tokens, frames):
    out = torch.zeros(scores.shape[:2], dtype=torch.long)
    for i, (t, f) in enumerate(zip(tokens.tolist(), frames.tolist())):
        j = 0
        for k in range(f):
            must = f - k <= t - 1 - j
            if k and j + 1 < t and (must or scores[i, j + 1, k] > scores[i, j, k]):
                j += 1
            out[i, j] += 1
    return out
"""
    ),
    "decides frame by frame",
    slip="frame by frame the better of two",
)
ANSWERS.wrong(
    "one frame lost",
    answer(("range(f - 1, -1, -1)", "range(f - 1, 0, -1)")),
    "stops one frame early on the way back",
    slip="a frame was lost on the way back",
)
ANSWERS.wrong(
    "one frame twice",
    answer(("        j = t - 1\n", "        j = t - 1\n        durations[i, j] += 1\n")),
    "counts the last frame twice",
    slip="a frame was counted twice",
)
ANSWERS.wrong(
    "compared in the wrong column",
    answer(("best[j - 1, k - 1] > best[j, k - 1]", "best[j - 1, k] > best[j, k]")),
    "looks at the sums of this frame on the way back",
    slip="",
)
ANSWERS.wrong(
    "tried one by one",
    cell(
        """
import itertools

def align(scores, tokens, frames):
    out = torch.zeros(scores.shape[:2], dtype=torch.long)
    for i, (t, f) in enumerate(zip(tokens.tolist(), frames.tolist())):
        if t > 8:
            raise MemoryError("too many ways")
        best = -math.inf
        for cut in itertools.combinations(range(1, f), t - 1):
            ends = [0, *cut, f]
            total = sum(float(scores[i, j, a:b].sum()) for j, (a, b) in enumerate(zip(ends, ends[1:])))
            if total > best:
                best, out[i, :t] = total, torch.tensor(ends).diff()
    return out
"""
    ),
    "tries every way, which takes for ever with long sentences",
    visible_passes=True,
    slip="",
)
