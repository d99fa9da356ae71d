"""Codebooks that learn, and a decoder with a critic: what the notebook trains in seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

import tinyworld
from tinyworld import tokens
from token_lab import data, painting

LEARNT_CODES = 64
STEPS = 60
BATCH = 512  # latents a step
DECAY = 0.9
LEAST = 1.0  # a code whose running count is below it is dead
FAR = 3.0  # how far off the codes begin, in spreads of the latents


def latents_of(vq: Any, n: int, seed: int = 0) -> torch.Tensor:
    """The latents of all places of `n` training pictures, float32 (64 n, 8)."""
    found = painting.latents(vq, data.pixels(tinyworld.scenes("train", n, seed)))
    return found.permute(0, 2, 3, 1).reshape(-1, found.shape[1])


def learn_codes(
    rows: torch.Tensor, follow: Callable[..., Any], revive: Callable[..., Any] | None, seed: int = 0
) -> tuple[torch.Tensor, list[float]]:
    """A codebook that follows latents, begun at random places far off, where most codes are met by none.

    rows: float (m, d), latents.   follow: as `ema_codes` of the notebook.   revive: as its `restart_dead`; None: never.
    Returns the codebook, float (64, d), and after each step the perplexity over all rows.
    """
    generator = torch.Generator().manual_seed(seed)
    codebook = rows.mean(0) + FAR * rows.std(0) * torch.randn((LEARNT_CODES, rows.shape[1]), generator=generator)
    counts, sums, told = torch.ones(LEARNT_CODES), codebook.clone(), []
    for step in range(STEPS):
        batch = rows[torch.randint(len(rows), (BATCH,), generator=generator)]
        ids = torch.cdist(batch, codebook).argmin(dim=1)
        counts, sums, codebook = follow(counts, sums, batch, ids, DECAY)
        if revive is not None and step % 5 == 4:
            codebook, counts, sums = revive(codebook, counts, sums, batch, LEAST, seed + step)
        told.append(spread(torch.cdist(rows, codebook).argmin(dim=1)))
    return codebook, told


def spread(ids: torch.Tensor) -> float:
    """In the middle of training: the exponential of the entropy of codes."""
    shares = torch.bincount(ids.flatten()) / ids.numel()
    return float(torch.special.entr(shares).sum().exp())


# --- a decoder with a critic ----------------------------------------------------------------------------------------

PATCH = 12  # pixels a side of the patches
ROUNDS, BEGIN = 400, 80  # steps, and at which one the critic begins to count
WEIGHT = 0.8  # of the adversary beside its adaptive weight, as VQGAN's code has it


class Textured(NamedTuple):
    """Patches and what a decoder made of their codes, float (n, 1, 12, 12) each, and the adversary's weight by step."""

    wanted: torch.Tensor
    made: torch.Tensor
    weights: list[float]


def striped(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches of thin lines (n, 1, 12, 12), and all that is kept of each: its tone (n, 1)."""
    tone = 0.1 + 0.4 * torch.rand((n, 1, 1), generator=generator)
    phase = torch.randint(4, (n, 1, 1), generator=generator)
    at = torch.arange(PATCH)[:, None] + torch.arange(PATCH)[None]
    return (tone + 0.4 * ((at + phase) % 4 == 0))[:, None], tone.view(n, 1)


def textured(weigh: Callable[..., torch.Tensor] | None, seed: int = 0, n: int = 32) -> Textured:
    """A decoder that learns to draw patches of lines by their tone, with a critic or without.

    weigh: as `adaptive_weight` of the notebook; None: no critic. Four random numbers beside the tone stand for what the
    places around a patch would say.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inner = [nn.Linear(5, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2)]
        decoder = nn.Sequential(*inner, nn.Linear(64, PATCH * PATCH))
        layers = [nn.Conv2d(1, 16, 4, 2), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 3), nn.LeakyReLU(0.2)]
        critic = nn.Sequential(*layers, nn.Conv2d(32, 1, 1))
    paints, judges = (torch.optim.Adam(m.parameters(), 2e-3, betas=(0.5, 0.9)) for m in (decoder, critic))
    generator, weights, last = torch.Generator().manual_seed(seed), [], decoder[-1].weight

    def made_of(tone: torch.Tensor) -> torch.Tensor:
        around = torch.randn((len(tone), 4), generator=generator)
        return decoder(torch.cat([tone, around], dim=1)).view(-1, 1, PATCH, PATCH)

    for step in range(ROUNDS):
        real, tone = striped(n, generator)
        fake = made_of(tone)
        loss = F.l1_loss(fake, real)
        if weigh is not None:
            adversarial = -critic(fake).mean()
            weights.append(float(weigh(loss, adversarial, last, step, BEGIN)))
            loss = loss + WEIGHT * weights[-1] * adversarial
        paints.zero_grad()
        loss.backward()
        paints.step()
        if weigh is not None:
            judges.zero_grad()
            hinge = F.relu(1 - critic(real)).mean() + F.relu(1 + critic(fake.detach())).mean()
            (0.5 * hinge).backward()
            judges.step()
    real, tone = striped(256, generator)
    with torch.no_grad():
        return Textured(real, made_of(tone), weights)


def measure_texture(found: Textured) -> dict[str, float]:
    """The mean absolute error, the contrast of the patches made and of the true ones, and how far their mean is off."""
    means = [x.mean((1, 2, 3)) for x in (found.made, found.wanted)]
    return {
        "error": float(F.l1_loss(found.made, found.wanted)),
        "contrast": float(found.made.std((1, 2, 3)).mean()),
        "contrast wanted": float(found.wanted.std((1, 2, 3)).mean()),
        "tone": float((means[0] - means[1]).abs().mean()),
    }


# --- how much of a codebook is used ---------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _tokens(vq: Any, n: int) -> torch.Tensor:
    return painting.tokens_of(vq, data.pixels(tinyworld.scenes("test", n, 3)))


def measure_usage(vq: Any, count: Callable[..., Any], numbers: Sequence[int]) -> list[tuple[float, int]]:
    """Perplexity and number of used codes over the first so many test pictures. count: as `usage` of the notebook."""
    ids = _tokens(vq, max(numbers))
    return [tuple(count(list(ids[:n].split(8)), tokens.CODES)) for n in numbers]
