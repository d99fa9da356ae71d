"""The visible checks of week 2: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler

from coursekit.checks import assert_close, assert_same, assert_shape, assert_that, check
from coursekit.inputs import gaussian
from diffusion_lab import painting, probes
from diffusion_lab.checks import reference

# --- 1 forward ------------------------------------------------------------------------------------------------------


@check("forward", weight=2)
def equal_to_the_librarys(student, rng):
    """The three schedules are diffusers'. Entry t has t + 1 betas in it."""
    for name, theirs in reference.THEIR_NAMES.items():
        wanted = DDPMScheduler(beta_schedule=theirs).alphas_cumprod
        slips = {
            f"{name}: those are the betas' complements; multiply them up (cumprod)": wanted
            / torch.cat([torch.ones(1), wanted[:-1]]),
            f"{name}: that is the noise's part; return the signal's": 1 - wanted,
            f"{name}: that is a root; return the part of the variance": wanted.sqrt(),
            f"{name}: shifted by one step: after step 0 one beta has done its work": torch.cat(
                [torch.ones(1), wanted[:-1]]
            ),
        }
        if name == "scaled_linear":
            slips["scaled_linear: the roots of the betas are evenly spaced; square them again"] = (
                1 - torch.linspace(0.01, 0.02**0.5, 1000)
            ).cumprod(0)
        found = student.signal_kept(name)
        assert_close(found, wanted, atol=1e-9, rtol=2e-3, slips=slips, what=f"{name}: the result")


@check("forward", weight=2)
def mixed_in_closed_form(student, rng):
    """Every sample of the batch is mixed for its own time."""
    kept = reference.any_schedule(rng)
    clean, noise = gaussian(rng, 5, 3, 8, 8), gaussian(rng, 5, 3, 8, 8)
    t = torch.from_numpy(rng.integers(50, 950, size=5))
    left = reference.column(kept[t], clean)
    assert_close(
        student.add_noise(clean, noise, t, kept),
        DDPMScheduler.add_noise(reference.scheduler(DDPMScheduler, kept), clean, noise, t),
        atol=1e-5,
        slips={
            "mixed by the variances; the factors are their roots": left * clean + (1 - left) * noise,
            "the noise has the signal's factor and the signal the noise's": (1 - left).sqrt() * clean
            + left.sqrt() * noise,
            "the noise is added at full strength": left.sqrt() * clean + noise,
        },
    )


# --- 2 conversions --------------------------------------------------------------------------------------------------


@check("conversions", weight=2)
def every_answer_says_the_same(student, rng):
    """Told in epsilon, sample or v_prediction, the clean sample and the noise come out."""
    kept, t = reference.any_schedule(rng), torch.from_numpy(rng.integers(100, 900, size=4))
    clean, noise = gaussian(rng, 4, 2, 6, 6), gaussian(rng, 4, 2, 6, 6)
    library = reference.scheduler(DDPMScheduler, kept)
    noisy, velocity = library.add_noise(clean, noise, t), library.get_velocity(clean, noise, t)
    outputs = {"epsilon": noise, "sample": clean, "v_prediction": velocity}
    a, b = reference.column(kept[t], clean).sqrt(), (1 - reference.column(kept[t], clean)).sqrt()
    for prediction, output in outputs.items():
        found = student.clean_and_noise(output, noisy, t, kept, prediction)
        assert_that(isinstance(found, list | tuple) and len(found) == 2, "expected two tensors: clean sample and noise")
        slips = {
            f"{prediction}: the two are exchanged: the clean sample comes first": noise,
            f"{prediction}: that is the network's answer as it came": output,
            f"{prediction}: a sign of v: clean = a x - b v": a * noisy + b * output,
            f"{prediction}: divided by the wrong factor": (noisy - b * output) / b,
        }
        if prediction == "sample":
            slips = {f"{prediction}: the two are exchanged: the clean sample comes first": noise}
        tell = f"{prediction}: the clean sample"
        assert_close(found[0], clean, atol=2e-3, rtol=1e-3, slips=slips, what=tell)
        assert_close(found[1], noise, atol=2e-3, rtol=1e-3, what=f"{prediction}: the noise")


