"""The experiments of week 6. Each gives plain numbers, which `plots` draws."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch

import tinyworld
from coursekit import models
from coursekit.models import Loaded
from coursekit.scenes import sample_scenes
from tinyworld import Scene, judge, tokens
from tinyworld.captions import facts_of
from tinyworld.judge import Verdict
from token_lab import data, diffusion, painting

Table = dict[str, dict[str, float | None]]
PICTURES = 24  # a figure of the table
TRAINING = 1500  # training pictures among which the nearest is looked for


@lru_cache(maxsize=1)
def _judge() -> judge.Judge:
    return judge.load()


def read(pixels: torch.Tensor) -> list[Verdict]:
    """What the judge sees on pictures, float (n, 3, 64, 64) in [0, 1]."""
    return _judge().read(2 * pixels.clamp(0, 1) - 1)


def facts_right(pixels: torch.Tensor, scenes: Sequence[Scene]) -> float:
    """The share of pictures that show the background and the objects that were told, and nothing else."""
    pairs = zip(read(pixels), scenes, strict=True)
    return float(np.mean([v.background == s.background and data.shows(s, v.objects, True) for v, s in pairs]))


def relations_right(pixels: torch.Tensor, scenes: Sequence[Scene]) -> float:
    """The share of pictures of two objects on which both are there and lie to each other as was told."""
    return float(np.mean([data.relation_kept(s, v.objects) for v, s in zip(read(pixels), scenes, strict=True)]))


def relations_of_those(pixels: torch.Tensor, scenes: Sequence[Scene]) -> tuple[int, int]:
    """Of the pictures on which both objects are there: how many have the relation, and how many there are."""
    there = [(v, s) for v, s in zip(read(pixels), scenes, strict=True) if data.shows(s, v.objects)]
    return sum(data.relation_kept(s, v.objects) for v, s in there), len(there)


def diversity(pixels: torch.Tensor) -> float:
    """How much pictures differ: the mean over all pairs of the root mean squared difference, in [0, 1]."""
    return float(np.mean([(a - b).square().mean().sqrt() for a, b in combinations(pixels, 2)]))


# --- three painters and two baselines -------------------------------------------------------------------------------


class Painters(NamedTuple):
    """The models that paint: the tokeniser, the language model, the masked one, the diffusion pipeline, and CLIP."""

    vq: Any
    painter: Any
    masker: Loaded
    pipe: Any
    clip: Loaded


Paint = Callable[..., torch.Tensor]  # (captions, seed) -> pictures (n, 3, 64, 64)


def painters_by_name(of: Painters, unmask: Callable[..., torch.Tensor]) -> dict[str, tuple[Paint, int]]:
    """Each way to paint, and how often a network is called for a picture. unmask: as the notebook's."""

    def one_by_one(captions: Sequence[str], seed: int) -> torch.Tensor:
        ids = painting.generate(of.painter, captions, seed=seed)
        return painting.pictures_of(of.vq, ids.view(-1, tokens.SIDE, tokens.SIDE))

    def in_passes(captions: Sequence[str], seed: int) -> torch.Tensor:
        ids = painting.decode_masked(of.masker, captions, unmask, seed=seed)[-1]
        return painting.pictures_of(of.vq, ids.view(-1, tokens.SIDE, tokens.SIDE))

    def diffused(captions: Sequence[str], seed: int) -> torch.Tensor:
        return diffusion.diffuse(of.pipe, captions, seed=seed)

    return {
        "diffusion": (diffused, diffusion.STEPS),
        "tokens one by one": (one_by_one, tokens.PICTURE),
        "tokens in eight passes": (in_passes, painting.PASSES),
    }


def measure_painters(of: Painters, unmask: Callable[..., torch.Tensor], seed: int = 0) -> Table:
    """All painters on the same captions. unmask: as the notebook's."""
    single, double = sample_scenes(PICTURES, 1, 51), sample_scenes(PICTURES, 2, 52)
    found: Table = {}
    for name, (paint, calls) in painters_by_name(of, unmask).items():
        start = time.perf_counter()
        ones = paint([s.caption() for s in single], seed)
        ms = 1000 * (time.perf_counter() - start) / PICTURES
        twos = paint([s.caption() for s in double], seed + 1)
        alike = paint([painting.PROMPT] * 8, seed + 2)
        row: dict[str, float | None] = {
            "facts right": facts_right(ones, single),
            "relations right": relations_right(twos, double),
            "differences": diversity(alike),
            "ms a picture": ms,
            "network calls": float(calls),
        }
        found[name] = row | measure_edit(of, name, unmask, seed)
        if name == "tokens one by one":
            found["... told another's caption"] = {
                "facts right": facts_right(ones, single[1:] + single[:1]),
                "relations right": relations_right(twos, double[1:] + double[:1]),
            }
    found["nearest training picture"] = measure_nearest_caption(of.clip, single, double)
    return found


def measure_nearest_caption(clip: Loaded, single: Sequence[Scene], double: Sequence[Scene]) -> dict[str, float | None]:
    """The picture of the training scene whose caption is the nearest to CLIP, for every caption."""
    known = tinyworld.scenes("train", TRAINING, 0)
    have = torch.nn.functional.normalize(models.embed_texts(clip, [s.caption() for s in known]), dim=-1)

    def nearest(scenes: Sequence[Scene]) -> torch.Tensor:
        wanted = models.embed_texts(clip, [s.caption() for s in scenes])
        return data.pixels([known[i] for i in (wanted @ have.T).argmax(dim=1).tolist()])

    return {
        "facts right": facts_right(nearest(single), single),
        "relations right": relations_right(nearest(double), double),
        "network calls": 0.0,
    }


