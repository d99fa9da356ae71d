# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 10, and what to look for in the answer that a person grades."""

from __future__ import annotations

import io
import json
import struct
import zlib
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler
from PIL import Image

from coursekit.checks import assert_close, assert_same, assert_that, check, evidence, sound_evidence
from studio_lab import data
from studio_lab.checks import parts
from studio_lab.checks.reference import (
    RATE,
    WORDS,
    Page,
    assert_alike,
    assert_best_first,
    assert_deck,
    assert_ranked,
    assert_wave,
    assert_works,
    created,
    heard_by,
    inside,
    library_caption,
    library_heard,
    library_match,
    library_painted,
    model,
    noise,
    pixels,
    plan,
    read,
    recipe,
    record,
    refused,
    result_of,
    scene,
    seeds_of,
    slides,
    spoken,
    tone,
)
from studio_lab.probes import flat

REFLECTION = """
Three points, one each:
(a) the recording's whole way with a place, a duration and a line of the student's own code for each (the browser, the
    server's memory while it is transcribed, nowhere afterwards; the transcript stays, in the prompt and the history);
    consent that a child can understand and a parent can refuse, and a way to take part without a voice (typing);
(b) what the two text chunks say and to whom (a teacher, a newspaper, the painter); two real ways to lose or forge it
    (screenshot, re-encoding, editing the chunk, copying it onto a photograph) with what would prevent or reveal each
    (a signature, a watermark in the pixels, a register of digests), and that none of them proves an absence;
(c) a misuse that is likely in a class (pictures of classmates, of teachers; somebody else's voice), tied to something
    in the design (an address of a history that is passed on, seeds, no upload of faces, loopback or school network),
    and one thing left out on purpose with its cost to honest users. A filter that "blocks bad words" alone counts for
    nothing.
"""


# --- 1 read_sound -----------------------------------------------------------------------------------------------------


@check("read_sound")
def too_long_and_too_large(student, rng):
    """A sound that is too long or too large is refused; just short enough is not."""
    most = float(rng.integers(3, 8))
    fine = np.zeros(int(most * 8000))
    assert_that(len(student.read_sound(data.sound_file(fine, 8000, "FLAC"), most)) > 0, "as long as allowed is refused")
    long = data.sound_file(np.zeros(int((most + 0.5) * 8000)), 8000, "FLAC")
    refused(lambda: student.read_sound(long, most), f"{most + 0.5:g} s where {most:g} s are allowed")
    wave = (0.1 * rng.normal(size=40 * RATE)).astype(np.float32)
    refused(lambda: student.read_sound(data.sound_file(wave)), "40 s where nothing else is said")
    short = data.sound_file(np.zeros(2 * RATE)) + bytes(10 * parts.MEGABYTE)
    refused(lambda: student.read_sound(short), "a file of more than 10 MB")


@check("read_sound")
def broken_and_loud_samples(student, rng):
    """Samples that are no numbers are refused, and what is too loud is cut off."""
    wave, at = tone(rng, RATE, 0.5)
    for value in (np.nan, np.inf):
        broken = wave.copy()
        broken[int(rng.integers(100, 7000))] = value
        file = data.sound_file(broken, RATE, "WAV", "FLOAT")
        refused(lambda file=file: student.read_sound(file), f"a {value} in it")
    loud = data.sound_file(5 * wave, RATE, "WAV", "FLOAT")
    assert_wave(student.read_sound(loud), lambda t: np.clip(5 * at(t), -1, 1), 0.5)
    found = student.read_sound(data.sound_file(5 * wave, 8000, "WAV", "FLOAT"))
    assert_that(float(np.abs(found).max()) <= 1, "resampling overshoots: cut off after it")


