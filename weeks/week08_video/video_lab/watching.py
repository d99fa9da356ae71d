"""The experiments of week 8 on whole films: physics, summaries, distances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage

from coursekit import models
from tinyworld import drawing, films
from tinyworld.films import Film
from tinyworld.films.laws import GRAVITY, SECONDS
from video_lab import data, measuring

Follow = Callable[..., Any]
Residual = Callable[..., Any]
SIZE = 64
FAR = 26.0  # pixels: what would go farther from one frame to the next is something else
KINDS = ("real", "shuffled", "drawn one by one", "vanishing")

# --- physics --------------------------------------------------------------------------------------------------------


def places_of(frames: np.ndarray, background: str) -> list[np.ndarray]:
    """Where something is in each frame, (k, 2) in pixels: the middle of each patch that is not the background.

    frames: uint8 (n, 64, 64, 3).   background: its name.
    """
    ground = np.asarray(drawing.empty(background, SIZE), float)
    found = []
    for frame in frames:
        weight = np.linalg.norm(frame - ground, axis=2)
        there, count = ndimage.label(weight > 40, structure=np.ones((3, 3)))
        sizes = ndimage.sum_labels(weight > 40, there, range(1, count + 1))
        names = [i for i, size in enumerate(sizes, 1) if size >= 12]
        middles = ndimage.center_of_mass(weight, there, names)
        found.append(np.array([(x + 0.5, y + 0.5) for y, x in middles]).reshape(-1, 2))
    return found


def law_of(film: Film, frames: int = data.FRAMES) -> tuple[float, float]:
    """The acceleration that a film's motion obeys, pixels a frame squared: gravity, or none."""
    pulled = film.motion in ("falls", "bounces", "flies")
    return 0.0, (GRAVITY * SIZE * (SECONDS / frames) ** 2 if pulled else 0.0)


def told_apart(film: Film) -> bool:
    """Whether the film's things are on a plain ground and differ from it clearly, so that `places_of` finds them."""
    return film.background in ("black", "white")


