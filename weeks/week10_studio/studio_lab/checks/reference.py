"""What the checks of week 10 ask with and compare with. A notebook that is graded cannot import it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import torch
from PIL import Image

from coursekit import models
from coursekit.audio import RATE
from coursekit.checks import Slip, assert_close, assert_same, assert_that
from coursekit.student import StudentError
from studio_lab import data
from studio_lab.bounds import FORMAT
from tinyworld import COLOURS, SHAPES, Object, Scene

WORDS = ("red", "blue", "star", "ring", "large", "small", "a", "on", "white", "background")

model = lru_cache(maxsize=None)(lambda role: models.load(role, profile="tiny", device="cpu"))


def scene(rng: np.random.Generator, **fixed: Any) -> Scene:
    """A scene with one object in its middle."""
    drawn = {
        "shape": str(rng.choice(SHAPES)),
        "colour": str(rng.choice(list(COLOURS))),
        "size": "large",
        "x": float(rng.uniform(0.4, 0.6)),
        "y": float(rng.uniform(0.4, 0.6)),
    }
    return Scene((Object(**{**drawn, **fixed}),), str(rng.choice(["white", "black", "grey", "beige"])))


def noise(rng: np.random.Generator, width: int = 12, height: int = 9) -> Image.Image:
    """A picture of coloured noise."""
    return Image.fromarray(rng.integers(0, 256, size=(height, width, 3), dtype=np.uint8))


def refused(call: Callable[[], Any], what: str, kind: str = "ValueError") -> str:
    """The message with which `call` refuses; an AssertionError where it does not, or says nothing."""
    try:
        found = call()
    except StudentError as error:
        if error.unanswered:
            raise
        assert_that(error.kind == kind, f"{what}: expected a {kind}, and it raised {error.kind}: {error.message[:120]}")
        assert_that(len(error.message) >= 10, f"{what}: the {kind} should say what is wrong, in a sentence")
        return error.message
    raise AssertionError(f"{what}: expected a {kind}, and it returned {str(found)[:80]}")


def pixels(picture: Any, what: str = "the picture") -> np.ndarray:
    """A picture as an array of numbers."""
    assert_that(
        isinstance(picture, Image.Image), f"{what} is a {type(picture).__name__} where a PIL image was expected"
    )
    return np.asarray(picture.convert("RGB"), dtype=np.int16)


def assert_alike(found: Any, wanted: Image.Image, what: str, off: float = 1.0) -> None:
    """Two pictures of one size whose pixels differ by no more than `off` of 255 in the mean."""
    a, b = pixels(found, what), pixels(wanted)
    assert_that(
        a.shape == b.shape, f"{what} has {a.shape[1]} x {a.shape[0]} pixels, expected {b.shape[1]} x {b.shape[0]}"
    )
    away = float(np.abs(a - b).mean())
    assert_that(away <= off, f"{what} is another picture than expected: off by {away:.1f} of 255 in the mean")


# --- 1 read_sound -----------------------------------------------------------------------------------------------------


def tone(rng: np.random.Generator, rate: int, seconds: float) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """A soft tone at this rate, and what it is at any time in seconds."""
    frequency, phase = float(rng.uniform(150, 700)), float(rng.uniform(0, 6))

    def at(t: np.ndarray) -> np.ndarray:
        return 0.4 * np.sin(2 * np.pi * frequency * t + phase)

    return at(np.arange(int(seconds * rate)) / rate), at


def assert_wave(found: Any, wanted: Callable[[np.ndarray], np.ndarray], seconds: float, slips: Any = None) -> None:
    """It is this wave at 16 kHz; its ends may ring. slips: {message: another wave, as a function of time}."""
    assert_that(isinstance(found, np.ndarray), f"expected an array of samples, not a {type(found).__name__}")
    assert_that(found.ndim == 1, f"expected one row of samples, found shape {found.shape}: average the channels")
    assert_that(found.dtype == np.float32, f"expected float32, found {found.dtype}")
    length = round(seconds * RATE)
    assert_that(
        abs(len(found) - length) <= 2,
        f"{seconds:g} s gave {len(found)} samples where about {length} were expected. Is it resampled to 16 kHz?",
    )
    middle = slice(length // 8, -length // 8)
    t = np.arange(len(found)) / RATE
    loudest = float(np.abs(found).max())
    assert_that(loudest <= 1, f"the loudest sample is {loudest:.2f}: cut off at 1 what is louder, after resampling")
    others = {mistake: other(t)[middle] for mistake, other in (slips or {}).items()}
    assert_close(found[middle], wanted(t)[middle], atol=0.02, rtol=0, slips=others, what="the wave")


# --- 2 transcribe -----------------------------------------------------------------------------------------------------


def spoken(rng: np.random.Generator, language: str, n: int) -> list[data.Wish]:
    """Some of the held-out recordings."""
    every = data.wishes(language)
    return [every[i] for i in rng.choice(len(every), size=n, replace=False)]


@lru_cache
def quiet() -> None:
    """transformers warns of every setting that differs from the model's own; here they are meant."""
    from transformers.utils import logging

    logging.set_verbosity_error()