@check("read_sound")
def what_the_header_states(student, rng):
    """A rate or a number of channels that no recording has is refused; those at the bounds are not."""
    # rates that an answer without bounds can afford: what a header may cost in full is in the exercise's text
    for rate in (int(rng.integers(192_001, 400_000)), 192_001, 3999, int(rng.integers(1, 4000))):
        file = data.sound_file(np.zeros(min(rate, 16_000)), rate)
        refused(lambda file=file: student.read_sound(file), f"a header that states {rate:,} Hz")
    for channels in (9, int(rng.integers(10, 64))):
        file = data.sound_file(np.zeros((800, channels)), 8000)
        refused(lambda file=file: student.read_sound(file), f"a header that states {channels} channels")
    seconds, frequency = (
        int(rng.integers(10, 17)) / 32,
        float(rng.uniform(80, 250)),
    )  # whole samples; low enough for 4 kHz

    def low(t: np.ndarray) -> np.ndarray:
        return 0.4 * np.sin(2 * np.pi * frequency * t)

    for rate in (4000, 192_000):
        wave = low(np.arange(round(seconds * rate)) / rate)
        assert_wave(student.read_sound(data.sound_file(wave, rate)), low, seconds)
    wave, at = tone(rng, RATE, seconds)
    eight = np.stack([wave, *(np.zeros_like(wave) for _ in range(7))], axis=1)
    assert_wave(student.read_sound(data.sound_file(eight, RATE)), lambda t: at(t) / 8, seconds)


# --- 2 transcribe -----------------------------------------------------------------------------------------------------


@check("transcribe", weight=2)
def windows_and_pauses(student, rng):
    """What is longer than a window is heard to its end, and pauses add nothing."""
    window = model("whisper").processor.feature_extractor.n_samples
    pair = [*spoken(rng, "en", 1), *spoken(rng, "de", 1)]
    first, second = pair if rng.random() < 0.5 else pair[::-1]
    pause = 0.002 * rng.normal(size=window)
    wave = np.concatenate([_filled(first.audio, window), pause, second.audio]).astype(np.float32)
    sound_evidence(f"Said: {first.text}; {second.text}", wave)
    text, language = heard_by(student, wave)
    told = [library_heard(_filled(first.audio, window)), library_heard(second.audio.copy())]
    assert_that(text != told[0][0], "only the first window was heard")
    assert_same(text, f"{told[0][0]} {told[1][0]}", "the text")
    assert_same(language, told[0][1], "the first window's language")


def _filled(wave: np.ndarray, length: int) -> np.ndarray:
    return np.pad(wave, (0, length - len(wave))).astype(np.float32)


@check("transcribe")
def new_voices(student, rng):
    """Voices that the model never heard are written down as the library does."""
    for language in ("en", "de"):
        every = data.wishes(language, 2, ("voices",))
        one = every[int(rng.integers(len(every)))]
        assert_same(heard_by(student, one.audio), (library_heard(one.audio)), f"of {one.text!r}, text and language")


# --- 3 read_prompt ----------------------------------------------------------------------------------------------------


@check("read_prompt")
def what_looks_the_same(student, rng):
    """Letters of other widths and characters that nobody sees become plain."""
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in "red")
    prompt, unknown = read(student, f"{wide}\u200bstar\x07on\u00a0white", WORDS)
    assert_same(prompt, "red star on white", "the prompt with wide letters and control characters")
    assert_same(unknown, [], "its unknown words")
    prompt, unknown = read(student, "Ünder 3 étoiles, x2y!", ["x"])
    assert_same((prompt, unknown), ("Ünder 3 étoiles, x2y!", ["ünder", "étoiles", "y"]), "prompt and unknown words")


@check("read_prompt")
def the_limit_itself(student, rng):
    """The limit counts the characters that are left; with known=None every word will do."""
    most = int(rng.integers(20, 60))
    exact = "r" * most
    assert_same(read(student, f"  {exact}\n\n ", None, most), (exact, []), "a prompt as long as allowed")
    said = refused(lambda: student.read_prompt(exact + "r", None, most), "one character too many")
    assert_that(str(most) in said, f"the message should name the limit, {most}; it says {said!r}")
    assert_same(read(student, "r" * 300)[0], "r" * 300, "300 characters")
    refused(lambda: student.read_prompt("r" * 301), "301 characters")
    refused(lambda: student.read_prompt("\u200b\x00\u00ad", WORDS), "a prompt of characters that nobody sees")


