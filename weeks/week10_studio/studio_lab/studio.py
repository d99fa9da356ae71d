"""The studio: models, parts and a history put together. The app and the notebook both work through it."""

from __future__ import annotations

import ast
import copy
import functools
import importlib.util
import json
import re
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from coursekit import models
from coursekit.notebook import oracle
from studio_lab.bounds import FORMAT, digest
from tinyworld import BACKGROUNDS, COLOURS, captions
from tinyworld.sentences import VERBS

PARTS = (
    *("read_sound", "transcribe", "read_prompt", "paint", "vary", "repaint", "rank", "describe", "matches"),
    *("remember", "recall", "stamp", "read_recipe", "deck", "create"),
)
OnStep = Callable[[int, torch.Tensor], None]  # called with the step, from 1 on, and the latents then
FILLERS = "a an and there is sits picture of on against background to the shape"
_TABLES = (captions.SIZE_WORDS, captions.SHAPE_WORDS, captions.RELATION_WORDS)
_PHRASES = [FILLERS, *COLOURS, *BACKGROUNDS, *VERBS, *(p for t in _TABLES for words in t.values() for p in words)]
WORLD: frozenset[str] = frozenset(word for phrase in _PHRASES for word in phrase.split())  # what tinyworld speaks of


def wish(prompt: str) -> str:
    """A prompt in the words that the tiny painter was taught: without "draw" or "show me", with a background."""
    said = prompt.lower().rstrip(".!?")
    for verb in VERBS:
        said = said.removeprefix(f"{verb} ")
    return said if "background" in said else f"{said} on a white background"


class Models:
    """The models of one profile, each loaded when it is first asked for: models["clip"].

    lock: whoever works with them holds it, so that they serve one at a time. Painting takes all cores anyway, and a
    tokenizer cannot be used by two threads at once.
    """

    def __init__(self, profile: str = "tiny", device: Any = "cpu") -> None:
        self.profile, self.device = profile, device
        self.lock = threading.RLock()
        self._loaded: dict[str, models.Loaded] = {}

    def __getitem__(self, role: str) -> models.Loaded:
        with self.lock:
            if role not in self._loaded:
                self._loaded[role] = models.load(role, self.profile, self.device)
            return self._loaded[role]

    @property
    def painter(self) -> Any:
        """The diffusion pipeline, with DDIM for its sampler, which adds no noise on the way: a seed says everything."""
        from diffusers import DDIMScheduler

        pipe = self["diffusion"].model
        if not isinstance(pipe.scheduler, DDIMScheduler):
            pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
        return pipe


class Ours:
    """The course's own parts, imported when one is first asked for: a notebook that is graded does without them."""

    def __getattr__(self, name: str) -> Any:
        return getattr(oracle("studio_lab.checks.parts"), name)


ours = Ours()


def parts_of(own: Mapping[str, Callable] | None = None) -> dict[str, Callable]:
    """The studio's parts by name: those of `own`, and the course's for each that is missing or still a stub.

    While a notebook is graded, a part of the course's raises RuntimeError when it is called.
    """
    own = own or {}
    return {name: _first(own.get(name), _course(name)) for name in PARTS}


def _course(name: str) -> Callable:
    try:
        return getattr(ours, name)
    except RuntimeError as error:
        absent = str(error)

    def missing(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"{name}: {absent}")

    return missing


def _first(mine: Callable | None, course: Callable) -> Callable:
    if mine is None:
        return course

    @functools.wraps(course)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return mine(*args, **kwargs)
        except NotImplementedError as error:
            if str(error):  # a library's; the stub's own is bare
                raise
            return course(*args, **kwargs)

    return call