def library_heard(wave: np.ndarray) -> tuple[str, str]:
    """One window as the library's own language detection and decoding have it."""
    quiet()
    whisper = model("whisper")
    features = whisper.processor(wave, sampling_rate=RATE, return_tensors="pt").input_features
    token = int(whisper.model.detect_language(features)[0])
    language = whisper.processor.tokenizer.decode([token]).strip("<|>")
    task = "transcribe" if language == "en" else "translate"
    ids = whisper.model.generate(features, language=language, task=task)
    return whisper.processor.tokenizer.decode(ids[0], skip_special_tokens=True).strip(), language


def nobody_speaks(wave: np.ndarray) -> float:
    """The probability of no speech in one window."""
    whisper = model("whisper")
    features = whisper.processor(wave, sampling_rate=RATE, return_tensors="pt").input_features
    config = whisper.model.generation_config
    with torch.no_grad():
        scores = whisper.model(
            input_features=features, decoder_input_ids=torch.tensor([[config.decoder_start_token_id]])
        )
    return float(scores.logits[0, 0].softmax(dim=-1)[config.no_timestamps_token_id - 1])


def heard_by(student: Any, wave: np.ndarray) -> tuple[str, Any]:
    """What the student's function makes of a wave."""
    probes = student.library("studio_lab.probes")
    found = probes.with_model("whisper", student.transcribe, np.asarray(wave, dtype=np.float32))
    assert_that(
        isinstance(found, tuple | list) and len(found) == 2 and isinstance(found[0], str),
        f"expected (text, language), found {str(found)[:80]}",
    )
    return found[0].strip(), found[1]


# --- 3 read_prompt ----------------------------------------------------------------------------------------------------


def read(student: Any, *args: Any) -> tuple[str, list[str]]:
    found = student.read_prompt(*args)
    assert_that(
        isinstance(found, tuple | list) and len(found) == 2 and isinstance(found[0], str),
        f"expected (prompt, unknown words), found {str(found)[:80]}",
    )
    return found[0], list(found[1])


# --- 4 paint ----------------------------------------------------------------------------------------------------------