# --- 4 paint ----------------------------------------------------------------------------------------------------------


@check("paint")
def a_seed_is_a_promise(student, rng):
    """A seed gives the same picture in any company, and global randomness is neither used nor moved."""
    probes, prompt, (one, two) = student.library("studio_lab.probes"), scene(rng).caption(), seeds_of(rng, 2)
    found = probes.painting(student.paint, prompt, [two, one, two], 4, 3.0)
    wanted = library_painted(prompt, two, 4, 3.0)[0]
    assert_same(len(found["pictures"]), 3, "the number of pictures of three seeds")
    for i in (0, 2):
        assert_alike(found["pictures"][i], wanted, f"picture {i} of seeds [b, a, b]")
    evidence("Your picture", found["pictures"][1].resize((256, 256)))
    assert_that(found["left alone"], "pipe's scheduler, or the global generator, is not as it was")


@check("paint", weight=2)
def two_sessions_at_once(student, rng):
    """While one visitor paints, another one does, with other steps and guidance: both get their own picture."""
    (a, b), (one, two) = (scene(rng).caption() for _ in range(2)), seeds_of(rng, 2)
    first, second = (a, [one], 6, 2.0), (b, [two], 2, 6.0)  # strides of 166 and 500: exchanged, they are seen
    found = student.library("studio_lab.probes").two_at_once(student.paint, first, second, 1)
    assert_that(len(found["first"]) == len(found["second"]) == 1, "a picture is missing")
    assert_alike(found["second"][0], library_painted(b, two, 2, 6.0)[0], "the second visitor's picture")
    assert_alike(found["first"][0], library_painted(a, one, 6, 2.0)[0], "the first visitor's picture", off=0.3)


@check("paint")
def it_can_be_stopped(student, rng):
    """What on_step raises ends the painting and comes out."""
    at = int(rng.integers(1, 4))
    out, made = student.library("studio_lab.probes").stopped(student.paint, ("a red star", [1], 6, 3.0), at)
    assert_that(out, "what on_step raised did not come out")
    assert_same(made, at, "the steps that were made")


# --- 5 rank -----------------------------------------------------------------------------------------------------------


@check("rank")
def one_and_many(student, rng):
    """One picture is ranked, and so are many, some of which are there twice."""
    scenes = [scene(rng, colour=colour) for colour in ("red", "blue", "green")]
    a, b, c = (one.render() for one in scenes)
    assert_ranked(student, [b], scenes[0].caption())
    assert_ranked(student, [b, a, c, a, b, a], scenes[0].caption())
    assert_ranked(student, [one.render() for one in data.told(9, 2, int(rng.integers(10**6)))], scenes[1].caption())


# --- 6 describe -------------------------------------------------------------------------------------------------------


@check("describe", weight=2)
def any_picture_and_long_prompts(student, rng):
    """Pictures of any mode and size are read, and a prompt may be longer than the model reads."""
    probes, one = student.library("studio_lab.probes"), scene(rng).render(96)
    see_through = one.convert("RGBA")
    for picture in (see_through, one.convert("L")):
        found = probes.with_model("captioning", student.describe, picture)
        assert_same(found, library_caption(picture), f"the caption of a picture of mode {picture.mode}")
    text = " ".join([scene(rng).caption()] * 9)[:300]
    found = probes.with_model("retrieval", student.matches, see_through, text)
    assert_close(found, library_match(one, text), atol=1e-3, what="the probability of a prompt of 300 characters")


# --- 7 edit -----------------------------------------------------------------------------------------------------------


