"""What the exercises of week 2 ask for, as diffusers and torch have it: figures draw these where an answer is open.

Each takes what the notebook's function of the same name takes. A notebook that is graded cannot import them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, DDPMScheduler

from diffusion_lab.checks.reference import (
    THEIR_NAMES,
    library_attention,
    library_dpm,
    library_start,
    library_times,
    reference_inpaint,
    scheduler,
)

Tensor = torch.Tensor


def signal_kept(schedule: str, steps: int = 1000, start: float = 1e-4, end: float = 0.02) -> Tensor:
    """Alpha-bar of a schedule, (steps,)."""
    kept: Tensor = DDPMScheduler(
        steps, beta_start=start, beta_end=end, beta_schedule=THEIR_NAMES[schedule]
    ).alphas_cumprod
    return kept


def add_noise(clean: Tensor, noise: Tensor, t: Tensor, kept: Tensor) -> Tensor:
    """Every sample of a batch, noised to its own time."""
    noised: Tensor = scheduler(DDPMScheduler, kept).add_noise(clean, noise, t)
    return noised


def clean_and_noise(output: Tensor, noisy: Tensor, t: Tensor, kept: Tensor, prediction: str) -> tuple[Tensor, Tensor]:
    """The clean samples and the noise that a network's answers stand for."""
    walks = scheduler(DDIMScheduler, kept, prediction_type=prediction, clip_sample=False)
    walks.set_timesteps(len(kept))
    clean = torch.cat(
        [walks.step(output[i : i + 1], int(u), noisy[i : i + 1]).pred_original_sample for i, u in enumerate(t)]
    )
    rest = noisy - walks.add_noise(clean, torch.zeros_like(clean), t)
    return clean, rest / walks.add_noise(torch.zeros_like(clean), torch.ones_like(clean), t)


def diffusion_loss(
    model: Any, clean: Tensor, t: Tensor, noise: Tensor, kept: Tensor, prediction: str = "epsilon"
) -> Tensor:
    """The training loss of a batch."""
    walks = scheduler(DDPMScheduler, kept)
    targets = {"epsilon": noise, "sample": clean, "v_prediction": walks.get_velocity(clean, noise, t)}
    return F.mse_loss(model(walks.add_noise(clean, noise, t), t), targets[prediction])


def ddim_step(
    epsilon: Tensor, noisy: Tensor, t: int, previous: int, kept: Tensor, eta: float = 0.0, noise: Tensor | None = None
) -> Tensor:
    """A step between any two times: to diffusers they are the only two there are."""
    two = DDIMScheduler(2, clip_sample=False, set_alpha_to_one=True)
    two.alphas_cumprod = torch.stack([kept[previous] if previous >= 0 else torch.ones_like(kept[t]), kept[t]])
    two.set_timesteps(2)
    stepped: Tensor = two.step(epsilon, 1, noisy, eta=eta, variance_noise=noise).prev_sample
    return stepped


def ddpm_step(epsilon: Tensor, noisy: Tensor, t: int, previous: int, kept: Tensor, noise: Tensor) -> Tensor:
    """Ancestral sampling is DDIM with eta 1 (Song et al. 2021, section 4.1)."""
    return ddim_step(epsilon, noisy, t, previous, kept, 1.0, noise)


def timesteps(n: int, spacing: str, total: int = 1000) -> list[int]:
    """The times of a sampler of n steps, descending."""
    return library_times(n, spacing, total)


def dpm_step(
    clean: Tensor,
    noisy: Tensor,
    t: int,
    previous: int,
    kept: Tensor,
    earlier: Tensor | None = None,
    before: int | None = None,
) -> Tensor:
    """A step of DPM-Solver++(2M): diffusers' second, where there was one before."""
    if before is None:
        return library_dpm(kept, [t, previous], noisy, lambda *_: clean)[-1]
    guesses = {before: earlier, t: clean}
    return library_dpm(kept, [before, t, previous], noisy, lambda _, u: guesses[u], second=noisy)[-1]


def guided(unet: Callable[..., Any], latents: Tensor, t: Any, states: Tensor, empty: Tensor, scale: float) -> Tensor:
    """The answer with classifier-free guidance."""
    told, without = (unet(latents, t, encoder_hidden_states=texts).sample for texts in (states, empty))
    return torch.lerp(without, told, scale)


def attention_weights(queries: Tensor, keys: Tensor, heads: int) -> Tensor:
    """How strongly every place looks at every token."""
    return library_attention(queries, keys, heads)


def edit_start(clean: Tensor, noise: Tensor, strength: float, times: list[int], kept: Tensor) -> tuple[Tensor, Any]:
    """Where image-to-image begins, and the times left."""
    return library_start(strength, times, kept, clean, noise)


inpaint = reference_inpaint
