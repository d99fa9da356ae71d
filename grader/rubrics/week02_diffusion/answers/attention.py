# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `attention`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("attention")

ATTENTION = "def attention_weights(queries, keys, heads):"
ATTENTION_TAIL = """
with needs("attention"):
    watched = "a large red star left of a small blue circle on a white background"
    watched_picture, my_maps = diffusion_lab.watch(painter, watched, attention_weights, guidance=GUIDANCE, seed=SEED)
"""
SPLIT = """
q = queries.unflatten(-1, (heads, -1)).transpose(1, 2)
k = keys.unflatten(-1, (heads, -1)).transpose(1, 2)
d = q.shape[-1]
"""


def _attention(end: str, body: str = SPLIT) -> str:
    return cell(function(ATTENTION, body + end), ATTENTION_TAIL)


ANSWERS.right(
    "a loop over the heads",
    cell(
        function(
            ATTENTION,
            """
total = 0
for q, k in zip(queries.chunk(heads, dim=-1), keys.chunk(heads, dim=-1)):
    scores = torch.bmm(q, k.transpose(1, 2)) * k.shape[-1] ** -0.5
    total = total + torch.nn.functional.softmax(scores, dim=-1)
return total / heads
""",
        ),
        ATTENTION_TAIL,
    ),
)
ANSWERS.right(
    "einsum",
    cell(
        function(
            ATTENTION,
            """
n, places, width = queries.shape
q = queries.reshape(n, places, heads, width // heads)
k = keys.reshape(n, -1, heads, width // heads)
scores = torch.einsum("nphd,nthd->nhpt", q, k) / (width // heads) ** 0.5
weights = (scores - scores.amax(-1, keepdim=True)).exp()
return (weights / weights.sum(-1, keepdim=True)).mean(1)
""",
        ),
        ATTENTION_TAIL,
    ),
)
ANSWERS.wrong(
    "one head",
    _attention("return (queries @ keys.transpose(1, 2) / queries.shape[-1] ** 0.5).softmax(-1)"),
    "one softmax over all features",
    slip="one softmax over all features",
)
ANSWERS.wrong(
    "over the places",
    _attention("return (q @ k.transpose(-1, -2) / d**0.5).softmax(-2).mean(1)"),
    "the softmax runs over the places",
    slip="over the places",
)
ANSWERS.wrong(
    "no root",
    _attention("return (q @ k.transpose(-1, -2)).softmax(-1).mean(1)"),
    "the root of d is missing",
    slip="root of d is missing",
)
ANSWERS.wrong(
    "the root of all features",
    _attention("return (q @ k.transpose(-1, -2) / queries.shape[-1] ** 0.5).softmax(-1).mean(1)"),
    "d is one head's",
    slip="root of all features",
)
ANSWERS.wrong(
    "averaged too early",
    _attention("return ((q @ k.transpose(-1, -2)).mean(1) / d**0.5).softmax(-1)"),
    "the heads' scores are averaged, not their weights",
    slip="averaged before the softmax",
)
ANSWERS.wrong(
    "heads across",
    _attention(
        "return (q @ k.transpose(-1, -2) / d**0.5).softmax(-1).mean(1)",
        """
q = queries.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)
k = keys.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)
d = q.shape[-1]
""",
    ),
    "head h gets every heads-th feature",
    slip="every heads-th feature",
)
ANSWERS.wrong(
    "exp by hand",
    _attention("e = (q @ k.transpose(-1, -2) / d**0.5).exp()\nreturn (e / e.sum(-1, keepdim=True)).mean(1)"),
    "overflows on large scores",
    visible_passes=True,
    slip="",
)

ANSWERS.wrong(
    "summed over the heads",
    _attention("return (q @ k.transpose(-1, -2) / d**0.5).softmax(-1).sum(1)"),
    "adds the heads up",
    slip="the heads are summed",
)
