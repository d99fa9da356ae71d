# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `cosine_similarity`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("cosine_similarity")

COSINE = "def cosine_similarity(images, texts):"


def _cosine(body: str) -> str:
    return cell(function(COSINE, body))


ANSWERS.right("broadcast", _cosine("return F.cosine_similarity(images[:, None], texts[None], dim=-1)"))
ANSWERS.right(
    "norms and nan_to_num",
    _cosine(
        """
lengths = images.norm(dim=1)[:, None] * texts.norm(dim=1)[None, :]
return torch.nan_to_num(torch.einsum("nd,md->nm", images, texts) / lengths, nan=0.0)
"""
    ),
)
ANSWERS.wrong(
    "dot products",
    _cosine("return images @ texts.T"),
    "did not divide by the lengths",
    slip="these are dot products",
)
ANSWERS.wrong(
    "wrong axis",
    _cosine("return F.normalize(images, dim=0) @ F.normalize(texts, dim=0).T"),
    "normalises the columns",
    slip="along the wrong axis",
)
ANSWERS.wrong(
    "transposed",
    _cosine("return F.normalize(texts, dim=-1) @ F.normalize(images, dim=-1).T"),
    "rows belong to texts",
    slip="transposed",
)
ANSWERS.wrong(
    "nan for zero vectors",
    _cosine("return (images / images.norm(dim=1, keepdim=True)) @ (texts / texts.norm(dim=1, keepdim=True)).T"),
    "divides 0 by 0",
    slip="0 was divided by 0",
)
ANSWERS.wrong(
    "large epsilon",
    _cosine("return images @ texts.T / (images.norm(dim=1)[:, None] * texts.norm(dim=1) + 1e-6)"),
    "the epsilon outweighs the product of two short lengths",
    visible_passes=True,
    slip="",
)
ANSWERS.wrong(
    "in place",
    _cosine(
        """
images /= images.norm(dim=1, keepdim=True).clamp(min=1e-12)
texts /= texts.norm(dim=1, keepdim=True).clamp(min=1e-12)
return images @ texts.T
"""
    ),
    "writes into the caller's tensors",
    slip="were changed",
)
