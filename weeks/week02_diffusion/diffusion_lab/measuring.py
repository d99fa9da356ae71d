"""What is on the painted pictures, and what became of the edited ones.

In the tiny profile tinyworld's judge reads the pictures; in the full one, where pictures are of another world, CLIP
says whether a picture fits its own caption best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import torch
from PIL import Image

from coursekit import models, session
from diffusion_lab import data, painting
from tinyworld import Scene, judge, parse_caption
from tinyworld.judge import Verdict

EDIT_STEPS = 12
CHANGE = "change of what was to be kept"  # the one measure that is no share of the pictures


@lru_cache(maxsize=1)
def _judge() -> judge.Judge:
    return judge.load()


def read(pictures: Sequence[Image.Image]) -> list[Verdict]:
    """What the judge sees on each picture."""
    return _judge().read(list(pictures))


def fidelity(pictures: Sequence[Image.Image], scenes: Sequence[Scene]) -> float:
    """How well pictures show what was told, in [0, 1].

    The mean over scenes of one object of whether colour, shape and background are right; in the full profile the part
    of the pictures that CLIP would give to their own caption.
    """
    now = session.current
    if now and now.profile == "full":
        clip = models.load("clip")
        u, v = models.embed_images(clip, pictures), models.embed_texts(clip, [scene.caption() for scene in scenes])
        best = (u @ torch.nn.functional.normalize(v, dim=-1).T).argmax(dim=1)
        return float((best == torch.arange(len(pictures))).float().mean())
    return float(np.mean([_facts_right(verdict, scene) for verdict, scene in zip(read(pictures), scenes, strict=True)]))


def _facts_right(verdict: Verdict, scene: Scene) -> float:
    thing = scene.objects[0]
    first = verdict.objects[0] if verdict.objects else None
    right = [verdict.background == scene.background]
    right += [first is not None and getattr(first, name) == getattr(thing, name) for name in ("colour", "shape")]
    return float(np.mean(right))


def all_told(pictures: Sequence[Image.Image], captions: Sequence[str]) -> int:
    """On how many pictures every object of the caption is to be seen, in its colour and shape."""
    return round(_share_told(pictures, captions) * len(pictures))


def all_right(pictures: Sequence[Image.Image], scenes: Sequence[Scene]) -> int:
    """On how many pictures of one object colour, shape and background are right; in the full profile as `fidelity`."""
    now = session.current
    if now and now.profile == "full":
        return round(fidelity(pictures, scenes) * len(pictures))
    return sum(_facts_right(verdict, scene) == 1 for verdict, scene in zip(read(pictures), scenes, strict=True))


def share(pictures: Sequence[Image.Image], **facts: str) -> float:
    """The part of the pictures whose most certain object is so: share(pictures, colour="red")."""
    seen = [verdict.objects[0] if verdict.objects else None for verdict in read(pictures)]
    return float(np.mean([s is not None and all(getattr(s, k) == v for k, v in facts.items()) for s in seen]))


def diversity(pictures: Sequence[Image.Image]) -> float:
    """How much pictures differ: the mean over all pairs of the root mean squared difference, in [0, 1]."""
    arrays = [np.asarray(picture.convert("RGB"), dtype=float) / 255 for picture in pictures]
    return float(np.mean([np.sqrt(np.mean((a - b) ** 2)) for a, b in combinations(arrays, 2)]))


@dataclass(frozen=True)
class Rows:
    """Rows of pictures with labels, and what was measured of each: {row: {measure: value in [0, 1]}}.

    All but `CHANGE` are shares of the row's pictures. alt: what is to be seen, for those who cannot.
    """

    pictures: dict[str, list[Image.Image]]
    measured: dict[str, dict[str, float]]
    caption: str = ""
    alt: str = field(default="", kw_only=True)


def _changed(pixels: torch.Tensor, sources: torch.Tensor, where: torch.Tensor | float = 1.0) -> float:
    """The root mean squared difference of pictures (n, 3, h, w) in [0, 1]. where: weights of the pixels."""
    if pixels.shape != sources.shape:
        sources = torch.nn.functional.interpolate(sources, pixels.shape[-2:], mode="bicubic")
    weights = torch.as_tensor(where).expand_as(pixels) if isinstance(where, torch.Tensor) else torch.ones_like(pixels)
    return float(((pixels - sources).square() * weights).sum().div(weights.sum()).sqrt())


def _walk(pipe: Any, sample: torch.Tensor, step: Any, remaining: Sequence[int]) -> torch.Tensor:
    for t, previous in pairwise([*remaining, -1]):
        sample = step(sample, t, previous)
    return sample


def measure_edits(
    pipe: Any,
    strengths: Sequence[float],
    guidance: float,
    edit_start: Callable[..., Any],
    n: int = 16,
    seed: int = 0,
) -> Rows:
    """SDEdit towards another colour of the same object, at several strengths. edit_start: as the notebook's."""
    rng = np.random.default_rng(seed)
    scenes = data.sample_scenes(n, 1, seed=5)
    wanted = [data.recoloured(scene, data.another_colour(scene, rng)) for scene in scenes]
    sources = data.to_pixels([scene.render() for scene in scenes])
    latents, noise = painting.encode(pipe, sources), painting.start(pipe, n, seed)
    step = painting.stepper(pipe, [scene.caption() for scene in wanted], guidance)
    times, pictures, measured = painting.times(pipe, EDIT_STEPS), {}, {}
    for strength in strengths:
        sample, remaining = edit_start(latents, noise, strength, times, pipe.scheduler.alphas_cumprod)
        pixels = painting.decode(pipe, _walk(pipe, sample, step, remaining))
        label = f"strength {strength:g}"
        pictures[label] = data.to_pictures(pixels)
        measured[label] = {
            "new colour there": _share_right(pictures[label], wanted, ("colour",)),
            "same place": _share_near(pictures[label], scenes),
            "shape kept": _share_right(pictures[label], scenes, ("shape",)),
        }
    alt = "A row for each strength: the sources; in the middle another colour in the same place; at last new places"
    return Rows(pictures, measured, f"first column: towards “{wanted[0].caption()}”", alt=alt)