# --- 3 diffusion_loss -----------------------------------------------------------------------------------------------


@check("diffusion_loss", weight=2)
def the_error_of_its_guess(student, rng):
    """The mean squared error between the model's answer and the target."""
    kept, t = reference.any_schedule(rng), torch.from_numpy(rng.integers(0, 1000, size=16))
    clean, noise, weight = gaussian(rng, 16, 2), gaussian(rng, 16, 2), float(rng.uniform(0.5, 1.5))
    library = reference.scheduler(DDPMScheduler, kept)
    noisy, model = library.add_noise(clean, noise, t), probes.Denoiser(weight)
    with torch.no_grad():
        answer = model(noisy, t)
        slips = {
            "summed over the entries: take the mean": F.mse_loss(answer, noise, reduction="sum"),
            "the model was shown the clean samples": F.mse_loss(model(clean, t), noise),
            "the target is the clean sample, asked for was the noise": F.mse_loss(answer, clean),
            "absolute errors: square them": F.l1_loss(answer, noise),
            "summed over each sample's entries, then averaged: take the mean over everything": 2
            * F.mse_loss(answer, noise),
        }
    asked = student.library("diffusion_lab.probes")
    loss, slope = asked.loss_and_slope(student.diffusion_loss, weight, clean, t, noise, kept)
    wanted, wanted_slope = reference.reference_loss(weight, clean, t, noise, kept, "epsilon")
    assert_close(loss, wanted, atol=1e-5, slips=slips, what="the loss")
    assert_that(slope is not None, "the gradient does not arrive at the model: .item(), detach() and no_grad cut it")
    assert_close(slope, wanted_slope, atol=1e-4, what="the slope of the loss by a weight of the model")


@check("diffusion_loss")
def other_targets(student, rng):
    """The target is what was asked for: the noise, the clean sample, or the velocity."""
    kept, t = reference.any_schedule(rng), torch.from_numpy(rng.integers(0, 1000, size=12))
    clean, noise = gaussian(rng, 12, 2), gaussian(rng, 12, 2)
    asked = student.library("diffusion_lab.probes")
    for prediction in reference.PREDICTIONS:
        loss, _ = asked.loss_and_slope(student.diffusion_loss, 1.1, clean, t, noise, kept, prediction)
        wanted, _ = reference.reference_loss(1.1, clean, t, noise, kept, prediction)
        other = reference.reference_loss(1.1, clean, t, noise, kept, "epsilon")[0]
        slips = {f"{prediction}: the target is still the noise": other} if prediction != "epsilon" else {}
        assert_close(loss, wanted, atol=1e-5, slips=slips, what=f"{prediction}: the loss")


# --- 4 ddpm_step ----------------------------------------------------------------------------------------------------


