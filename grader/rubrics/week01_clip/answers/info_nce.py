# CROSSMODAL-RUBRIC: must never reach students
"""Known right and wrong answers to `info_nce`."""

from __future__ import annotations

from grader.authoring.known_answers import Answers, cell, function

ANSWERS = Answers("info_nce")

INFO_NCE = "def info_nce(images, texts, scale):"


def _info_nce(body: str) -> str:
    return cell(function(INFO_NCE, body))


ANSWERS.right(
    "logsumexp",
    _info_nce(
        """
logits = scale * (images @ texts.t())
right = logits.diagonal()
return (torch.logsumexp(logits, 1) - right).mean() / 2 + (torch.logsumexp(logits, 0) - right).mean() / 2
"""
    ),
)
ANSWERS.right(
    "nll of log_softmax",
    _info_nce(
        """
logits = torch.einsum("id,jd->ij", images, texts) * scale
labels = torch.arange(images.shape[0], device=images.device)
by_image = F.nll_loss(F.log_softmax(logits, dim=1), labels)
by_text = F.nll_loss(F.log_softmax(logits, dim=0).T, labels)
return 0.5 * (by_image + by_text)
"""
    ),
)
ANSWERS.wrong(
    "one direction",
    _info_nce("return F.cross_entropy(scale * images @ texts.T, torch.arange(len(images)))"),
    "only the pictures sit the exam",
    slip="only the pictures sit",
)
ANSWERS.wrong(
    "summed halves",
    _info_nce(
        """
logits, own = scale * images @ texts.T, torch.arange(len(images))
return F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)
"""
    ),
    "forgot to halve",
    slip="added up",
)
ANSWERS.wrong(
    "no scale",
    _info_nce(
        """
logits, own = images @ texts.T, torch.arange(len(images))
return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
"""
    ),
    "forgot the temperature",
    slip="the scale is missing",
)
ANSWERS.wrong(
    "divided by the scale",
    _info_nce(
        """
logits, own = images @ texts.T / scale, torch.arange(len(images))
return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
"""
    ),
    "took the scale for the temperature",
    slip="divided by the scale",
)
ANSWERS.wrong(
    "normalised again",
    _info_nce(
        """
logits, own = scale * F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T, torch.arange(len(images))
return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
"""
    ),
    "the same value on unit vectors, but other gradients",
    slip="normalised again",
)
ANSWERS.wrong(
    "log of softmax",
    _info_nce(
        """
logits = scale * images @ texts.T
by_image = -logits.softmax(dim=1).diagonal().log().mean()
by_text = -logits.softmax(dim=0).diagonal().log().mean()
return (by_image + by_text) / 2
"""
    ),
    "log 0 at large scales",
    slip="becomes log 0",
)
ANSWERS.wrong(
    "float(scale)",
    _info_nce(
        """
logits, own = float(scale) * images @ texts.T, torch.arange(len(images))
return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
"""
    ),
    "the temperature could never learn",
    slip="no gradient arrives",
)

ANSWERS.wrong(
    "captions that cannot learn",
    _info_nce(
        """
logits, own = scale * images @ texts.detach().T, torch.arange(len(images))
return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
"""
    ),
    "no gradient by the texts",
    visible_passes=True,
    slip="",
)
