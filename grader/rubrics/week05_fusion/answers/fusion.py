# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `fusion`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("fusion")

LATE = """
def late(scores, there):
    kept = scores.masked_fill(~there[..., None], 0)
    return kept.sum(dim=1) / there.sum(dim=1, keepdim=True).clamp(min=1)
"""
CROSS = """
def cross(asking, asked, query, key, value, there):
    scores = (asking @ query) @ (asked @ key).transpose(1, 2) / asking.shape[-1] ** 0.5
    weights = scores.masked_fill(~there[:, None], -torch.inf).softmax(dim=-1).nan_to_num(0.0)
    return asking + weights @ (asked @ value)
"""
ANSWERS.right(
    "where and the library's attention",
    cell(
        """
def late(scores, there):
    kept = torch.where(there[:, :, None], scores, torch.zeros_like(scores))
    return kept.sum(1) / torch.maximum(there.sum(1), torch.tensor(1))[:, None]
""",
        """
def cross(asking, asked, query, key, value, there):
    looked = F.scaled_dot_product_attention(asking @ query, asked @ key, asked @ value, attn_mask=there[:, None, :])
    return asking + torch.where(there.any(1)[:, None, None], looked, torch.zeros_like(looked))
""",
    ),
)
ANSWERS.right(
    "row by row",
    cell(
        """
def late(scores, there):
    rows = [s[t].mean(0) if t.any() else torch.zeros(s.shape[-1]) for s, t in zip(scores, there)]
    return torch.stack(rows)
""",
        """
def cross(asking, asked, query, key, value, there):
    out = asking.clone()
    for i in range(len(asking)):
        y = asked[i][there[i]]
        if len(y):
            weights = torch.softmax((asking[i] @ query) @ (y @ key).T / asking.shape[-1] ** 0.5, dim=-1)
            out[i] = asking[i] + weights @ (y @ value)
    return out
""",
    ),
)
ANSWERS.wrong(
    "divides by all",
    cell(swap(LATE, ("there.sum(dim=1, keepdim=True).clamp(min=1)", "3")), CROSS),
    "divides by all modalities",
    slip="it divides by all modalities",
)
ANSWERS.wrong(
    "everybody votes",
    cell("def late(scores, there):\n    return scores.mean(dim=1)", CROSS),
    "lets missing modalities vote",
    slip="missing modalities have a vote",
)
ANSWERS.wrong(
    "no residual",
    cell(LATE, swap(CROSS, ("return asking + ", "return "))),
    "forgets the residual connection",
    slip="the residual is missing",
)
ANSWERS.wrong(
    "no scale",
    cell(LATE, swap(CROSS, (" / asking.shape[-1] ** 0.5", ""))),
    "does not divide by the root of d",
    slip="not divided by the root of d",
)
ANSWERS.wrong(
    "nan where nobody is",
    cell(swap(LATE, (".clamp(min=1)", "")), CROSS),
    "divides by zero where no modality is there",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "nan times zero",
    cell(swap(LATE, ("scores.masked_fill(~there[..., None], 0)", "scores * there[..., None]")), CROSS),
    "multiplies what is missing by zero, and nan stays nan",
    slip="0 times nan is nan",
)
ANSWERS.wrong(
    "closed after the softmax",
    cell(
        LATE,
        """
def cross(asking, asked, query, key, value, there):
    scores = (asking @ query) @ (asked @ key).transpose(1, 2) / asking.shape[-1] ** 0.5
    return asking + (scores.softmax(dim=-1) * there[:, None]) @ (asked @ value)
""",
    ),
    "closes missing tokens after the softmax",
    slip="closed after the softmax",
)
ANSWERS.wrong(
    "the mask is forgotten",
    cell(LATE, swap(CROSS, (".masked_fill(~there[:, None], -torch.inf)", ""))),
    "asks missing tokens too",
    slip="`there` is ignored",
)
