# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 2, and what to look for in the answer that a person grades."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler

from coursekit import models
from coursekit.checks import assert_close, assert_same, assert_shape, assert_that, check, evidence
from diffusion_lab import data, painting, points, probes
from diffusion_lab.checks.reference import (
    THEIR_NAMES,
    any_schedule,
    column,
    gaussian,
    inpainting_task,
    library_attention,
    library_ddim,
    library_ddpm,
    library_dpm,
    library_pictures,
    library_start,
    library_times,
    reference_inpaint,
    reference_loss,
    scheduler,
    some_wishes,
    strides,
)

REFLECTION = """
Three points, one each:
(a) the table, with no cell that contradicts the week: a denoised whole picture / one token; calls = steps (twice with
    guidance), whatever the size of the caption / one a token, growing with the picture's tokens; the start (and DDPM's
    fresh noise) / sampling each token; guidance and cross-attention / the prefix (guidance is possible too); a mask and
    the known part put back / only what follows, or infilling that was trained; needs a second model / natural;
(b) a requirement for the provider and one for the platform that differ, and an attack on the student's own rule;
(c) a number or a figure of the student's own notebook that bears on it, such as the strength at which SDEdit keeps a
    picture's content while its pixels change, or what inpainting leaves untouched.
"""

STEPS = 12
WATCHED = "a large red star left of a small blue circle on a white background"


# --- the judge's own copies of what the notebook works with ---------------------------------------------------------

painter = lru_cache(maxsize=1)(lambda: models.load("diffusion", profile="tiny", device="cpu").model)


def told_by(student) -> tuple[int, float]:
    """The notebook's own SEED and GUIDANCE: a student may choose others."""
    return int(student.SEED), float(student.GUIDANCE)


def as_picture(pixels, side: int = 96) -> np.ndarray:
    """Pixels (3, h, w) in [0, 1], or a map (h, w), as a picture (side, side, 3) in [0, 1]."""
    tensor = torch.as_tensor(np.asarray(pixels, dtype=np.float32)).nan_to_num().clamp(0, 1)
    tensor = tensor.expand(3, -1, -1) if tensor.ndim == 2 else tensor
    return F.interpolate(tensor[None], (side, side), mode="nearest")[0].permute(1, 2, 0).numpy()


def in_rows(*rows) -> np.ndarray:
    """Rows of pictures (3, h, w) below each other."""
    return np.concatenate([np.concatenate([as_picture(p) for p in row], axis=1) for row in rows])


def pictures_of(value, shape: tuple[int, ...], what: str) -> torch.Tensor:
    """An answer that must be a tensor of this shape, as float32."""
    assert_shape(value, shape, what)
    return torch.as_tensor(np.asarray(value, dtype=np.float32))


# --- 1 forward ------------------------------------------------------------------------------------------------------


@check("forward", weight=2)
def other_numbers(student, rng):
    """It holds for any number of steps and any betas. Were 1000, 1e-4 or 0.02 written into the function?"""
    for name, theirs in THEIR_NAMES.items():
        steps = int(rng.integers(40, 400))
        start, end = float(rng.uniform(5e-4, 2e-3)), float(rng.uniform(0.01, 0.04))
        wanted = DDPMScheduler(steps, beta_start=start, beta_end=end, beta_schedule=theirs).alphas_cumprod
        found = student.signal_kept(name, steps, start, end)
        assert_close(found, wanted, atol=1e-9, rtol=2e-3, what=f"{name}: with {steps} steps the result")


@check("forward")
def samples_of_any_shape(student, rng):
    """Points, sounds and pictures are mixed alike, in a batch of one too, and stay as they were."""
    kept = any_schedule(rng, 200)
    for shape in ((6, 2), (1, 3, 8, 8), (4, 1, 50)):
        clean, noise = gaussian(rng, *shape), gaussian(rng, *shape)
        t = torch.from_numpy(rng.integers(0, 200, size=shape[0]))
        left = column(kept[t], clean)
        after = student.library("diffusion_lab.probes").arguments_after(student.add_noise, clean, noise, t, kept)
        found = student.add_noise(clean, noise, t, kept)
        assert_close(found, left.sqrt() * clean + (1 - left).sqrt() * noise, what=f"with samples {shape} the result")
        assert_close(after[0], clean, what="the clean samples after the call")


