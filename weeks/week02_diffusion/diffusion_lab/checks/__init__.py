"""The visible checks of week 2: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler

from coursekit.checks import Slip, assert_close, assert_same, assert_shape, assert_that, check
from coursekit.inputs import gaussian
from coursekit.student import StudentError
from diffusion_lab import painting, probes
from diffusion_lab.checks import reference
from diffusion_lab.checks import slips as slips_of

# --- 1 forward ------------------------------------------------------------------------------------------------------


@check("forward", weight=2)
def equal_to_the_librarys(student, rng):
    """The three schedules are diffusers'. Entry t has t + 1 betas in it; print the first and the last entries."""
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
        if name == "cosine":
            slips |= slips_of.cosines_gone_wrong(1000)
        found = student.signal_kept(name)
        assert_close(found, wanted, atol=1e-9, rtol=2e-3, slips=slips, what=f"{name}: the result")


@check("forward")
def other_steps_and_betas(student, rng):
    """It holds for any number of steps and any betas. Print what it returns for 60 steps."""
    for name, theirs in reference.THEIR_NAMES.items():
        steps, end = int(rng.integers(40, 90)), float(rng.uniform(0.03, 0.05))
        wanted = DDPMScheduler(steps, beta_start=1e-3, beta_end=end, beta_schedule=theirs).alphas_cumprod
        usual = DDPMScheduler(steps, beta_schedule=theirs).alphas_cumprod
        thousand = DDPMScheduler(1000, beta_start=1e-3, beta_end=end, beta_schedule=theirs).alphas_cumprod
        slips = {
            f"{name}: `start` and `end` are not used: 1e-4 and 0.02 are written into the function": usual,
            f"{name}: `steps` is not used: 1000 is written into the function": thousand,
        }
        found = student.signal_kept(name, steps, 1e-3, end)
        assert_close(found, wanted, atol=1e-9, rtol=2e-3, slips=slips, what=f"{name}: with {steps} steps the result")


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
            "all samples are mixed for the first one's time": left[:1].sqrt() * clean + (1 - left[:1]).sqrt() * noise,
        },
    )
    clean, noise = gaussian(rng, 5, 2), gaussian(rng, 5, 2)
    wide, left = kept[t].reshape(-1, 1, 1, 1), kept[t].reshape(-1, 1)
    message = "it works for pictures and not for points (n, 2): shape kept[t] for any number of axes"
    assert_close(
        slips_of.fits_every_shape(lambda: student.add_noise(clean, noise, t, kept), message),
        left.sqrt() * clean + (1 - left).sqrt() * noise,
        slips={message: wide.sqrt() * clean + (1 - wide).sqrt() * noise},
        what="with points (n, 2) the result",
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
        for one, what in zip(found, ("clean sample", "noise"), strict=True):
            assert_shape(one, clean.shape, f"{prediction}: the {what}")
        both = {k: torch.stack(v) for k, v in slips_of.conversions_gone_wrong(prediction, output, noisy, a, b).items()}
        slips = {f"{prediction}: {mistake}": values for mistake, values in both.items()}
        found = torch.stack([torch.as_tensor(one) for one in found])
        wanted = torch.stack([clean, noise])
        assert_close(found[0], wanted[0], 2e-3, 1e-3, slips_of.alone(found, slips), f"{prediction}: the clean sample")
        assert_close(found[1], wanted[1], 2e-3, 1e-3, slips_of.alone(found, slips), f"{prediction}: the noise")


@check("conversions")
def points_too(student, rng):
    """Points (n, 2) are converted like pictures."""
    kept, t = reference.any_schedule(rng), torch.from_numpy(rng.integers(100, 900, size=4))
    clean, noise = gaussian(rng, 4, 2), gaussian(rng, 4, 2)
    noisy = reference.scheduler(DDPMScheduler, kept).add_noise(clean, noise, t)
    message = "it works for pictures and not for points (n, 2): shape kept[t] for any number of axes"
    found = slips_of.fits_every_shape(lambda: student.clean_and_noise(noise, noisy, t, kept, "epsilon"), message)
    first = torch.as_tensor(found[0])
    if first.shape == (4, 1, 4, 2):
        raise Slip(message)
    assert_close(first, clean, atol=2e-3, rtol=1e-3, what="the clean sample")


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
    ask = lambda: asked.loss_and_slope(student.diffusion_loss, weight, clean, t, noise, kept)  # noqa: E731
    slips_of.assert_draws_nothing(lambda: ask()[0])
    loss, slope = ask()
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
        slips = {}
        if prediction != "epsilon":
            still = reference.reference_loss(1.1, clean, t, noise, kept, "epsilon")[0]
            slips[f"{prediction}: the target is still the noise: `prediction` is not used"] = still
        if prediction == "v_prediction":
            left, model = reference.column(kept[t], clean), probes.Denoiser(1.1)
            noisy = left.sqrt() * clean + (1 - left).sqrt() * noise
            for mistake, target in {
                "a sign of v: it is a times the noise minus b times the clean sample": left.sqrt() * noise
                + (1 - left).sqrt() * clean,
                "v has the two factors exchanged": (1 - left).sqrt() * noise - left.sqrt() * clean,
            }.items():
                slips[f"v_prediction: {mistake}"] = F.mse_loss(model(noisy, t), target).detach()
        assert_close(loss, wanted, atol=1e-5, slips=slips, what=f"{prediction}: the loss")


@check("diffusion_loss")
def of_pictures_too(student, rng):
    """Batches of pictures have a loss as well."""
    kept, t = reference.any_schedule(rng), torch.from_numpy(rng.integers(0, 1000, size=3))
    clean, noise = gaussian(rng, 3, 2, 4, 4), gaussian(rng, 3, 2, 4, 4)
    asked, message = student.library("diffusion_lab.probes"), "it works for points and not for pictures"
    found = slips_of.fits_every_shape(
        lambda: asked.loss_and_slope(student.diffusion_loss, 0.9, clean, t, noise, kept),
        f"{message}: shape kept[t] for any number of axes",
    )
    assert_close(found[0], reference.reference_loss(0.9, clean, t, noise, kept, "epsilon")[0], what="the loss")


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
    } | slips_of.posteriors_gone_wrong(epsilon, noisy, now, then, noise)
    ask = lambda: student.ddpm_step(epsilon, noisy, t, t - stride, kept, noise)  # noqa: E731
    slips_of.assert_draws_nothing(ask)
    found = ask()
    assert_close(found, wanted, atol=1e-4, rtol=1e-4, slips=slips)