def assemble(path: str | Path, sources: Sequence[str] | None = None) -> list[str]:
    """Write the notebook's functions to a module that the app uses in place of the course's.

    sources: of the cells, in order; by default all that were run. Their imports, functions, classes and plain constants
    are taken; the last definition of a name stands.   Returns the names of the parts that are in it.
    """
    if sources is None:
        from IPython import get_ipython

        shell = get_ipython()
        if shell is None:
            raise RuntimeError("there is no notebook here: pass the cells' sources")
        sources = shell.user_ns["In"]
    kept: dict[str, str] = {}
    for source in sources:
        for name, text in _definitions(source):
            kept.pop(name, None)
            kept[name] = text
    head = '"""The parts of my studio, as my notebook defines them. Written by studio_lab.assemble."""\n\n'
    Path(path).write_text(head + "\n\n".join(kept.values()) + "\n", encoding="utf-8")
    return [name for name in PARTS if name in kept]


def _definitions(source: str) -> Iterable[tuple[str, str]]:
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell that failed
        return
    for node in tree.body:
        text = ast.get_source_segment(source, node) or ""
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.body[-1]).startswith("raise NotImplementedError"):
            continue  # still a stub
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            decorators = "".join(f"@{ast.unparse(one)}\n" for one in node.decorator_list)
            yield node.name, decorators + text
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield text, text
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                ast.literal_eval(node.value)
            except ValueError:  # the result of a computation, such as a model: parts take those as arguments
                continue
            yield node.targets[0].id, text


def load_parts(path: str | Path) -> dict[str, Callable]:
    """The parts in a module that `assemble` wrote, the course's for those it lacks. It runs the module's code.

    Raises ValueError that says what is wrong with the module.
    """
    spec: Any = importlib.util.spec_from_file_location("my_studio", path)  # None for a name without .py: said below
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return parts_of(vars(module))


class Forming:
    """What a painting is going to be, guessed while it is being made.

    Two points of a DDIM path, x_t = a_t x_0 + b_t e and the next with the same e, say where it ends (Song et al. 2021,
    equation 12).
    """

    def __init__(self, pipe: Any, steps: int) -> None:
        scheduler = copy.deepcopy(pipe.scheduler)
        scheduler.set_timesteps(steps)
        kept = scheduler.alphas_cumprod[[*scheduler.timesteps.tolist()[1:]]].tolist() + [1.0]
        self.pipe, self.levels = pipe, [(k**0.5, (1 - k) ** 0.5) for k in kept]
        self.before: torch.Tensor | None = None

    def __call__(self, done: int, latents: torch.Tensor) -> list[Image.Image]:
        """The pictures guessed from the latents (n, c, h, w) after step `done`, counted from 1."""
        guess = latents
        if self.before is not None and 2 <= done <= len(self.levels):
            (a, b), (c, d) = self.levels[done - 2 : done]
            guess = (d * self.before - b * latents) / (d * a - b * c)
        self.before = latents
        with torch.no_grad():
            pixels = self.pipe.vae.decode(guess.to(self.pipe.vae.dtype) / self.pipe.vae.config.scaling_factor).sample
        return self.pipe.image_processor.postprocess(pixels.float().clamp(-1, 1), output_type="pil")


