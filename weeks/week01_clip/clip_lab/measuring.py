"""What week 1 measures of the joint space."""

from __future__ import annotations

import torch


def gap_axes(images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """Two directions to look at the joint space along: `vectors @ gap_axes(...).T` are points of the plane.

    images (n, d), texts (m, d): float tensors. Returns a float tensor (2, d) with orthogonal unit rows: along the
    modality gap, and along what varies most of the rest.
    """
    gap = images.mean(dim=0) - texts.mean(dim=0)
    along = gap / gap.norm()
    both = torch.cat([images - images.mean(dim=0), texts - texts.mean(dim=0)])
    rest = both - (both @ along)[:, None] * along
    return torch.stack([along, torch.linalg.svd(rest, full_matrices=False).Vh[0]])
