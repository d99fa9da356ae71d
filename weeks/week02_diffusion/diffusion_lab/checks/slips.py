"""What known mistakes give, for the visible checks of week 2 to name them: {message: value}."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from coursekit.checks import Slip
from coursekit.student import StudentError

Tensor = torch.Tensor
DRAWS = "the same call gives something else each time: something random is drawn inside; use the noise that is given"

UNPADDED = "texts are padded to the longest of them; they must be padded to tokenizer.model_max_length"


def fits_every_shape(call: Callable[[], Any], message: str) -> Any:
    """What `call` returns. What fails on the shape of its samples is named by the message."""
    try:
        return call()
    except StudentError as error:
        if error.kind == "RuntimeError" and "size" in error.message:
            raise Slip(f"{message} ({error.message})") from None
        raise


def assert_draws_nothing(call: Callable[[], Any]) -> None:
    """The same call gives the same again."""
    first, second = torch.as_tensor(call()), torch.as_tensor(call())
    if first.shape == second.shape and not torch.allclose(first, second, equal_nan=True):
        raise Slip(DRAWS)


def alone(found: Tensor, slips: dict[str, Tensor]) -> None:
    """Raise the Slip of the mistake that alone gives all of what was found."""
    hit = {k: v for k, v in slips.items() if torch.allclose(found, v, atol=2e-3, rtol=1e-3)}
    if len(hit) == 1:
        raise Slip(next(iter(hit)))


def cosines_gone_wrong(steps: int) -> dict[str, Tensor]:
    """Cosine schedules (steps,)."""

    def kept(offset: float, most: float, power: int) -> Tensor:
        level = torch.cos((torch.arange(steps + 1).double() / steps + offset) / (1 + offset) * torch.pi / 2) ** power
        return (1 - (1 - level[1:] / level[:-1]).clamp(max=most)).cumprod(0).float()

    return {
        "cosine: a beta above 0.999: at the end nothing at all is left": kept(0.008, 1.0, 2),
        "cosine: the 0.008 is missing": kept(0.0, 0.999, 2),
        "cosine: f is the square of the cosine": kept(0.008, 0.999, 1),
    }


def conversions_gone_wrong(
    prediction: str, output: Tensor, noisy: Tensor, a: Tensor, b: Tensor
) -> dict[str, tuple[Tensor, Tensor]]:
    """Clean samples and noises that an answer does not stand for."""

    def convert(a: Tensor, b: Tensor, prediction: str = prediction) -> tuple[Tensor, Tensor]:
        if prediction == "epsilon":
            return (noisy - b * output) / a, output
        if prediction == "sample":
            return output, (noisy - a * output) / b
        return a * noisy - b * output, b * noisy + a * output

    clean, noise = convert(a, b)
    wrong = {
        "the two are exchanged: the clean sample comes first": (noise, clean),
        "the factors are the variances; they are their roots": convert(a**2, b**2),
        "the clean sample is cut off; latents and points know no bounds": (clean.clamp(-1, 1), noise),
    }
    if prediction == "epsilon":
        wrong["divided by the wrong factor: the clean sample has the factor a"] = ((noisy - b * output) / b, output)
    if prediction == "v_prediction":
        wrong |= {
            "a sign of v: the clean sample is a x - b v": (a * noisy + b * output, noise),
            "a sign of v: the noise is b x + a v": (clean, b * noisy - a * output),
            "v is taken for the noise": convert(a, b, "epsilon"),
            "v is taken for the clean sample": convert(a, b, "sample"),
        }
    return wrong


def posterior(epsilon: Tensor, noisy: Tensor, now: Tensor, then: Tensor, noise: Tensor, turn: bool = False) -> Tensor:
    """Ho's posterior with these two levels. turn: its two factors exchanged."""
    clean, alpha = (noisy - (1 - now).sqrt() * epsilon) / now.sqrt(), now / then
    first, second = (noisy, clean) if turn else (clean, noisy)
    mean = then.sqrt() * (1 - alpha) / (1 - now) * first + alpha.sqrt() * (1 - then) / (1 - now) * second
    spread: Tensor = ((1 - then) / (1 - now) * (1 - alpha)).sqrt()
    return mean + spread * noise


