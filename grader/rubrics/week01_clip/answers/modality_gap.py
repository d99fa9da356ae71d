# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `modality_gap`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("modality_gap")

GAP_TAIL = """
with clip_lab.needs("modality_gap"):
    shifted_images, shifted_texts = close_gap(image_vectors, text_vectors)
    gap_before = modality_gap(image_vectors, text_vectors).norm().item()
    gap_after = modality_gap(shifted_images, shifted_texts).norm().item()
"""
_GAP = "return images.mean(dim=0) - texts.mean(dim=0)"
_CLOSE = """
gap = images.mean(dim=0) - texts.mean(dim=0)
return F.normalize(images - amount * gap, dim=-1), F.normalize(texts + amount * gap, dim=-1)
"""


def _gap(gap: str = _GAP, close: str = _CLOSE, tail: str = GAP_TAIL) -> str:
    first = cell(function("def modality_gap(images, texts):", gap))
    return first + "\n\n" + cell(function("def close_gap(images, texts, amount=0.5):", close), tail)


ANSWERS.right(
    "sums",
    _gap(
        "return images.sum(0) / len(images) - texts.sum(0) / len(texts)",
        """
step = amount * modality_gap(images, texts)
moved = images - step, texts + step
return tuple(x / x.norm(dim=1, keepdim=True) for x in moved)
""",
    ),
)
ANSWERS.right(
    "numpy",
    _gap(
        "return torch.from_numpy(np.mean(images.numpy(), axis=0) - np.mean(texts.numpy(), axis=0))",
        """
u, v = images.numpy(), texts.numpy()
gap = u.mean(axis=0) - v.mean(axis=0)
u, v = u - amount * gap, v + amount * gap
u /= np.linalg.norm(u, axis=1, keepdims=True)
v /= np.linalg.norm(v, axis=1, keepdims=True)
return torch.from_numpy(u), torch.from_numpy(v)
""",
    ),
)
ANSWERS.wrong(
    "the wrong way",
    _gap(close=_CLOSE.replace("images - amount", "images + amount").replace("texts + amount", "texts - amount")),
    "moves the two apart",
    slip="moved the wrong way",
)
ANSWERS.wrong(
    "mean over the features",
    _gap("return images.mean(dim=1) - texts.mean(dim=1)"),
    "one number a row",
    slip="a mean over the features",
)
ANSWERS.wrong(
    "off the sphere",
    _gap(close="gap = images.mean(dim=0) - texts.mean(dim=0)\nreturn images - amount * gap, texts + amount * gap"),
    "forgot to normalise after the move",
    slip="off the sphere",
)
ANSWERS.wrong(
    "its length only",
    _gap("return (images.mean(dim=0) - texts.mean(dim=0)).norm()"),
    "a number",
    slip="that is its length",
)
ANSWERS.wrong(
    "pairs subtracted",
    _gap(
        "return (images - texts).mean(dim=0)",
        """
gap = (images - texts).mean(dim=0)
return F.normalize(images - amount * gap, dim=-1), F.normalize(texts + amount * gap, dim=-1)
""",
    ),
    "needs as many texts as images",
    slip="are no pairs",
)
ANSWERS.wrong(
    "amount ignored",
    _gap(close=_CLOSE.replace("amount * gap", "0.5 * gap")),
    "always half",
    slip="`amount` is not used",
)
ANSWERS.wrong(
    "only the pictures move",
    _gap(
        close="""
gap = images.mean(dim=0) - texts.mean(dim=0)
return F.normalize(images - 2 * amount * gap, dim=-1), texts
"""
    ),
    "all the way on one side",
    slip="only the images were moved",
)
ANSWERS.wrong(
    "each side centred",
    _gap(
        close="""
return F.normalize(images - images.mean(dim=0), dim=-1), F.normalize(texts - texts.mean(dim=0), dim=-1)
"""
    ),
    "also closes the gap, but is another method",
    slip="was centred on 0",
)

ANSWERS.wrong(
    "in place",
    _gap(
        close="""
gap = images.mean(dim=0) - texts.mean(dim=0)
return F.normalize(images.sub_(amount * gap), dim=-1), F.normalize(texts.add_(amount * gap), dim=-1)
""",
        tail=GAP_TAIL.replace(
            "close_gap(image_vectors, text_vectors)", "close_gap(image_vectors.clone(), text_vectors.clone())"
        ),
    ),
    "writes into the caller's vectors",
    visible_passes=True,
    slip="",
)
