"""The experiments of week 8 on a network that has learnt motions: what order is to it, and what it tells of a film."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from coursekit import models
from coursekit.plots import PALETTE, Sheet
from tinyworld import captions, films
from tinyworld.films import MOTIONS, Film
from video_lab import data, measuring, plots, watching

WAYS = ("as they are", "shuffled", "backwards", "one frame")
EACH = 20  # films of a motion
BACK = {"left": "right", "up": "down", "clockwise": "anticlockwise"}  # what the other is, backwards
LENGTHS = (16, 12, 8)  # frames of the scenes of a film that is told


@cache
def _network() -> Any:
    return models.load("video", "tiny", "cpu").model


@contextmanager
def _first_layer(network: Any, tubelets: Callable[..., Any] | None, positions: Callable[..., Any] | None) -> Iterator:
    """The network with tokens that these functions make, in the place of its own first layer."""
    if tubelets is None or positions is None:
        yield
        return
    first = network.videomae.embeddings
    projection = first.patch_embeddings.projection

    def tokens(module: Any, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> torch.Tensor:
        found = torch.as_tensor(tubelets(given[0], projection.weight, projection.bias))
        return found + torch.as_tensor(positions(*made.shape[1:])).to(found)

    hook = first.register_forward_hook(tokens)
    try:
        yield
    finally:
        hook.remove()


@torch.inference_mode()
def motions_of(
    pixels: torch.Tensor, tubelets: Callable[..., Any] | None = None, positions: Callable[..., Any] | None = None
) -> list[str]:
    """Which of MOTIONS each film, float (n, 8, 3, 64, 64) in [0, 1], shows.

    tubelets, positions: as the exercise; the first layer is theirs, with the network's own kernel and bias.
    """
    network = _network()
    with _first_layer(network, tubelets, positions):
        said = [network(2 * part - 1).logits.argmax(1) for part in pixels.split(40)]
    return [MOTIONS[i] for i in torch.cat(said).tolist()]


@cache
def _asked(each: int) -> tuple[torch.Tensor, tuple[str, ...]]:
    shown = [film for motion in MOTIONS for film in films.films("test", each, 11, motion)]
    return data.tensor(data.frames_of(shown)), tuple(film.motion for film in shown)


class Order(NamedTuple):
    """Shares in [0, 1] by the way in which the frames are shown.

    told: films whose motion is told.   which: of films that go one way or back (left or right, up or down, clockwise or
    anticlockwise), those that are called by the right one of the two, of those that are called by either.
    """

    told: dict[str, float]
    which: dict[str, float]


def order_told(tubelets: Callable[..., Any], positions: Callable[..., Any], each: int = EACH) -> Order:
    """What the network tells of films of twelve motions, of the same films shuffled and backwards, and of one frame."""
    pixels, right = _asked(each)
    other = BACK | {back: way for way, back in BACK.items()}
    found = Order({}, {})
    for way, shown in (
        ("as they are", pixels),
        ("shuffled", measuring.shuffle(pixels)),
        ("backwards", pixels.flip(1)),
        ("one frame", pixels[:, 3:4].expand(-1, pixels.shape[1], -1, -1, -1)),
    ):
        said = motions_of(shown, tubelets, positions)
        found.told[way] = float(np.mean([a == b for a, b in zip(said, right, strict=True)]))
        pairs = [a == b for a, b in zip(said, right, strict=True) if b in other and a in (b, other[b])]
        found.which[way] = float(np.mean(pairs)) if pairs else 0.5
    return found


def show_order(tubelets: Callable[..., Any], positions: Callable[..., Any]) -> Order:
    """How often motions are told, of films and of the same frames in another order."""
    found = order_told(tubelets, positions)
    said = "; ".join(f"{way} {found.told[way]:.0%}, the way of two {found.which[way]:.0%}" for way in WAYS)
    plots.bars(found.told, "of twelve motions, told rightly", f"Motions told, luck 8 %: {said}", chance=1 / 12)
    print("Of a way and its way back (left or right, up or down, round or round the other way), told apart:")
    print("; ".join(f"{way} {value:.0%}" for way, value in found.which.items()))
    return found


# --- a film in words ------------------------------------------------------------------------------------------------


class Event(NamedTuple):
    """A part of a film.   frame: the one that stands for it.   said: BLIP's caption of that.   motion: of the part."""

    frame: int
    said: str
    motion: str