def posteriors_gone_wrong(
    epsilon: Tensor, noisy: Tensor, now: Tensor, then: Tensor, noise: Tensor
) -> dict[str, Tensor]:
    """Steps of DDPM."""
    clean = (noisy - (1 - now).sqrt() * epsilon) / now.sqrt()
    moved = posterior(epsilon, noisy, now, then, noise)
    weight = then.sqrt() * (1 - now / then) / (1 - now)
    return {
        "the two factors of the mean are exchanged": posterior(epsilon, noisy, now, then, noise, turn=True),
        "the clean guess is cut off to [-1, 1]; latents and points know no bounds": moved
        + weight * (clean.clamp(-1, 1) - clean),
    }


def ddims_gone_wrong(
    epsilon: Tensor, noisy: Tensor, now: Tensor, then: Tensor, eta: float, noise: Tensor
) -> dict[str, Tensor]:
    """Steps of DDIM."""
    clean = (noisy - (1 - now).sqrt() * epsilon) / now.sqrt()
    full = ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
    sigma = eta * full
    slips = {
        "the clean guess is returned: mix the noise in again": clean,
        "mixed for time t again: the new level is that of `previous`": now.sqrt() * clean
        + (1 - now - sigma**2).clamp(min=0).sqrt() * epsilon
        + sigma * noise,
        "mixed by the variances; the factors are their roots": then * clean
        + (1 - then - sigma**2) * epsilon
        + sigma * noise,
    }
    if eta:
        slips |= {
            "eta adds noise, and as much must be taken from the guessed noise": then.sqrt() * clean
            + (1 - then).sqrt() * epsilon
            + sigma * noise,
            "eta is ignored": then.sqrt() * clean + (1 - then).sqrt() * epsilon,
            "that is eta 1, whatever eta is": then.sqrt() * clean
            + (1 - then - full**2).sqrt() * epsilon
            + full * noise,
        }
        for mistake, other in {
            "sigma has a root too few: 1 - kept[t] / kept[previous] stands under one as well": sigma
            * (1 - now / then).sqrt(),
            "sigma is squared: that is the variance": sigma**2,
        }.items():
            slips[mistake] = then.sqrt() * clean + (1 - then - other**2).sqrt() * epsilon + other * noise
    return slips


