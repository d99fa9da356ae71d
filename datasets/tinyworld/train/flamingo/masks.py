"""Which picture each word of an interleaved text looks at."""

from __future__ import annotations

import torch


def image_mask(ids: torch.Tensor, image: int, pictures: int) -> torch.Tensor:
    """Which picture each token looks at: int64 (n, length, pictures), 1 for the last one before it (Alayrac et al.
    2022, section 3.1.3), 0 for the others; a text's first tokens look at none. image: the id of a picture's token."""
    last = (ids == image).cumsum(1)
    return (last[..., None] == torch.arange(1, pictures + 1, device=ids.device)).long()
