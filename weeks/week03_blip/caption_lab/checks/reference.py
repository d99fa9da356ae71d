"""What the checks of week 3 ask with and compare with. A notebook that is graded cannot import it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics.pairwise import paired_cosine_distances
from tqdm import tqdm

from caption_lab import blip, probes
from coursekit import one_thread
from coursekit.inputs import gaussian, seed_from
from coursekit.models import Loaded
from coursekit.scenes import sample_scenes
from tinyworld import Scene


def any_scenes(rng: np.random.Generator, n: int, objects: int | None = None) -> list[Scene]:
    """Scenes that nobody has seen."""
    return sample_scenes(n, objects, seed_from(rng))


# --- 1 patch_embed --------------------------------------------------------------------------------------------------


def library_patches(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """torch's own cutting up."""
    return F.unfold(pixels, side, stride=side).transpose(1, 2)


@torch.no_grad()
def embedding_layer(seed: int, image: int = 16, side: int = 4, width: int = 10):
    """BLIP's embedding layer with random weights."""
    from transformers import BlipVisionConfig
    from transformers.models.blip.modeling_blip import BlipVisionEmbeddings

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = BlipVisionEmbeddings(BlipVisionConfig(hidden_size=width, image_size=image, patch_size=side))
    return layer.requires_grad_(False)


# --- 2 attend ---------------------------------------------------------------------------------------------------------


def library_attention(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, heads: int, allowed: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """What `attend` of the notebook returns, by torch's own attention; the weights with an identity for values."""
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (queries, keys, values))
    ones = torch.eye(keys.shape[1], dtype=q.dtype, device=q.device).expand(*k.shape[:3], keys.shape[1])
    mixed, weights = (F.scaled_dot_product_attention(q, k, x, attn_mask=allowed) for x in (v, ones))
    return mixed.transpose(1, 2).flatten(2), weights


# --- 3 caption_loss -------------------------------------------------------------------------------------------------


def library_caption_loss(scores: torch.Tensor, ids: torch.Tensor, pad: int) -> torch.Tensor:
    """What `caption_loss` of the notebook returns."""
    return F.cross_entropy(scores[:, :-1].flatten(0, 1), ids[:, 1:].masked_fill(ids[:, 1:] == pad, -100).flatten())


def some_captions(rng: np.random.Generator, n: int, vocabulary: int, length: int = 8) -> torch.Tensor:
    """Token ids (n, length) from a start to an end token, of different lengths; padding is 0."""
    ids = torch.zeros((n, length), dtype=torch.int64)
    for i, row in enumerate(ids):
        long = length if i == 0 else int(rng.integers(3, length))
        row[:long] = torch.from_numpy(rng.integers(3, vocabulary, size=long))
        row[0], row[long - 1] = probes.START, probes.END
    return ids


# --- 4 greedy -------------------------------------------------------------------------------------------------------


def library_ids(seed: int, n: int, longest: int, **how: Any) -> Any:
    """What `generate` makes of `probes.decoder_step(seed, n)`: token ids, or the report that `how` asks for."""
    decoder, states = probes.decoder(seed), probes.random_states(seed, n)
    marks = {"eos_token_id": probes.END, "pad_token_id": probes.PAD}
    return decoder.generate(
        input_ids=torch.full((n, 1), probes.START),
        attention_mask=torch.ones((n, 1), dtype=torch.int64),
        encoder_hidden_states=states,
        max_new_tokens=longest,
        do_sample=False,
        **marks,
        **how,
    )


# --- 4 beam_search --------------------------------------------------------------------------------------------------


def library_beams(seed: int, beams: int, longest: int, penalty: float) -> tuple[list[int], float]:
    """What `generate` finds for one picture, and its score."""
    more: dict[str, Any] = {"early_stopping": "never", "return_dict_in_generate": True, "output_scores": True}
    out = library_ids(seed, 1, longest, num_beams=beams, length_penalty=penalty, **more)
    ids = out.sequences[0, 1:].tolist()
    if probes.END in ids:
        ids = ids[: ids.index(probes.END) + 1]
    return ids, float(out.sequences_scores[0])


Found = tuple[list[int], float]  # a caption and its score


