"""The visible checks of week 10: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import numpy as np
import torch

from coursekit.checks import assert_close, assert_same, assert_that, check
from studio_lab import data
from studio_lab.checks import parts, reference
from tinyworld import COLOURS

# --- 1 read_sound -----------------------------------------------------------------------------------------------------


@check("read_sound", weight=2)
def any_rate_and_channels(student, rng):
    """Files of any rate, with one channel or two, become one channel at 16 kHz."""
    for rate, kind in ((44_100, "WAV"), (8000, "FLAC"), (16_000, "WAV")):
        seconds = float(rng.uniform(0.5, 1.0))
        wave, at = reference.tone(rng, rate, seconds)
        reference.assert_wave(student.read_sound(data.sound_file(wave, rate, kind)), at, seconds)
        stereo = np.stack([wave, np.zeros_like(wave)], axis=1)
        found = student.read_sound(data.sound_file(stereo, rate, kind))
        reference.assert_wave(found, lambda t, at=at: at(t) / 2, seconds)


@check("read_sound")
def what_is_no_sound(student, rng):
    """What is no sound, or has no samples, is refused with a ValueError that says so."""
    reference.refused(lambda: student.read_sound(rng.bytes(3000)), "random bytes")
    reference.refused(lambda: student.read_sound(b""), "an empty file")
    reference.refused(lambda: student.read_sound(data.sound_file(np.zeros(0))), "a sound without samples")


# --- 2 transcribe -----------------------------------------------------------------------------------------------------


@check("transcribe", weight=2)
def english_and_german(student, rng):
    """English is written down, German is translated, and the language is told."""
    for one in (*reference.spoken(rng, "en", 2), *reference.spoken(rng, "de", 2)):
        text, language = reference.heard_by(student, one.audio)
        wanted, code = reference.library_heard(one.audio)
        assert_that(language != f"<|{code}|>", f"the language is {language!r}: tell it without the marks, {code!r}")
        assert_same(language, code, "the language")
        assert_that(text == wanted or text != one.text or code == "en", "German was written down: translate it")
        assert_same(text, wanted, f"of {one.text!r}, the text")


@check("transcribe")
def silence_says_nothing(student, rng):
    """Where nobody speaks, nothing was said."""
    for name, wave in (
        ("silence", np.zeros(2 * reference.RATE)),
        ("noise", 0.05 * rng.normal(size=2 * reference.RATE)),
    ):
        text, language = reference.heard_by(student, wave)
        assert_that(text == "", f"{name} became {text!r}. Look at the probability of no speech first")
        assert_that(language is None, f"{name} is in language {language!r}; nobody speaks, so it is None")


# --- 3 read_prompt ----------------------------------------------------------------------------------------------------


@check("read_prompt")
def spaces_and_unknown_words(student, rng):
    """Spaces are tidied, and words that the painter does not know are told."""
    word, other = ("".join(rng.choice(list("bcdfgklmnprt"), size=6)) for _ in range(2))
    prompt, unknown = reference.read(
        student, f"  a large\n\n{word}\ton a  white background, {other} {word.title()} ", reference.WORDS
    )
    assert_same(prompt, f"a large {word} on a white background, {other} {word.title()}", "the prompt")
    assert_that(unknown != [word, other, word], "a word that comes twice is told once")
    assert_same(unknown, [word, other], "the unknown words")
    assert_same(
        reference.read(student, "a Large, red star.", reference.WORDS)[1],
        [],
        "the unknown words of 'a Large, red star.'",
    )


@check("read_prompt")
def nothing_and_too_much(student, rng):
    """An empty prompt and one of 10,000 characters are refused, and it is said why."""
    reference.refused(lambda: student.read_prompt("", reference.WORDS), "an empty prompt")
    reference.refused(lambda: student.read_prompt(" \n\t ", reference.WORDS), "a prompt of spaces")
    said = reference.refused(lambda: student.read_prompt("red star " * 1111, reference.WORDS), "10,000 characters")
    assert_that("300" in said, f"say how many characters there may be; it says {said!r}")


# --- 4 paint ----------------------------------------------------------------------------------------------------------


@check("paint", weight=2)
def the_librarys_pictures(student, rng):
    """Each seed gives the picture that it gives alone."""
    prompt, seeds = reference.scene(rng).caption(), reference.seeds_of(rng, 2)
    steps, guidance = int(rng.integers(3, 6)), float(rng.choice([2.0, 4.0]))
    found = student.library("studio_lab.probes").painting(student.paint, prompt, seeds, steps, guidance)["pictures"]
    assert_that(len(found) == len(seeds), f"{len(seeds)} seeds gave {len(found)} pictures")
    for i, (picture, seed) in enumerate(zip(found, seeds, strict=True)):
        reference.assert_alike(picture, reference.library_painted(prompt, seed, steps, guidance)[0], f"picture {i}")


@check("paint")
def every_step_is_told(student, rng):
    """on_step hears of every step, from 1 on, with the latents as they are then."""
    prompt, (seed,), steps = reference.scene(rng).caption(), reference.seeds_of(rng, 1), int(rng.integers(3, 6))
    found = student.library("studio_lab.probes").painting(student.paint, prompt, [seed], steps, 3.0)
    slip = "count from 1: the first call comes after the first step"
    assert_that(found["done"] != list(range(steps)), slip)
    assert_same(found["done"], list(range(1, steps + 1)), "the steps that on_step was told")
    assert_close(
        found["latents"], reference.library_painted(prompt, seed, steps, 3.0)[1], atol=0.05, what="the last latents"
    )


# --- 5 rank -----------------------------------------------------------------------------------------------------------


@check("rank")
def the_best_one_first(student, rng):
    """Pictures come in the order in which CLIP finds that they fit."""
    scenes = [reference.scene(rng, colour=str(colour)) for colour in rng.permutation(list(COLOURS))[:4]]
    pictures = [one.render() for one in scenes]
    reference.assert_ranked(student, pictures, scenes[int(rng.integers(1, 4))].caption())


# --- 6 describe -------------------------------------------------------------------------------------------------------


@check("describe")
def the_librarys_caption(student, rng):
    """The caption is what BLIP's generate() writes."""
    probes, one = student.library("studio_lab.probes"), reference.scene(rng).render()
    found = probes.with_model("captioning", student.describe, one)
    assert_that(isinstance(found, str), f"expected a text, found a {type(found).__name__}")
    assert_that("[" not in found, f"the caption {found!r} still has special tokens")
    assert_same(found, reference.library_caption(one), "the caption")


