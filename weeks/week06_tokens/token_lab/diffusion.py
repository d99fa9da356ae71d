"""Week 2's painter, to be measured beside those that write tokens."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from diffusers import DDIMScheduler

STEPS = 25
GUIDANCE = 3.0


@torch.no_grad()
def diffuse(
    pipe: Any,
    captions: Sequence[str],
    guidance: float = GUIDANCE,
    seed: int = 0,
    kept: torch.Tensor | None = None,
) -> torch.Tensor:
    """Pictures of captions, float32 (n, 3, 64, 64) in [0, 1], by diffusers' DDIM.

    kept: pictures like the result whose upper half stays; it is put back after every step, as noisy as the rest
    (Lugmayr et al. 2022, eq. 8).
    """
    scheduler = DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="trailing", clip_sample=False)
    scheduler.set_timesteps(STEPS)
    n, side = len(captions), pipe.unet.config.sample_size
    told, _ = pipe.encode_prompt(list(captions), pipe.device, 1, False)
    untold, _ = pipe.encode_prompt([""] * n, pipe.device, 1, False)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((n, pipe.unet.config.in_channels, side, side), generator=generator)
    known = None
    if kept is not None:
        known = pipe.vae.encode(2 * kept - 1).latent_dist.mean * pipe.vae.config.scaling_factor
    sample = noise
    for t, previous in pairwise([*scheduler.timesteps.tolist(), -1]):
        without, with_words = pipe.unet(torch.cat([sample] * 2), t, torch.cat([untold, told])).sample.chunk(2)
        sample = scheduler.step(without + guidance * (with_words - without), t, sample).prev_sample
        if known is not None:
            back = known if previous < 0 else scheduler.add_noise(known, noise, torch.tensor([previous]))
            sample = torch.cat([back[:, :, : side // 2], sample[:, :, side // 2 :]], dim=2)
    pixels = pipe.vae.decode(sample / pipe.vae.config.scaling_factor).sample
    return (pixels / 2 + 0.5).clamp(0, 1).float()