def _share_right(pictures: Sequence[Image.Image], scenes: Sequence[Scene], names: Sequence[str]) -> float:
    right = []
    for verdict, scene in zip(read(pictures), scenes, strict=True):
        seen = verdict.objects[0] if verdict.objects else None
        right.append(seen is not None and all(getattr(seen, k) == getattr(scene.objects[0], k) for k in names))
    return float(np.mean(right))


def _share_near(pictures: Sequence[Image.Image], scenes: Sequence[Scene], within: float = 0.1) -> float:
    near = []
    for verdict, scene in zip(read(pictures), scenes, strict=True):
        seen, thing = verdict.objects[0] if verdict.objects else None, scene.objects[0]
        near.append(seen is not None and np.hypot(seen.x - thing.x, seen.y - thing.y) < within)
    return float(np.mean(near))


def measure_inpainting(pipe: Any, guidance: float, inpaint: Callable[..., Any], n: int = 16, seed: int = 0) -> Rows:
    """A second object painted into the right half, once with each step taken three times; a frame painted around; and
    the control that keeps nothing. inpaint: as the notebook's.
    """
    scenes, captions = data.halves(n, seed=6)
    sources = data.to_pixels([scene.render() for scene in scenes])
    clean, noise = painting.encode(pipe, sources), painting.start(pipe, n, seed)
    before = painting.decode(pipe, clean)
    times, kept = painting.times(pipe, EDIT_STEPS), pipe.scheduler.alphas_cumprod
    half, frame = painting.right_half(pipe, n), painting.frame(pipe, n)
    both = painting.stepper(pipe, captions, guidance)
    alone = painting.stepper(pipe, [scene.caption() for scene in scenes], guidance)
    control = torch.ones_like(half)
    made = {
        "right half anew": (half, captions, inpaint(both, noise, clean, half, times, kept, noise)),
        "each step three times": (half, captions, painting.repaint(pipe, both, noise, clean, half, times, 3, seed)),
        "frame anew": (frame, [s.caption() for s in scenes], inpaint(alone, noise, clean, frame, times, kept, noise)),
        "control: nothing put back": (half, captions, inpaint(both, noise, clean, control, times, kept, noise)),
    }
    pictures, measured = {"before": data.to_pictures(before)}, {}
    for label, (mask, asked, latents) in made.items():
        pixels = painting.decode(pipe, latents)
        pictures[label] = data.to_pictures(pixels)
        # latents are blurred into their neighbours by the decoder: ask well inside of what was kept
        where = torch.nn.functional.interpolate(mask.float().cpu(), pixels.shape[-2:])
        grown = torch.nn.functional.max_pool2d(where, 17, 1, 8)
        measured[label] = {
            CHANGE: _changed(pixels, before, 1 - grown),
            "asked for and there": _share_told(pictures[label], asked),
        }
    alt = "Rows: sources with an object on the left; a second one painted in, twice; a frame repainted; all repainted"
    return Rows(pictures, measured, f"first column: {captions[0]}", alt=alt)