@check("forward", weight=2)
def the_scene_dissolved(student, rng):
    """`dissolved` is the notebook's scene at its eight moments."""
    static = torch.randn((8, 3, 64, 64), generator=torch.Generator().manual_seed(told_by(student)[0]))
    moments = torch.tensor([0, 100, 200, 300, 450, 600, 800, 999])
    scene = data.scene_pixels().expand(8, -1, -1, -1)
    wanted = DDPMScheduler(beta_schedule="linear").add_noise(scene, static, moments)
    found = pictures_of(student.dissolved, wanted.shape, "dissolved")
    evidence("The scene dissolving: yours above, expected below", in_rows(found / 2 + 0.5, wanted / 2 + 0.5))
    assert_close(found, wanted, atol=2e-3, what="dissolved")


# --- 2 conversions --------------------------------------------------------------------------------------------------


@check("conversions")
def near_both_ends(student, rng):
    """Nearly clean and nearly pure noise, points as well as pictures, each sample with its own time."""
    kept = any_schedule(rng, 300)
    library, t = scheduler(DDPMScheduler, kept), torch.tensor([2, 40, 150, 297])
    for shape in ((4, 2), (4, 3, 5, 5)):
        clean, noise = gaussian(rng, *shape), gaussian(rng, *shape)
        noisy = library.add_noise(clean, noise, t)
        found = student.clean_and_noise(library.get_velocity(clean, noise, t), noisy, t, kept, "v_prediction")
        assert_close(found[0], clean, atol=1e-4, what=f"samples {shape}: the clean sample from v")
        assert_close(found[1], noise, atol=1e-4, what=f"samples {shape}: the noise from v")


@check("conversions")
def the_two_mix_to_the_noisy(student, rng):
    """Whatever the network answers, the two tensors mix to the noisy sample again."""
    kept, t = any_schedule(rng), torch.from_numpy(rng.integers(100, 900, size=3))
    noisy, output = gaussian(rng, 3, 2, 4, 4), gaussian(rng, 3, 2, 4, 4)
    left = column(kept[t], noisy)
    for prediction in ("epsilon", "sample", "v_prediction"):
        clean, noise = (torch.as_tensor(x) for x in student.clean_and_noise(output, noisy, t, kept, prediction))
        mixed = left.sqrt() * clean + (1 - left).sqrt() * noise
        assert_close(mixed, noisy, atol=1e-3, what=f"{prediction}: what the two mix to")


# --- 3 diffusion_loss -----------------------------------------------------------------------------------------------


@check("diffusion_loss", weight=2)
def pictures_too(student, rng):
    """A batch of pictures, with a time each, on a schedule of another length."""
    kept = any_schedule(rng, 60)
    clean, noise = gaussian(rng, 3, 2, 6, 6), gaussian(rng, 3, 2, 6, 6)
    t, weight = torch.from_numpy(rng.integers(0, 60, size=3)), float(rng.uniform(0.5, 1.5))
    asked = student.library("diffusion_lab.probes")
    for prediction in ("epsilon", "v_prediction"):
        loss, slope = asked.loss_and_slope(student.diffusion_loss, weight, clean, t, noise, kept, prediction)
        wanted = reference_loss(weight, clean, t, noise, kept, prediction)
        assert_close(loss, wanted[0], atol=1e-5, what=f"{prediction}: the loss")
        assert_close(slope, wanted[1], atol=1e-4, what=f"{prediction}: the slope of the loss")


@check("diffusion_loss", weight=2)
def the_model_learnt_the_star(student, rng):
    """`star_model` guesses the noise nearly as well as the best possible guesser."""
    losses = np.asarray(student.star_losses, dtype=float)
    assert_that(losses.shape[0] >= 300, f"`star_losses` has {losses.shape[0]} entries: was the training cut short?")
    assert_that(
        losses[-100:].mean() < 0.75 * losses[:10].mean(),
        f"the loss went from {losses[:10].mean():.2f} to {losses[-100:].mean():.2f}: nothing was learnt",
    )
    stars = points.star(4000, int(rng.integers(10**6)))
    asked, off, baseline = student.library("diffusion_lab.probes"), [], []
    for t in (10, 25, 45):
        clean = stars[torch.from_numpy(rng.integers(0, 4000, size=400))]
        noisy = points.KEPT[t].sqrt() * clean + (1 - points.KEPT[t]).sqrt() * gaussian(rng, 400, 2)
        best = points.ideal(noisy, t, stars)
        answer = torch.as_tensor(asked.answers_of(student.star_model, noisy, torch.full((400,), t)))
        assert_shape(answer, (400, 2), "the model's answer")
        off.append((answer - best).square().mean().item())
        baseline.append(best.square().mean().item())
    assert_that(
        np.mean(off) < 0.15 * np.mean(baseline),
        f"its guesses are {np.mean(off):.3f} off the best possible ones; those of a model that says nothing are "
        f"{np.mean(baseline):.3f} off",
    )


