"""What the exercises of week 1 ask for, by the libraries: figures draw these where an answer is open.

Each takes what the notebook's function of the same name takes. A notebook that is graded cannot import them.
"""

from __future__ import annotations

import torch
from open_clip.loss import ClipLoss
from scipy.special import softmax
from sklearn.metrics.pairwise import cosine_similarity as sklearn_cosine
from sklearn.preprocessing import normalize

from clip_lab.checks import slips

Tensor = torch.Tensor


def cosine_similarity(images: Tensor, texts: Tensor) -> Tensor:
    """Scikit-learn's cosines, (n, m)."""
    return torch.from_numpy(sklearn_cosine(images.numpy(), texts.numpy()))


def zero_shot(images: Tensor, prompts: Tensor, scale: float = 100.0) -> Tensor:
    """The probability of every class, (n, c)."""
    classes = torch.from_numpy(normalize(prompts.mean(dim=1).numpy()))
    return torch.from_numpy(softmax(scale * (images @ classes.T).numpy(), axis=1))


def info_nce(images: Tensor, texts: Tensor, scale: Tensor) -> Tensor:
    """open_clip's loss."""
    loss: Tensor = ClipLoss()(images, texts, scale)
    return loss


def close_gap(images: Tensor, texts: Tensor, amount: float = 0.5) -> tuple[Tensor, Tensor]:
    """Both sides moved along the gap."""
    return slips.shifted(images, texts, amount)


def winoground(similarity: Tensor) -> dict[str, float]:
    """The three scores."""
    return slips.winoground(similarity.numpy())
