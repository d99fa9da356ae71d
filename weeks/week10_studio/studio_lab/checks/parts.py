"""The studio's parts, as the course has them: the app falls back on these where an exercise is still open.

Each one takes what it works with as an argument, and knows nothing of the app. `loaded` is what `models.load` gives:
the model and its processor. Bad input is a ValueError whose text can be shown to whoever uses the app.
"""

from __future__ import annotations

import base64
import copy
import html
import io
import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin

from coursekit import models
from coursekit.audio import CHANNELS, RATES
from coursekit.models import Loaded
from studio_lab.bounds import MEGABYTE, PROMPT, SCHEMA, SOUND_BYTES
from studio_lab.checks.recipes import open_png
from studio_lab.checks.recipes import read_recipe as read_recipe
from studio_lab.checks.recipes import steps_of as steps_of
from tinyworld.sound import RATE

SILENT = 0.5  # probability of no speech from which nothing was said
OnStep = Callable[[int, torch.Tensor], None]
Region = tuple[float, float, float, float]


# --- words ------------------------------------------------------------------------------------------------------------


NO_SOUND = "That is no sound that can be read here. WAV, FLAC, Ogg and MP3 files can."


def bounded(data: bytes) -> None:
    """Look at a sound file's size and header, before anything is decoded or computed from what they state.

    Raises ValueError for more than 10 MB, for what is no sound, a rate outside 4,000 to 192,000 Hz, more than 8
    channels.
    """
    import soundfile

    if len(data) > SOUND_BYTES:
        raise ValueError(f"The sound has {len(data) / MEGABYTE:.0f} MB; at most {SOUND_BYTES // MEGABYTE} MB, please.")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, channels = file.samplerate, file.channels
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise ValueError(NO_SOUND) from error
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"The sound states {rate:,} Hz; {RATES[0]:,} to {RATES[1]:,} Hz can be read.")
    if channels > CHANNELS:
        raise ValueError(f"The sound states {channels:,} channels; at most {CHANNELS}, please.")


def read_sound(data: bytes, most_seconds: float = 30.0) -> np.ndarray:
    """A sound file that somebody uploaded, as float32 (samples,) in [-1, 1] at 16 kHz, its channels averaged.

    data: the bytes of a WAV, FLAC, Ogg or MP3 file, at most 10 MB.
    Raises ValueError for what is too large, no sound, empty, broken, or longer than `most_seconds`, and for a header
    that states a rate outside 4,000 to 192,000 Hz or more than 8 channels: nothing is decoded or resampled of that. Of
    a file that says little and unpacks to hours, no more than `most_seconds` is unpacked.
    """
    import soundfile
    from scipy.signal import resample_poly

    bounded(data)
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        rate, most = file.samplerate, int(most_seconds * file.samplerate)
        try:
            samples = file.read(most + 1, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise ValueError(NO_SOUND) from error
    if not len(samples):
        raise ValueError("The sound is empty.")
    if len(samples) > most:
        raise ValueError(f"The sound is longer than {most_seconds:g} seconds.")
    if not np.isfinite(samples).all():
        raise ValueError("The sound is broken: some of its samples are no numbers.")
    wave = samples.mean(axis=1, dtype=np.float64)  # in float32 two loud channels may add up to infinity
    wave = wave if rate == RATE else resample_poly(wave, RATE, rate)
    return np.clip(wave, -1, 1).astype(np.float32)


def transcribe(whisper: Loaded, wave: np.ndarray) -> tuple[str, str | None]:
    """What is said, in English, and in which language it was said ("en", "de", ...).

    wave: float32 (samples,) at 16 kHz, of any length: it is heard window after window. A window in which nobody speaks
    (probability of no speech over 0.5) adds nothing; where nobody speaks at all, that is ("", None). What was not said
    in English is translated.   Source: Radford et al. 2023, section 2.3.
    """
    model, processor = whisper
    config, window = model.generation_config, processor.feature_extractor.n_samples
    codes = {token: code.strip("<|>") for code, token in config.lang_to_id.items()}
    texts, languages = [], []
    for start in range(0, len(wave), window):
        part = np.asarray(wave[start : start + window], dtype=np.float32)
        features = processor.feature_extractor(part, sampling_rate=RATE, return_tensors="pt").input_features
        features = features.to(model.device, model.dtype)
        begin = torch.full((1, 1), config.decoder_start_token_id, device=model.device)
        with torch.no_grad():
            first = model(input_features=features, decoder_input_ids=begin).logits[0, 0].float().softmax(dim=-1)
        if first[config.no_timestamps_token_id - 1] > SILENT:
            continue
        language = codes[max(codes, key=lambda token: float(first[token]))]
        said = model.generate(
            features,
            attention_mask=torch.ones(features.shape[:1] + features.shape[2:], dtype=torch.long, device=model.device),
            language=language,
            task="transcribe" if language == "en" else "translate",
        )
        texts.append(processor.tokenizer.decode(said[0], skip_special_tokens=True).strip())
        languages.append(language)
    return " ".join(filter(None, texts)), languages[0] if languages else None


def read_prompt(text: str, known: Collection[str] | None = None, most: int = PROMPT) -> tuple[str, list[str]]:
    """A prompt as the painter may have it, and the words in it that the painter does not know.

    text: whatever was typed. It is brought to Unicode's form NFKC, control characters count as spaces, and any run of
    spaces becomes one.   known: lower-case words, or None where any word will do.
    Returns the prompt and its unknown words, lower case, in order, each once. A word is a run of letters.
    Raises ValueError where nothing is left, or more than `most` characters.
    """
    spaced = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in unicodedata.normalize("NFKC", text))
    prompt = " ".join(spaced.split())
    if not prompt:
        raise ValueError("Say or type what to paint.")
    if len(prompt) > most:
        raise ValueError(f"The prompt has {len(prompt):,} characters; at most {most}, please.")
    words = dict.fromkeys(re.findall(r"[^\W\d_]+", prompt.lower()))
    return prompt, [] if known is None else [word for word in words if word not in known]