def repainted(picture: Image.Image, region: Any, prompt: str, seed: int, steps: int, guidance: float) -> Image.Image:
    """The formula of section 7, by a loop of the judge's own over the library's scheduler."""
    pipe = model("diffusion").model
    scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
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
            kept = float(scheduler.alphas_cumprod[times[i + 1]]) if i + 1 < len(times) else 1.0
            x = m * x + (1 - m) * (kept**0.5 * z + (1 - kept) ** 0.5 * epsilon)
        painted = pipe.vae.decode(x / pipe.vae.config.scaling_factor).sample[0]
    new = (127.5 * (painted.clamp(-1, 1) + 1)).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(np.where(within[..., None], new, np.asarray(picture.convert("RGB"))))


def _states(pipe: Any, text: str) -> torch.Tensor:
    length = pipe.tokenizer.model_max_length
    ids = pipe.tokenizer(text, padding="max_length", max_length=length, truncation=True, return_tensors="pt").input_ids
    return pipe.text_encoder(ids)[0]


@check("edit", weight=2)
def what_is_new_grows_out_of_what_is_there(student, rng):
    """Inside the region repaint follows the formula, step by step."""
    probes = student.library("studio_lab.probes")
    one, prompt = scene(rng), scene(rng).caption()
    picture = one.render()
    for region in ((float(rng.uniform(0.4, 0.6)), 0.0, 1.0, 1.0), (0.3, 0.55, 0.62, 0.93)):
        (seed,) = seeds_of(rng, 1)
        found = probes.edited(student.repaint, picture, region, prompt, seed, 5, 3.0)
        wanted = repainted(picture, region, prompt, seed, 5, 3.0)
        evidence("Before, yours, expected", _beside(picture, found, wanted))
        within = inside(region, *picture.size)
        a, b = pixels(found), pixels(wanted)
        assert_same(a.shape, b.shape, "the picture's shape")
        away = float(np.abs(a - b)[within].mean())
        assert_that(away <= 2, f"inside the region it is another picture: off by {away:.1f} of 255 in the mean")


def _beside(*pictures: Any) -> Image.Image:
    sheet = Image.new("RGB", (200 * len(pictures), 192), "white")
    for i, picture in enumerate(pictures):
        if isinstance(picture, Image.Image):
            sheet.paste(picture.convert("RGB").resize((192, 192), Image.Resampling.NEAREST), (200 * i, 0))
    return sheet


@check("edit")
def no_region_and_no_strength(student, rng):
    """A region without a pixel is refused, and no strength changes nothing."""
    probes, picture = student.library("studio_lab.probes"), scene(rng).render()
    for region in ((0.5, 0.5, 0.5, 0.9), (0.7, 0.0, 0.3, 1.0), (0.501, 0.0, 0.505, 1.0)):
        refused(
            lambda r=region: probes.edited(student.repaint, picture, r, "a red star", 1, 3, 3.0), f"region {region}"
        )
    see_through = picture.convert("RGBA")
    for strength in (0.0, 0.1):
        found = probes.edited(student.vary, see_through, "a red star", 1, strength, 6, 3.0)
        assert_same(int(np.abs(pixels(found) - pixels(picture)).max()), 0, f"strength {strength:g}: the largest change")
    (seed,), prompt = seeds_of(rng, 1), scene(rng).caption()
    made = [probes.edited(student.vary, picture, prompt, seed, 0.7, 6, 3.0) for _ in range(2)]
    assert_alike(made[1], made[0], "the same variation a second time", off=0.01)


# --- 8 remember -------------------------------------------------------------------------------------------------------


@check("remember")
def what_is_typed_is_text(student, rng):
    """Quotes, semicolons and other alphabets in sessions and prompts are kept as they are."""
    path = student.library("studio_lab.probes").new_history()
    names = ["o'hara", "'); DROP TABLE works; --", "ada%", "adam", "ünï ☂"]
    works = [({**record(rng), "prompt": f'{name} " ? \\ {{}}'}, noise(rng)) for name in names]
    for name, work in zip(names, works, strict=True):
        student.remember(path, name, *work)
    for name, work in zip(names, works, strict=True):
        assert_works(student.recall(path, name), [work], f"the works of {name!r}")