# --- 4 ddpm_step ----------------------------------------------------------------------------------------------------


def exact_ddpm(epsilon, noisy, t: int, previous: int, kept, noise) -> torch.Tensor:
    """The posterior of Ho et al. 2020, as the product of two Gaussians, in double precision."""
    now, then = kept[t].double(), kept[previous].double()
    clean = (noisy.double() - (1 - now).sqrt() * epsilon.double()) / now.sqrt()
    alpha = now / then
    # x_s has the prior N(sqrt(then) clean, 1 - then); noisy = sqrt(alpha) x_s + N(0, 1 - alpha)
    precision = 1 / (1 - then) + alpha / (1 - alpha)
    mean = (then.sqrt() * clean / (1 - then) + alpha.sqrt() * noisy.double() / (1 - alpha)) / precision
    return (mean + precision.rsqrt() * noise.double()).float()


@check("ddpm_step", weight=2)
def any_two_times(student, rng):
    """From any time to any earlier one, on any schedule, for samples of any shape."""
    for shape, theirs in (((5, 2), "squaredcos_cap_v2"), ((2, 3, 4, 4), "scaled_linear")):
        kept = DDPMScheduler(300, beta_end=0.04, beta_schedule=theirs).alphas_cumprod
        previous, t = sorted(int(x) for x in rng.choice(np.arange(5, 270), size=2, replace=False))
        epsilon, noisy, noise = (gaussian(rng, *shape) for _ in range(3))
        wanted = exact_ddpm(epsilon, noisy, t, previous, kept, noise)
        found = student.ddpm_step(epsilon, noisy, t, previous, kept, noise)
        assert_close(found, wanted, atol=5e-4, rtol=1e-3, what=f"from {t} to {previous} of 300 the result")


@check("ddpm_step")
def a_thousand_single_steps(student, rng):
    """Single steps, from t to t - 1, are diffusers' as well."""
    kept, t = any_schedule(rng), int(rng.integers(50, 950))
    epsilon, noisy = gaussian(rng, 4, 2), gaussian(rng, 4, 2)
    wanted, noise = library_ddpm(kept, 1000, epsilon, noisy, t, int(rng.integers(10**6)))
    assert_close(student.ddpm_step(epsilon, noisy, t, t - 1, kept, noise), wanted, atol=1e-4, rtol=1e-4)


# --- 5 ddim_step ----------------------------------------------------------------------------------------------------


@check("ddim_step", weight=2)
def eta_one_is_ddpm(student, rng):
    """With eta 1 it is DDPM, for any two times."""
    kept = any_schedule(rng, 400)
    previous, t = sorted(int(x) for x in rng.choice(np.arange(20, 380), size=2, replace=False))
    epsilon, noisy, noise = (gaussian(rng, 6, 2) for _ in range(3))
    found = student.ddim_step(epsilon, noisy, t, previous, kept, 1.0, noise)
    assert_close(found, exact_ddpm(epsilon, noisy, t, previous, kept, noise), atol=1e-3, rtol=1e-3)


@check("ddim_step")
def the_last_step(student, rng):
    """The step to -1 gives the clean guess, with any eta. `kept[-1]` is the last entry, not 1."""
    kept, t = any_schedule(rng), int(rng.integers(1, 100))
    clean, noise = gaussian(rng, 2, 3, 4, 4), gaussian(rng, 2, 3, 4, 4)
    noisy = kept[t].sqrt() * clean + (1 - kept[t]).sqrt() * noise
    for eta in (0.0, 1.0):
        found = student.ddim_step(noise, noisy, t, -1, kept, eta, gaussian(rng, 2, 3, 4, 4))
        assert_close(found, clean, atol=1e-3, what=f"with eta {eta:g} the end")


