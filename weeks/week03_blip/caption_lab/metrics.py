"""What captions are measured by besides the overlap of words: CLIP, and the facts of this small world."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from PIL import Image

from coursekit import models
from coursekit.notebook import oracle
from tinyworld import Scene, facts_of


def sacrebleu_score(captions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """sacrebleu's corpus BLEU in [0, 100], of words as they stand and without smoothing. For figures alone."""
    return oracle("caption_lab.checks.reference").library_bleu(captions, references)


def clip_score(pictures: Sequence[Image.Image], captions: Sequence[str]) -> np.ndarray:
    """CLIPScore of every picture with its caption, float (n,), without references (Hessel et al. 2021, section 3)."""
    u = torch.nn.functional.normalize(models.embed_images(clip(), pictures), dim=-1)
    v = torch.nn.functional.normalize(models.embed_texts(clip(), captions), dim=-1)
    return (2.5 * (u * v).sum(dim=1).clamp(min=0)).numpy()


@lru_cache(maxsize=1)
def clip() -> models.Loaded:
    """The course's CLIP, which judges captions and gives ClipCap its eyes."""
    return models.load("clip")


# --- facts: what this small world can ask of a caption and the large one cannot ---------------------------------------


def exact(captions: Sequence[str], scenes: Sequence[Scene]) -> float:
    """The part of the captions that tell all the facts of their scene and nothing else, however they put it."""
    return float(np.mean([facts_of(c) == s.facts() for c, s in zip(captions, scenes, strict=True)]))


def attributes(captions: Sequence[str], scenes: Sequence[Scene]) -> dict[str, float]:
    """The part of the objects whose size, colour and shape are told rightly, and of the backgrounds and relations."""
    right: dict[str, list[bool]] = {name: [] for name in ("size", "colour", "shape", "background", "relation")}
    for caption, scene in zip(captions, scenes, strict=True):
        found, wanted = facts_of(caption), scene.facts()
        right["background"].append(found is not None and found.background == wanted.background)
        if wanted.relation:
            right["relation"].append(found is not None and found.relation == wanted.relation)
        for i, thing in enumerate(wanted.objects):
            other = found.objects[i] if found and i < len(found.objects) else (None,) * 3
            for name, a, b in zip(("size", "colour", "shape"), thing, other, strict=True):
                right[name].append(a == b)
    return {name: float(np.mean(some)) for name, some in right.items() if some}


def diversity(samples: Sequence[Sequence[str]]) -> float:
    """How many different captions a picture gets, as a part of all its captions; the mean over pictures, in (0, 1]."""
    return float(np.mean([len(set(some)) / len(some) for some in samples]))
