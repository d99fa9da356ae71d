"""The metrics of captions, by libraries and by the definitions, so that figures need no answer of the notebook."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics.pairwise import paired_cosine_distances

from coursekit import models
from tinyworld import Scene, facts_of


def library_bleu(candidates: Sequence[str], references: Sequence[Sequence[str]], n: int = 4) -> float:
    """sacrebleu's corpus BLEU in [0, 100], of words as they stand and without smoothing."""
    from sacrebleu.metrics import BLEU

    most = max(len(some) for some in references)
    streams = [[some[i] if i < len(some) else None for some in references] for i in range(most)]
    # force: words as they stand are what we ask for, and no reason for a warning
    metric = BLEU(smooth_method="none", tokenize="none", max_ngram_order=n, force=True)
    return metric.corpus_score(list(candidates), streams).score


def reference_rouge_l(candidate: str, references: Sequence[str]) -> float:
    """ROUGE-L's F1 in [0, 1] against the best of the references (Lin 2004, section 3.1)."""
    words, best = candidate.split(), 0.0
    for reference in references:
        others = reference.split()
        length = np.zeros((len(words) + 1, len(others) + 1), dtype=int)
        for i, one in enumerate(words):
            for j, other in enumerate(others):
                length[i + 1, j + 1] = length[i, j] + 1 if one == other else max(length[i, j + 1], length[i + 1, j])
        best = max(best, 2 * length[-1, -1] / (len(words) + len(others)) if words or others else 0.0)
    return float(best)


def library_cider(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """CIDEr of every picture, float (m,) in [0, 10], from scikit-learn's counts and cosines (Vedantam et al. 2015)."""
    total = np.zeros(len(candidates))
    told = [text for some in references for text in some]
    owner = np.repeat(np.arange(len(references)), [len(some) for some in references])
    for n in range(1, 5):
        count = CountVectorizer(ngram_range=(n, n), token_pattern=r"\S+", lowercase=False)
        try:
            count.fit([*told, *candidates])
        except ValueError:  # not one text is n words long
            continue
        ours, theirs = (count.transform(some).toarray().astype(float) for some in (candidates, told))
        there = np.stack([theirs[owner == i].any(axis=0) for i in range(len(references))]).sum(axis=0)
        weight = np.log(len(references) / np.maximum(there, 1))
        a, b = ours[owner] * weight, theirs * weight
        alike = np.where(a.any(1) & b.any(1), 1 - paired_cosine_distances(a, b), 0.0)
        total += np.array([alike[owner == i].mean() for i in range(len(references))])
    return 10 * total / 4


def clip_score(pictures: Sequence[Image.Image], captions: Sequence[str]) -> np.ndarray:
    """CLIPScore of every picture with its caption, float (n,), without references (Hessel et al. 2021, section 3)."""
    u = torch.nn.functional.normalize(models.embed_images(_clip(), pictures), dim=-1)
    v = torch.nn.functional.normalize(models.embed_texts(_clip(), captions), dim=-1)
    return (2.5 * (u * v).sum(dim=1).clamp(min=0)).numpy()


@lru_cache(maxsize=1)
def _clip() -> models.Loaded:
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