# --- pictures ---------------------------------------------------------------------------------------------------------


def own(pipe: Any, kind: type) -> Any:
    """A pipeline of this kind on the same networks, with a scheduler of its own: nobody else's steps mix with it."""
    parts = {**pipe.components, "scheduler": copy.deepcopy(pipe.scheduler)}
    made = kind(**parts, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    return made


def paint(
    pipe: Any,
    prompt: str,
    seeds: Sequence[int],
    steps: int = 20,
    guidance: float = 3.0,
    on_step: OnStep | None = None,
) -> list[Image.Image]:
    """One picture of the prompt for each seed.

    pipe: a StableDiffusionPipeline, which is left as it was, even while others paint with it.   Picture i starts from
    torch.randn by a CPU generator with seeds[i], whatever the other seeds are; no other randomness is used.
    on_step(done, latents): called after each step with done = 1, ..., steps and the latents (n, c, h, w); what it
    raises ends the painting.
    """
    from diffusers import StableDiffusionPipeline

    def report(_: Any, step: int, __: Any, values: dict[str, Any]) -> dict[str, Any]:
        if on_step:
            on_step(step + 1, values["latents"].detach().clone())
        return values

    return own(pipe, StableDiffusionPipeline)(
        [prompt] * len(seeds),
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        callback_on_step_end=report,
    ).images


def vary(
    pipe: Any,
    picture: Image.Image,
    prompt: str,
    seed: int,
    strength: float = 0.6,
    steps: int = 20,
    guidance: float = 3.0,
) -> Image.Image:
    """The picture noised to a `strength` in [0, 1] of the way, and painted on from there (Meng et al. 2022, section 3).

    It is what StableDiffusionImg2ImgPipeline makes with a CPU generator of this seed. Where the strength leaves no step
    to make, the picture comes back as it was.
    """
    from diffusers import StableDiffusionImg2ImgPipeline

    if int(steps * strength) < 1:
        return picture.convert("RGB")
    return own(pipe, StableDiffusionImg2ImgPipeline)(
        prompt,
        image=picture.convert("RGB"),
        strength=strength,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(seed),
    ).images[0]


def repaint(
    pipe: Any,
    picture: Image.Image,
    region: Region,
    prompt: str,
    seed: int,
    steps: int = 20,
    guidance: float = 3.0,
) -> Image.Image:
    """The picture with a region painted anew; every pixel outside stays exactly as it was.

    region: (left, top, right, bottom) as parts of width and height, in [0, 1]; pixel i of w is inside where
    left <= (i + 0.5) / w < right. A cell of the latents is inside where any of its pixels is.
    Painting starts from `paint`'s noise of this seed. After each step the latents outside are the picture's own (the
    mean of the VAE's encoding), noised by that same noise to the time that the step has reached; the last one reaches
    the picture itself (after Lugmayr et al. 2022, section 4.1). The painted region is then laid over the picture.
    Raises ValueError for a region without a pixel.
    """
    from diffusers import StableDiffusionPipeline

    picture = picture.convert("RGB")
    left, top, right, bottom = region
    x, y = ((np.arange(n) + 0.5) / n for n in picture.size)
    inside = ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None]
    if not inside.any():
        raise ValueError("Draw a region to paint anew: this one holds no pixel.")
    mine = own(pipe, StableDiffusionPipeline)
    pixels = mine.image_processor.preprocess(picture).to(pipe.device, pipe.vae.dtype)
    with torch.no_grad():
        kept = pipe.vae.encode(pixels).latent_dist.mean * pipe.vae.config.scaling_factor
    cells = torch.from_numpy(inside).float().to(kept)[None, None]
    cells = torch.nn.functional.adaptive_max_pool2d(cells, kept.shape[-2:])
    noise = torch.randn(kept.shape, generator=torch.Generator().manual_seed(seed)).to(kept)

    def keep(_: Any, step: int, __: Any, values: dict[str, Any]) -> dict[str, Any]:
        reached = mine.scheduler.timesteps[step + 1 : step + 2]
        outside = mine.scheduler.add_noise(kept, noise, reached) if len(reached) else kept
        values["latents"] = cells * values["latents"] + (1 - cells) * outside
        return values

    painted = mine(
        prompt,
        latents=noise,
        width=picture.width,
        height=picture.height,
        num_inference_steps=steps,
        guidance_scale=guidance,
        callback_on_step_end=keep,
    ).images[0]
    return Image.composite(painted, picture, Image.fromarray(np.where(inside, 255, 0).astype(np.uint8)))