def library_painted(prompt: str, seed: int, steps: int, guidance: float) -> tuple[Image.Image, torch.Tensor]:
    """One picture by the library's pipeline, and its latents after the last step."""
    pipe = model("diffusion").model
    latents: list[torch.Tensor] = []

    def keep(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
        latents[:] = [values["latents"]]
        return values

    picture = pipe(
        prompt,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(seed),
        callback_on_step_end=keep,
    ).images[0]
    return picture, latents[0]


def library_painted_together(prompt: str, seeds: list[int], steps: int, guidance: float) -> list[Image.Image]:
    """Pictures of the library's pipeline where one generator, of the first seed, serves all."""
    how = {"num_inference_steps": steps, "guidance_scale": guidance, "num_images_per_prompt": len(seeds)}
    made: list[Image.Image] = (
        model("diffusion").model(prompt, generator=torch.Generator().manual_seed(seeds[0]), **how).images
    )
    return made


def are_alike(found: Any, wanted: Image.Image) -> bool:
    """Whether two pictures pass `assert_alike`."""
    try:
        assert_alike(found, wanted, "")
    except AssertionError:
        return False
    return True


def seeds_of(rng: np.random.Generator, n: int) -> list[int]:
    return [int(seed) for seed in rng.integers(1, 10**6, size=n)]


# --- 5 rank -----------------------------------------------------------------------------------------------------------


def library_cosines(pictures: list[Image.Image], prompt: str) -> np.ndarray:
    seen, said = models.embed_images(model("clip"), pictures), models.embed_texts(model("clip"), [prompt])
    return torch.nn.functional.cosine_similarity(seen, said).numpy()


def assert_ranked(student: Any, pictures: list[Image.Image], prompt: str) -> None:
    """The student's ranking is CLIP's."""
    found = student.library("studio_lab.probes").with_model("clip", student.rank, pictures, prompt)
    cosines = library_cosines(pictures, prompt)
    assert_that(
        isinstance(found, list) and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in found),
        "expected a list of (place, cosine)",
    )
    places = [pair[0] for pair in found]
    assert_same(sorted(places), list(range(len(pictures))), "the places, sorted")
    scores = np.array([float(pair[1]) for pair in found])
    seen, said = models.embed_images(model("clip"), pictures), models.embed_texts(model("clip"), [prompt])[0]
    slips = {"the scores are no cosines: divide by both lengths": (seen @ said).numpy()[places]}
    if len(pictures) > 1:
        slips["0, 1, 2, ... are ranks: give each cosine the place of its picture in `pictures`"] = np.sort(cosines)[
            ::-1
        ]
    assert_close(scores, cosines[places], atol=1e-4, slips=slips, what="the cosine of each place")
    assert_that(bool((np.diff(scores) <= 1e-6).all()), "the scores rise: the best picture comes first")


# --- 6 describe -------------------------------------------------------------------------------------------------------


def library_caption(picture: Image.Image) -> str:
    blip = model("captioning")
    inputs = blip.processor(images=picture.convert("RGB"), return_tensors="pt")
    ids = blip.model.generate(**inputs, max_new_tokens=40, num_beams=1, do_sample=False)
    return blip.processor.decode(ids[0], skip_special_tokens=True).strip()


def library_match(picture: Image.Image, text: str) -> float:
    blip = model("retrieval")
    with torch.no_grad():
        inputs = blip.processor(images=picture.convert("RGB"), text=text, truncation=True, return_tensors="pt")
        return float(blip.model(**inputs).itm_score.softmax(dim=1)[0, 1])


def library_scores(picture: Image.Image, text: str) -> tuple[float, float]:
    """The matching head's score of "true", and the similarity of the two towers."""
    blip = model("retrieval")
    with torch.no_grad():
        inputs = blip.processor(images=picture.convert("RGB"), text=text, truncation=True, return_tensors="pt")
        score, towers = blip.model(**inputs).itm_score, blip.model(**inputs, use_itm_head=False).itm_score
    return float(score[0, 1]), float(towers[0, 0])


# --- 7 edit -----------------------------------------------------------------------------------------------------------


def inside(region: tuple[float, float, float, float], width: int, height: int) -> np.ndarray:
    """Which pixels a region holds, (height, width)."""
    left, top, right, bottom = region
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    return ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None]


# --- 8 remember -------------------------------------------------------------------------------------------------------


def record(rng: np.random.Generator) -> dict[str, Any]:
    """What a history may be given to keep."""
    return {
        "prompt": f"a {rng.choice(list(COLOURS))} star, “{int(rng.integers(10**6))}”",
        "seed": int(rng.integers(10**9)),
        "guidance": float(rng.uniform(1, 9)),
        "region": [0.25, 0.5, 1.0, 1.0],
        "from": {"kind": "paint", "match": None},
    }