@check("ddim_step")
def long_strides(student, rng):
    """A stride over half of the times, without fresh noise, is diffusers'."""
    kept = any_schedule(rng)
    epsilon, noisy = gaussian(rng, 3, 5), gaussian(rng, 3, 5)
    wanted = library_ddim(kept, 2, epsilon, noisy, 900, 0.0, None)
    assert_close(student.ddim_step(epsilon, noisy, 900, 400, kept, 0.0, None), wanted, atol=1e-4, rtol=1e-4)


# --- 6 timesteps ----------------------------------------------------------------------------------------------------


@check("timesteps", weight=2)
def any_number_of_any_total(student, rng):
    """Numbers that do not divide, one step, and every step."""
    # of these no time lies halfway between two whole numbers, where roundings differ
    tried = [(8, 1000), (1, 1000), (30, 400), (50, 50), (int(rng.choice([12, 14, 18, 22])), 1000), (10, 250)]
    for n, total in tried:
        for spacing in ("leading", "linspace", "trailing"):
            found = student.timesteps(n, spacing, total)
            assert_same(found, library_times(n, spacing, total), f"{spacing}: {n} of {total}: the list")


# --- 6 dpm_step -----------------------------------------------------------------------------------------------------


@check("dpm_step")
def a_whole_walk(student, rng):
    """Six uneven strides are diffusers', with a guess that depends on where one is."""
    kept = any_schedule(rng)
    times = strides(rng, 7)
    centre, sample = gaussian(rng, 1, 2), gaussian(rng, 4, 2)

    def guess(noisy, t):
        return torch.tanh(noisy) * kept[t] + centre

    wanted = library_dpm(kept, times, sample, guess)
    earlier, before = None, None
    for i, (t, previous) in enumerate(pairwise(times)):
        clean = guess(wanted[i], t)
        found = student.dpm_step(clean, wanted[i], t, previous, kept, earlier, before)
        assert_close(found, wanted[i + 1], atol=5e-3, rtol=5e-3, what=f"step {i + 1}")
        earlier, before = clean, t


@check("dpm_step")
def of_second_order(student, rng):
    """Half as long strides leave about a quarter of the error. Of a solver of first order they leave half."""
    kept = any_schedule(rng)
    middle, spread, start = float(rng.normal()), float(rng.uniform(0.3, 0.8)), torch.linspace(-1.5, 1.5, 7)[:, None]
    a, sigma = kept.double().sqrt(), (1 - kept.double()).sqrt()

    def guess(noisy, t):  # the mean of N(middle, spread^2) given the noisy sample
        gain = a[t] * spread**2 / (a[t] ** 2 * spread**2 + sigma[t] ** 2)
        return (middle + gain * (noisy.double() - a[t] * middle)).float()

    def exact(s, t):
        width = ((a[s] * spread) ** 2 + sigma[s] ** 2).sqrt() / ((a[t] * spread) ** 2 + sigma[t] ** 2).sqrt()
        return a[s] * middle + width * (start.double() - a[t] * middle)

    level, first, last = (a / sigma).log(), 700, 150

    def error(strides: int) -> float:
        wanted = torch.linspace(level[first].item(), level[last].item(), strides + 1, dtype=torch.float64)
        times = [int((level - w).abs().argmin()) for w in wanted]
        sample, earlier, before = start, None, None
        for t, previous in pairwise(times):
            clean = guess(sample, t)
            sample = torch.as_tensor(student.dpm_step(clean, sample, t, previous, kept, earlier, before))
            earlier, before = clean, t
        return (sample.double() - exact(last, first)).abs().max().item()

    coarse, fine = error(5), error(10)
    assert_that(coarse < 0.5, f"with five strides it is {coarse:.2g} off the exact end")
    assert_that(fine < coarse / 2.5, f"half as long strides leave {fine / coarse:.0%} of the error")


# --- 7 guidance -----------------------------------------------------------------------------------------------------


@check("guidance")
def one_and_nothing(student, rng):
    """At 1 it is the told answer, at 0 the one to `empty`, whatever texts those are."""
    seed, t = int(rng.integers(10**6)), torch.tensor(int(rng.integers(10, 990)))
    latents, states, empty = gaussian(rng, 3, 4, 8, 8), gaussian(rng, 3, 5, 12), gaussian(rng, 3, 5, 12)
    unet, theirs = probes.unet(seed), student.library("diffusion_lab.probes").unet(seed)
    for scale, texts in ((1.0, states), (0.0, empty)):
        wanted = unet(latents, t, encoder_hidden_states=texts).sample
        found = student.guided(theirs, latents, t, states, empty, scale)
        assert_close(found, wanted, atol=1e-4, rtol=1e-4, what=f"at {scale:g} the result")