@dataclass(frozen=True)
class BeamRules:
    """How a beam search of B beams keeps its books. The defaults are right; a mistake changes one of them.

    grown, finishing: of the best extensions, how many times B are kept, and how many times B may finish a caption.
    alive(B, finished): how many beginnings go on.   over(B, finished, best_ends): whether to stop before the longest;
    best_ends says whether the best extension ends.   all_finish: at the longest, all are finished, however they end.
    score(sum, new tokens, penalty): what captions are compared by.   returns_sum: the score returned is the plain sum.
    keeps_start, keeps_end: whether these tokens are part of the caption returned.
    """

    logarithms: Callable[[torch.Tensor], torch.Tensor] = lambda scores: scores.log_softmax(-1)
    grown: int = 2
    finishing: int = 1
    alive: Callable[[int, int], int] = lambda beams, finished: beams
    over: Callable[[int, int, bool], bool] = lambda beams, finished, best_ends: False
    all_finish: bool = True
    score: Callable[[float, int, float], float] = lambda total, length, penalty: total / length**penalty
    returns_sum: bool = False
    keeps_start: bool = False
    keeps_end: bool = True


RIGHT = BeamRules()


def plain_beams(step: blip.Step, longest: int, beams: int, penalty: float, rules: BeamRules = RIGHT) -> Found:
    """Beam search in plain Python from probes.START to probes.END. Other rules than the right ones are for messages."""
    alive: list[tuple[float, list[int]]] = [(0.0, [probes.START])]
    finished: list[tuple[float, list[int], float]] = []
    for length in range(1, longest + 1):
        rows = rules.logarithms(step(torch.tensor([ids for _, ids in alive]))).tolist()
        grown = [
            (total + more, [*ids, i])
            for (total, ids), row in zip(alive, rows, strict=True)
            for i, more in enumerate(row)
        ]
        grown = sorted(grown, key=lambda one: -one[0])[: rules.grown * beams]
        cut = length == longest and rules.all_finish
        for total, ids in grown[: rules.finishing * beams]:
            if cut or ids[-1] == probes.END:
                finished.append((rules.score(total, length, penalty), ids, total))
        alive = [one for one in grown if one[1][-1] != probes.END][: rules.alive(beams, len(finished))]
        if not alive or rules.over(beams, len(finished), grown[0][1][-1] == probes.END):
            break
    score, ids, total = max(finished) if finished else (alive[0][0], alive[0][1], alive[0][0])
    ids = ids if rules.keeps_start else ids[1:]
    return [i for i in ids if rules.keeps_end or i != probes.END], total if rules.returns_sum else score


# --- 4 sampling -----------------------------------------------------------------------------------------------------


