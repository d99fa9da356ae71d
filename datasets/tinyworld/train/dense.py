"""Labels for every patch, which teach a vision tower to see before it learns to match words.

A caption says once, for the whole picture, that there is a star somewhere. For a small model on a small budget that is
too faint a signal: it learns colours and backgrounds and stays at chance on shapes. The renderer knows more: for every
patch, which object it shows and which of its pixels are covered. Heads that predict this from each patch's features
are trained along with the tower and thrown away afterwards.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tinyworld.vocabulary import BACKGROUNDS, COLOURS, SHAPES, SIZES

COVERED = 0.08  # a patch shows an object when it covers at least this part of the patch

# What the head for one patch predicts: (name, number of classes). Class 0 of each is "no object".
PATCH_CLASSES = (("shape", 1 + len(SHAPES)), ("colour", 1 + len(COLOURS)), ("size", 1 + len(SIZES)))


class PatchLabels:
    """The truth about every patch of a batch, from the renderer's label maps.

    covered: bool (n, patches).    which: int64 (n, patches), the index of the object it shows, if it shows any.
    shape, colour, size: int64 (n, patches), 0 for no object.
    offset: float32 (n, patches, 2), from the patch's centre to its object's, in quarters of the picture's side.
    silhouette: float32 (n, patches, patch * patch), 1 for each pixel that shows an object.
    """

    def __init__(self, batch: dict[str, torch.Tensor], patch: int) -> None:
        pixels = patches_of(batch["label_map"], patch)
        share = torch.stack([(pixels == i).float().mean(-1) for i in (1, 2, 3)], dim=-1)  # (n, patches, objects)
        most, self.which = share.max(dim=-1)
        self.covered = most >= COVERED
        of_patch = self.which[..., None]
        attributes = batch["objects"].gather(1, of_patch.expand(-1, -1, 3))
        attributes = torch.where(self.covered[..., None], attributes + 1, 0)
        self.shape, self.colour, self.size = attributes.unbind(-1)
        side = batch["label_map"].shape[-1] // patch
        steps = (torch.arange(side, device=pixels.device) + 0.5) / side
        own = torch.stack([steps.repeat(side), steps.repeat_interleave(side)], dim=-1)  # x, y of each patch
        self.offset = 4 * (batch["centres"].gather(1, of_patch.expand(-1, -1, 2)) - own)
        self.silhouette = (pixels > 0).float()


def patches_of(label_map: torch.Tensor, patch: int) -> torch.Tensor:
    """(n, side, side) -> (n, patches, patch * patch), row by row as CLIP's patch embedding orders them."""
    n, side = len(label_map), label_map.shape[-1] // patch
    return label_map.view(n, side, patch, side, patch).transpose(2, 3).reshape(n, side * side, patch * patch)


class DenseHeads(nn.Module):
    """Throw-away heads on the vision tower's last hidden states; `forward` gives one loss.

    On each patch: shape, colour and size of the object it shows, where that object's centre is, and the silhouette.
    On the class token: which (shape, colour, size) there are, where the object of each colour is, and the background.
    """

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.norm = nn.LayerNorm(width)
        self.class_norm = nn.LayerNorm(width)
        self.classes = nn.ModuleDict({name: nn.Linear(width, n) for name, n in PATCH_CLASSES})
        self.offset = nn.Linear(width, 2)
        self.silhouette = nn.Linear(width, patch * patch)
        self.present = nn.Linear(width, len(SHAPES) * len(COLOURS) * len(SIZES))
        self.background = nn.Linear(width, len(BACKGROUNDS))
        self.place = nn.Linear(width, len(COLOURS) * 2)

    def forward(
        self, hidden: torch.Tensor, batch: dict[str, torch.Tensor], places: bool = False
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """hidden: (n, 1 + patches, width), the class token first. Returns the loss and figures to print.

        places: ask the class token where the object of each colour is, too.
        """
        truth = PatchLabels(batch, self.patch)
        seen, whole = self.norm(hidden[:, 1:]), self.class_norm(hidden[:, 0])
        covered = truth.covered
        # Most patches are empty: objects and emptiness get equal weight.
        weight = torch.where(covered, 0.5 / covered.float().mean(), 0.5 / (1 - covered.float().mean()))
        loss, figures = torch.zeros((), device=hidden.device), {}
        for name, head in self.classes.items():
            scores, wanted = head(seen), getattr(truth, name)
            loss = loss + (F.cross_entropy(scores.transpose(1, 2), wanted, reduction="none") * weight).mean()
            figures[f"patch {name}"] = (scores.argmax(-1) == wanted)[covered].float().mean().item()
        loss = loss + F.smooth_l1_loss(self.offset(seen)[covered], truth.offset[covered])
        loss = loss + F.binary_cross_entropy_with_logits(self.silhouette(seen), truth.silhouette)
        loss = loss + 10 * F.binary_cross_entropy_with_logits(self.present(whole), present(batch["objects"]))
        loss = loss + 0.3 * F.cross_entropy(self.background(whole), batch["background"])
        if places:
            there, known = colour_places(batch)
            loss = loss + 10 * F.smooth_l1_loss(self.place(whole).view_as(there)[known], there[known])
        return loss, figures


def present(objects: torch.Tensor) -> torch.Tensor:
    """Which (shape, colour, size) a scene holds: float32 (n, 96) of 0 and 1, from `SceneBatches`' objects."""
    shape, colour, size = objects.unbind(-1)
    index = (shape * len(COLOURS) + colour) * len(SIZES) + size
    found = torch.zeros(len(objects), len(SHAPES) * len(COLOURS) * len(SIZES) + 1, device=objects.device)
    return found.scatter(1, torch.where(shape < 0, found.shape[1] - 1, index), 1.0)[:, :-1]


def colour_places(batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the red object is, where the blue one, ...: places and whether there is just one object of that colour.

    float32 (n, 8, 2), from the picture's centre in quarters of its side; bool (n, 8).
    """
    colour = batch["objects"][..., 1]
    of_colour = colour[:, None, :] == torch.arange(len(COLOURS), device=colour.device)[None, :, None]  # (n, 8, objects)
    places = of_colour.float() @ (4 * (batch["centres"] - 0.5))
    return places, of_colour.sum(-1) == 1