@check("remember", weight=2)
def it_is_on_the_disk(student, rng):
    """What was remembered is in the file: another file, with other words in it, tells those."""
    probes, picture = student.library("studio_lab.probes"), noise(rng)
    path = probes.new_history()
    word, other = ("".join(rng.choice(list("bcdfghjklmnpqrstvwxz"), size=24)) for _ in range(2))
    student.remember(path, "ada", {"prompt": word}, picture)
    raw = probes.file_bytes(path)
    assert_that(raw[:15] == b"SQLite format 3", "the file is no SQLite database")
    assert_that(word.encode() in raw, "the prompt is not in the file when remember returns. Is it committed?")
    found = student.recall(probes.write_file(raw.replace(word.encode(), other.encode())), "ada")
    assert_works(found, [({"prompt": other}, picture)], "the works of a copy that was changed")


@check("remember", weight=2)
def a_full_disk_loses_nothing(student, rng):
    """When the disk is full, remember raises, and what was there stays and can be read."""
    probes = student.library("studio_lab.probes")
    path = probes.new_history()
    works = [(record(rng), noise(rng)) for _ in range(2)]
    for work in works:
        student.remember(path, "ada", *work)
    kind = probes.on_a_full_disk(student.remember, path, "ada", record(rng), noise(rng, 300, 200))
    assert_that(kind != "", "the disk was full, and remember raised no sqlite3.Error and no OSError")
    assert_works(student.recall(path, "ada"), works[::-1], "after a full disk")
    student.remember(path, "ada", *works[0])
    assert_same(len(student.recall(path, "ada")), 3, "the number of works once there is room again")


@check("remember")
def several_at_once(student, rng):
    """Threads that remember at the same time lose nothing."""
    probes, names = student.library("studio_lab.probes"), ["a", "b", "c"]
    path = probes.new_history()
    wrong = probes.from_threads(student.remember, path, names, 4, noise(rng))
    assert_that(not wrong, f"in a thread: {wrong[:1]}")
    for name in names:
        found = [work["record"] for work in student.recall(path, name)]
        assert_same([one["i"] for one in found], [3, 2, 1, 0], f"what {name} remembered")


# --- 9 recipe ---------------------------------------------------------------------------------------------------------


def chunks(png: bytes) -> dict[str, str]:
    """The international text chunks of a PNG file, by keyword. Raises AssertionError where it is none."""
    assert_that(isinstance(png, bytes) and png[:8] == b"\x89PNG\r\n\x1a\n" and len(png) < 10**6, "that is no PNG file")
    found, at = {}, 8
    while at + 12 <= len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body, crc = png[at + 8 : at + 8 + length], png[at + 8 + length : at + 12 + length]
        assert_that(crc == struct.pack(">I", zlib.crc32(kind + body)), f"the chunk {kind!r} is damaged")
        if kind == b"iTXt":
            keyword, _, rest = body.partition(b"\0")
            compressed, text = rest[0], rest[2:].split(b"\0", 2)[2]
            text = zlib.decompressobj().decompress(text, 10**6) if compressed else text
            found[keyword.decode("latin-1")] = text.decode()
        at += 12 + length
    return found


def _pixels_of(png: bytes) -> bytes:
    """The pixels of a small PNG file."""
    width, height = struct.unpack(">II", png[16:24])
    assert_that(width * height <= 10_000, f"the file says {width} x {height} pixels")
    try:
        return Image.open(io.BytesIO(png), formats=["PNG"]).convert("RGB").tobytes()
    except (OSError, SyntaxError, ValueError):
        raise AssertionError("the PNG file cannot be read") from None