def seconds_off(made: str) -> float:
    """How many seconds an ISO 8601 time is ahead of the present, where one without an offset is in UTC."""
    try:
        time = datetime.fromisoformat(made)
    except ValueError:
        raise AssertionError(f"{made!r} is no time in the form of ISO 8601") from None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (time - datetime.now(UTC)).total_seconds()


def assert_works(found: Any, wanted: list[tuple[dict[str, Any], Image.Image]], what: str = "the works") -> None:
    """A history gives these works, the newest first."""
    assert_that(isinstance(found, list), f"{what}: expected a list, found a {type(found).__name__}")
    assert_same(len(found), len(wanted), f"{what} (of this session alone): their number")
    for one, (told, picture) in zip(found, wanted, strict=True):
        lacks = {"id", "made", "record", "picture"} - set(one if isinstance(one, dict) else ())
        assert_that(not lacks, f"{what}: each is a dict with id, made, record and picture; {sorted(lacks)} is missing")
        backwards = len(wanted) > 1 and one["record"] == wanted[len(wanted) - 1 - wanted.index((told, picture))][0]
        assert_that(one["record"] == told or not backwards, f"{what}: the newest comes first")
        text = isinstance(one["record"], str)
        assert_that(not text, f"{what}: a record came back as a text; it is a dict again after json.loads")
        assert_that(one["record"] == told, f"{what}: a record came back as {str(one['record'])[:120]}")
        away = np.abs(pixels(one["picture"]) - pixels(picture))
        assert_that(not away.any(), f"{what}: a picture came back with other pixels. Keep it as a PNG; JPEG loses some")


# --- 9 recipe ---------------------------------------------------------------------------------------------------------


def recipe(rng: np.random.Generator, kind: str = "paint") -> dict[str, Any]:
    """A recipe as it should be."""
    made = {
        "format": FORMAT,
        "kind": kind,
        "prompt": f"a {rng.choice(list(COLOURS))} ★ “{int(rng.integers(10**6))}” <on> ünder",
        "seed": int(rng.integers(2**50)),
        "steps": int(rng.integers(1, 101)),
        "guidance": float(np.round(rng.uniform(0, 20), 3)),
        "profile": str(rng.choice(["tiny", "full"])),
        "pixels": rng.bytes(32).hex(),
    }
    if kind == "vary":
        made |= {"strength": float(np.round(rng.uniform(), 3)), "from": recipe(rng)}
    if kind == "repaint":
        made |= {"region": [0.0, 0.25, 0.5, 1], "from": recipe(rng, "vary")}
    return made


# --- 10 deck ----------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What is in an HTML page: sections with their text and images, and every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.sections: list[dict[str, Any]] = []
        self.inside: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        if tag == "section":
            self.sections.append({"text": "", "images": []})
        elif tag == "img" and self.sections:
            self.sections[-1]["images"].append(values)
        if tag in ("style", "script", "section"):
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] == "section":
            self.sections[-1]["text"] += data


def slides(rng: np.random.Generator, n: int) -> list[dict[str, Any]]:
    return [
        {
            "picture": noise(rng),
            "prompt": f"prompt {int(rng.integers(10**6))}",
            "caption": f"caption {int(rng.integers(10**6))}",
            "seed": int(rng.integers(10**6)),
        }
        for _ in range(n)
    ]