@check("describe")
def true_and_false(student, rng):
    """A true prompt is probable, a false one is not."""
    probes, one = student.library("studio_lab.probes"), reference.scene(rng)
    others = [colour for colour in COLOURS if colour != one.objects[0].colour]
    false = reference.scene(rng, colour=str(rng.choice(others)), shape=one.objects[0].shape)
    picture = one.render()
    for text in (one.caption(), false.caption()):
        wanted = reference.library_match(picture, text)
        found = probes.with_model("retrieval", student.matches, picture, text)
        assert_that(isinstance(found, float), f"expected one number, a float; found a {type(found).__name__}")
        slips = {"that is the probability that it is false": 1 - wanted}
        assert_close(found, wanted, atol=1e-3, slips=slips, what=f"the probability of {text!r}")


# --- 7 edit -----------------------------------------------------------------------------------------------------------


@check("edit")
def outside_nothing_changes(student, rng):
    """repaint leaves every pixel outside the region as it was, and changes what is inside."""
    one, left = reference.scene(rng, x=0.3), float(rng.uniform(0.5, 0.6))
    picture, region = one.render(), (left, 0.0, 1.0, 1.0)
    probes, (seed,) = student.library("studio_lab.probes"), reference.seeds_of(rng, 1)
    found = reference.pixels(
        probes.edited(student.repaint, picture, region, reference.scene(rng).caption(), seed, 4, 3.0)
    )
    before, within = reference.pixels(picture), reference.inside(region, *picture.size)
    assert_that(found.shape == before.shape, f"the picture now has shape {found.shape}")
    assert_same(int(np.abs(found - before)[~within].max()), 0, "the largest change of a pixel outside the region")
    assert_that(bool(np.abs(found - before)[within].any()), "nothing changed inside the region")


@check("edit")
def the_librarys_variation(student, rng):
    """vary is what StableDiffusionImg2ImgPipeline makes of the picture."""
    from diffusers import StableDiffusionImg2ImgPipeline

    picture, prompt, (seed,) = reference.scene(rng).render(), reference.scene(rng).caption(), reference.seeds_of(rng, 1)
    strength = float(rng.choice([0.4, 0.6]))
    pipe = parts.own(reference.model("diffusion").model, StableDiffusionImg2ImgPipeline)
    how = {"strength": strength, "num_inference_steps": 8, "guidance_scale": 3.0}
    wanted = pipe(prompt, image=picture, generator=torch.Generator().manual_seed(seed), **how).images[0]
    found = student.library("studio_lab.probes").edited(student.vary, picture, prompt, seed, strength, 8, 3.0)
    reference.assert_alike(found, wanted, f"with strength {strength:g} the picture")


