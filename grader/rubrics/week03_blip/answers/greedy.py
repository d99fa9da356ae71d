# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `greedy`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("greedy")

GREEDY = "def greedy(step, n, start, end, longest, pad=0):"
GREEDY_TAIL = """
with needs("greedy"):
    step = caption_lab.stepper(captioner, opening_pictures)
    my_captions = caption_lab.texts(captioner, greedy(step, len(opening_pictures), start, end, 40, pad))
"""
GREEDY_BODY = """
ids = torch.full((n, 1), start, dtype=torch.int64)
ended = torch.zeros(n, dtype=torch.bool)
for _ in range(longest):
    best = step(ids).argmax(dim=-1).masked_fill(ended, pad)
    ids = torch.cat([ids, best[:, None]], dim=1)
    ended |= best == end
    if ended.all():
        break
return ids
"""


def _greedy(body: str = GREEDY_BODY) -> str:
    return cell(function(GREEDY, body), GREEDY_TAIL)


ANSWERS.right(
    "lists of lists",
    _greedy("""
rows, done = [[start] for _ in range(n)], [False] * n
while not all(done) and len(rows[0]) <= longest:
    for i, s in enumerate(step(torch.tensor(rows)).tolist()):
        rows[i].append(pad if done[i] else s.index(max(s)))
        done[i] = done[i] or rows[i][-1] == end
return torch.tensor(rows)
"""),
)
ANSWERS.right(
    "a table filled in",
    _greedy("""
ids = torch.full((n, longest + 1), pad)
ids[:, 0] = start
alive = torch.ones(n, dtype=torch.bool)
for t in range(1, longest + 1):
    best = step(ids[:, :t]).max(dim=1).indices
    ids[alive, t] = best[alive]
    alive = alive & (best != end)
    if not alive.any():
        return ids[:, : t + 1]
return ids
"""),
)
ANSWERS.wrong(
    "no start",
    _greedy(GREEDY_BODY.replace("return ids", "return ids[:, 1:]")),
    "drops the start token",
    slip="the start token is missing",
)
ANSWERS.wrong(
    "on after the end",
    _greedy(GREEDY_BODY.replace(".masked_fill(ended, pad)", "")),
    "goes on after the end token",
    slip="goes on after its end token",
)
ANSWERS.wrong(
    "never stops",
    _greedy(GREEDY_BODY.replace("    if ended.all():\n        break\n", "")),
    "walks on to the longest, all padding",
    slip="every caption had ended",
)
ANSWERS.wrong(
    "the first end stops all",
    _greedy(GREEDY_BODY.replace("if ended.all()", "if ended.any()")),
    "stops the batch when one caption has ended",
    slip="stopped when the first caption ended",
)
ANSWERS.wrong(
    "the end lost",
    _greedy(
        GREEDY_BODY.replace(
            "best = step(ids).argmax(dim=-1).masked_fill(ended, pad)", "best = step(ids).argmax(dim=-1)"
        )
        .replace(
            "    ids = torch.cat",
            "    ended |= best == end\n    best = best.masked_fill(ended, pad)\n    ids = torch.cat",
        )
        .replace("    ended |= best == end\n    if", "    if")
    ),
    "writes padding over the end token",
    slip="padding is written over the end token",
)
ANSWERS.wrong(
    "padding is 0",
    _greedy(GREEDY_BODY.replace("masked_fill(ended, pad)", "masked_fill(ended, 0)")),
    "ignores `pad`",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "the start may be the end",
    _greedy(GREEDY_BODY.replace("ended |= best == end", "ended = (ids == end).any(dim=1)")),
    "takes a start token for an end where both have one id",
    visible_passes=True,
    slip="",
)