class Studio:
    """One session's studio: the parts with their models, and its place in the history.

    history: path of the SQLite file.   session: whose works these are.   parts: see `parts_of`.
    """

    def __init__(
        self, models: Models, history: str | Path, session: str, parts: Mapping[str, Callable] | None = None
    ) -> None:
        self.models, self.history, self.session = models, str(history), session
        self.parts = dict(parts) if parts else parts_of()

    def _use(self, name: str, *args: Any, **kwargs: Any) -> Any:
        with self.models.lock:
            return self.parts[name](*args, **kwargs)

    @contextmanager
    def watched(self, look: Callable[[], None]) -> Iterator[None]:
        """In the block `look` is called before each step that this thread paints; what it raises ends the painting."""
        mine = threading.get_ident()  # others paint on the same networks

        def before(*_: Any) -> None:
            if threading.get_ident() == mine:
                look()

        hook = self.models.painter.unet.register_forward_pre_hook(before)
        try:
            yield
        finally:
            hook.remove()

    def hear(self, data: bytes) -> tuple[str, str | None]:
        """What is said in an uploaded sound, as a wish for the painter, and in which language."""
        ours.bounded(data)  # whichever part reads it then: a header can ask for more memory than there is
        wave = self._use("read_sound", data)
        text, language = self._use("transcribe", self.models["whisper"], wave)
        return (wish(text) if text and self.models.profile == "tiny" else text), language

    def read_prompt(self, text: str) -> tuple[str, list[str]]:
        """The prompt as it will be painted, and the words in it that the tiny painter does not know."""
        tiny = self.models.profile == "tiny"
        prompt, unknown = self._use("read_prompt", text, WORLD if tiny else None)
        return wish(prompt) if tiny else prompt, unknown

    def paint(
        self, prompt: str, seeds: Sequence[int], steps: int, guidance: float, on_step: OnStep | None = None
    ) -> list[Image.Image]:
        return self._use("paint", self.models.painter, prompt, seeds, steps, guidance, on_step)

    def rank(self, pictures: Sequence[Image.Image], prompt: str) -> list[tuple[int, float]]:
        return self._use("rank", self.models["clip"], pictures, prompt)

    def describe(self, picture: Image.Image) -> str:
        return self._use("describe", self.models["captioning"], picture)

    def matches(self, picture: Image.Image, prompt: str) -> float:
        return self._use("matches", self.models["retrieval"], picture, prompt)

    def create(self, text: str, settings: Mapping[str, Any], on_step: OnStep | None = None) -> dict[str, Any]:
        """See `parts.create`; every work has its whole record."""
        found = self.parts["create"](self, text, settings, on_step)
        return {**found, "works": [self.recorded(work) for work in found["works"]]}

    def finished(self, work: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """A work described and remembered, and notes on what did not work."""
        picture, notes = work["picture"], []
        work = {**work, "caption": self.describe(picture), "match": self.matches(picture, work["prompt"])}
        try:
            self.remember({name: value for name, value in work.items() if name != "picture"}, picture)
        except (OSError, sqlite3.Error) as error:
            notes.append(f"The picture could not be saved to the history ({error}). Download it to keep it.")
        return self.recorded(work), notes

    def vary(self, work: Mapping[str, Any], prompt: str, seed: int, strength: float) -> dict[str, Any]:
        """Another picture, painted from a work with some noise on it."""
        how = work["steps"], work["guidance"]
        picture = self._use("vary", self.models.painter, work["picture"], prompt, seed, strength, *how)
        return self._edited(work, picture, "vary", prompt, seed, strength=strength)

    def repaint(self, work: Mapping[str, Any], region: Sequence[float], prompt: str, seed: int) -> dict[str, Any]:
        """The work with a region painted anew."""
        how = work["steps"], work["guidance"]
        picture = self._use("repaint", self.models.painter, work["picture"], tuple(region), prompt, seed, *how)
        return self._edited(work, picture, "repaint", prompt, seed, region=[float(x) for x in region])

    def _edited(self, work: Mapping[str, Any], picture: Image.Image, kind: str, prompt: str, seed: int, **how: Any):
        edited = {"kind": kind, "prompt": prompt, "seed": seed, **how, "from": self.recipe(work), "picture": picture}
        (_, score), *_ = self.rank([picture], prompt)
        return {**edited, "steps": work["steps"], "guidance": work["guidance"], "score": score}

    def recorded(self, work: Mapping[str, Any]) -> dict[str, Any]:
        """The work with what every record has: its kind, the profile, and the digest of its pixels."""
        return {"kind": "paint", "profile": self.models.profile, **work, "pixels": digest(work["picture"])}

    def remember(self, record: Mapping[str, Any], picture: Image.Image) -> int:
        whole = self.recorded({**record, "picture": picture})
        del whole["picture"]
        return self._use("remember", self.history, self.session, whole, picture)

    def works(self) -> list[dict[str, Any]]:
        """This session's works, the newest first; each with its picture, number and time."""
        found = self._use("recall", self.history, self.session)
        return [{**one["record"], "picture": one["picture"], "id": one["id"], "made": one["made"]} for one in found]

    def recipe(self, work: Mapping[str, Any]) -> dict[str, Any]:
        """What it takes to make a work again."""
        work = self.recorded(work)
        names = ["kind", "prompt", "seed", "steps", "guidance", "profile", "pixels", "strength", "region", "from"]
        return {"format": FORMAT, **{name: work[name] for name in names if name in work}}

    def png(self, work: Mapping[str, Any]) -> bytes:
        """A work's picture as a file that carries its recipe."""
        return self._use("stamp", work["picture"], self.recipe(work))

    def deck(self, title: str) -> str:
        """The session as slides, the oldest work first."""
        wanted = ("picture", "prompt", "caption", "seed")
        slides = [{name: work.get(name, "") for name in wanted} for work in reversed(self.works())]
        return self._use("deck", title, slides)

    def replay(self, recipe: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """The work that a recipe describes, painted again, and whether it came out the same to the pixel.

        Other versions of torch or another machine may round differently. Raises ValueError for another profile's, and
        for what `parts.read_recipe` refuses: more edits or steps than anybody is kept waiting for.
        """
        recipe = ours.read_recipe(json.dumps(recipe).encode())
        if recipe["profile"] != self.models.profile:
            raise ValueError(f"This recipe is of the {recipe['profile']} profile; the studio runs the other one.")
        common = {name: recipe[name] for name in ("prompt", "seed", "steps", "guidance")}
        if recipe["kind"] == "paint":
            how = recipe["steps"], recipe["guidance"]
            (picture,) = self.paint(recipe["prompt"], [recipe["seed"]], *how)
            (_, score), *_ = self.rank([picture], recipe["prompt"])
            work = {**common, "kind": "paint", "score": score, "picture": picture}
        else:
            source, _ = self.replay(recipe["from"])
            source |= {"steps": recipe["steps"], "guidance": recipe["guidance"]}
            if recipe["kind"] == "vary":
                work = self.vary(source, recipe["prompt"], recipe["seed"], recipe["strength"])
            else:
                work = self.repaint(source, recipe["region"], recipe["prompt"], recipe["seed"])
            work["from"] = recipe["from"]
        work = self.recorded(work)
        return work, work["pixels"] == recipe["pixels"]


def sessions(history: str | Path, among: Collection[str] | None = None) -> list[tuple[str, str, int]]:
    """(session, when it was last worked in, works) of a history's sessions, the latest first.

    among: the sessions to look for; None is all of them, for whoever the file belongs to. A session's name opens it,
    so the app asks only for those that a visitor knows already.
    """
    if not Path(history).exists():
        return []
    named = None if among is None else list(among)
    which = "" if named is None else f"WHERE session IN ({', '.join('?' * len(named))})"
    with closing(sqlite3.connect(history, timeout=10)) as file:
        if not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'works'").fetchone():
            return []
        return file.execute(
            f"SELECT session, MAX(made), COUNT(*) FROM works {which} GROUP BY session ORDER BY MAX(id) DESC LIMIT 50",
            named or [],
        ).fetchall()


def forget(history: str | Path, session: str, number: int | None = None) -> int:
    """Delete a session's works from a history, or its one work with this number, and return how many that were.

    It is for good: the bytes in the file are overwritten. Raises sqlite3.Error where the file cannot be written.
    """
    with closing(sqlite3.connect(history, timeout=10)) as file, file:
        file.execute("PRAGMA secure_delete = ON")
        if not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'works'").fetchone():
            return 0
        which, values = ("", [session]) if number is None else (" AND id = ?", [session, number])
        return file.execute(f"DELETE FROM works WHERE session = ?{which}", values).rowcount


def words_of(prompt: str) -> list[str]:
    """The prompt's words that may be changed for others, each once."""
    return list(dict.fromkeys(word for word in re.findall(r"[^\W\d_]+", prompt) if word.lower() not in FILLERS.split()))


def reworded(prompt: str, word: str, other: str) -> str:
    """The prompt with a word in place of another, wherever it stands as a whole word."""
    return re.sub(rf"\b{re.escape(word)}\b", lambda _: other.strip(), prompt)