@check("recipe")
def the_chunks_are_there(student, rng):
    """The file has the recipe and a disclaimer in text chunks, and the same pixels."""
    told, picture = recipe(rng, "vary"), noise(rng)
    file = student.stamp(picture, told)
    found = chunks(file)
    assert_that({"recipe", "Disclaimer"} <= set(found), f"the file's iTXt chunks are {sorted(found)}")
    assert_same(json.loads(found["recipe"]), told, "the chunk 'recipe'")
    assert_that(
        len(found["Disclaimer"].split()) >= 4, f"the disclaimer is {found['Disclaimer']!r}; say it in a sentence"
    )
    assert_that(_pixels_of(file) == picture.tobytes(), "the pixels changed")
    other = recipe(rng)
    assert_same(student.read_recipe(_with_chunk(picture, other)), other, "the recipe in a PNG of somebody else's")


def _with_chunk(picture: Image.Image, told: Any, keyword: str = "recipe") -> bytes:
    from PIL.PngImagePlugin import PngInfo

    info, file = PngInfo(), io.BytesIO()
    info.add_itxt(keyword, json.dumps(told))
    picture.save(file, "PNG", pnginfo=info)
    return file.getvalue()


@check("recipe", weight=2)
def types_and_ranges(student, rng):
    """Booleans, nan, huge numbers, other types and other words are refused; the limits themselves are not."""
    wrong = [
        *(("steps", value) for value in (True, 101, 2.0, 10**30, [3])),
        *(("seed", value) for value in (False, -1, 2**53, 1.5, None)),
        *(("guidance", value) for value in (True, float("nan"), float("inf"), -0.1, 20.5, 10**400, "3")),
        *(("prompt", value) for value in ("", "x" * 301, 7, ["a"])),
        *(("pixels", value) for value in ("0" * 63, "g" * 64, "A" * 64, "0" * 64 + "\n", 0)),
        *(("kind", value) for value in ("draw", None, ["paint"])),
        *(("format", value) for value in ("crossmodal-studio/2", 1)),
    ]
    for name, value in wrong:
        shown = str(value)[:20]
        said = refused(
            lambda n=name, v=value: student.read_recipe(json.dumps(recipe(rng) | {n: v}).encode()), f"{name} {shown}"
        )
        assert_that(name in said, f"{name} {shown}: the message should name the field; it says {said!r}")
    edge = recipe(rng) | {"steps": 100, "seed": 2**53 - 1, "guidance": 20, "prompt": "x" * 300}
    for told in (edge, edge | {"steps": 1, "seed": 0, "guidance": 0, "prompt": "☂"}):
        assert_same(student.read_recipe(json.dumps(told).encode()), told, "a recipe at the limits")


@check("recipe")
def edits_all_the_way_back(student, rng):
    """The recipes that an edit goes back to are checked too: no more than twenty, and no more than 600 steps in all."""
    for name, value in (("strength", 1.5), ("strength", True), ("from", None), ("from", [])):
        told = recipe(rng, "vary") | {name: value}
        refused(lambda t=told: student.read_recipe(json.dumps(t).encode()), f"{name} {value}")
    for region in ([0, 0, 1], [0, 0, 1, float("nan")], "0011", [0, 0, 1, 1.1]):
        told = recipe(rng, "repaint") | {"region": region}
        refused(lambda t=told: student.read_recipe(json.dumps(t).encode()), f"region {region}")
    deep = recipe(rng, "repaint")
    deep["from"]["from"]["steps"] = 0
    refused(lambda: student.read_recipe(json.dumps(deep).encode()), "no steps in the first of three recipes")
    told = recipe(rng) | {"steps": 40}
    for _ in range(20):
        told = recipe(rng, "vary") | {"from": told, "steps": 28}
    raw = json.dumps(told).encode()
    assert_that(len(raw) < parts.RECIPE_BYTES, "too long to ask")
    found = student.library("studio_lab.probes").flat_recipe(student.read_recipe, raw)  # too deep to cross as it is
    assert_same(found, flat(json.loads(raw)), "a picture edited twenty times, and what it goes back to")
    more = recipe(rng) | {"steps": 1}
    for _ in range(21):
        more = recipe(rng, "vary") | {"from": more, "steps": 1}
    refused(lambda: student.read_recipe(json.dumps(more).encode()), "a picture edited twenty-one times")
    costly = recipe(rng) | {"steps": int(rng.integers(2, 101))}
    for steps in (100, 100, 100, 100, 100, 101 - costly["steps"]):
        costly = recipe(rng, "vary") | {"from": costly, "steps": steps}
    said = refused(lambda: student.read_recipe(json.dumps(costly).encode()), "601 steps in all")
    assert_that("steps" in said, f"601 steps in all: the message should name 'steps'; it says {said!r}")


