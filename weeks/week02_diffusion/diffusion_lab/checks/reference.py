"""What the checks of week 2 ask with and compare with. A notebook that is graded cannot import it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

from coursekit.inputs import gaussian, seed_from
from coursekit.scenes import sample_scenes
from diffusion_lab import probes

THEIR_NAMES = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}

PREDICTIONS = ("epsilon", "sample", "v_prediction")


def any_schedule(rng: np.random.Generator, steps: int = 1000) -> torch.Tensor:
    """Alpha-bar of a linear schedule that nobody has seen, float32 (steps,): from nearly all signal to nearly none."""
    end = float(rng.uniform(12, 18)) / steps  # the sum of the betas is then 6 to 9
    return DDPMScheduler(steps, beta_start=0.1 / steps, beta_end=end).alphas_cumprod


def column(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Values (n,) shaped to meet a batch (n, ...)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def scheduler(kind: type, kept: torch.Tensor, **settings):
    """A scheduler of diffusers with this alpha-bar: any schedule is its betas."""
    before = torch.cat([torch.ones(1, dtype=torch.float64), kept.double()])
    betas = (1 - before[1:] / before[:-1]).numpy()
    made = kind(num_train_timesteps=len(kept), trained_betas=betas, **settings)
    made.alphas_cumprod = kept.clone()  # to the last digit
    return made


# --- 3 diffusion_loss -----------------------------------------------------------------------------------------------


def reference_loss(weight: float, clean, t, noise, kept, prediction: str):
    """The loss of a `probes.Denoiser` and its slope, by the library's scheduler."""
    library = scheduler(DDPMScheduler, kept)
    target = {"epsilon": noise, "sample": clean, "v_prediction": library.get_velocity(clean, noise, t)}[prediction]
    model = probes.Denoiser(weight)
    loss = F.mse_loss(model(library.add_noise(clean, noise, t), t), target)
    loss.backward()
    return loss.detach(), model.weight.grad


# --- 4 ddpm_step ----------------------------------------------------------------------------------------------------


def library_ddpm(kept: torch.Tensor, steps: int, epsilon, noisy, t: int, seed: int):
    """diffusers' DDPM step of a sampler of `steps` steps, and the fresh noise it draws from the seed."""
    library = scheduler(DDPMScheduler, kept, clip_sample=False)
    library.set_timesteps(steps)
    wanted = library.step(epsilon, t, noisy, generator=torch.Generator().manual_seed(seed)).prev_sample
    return wanted, torch.randn(epsilon.shape, generator=torch.Generator().manual_seed(seed))


def one_step_back(kept, t, epsilon, noisy, noise):
    now, then = kept[t], kept[t - 1]
    clean = (noisy - (1 - now).sqrt() * epsilon) / now.sqrt()
    alpha = now / then
    mean = then.sqrt() * (1 - alpha) / (1 - now) * clean + alpha.sqrt() * (1 - then) / (1 - now) * noisy
    return mean + ((1 - then) / (1 - now) * (1 - alpha)).sqrt() * noise


# --- 5 ddim_step ----------------------------------------------------------------------------------------------------


def library_ddim(kept: torch.Tensor, steps: int, epsilon, noisy, t: int, eta: float, noise):
    """diffusers' DDIM step of a sampler of `steps` steps."""
    library = scheduler(DDIMScheduler, kept, clip_sample=False, set_alpha_to_one=True)
    library.set_timesteps(steps)
    return library.step(epsilon, t, noisy, eta=eta, variance_noise=noise).prev_sample


# --- 6 timesteps ----------------------------------------------------------------------------------------------------


def library_times(n: int, spacing: str, total: int) -> list[int]:
    """diffusers' times."""
    library = DDIMScheduler(num_train_timesteps=total, timestep_spacing=spacing, steps_offset=0)
    library.set_timesteps(n)
    return library.timesteps.tolist()


# --- 6 dpm_step -----------------------------------------------------------------------------------------------------