@cache
def lawful(n: int = 24) -> tuple[Film, ...]:
    """Films of one thing that goes evenly or flies in an arc."""
    found: list[Film] = []
    for motion in ("left", "right", "up", "down", "flies"):
        some = [film for film in films.films("test", 60, 2, motion, objects=1) if told_apart(film)]
        found += some[: -(-n // 5)]
    return tuple(found[:n])


def of_kind(film: Film, kind: str, rng: np.random.Generator) -> np.ndarray:
    """A film's frames, uint8 (8, 64, 64, 3), and what a film that obeys no law does with them: see KINDS."""
    frames = film.frames(data.FRAMES)
    if kind == "shuffled":
        return measuring.shuffle(torch.from_numpy(frames)[None], int(rng.integers(10**6)))[0].numpy()
    if kind == "drawn one by one":
        low, high = 0.2, 0.8
        made = []
        for _ in range(data.FRAMES):
            x, y = rng.uniform(low, high, size=2)
            thing = replace(film.subject, x=float(x), y=float(y))
            made.append(np.asarray(drawing.render([thing], film.background, SIZE)))
        return np.stack(made)
    if kind == "vanishing":
        frames = frames.copy()
        frames[3:5] = np.asarray(drawing.empty(film.background, SIZE))
    return frames


class Physics(NamedTuple):
    """residual: mean, pixels a frame squared.   missing: the part of the frames in which the thing is not seen."""

    residual: float
    missing: float


def judged(frames: np.ndarray, film: Film, follow: Follow, residual: Residual, far: float = FAR) -> Physics:
    """What is found of a film's first track."""
    tracks = np.asarray(follow(places_of(frames, film.background), far))
    longest = int(np.isfinite(tracks[:, :, 0]).sum(axis=0).argmax())
    path = tracks[:, longest]
    return Physics(float(residual(path, law_of(film))), float(np.isnan(path[:, 0]).mean()))


def lawfulness(follow: Follow, residual: Residual, n: int = 24) -> dict[str, Physics]:
    """Residuals and missing frames of real films, and of films that obey no law. Nothing is too far there."""
    found = {}
    for kind in KINDS:
        rng = np.random.default_rng(5)
        each = [judged(of_kind(film, kind, rng), film, follow, residual, far=200.0) for film in lawful(n)]
        found[kind] = Physics(float(np.mean([p.residual for p in each])), float(np.mean([p.missing for p in each])))
    return found


# --- summaries ------------------------------------------------------------------------------------------------------


class LongFilm(NamedTuple):
    """frames: uint8 (n, 64, 64, 3).   scene: int (n,), which of the scenes each frame is of.   films: the scenes."""

    frames: np.ndarray
    scene: np.ndarray
    films: list[Film]


LENGTHS = (24, 2, 8, 3, 7, 4)  # frames of each scene


def long_film(seed: int = 0, lengths: Sequence[int] = LENGTHS) -> LongFilm:
    """Films cut together, one after the other, of unequal lengths."""
    scenes = films.films("test", len(lengths), 100 + seed)
    order = np.random.default_rng(seed).permutation(len(lengths))
    frames, scene = [], []
    for i, (film, place) in enumerate(zip(scenes, order, strict=True)):
        length = lengths[place]
        times = np.linspace(0, 15, length).round().astype(int)
        frames.append(film.frames(16)[times])
        scene += [i] * length
    return LongFilm(np.concatenate(frames), np.array(scene), scenes)


@cache
def _clip() -> Any:
    return models.load("clip", "tiny", "cpu")


def clip_features(frames: np.ndarray, clip: Any = None) -> torch.Tensor:
    """CLIP's features of frames uint8 (n, 64, 64, 3), float32 (n, d) on the CPU. clip: the shipped one if None."""
    pictures = [Image.fromarray(frame) for frame in frames]
    return torch.as_tensor(models.embed_images(clip or _clip(), pictures)).float().cpu()


def even(count: int, k: int) -> list[int]:
    """k frames at even steps, each in the middle of its part."""
    return [int((i + 0.5) * count / k) for i in range(k)]


def scenes_shown(choose: Callable[..., Any], n: int = 20, clip: Any = None) -> dict[str, float]:
    """How many of six scenes six frames show, as a part of 1: by k centres, and at even steps."""
    k = len(LENGTHS)
    found: dict[str, list[float]] = {"k centres": [], "even steps": []}
    for seed in range(n):
        film = long_film(seed)
        for name, chosen in (
            ("k centres", [int(i) for i in choose(clip_features(film.frames, clip), k)]),
            ("even steps", even(len(film.frames), k)),
        ):
            found[name].append(len(set(film.scene[chosen].tolist())) / k)
    return {name: float(np.mean(values)) for name, values in found.items()}


# --- distances ------------------------------------------------------------------------------------------------------

SIZES = (8, 16, 32, 64, 128, 256)
DEPTH = 24  # features of a film


def film_features(embed: Callable[..., Any], pixels: torch.Tensor) -> torch.Tensor:
    """Pooled random tubelets of films (n, 8, 3, 64, 64), float (n, 24)."""
    kernels = measuring.random_kernels(2, DEPTH, 4, seed=1)
    tokens = torch.as_tensor(embed(pixels, kernels, torch.full((DEPTH,), -0.5)))
    return F.relu(tokens).mean(dim=1)


def distances(measure: Callable[..., Any], embed: Callable[..., Any]) -> dict[str, dict[int, float]]:
    """The distance of two sets of real films, and of real and shuffled ones, by the number of films in each."""
    most = max(SIZES)
    pixels = data.tensor(data.frames_of(films.films("train", 2 * most, 7)))
    real, other = film_features(embed, pixels[:most]), film_features(embed, pixels[most:])
    mixed = film_features(embed, measuring.shuffle(pixels[most:]))
    scale = real.std(dim=0)
    real, other, mixed = real / scale, other / scale, mixed / scale
    return {
        "real and real": {n: float(np.mean([measure(a, b) for a, b in _parts(real, other, n)])) for n in SIZES},
        "real and shuffled": {n: float(np.mean([measure(a, b) for a, b in _parts(real, mixed, n)])) for n in SIZES},
    }


def _parts(one: torch.Tensor, other: torch.Tensor, n: int, most: int = 6) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Pairs of n rows of each, of rows that no other pair has."""
    return list(zip(one.split(n), other.split(n), strict=True))[:most]
