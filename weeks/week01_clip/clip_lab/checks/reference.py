"""What the checks of week 1 ask with and compare with. A notebook that is graded cannot import it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from open_clip.loss import ClipLoss

import clip_lab.data as data
import clip_lab.small as small


def unit(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    """Random unit vectors along the last axis, float32."""
    return F.normalize(torch.from_numpy(rng.normal(size=shape)).float(), dim=-1)


# --- 1 embed --------------------------------------------------------------------------------------------------------


def some_scenes(rng: np.random.Generator, n: int) -> data.Album:
    """`n` scenes that nobody has seen."""
    return data.album(n, seed=int(rng.integers(10**6)))


# --- 4 recall_at_k --------------------------------------------------------------------------------------------------

BY_HAND = [[0.9, 0.1, 0.3], [0.95, 0.5, 0.6], [0.2, 0.7, 0.4]]  # the right answers stand first, third and second


# --- 7 training_step ------------------------------------------------------------------------------------------------


def new_run(lab, seed: int, rate: float = 0.02):
    """A small CLIP and plain gradient descent for it. lab: clip_lab.small, here or in the student's kernel."""
    model = lab.build(seed)
    return model, lab.optimiser(model, rate, "SGD")


def batches(rng: np.random.Generator, n: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """`n` batches of 16 pairs."""
    pictures, tokens, _ = small.pairs("train", 16 * n, seed=int(rng.integers(10**6)))
    return list(zip(pictures.split(16), tokens.split(16), strict=True))


def reference_run(seed: int, given: list, keep_gradients: bool = False) -> tuple[list[float], torch.Tensor]:
    """Steps made with open_clip's loss and torch's optimiser: their losses, and the picture tower's projection after.

    keep_gradients: never clear them.
    """
    model, optimiser = new_run(small, seed)
    losses = []
    for pictures, tokens in given:
        if not keep_gradients:
            optimiser.zero_grad()
        loss = ClipLoss()(*model(pictures, tokens))
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses, model.visual.proj.detach()


# --- 8 modality_gap -------------------------------------------------------------------------------------------------


def two_cones(rng: np.random.Generator, n: int, m: int, d: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit vectors around two different directions, as the two towers make them."""
    middles = rng.normal(size=(2, d))
    images = torch.from_numpy(middles[0] + 0.5 * rng.normal(size=(n, d))).float()
    texts = torch.from_numpy(middles[1] + 0.5 * rng.normal(size=(m, d))).float()
    return F.normalize(images, dim=-1), F.normalize(texts, dim=-1)


# --- 10 fusion ------------------------------------------------------------------------------------------------------


def agreement(rng: np.random.Generator, n: int, d: int = 16) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pairs (n, d) that point the same way where the label is 1, and anywhere where it is 0."""
    labels = torch.from_numpy(rng.permutation(np.arange(n) % 2))
    images, other = unit(rng, n, d), unit(rng, n, d)
    texts = torch.where(labels[:, None] == 1, F.normalize(images + 0.5 * other, dim=-1), other)
    return images, texts, labels
