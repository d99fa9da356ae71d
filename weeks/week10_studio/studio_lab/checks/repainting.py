"""Repainting by the formula of section 7, and by it with known mistakes, for the checks of `edit`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler
from PIL import Image

from studio_lab.checks.reference import inside, model, pixels

DDIM: Any = DDIMScheduler  # its library has no types for it
SLIPS = {  # {message: the mistake, as `repainted` makes it}
    "the known part is never put back: what is new knows nothing of what is there": "apart",
    "the known part has the noise of the time before: step i has reached timesteps[i + 1]": "late",
    "the known part is put back without its noise, beside latents that have theirs": "clean",
    "the known part is put back only at the end": "once",
}


def repainted(
    picture: Image.Image, region: Any, prompt: str, seed: int, steps: int, guidance: float, mistake: str = ""
) -> Image.Image:
    """The formula of section 7, by a loop of our own over the library's scheduler. mistake: one of SLIPS."""
    pipe = model("diffusion").model
    scheduler = DDIM.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(steps)
    array = torch.from_numpy(np.asarray(picture.convert("RGB"))).permute(2, 0, 1)[None].float() / 127.5 - 1
    within = inside(region, *picture.size)
    with torch.no_grad():
        z = pipe.vae.encode(array).latent_dist.mean * pipe.vae.config.scaling_factor
        rows, columns = (side // cells for side, cells in zip(within.shape, z.shape[-2:], strict=True))
        cells = within.reshape(z.shape[-2], rows, z.shape[-1], columns).any(axis=(1, 3))
        m = torch.from_numpy(cells).float()
        epsilon = torch.randn(z.shape, generator=torch.Generator().manual_seed(seed))
        told, empty = (_states(pipe, text) for text in (prompt, ""))
        x, times = epsilon, scheduler.timesteps.tolist()
        for i, t in enumerate(times):
            without, given = (pipe.unet(x, t, encoder_hidden_states=states).sample for states in (empty, told))
            x = scheduler.step(without + guidance * (given - without), t, x).prev_sample
            last = i + 1 == len(times)
            kept = 1.0 if last or mistake == "clean" else float(scheduler.alphas_cumprod[times[i + 1]])
            kept = float(scheduler.alphas_cumprod[t]) if mistake == "late" else kept
            if mistake != "apart" and (last or mistake != "once"):
                x = m * x + (1 - m) * (kept**0.5 * z + (1 - kept) ** 0.5 * epsilon)
        painted = pipe.vae.decode(x / pipe.vae.config.scaling_factor).sample[0]
    new = (127.5 * (painted.clamp(-1, 1) + 1)).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(np.where(within[..., None], new, np.asarray(picture.convert("RGB"))))


def _states(pipe: Any, text: str) -> torch.Tensor:
    length = pipe.tokenizer.model_max_length
    ids = pipe.tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt").input_ids
    states: torch.Tensor = pipe.text_encoder(ids)[0]
    return states


def apart(one: Any, other: Image.Image, within: np.ndarray) -> float:
    """How far two pictures are apart where `within` is true, in the mean, of 255."""
    a, b = pixels(one), pixels(other)
    if a.shape != b.shape:
        raise AssertionError(f"the picture has shape {a.shape} where {b.shape} was expected")
    return float(np.abs(a - b)[within].mean())