def times_gone_wrong(n: int, spacing: str) -> dict[str, list[int]]:
    """Lists of n of 1000 times."""
    from diffusion_lab.checks.reference import library_times

    wanted = {name: library_times(n, name, 1000) for name in ("leading", "linspace", "trailing")}
    wrong = {
        "ascending: a sampler begins with the noisiest time": wanted[spacing][::-1],
        "shifted by one: times are counted from 0": [t + 1 for t in wanted[spacing]],
    }
    for name, times in wanted.items():
        if name != spacing:
            wrong[f"those are the times of {name!r}"] = times
    if spacing == "linspace":
        wrong["cut off by int() instead of rounded"] = [int(t) for t in np.linspace(0, 999, n)[::-1]]
    if spacing == "trailing":
        wrong["cut off by int() instead of rounded"] = [int(1000 - i * 1000 / n) - 1 for i in range(n)]
        wrong["the stride is 1000 / n, which need not be whole"] = [999 - i * (1000 // n) for i in range(n)]
    return wrong


def strides_gone_wrong(
    kept: Tensor, noisy: Tensor, times: tuple[int, int, int], earlier: Tensor, guess: Tensor
) -> dict[str, Tensor]:
    """Second steps of DPM-Solver++, from times[1] to times[2] after one from times[0]."""
    u, t, s = times
    a, sigma = kept.sqrt(), (1 - kept).sqrt()
    level = (a / sigma).log()
    h = level[s] - level[t]
    r = (level[t] - level[u]) / h
    ratio, gain = sigma[s] / sigma[t], -a[s] * torch.expm1(-h)
    return {
        "the second step knows nothing of the first: use `earlier` and `before`": ratio * noisy + gain * guess,
        "the drift has the wrong sign": ratio * noisy + gain * ((1 - 1 / (2 * r)) * guess + 1 / (2 * r) * earlier),
        "r is the wrong way round: the stride before over this one": ratio * noisy
        + gain * ((1 + r / 2) * guess - r / 2 * earlier),
        "the strides are taken for equally long: r compares them": ratio * noisy + gain * (1.5 * guess - 0.5 * earlier),
        "strides are measured in lambda, and not in t": ratio * noisy
        + gain * (guess + (guess - earlier) * (t - s) / (2 * (u - t))),
        "the drift is twice as strong: it is (guess - earlier) / (2 r)": ratio * noisy
        + gain * (guess + (guess - earlier) / r),
    }


def _painted(
    pipe: Any,
    prompts: list[str],
    latents: Tensor,
    steps: int,
    guidance: float,
    mistakes: str = "",
    scaling: float | None = None,
) -> Tensor:
    """The pipeline's loop with mistakes in it, of "unpadded quiet raw": pixels (n, 3, h, w) in [0, 1]."""
    padding = True if "unpadded" in mistakes else "max_length"
    quiet, rescaled = "quiet" in mistakes, "raw" not in mistakes
    with torch.no_grad():
        states, empty = (
            pipe.text_encoder(pipe.tokenizer(texts, padding=padding, truncation=True, return_tensors="pt").input_ids)[0]
            for texts in (prompts, [""] * len(prompts))
        )
        pipe.scheduler.set_timesteps(steps)
        sample = latents * (1.0 if quiet else pipe.scheduler.init_noise_sigma)
        for t in pipe.scheduler.timesteps:
            seen = pipe.scheduler.scale_model_input(sample, t) if rescaled else sample
            if not rescaled:
                pipe.scheduler.is_scale_input_called = True  # else it warns
            told, without = (pipe.unet(seen, t, encoder_hidden_states=x).sample for x in (states, empty))
            sample = pipe.scheduler.step(without + guidance * (told - without), t, sample).prev_sample
        pixels = pipe.vae.decode(sample / (scaling or pipe.vae.config.scaling_factor)).sample
    return (pixels / 2 + 0.5).clamp(0, 1)


def pictures_gone_wrong(
    pipe: Any, prompts: list[str], latents: Tensor, steps: int, guidance: float
) -> dict[str, Tensor]:
    """What a painter with a mistake paints, (n, 3, h, w)."""
    factor = pipe.vae.config.scaling_factor
    return {
        "the texts are exchanged: it goes from the words to the empty text": _painted(
            pipe, prompts, latents, steps, 1 - guidance
        ),
        UNPADDED: _painted(pipe, prompts, latents, steps, guidance, "unpadded"),
        "latents must be divided by vae.config.scaling_factor": _painted(
            pipe, prompts, latents, steps, guidance, scaling=1.0
        ),
        "latents must be divided by vae.config.scaling_factor, and were multiplied": _painted(
            pipe, prompts, latents, steps, guidance, scaling=1 / factor
        ),
        "from the told answer on: that is guidance g + 1": _painted(pipe, prompts, latents, steps, guidance + 1),
    }


def eulers_gone_wrong(pipe: Any, prompts: list[str], latents: Tensor, steps: int, guidance: float) -> dict[str, Tensor]:
    """What a painter that forgets what Euler's sampler needs paints."""
    quiet, raw = (
        "the starting noise must be multiplied by scheduler.init_noise_sigma",
        "what the network sees must go through scheduler.scale_model_input",
    )
    return {
        quiet: _painted(pipe, prompts, latents, steps, guidance, "quiet"),
        raw: _painted(pipe, prompts, latents, steps, guidance, "raw"),
        f"{quiet}; and {raw}": _painted(pipe, prompts, latents, steps, guidance, "quiet raw"),
    }


def heads_across(queries: Tensor, keys: Tensor, heads: int) -> Tensor:
    """Attention whose head h has every heads-th feature."""
    from diffusion_lab.checks.reference import library_attention

    def sorted_by_head(x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, heads)).transpose(-1, -2).flatten(-2)

    return library_attention(sorted_by_head(queries), sorted_by_head(keys), heads)


def attention_gone_wrong(queries: Tensor, keys: Tensor, heads: int) -> dict[str, Tensor]:
    """Attention of heads that have 24 features together."""
    from diffusion_lab.checks.reference import library_attention

    logits = queries @ keys.transpose(1, 2)
    q, k = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (queries, keys))
    raw = q @ k.transpose(-1, -2)
    return {
        "one softmax over all features: each head has its own": (logits / 24**0.5).softmax(-1),
        "the softmax runs over the places: it runs over the tokens": (raw / q.shape[-1] ** 0.5).softmax(-2).mean(1),
        "the root of d is missing": raw.softmax(-1).mean(1),
        "divided by the root of all features: d is those of one head": (raw / 24**0.5).softmax(-1).mean(1),
        "averaged before the softmax: average the heads' weights": (raw.mean(1) / q.shape[-1] ** 0.5).softmax(-1),
        "the heads are summed: take their mean": heads * library_attention(queries, keys, heads),
        "head h has every heads-th feature; it has h * d up to (h + 1) * d": heads_across(queries, keys, heads),
    }


