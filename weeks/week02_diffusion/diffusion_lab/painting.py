"""Painting with a pipeline: the notebook's figures use these, so that they are there whatever the answers are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from diffusers import DDIMScheduler
from PIL import Image

from diffusion_lab.data import to_pictures

AttentionFunction = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]
GuideFunction = Callable[[Any, torch.Tensor, Any, torch.Tensor, torch.Tensor, float], torch.Tensor]


def start(pipe: Any, n: int, seed: int = 0) -> torch.Tensor:
    """Gaussian noise to paint `n` pictures from: latents (n, c, h, w) on the pipeline's device, the same everywhere."""
    size = pipe.unet.config.sample_size
    shape = (n, pipe.unet.config.in_channels, size, size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(pipe.unet.device, pipe.unet.dtype)


def paint(
    pipe: Any,
    captions: Sequence[str],
    steps: int = 25,
    guidance: float = 3.0,
    seed: int = 0,
    sampler: type[Any] | None = None,
    negative: str | None = None,
    guided: GuideFunction | None = None,
) -> list[Image.Image]:
    """One picture a caption. sampler: a scheduler's class, in place of the pipeline's own.  negative: what to avoid.

    guided: as the notebook's. Guidance below 1 works too, where the library's own call would not mix in the empty
    caption.
    """
    with torch.no_grad():
        answer = guided_answer(pipe, captions, guidance, negative or "", guided)
        scheduler = (sampler or type(pipe.scheduler)).from_config(pipe.scheduler.config)
        scheduler.set_timesteps(steps, device=pipe.unet.device)
        sample = start(pipe, len(captions), seed) * scheduler.init_noise_sigma
        generator = torch.Generator().manual_seed(seed + 1)  # for samplers that add noise
        for t in scheduler.timesteps:
            more = {"generator": generator} if "generator" in scheduler.step.__code__.co_varnames else {}
            noise = answer(scheduler.scale_model_input(sample, t), t)
            sample = scheduler.step(noise, t, sample, **more).prev_sample
        return to_pictures(decode(pipe, sample))


def text_states(pipe: Any, texts: Sequence[str]) -> torch.Tensor:
    """What the UNet attends to: (n, tokens, d)."""
    length = pipe.tokenizer.model_max_length
    tokens = pipe.tokenizer(list(texts), padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return pipe.text_encoder(tokens.input_ids.to(pipe.text_encoder.device))[0]


def guided_answer(
    pipe: Any, captions: Sequence[str], guidance: float, negative: str = "", guided: GuideFunction | None = None
) -> Callable[[torch.Tensor, Any], torch.Tensor]:
    """answer(latents, t): what the UNet predicts with classifier-free guidance. guided: as the notebook's."""
    told, empty = text_states(pipe, captions), text_states(pipe, [negative] * len(captions))

    def answer(latents: torch.Tensor, t: Any) -> torch.Tensor:
        if guided:
            return guided(pipe.unet, latents, t, told, empty, guidance)
        if guidance == 1:  # the empty caption would not count
            return pipe.unet(latents, t, encoder_hidden_states=told).sample
        both = pipe.unet(torch.cat([latents] * 2), t, encoder_hidden_states=torch.cat([empty, told])).sample
        without, given = both.chunk(2)
        return without + guidance * (given - without)

    return answer


def paint_by(
    pipe: Any,
    captions: Sequence[str],
    step: Callable[..., torch.Tensor],
    times: Sequence[int],
    guidance: float = 3.0,
    seed: int = 0,
) -> list[Image.Image]:
    """One picture a caption, step by step.

    step: called as step(epsilon, noisy, t, previous, kept, noise=...), as the notebook's `ddpm_step` and `ddim_step`.
    times: descending; after the last comes -1, the end.
    """
    with torch.no_grad():
        answer, kept = guided_answer(pipe, captions, guidance), pipe.scheduler.alphas_cumprod
        sample, generator = start(pipe, len(captions), seed), torch.Generator().manual_seed(seed + 1)
        for t, previous in pairwise([*times, -1]):
            clean = clean_guess(pipe, answer(sample, t), sample, t)
            fresh = torch.randn(sample.shape, generator=generator).to(sample)
            sample = step(noise_beside(pipe, clean, sample, t), sample, t, previous, kept, noise=fresh)
        return to_pictures(decode(pipe, sample))


def with_memory(dpm_step: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """The notebook's `dpm_step` as a step for `paint_by`: it is given the guess of the step before."""
    last: dict[str, Any] = {}

    def step(
        epsilon: torch.Tensor, noisy: torch.Tensor, t: int, previous: int, kept: torch.Tensor, noise: Any = None
    ) -> torch.Tensor:
        clean = (noisy - (1 - kept[t]).sqrt() * epsilon) / kept[t].sqrt()
        past = (last["clean"], last["t"]) if last.get("t", -1) > t else ()  # else a new walk begins
        last.update(clean=clean, t=t)
        return clean if previous < 0 else dpm_step(clean, noisy, t, previous, kept, *past)

    return step


def ddim(pipe: Any, steps: int = 1) -> DDIMScheduler:
    """diffusers' DDIM with this pipeline's schedule, spaced "trailing": from pure noise to the picture."""
    scheduler = DDIMScheduler.from_config(pipe.scheduler.config, timestep_spacing="trailing", clip_sample=False)
    scheduler.set_timesteps(steps)
    return scheduler


def clean_guess(pipe: Any, answer: torch.Tensor, noisy: torch.Tensor, t: int) -> torch.Tensor:
    """The clean latents that an answer of this pipeline's UNet stands for."""
    return ddim(pipe).step(answer, t, noisy).pred_original_sample


def times(pipe: Any, steps: int) -> list[int]:
    """The times of `steps` steps, descending."""
    return ddim(pipe, steps).timesteps.tolist()


def stepper(pipe: Any, captions: str | Sequence[str], guidance: float) -> Callable[..., torch.Tensor]:
    """step(sample, t, previous): one guided DDIM step towards the captions. One caption serves every sample."""
    answers: dict[int, Any] = {}

    @torch.no_grad()
    def step(sample: torch.Tensor, t: int, previous: int) -> torch.Tensor:
        n = len(sample)
        if n not in answers:
            answers[n] = guided_answer(pipe, [captions] * n if isinstance(captions, str) else captions, guidance)
        clean = clean_guess(pipe, answers[n](sample, t), sample, t)
        return noised(pipe, clean, noise_beside(pipe, clean, sample, t), previous)

    return step


def noise_beside(pipe: Any, clean: torch.Tensor, noisy: torch.Tensor, t: int) -> torch.Tensor:
    """The noise that makes `noisy` of `clean` at time t."""
    kept = pipe.scheduler.alphas_cumprod[t].to(noisy)
    return (noisy - kept.sqrt() * clean) / (1 - kept).sqrt()


def noised(pipe: Any, clean: torch.Tensor, noise: torch.Tensor, t: int) -> torch.Tensor:
    """Clean latents as they are at time t; -1 is the end, where they are as they were."""
    return pipe.scheduler.add_noise(clean, noise, torch.tensor([t], device=clean.device)) if t >= 0 else clean


@torch.no_grad()
def encode(pipe: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Pictures (n, 3, height, width) in [-1, 1] to latents, at the scale that the UNet knows."""
    side = pipe.unet.config.sample_size * 2 ** (len(pipe.vae.config.block_out_channels) - 1)
    if pixels.shape[-1] != side:
        pixels = torch.nn.functional.interpolate(pixels, (side, side), mode="bicubic")
    mean = pipe.vae.encode(pixels.to(pipe.vae.device, pipe.vae.dtype)).latent_dist.mean
    return mean * pipe.vae.config.scaling_factor


@torch.no_grad()
def decode(pipe: Any, latents: torch.Tensor) -> torch.Tensor:
    """Latents to pictures, float32 (n, 3, height, width) in [0, 1] on the CPU."""
    pixels = pipe.vae.decode(latents.to(pipe.vae.dtype) / pipe.vae.config.scaling_factor).sample
    return (pixels / 2 + 0.5).clamp(0, 1).float().cpu()


def right_half(pipe: Any, n: int) -> torch.Tensor:
    """A mask of latents (n, 1, h, w): 1 on the right half, which is to be painted anew."""
    size = pipe.unet.config.sample_size
    mask = torch.zeros((n, 1, size, size), device=pipe.unet.device, dtype=pipe.unet.dtype)
    mask[..., size // 2 :] = 1
    return mask


def frame(pipe: Any, n: int) -> torch.Tensor:
    """A mask of latents (n, 1, h, w): 1 on a frame around the middle, for outpainting."""
    mask = torch.ones_like(right_half(pipe, n))
    edge = mask.shape[-1] // 8
    mask[..., edge:-edge, edge:-edge] = 0
    return mask


def repaint(
    pipe: Any,
    step: Callable[..., torch.Tensor],
    begin: torch.Tensor,
    clean: torch.Tensor,
    mask: torch.Tensor,
    times: Sequence[int],
    rounds: int = 1,
    seed: int = 0,
) -> torch.Tensor:
    """Inpainting with resampling (Lugmayr et al. 2022, algorithm 1): each step is taken `rounds` times.

    Between two rounds the sample is noised again, from `previous` back up to t, so that the two regions can agree.
    """
    kept, sample, generator = pipe.scheduler.alphas_cumprod, begin, torch.Generator().manual_seed(seed + 1)
    for t, previous in pairwise([*times, -1]):
        for left in reversed(range(rounds)):
            known = noised(pipe, clean, begin, previous)
            after = mask * step(sample, t, previous) + (1 - mask) * known
            if left:
                alpha = kept[t] / (kept[previous] if previous >= 0 else 1.0)
                fresh = torch.randn(after.shape, generator=generator).to(after)
                sample = alpha.sqrt() * after + (1 - alpha).sqrt() * fresh
            else:
                sample = after
    return sample


# --- attention --------------------------------------------------------------------------------------------------------


def watch(
    pipe: Any,
    caption: str,
    attention: AttentionFunction | None = None,
    steps: int = 12,
    guidance: float = 3.0,
    seed: int = 0,
    side: int = 64,
) -> tuple[Image.Image, list[tuple[str, torch.Tensor]]]:
    """Paint a caption, and for each of its words where the UNet listened to it.

    attention: as `attention_weights` of the notebook; by default what diffusers' layers attend with.
    Returns the picture, and for each token of the caption the token and its map, float32 (side, side): the mean over
    layers and steps of the attention to it, and over the caption only, without the empty one that guidance needs.
    """
    seen: list[torch.Tensor] = []

    def keep(module: Any, args: Any, kwargs: Any, _: Any) -> None:
        hidden = args[0] if args else kwargs["hidden_states"]
        states = kwargs["encoder_hidden_states"]
        queries, keys = module.to_q(hidden)[-1:], module.to_k(states)[-1:]  # the told one is last
        if attention:
            weights = attention(queries, keys, module.heads)
        else:
            weights = module.get_attention_scores(module.head_to_batch_dim(queries), module.head_to_batch_dim(keys))
            weights = weights.mean(dim=0, keepdim=True)  # over the heads
        size = round(weights.shape[1] ** 0.5)
        maps = torch.as_tensor(weights).float().reshape(1, size, size, -1).permute(0, 3, 1, 2)
        seen.append(torch.nn.functional.interpolate(maps, (side, side), mode="bilinear")[0].cpu())

    layers = [module for name, module in pipe.unet.named_modules() if name.endswith("attn2")]
    hooks = [layer.register_forward_hook(keep, with_kwargs=True) for layer in layers]
    try:
        (picture,) = paint(pipe, [caption], steps, guidance, seed)
    finally:
        for hook in hooks:
            hook.remove()
    mean = torch.stack(seen).mean(dim=0)
    ids = pipe.tokenizer(caption, truncation=True).input_ids
    words = [pipe.tokenizer.decode([token]).replace("</w>", "").strip() for token in ids]
    return picture, [(word, mean[i]) for i, word in enumerate(words)][1:-1]  # without the marks of start and end