@check("recipe")
def other_files(student, rng):
    """Files that hold no recipe, or one that is no good, are refused; fields nobody asked for are left out."""
    told = recipe(rng)
    assert_same(student.read_recipe(json.dumps(told | {"run": "rm -rf /", "strength": 2}).encode()), told, "the recipe")
    refused(lambda: student.read_recipe(_with_chunk(noise(rng), told, "Comment")), "a PNG without a recipe")
    refused(lambda: student.read_recipe(_with_chunk(noise(rng), told | {"steps": 0})), "a PNG with no steps in it")
    refused(lambda: student.read_recipe(_with_chunk(noise(rng), told)[:30]), "a PNG that was cut off")
    refused(lambda: student.read_recipe(b"[" * 50_000), "brackets without end")
    refused(lambda: student.read_recipe(b"\xff\xfe\x00\xd8"), "bytes that are no text")
    refused(lambda: student.read_recipe(b"7"), "a number")
    refused(
        lambda: student.read_recipe(json.dumps(told).encode() + b" " * parts.RECIPE_BYTES), "more than 100,000 bytes"
    )


# --- 10 deck ----------------------------------------------------------------------------------------------------------


@check("deck", weight=2)
def text_is_only_text(student, rng):
    """Tags, quotes and ampersands in titles, prompts and captions are shown, not obeyed."""
    wanted = slides(rng, 3)
    wanted[0]["prompt"] = "<script>alert(1)</script> & <b>bold</b>"
    wanted[1]["caption"] = '" onerror="alert(1)" x=\'<img src=https://example.org/a.png>'
    wanted[2] |= {"prompt": "</section><section>ünï ☂ &lt;", "caption": "it's <!-- so"}
    page = assert_deck(student.deck("A & B </title><script>", wanted), "A & B </title><script>", wanted)
    _harmless(page)
    assert_that(not any("onerror" in attrs for _, attrs in page.tags), "a caption became an attribute")