@check("ddpm_step")
def the_end_is_the_clean_guess(student, rng):
    """The step to -1 gives the clean sample. Print the signal kept that you use there; it is 1."""
    kept, t = reference.any_schedule(rng), int(rng.integers(1, 60))
    clean, noise = gaussian(rng, 4, 2), gaussian(rng, 4, 2)
    noisy, fresh = kept[t].sqrt() * clean + (1 - kept[t]).sqrt() * noise, gaussian(rng, 4, 2)
    found = torch.as_tensor(student.ddpm_step(noise, noisy, t, -1, kept, fresh))
    if found.isnan().all():  # the root of a variance that is negative
        raise Slip("the end is nan: `kept[-1]` is the last entry, less than kept[t]; at -1 all the signal is kept, 1")
    slips = {
        "-1 is taken for time 0: at the end all the signal is kept, 1": slips_of.posterior(
            noise, noisy, kept[t], kept[0], fresh
        )
    }
    assert_close(found, clean, atol=1e-3, slips=slips, what="the end")


# --- 5 ddim_step ----------------------------------------------------------------------------------------------------


@check("ddim_step", weight=2)
def equal_to_the_librarys_ddim(student, rng):
    """It is diffusers' step, without fresh noise and with some."""
    kept, stride = reference.any_schedule(rng), int(rng.choice([20, 40, 100]))
    t = stride * int(rng.integers(2, 1000 // stride - 1))
    epsilon, noisy, noise = (gaussian(rng, 2, 3, 4, 4) for _ in range(3))
    now, then = kept[t], kept[t - stride]
    for eta in (0.0, 0.6):
        slips = slips_of.ddims_gone_wrong(epsilon, noisy, now, then, eta, noise)
        wanted = reference.library_ddim(kept, 1000 // stride, epsilon, noisy, t, eta, noise)
        found = student.ddim_step(epsilon, noisy, t, t - stride, kept, eta, noise)
        assert_close(found, wanted, atol=1e-4, rtol=1e-4, slips=slips, what=f"with eta {eta:g} the result")


@check("ddim_step")
def no_noise_no_chance(student, rng):
    """With eta 0 no noise is needed: `noise` may be None."""
    kept, t = reference.any_schedule(rng), int(rng.integers(200, 900))
    epsilon, noisy = gaussian(rng, 4, 2), gaussian(rng, 4, 2)
    wanted = reference.library_ddim(kept, 50, epsilon, noisy, t, 0.0, None)
    try:
        found = student.ddim_step(epsilon, noisy, t, t - 20, kept)
    except StudentError as error:
        if "NoneType" in error.message:
            raise Slip(f"`noise` may be None when eta is 0: leave its term out ({error.message})") from None
        raise
    assert_close(found, wanted, atol=1e-4, rtol=1e-4)


@check("ddim_step")
def the_end_is_clean(student, rng):
    """The step to -1 gives the clean sample. Print the signal kept that you use there; it is 1."""
    kept, t = reference.any_schedule(rng), int(rng.integers(200, 600))
    clean, noise = gaussian(rng, 4, 2), gaussian(rng, 4, 2)
    noisy = kept[t].sqrt() * clean + (1 - kept[t]).sqrt() * noise
    slips = {
        "`kept[-1]` is the last entry of the tensor; at -1 all the signal is kept, 1": kept[-1].sqrt() * clean
        + (1 - kept[-1]).sqrt() * noise,
        "-1 is taken for time 0: at the end all the signal is kept, 1": kept[0].sqrt() * clean
        + (1 - kept[0]).sqrt() * noise,
    }
    found = torch.as_tensor(student.ddim_step(noise, noisy, t, -1, kept))
    if found.isnan().all():  # sigma is the root of something negative, times 0
        raise Slip("the end is nan: `kept[-1]` is the last entry, less than kept[t]; at -1 all the signal is kept, 1")
    assert_close(found, clean, atol=1e-3, slips=slips, what="the end")


# --- 6 timesteps ----------------------------------------------------------------------------------------------------


@check("timesteps", weight=2)
def the_three_habits(student, rng):
    """In all three spacings the times are diffusers', for 10 of 1000 and where n does not divide."""
    for n in (10, int(rng.choice([6, 26, 34]))):
        for spacing in ("leading", "linspace", "trailing"):
            wanted, found = reference.library_times(n, spacing, 1000), student.timesteps(n, spacing)
            assert_that(isinstance(found, list | tuple), f"{spacing}: expected a list, got {type(found).__name__}")
            slips = slips_of.times_gone_wrong(n, spacing)
            hit = [mistake for mistake, wrong in slips.items() if list(found) == wrong != wanted]
            if len(hit) == 1:
                raise Slip(f"{spacing}, {n} of 1000: {hit[0]}")
            assert_same(list(found), wanted, f"{spacing}: the list of {n}")


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
    slips = {"that is the clean guess: mix the noise in again": guesses[u]}
    assert_close(first, x1, atol=2e-3, rtol=2e-3, slips=slips, what="the first step")
    slips = slips_of.strides_gone_wrong(kept, x1, (u, t, s), guesses[u], guesses[t])
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
        "the told answer as it is: scale is not used": told,
        "every sample is kept away from the first empty text: each has its own": (
            first := unet(latents, t, encoder_hidden_states=empty[:1].expand_as(empty)).sample
        )
        + scale * (told - first),
    }
    model = student.library("diffusion_lab.probes").unet(seed)
    found = student.guided(model, latents, t, states, empty, scale)
    assert_close(found, without + scale * (told - without), atol=1e-4, rtol=1e-4, slips=slips)


# --- 8 text_to_image ------------------------------------------------------------------------------------------------


@check("text_to_image", weight=2)
def the_librarys_pictures(student, rng):
    """The same noise gives the pipeline's own pictures."""
    scaling, steps, guidance = float(rng.uniform(0.5, 0.8)), 4, float(rng.uniform(2, 5))
    pipe = probes.pipeline(scaling=scaling)
    prompts, latents = reference.some_wishes(rng, 2), painting.start(pipe, 2, int(rng.integers(10**6)))
    wanted = reference.library_pictures(pipe, prompts, latents, steps, guidance)
    slips = {
        "the pictures are in [-1, 1]: the decoder's answer has to be halved and moved": 2 * wanted - 1,
        "that is without guidance": reference.library_pictures(pipe, prompts, latents, steps, 1.0),
        "the text is ignored": reference.library_pictures(pipe, [""] * 2, latents, steps, 1.0),
        "the last axis is the colour: (n, 3, height, width) is expected": wanted.permute(0, 2, 3, 1),
    } | slips_of.pictures_gone_wrong(pipe, prompts, latents, steps, guidance)
    theirs = student.library("diffusion_lab.probes").pipeline(scaling=scaling)
    ask = lambda: student.text_to_image(theirs, prompts, latents, steps, guidance)  # noqa: E731
    try:
        slips_of.assert_draws_nothing(ask)
    except StudentError as error:
        if "Sizes of tensors" in error.message:
            raise Slip(f"states and empty differ in length: {slips_of.UNPADDED} ({error.message})") from None
        raise
    assert_close(ask(), wanted, atol=1e-3, slips=slips, what="a pixel")


@check("text_to_image")
def with_another_scheduler(student, rng):
    """Euler's sampler, which starts louder and rescales what is seen, works too. Print its init_noise_sigma."""
    pipe, steps = probes.pipeline("EulerDiscreteScheduler"), 3
    prompts, latents = reference.some_wishes(rng, 1), painting.start(pipe, 1, int(rng.integers(10**6)))
    wanted = reference.library_pictures(pipe, prompts, latents, steps, 2.5)
    slips = slips_of.eulers_gone_wrong(pipe, prompts, latents, steps, 2.5)
    theirs = student.library("diffusion_lab.probes").pipeline("EulerDiscreteScheduler")
    found = student.text_to_image(theirs, prompts, latents, steps, 2.5)
    assert_close(found, wanted, atol=2e-3, slips=slips, what="a pixel")


# --- 9 attention ----------------------------------------------------------------------------------------------------


@check("attention", weight=2)
def a_softmax_for_each_head(student, rng):
    """Rows sum to 1, and equal torch's own attention."""
    queries, keys, heads = gaussian(rng, 2, 9, 24), gaussian(rng, 2, 7, 24), int(rng.choice([2, 3, 4]))
    wanted = reference.library_attention(queries, keys, heads)
    found = student.attention_weights(queries, keys, heads)
    slips = slips_of.attention_gone_wrong(queries, keys, heads)
    assert_close(found, wanted, atol=1e-5, slips=slips)


# --- 10 sdedit ------------------------------------------------------------------------------------------------------


@check("sdedit", weight=2)
def begins_in_the_middle(student, rng):
    """The last part of the times is left, and the sample is as noisy as at the first of them."""
    kept, times = reference.any_schedule(rng), list(range(960, -1, -40))
    clean, noise = gaussian(rng, 2, 3, 4, 4), gaussian(rng, 2, 3, 4, 4)
    for strength in (0.5, int(rng.integers(5, 22)) / 25 + 0.03):  # both are between two counts
        noisy, remaining = reference.library_start(strength, times, kept, clean, noise)
        found = student.edit_start(clean, noise, strength, times, kept)
        assert_that(
            isinstance(found, list | tuple) and len(found) == 2, "expected the noisy sample and a list of times"
        )
        left, count = [int(t) for t in found[1]], len(remaining)
        for mistake, wrong in {
            "those are the first times; the walk back ends at the last ones": times[:count],
            "one step too many is left: int() cuts off, it rounds neither to the nearest nor up": times[-count - 1 :],
            "all times are left: strength is not used": times,
        }.items():
            if left == wrong:
                raise Slip(f"strength {strength:.3g}: {mistake}")
        assert_same(left, remaining, f"strength {strength:.3g}: the remaining times")
        left_over, loud = kept[remaining[0]], kept[times[0]]
        slips = {
            "that is pure noise: the picture is not in it": noise,
            "that is the clean picture: it has to be noised as at the first remaining time": clean,
            "noised as at the very first time; it begins at the first *remaining* one": loud.sqrt() * clean
            + (1 - loud).sqrt() * noise,
            "the noise is added at full strength: its factor is the root of 1 - kept": left_over.sqrt() * clean + noise,
            "mixed by the variances; the factors are their roots": left_over * clean + (1 - left_over) * noise,
        }
        assert_close(found[0], noisy, atol=1e-4, slips=slips, what=f"strength {strength:.3g}: the noisy sample")


@check("sdedit")
def nothing_is_changed_by_nothing(student, rng):
    """Strength 0 leaves no times and the picture as it is. Print int(0 * len(times)) and what you do with it."""
    kept, times = reference.any_schedule(rng), [900, 600, 300]
    clean, noise = gaussian(rng, 1, 2), gaussian(rng, 1, 2)
    try:
        found = student.edit_start(clean, noise, 0.0, times, kept)
    except StudentError as error:
        if error.kind == "IndexError":
            raise Slip(f"strength 0 leaves no times, and none can be looked up ({error.message})") from None
        raise
    if [int(t) for t in found[1]] == times:
        raise Slip("strength 0 leaves no times; `times[-0:]` is all of them")
    assert_same([int(t) for t in found[1]], [], "strength 0: the remaining times")
    assert_close(found[0], clean, what="strength 0: the sample")


# --- 11 inpaint -----------------------------------------------------------------------------------------------------


@check("inpaint")
def the_rest_is_kept(student, rng):
    """Where the mask is 0 the result is the picture itself. Print mask, level and `previous` of the last step."""
    task, weights = reference.inpainting_task(rng)
    start, clean, mask, *rest = task
    step = student.library("diffusion_lab.probes").stepper(weights)
    found = torch.as_tensor(student.inpaint(step, start, clean, mask, *rest))
    assert_shape(found, clean.shape)
    kept_region = (1 - mask).expand_as(clean).bool()
    wrong = slips_of.inpainted_gone_wrong(probes.stepper(weights), *task)
    slips = {k: v[kept_region] for k, v in wrong.items()}
    hit = {k: v for k, v in wrong.items() if torch.allclose(found, v, atol=1e-4, rtol=1e-4)}
    if len(hit) == 1 and not torch.allclose(slips[next(iter(hit))], clean[kept_region], atol=1e-5):
        raise Slip(next(iter(hit)))
    assert_close(found[kept_region], clean[kept_region], atol=1e-5, what="the kept region")


@check("inpaint", weight=2)
def the_known_region_at_every_level(student, rng):
    """After every step the known region is as noisy as the rest. It is put back after the step, at `previous`."""
    task, weights = reference.inpainting_task(rng)
    wanted = reference.reference_inpaint(probes.stepper(weights), *task)
    slips = slips_of.inpainted_gone_wrong(probes.stepper(weights), *task)
    step = student.library("diffusion_lab.probes").stepper(weights)
    ask = lambda: student.inpaint(step, *task)  # noqa: E731
    slips_of.assert_draws_nothing(ask)
    assert_close(ask(), wanted, atol=1e-4, rtol=1e-4, slips=slips)
