"""Painting with all places at once, the surest first: MaskGIT's decoding (Chang et al. 2022, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import AmusedScheduler, UVit2DModel

from tinyworld import tokens
from tinyworld.conditions import TextConditions

CHUNK = 64
GUIDANCE, STEPS, TEMPERATURE = 2.0, 12, 2.0


@torch.no_grad()
def paint(
    model: UVit2DModel,
    conditions: TextConditions,
    captions: Sequence[str],
    guidance: float = GUIDANCE,
    steps: int = STEPS,
    seed: int = 0,
    temperature: float = TEMPERATURE,
    begun: torch.Tensor | None = None,
) -> torch.Tensor:
    """Codes of pictures of captions, int64 (n, 64).

    guidance: how far beyond what the caption changes, in logits; 1 is none.   steps: passes.   begun: int64 (n, 64),
    codes that stay, and `vocab_size` - 1 where something is to be painted; all of it unless given.
    """
    mask = model.config.vocab_size - 1
    scheduler = AmusedScheduler(mask_token_id=mask)
    painted = []
    for i in range(0, len(captions), CHUNK):
        part = list(captions[i : i + CHUNK])
        generator = torch.Generator().manual_seed(seed * 10**6 + i)
        told = conditions([""] * len(part) + part if guidance != 1 else part)
        start = torch.full((len(part), tokens.PICTURE), mask) if begun is None else begun[i : i + CHUNK]
        ids = start.view(len(part), tokens.SIDE, tokens.SIDE)
        ratio = (ids == mask).float().mean().item()
        scheduler.set_timesteps(steps, temperature=(temperature, 0.0))
        for timestep in scheduler.timesteps:
            scores = model(torch.cat([ids] * (1 if guidance == 1 else 2)), **told)
            if guidance != 1:
                empty, full = scores.chunk(2)
                scores = empty + guidance * (full - empty)
            ids = scheduler.step(scores, timestep, ids, starting_mask_ratio=ratio, generator=generator).prev_sample
        painted.append(ids.flatten(1))
    return torch.cat(painted)
