"""Small handles that the checks use on objects of the student's kernel, where only data can come back."""

from __future__ import annotations

import os
import resource
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from coursekit import models
from studio_lab.driving import app_test, new_history, press, said

load = lru_cache(maxsize=None)(lambda role: models.load(role, profile="tiny", device="cpu"))


def with_model(role: str, function: Callable, *args: Any) -> Any:
    """function(model and processor of a role, ...)."""
    return function(load(role), *args)


def languages_told(function: Callable, wave: Any) -> list[str]:
    """In which languages function(whisper, wave) has the model's generate() take the windows, where it says so."""
    whisper, told = load("whisper"), []
    generate = whisper.model.generate

    def listening(*args: Any, **kwargs: Any) -> Any:
        if isinstance(kwargs.get("language"), str):
            told.append(kwargs["language"].strip("<|>"))
        return generate(*args, **kwargs)

    whisper.model.generate = listening
    try:
        function(whisper, wave)
    finally:
        del whisper.model.generate
    return told


def long_winded(function: Callable, picture: Image.Image, least: int = 30) -> Any:
    """function(captioner, picture), where the captioner writes at least so many tokens, if it is let."""
    captioner = load("captioning")
    settings = captioner.model.text_decoder.generation_config
    before, settings.min_new_tokens = settings.min_new_tokens, least
    try:
        return function(captioner, picture)
    finally:
        settings.min_new_tokens = before


# --- painting -------------------------------------------------------------------------------------------------------


def painting(function: Callable, *args: Any) -> dict[str, Any]:
    """Call function(pipe, *args, on_step), and keep what on_step was told.

    Returns "pictures", "done" (the numbers), "latents" (the last ones), and whether pipe and the global generator were
    "left alone"; "pipe alone" is about pipe only.
    """
    pipe = load("diffusion").model
    done: list[int] = []
    latents: list[torch.Tensor] = []

    def on_step(number: int, values: torch.Tensor) -> None:
        done.append(number)
        latents[:] = [values]

    scheduler, before = pipe.scheduler, pipe.scheduler.num_inference_steps
    generator = torch.get_rng_state()
    pictures = function(pipe, *args, on_step)
    alone = pipe.scheduler is scheduler and scheduler.num_inference_steps == before
    both = alone and torch.equal(generator, torch.get_rng_state())
    last = latents[0] if latents else None
    return {"pictures": list(pictures), "done": done, "latents": last, "left alone": both, "pipe alone": alone}


def two_at_once(function: Callable, first: Sequence[Any], second: Sequence[Any], at: int) -> dict[str, Any]:
    """Paint `first`, and in the middle of its step `at` all of `second`, with the same pipeline."""
    pipe, other = load("diffusion").model, []

    def on_step(number: int, _: torch.Tensor) -> None:
        if number == at:
            other.extend(function(pipe, *second))

    return {"first": list(function(pipe, *first, on_step)), "second": list(other)}


class Stop(Exception):
    """What a check raises in on_step."""


def stopped(function: Callable, args: Sequence[Any], at: int) -> tuple[bool, int]:
    """Whether what on_step raises after step `at` comes out, and how many steps were made."""
    made = 0

    def on_step(number: int, _: torch.Tensor) -> None:
        nonlocal made
        made = number
        if number >= at:
            raise Stop

    try:
        function(load("diffusion").model, *args, on_step)
    except Stop:
        return True, made
    return False, made


def edited(function: Callable, *args: Any) -> Image.Image:
    """function(pipe, *args)."""
    return function(load("diffusion").model, *args)


# --- remembering ----------------------------------------------------------------------------------------------------


def file_bytes(path: str) -> bytes:
    """What is in the file; nothing where there is none."""
    return Path(path).read_bytes() if Path(path).exists() else b""


def made_in_tokyo(function: Callable, path: str, *args: Any) -> str:
    """What function(path, *args) writes for the time where the machine's clock shows Tokyo's."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "JST-9"
    time.tzset()
    try:
        function(path, *args)
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()
    with closing(sqlite3.connect(path)) as history:
        return str(history.execute("SELECT made FROM works ORDER BY id DESC").fetchone()[0])


def write_file(data: bytes) -> str:
    """The path of a new file that holds these bytes."""
    path = new_history()
    Path(path).write_bytes(data)
    return path


def on_a_full_disk(function: Callable, path: str, *args: Any) -> str:
    """Call function(path, *args) while no file may grow beyond the history's size; the kind of error that it raises."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(path), hard))
    try:
        function(path, *args)
    except (sqlite3.Error, OSError) as error:
        return "sqlite3.Error" if isinstance(error, sqlite3.Error) else "OSError"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    return ""