def inpainted_gone_wrong(
    step: Any, start: Tensor, clean: Tensor, mask: Tensor, times: list[int], kept: Tensor, noise: Tensor
) -> dict[str, Tensor]:
    """Inpaintings that put the known region back at the wrong place, time or level."""
    one, last = torch.tensor(1.0), len(times) - 1

    def walk(level: Any, before: bool = False, only: Any = None, mask: Tensor = mask, mix: str = "") -> Tensor:
        sample = start
        for i, (t, previous) in enumerate(pairwise([*times, -1])):
            left = level(t, previous)
            known = left.sqrt() * clean + (1 - left).sqrt() * noise
            if mix == "variances":
                known = left * clean + (1 - left) * noise
            elif mix == "loud":
                known = left.sqrt() * clean + noise * (previous >= 0)
            pasted = only is None or i in only
            if before and pasted:
                sample = mask * sample + (1 - mask) * known
            sample = step(sample, t, previous)
            if not before and pasted:
                sample = mask * sample + (1 - mask) * known
        return sample

    right = lambda t, previous: kept[previous] if previous >= 0 else one  # noqa: E731
    return {
        "the known region was put back only at the end: the network never saw it": walk(right, only={last}),
        "the known region is never put back": walk(right, only=set()),
        "the mask is used the wrong way round: 1 is where to paint": walk(right, mask=1 - mask),
        "the known region is put back without its noise; it must be as noisy as the rest": walk(lambda t, p: one),
        "the known region has the noise of t; after the step the sample is at `previous`": walk(
            lambda t, p: kept[t] if p >= 0 else one
        ),
        "the known region has the noise of t, even at the end": walk(lambda t, p: kept[t]),
        "the end is noisy: `kept[-1]` is the last entry of the tensor; at -1 all the signal is kept": walk(
            lambda t, p: kept[p]
        ),
        "-1 is taken for time 0: at the end all the signal is kept, 1": walk(lambda t, p: kept[max(p, 0)]),
        "the known region is put back before the step, and has to be after it": walk(lambda t, p: kept[t], before=True),
        "the known region is mixed by the variances; the factors are their roots": walk(right, mix="variances"),
        "the known region has its noise at full strength": walk(right, mix="loud"),
    }