def library_dpm(
    kept: torch.Tensor, times: list[int], noisy: torch.Tensor, guess, second: torch.Tensor | None = None
) -> list[torch.Tensor]:
    """The samples that diffusers' DPM-Solver++(2M) walks through over these times, with guess(noisy, t) for clean.

    second: where to walk on from after the first step, instead of where it led.
    """
    library = scheduler(
        DPMSolverMultistepScheduler, kept, prediction_type="sample", lower_order_final=False, solver_order=2
    )
    library.set_timesteps(timesteps=times)
    seen = [noisy]
    for t in times[:-1]:
        seen.append(library.step(guess(seen[-1], t), t, seen[-1]).prev_sample)
        if second is not None and len(seen) == 2:
            seen[-1] = second
    return seen


def strides(rng: np.random.Generator, n: int) -> list[int]:
    """`n` of 1000 times, descending, in strides of different lengths."""
    middles = np.linspace(900, 100, n)
    return [int(t) for t in middles + rng.uniform(-0.25, 0.25, size=n) * (middles[0] - middles[1])]


# --- 8 text_to_image ------------------------------------------------------------------------------------------------


def some_wishes(rng: np.random.Generator, n: int) -> list[str]:
    """Captions that nobody has seen."""
    return [scene.caption() for scene in sample_scenes(n, 1, seed_from(rng))]


def library_pictures(pipe, prompts: list[str], latents: torch.Tensor, steps: int, guidance: float) -> torch.Tensor:
    """What the pipeline itself paints, float (n, 3, h, w) in [0, 1]."""
    pipe.set_progress_bar_config(disable=True)
    with torch.no_grad():
        return pipe(
            prompts, latents=latents, num_inference_steps=steps, guidance_scale=guidance, output_type="pt"
        ).images.float()


# --- 9 attention -----------------------------------------------------------------------------------------------------


def library_attention(queries: torch.Tensor, keys: torch.Tensor, heads: int) -> torch.Tensor:
    """What `attention_weights` of the notebook returns, by torch's own attention, with an identity for values."""
    q, k = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (queries, keys))
    tokens = torch.eye(keys.shape[1], dtype=q.dtype, device=q.device).expand(*k.shape[:3], keys.shape[1])
    return F.scaled_dot_product_attention(q, k, tokens).mean(dim=1)


# --- 10 sdedit ------------------------------------------------------------------------------------------------------


def library_start(strength: float, times: list[int], kept: torch.Tensor, clean, noise):
    """The noised sample and the remaining times, as diffusers' image-to-image pipeline has them."""
    from diffusers import StableDiffusionImg2ImgPipeline

    class Bare:  # all that get_timesteps reads
        scheduler = type("", (), {"timesteps": torch.tensor(times), "order": 1})()

    remaining = StableDiffusionImg2ImgPipeline.get_timesteps(Bare, len(times), strength, "cpu")[0].tolist()
    if not remaining:
        return clean, []
    library = scheduler(DDPMScheduler, kept)
    return library.add_noise(clean, noise, torch.tensor(remaining[:1])), remaining


# --- 11 inpaint -----------------------------------------------------------------------------------------------------


def reference_inpaint(
    step: Callable[[torch.Tensor, int, int], torch.Tensor],
    start: torch.Tensor,
    clean: torch.Tensor,
    mask: torch.Tensor,
    times: Sequence[int],
    kept: torch.Tensor,
    noise: torch.Tensor,
) -> torch.Tensor:
    """The same, written with the library's noising."""
    library, sample = scheduler(DDPMScheduler, kept), start
    for t, previous in pairwise([*times, -1]):
        sample = step(sample, t, previous)
        known = clean if previous < 0 else library.add_noise(clean, noise, torch.tensor([previous]))
        sample = torch.where(mask.bool(), sample, known)
    return sample


def inpainting_task(rng: np.random.Generator, n: int = 2):
    """Everything `inpaint` is given, but the step; and weights to make a step of."""
    kept, times = any_schedule(rng), sorted((int(t) for t in rng.choice(1000, 5, replace=False)), reverse=True)
    start, clean, noise = (gaussian(rng, n, 3, 6, 6) for _ in range(3))
    mask = torch.from_numpy(rng.integers(0, 2, size=(n, 1, 6, 6))).float()
    return [start, clean, mask, times, kept, noise], [float(w) for w in rng.uniform(0.3, 0.9, size=3)]


def walk(step, sample, times):
    for t, previous in pairwise([*times, -1]):
        sample = step(sample, t, previous)
    return sample
