"""Sounds that are found by words: sixty-four of the world's, the shipped CLAP, and the words exchanged as control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from coursekit.audio import play
from coursekit.models import Loaded
from coursekit.plots import PALETTE, panels, show
from tinyworld.sound import RATE
from tinyworld.sounds import MATERIALS, MOODS, PITCHES, RHYTHMS, Sound, sounds
from voice_lab import plots, spectra

OF = 64
SEED = 0
PLACES = ("nearest", "second", "third")
FACTS = {"material": MATERIALS, "pitch": PITCHES, "rhythm": RHYTHMS, "mood": MOODS}


class Shelf(NamedTuple):
    """kinds: what is played.   waves: float32 (32000,) each, at 16 kHz.   captions: of each, in some wording."""

    kinds: list[Sound]
    waves: list[np.ndarray]
    captions: list[str]


@cache
def shelf() -> Shelf:
    """Sixty-four sounds of kinds that no model was trained on, each with a sentence about it."""
    rng, kinds = np.random.default_rng((SEED, 12)), sounds("test", OF, SEED)
    waves = [kind.play(rng) for kind in kinds]
    return Shelf(kinds, waves, [kind.caption(rng) for kind in kinds])


@torch.no_grad()
def of_sounds(clap: Loaded, waves: Sequence[np.ndarray]) -> torch.Tensor:
    """Sounds at 16 kHz as unit vectors, (n, 64) of the shipped CLAP. The Hub's hears 48 kHz, and is given that."""
    rate = clap.processor.feature_extractor.sampling_rate
    rows = F.interpolate(torch.tensor(np.stack(waves))[:, None], scale_factor=rate / RATE, mode="linear")
    given = list(rows[:, 0].numpy())
    found = clap.processor.feature_extractor(given, sampling_rate=rate, return_tensors="pt")
    weight = next(clap.model.parameters())
    return _unit(clap.model.get_audio_features(found["input_features"].to(weight.device, weight.dtype)))


@torch.no_grad()
def of_texts(clap: Loaded, texts: Sequence[str]) -> torch.Tensor:
    """Texts as unit vectors of the same space."""
    found = clap.processor.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
    return _unit(clap.model.get_text_features(**found.to(next(clap.model.parameters()).device)))


def _unit(found: Any) -> torch.Tensor:
    return F.normalize(getattr(found, "pooler_output", found).float().cpu(), dim=-1)


def ranks(alike: torch.Tensor) -> torch.Tensor:
    """How many sounds lie nearer to each sentence than its own, int64 (n,). alike: cosines (sentences, sounds)."""
    return (alike > alike.diag()[:, None]).sum(1)


class Found(NamedTuple):
    """heard: the sounds' unit vectors, (n, d).   alike: cosines (sentences, sounds).
    first, among: shares of sentences whose sound is the nearest, among five.
    control: the first where each sentence was given to another sound.   facts: how often each fact alone is right.
    moods: how often the mood is, in sounds of each."""

    heard: torch.Tensor
    alike: torch.Tensor
    first: float
    among: float
    control: float
    facts: dict[str, float]
    moods: dict[str, float]


def searched(clap: Loaded) -> Found:
    """All sixty-four sentences on all sixty-four sounds."""
    kept = shelf()
    heard, told = of_sounds(clap, kept.waves), of_texts(clap, kept.captions)
    alike = told @ heard.T
    found, other = ranks(alike), ranks(alike.roll(1, dims=0))
    first, among, control = ((x < k).float().mean() for x, k in ((found, 1), (found, 5), (other, 1)))
    right = facts_heard(clap, heard)
    moods = {m: float(right["mood"][[kind.mood == m for kind in kept.kinds]].mean()) for m in MOODS}
    facts = {fact: float(found.mean()) for fact, found in right.items()}
    return Found(heard, alike, float(first), float(among), float(control), facts, moods)


def facts_heard(clap: Loaded, heard: torch.Tensor) -> dict[str, np.ndarray]:
    """Of captions that differ in one fact alone, whether the nearest is the right one: for each fact, bool (64,).

    heard: as `of_sounds` of the shelf.
    """
    kinds = shelf().kinds
    others = {
        fact: [[replace(kind, **{fact: word}).caption() for word in words] for kind in kinds]
        for fact, words in FACTS.items()
    }
    captions = sorted({caption for rows in others.values() for row in rows for caption in row})
    told = dict(zip(captions, of_texts(clap, captions), strict=True))
    found = {}
    for number, (fact, words) in enumerate(FACTS.items()):
        cosines = [torch.stack([told[c] for c in row]) @ own for row, own in zip(others[fact], heard, strict=True)]
        nearest = [words[int(row.argmax())] for row in cosines]
        found[fact] = np.array([word == astuple(kind)[number] for word, kind in zip(nearest, kinds, strict=True)])
    return found


def show_sounds(clap: Loaded, wish: str) -> Found:
    """How well sentences find sounds, and the three of sixty-four that lie nearest to a wish, to be heard.

    clap: `models.load("clap")`, in any profile.
    """
    found, kept = searched(clap), shelf()
    order = sorted(range(OF), key=lambda i: astuple(kept.kinds[i]))  # alike beside alike
    figure, (left, right) = panels(2.6, 2.6, height=2.6, between=1.3)
    left.imshow(found.alike[order][:, order].numpy(), cmap="magma", vmin=-0.2, vmax=1)
    left.set(xticks=[], yticks=[], xlabel="64 sounds", ylabel="64 sentences")
    left.set_title(f"its own is nearest: {found.first:.0%}", fontsize=9)
    places = range(len(FACTS))
    right.barh(places, [100 * share for share in found.facts.values()], color=PALETTE[0])
    right.plot([100 / len(words) for words in FACTS.values()], places, "|", color=PALETTE[1], markersize=16)
    right.set(yticks=places, xlim=(0, 100), xlabel="% right (line: by luck)")
    right.set_yticklabels(list(FACTS))
    right.invert_yaxis()
    told = ", ".join(f"{fact} {share:.0%}" for fact, share in found.facts.items())
    show(figure, alt=f"Cosines of sentences and sounds, highest on the diagonal. One fact alone is right: {told}")
    print(f"the right sound of 64 is nearest: {found.first:.0%}; among the five nearest: {found.among:.0%}")
    print(f"control, every sentence given to another sound: {found.control:.0%}; by luck {1 / OF:.0%}")
    print("the mood alone: " + ", ".join(f"{mood} {share:.0%}" for mood, share in found.moods.items()))
    show_best(clap, wish, found.heard)
    return found


def show_best(clap: Loaded, wish: str, heard: torch.Tensor | None = None) -> list[Sound]:
    """The three sounds that lie nearest to a wish, to be seen and heard. Returns their kinds, the nearest first.

    heard: `of_sounds` of the shelf, where it is there already.
    """
    kept = shelf()
    heard = of_sounds(clap, kept.waves) if heard is None else heard
    cosines = heard @ of_texts(clap, [wish])[0]
    best = dict(zip(PLACES, cosines.topk(len(PLACES)).indices.tolist(), strict=True))
    told = "; ".join(f"{name}: {kept.kinds[n].caption()}" for name, n in best.items())
    ready = {name: spectra.finished(kept.waves[n]) for name, n in best.items()}
    plots.spectrograms(ready, f"Spectrograms of the sounds that lie nearest to {wish!r}. {told}")
    print(f"“{wish}”")
    for name, n in best.items():
        print(f"{name}, {cosines[n]:.2f}: {kept.kinds[n].caption()}")
        play(ready[name])
    return [kept.kinds[n] for n in best.values()]