# --- 8 remember -------------------------------------------------------------------------------------------------------


@check("remember")
def newest_first(student, rng):
    """What is remembered comes back whole, the newest first."""
    path = student.library("studio_lab.probes").new_history()
    reference.assert_works(student.recall(path, "ada"), [], "before anything was remembered")
    works = [(reference.record(rng), reference.noise(rng)) for _ in range(3)]
    numbers = [student.remember(path, "ada", *work) for work in works]
    assert_that(all(type(n) is int for n in numbers) and len(set(numbers)) == 3, f"the numbers are {numbers}")
    found = student.recall(path, "ada")
    reference.assert_works(found, works[::-1])
    assert_same([one["id"] for one in found], numbers[::-1], "the numbers that come back")


@check("remember")
def sessions_do_not_mix(student, rng):
    """Each session sees its own works only."""
    path = student.library("studio_lab.probes").new_history()
    works = [(reference.record(rng), reference.noise(rng)) for _ in range(3)]
    for session, work in zip(("ada", "bob", "ada"), works, strict=True):
        student.remember(path, session, *work)
    reference.assert_works(student.recall(path, "ada"), [works[2], works[0]], "ada's works")
    reference.assert_works(student.recall(path, "bob"), [works[1]], "bob's works")
    reference.assert_works(student.recall(path, "eve"), [], "eve's works")


# --- 9 recipe ---------------------------------------------------------------------------------------------------------


@check("recipe")
def into_the_picture_and_out(student, rng):
    """A recipe goes into a PNG and comes out again, and the pixels stay."""
    import json

    for kind in ("paint", "repaint"):
        told, picture = reference.recipe(rng, kind), reference.noise(rng)
        file = student.stamp(picture, told)
        assert_that(isinstance(file, bytes) and file[:8] == b"\x89PNG\r\n\x1a\n", "expected the bytes of a PNG file")
        assert_that(len(file) < 100_000, f"the file has {len(file)} bytes")
        assert_same(student.read_recipe(file), told, "the recipe in the picture")
        assert_same(student.read_recipe(json.dumps(told).encode()), told, "the recipe in JSON")


@check("recipe")
def what_is_wrong_is_named(student, rng):
    """A recipe that lacks a field, or has a wrong one, is refused, and the field is named."""
    import json

    for name, wrong in (("prompt", None), ("seed", "7"), ("steps", 0), ("guidance", "much"), ("profile", "huge")):
        told = reference.recipe(rng)
        del told[name]
        for change in ({}, {name: wrong}):
            file = json.dumps(told | change).encode()
            said = reference.refused(
                lambda file=file: student.read_recipe(file), f"{name} {'wrong' if change else 'missing'}"
            )
            assert_that(name in said, f"the message should name {name!r}; it says {said!r}")
    reference.refused(lambda: student.read_recipe(b"[1, 2"), "half a JSON file")


# --- 10 deck ----------------------------------------------------------------------------------------------------------


@check("deck", weight=2)
def a_slide_for_each(student, rng):
    """One section for the title, and one for each picture with its prompt and caption."""
    wanted = reference.slides(rng, 3)
    reference.assert_deck(student.deck("My session", wanted), "My session", wanted)


# --- 11 create --------------------------------------------------------------------------------------------------------


@check("create", weight=2)
def ranked_described_remembered(student, rng):
    """The candidates come best first; the best one is described and remembered."""
    seed = int(rng.integers(10**6))
    made = reference.plan(rng, seed)
    found = reference.created(student, made)
    reference.assert_best_first(found, made)
    assert_that(found["steps"] == [7], "on_step was not passed on to the painter")
    best = max(made["scores"], key=made["scores"].get)
    assert_same([number for _, number in found["remembered"]], [best], "the seeds whose pictures were remembered")
    kept = found["remembered"][0][0]
    assert_same(
        sorted(kept), sorted(["prompt", "seed", "steps", "guidance", "score", "caption", "match"]), "its fields"
    )
    assert_same(kept["seed"], best, "the seed in the record")


@check("create")
def a_full_disk(student, rng):
    """When the history cannot be written, the pictures are there all the same, and a note says so."""
    made = reference.plan(rng, int(rng.integers(10**6)), saving="sqlite3.Error")
    found = reference.created(student, made)
    reference.assert_best_first(found, made)
    assert_that(len(reference.result_of(found)[1]) > 0, "nothing tells that it was not saved: add a note")
