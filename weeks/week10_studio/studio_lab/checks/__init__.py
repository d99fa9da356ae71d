"""The visible checks of week 10: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import numpy as np
import torch

from coursekit.checks import Slip, assert_close, assert_same, assert_that, check
from coursekit.student import StudentError
from studio_lab import data
from studio_lab import probes as local
from studio_lab.checks import parts, reference, repainting
from studio_lab.checks.keeping import (
    a_full_disk as a_full_disk,
)
from studio_lab.checks.keeping import (
    a_slide_for_each as a_slide_for_each,
)
from studio_lab.checks.keeping import (
    fields_and_costs_in_all as fields_and_costs_in_all,
)
from studio_lab.checks.keeping import (
    into_the_picture_and_out as into_the_picture_and_out,
)
from studio_lab.checks.keeping import (
    memory_and_words as memory_and_words,
)
from studio_lab.checks.keeping import (
    names_are_only_text as names_are_only_text,
)
from studio_lab.checks.keeping import (
    newest_first as newest_first,
)
from studio_lab.checks.keeping import (
    on_the_disk_and_on_time as on_the_disk_and_on_time,
)
from studio_lab.checks.keeping import (
    ranked_described_remembered as ranked_described_remembered,
)
from studio_lab.checks.keeping import (
    sessions_do_not_mix as sessions_do_not_mix,
)
from studio_lab.checks.keeping import (
    typed_text_is_text as typed_text_is_text,
)
from studio_lab.checks.keeping import (
    what_is_wrong_is_named as what_is_wrong_is_named,
)
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
        slips = {
            "that is the first channel alone: average all of them": at,
            "the second channel alone": lambda t: 0 * t,
        }
        reference.assert_wave(found, lambda t, at=at: at(t) / 2, seconds, slips)


@check("read_sound")
def what_is_no_sound(student, rng):
    """What is no sound, or has no samples, is refused with a ValueError that says so."""
    reference.refused(lambda: student.read_sound(rng.bytes(3000)), "random bytes")
    reference.refused(lambda: student.read_sound(b""), "an empty file")
    reference.refused(lambda: student.read_sound(data.sound_file(np.zeros(0))), "a sound without samples")


@check("read_sound", weight=2)
def what_may_be_too_much(student, rng):
    """Sounds that are too long, too loud or broken, and headers that lie, are dealt with."""
    most = float(rng.integers(1, 4))
    long = data.sound_file(np.zeros(int((most + 0.4) * 8000)), 8000, "FLAC")
    reference.refused(lambda: student.read_sound(long, most), f"{most + 0.4:g} s where {most:g} s are allowed")
    wave, at = reference.tone(rng, reference.RATE, 0.5)
    broken = wave.copy()
    broken[int(rng.integers(100, 7000))] = np.nan
    reference.refused(lambda: student.read_sound(data.sound_file(broken, 16_000, "WAV", "FLOAT")), "a nan in it")
    loud = data.sound_file(5 * wave, reference.RATE, "WAV", "FLOAT")
    reference.assert_wave(student.read_sound(loud), lambda t: np.clip(5 * at(t), -1, 1), 0.5)
    rate, channels = int(rng.integers(192_001, 400_000)), int(rng.integers(9, 40))
    fast, many = data.sound_file(np.zeros(16_000), rate), data.sound_file(np.zeros((800, channels)), 8000)
    reference.refused(lambda: student.read_sound(fast), f"a header that states {rate:,} Hz")
    reference.refused(lambda: student.read_sound(many), f"a header that states {channels} channels")


# --- 2 transcribe -----------------------------------------------------------------------------------------------------


@check("transcribe", weight=2)
def english_and_german(student, rng):
    """English is written down, German is translated, and the language is told."""
    for one in (*reference.spoken(rng, "en", 2), *reference.spoken(rng, "de", 2)):
        text, language = reference.heard_by(student, one.audio)
        wanted, code = reference.library_heard(one.audio)
        assert_that(language != f"<|{code}|>", f"the language is {language!r}: tell it without the marks, {code!r}")
        assert_same(language, code, f"of {one.text!r}, the language")
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
        chance = reference.nobody_speaks(np.asarray(wave, dtype=np.float32))
        told = f"the probability of <|nospeech|>, the token before <|notimestamps|>, is {chance:.2f} there"
        assert_that(text == "", f"{name} became {text!r}; {told}, so nothing is said")
        assert_that(language is None, f"{name} is in language {language!r}; nobody speaks, so it is None")


@check("transcribe", weight=2)
def window_after_window(student, rng):
    """What is longer than a window is heard to its end, pauses add nothing, and each window has its language."""
    window = reference.model("whisper").processor.feature_extractor.n_samples
    (one,), (other,) = reference.spoken(rng, "en", 1), reference.spoken(rng, "de", 1)
    first = np.pad(one.audio, (0, window - len(one.audio))).astype(np.float32)
    (said, _), (then, _) = reference.library_heard(first), reference.library_heard(other.audio.astype(np.float32))
    pause = (0.002 * rng.normal(size=window)).astype(np.float32)
    for parts_, cut in (
        ([first, other.audio], "only the first window was heard: go on, window after window"),
        (
            [first, pause, other.audio],
            "it ends at the first pause: a window without speech adds nothing, no more",
        ),
    ):
        text, language = reference.heard_by(student, np.concatenate(parts_))
        if text == said:
            raise Slip(cut)
        assert_same(text, f"{said} {then}", "the text of two windows")
        if language == "de":
            raise Slip("that is the last window's language: the first one's is asked for")
        assert_same(language, "en", "the first window's language")
    told = student.library("studio_lab.probes").languages_told(student.transcribe, np.concatenate([first, other.audio]))
    if told == ["en", "en"]:
        raise Slip("every window is taken for one in the first one's language: the second one's is de")


# --- 3 read_prompt ----------------------------------------------------------------------------------------------------


@check("read_prompt")
def spaces_and_unknown_words(student, rng):
    """Spaces are tidied, and words that the painter does not know are told."""
    word, other = ("".join(rng.choice(list("bcdfgklmnprt"), size=6)) for _ in range(2))
    typed = f"  a large\n\n{word}\ton a  white background, {other} {word.title()} "
    prompt, unknown = reference.read(student, typed, reference.WORDS)
    if prompt == " ".join(typed.strip().replace("\n", " ").replace("\t", " ").split(" ")) != " ".join(typed.split()):
        raise Slip("runs of spaces are left inside the prompt; each becomes one")
    assert_same(prompt, " ".join(typed.split()), "the prompt")
    for mistake, wrong in {
        "a word that comes twice is told once": [word, other, word],
        "a comma is part of a word: a word is a run of letters": [word, "background,", other],
        "unknown words are told in lower case, and looked up so": [word, other, word.title()],
    }.items():
        if unknown == wrong:
            raise Slip(mistake)
    assert_same(unknown, [word, other], "the unknown words")
    found = reference.read(student, "a Large, red star.", reference.WORDS)[1]
    if found == ["Large"]:
        raise Slip("unknown words are told in lower case, and looked up so")
    assert_same(found, [], "the unknown words of 'a Large, red star.'")


@check("read_prompt")
def letters_of_all_kinds(student, rng):
    """What looks the same is the same, and every alphabet has letters."""
    word = str(rng.choice(["red", "blue", "star"]))
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in word)
    prompt, unknown = reference.read(student, f"a {wide} ring", reference.WORDS)
    if wide in prompt:
        raise Slip(f"{wide} is left as it is: bring the text to the form NFKC, and it is {word}")
    assert_same((prompt, unknown), (f"a {word} ring", []), "prompt and unknown words")
    _, unknown = reference.read(student, "Ünder étoiles", reference.WORDS)
    if unknown == ["nder", "toiles"]:
        raise Slip("letters are not only those from a to z")
    assert_same(unknown, ["ünder", "étoiles"], "the unknown words of 'Ünder étoiles'")


@check("read_prompt")
def nothing_and_too_much(student, rng):
    """An empty prompt and one of 10,000 characters are refused, and it is said why."""
    reference.refused(lambda: student.read_prompt("", reference.WORDS), "an empty prompt")
    reference.refused(lambda: student.read_prompt(" \n\t ", reference.WORDS), "a prompt of spaces")
    said = reference.refused(lambda: student.read_prompt("red star " * 1111, reference.WORDS), "10,000 characters")
    assert_that("300" in said, f"say how many characters there may be; it says {said!r}")
    most = int(rng.integers(20, 60))
    said = reference.refused(lambda: student.read_prompt("r" * (most + 1), None, most), f"{most + 1} where most={most}")
    assert_that(str(most) in said, f"the message should name the limit, {most}; it says {said!r}")


# --- 4 paint ----------------------------------------------------------------------------------------------------------


@check("paint", weight=2)
def the_librarys_pictures(student, rng):
    """Each seed gives the picture that it gives alone."""
    prompt, seeds = reference.scene(rng).caption(), reference.seeds_of(rng, 2)
    steps, guidance = int(rng.integers(3, 6)), float(rng.choice([2.0, 4.0]))
    asked = student.library("studio_lab.probes")
    state = asked.painting(student.paint, prompt, seeds, steps, guidance)
    found = state["pictures"]
    assert_that(len(found) == len(seeds), f"{len(seeds)} seeds gave {len(found)} pictures")
    wanted = [reference.library_painted(prompt, seed, steps, guidance)[0] for seed in seeds]
    if state["pipe alone"] and not state["left alone"]:
        raise Slip("the global generator was used or moved: give the call generators of its own")
    for mistake, other in {
        "guidance is not used: those are the pictures of the pipeline's own 7.5": [
            reference.library_painted(prompt, seed, steps, 7.5)[0] for seed in seeds
        ],
        "one generator for all: the second picture depends on the first seed": reference.library_painted_together(
            prompt, seeds, steps, guidance
        ),
    }.items():
        same = [all(map(reference.are_alike, pictures, other)) for pictures in (found, wanted)]
        if same == [True, False]:
            raise Slip(mistake)
    for i, (picture, right) in enumerate(zip(found, wanted, strict=True)):
        reference.assert_alike(picture, right, f"picture {i}")


@check("paint")
def every_step_is_told(student, rng):
    """on_step hears of every step, from 1 on, with the latents as they are then."""
    prompt, seeds, steps = reference.scene(rng).caption(), reference.seeds_of(rng, 2), int(rng.integers(3, 6))
    found = student.library("studio_lab.probes").painting(student.paint, prompt, seeds, steps, 3.0)
    every = list(range(1, steps + 1))
    for mistake, wrong in {
        "count from 1: the first call comes after the first step": list(range(steps)),
        "on_step is never called": [],
        "painted one by one: on_step hears of each step as often as there are seeds": every * 2,
    }.items():
        if found["done"] == wrong:
            raise Slip(mistake)
    assert_same(found["done"], every, "the steps that on_step was told")
    wanted = torch.cat([reference.library_painted(prompt, seed, steps, 3.0)[1] for seed in seeds])
    assert_close(found["latents"], wanted, atol=0.05, what="the last latents")


@check("paint")
def others_use_the_pipe(student, rng):
    """The pipeline and its scheduler are as they were, and another visitor may paint meanwhile."""
    prompt, (seed, other) = reference.scene(rng).caption(), reference.seeds_of(rng, 2)
    asked = student.library("studio_lab.probes")
    state = asked.painting(student.paint, prompt, [seed], 4, 2.0)
    shared = "pipe's scheduler is not as it was: it counts steps, so each painting needs a copy of its own"
    assert_that(state["pipe alone"], shared)
    found = asked.two_at_once(student.paint, (prompt, [seed], 6, 2.0), (prompt, [other], 2, 6.0), 1)["first"]
    assert_that(len(found) == 1, "a picture is missing")
    wanted = reference.library_painted(prompt, seed, 6, 2.0)[0]
    reference.assert_alike(found[0], wanted, "while another visitor paints, the picture", off=0.3)


# --- 5 rank -----------------------------------------------------------------------------------------------------------


@check("rank")
def the_best_one_first(student, rng):
    """Pictures come in the order in which CLIP finds that they fit."""
    scenes = [reference.scene(rng, colour=str(colour)) for colour in rng.permutation(list(COLOURS))[:4]]
    pictures = [one.render() for one in scenes]
    reference.assert_ranked(student, pictures, scenes[int(rng.integers(1, 4))].caption())


@check("rank")
def one_picture_too(student, rng):
    """One picture is a list of one."""
    one = reference.scene(rng)
    try:
        reference.assert_ranked(student, [one.render()], one.caption())
    except StudentError as error:
        if error.kind == "TypeError" and "'float'" in error.message:
            raise Slip(f"one picture is a list of one, too: squeeze() takes it away ({error.message})") from None
        raise


# --- 6 describe -------------------------------------------------------------------------------------------------------


@check("describe")
def the_librarys_caption(student, rng):
    """The caption is what BLIP's generate() writes."""
    probes, one = student.library("studio_lab.probes"), reference.scene(rng).render()
    found = probes.with_model("captioning", student.describe, one)
    assert_that(isinstance(found, str), f"expected a text, found a {type(found).__name__}")
    assert_that("[" not in found, f"the caption {found!r} still has special tokens")
    assert_same(found, reference.library_caption(one), "the caption")
    found = probes.long_winded(student.describe, one)
    wanted = local.long_winded(parts.describe, one)
    if found != wanted and wanted.startswith(found):
        raise Slip(f"a caption of more than 20 tokens breaks off: {found[-40:]!r}. Is max_new_tokens 40?")
    assert_same(found, wanted, "the caption of a model that writes more")


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
        score, similarity = reference.library_scores(picture, text)
        slips = {
            "that is the probability that it is false": 1 - wanted,
            "that is the score of `true`, no probability: softmax over both scores": score,
            "that is the similarity of two towers, not what the matching head says": similarity,
        }
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
    outside, inside = np.abs(found - before)[~within].max(), np.abs(found - before)[within].max()
    if outside and not inside:
        raise Slip("inside out: the region is as it was, and the rest is new")
    assert_that(inside > 0, "nothing changed inside the region")
    apart = "at the end the region has to be cut out and laid over the original"
    assert_that(outside == 0, f"outside the region a pixel changed by {outside} of 255: {apart}")