@check("ddpm_step", weight=2)
def equal_to_the_librarys_ddpm(student, rng):
    """It is diffusers' step, with the same fresh noise."""
    kept, stride = reference.any_schedule(rng), int(rng.choice([10, 20, 50]))
    t = stride * int(rng.integers(2, 1000 // stride - 1))
    epsilon, noisy = gaussian(rng, 3, 2, 5, 5), gaussian(rng, 3, 2, 5, 5)
    wanted, noise = reference.library_ddpm(kept, 1000 // stride, epsilon, noisy, t, int(rng.integers(10**6)))
    now, then = kept[t], kept[t - stride]
    variance = (1 - then) / (1 - now) * (1 - now / then)
    mean = wanted - variance.sqrt() * noise
    beta = 1 - now / then
    slips = {
        "no fresh noise was added": mean,
        "the noise has the variance for a factor; take its root": mean + variance * noise,
        "the variance is that of one noising step, beta; here it is sigma^2": mean + beta.sqrt() * noise,
        "that is a step of 1, whatever `previous` is": reference.one_step_back(kept, t, epsilon, noisy, noise),
    }
    found = student.ddpm_step(epsilon, noisy, t, t - stride, kept, noise)
    assert_close(found, wanted, atol=1e-4, rtol=1e-4, slips=slips)


@check("ddpm_step")
def the_end_is_the_clean_guess(student, rng):
    """The step to -1 gives the clean sample. `kept[-1]` is the last entry, not 1."""
    kept, t = reference.any_schedule(rng), int(rng.integers(1, 60))
    clean, noise = gaussian(rng, 4, 2), gaussian(rng, 4, 2)
    noisy = kept[t].sqrt() * clean + (1 - kept[t]).sqrt() * noise
    assert_close(student.ddpm_step(noise, noisy, t, -1, kept, gaussian(rng, 4, 2)), clean, atol=1e-3, what="the end")


# --- 5 ddim_step ----------------------------------------------------------------------------------------------------


@check("ddim_step", weight=2)
def equal_to_the_librarys_ddim(student, rng):
    """It is diffusers' step, without fresh noise and with some."""
    kept, stride = reference.any_schedule(rng), int(rng.choice([20, 40, 100]))
    t = stride * int(rng.integers(2, 1000 // stride - 1))
    epsilon, noisy, noise = (gaussian(rng, 2, 3, 4, 4) for _ in range(3))
    now, then = kept[t], kept[t - stride]
    clean = (noisy - (1 - now).sqrt() * epsilon) / now.sqrt()
    for eta in (0.0, 0.6):
        sigma = eta * ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
        slips = {
            "the clean guess is returned: mix the noise in again": clean,
            "mixed for time t again: the new level is that of `previous`": now.sqrt() * clean
            + (1 - now).sqrt() * epsilon,
        }
        if eta:
            slips |= {
                "eta adds noise, and as much must be taken from the guessed noise": then.sqrt() * clean
                + (1 - then).sqrt() * epsilon
                + sigma * noise,
                "eta is ignored": then.sqrt() * clean + (1 - then).sqrt() * epsilon,
            }
        wanted = reference.library_ddim(kept, 1000 // stride, epsilon, noisy, t, eta, noise)
        found = student.ddim_step(epsilon, noisy, t, t - stride, kept, eta, noise)
        assert_close(found, wanted, atol=1e-4, rtol=1e-4, slips=slips, what=f"with eta {eta:g} the result")


@check("ddim_step")
def no_noise_no_chance(student, rng):
    """With eta 0 no noise is needed: `noise` may be None."""
    kept, t = reference.any_schedule(rng), int(rng.integers(200, 900))
    epsilon, noisy = gaussian(rng, 4, 2), gaussian(rng, 4, 2)
    wanted = reference.library_ddim(kept, 50, epsilon, noisy, t, 0.0, None)
    assert_close(student.ddim_step(epsilon, noisy, t, t - 20, kept), wanted, atol=1e-4, rtol=1e-4)


# --- 6 timesteps ----------------------------------------------------------------------------------------------------


@check("timesteps", weight=2)
def the_three_habits(student, rng):
    """Ten of a thousand times, in all three spacings, are diffusers'."""
    for spacing in ("leading", "linspace", "trailing"):
        wanted, found = reference.library_times(10, spacing, 1000), student.timesteps(10, spacing)
        assert_that(isinstance(found, list | tuple), f"{spacing}: expected a list of ints, got {type(found).__name__}")
        assert_that(found != wanted[::-1], f"{spacing}: ascending: a sampler begins with the noisiest time")
        assert_that(found != [t + 1 for t in wanted], f"{spacing}: shifted by one: times are counted from 0")
        assert_same(found, wanted, f"{spacing}: the list")


# --- 6 dpm_step -----------------------------------------------------------------------------------------------------


@check("dpm_step", weight=2)
def two_steps_like_the_librarys(student, rng):
    """The first step and the second are diffusers'."""
    kept = reference.any_schedule(rng)
    times = reference.strides(rng, 4)
    noisy = gaussian(rng, 3, 2)
    guesses = {t: gaussian(rng, 3, 2) for t in times}
    x0, x1, x2, _ = reference.library_dpm(kept, times, noisy, lambda _, t: guesses[t])
    u, t, s = times[:3]
    first = student.dpm_step(guesses[u], noisy, u, t, kept)
    a, sigma = kept.sqrt(), (1 - kept).sqrt()
    slips = {"that is the clean guess: mix the noise in again": guesses[u]}
    assert_close(first, x1, atol=2e-3, rtol=2e-3, slips=slips, what="the first step")
    level = (a / sigma).log()
    h = level[s] - level[t]
    r = (level[t] - level[u]) / h
    ratio, gain = sigma[s] / sigma[t], -a[s] * torch.expm1(-h)
    slips = {
        "the second step knows nothing of the first: use `earlier` and `before`": ratio * x1 + gain * guesses[t],
        "the drift has the wrong sign": ratio * x1 + gain * ((1 - 1 / (2 * r)) * guesses[t] + 1 / (2 * r) * guesses[u]),
        "r is the wrong way round: the stride before over this one": ratio * x1
        + gain * ((1 + r / 2) * guesses[t] - r / 2 * guesses[u]),
    }
    second = student.dpm_step(guesses[t], x1, t, s, kept, guesses[u], u)
    assert_close(second, x2, atol=2e-3, rtol=2e-3, slips=slips, what="the second step")


# --- 7 guidance -----------------------------------------------------------------------------------------------------


@check("guidance", weight=2)
def past_the_told_answer(student, rng):
    """From the empty answer towards the told one, and past it."""
    seed, t = int(rng.integers(10**6)), int(rng.integers(10, 990))
    latents, states, empty = gaussian(rng, 2, 4, 8, 8), gaussian(rng, 2, 5, 12), gaussian(rng, 2, 5, 12)
    unet = probes.unet(seed)
    told, without = (unet(latents, t, encoder_hidden_states=s).sample for s in (states, empty))
    scale = float(rng.uniform(2, 6))
    slips = {
        "`states` and `empty` are exchanged": told + scale * (without - told),
        "from the told answer on: that is guidance g + 1": told + scale * (told - without),
        "a mean of the two cannot go past the told answer": (told + without) / 2,
        "the empty answer is missing: start from it": scale * (told - without),
        "only the told answer, louder": scale * told,
    }
    model = student.library("diffusion_lab.probes").unet(seed)
    found = student.guided(model, latents, t, states, empty, scale)
    assert_close(found, without + scale * (told - without), atol=1e-4, rtol=1e-4, slips=slips)


# --- 8 text_to_image ------------------------------------------------------------------------------------------------


@check("text_to_image", weight=2)
def the_librarys_pictures(student, rng):
    """The same noise gives the pipeline's own pictures."""
    pipe, steps, guidance = probes.pipeline(), 4, float(rng.uniform(2, 5))
    prompts, latents = reference.some_wishes(rng, 2), painting.start(pipe, 2, int(rng.integers(10**6)))
    wanted = reference.library_pictures(pipe, prompts, latents, steps, guidance)
    slips = {
        "the pictures are in [-1, 1]: the decoder's answer has to be halved and moved": 2 * wanted - 1,
        "that is without guidance": reference.library_pictures(pipe, prompts, latents, steps, 1.0),
        "the text is ignored": reference.library_pictures(pipe, [""] * 2, latents, steps, 1.0),
        "the last axis is the colour: (n, 3, height, width) is expected": wanted.permute(0, 2, 3, 1),
    }
    theirs = student.library("diffusion_lab.probes").pipeline()
    found = student.text_to_image(theirs, prompts, latents, steps, guidance)
    assert_shape(found, wanted.shape)
    assert_close(found, wanted, atol=1e-3, slips=slips, what="a pixel")


# --- 9 attention ----------------------------------------------------------------------------------------------------


@check("attention", weight=2)
def a_softmax_for_each_head(student, rng):
    """Rows sum to 1, and equal torch's own attention."""
    queries, keys, heads = gaussian(rng, 2, 9, 24), gaussian(rng, 2, 7, 24), int(rng.choice([2, 3, 4]))
    wanted = reference.library_attention(queries, keys, heads)
    found = student.attention_weights(queries, keys, heads)
    logits = queries @ keys.transpose(1, 2)
    q, k = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (queries, keys))
    raw = q @ k.transpose(-1, -2)
    slips = {
        "one softmax over all features: each head has its own": (logits / 24**0.5).softmax(-1),
        "the softmax runs over the places: it runs over the tokens": (raw / q.shape[-1] ** 0.5).softmax(-2).mean(1),
        "the root of d is missing": raw.softmax(-1).mean(1),
        "divided by the root of all features: d is those of one head": (raw / 24**0.5).softmax(-1).mean(1),
        "averaged before the softmax: average the heads' weights": (raw.mean(1) / q.shape[-1] ** 0.5).softmax(-1),
        "the heads are summed: take their mean": heads * wanted,
    }
    assert_close(found, wanted, atol=1e-5, slips=slips)


# --- 10 sdedit ------------------------------------------------------------------------------------------------------


@check("sdedit", weight=2)
def begins_in_the_middle(student, rng):
    """The last part of the times is left, and the sample is as noisy as at the first of them."""
    kept, times = reference.any_schedule(rng), list(range(960, -1, -40))
    clean, noise = gaussian(rng, 2, 3, 4, 4), gaussian(rng, 2, 3, 4, 4)
    for strength in (0.5, float(rng.uniform(0.2, 0.9))):
        noisy, remaining = reference.library_start(strength, times, kept, clean, noise)
        found = student.edit_start(clean, noise, strength, times, kept)
        assert_that(
            isinstance(found, list | tuple) and len(found) == 2, "expected the noisy sample and a list of times"
        )
        left = [int(t) for t in found[1]]
        first = times[: len(remaining)]
        assert_that(left != first, "those are the first times; the walk back ends at the last ones")
        assert_same(left, remaining, f"strength {strength:.3g}: the remaining times")
        assert_close(found[0], noisy, atol=1e-4, what=f"strength {strength:.3g}: the noisy sample")


# --- 11 inpaint -----------------------------------------------------------------------------------------------------


@check("inpaint")
def the_rest_is_kept(student, rng):
    """Where the mask is 0 the result is the picture itself."""
    (start, clean, mask, *rest), weights = reference.inpainting_task(rng)
    step = student.library("diffusion_lab.probes").stepper(weights)
    found = torch.as_tensor(student.inpaint(step, start, clean, mask, *rest))
    assert_shape(found, clean.shape)
    kept_region = (1 - mask).expand_as(clean).bool()
    assert_that(
        not torch.allclose(found[~kept_region], clean[~kept_region]),
        "the masked region is the old picture: is the mask used the wrong way round?",
    )
    assert_close(found[kept_region], clean[kept_region], atol=1e-5, what="the kept region")


@check("inpaint", weight=2)
def the_known_region_at_every_level(student, rng):
    """After every step the known region is as noisy as the rest. It is put back after the step, at `previous`."""
    task, weights = reference.inpainting_task(rng)
    start, clean, mask, times, kept, noise = task
    local, wanted = probes.stepper(weights), reference.reference_inpaint(probes.stepper(weights), *task)
    only_once = torch.where(mask.bool(), reference.walk(local, start, times), clean)
    slips = {
        "the known region was put back only at the end: the network never saw it": only_once,
        "the mask is used the wrong way round: 1 is where to paint": reference.reference_inpaint(
            local, start, clean, 1 - mask, times, kept, noise
        ),
    }
    step = student.library("diffusion_lab.probes").stepper(weights)
    found = student.inpaint(step, start, clean, mask, times, kept, noise)
    assert_close(found, wanted, atol=1e-4, rtol=1e-4, slips=slips)