def library_filtered(
    scores: torch.Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> torch.Tensor:
    """What `filtered` of the notebook returns, by the library's own filters."""
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    scores = TemperatureLogitsWarper(float(temperature))(None, scores.clone())
    if top_k is not None:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p is not None and top_p < 1:
        scores = TopPLogitsWarper(top_p)(None, scores)
    return scores.softmax(dim=-1)


# --- 5 matching -------------------------------------------------------------------------------------------------------


@torch.no_grad()
def library_match(loaded: Loaded, pictures: Sequence[Image.Image], said: Sequence[str]) -> torch.Tensor:
    """What `match` of the notebook returns: the probability that each caption is true of its picture, float (n,)."""
    out = []
    for i in range(0, len(said), blip.CHUNK):
        inputs = blip.text_inputs(loaded, said[i : i + blip.CHUNK])
        scores = loaded.model(pixel_values=blip.pixels(loaded, pictures[i : i + blip.CHUNK]), **inputs).itm_score
        out.append(scores.float().softmax(dim=-1)[:, 1].cpu())
    return torch.cat(out)


# --- 6 prefix_loss --------------------------------------------------------------------------------------------------


def library_prefix_loss(gpt: Any, prefix: torch.Tensor, ids: torch.Tensor, pad: int) -> torch.Tensor:
    """What `prefix_loss` of the notebook returns, by the library's own loss."""
    embedded = torch.cat([prefix, gpt.get_input_embeddings()(ids)], dim=1)
    nothing = torch.full(prefix.shape[:2], -100, device=ids.device)
    return gpt(inputs_embeds=embedded, labels=torch.cat([nothing, ids.masked_fill(ids == pad, -100)], dim=1)).loss


def reference_prefix(seed: int, prefix: torch.Tensor, ids: torch.Tensor, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The library's loss, and its slope by the prefix."""
    return probes.prefix_loss_and_slope(library_prefix_loss, seed, prefix, ids, pad)


# --- 7 bleu ---------------------------------------------------------------------------------------------------------


def library_bleu(candidates: Sequence[str], references: Sequence[Sequence[str]], n: int = 4) -> float:
    """sacrebleu's corpus BLEU in [0, 100], of words as they stand and without smoothing."""
    from sacrebleu.metrics import BLEU

    most = max(len(some) for some in references)
    streams: Any = [[some[i] if i < len(some) else None for some in references] for i in range(most)]
    # force: words as they stand are what we ask for, and no reason for a warning
    metric = BLEU(smooth_method="none", tokenize="none", max_ngram_order=n, force=True)
    return metric.corpus_score(list(candidates), streams).score


def corpus(rng: np.random.Generator, m: int, count: int, objects: int = 2) -> tuple[list[str], list[list[str]]]:
    """Captions with words dropped, said twice or exchanged here and there, and references for each."""
    scenes, words = any_scenes(rng, m, objects), np.random.default_rng(seed_from(rng))
    references = [scene.captions(count, seed=seed_from(rng)) for scene in scenes]
    candidates = []
    for scene in scenes:
        some = scene.caption(words).split()
        i = int(words.integers(len(some)))
        rest = some[:i] + some[i + 1 :]
        j = int(words.integers(len(rest)))
        kinds = [rest, rest[:j] + rest[j + 1 :], [*some[:i], some[i], *some[i:]], [*rest[:j], "teal", *rest[j + 1 :]]]
        changed = kinds[int(words.integers(len(kinds)))]
        candidates.append(" ".join(changed))
    return candidates, references


# --- 7 consensus ----------------------------------------------------------------------------------------------------


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
    every = [text for some in references for text in some]
    owner = np.repeat(np.arange(len(references)), [len(some) for some in references])
    for n in range(1, 5):
        count = CountVectorizer(ngram_range=(n, n), token_pattern=r"\S+", lowercase=False)
        try:
            count.fit([*every, *candidates])
        except ValueError:  # not one text is n words long
            continue
        ours, theirs = (count.transform(some).toarray().astype(float) for some in (candidates, every))
        there = np.stack([theirs[owner == i].any(axis=0) for i in range(len(references))]).sum(axis=0)
        weight = np.log(len(references) / np.maximum(there, 1))
        a, b = ours[owner] * weight, theirs * weight
        alike = np.where(a.any(1) & b.any(1), 1 - paired_cosine_distances(a, b), 0.0)
        total += np.array([alike[owner == i].mean() for i in range(len(references))])
    return 10 * total / 4


# --- 8 word_maps ----------------------------------------------------------------------------------------------------


def some_weights(rng: np.random.Generator, layers: int, heads: int, tokens: int, side: int) -> list[torch.Tensor]:
    """Attention of made-up layers to a class token and side * side patches."""
    return [(2 * gaussian(rng, heads, tokens, 1 + side * side)).softmax(-1) for _ in range(layers)]


def reference_maps(weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """The same, by NumPy."""
    mean = np.mean([w.double().numpy().mean(axis=0) for w in weights], axis=0)[:-1, 1:]
    side = int(np.sqrt(mean.shape[1]))
    return torch.from_numpy((mean / mean.sum(axis=1, keepdims=True)).reshape(len(mean), side, side))


# --- 9 fine_tune ----------------------------------------------------------------------------------------------------


def library_fine_tune(  # with the parameters of the notebook's own
    model: Any,
    loss_of: Callable[[Any, Sequence[Any]], torch.Tensor],
    new: Sequence[Any],
    old: Sequence[Any],
    steps: int = 50,
    batch: int = 16,
    replay: float = 0.5,
    rate: float = 1e-3,
    seed: int = 0,
) -> list[float]:
    """What `fine_tune` of the notebook does."""
    rng, losses = random.Random(seed), []
    again = round(replay * batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, fused=True)
    model.train()
    with one_thread():
        for _ in tqdm(range(steps), desc=f"replay {replay:g}", mininterval=1):
            loss = loss_of(model, rng.choices(old, k=again) + rng.choices(new, k=batch - again))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
    model.eval()
    return losses


def numbers(rng: np.random.Generator, centre: float, n: int) -> list[float]:
    """Examples for a `probes.Dot`: numbers around a centre, no two alike."""
    return [float(x) for x in centre + rng.uniform(-1, 1, size=n)]