@check("edit", weight=2)
def grows_out_of_what_is_there(student, rng):
    """Inside the region repaint follows the formula. Print what you put back after each step, and at which level."""
    picture, prompt, (seed,) = reference.scene(rng).render(), reference.scene(rng).caption(), reference.seeds_of(rng, 1)
    region = (float(rng.uniform(0.3, 0.5)), 0.0, 1.0, 1.0)
    found = student.library("studio_lab.probes").edited(student.repaint, picture, region, prompt, seed, 5, 3.0)
    wanted = repainting.repainted(picture, region, prompt, seed, 5, 3.0)
    within = reference.inside(region, *picture.size)
    away = repainting.apart(found, wanted, within)
    if away > 2:
        for mistake, way in repainting.SLIPS.items():
            other = repainting.repainted(picture, region, prompt, seed, 5, 3.0, way)
            if repainting.apart(found, other, within) <= 1 < repainting.apart(other, wanted, within):
                raise Slip(mistake)
    assert_that(away <= 2, f"inside the region it is another picture: off by {away:.1f} of 255 in the mean")


@check("edit")
def regions_without_a_pixel(student, rng):
    """A region without a pixel is refused."""
    probes, picture = student.library("studio_lab.probes"), reference.scene(rng).render()
    for region in ((0.5, 0.5, 0.5, 0.9), (0.7, 0.0, 0.3, 1.0)):
        reference.refused(
            lambda region=region: probes.edited(student.repaint, picture, region, "a red star", 1, 3, 3.0),
            f"the region {region}, which holds no pixel",
        )


@check("edit")
def the_librarys_variation(student, rng):
    """vary is what StableDiffusionImg2ImgPipeline makes of the picture."""
    from diffusers import StableDiffusionImg2ImgPipeline

    picture, prompt, (seed,) = reference.scene(rng).render(), reference.scene(rng).caption(), reference.seeds_of(rng, 1)
    strength = float(rng.choice([0.4, 0.6]))
    pipe = parts.own(reference.model("diffusion").model, StableDiffusionImg2ImgPipeline)

    def varied(strength):
        how = {"strength": strength, "num_inference_steps": 8, "guidance_scale": 3.0}
        return pipe(prompt, image=picture, generator=torch.Generator().manual_seed(seed), **how).images[0]

    asked = student.library("studio_lab.probes")
    found, again = (asked.edited(student.vary, picture, prompt, seed, strength, 8, 3.0) for _ in range(2))
    if not reference.are_alike(found, again):
        raise Slip("the same seed gives another picture each time: the generator is missing")
    wanted, usual = varied(strength), varied(0.8)
    if reference.are_alike(found, usual) and not reference.are_alike(found, wanted):
        raise Slip("strength is not used: that is the pipeline's own 0.8")
    reference.assert_alike(found, wanted, f"with strength {strength:g} the picture")