def events(frames: np.ndarray, chosen: list[int], features: torch.Tensor) -> list[Event]:
    """What is told of a film, uint8 (n, 64, 64, 3), part by part.

    chosen: frames in order, one of each part.   features: CLIP's, (n, d). Between two chosen frames a part ends where
    two neighbours are least alike.
    """
    unit = torch.nn.functional.normalize(features, dim=1)
    alike = (unit[1:] * unit[:-1]).sum(dim=1)
    cuts = [a + 1 + int(alike[a:b].argmin()) for a, b in zip(chosen, chosen[1:], strict=False)]
    parts = [slice(a, b) for a, b in zip([0, *cuts], [*cuts, len(frames)], strict=True)]
    shown = np.stack([_eight(frames[part]) for part in parts])
    said = _captions([Image.fromarray(frames[i]) for i in chosen])
    return [Event(*event) for event in zip(chosen, said, motions_of(data.tensor(shown)), strict=True)]


def _eight(frames: np.ndarray) -> np.ndarray:
    """Eight frames of a part, at even steps."""
    return frames[np.arange(data.FRAMES) * len(frames) // data.FRAMES]


@cache
def _captioner() -> Any:
    return models.load("captioning", "tiny", "cpu")


@torch.inference_mode()
def _captions(pictures: list[Image.Image]) -> list[str]:
    blip = _captioner()
    given = blip.processor(images=pictures, return_tensors="pt")
    made = blip.model.generate(**given, max_new_tokens=30, num_beams=1, do_sample=False)
    return [str(text) for text in blip.processor.batch_decode(made, skip_special_tokens=True)]


class Told(NamedTuple):
    """Shares of scenes in [0, 1]: whose things are named, whose motion is, and both; each in the scenes' order."""

    things: float
    motion: float
    both: float


def _judged(event: Event, film: Film) -> tuple[bool, bool]:
    """Whether an event names a film's things, and whether it tells its motion."""
    there = {(thing.shape, thing.colour) for thing in film.objects}
    facts = captions.facts_of(event.said)
    named = {(shape, colour) for _, colour, shape in facts.objects} if facts else set()
    return named == there, event.motion == film.motion


def told(choose: Callable[..., Any], n: int = 20) -> Told:
    """Films of three scenes, each told by as many frames as there are scenes. choose: as `key_frames`."""
    verdicts = []
    for seed in range(n):
        film = watching.long_film(seed, LENGTHS)
        features = watching.clip_features(film.frames)
        found = events(film.frames, [int(i) for i in choose(features, len(LENGTHS))], features)
        verdicts += [_judged(event, scene) for event, scene in zip(found, film.films, strict=True)]
    things, motion = np.array(verdicts).T
    return Told(float(things.mean()), float(motion.mean()), float((things & motion).mean()))


def show_told(choose: Callable[..., Any], seed: int = 2) -> Told:
    """A film of three scenes in pictures and words, and how much of twenty such films is told rightly."""
    film = watching.long_film(seed, LENGTHS)
    features = watching.clip_features(film.frames)
    found = events(film.frames, [int(i) for i in choose(features, len(LENGTHS))], features)
    sheet = Sheet(620, 112 * len(found) + 6)
    for i, (event, scene) in enumerate(zip(found, film.films, strict=True)):
        y = 112 * i + 6
        sheet.picture(Image.fromarray(film.frames[event.frame]), 6, y, 100, PALETTE[i])
        for j, (name, text) in enumerate(
            (("BLIP", event.said), ("the motion", event.motion), ("really", films.caption(scene)))
        ):
            sheet.text(name, 190, y + 12 + 30 * j, "rm", size=11)
            for k, line in enumerate(_lines(text)):
                sheet.text(line, 200, y + 12 + 30 * j + 13 * k, "lm", size=11)
    said = ". ".join(f"Frame {e.frame}: {e.said}; motion: {e.motion}" for e in found)
    sheet.show(f"A film of three scenes, told by a frame of each. {said}")
    shares = told(choose)
    rows = {"the things": shares.things, "the motion": shares.motion, "both": shares.both}
    numbers = ", ".join(f"{name} {value:.0%}" for name, value in rows.items())
    plots.bars(rows, "of sixty scenes, told in order", f"Scenes told, in twenty films of three: {numbers}")
    return shares


def _lines(text: str, most: int = 68) -> list[str]:
    """A text on two lines at the most."""
    if len(text) <= most:
        return [text]
    at = text.rindex(" ", 0, most)
    return [text[:at], text[at + 1 :]]