def assert_deck(html: Any, title: str, wanted: list[dict[str, Any]]) -> Page:
    """A page with a section for the title and one for each slide, in order."""
    assert_that(isinstance(html, str), f"expected a text, found a {type(html).__name__}")
    assert_that(html.lstrip().lower().startswith("<!doctype html>"), "a page begins with <!DOCTYPE html>")
    page = Page(html)
    shown = page.sections[0]["text"] if page.sections else ""
    assert_that(title in shown, f"the first section does not show the title {title!r}; it shows {shown[:60]!r}")
    assert_same(len(page.sections), 1 + len(wanted), "the number of <section>s, one for the title and one a slide")
    for section, slide in zip(page.sections[1:], wanted, strict=True):
        for name in ("prompt", "caption"):
            assert_that(slide[name] in section["text"], f"a slide does not show its {name}, {slide[name]!r}")
        assert_same(len(section["images"]), 1, "the number of pictures on a slide")
        (image,) = section["images"]
        assert_same(image.get("alt", ""), slide["caption"], "the picture's alternative text")
        head, _, coded = image.get("src", "").partition(",")
        assert_that(head == "data:image/png;base64", f"the picture's source begins with {head[:60]!r}")
        try:
            raw = base64.b64decode(coded, validate=True)
            if raw[:2] == b"\xff\xd8":
                raise Slip("the picture on a slide is a JPEG file, which loses pixels: save it as PNG")
            assert_that(raw[12:16] == b"IHDR" and int.from_bytes(raw[16:20], "big") == slide["picture"].width, "size")
            shown = Image.open(io.BytesIO(raw), formats=["PNG"]).convert("RGB")
        except Slip:
            raise
        except (ValueError, OSError, SyntaxError, AssertionError):
            raise AssertionError("a picture on a slide cannot be read, or has another size") from None
        assert_that(shown.tobytes() == slide["picture"].tobytes(), "a slide shows other pixels")
    return page


# --- 11 create --------------------------------------------------------------------------------------------------------

SETTINGS = {"candidates": 3, "steps": 7, "guidance": 2.5}


def plan(rng: np.random.Generator, seed: int, n: int = 3, **more: Any) -> dict[str, Any]:
    """What a made-up studio paints and how it scores; see probes.Bench."""
    scores = [float(x) for x in rng.permutation(n) / 10 + 0.1]
    return {"pictures": {seed + i: noise(rng) for i in range(n)}, "scores": dict(enumerate(scores, seed)), **more}


def created(student: Any, made: dict[str, Any], text: str = "a red star", **settings: Any) -> dict[str, Any]:
    asked = {**SETTINGS, "seed": min(made["pictures"]), **settings}
    return student.library("studio_lab.probes").created(student.create, made, text, asked)


def result_of(found: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The works and notes that came of it."""
    assert_that("result" in found, f"it raised {found.get('error')}: {found.get('said')}")
    result = found["result"]
    assert_that(isinstance(result, dict) and {"works", "notes"} <= set(result), "expected a dict with works and notes")
    assert_that(all(isinstance(note, str) for note in result["notes"]), "notes are sentences, a list of texts")
    return result["works"], result["notes"]


def assert_best_first(found: dict[str, Any], made: dict[str, Any], prompt: str = "<a red star>") -> None:
    """The works are the pictures by score, each with how it was made."""
    works, _ = result_of(found)
    order = sorted(made["scores"], key=lambda seed: -made["scores"][seed])
    seeds, scores = [work.get("seed") for work in works], [float(work.get("score") or 0) for work in works]
    if seeds == sorted(order) != order:
        falling = scores == sorted(scores, reverse=True)
        raise Slip(
            "each work has another's seed: seeds[place] belongs to pictures[place]"
            if falling
            else "the works come in the order of painting: the best one, by rank, comes first"
        )
    assert_same(seeds, order, "the seeds of the works, best first")
    for work in works:
        assert_same(work.get("prompt"), prompt, "a work's prompt, which is what read_prompt gave")
        for name, wanted in (("steps", 7), ("guidance", 2.5)):
            assert_same(work.get(name), wanted, f"a work's {name}")
        assert_close(work.get("score"), made["scores"][work["seed"]], what="a work's score")
        right = pixels(work.get("picture")).tobytes() == pixels(made["pictures"][work["seed"]]).tobytes()
        assert_that(right, "a work has another's picture: the ranking gives places, not seeds")
    assert_same(works[0].get("caption"), f"caption of {order[0]}", "the best one's caption")
    assert_close(works[0].get("match"), made["scores"][order[0]] / 2, what="the best one's match")
