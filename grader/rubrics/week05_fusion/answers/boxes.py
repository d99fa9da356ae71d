# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `boxes`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, swap

ANSWERS = Answers("boxes")

TO = """
def to_bins(boxes, bins):
    return (boxes.clamp(0, 1) * (bins - 1)).round().long()
"""
FROM = """
def from_bins(tokens, bins):
    return tokens.float() / (bins - 1)
"""
IOU = """
def iou(first, second):
    near = torch.maximum(first[:, None, :2], second[None, :, :2])
    far = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (far - near).clamp(min=0).prod(dim=-1)
    one, other = ((b[:, 2:] - b[:, :2]).clamp(min=0).prod(dim=-1) for b in (first, second))
    union = one[:, None] + other[None] - shared
    return torch.where(union > 0, shared / union.clamp(min=1e-12), torch.zeros_like(union))
"""
ANSWERS.right(
    "pair by pair",
    cell(
        """
def to_bins(boxes, bins):
    return torch.floor(boxes.clip(0.0, 1.0) * (bins - 1) + 0.5).to(torch.int64)
""",
        """
def from_bins(tokens, bins):
    return torch.linspace(0, 1, bins)[tokens]
""",
        """
def iou(first, second):
    out = torch.zeros(len(first), len(second))
    area = lambda b: max(float(b[2] - b[0]), 0.0) * max(float(b[3] - b[1]), 0.0)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            meet = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
            both = area(meet)
            union = area(a) + area(b) - both
            out[i, j] = both / union if union > 0 else 0.0
    return out
""",
    ),
)
ANSWERS.right(
    "width and height",
    cell(
        TO,
        FROM,
        """
def iou(first, second):
    a, b = first.unsqueeze(1), second.unsqueeze(0)
    w = (torch.min(a[..., 2], b[..., 2]) - torch.max(a[..., 0], b[..., 0])).clamp(min=0)
    h = (torch.min(a[..., 3], b[..., 3]) - torch.max(a[..., 1], b[..., 1])).clamp(min=0)
    area = lambda x: (x[..., 2] - x[..., 0]).clamp(min=0) * (x[..., 3] - x[..., 1]).clamp(min=0)
    return (w * h / (area(a) + area(b) - w * h)).nan_to_num(0.0)
""",
    ),
)
ANSWERS.wrong("cut off", cell(swap(TO, (".round()", "")), FROM, IOU), "cuts the bins off", slip="the bins are cut off")
ANSWERS.wrong(
    "a bin too many",
    cell(swap(TO, ("(bins - 1)", "bins")), FROM, IOU),
    "gives 1.0 a bin that does not exist",
    slip="multiply by bins - 1",
)
ANSWERS.wrong(
    "middle of a bin",
    cell(TO, swap(FROM, ("tokens.float() / (bins - 1)", "(tokens.float() + 0.5) / bins")), IOU),
    "undoes another way of counting bins",
    slip="the middle of a bin",
)
ANSWERS.wrong(
    "negative overlaps",
    cell(TO, FROM, swap(IOU, ("(far - near).clamp(min=0)", "(far - near)"))),
    "lets boxes that do not meet overlap",
    slip="a negative width times a negative height",
)
ANSWERS.wrong(
    "over the smaller",
    cell(
        TO,
        FROM,
        swap(IOU, ("union = one[:, None] + other[None] - shared", "union = torch.minimum(one[:, None], other[None])")),
    ),
    "divides by the smaller box",
    slip="over the smaller of the two",
)
ANSWERS.wrong(
    "nan of nothing",
    cell(
        TO,
        FROM,
        swap(
            IOU,
            (
                "return torch.where(union > 0, shared / union.clamp(min=1e-12), torch.zeros_like(union))",
                "return shared / union",
            ),
        ),
    ),
    "divides zero by zero",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "outside",
    cell(swap(TO, (".clamp(0, 1)", "")), FROM, IOU),
    "gives bins that do not exist to what lies outside",
    slip="counts as its edge",
)