def measure_edit(
    of: Painters, name: str, unmask: Callable[..., torch.Tensor], seed: int = 0, n: int = 12
) -> dict[str, float | None]:
    """The lower object in another colour, the upper half of the picture kept as each painter can keep it.

    kept: how far the upper half is off, a root mean square in [0, 1].   edited: the share that shows what was asked.
    """
    pairs = data.one_above_another(n, 53)
    before, captions = data.pixels([a for a, _ in pairs]), [b.caption() for _, b in pairs]
    if name == "diffusion":
        after = diffusion.diffuse(of.pipe, captions, seed=seed, kept=before)
    else:
        ids = painting.tokens_of(of.vq, before).flatten(1)
        half = tokens.PICTURE // 2
        if name == "tokens one by one":
            ids = painting.generate(of.painter, captions, seed=seed, begun=ids[:, :half])
        else:
            ids[:, half:] = painting.mask_of(of.masker)
            ids = painting.decode_masked(of.masker, captions, unmask, seed=seed, begun=ids)[-1]
        after = painting.pictures_of(of.vq, ids.view(-1, tokens.SIDE, tokens.SIDE))
    off = (after - before)[:, :, : painting.SIDE // 2 - 4].square().mean().sqrt()
    seen = zip(read(after), pairs, strict=True)
    return {"kept to": float(off), "edited": float(np.mean([data.shows(b, v.objects) for v, (_, b) in seen]))}


# --- bits -----------------------------------------------------------------------------------------------------------


@torch.no_grad()
def measure_bits(vq: Any, painter: Any, bits: Callable[..., torch.Tensor], n: int = 32) -> dict[str, torch.Tensor]:
    """What test pictures cost the language model, in bits, told their own captions, none, and another's: (n,) each."""
    scenes = sample_scenes(n, None, 61)
    codes = painting.tokens_of(vq, data.pixels(scenes)).flatten(1)
    told = [scene.caption() for scene in scenes]
    found = {}
    for name, captions in (
        ("its own caption", told),
        ("no caption", [""] * n),
        ("another's caption", told[1:] + told[:1]),
    ):
        logits = painter(input_ids=tokens.painting(captions, codes)).logits
        scores = logits[:, tokens.PROMPT - 1 : -1, tokens.IMAGE_OFFSET :]
        found[name] = torch.as_tensor(bits(scores, codes))
    return found


# --- any to any -----------------------------------------------------------------------------------------------------


def say(painter: Any, prompts: torch.Tensor, longest: int) -> list[str]:
    """What the language model writes in words behind prompts, greedily."""
    banned = list(range(tokens.IMAGE_OFFSET, tokens.VOCABULARY))
    ids = painter.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        max_new_tokens=longest,
        do_sample=False,
        suppress_tokens=banned,
        eos_token_id=tokens.IDS[tokens.END],
        pad_token_id=tokens.IDS[tokens.END],  # what has ended reads the end again, which needs no mask
    )
    return [tokens.ids_to_words(row) for row in ids[:, prompts.shape[1] :]]


def questions_of(scenes: Sequence[Scene], seed: int = 0) -> list[Any]:
    """A question about each scene: of its background, or of an object's colour or shape."""
    rng, asked = np.random.default_rng(seed), []
    for i, scene in enumerate(scenes):
        kind = ("background", "colour", "shape")[i % 3]
        every = scene.questions(rng)
        asked.append(next((q for q in every if q.kind == kind), every[0]))
    return asked


def measure_any_to_any(vq: Any, painter: Any, n: int = PICTURES, seed: int = 0) -> dict[str, dict[str, float]]:
    """One model paints, describes and answers; beside it the control that it was given another's words or picture."""
    scenes = sample_scenes(n, 1, 71)
    turned = scenes[1:] + scenes[:1]
    codes = painting.generate(painter, [s.caption() for s in scenes], seed=seed)
    painted = painting.pictures_of(vq, codes.view(-1, tokens.SIDE, tokens.SIDE))
    true = painting.tokens_of(vq, data.pixels(scenes)).flatten(1)
    said = say(painter, tokens.describing(true), tokens.TEXT)
    asked = questions_of(scenes)
    answers = say(painter, tokens.asking(true, [q.text for q in asked]), tokens.ANSWER)
    others = say(painter, tokens.asking(true.roll(1, 0), [q.text for q in asked]), tokens.ANSWER)
    wanted = [q.answer for q in asked]
    return {
        "paints": {"its own": facts_right(painted, scenes), "another's": facts_right(painted, turned)},
        "describes": {"its own": _described(said, scenes), "another's": _described(said, turned)},
        "answers": {"its own": _same(answers, wanted), "another's": _same(others, wanted)},
    }


def _described(said: Sequence[str], scenes: Sequence[Scene]) -> float:
    return float(np.mean([facts_of(text) == scene.facts() for text, scene in zip(said, scenes, strict=True)]))


def _same(said: Sequence[str], wanted: Sequence[str]) -> float:
    return float(np.mean([a == b for a, b in zip(said, wanted, strict=True)]))


# --- what was learnt by heart ---------------------------------------------------------------------------------------


def nearest(pixels: torch.Tensor, among: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """For each picture the distance to the nearest of others, a root mean square in [0, 1], and which one it is."""
    size = pixels[0].numel()
    found = torch.cdist(pixels.flatten(1), among.flatten(1)).min(dim=1)
    return found.values / size**0.5, found.indices