def from_threads(function: Callable, path: str, names: Sequence[str], each: int, picture: Image.Image) -> list[str]:
    """Each name's thread calls function(path, name, {"i": i}, picture) so many times; what went wrong."""
    wrong: list[str] = []

    def work(name: str) -> None:
        try:
            for i in range(each):
                function(path, name, {"i": i}, picture)
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


# --- sharing ---------------------------------------------------------------------------------------------------------


def flat(recipe: Any) -> list[dict[str, Any]]:
    """A recipe without its "from", then the one it goes back to, and so on."""
    found: list[dict[str, Any]] = []
    while isinstance(recipe, Mapping) and len(found) < 100:
        found.append({name: value for name, value in recipe.items() if name != "from"})
        recipe = recipe.get("from")
    return found


def flat_recipe(function: Callable, data: bytes) -> list[dict[str, Any]]:
    """What function(data) reads, flat."""
    return flat(function(data))


# --- the whole path -------------------------------------------------------------------------------------------------


class Bench:
    """A studio that paints what it was given, fails as it was told to, and keeps what it was asked.

    pictures: by seed.   scores: of CLIP, by seed.   unknown: words.   batch: how many pictures memory is enough for.
    exhausted: "MemoryError" or "OutOfMemoryError".   saving: "", "OSError" or "sqlite3.Error".
    """

    def __init__(
        self,
        pictures: Mapping[int, Image.Image],
        scores: Mapping[int, float],
        unknown: Sequence[str] = (),
        batch: int = 100,
        exhausted: str = "MemoryError",
        saving: str = "",
    ) -> None:
        self.pictures, self.scores, self.unknown = pictures, scores, list(unknown)
        self.batch, self.saving = batch, saving
        self.exhausted = {"MemoryError": MemoryError, "OutOfMemoryError": torch.OutOfMemoryError}[exhausted]
        self.calls: list[Any] = []
        self.remembered: list[Any] = []

    def read_prompt(self, text: str) -> tuple[str, list[str]]:
        self.calls.append("read_prompt")
        if not text.strip():
            raise ValueError("Say or type what to paint.")
        return f"<{text.strip()}>", self.unknown

    def paint(self, prompt: str, seeds: Sequence[int], steps: int, guidance: float, on_step: Any = None) -> list:
        self.calls.append(["paint", prompt, [int(seed) for seed in seeds], steps, guidance, on_step is not None])
        if len(seeds) > self.batch:
            raise self.exhausted("not enough memory")
        if on_step:
            on_step(steps, torch.zeros(len(seeds), 1, 1, 1))
        return [self.pictures[seed] for seed in seeds]

    def _seed(self, picture: Image.Image) -> int:
        return next(seed for seed, one in self.pictures.items() if one.tobytes() == picture.tobytes())

    def rank(self, pictures: Sequence[Image.Image], prompt: str) -> list[tuple[int, float]]:
        self.calls.append(["rank", prompt, len(pictures)])
        found = [(i, self.scores[self._seed(picture)]) for i, picture in enumerate(pictures)]
        return sorted(found, key=lambda pair: -pair[1])

    def describe(self, picture: Image.Image) -> str:
        self.calls.append(["describe", self._seed(picture)])
        return f"caption of {self._seed(picture)}"

    def matches(self, picture: Image.Image, prompt: str) -> float:
        self.calls.append(["matches", self._seed(picture), prompt])
        return self.scores[self._seed(picture)] / 2

    def remember(self, record: Mapping[str, Any], picture: Image.Image) -> int:
        if self.saving:
            raise {"OSError": OSError, "sqlite3.Error": sqlite3.OperationalError}[self.saving](
                "database or disk is full"
            )
        self.remembered.append([dict(record), self._seed(picture)])
        return len(self.remembered)