def _harmless(page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    bad = tags & {"script", "iframe", "object", "embed", "base", "form"}
    assert_that(not bad, f"the page holds <{min(bad)}>" if bad else "")
    for tag, attrs in page.tags:
        for name, value in attrs.items():
            address = name in ("src", "href", "srcset", "poster", "data", "action")
            assert_that(not address or value.startswith(("data:", "#")), f"<{tag} {name}> fetches {value[:60]}")
            assert_that(not name.startswith("on"), f"<{tag}> runs something {name}")


@check("deck")
def none_and_many(student, rng):
    """A session without pictures has a title only; many pictures stay in their order, each with its seed."""
    _harmless(assert_deck(student.deck("Empty", []), "Empty", []))
    wanted = slides(rng, 7)
    page = assert_deck(student.deck("Seven", wanted), "Seven", wanted)
    for section, slide in zip(page.sections[1:], wanted, strict=True):
        assert_that(str(slide["seed"]) in section["text"], f"a slide does not show its seed, {slide['seed']}")


# --- 11 create --------------------------------------------------------------------------------------------------------


@check("create")
def short_of_memory(student, rng):
    """Out of memory, the candidates are painted one by one; where even one is too much, it is said what to do."""
    for kind in ("MemoryError", "OutOfMemoryError"):
        made = plan(rng, int(rng.integers(10**6)), batch=1, exhausted=kind)
        found = created(student, made)
        assert_best_first(found, made)
        assert_that(len(result_of(found)[1]) == 1, f"{kind}: expected one note, found {result_of(found)[1]}")
        found = created(student, plan(rng, int(rng.integers(10**6)), batch=0, exhausted=kind))
        assert_same(found.get("error"), "MemoryError", f"{kind} for one picture: what comes out")
        assert_that(
            len(found["said"].split()) > 4 and found["said"] != "not enough memory", "say what to do, in a sentence"
        )
        assert_that(not found["remembered"], "nothing was painted, and something was remembered")


@check("create")
def words_and_other_disks(student, rng):
    """Unknown words are named, a prompt that cannot be read paints nothing, and any failure to save is a note."""
    made = plan(rng, int(rng.integers(10**6)), unknown=["zebra", "quark"])
    _, notes = result_of(created(student, made))
    assert_that(len(notes) == 1 and "zebra" in notes[0] and "quark" in notes[0], f"the notes are {notes}")
    _, notes = result_of(created(student, plan(rng, 5)))
    assert_same(notes, [], "the notes when all went well")
    found = created(student, plan(rng, 5), "  ")
    assert_same(found.get("error"), "ValueError", "of an empty prompt: what comes out")
    assert_same(found["calls"], ["read_prompt"], "of an empty prompt: what was asked of the studio")
    made = plan(rng, int(rng.integers(10**6)), n=4, saving="OSError")
    found = created(student, made, candidates=4)
    assert_best_first(found, made)
    assert_that(len(result_of(found)[1]) == 1, "an OSError while saving: expected one note")


@check("create", weight=2)
def the_app_runs_on_it(student, rng):
    """In the app it paints what was asked for, and a restart finds it again, with every setting."""
    one, (seed,) = scene(rng), seeds_of(rng, 1)
    settings = {
        "seed": seed,
        "candidates": 2,
        "steps": int(rng.integers(5, 8)),
        "guidance": float(rng.choice([2.5, 4.0])),
    }
    made = plan(rng, seed, n=2)
    app = student.library("studio_lab.probes")
    found = app.visit(student.create, made, f"  {one.caption()}", settings)
    assert_same(found["errors"], [], "what the app says went wrong")
    pictures = list(made["pictures"].values())
    score = max(made["scores"].values())
    place = list(made["scores"].values()).index(score)
    assert_alike(found["picture"], pictures[place], "the picture on the page")
    evidence("The picture on the page", found["picture"].resize((256, 256), Image.Resampling.NEAREST))
    wanted = {
        "prompt": one.caption(),
        "seed": seed + place,
        "steps": settings["steps"],
        "guidance": settings["guidance"],
    }
    shown = {name: found["record"].get(name) for name in wanted}
    assert_same(json.dumps(shown), json.dumps(wanted), "the work on the page")
    assert_close(found["record"].get("score"), score, atol=2e-3, what="its score")
    assert_same(found["record"].get("caption"), f"scored {score:.3f}", "its caption")
    for when in ("before", "after"):
        assert_same(len(found[when]), 1, f"the works in the history, {when} the restart")
        kept, picture = found[when][0]
        assert_same(json.dumps({name: kept.get(name) for name in wanted}), json.dumps(wanted), f"the record, {when}")
        assert_alike(picture, pictures[place], f"the picture in the history, {when} the restart")
    asked = {"text": wanted["prompt"], **{name: wanted[name] for name in ("seed", "steps", "guidance")}}
    assert_same(json.dumps(found["reopened"]), json.dumps(asked), "the settings that the history brings back")
    broken = app.visit(student.create, made, "x" * 10_000, settings)
    assert_that(
        any("300" in text for text in broken["errors"]), f"of 10,000 characters the app says {broken['errors']}"
    )
    assert_same(broken["after"], [], "what the history holds then")
