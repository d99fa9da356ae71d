"""Who is where: labels that teach the joint space to tell "a star left of a circle" from "a circle left of a star".

Among random captions the words alone decide, whoever stands where, and so a contrastive model learns a bag of words
(Yuksekgonul et al. 2023). Heads that read the two roles from an embedding make the order worth learning. The same heads
read pictures and texts, and are thrown away afterwards.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tinyworld.scene import Scene
from tinyworld.vocabulary import COLOURS, SHAPES

# What is asked of an embedding, with the number of answers: of the left or upper object, then of the other one; and
# whether the two lie side by side or one above the other.
ROLES = (len(COLOURS), len(SHAPES), len(COLOURS), len(SHAPES), 2)
NONE = -100  # the answer that `cross_entropy` leaves out


def roles(scene: Scene) -> list[int]:
    """The five answers for a scene of two objects; for others there is nothing to ask."""
    _, objects, relation = scene.facts()
    if relation is None:
        return [NONE] * len(ROLES)
    answers = [i for _, colour, shape in objects for i in (list(COLOURS).index(colour), SHAPES.index(shape))]
    return [*answers, int(relation == "above")]


class RoleHeads(nn.Module):
    """One linear map for each of ROLES."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(width, n) for n in ROLES)

    def forward(self, embedded: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, float]:
        """embedded: (n, d), unit vectors.    wanted: int64 (n, 5). Returns the loss and the share of right answers."""
        asked = wanted[:, 0] != NONE
        if not asked.any():
            return embedded.sum() * 0, 0.0
        # Entries of a unit vector are about 1 / sqrt(d): bring them back to the size that linear maps are started for.
        scores = [head(embedded[asked] * embedded.shape[1] ** 0.5) for head in self.heads]
        loss = torch.zeros((), device=embedded.device)
        for score, role in zip(scores, wanted[asked].T, strict=True):
            loss = loss + F.cross_entropy(score, role)
        right = torch.stack([s.argmax(-1) for s in scores], dim=1) == wanted[asked]
        return loss / len(ROLES), right.float().mean().item()