def _share_told(pictures: Sequence[Image.Image], captions: Sequence[str]) -> float:
    """The part of the pictures on which every object of the caption is to be seen, in its colour and shape."""
    found = []
    for verdict, caption in zip(read(pictures), captions, strict=True):
        seen = {(s.colour, s.shape) for s in verdict.objects}
        found.append(all((colour, shape) in seen for _, colour, shape in parse_caption(caption).objects))
    return float(np.mean(found))


def measure_word_change(pipe: Any, guidance: float, n: int = 16, first: float = 0.5, seed: int = 0) -> Rows:
    """Old caption for the `first` part of the steps, then one with another colour. Control: from other noise."""
    rng = np.random.default_rng(seed)
    scenes = data.sample_scenes(n, 1, seed=7)
    wanted = [data.recoloured(scene, data.another_colour(scene, rng)) for scene in scenes]
    old, new = (painting.stepper(pipe, [s.caption() for s in group], guidance) for group in (scenes, wanted))
    times = painting.times(pipe, EDIT_STEPS)
    turn = times[int(first * EDIT_STEPS)]
    before = data.to_pictures(painting.decode(pipe, _walk(pipe, painting.start(pipe, n, seed), old, times)))
    pictures, measured = {"old caption": before}, {}
    for label, noise in (("one word changed", seed), ("control: other noise", seed + 1)):
        step = lambda sample, t, previous: (old if t > turn else new)(sample, t, previous)  # noqa: E731
        after = data.to_pictures(painting.decode(pipe, _walk(pipe, painting.start(pipe, n, noise), step, times)))
        pictures[label] = after
        measured[label] = {
            "new colour there": _share_right(after, wanted, ("colour",)),
            "same place": _share_same_place(before, after),
        }
    return Rows(
        pictures,
        measured,
        f"first column: {scenes[0].caption()} → {wanted[0].objects[0].colour}",
        alt="Rows: eight objects; the same places in another colour; the new colours in other places",
    )


def _share_same_place(one: Sequence[Image.Image], other: Sequence[Image.Image], within: float = 0.1) -> float:
    near = []
    for a, b in zip(read(one), read(other), strict=True):
        both = a.objects and b.objects
        near.append(bool(both) and np.hypot(a.objects[0].x - b.objects[0].x, a.objects[0].y - b.objects[0].y) < within)
    return float(np.mean(near))


def measure_palette(pipe: Any, guidance: float, n: int = 16, strength: float = 0.4, seed: int = 0) -> Rows:
    """The latents' statistics of one picture given to another, and a short walk back. Control: the walk alone."""
    scenes, styles = data.sample_scenes(n, 1, seed=8), data.sample_scenes(n, 1, seed=9)
    x, y = (painting.encode(pipe, data.to_pixels([s.render() for s in group])) for group in (scenes, styles))
    moments = [(z.mean((2, 3), keepdim=True), z.std((2, 3), keepdim=True)) for z in (x, y)]
    (mean_x, std_x), (mean_y, std_y) = moments
    repainted = (x - mean_x) / (std_x + 1e-5) * std_y + mean_y
    times = painting.times(pipe, EDIT_STEPS)[-int(strength * EDIT_STEPS) :]
    noise = painting.start(pipe, n, seed)
    pictures = {"picture": data.to_pictures(painting.decode(pipe, x)), "palette": [s.render() for s in styles]}
    measured = {}
    empty = painting.stepper(pipe, "", 1.0)
    for label, latents in (("with the palette", repainted), ("control: as it was", x)):
        after = data.to_pictures(
            painting.decode(pipe, _walk(pipe, painting.noised(pipe, latents, noise, times[0]), empty, times))
        )
        pictures[label] = after
        backgrounds = [verdict.background for verdict in read(after)]
        measured[label] = {
            "background of the palette": float(
                np.mean([b == s.background for b, s in zip(backgrounds, styles, strict=True)])
            ),
            "same place": _share_near(after, scenes),
        }
    alt = "Rows: pictures; pictures whose palette they get; the first with the background of the second; the control"
    return Rows(pictures, measured, alt=alt)