# --- looking ----------------------------------------------------------------------------------------------------------


def rank(clip: Loaded, pictures: Sequence[Image.Image], prompt: str) -> list[tuple[int, float]]:
    """(place, cosine) of every picture, the one that fits the prompt best first.

    place: of the picture in `pictures`.   cosine: of CLIP's embeddings of picture and prompt.
    Source: Radford et al. 2021, section 2.3.
    """
    seen, said = models.embed_images(clip, pictures), models.embed_texts(clip, [prompt])
    cosines = torch.nn.functional.cosine_similarity(seen, said).tolist()
    return sorted(enumerate(cosines), key=lambda found: -found[1])


def describe(captioner: Loaded, picture: Image.Image) -> str:
    """A caption by BLIP, greedily, at most 40 tokens (Li et al. 2022, section 3.1)."""
    inputs = captioner.processor(images=picture.convert("RGB"), return_tensors="pt").to(captioner.model.device)
    pixels = inputs["pixel_values"].to(captioner.model.dtype)
    ids = captioner.model.generate(pixel_values=pixels, max_new_tokens=40, num_beams=1, do_sample=False)
    return captioner.processor.tokenizer.decode(ids[0], skip_special_tokens=True).strip()


def matches(retriever: Loaded, picture: Image.Image, prompt: str) -> float:
    """The probability that the prompt is true of the picture, by BLIP's matching head (Li et al. 2022, section 3.2)."""
    inputs = retriever.processor(images=picture.convert("RGB"), text=prompt, truncation=True, return_tensors="pt")
    inputs = {name: inputs[name].to(retriever.model.device) for name in ("pixel_values", "input_ids", "attention_mask")}
    with torch.no_grad():
        scores = retriever.model(**inputs).itm_score
    return float(scores.float().softmax(dim=-1)[0, 1])


# --- remembering ------------------------------------------------------------------------------------------------------


def remember(path: str, session: str, record: Mapping[str, Any], picture: Image.Image) -> int:
    """Write a work into the history, for good, and return its number.

    path: of a SQLite file, made where there is none, with the one table of SCHEMA.   session: whose it is.
    record: what JSON can hold.
    When it returns, the work is on the disk; when it raises (sqlite3.Error or OSError), the file is as it was.
    """
    png = io.BytesIO()
    picture.convert("RGB").save(png, "PNG")
    row = session, datetime.now(UTC).isoformat(timespec="seconds"), json.dumps(record), png.getvalue()
    with closing(sqlite3.connect(path, timeout=10)) as history, history:
        history.execute(SCHEMA)
        written = history.execute("INSERT INTO works (session, made, record, picture) VALUES (?, ?, ?, ?)", row)
        return written.lastrowid or 0


def recall(path: str, session: str) -> list[dict[str, Any]]:
    """A session's works, the newest first: {"id", "made", "record", "picture"}. No file or table: no works."""
    with closing(sqlite3.connect(path, timeout=10)) as history:
        if not history.execute("SELECT 1 FROM sqlite_master WHERE name = 'works'").fetchone():
            return []
        rows = history.execute(
            "SELECT id, made, record, picture FROM works WHERE session = ? ORDER BY id DESC", (session,)
        ).fetchall()
    return [
        {
            "id": number,
            "made": made,
            "record": json.loads(record),
            "picture": open_png(png).convert("RGB"),
        }
        for number, made, record, png in rows
    ]


# --- sharing ----------------------------------------------------------------------------------------------------------


def stamp(picture: Image.Image, recipe: Mapping[str, Any]) -> bytes:
    """The picture as a PNG file that says where it comes from: its recipe as JSON in the text chunk "recipe", and in
    "Disclaimer" that a model painted it. The pixels are unchanged.   Source: PNG specification, section 11.3.3.
    """
    chunks, file = PngImagePlugin.PngInfo(), io.BytesIO()
    chunks.add_itxt("recipe", json.dumps(recipe))
    chunks.add_itxt("Disclaimer", "This picture was painted by a model; it was not taken by a camera.")
    picture.convert("RGB").save(file, "PNG", pnginfo=chunks)
    return file.getvalue()