@check("guidance")
def a_batch_of_one(student, rng):
    """One sample is a batch too, and every sample has texts of its own."""
    seed, t = int(rng.integers(10**6)), 300
    unet, theirs = probes.unet(seed), student.library("diffusion_lab.probes").unet(seed)
    for n in (1, 4):
        latents, states, empty = gaussian(rng, n, 4, 8, 8), gaussian(rng, n, 5, 12), gaussian(rng, n, 5, 12)
        told, without = (unet(latents, t, encoder_hidden_states=s).sample for s in (states, empty))
        found = student.guided(theirs, latents, t, states, empty, 2.5)
        assert_close(found, without + 2.5 * (told - without), atol=1e-4, rtol=1e-4, what=f"for {n} the result")


# --- 8 text_to_image ------------------------------------------------------------------------------------------------


@check("text_to_image", weight=2)
def another_sampler(student, rng):
    """Another scheduler and another scale of the latents: Euler starts louder and rescales what the network sees."""
    settings = {"scheduler": "EulerDiscreteScheduler", "scaling": float(rng.uniform(0.5, 0.8))}
    pipe, steps = probes.pipeline(**settings), 3
    prompts, latents = some_wishes(rng, 2), painting.start(pipe, 2, int(rng.integers(10**6)))
    wanted = library_pictures(pipe, prompts, latents, steps, 2.5)
    theirs = student.library("diffusion_lab.probes").pipeline(**settings)
    found = student.text_to_image(theirs, prompts, latents, steps, 2.5)
    quiet = probes.pipeline(**settings)
    slips = {
        "latents must be divided by vae.config.scaling_factor": library_pictures(
            probes.pipeline(settings["scheduler"], 1.0), prompts, latents, steps, 2.5
        ),
        "the starting noise must be multiplied by scheduler.init_noise_sigma": library_pictures(
            quiet, prompts, latents / quiet.scheduler.init_noise_sigma, steps, 2.5
        ),
    }
    assert_close(found, wanted, atol=2e-3, slips=slips, what="a pixel")


@check("text_to_image", weight=2)
def what_the_notebook_painted(student, rng):
    """`my_pictures` are the pipeline's pictures of the first four wishes."""
    pipe, (seed, guidance) = painter(), told_by(student)
    wanted = library_pictures(pipe, data.wishes()[:4], painting.start(pipe, 4, seed=seed), 15, guidance)
    found = pictures_of(student.my_pictures, wanted.shape, "my_pictures")
    evidence("Four wishes: yours above, the pipeline's below", in_rows(found, wanted))
    assert_close(found, wanted, atol=1e-2, what="a pixel of my_pictures")


# --- 9 attention ----------------------------------------------------------------------------------------------------


@check("attention")
def loud_queries(student, rng):
    """Large scores do not overflow, and one head and many places are as good as any."""
    queries, keys = 60 * gaussian(rng, 1, 40, 8), 60 * gaussian(rng, 1, 3, 8)
    for heads in (1, 8):
        wanted = library_attention(queries, keys, heads)
        found = student.attention_weights(queries, keys, heads)
        assert_close(found, wanted, atol=1e-4, what=f"with {heads} heads the result")


@check("attention", weight=2)
def the_maps_of_the_words(student, rng):
    """`my_maps` holds where the UNet listened to each word."""
    seed, guidance = told_by(student)
    _, wanted = painting.watch(painter(), WATCHED, guidance=guidance, seed=seed)
    found = student.my_maps
    assert_same([word for word, _ in found], [word for word, _ in wanted], "the list of words")
    maps = torch.stack([torch.as_tensor(np.asarray(m, dtype=np.float32)) for _, m in found])
    best = torch.stack([m for _, m in wanted])
    assert_shape(maps, best.shape, "the maps")
    bright = [(m - m.min()) / (m.max() - m.min() + 1e-9) for m in (maps[:6], best[:6])]
    evidence("Where the first six words are listened to: yours above, expected below", in_rows(*bright))
    assert_close(maps, best, atol=5e-3, what="a map")


# --- 10 sdedit ------------------------------------------------------------------------------------------------------