def created(function: Callable, plan: Mapping[str, Any], text: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Call function(bench, text, settings, on_step) and tell all about it.

    plan: see Bench.   Returns "result", or "error" and "said"; "calls", "remembered", and "steps" told.
    """
    bench, steps = Bench(**plan), []
    outcome: dict[str, Any] = {}
    try:
        outcome["result"] = function(bench, text, dict(settings), lambda done, latents: steps.append(done))
    except NotImplementedError:  # still a stub
        raise
    except (MemoryError, RuntimeError, ValueError, OSError, sqlite3.Error) as error:
        outcome |= {"error": type(error).__name__, "said": str(error)}
    return {**outcome, "calls": bench.calls, "remembered": bench.remembered, "steps": steps}


class Bare:
    """Parts of an app that paints what it was given and remembers while this process lives; see `visit`.

    pictures: by seed.   scores: of CLIP, by seed.
    """

    def __init__(self, pictures: Mapping[int, Image.Image], scores: Mapping[int, float]) -> None:
        self.pictures, self.scores = pictures, scores
        self.works: list[tuple[str, dict[str, Any]]] = []

    def parts(self) -> dict[str, Callable]:
        """By name, those that an app asks for when it paints and looks back."""
        names = ("read_prompt", "paint", "rank", "describe", "matches", "remember", "recall", "stamp", "deck")
        return {name: getattr(self, name) for name in names}

    def read_prompt(self, text: str, known: Any = None, most: int = 300) -> tuple[str, list[str]]:
        if len(text) > most:
            raise ValueError(f"The prompt has more than {most} characters.")
        return text.strip(), []

    def paint(
        self, pipe: Any, prompt: str, seeds: Sequence[int], steps: int, guidance: float, on_step: Any = None
    ) -> list[Image.Image]:
        size, channels = pipe.unet.config.sample_size, pipe.unet.config.in_channels
        for done in range(1, steps + 1):
            if on_step:
                on_step(done, torch.zeros(len(seeds), channels, size, size))
        return [self.pictures[seed] for seed in seeds]

    def _score(self, picture: Image.Image) -> float:
        return next(self.scores[seed] for seed, one in self.pictures.items() if one.tobytes() == picture.tobytes())

    def rank(self, clip: Any, pictures: Sequence[Image.Image], prompt: str) -> list[tuple[int, float]]:
        return sorted(enumerate(map(self._score, pictures)), key=lambda pair: -pair[1])

    def describe(self, captioner: Any, picture: Image.Image) -> str:
        return f"scored {self._score(picture):.3f}"

    def matches(self, retriever: Any, picture: Image.Image, prompt: str) -> float:
        return self._score(picture) / 2

    def remember(self, path: str, session: str, record: Mapping[str, Any], picture: Image.Image) -> int:
        work = {"id": len(self.works) + 1, "made": "2026-01-01T00:00:00+00:00", "record": dict(record)}
        self.works.append((session, work | {"picture": picture.copy()}))
        return len(self.works)

    def recall(self, path: str, session: str) -> list[dict[str, Any]]:
        return [work for whose, work in reversed(self.works) if whose == session]

    def stamp(self, picture: Image.Image, recipe: Mapping[str, Any]) -> bytes:
        return picture.tobytes()

    def deck(self, title: str, slides: Sequence[Mapping[str, Any]]) -> str:
        return title


def visit(create: Callable, plan: Mapping[str, Any], text: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Open the app with this `create`, paint, and open it again as after a restart. The other parts are a `Bare`'s.

    plan: its pictures and scores.   Returns what can be seen: "errors", "notes", "picture", "record"; "before" and
    "after": the history's records and pictures, on the page where it was painted and on the one that was opened later;
    and "reopened", the settings there.
    """
    bare, history = Bare(**plan), new_history()
    own = {**bare.parts(), "create": create}
    with app_test(own, history) as page:
        page.text_area(key="text").set_value(text)
        for name in ("steps", "guidance", "candidates"):
            page.slider(key=name).set_value(settings[name])
        page.number_input(key="seed").set_value(settings["seed"])
        press(page, "Paint")
        work = dict(page.session_state["work"]) if "work" in page.session_state else {}
        found = {
            "errors": said(page),
            "notes": [note.value for note in page.info],
            "picture": work.pop("picture", None),
            "record": work,
            "before": _history(page, bare),
            "reopened": {},
        }
    with app_test(own, history, page.session_state["session"]) as again:
        found["after"] = _history(again, bare)
        if found["after"]:
            press(again, "Reopen", -1)
            names = ("text", "seed", "steps", "guidance")
            found["reopened"] = {name: again.session_state[name] for name in names}
    return found


def _history(page: Any, bare: Bare) -> list[Any]:
    """What the page shows of its session's history."""
    works = bare.recall("", page.session_state["session"])
    shown = len([button for button in page.button if button.label == "Reopen"])
    return [[work["record"], work["picture"]] for work in works[:shown]]