POLICY = (  # a second lock behind the escaping: a reader's browser fetches nothing and runs nothing
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
)
STYLE = """
body { margin: 0; font: 18px/1.5 system-ui, sans-serif; background: #14171a; color: #f2f2f2; }
section { min-height: 100vh; box-sizing: border-box; padding: 4vmin; display: grid; place-content: center; gap: 2vmin;
  justify-items: center; text-align: center; break-after: page; }
img { width: min(62vmin, 512px); image-rendering: pixelated; border-radius: 8px; background: white; }
h1, h2 { font-weight: 600; margin: 0; } h2 { font-size: 1.4em; } p { margin: 0; } .by { opacity: .65; font-size: .8em; }
"""


def deck(title: str, slides: Sequence[Mapping[str, Any]]) -> str:
    """A slide deck in one HTML file, which needs nothing else and runs nothing.

    slides: {"picture", "prompt", "caption", "seed"}. One <section> each after the one of the title, with the picture
    as a PNG in a data: URL, the caption as its alternative text, prompt and caption to read. Text is shown as it is,
    whatever it holds.
    """
    sections = [f'<section><h1>{html.escape(title)}</h1><p class="by">{len(slides)} pictures</p></section>']
    for slide in slides:
        png = io.BytesIO()
        slide["picture"].convert("RGB").save(png, "PNG")
        source = base64.b64encode(png.getvalue()).decode()
        prompt, caption = html.escape(slide["prompt"]), html.escape(slide["caption"])
        sections.append(
            f'<section><img src="data:image/png;base64,{source}" alt="{caption}"><h2>{prompt}</h2><p>{caption}</p>'
            f'<p class="by">Painted by a model, seed {int(slide["seed"])}.</p></section>'
        )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width">{POLICY}<style>{STYLE}</style></head>\n<body>\n'
        + "\n".join(sections)
        + "\n</body></html>\n"
    )


# --- the whole path ---------------------------------------------------------------------------------------------------


def create(studio: Any, text: str, settings: Mapping[str, Any], on_step: OnStep | None = None) -> dict[str, list[Any]]:
    """From a prompt to pictures that are ranked, described and remembered.

    studio: has read_prompt(text), paint(prompt, seeds, steps, guidance, on_step), rank(pictures, prompt),
    describe(picture), matches(picture, prompt) and remember(record, picture).
    settings: "seed", "candidates", "steps", "guidance". The seeds are seed, seed + 1, ...
    Returns "works", one for each candidate, best first: {"prompt", "seed", "steps", "guidance", "score", "picture"},
    the best also with "caption" and "match"; and "notes", a list of sentences for whoever asked.
    The best one is remembered: everything but its picture is the record. Where that fails (OSError, sqlite3.Error) the
    works are returned all the same, and a note says so. Words the painter does not know: a note names them. Out of
    memory (MemoryError, torch.OutOfMemoryError), the candidates are painted one at a time, and a note says so; where
    one alone is too much, that is a MemoryError that says what to do. A prompt that cannot be read is its ValueError.
    """
    notes = []
    prompt, unknown = studio.read_prompt(text)
    if unknown:
        notes.append(f"The painter does not know {', '.join(unknown)}; expect it to guess.")
    seeds = [settings["seed"] + i for i in range(settings["candidates"])]
    how = settings["steps"], settings["guidance"]
    exhausted = MemoryError, torch.OutOfMemoryError
    try:
        pictures = studio.paint(prompt, seeds, *how, on_step)
    except exhausted:
        notes.append("Memory was short, so the candidates were painted one at a time.")
        try:
            pictures = [studio.paint(prompt, [seed], *how, on_step)[0] for seed in seeds]
        except exhausted as error:
            raise MemoryError(
                "There is not enough memory for even one picture. Close other programs, or use the tiny profile."
            ) from error
    common = {"prompt": prompt, "steps": settings["steps"], "guidance": settings["guidance"]}
    works = [
        {**common, "seed": seeds[i], "score": score, "picture": pictures[i]}
        for i, score in studio.rank(pictures, prompt)
    ]
    best = works[0]
    best |= {"caption": studio.describe(best["picture"]), "match": studio.matches(best["picture"], prompt)}
    try:
        studio.remember({name: value for name, value in best.items() if name != "picture"}, best["picture"])
    except (OSError, sqlite3.Error) as error:
        notes.append(f"The picture could not be saved to the history ({error}). Download it to keep it.")
    return {"works": works, "notes": notes}