@check("sdedit")
def all_and_nothing(student, rng):
    """Strength 1 walks all the way from noise, strength 0 changes nothing. `times[-0:]` is the whole list."""
    kept, times = any_schedule(rng), [900, 650, 400, 150]
    clean, noise = gaussian(rng, 3, 2), gaussian(rng, 3, 2)
    for strength in (0.0, 0.2, 1.0):
        noisy, remaining = library_start(strength, times, kept, clean, noise)
        found = student.edit_start(clean, noise, strength, times, kept)
        assert_same([int(t) for t in found[1]], remaining, f"strength {strength:g}: the remaining times")
        assert_close(found[0], noisy, atol=1e-4, what=f"strength {strength:g}: the noisy sample")


@lru_cache(maxsize=4)
def expected_edits(seed: int, guidance: float) -> torch.Tensor:
    """What the notebook's cell with `edits` makes, (6, 3, 64, 64)."""
    pipe = painter()
    latents = painting.encode(pipe, data.scene_pixels()[None])
    step, times = painting.stepper(pipe, data.other_caption(), guidance), painting.times(pipe, STEPS)
    edits = []
    for strength in (0.0, 0.3, 0.5, 0.7, 0.9, 1.0):
        sample, left = library_start(
            strength, times, pipe.scheduler.alphas_cumprod, latents, painting.start(pipe, 1, seed)
        )
        for t, previous in pairwise([*left, -1]):
            sample = step(sample, t, previous)
        edits.append(painting.decode(pipe, sample)[0])
    return torch.stack(edits)


@check("sdedit", weight=2)
def the_edits(student, rng):
    """`edits` are the red star, rewritten with six strengths."""
    wanted, found = expected_edits(*told_by(student)), student.edits
    assert_that(len(found) == 6, f"`edits` has {len(found)} pictures where 6 were expected")
    pixels = torch.stack([torch.as_tensor(np.asarray(p, dtype=np.float32)) for p in found])
    assert_shape(pixels, wanted.shape, "edits")
    evidence("Six strengths: yours above, expected below", in_rows(pixels, wanted))
    assert_close(pixels, wanted, atol=2e-2, what="a pixel of the edits")


# --- 11 inpaint -----------------------------------------------------------------------------------------------------


@check("inpaint")
def one_step_and_untouched_inputs(student, rng):
    """A walk of one step works too, and the caller's tensors are not changed."""
    (start, clean, mask, times, kept, noise), weights = inpainting_task(rng, n=1)
    task = [start, clean, mask, times[:1], kept, noise]
    wanted = reference_inpaint(probes.stepper(weights), *task)
    asked = student.library("diffusion_lab.probes")
    found = student.inpaint(asked.stepper(weights), *task)
    assert_close(found, wanted, atol=1e-4, rtol=1e-4, what="after one step the result")
    after = asked.arguments_after(student.inpaint, asked.stepper(weights), *task)
    for place, what in ((1, "the start"), (2, "the picture"), (3, "the mask"), (6, "the noise")):
        assert_close(after[place], task[place - 1], what=f"{what} after the call")


@lru_cache(maxsize=4)
def expected_inpainting(seed: int, guidance: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The latents before and after the notebook's inpainting."""
    pipe, (scenes, wish) = painter(), data.half_scenes()
    clean, begin = painting.encode(pipe, scenes), painting.start(pipe, len(scenes), seed)
    step, times = painting.stepper(pipe, wish, guidance), painting.times(pipe, STEPS)
    mask = painting.right_half(pipe, len(scenes))
    return clean, reference_inpaint(step, begin, clean, mask, times, pipe.scheduler.alphas_cumprod, begin)


@check("inpaint", weight=2)
def the_other_half(student, rng):
    """`inpainted_latents` keep the left half and hold the painter's own right half."""
    clean, wanted = expected_inpainting(*told_by(student))
    found = pictures_of(student.inpainted_latents, wanted.shape, "inpainted_latents")
    shown = [painting.decode(painter(), torch.nan_to_num(x)) for x in (found, wanted)]
    evidence("The right half painted anew: yours above, expected below", in_rows(*shown))
    half = wanted.shape[-1] // 2
    assert_close(found[..., :half], clean[..., :half], atol=2e-2, what="the kept half")
    assert_close(found[..., half:], wanted[..., half:], atol=5e-2, what="the new half")
