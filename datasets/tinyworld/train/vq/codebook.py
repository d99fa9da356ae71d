"""A codebook that follows what is encoded (van den Oord et al. 2017, appendix A.1), and brings its dead codes back."""

from __future__ import annotations

import torch
from torch import nn

SMOOTHING = 1e-3  # of the counts, so that no code is divided by zero


class Codebook(nn.Module):
    """Codes as moving averages of the latents that chose them.

    weight: float32 (codes, width), shared with the model's quantiser.   decay: of counts and sums, a step.
    """

    counts: torch.Tensor
    sums: torch.Tensor

    def __init__(self, weight: nn.Parameter, decay: float = 0.99) -> None:
        super().__init__()
        self.weight, self.decay = weight, decay
        weight.requires_grad_(False)
        self.register_buffer("counts", torch.ones(len(weight)))
        self.register_buffer("sums", weight.detach().clone())

    def nearest(self, cells: torch.Tensor) -> torch.Tensor:
        """float32 (n, width) -> int64 (n,): the index of the nearest code."""
        return torch.cdist(cells, self.weight).argmin(dim=1)

    @torch.no_grad()
    def begin(self, cells: torch.Tensor, generator: torch.Generator, rounds: int = 30) -> None:
        """Lloyd's k-means on latents (n, width), begun at points far from one another (k-means++)."""
        chosen = [int(torch.randint(len(cells), (1,), generator=generator))]
        distance = torch.full((len(cells),), torch.inf)
        while len(chosen) < len(self.weight):
            distance = torch.minimum(distance, (cells - cells[chosen[-1]]).square().sum(1))
            chosen.append(int(torch.multinomial(distance, 1, generator=generator)))
        self.weight.copy_(cells[chosen])
        for _ in range(rounds):
            counts, sums = self._gather(cells, self.nearest(cells))
            there = counts > 0
            self.weight[there] = sums[there] / counts[there, None]
        self.counts.copy_(counts.clamp(min=SMOOTHING))
        self.sums.copy_(self.weight * self.counts[:, None])

    @torch.no_grad()
    def follow(self, cells: torch.Tensor, index: torch.Tensor) -> None:
        """One step of the moving averages: latents (n, width) and the codes that they chose, (n,)."""
        counts, sums = self._gather(cells, index)
        self.counts.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        self.weight.copy_(self.sums / (self.counts + SMOOTHING)[:, None])

    @torch.no_grad()
    def revive(self, cells: torch.Tensor, generator: torch.Generator, dead: float = 0.02) -> int:
        """Move the codes that fewer than `dead` latents a step choose to latents that are far from every code.

        Returns how many were moved.
        """
        lost = (self.counts < dead).nonzero().flatten()[: len(cells)]
        if len(lost):
            missed = torch.cdist(cells, self.weight).amin(dim=1).square() + 1e-9
            places = cells[torch.multinomial(missed, len(lost), generator=generator)]
            self.weight[lost] = places
            self.counts[lost] = 1.0
            self.sums[lost] = places
        return len(lost)

    def _gather(self, cells: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """How many latents chose each code, (codes,), and their sums, (codes, width)."""
        counts = torch.bincount(index, minlength=len(self.weight)).float()
        return counts, torch.zeros_like(self.sums).index_add_(0, index, cells)


def perplexity(index: torch.Tensor, codes: int) -> float:
    """The exponential of the entropy of how often codes are chosen: `codes` where all are chosen equally often."""
    share = torch.bincount(index.flatten(), minlength=codes).double() / index.numel()
    return torch.special.entr(share).sum().exp().item()
