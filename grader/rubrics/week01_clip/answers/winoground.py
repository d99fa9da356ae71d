# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `winoground`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("winoground")

WINOGROUND = "def winoground(similarity):"
WINOGROUND_TAIL = """
with clip_lab.needs("winoground"):
    winoground_scores = {kind: winoground(similarity) for kind, similarity in probes.items()}
"""


def _winoground(body: str, tail: str = WINOGROUND_TAIL) -> str:
    return cell(function(WINOGROUND, body), tail)


_WINOGROUND_BODY = """
s00, s01, s10, s11 = similarity[:, 0, 0], similarity[:, 0, 1], similarity[:, 1, 0], similarity[:, 1, 1]
text = (s00 > s01) & (s11 > s10)
image = (s00 > s10) & (s11 > s01)
group = text & image
return {"text": text.float().mean().item(), "image": image.float().mean().item(), "group": group.float().mean().item()}
"""
ANSWERS.right(
    "a loop",
    _winoground(
        """
text = image = group = 0
for s in similarity.tolist():
    t = s[0][0] > s[0][1] and s[1][1] > s[1][0]
    i = s[0][0] > s[1][0] and s[1][1] > s[0][1]
    text, image, group = text + t, image + i, group + (t and i)
n = len(similarity)
return {"group": group / n, "image": image / n, "text": text / n}
"""
    ),
)
ANSWERS.right(
    "numpy",
    _winoground(
        """
s = similarity.numpy()
right, wrong = s[:, [0, 1], [0, 1]], s[:, [0, 1], [1, 0]]
text = (right > wrong).all(axis=1)
image = (right > wrong[:, ::-1]).all(axis=1)
return {"text": float(text.mean()), "image": float(image.mean()), "group": float((text & image).mean())}
"""
    ),
)
ANSWERS.wrong(
    "exchanged",
    _winoground(_WINOGROUND_BODY.replace('"text": text', '"text": image').replace('"image": image', '"image": text')),
    "took axis 1 for the captions",
    slip="are exchanged",
)
ANSWERS.wrong(
    "a tensor of three",
    _winoground(_WINOGROUND_BODY.split("return")[0] + "return torch.stack([text, image, group]).float().mean(1)"),
    "not a dict",
    slip="expected a dict",
)
ANSWERS.wrong(
    "ties pass",
    _winoground(_WINOGROUND_BODY.replace(">", ">=")),
    "whoever cannot tell wins",
    slip="ties count as right",
)
ANSWERS.wrong(
    "either will do",
    _winoground(_WINOGROUND_BODY.replace(") & (", ") | (")),
    "one right choice of two passes",
    slip="one right choice of two",
)
ANSWERS.wrong(
    "single choices",
    _winoground(
        """
s = similarity
text = ((s[:, 0, 0] > s[:, 0, 1]).float() + (s[:, 1, 1] > s[:, 1, 0]).float()) / 2
image = ((s[:, 0, 0] > s[:, 1, 0]).float() + (s[:, 1, 1] > s[:, 0, 1]).float()) / 2
group = torch.minimum(text, image).floor()
return {"text": text.mean().item(), "image": image.mean().item(), "group": group.mean().item()}
"""
    ),
    "counts halves of pairs",
    slip="single choices",
)
ANSWERS.wrong(
    "group as product",
    _winoground(
        _WINOGROUND_BODY.replace("group.float().mean().item()", "(text.float().mean() * image.float().mean()).item()")
    ),
    "as if the two were independent",
    slip="the product of the other two",
)
ANSWERS.wrong(
    "group as minimum",
    _winoground(
        _WINOGROUND_BODY.replace(
            "group.float().mean().item()", "min(text.float().mean().item(), image.float().mean().item())"
        )
    ),
    "the smaller of the two scores",
    slip="the smaller of the other two",
)

ANSWERS.wrong(
    "rounded",
    _winoground(_WINOGROUND_BODY.replace("text.float().mean().item()", "round(text.float().mean().item(), 2)")),
    "two digits are not enough for 199 pairs",
    visible_passes=True,
    slip="",
)
