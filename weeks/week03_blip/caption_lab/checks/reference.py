"""What the checks of week 3 ask with and compare with. A notebook that is graded cannot import it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
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


def library_ids(seed: int, n: int, longest: int, **how) -> torch.Tensor:
    """What `generate` makes of `probes.decoder_step(seed, n)`."""
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
    more = {"early_stopping": "never", "return_dict_in_generate": True, "output_scores": True}
    out = library_ids(seed, 1, longest, num_beams=beams, length_penalty=penalty, **more)
    ids = out.sequences[0, 1:].tolist()
    if probes.END in ids:
        ids = ids[: ids.index(probes.END) + 1]
    return ids, float(out.sequences_scores[0])


BEAM_SLIPS = {
    "only one beginning goes on: the best B that do not end are to": "one",
    "the best B extensions are too few, for some of them end: take 2 B, so that B can go on": "narrow",
    "a caption is finished only if it is among the best B: of the other B, those that end are dropped": "wide",
    "every finished caption took a beam away: B beginnings go on all the same": "used up",
    "it stopped when a caption was finished; here the search goes on to the longest": "first",
    "it stopped when the best extension ended; here the search goes on to the longest": "best",
    "it stopped when B captions were finished; here the search goes on to the longest": "enough",
    "after the last allowed token all of the best B are finished, however they end": "must end",
    "the scores were summed as they are: they are no log-probabilities before log_softmax": "raw",
    "the best plain sum was chosen: divide by the length, to the power of the penalty": "sum",
    "the caption is right, the score is the plain sum: divide by the length": "plain score",
    "the length counts all new tokens, the end too": "short",
    "the start token counts for nothing, in the length too": "long",
    "the start token is not part of the result": "start",
    "the end token is part of the caption and missing": "no end",
}

Found = list[tuple[list[int], float]]


def plain_beams(step: blip.Step, longest: int, beams: int, penalty: float, slip: str = "") -> tuple[list[int], float]:
    """Beam search in plain Python from probes.START to probes.END; slip: a value of BEAM_SLIPS, for messages."""
    alive, finished = [(0.0, [probes.START])], []
    for length in range(1, longest + 1):
        scores = step(torch.tensor([ids for _, ids in alive]))
        rows = (scores if slip == "raw" else scores.log_softmax(-1)).tolist()
        grown = [
            (sum_ + more, [*ids, i]) for (sum_, ids), row in zip(alive, rows, strict=True) for i, more in enumerate(row)
        ]
        grown.sort(key=lambda one: -one[0])
        grown = grown[: beams if slip == "narrow" else 2 * beams]
        cut = length == longest and slip != "must end"
        counted = length + {"short": -1, "long": 1}.get(slip, 0)
        for sum_, ids in grown if slip == "wide" else grown[:beams]:
            if cut or ids[-1] == probes.END:
                finished.append((sum_ if slip == "sum" else sum_ / max(counted, 1) ** penalty, ids, sum_))
        left = {"one": 1, "used up": max(beams - len(finished), 0)}.get(slip, beams)
        alive = [one for one in grown if one[1][-1] != probes.END][:left]
        enough = {"first": 1, "enough": beams}.get(slip, np.inf)
        if not alive or len(finished) >= enough or (slip == "best" and grown[0][1][-1] == probes.END):
            break
    score, ids, sum_ = max(finished) if finished else (alive[0][0], alive[0][1], alive[0][0])
    ids = ids if slip == "start" else ids[1:]
    return [i for i in ids if slip != "no end" or i != probes.END], sum_ if slip == "plain score" else score


def alike(some: Found, others: Found) -> bool:
    """Whether captions with their scores are the same."""
    return all(a[0] == b[0] and abs(a[1] - b[1]) < 1e-3 for a, b in zip(some, others, strict=True))


def cases_that_tell(rng: np.random.Generator) -> tuple[list[tuple[torch.Tensor, int, float]], dict[str, Found]]:
    """Tables of scores, beams and penalties for which every slip gives something else than all the others.

    Returns the cases, and what the right way (under "") and each slip (under its message) find for them.
    """
    ways = {"": ""} | BEAM_SLIPS
    given, results = [], {message: [] for message in ways}
    while any(alike(results[a], results[b]) for a, b in combinations(ways, 2)):
        longest, beams, penalty = int(rng.integers(5, 8)), int(rng.integers(2, 5)), float(rng.choice([0.0, 0.5, 1, 2]))
        table = gaussian(rng, longest, 12, 12) + 2 * gaussian(rng, longest, 12, 1)
        table[..., probes.END] += 1.5
        step = probes.counting_step(table)
        each = {message: plain_beams(step, longest, beams, penalty, slip) for message, slip in ways.items()}
        telling = any(
            alike(results[a], results[b]) and not alike([each[a]], [each[b]]) for a, b in combinations(ways, 2)
        )
        if telling:
            given.append((table, beams, penalty))
            for message, one in each.items():
                results[message].append(one)
    return given, results


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
    streams = [[some[i] if i < len(some) else None for some in references] for i in range(most)]
    # force: words as they stand are what we ask for, and no reason for a warning
    metric = BLEU(smooth_method="none", tokenize="none", max_ngram_order=n, force=True)
    return metric.corpus_score(list(candidates), streams).score


def corpus(rng: np.random.Generator, m: int, references: int, objects: int = 2) -> tuple[list[str], list[list[str]]]:
    """Captions with words dropped, said twice or exchanged here and there, and references for each."""
    scenes, words = any_scenes(rng, m, objects), np.random.default_rng(seed_from(rng))
    told = [scene.captions(references, seed=seed_from(rng)) for scene in scenes]
    said = []
    for scene in scenes:
        some = scene.caption(words).split()
        i = int(words.integers(len(some)))
        rest = some[:i] + some[i + 1 :]
        j = int(words.integers(len(rest)))
        kinds = [rest, rest[:j] + rest[j + 1 :], [*some[:i], some[i], *some[i:]], [*rest[:j], "teal", *rest[j + 1 :]]]
        changed = kinds[int(words.integers(len(kinds)))]
        said.append(" ".join(changed))
    return said, told


def slipped_bleu(said: Sequence[str], told: Sequence[Sequence[str]], slip: str, n: int = 4) -> float:
    """BLEU with a mistake, for messages."""

    def grams(text: str, size: int) -> Counter:
        words = text.split()
        return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))

    ours = theirs = 0
    hits, total, each = np.zeros(n), np.zeros(n), []
    for candidate, some in zip(said, told, strict=True):
        own_hits, own_total = np.zeros(n), np.zeros(n)
        length = len(candidate.split())
        lengths = [len(r.split()) for r in some]
        closest = min(lengths, key=lambda x: (abs(x - length), x))
        longer = min(lengths, key=lambda x: (abs(x - length), -x))
        others = {"shortest": min(lengths), "mean": float(np.mean(lengths)), "longer": longer}
        closest = others.get(slip, closest)
        ours, theirs = ours + length, theirs + closest
        for k in range(n):
            count, most = grams(candidate, k + 1), Counter()
            for reference in some[:1] if slip == "first" else some:
                most |= grams(reference, k + 1)
            if slip == "unclipped":
                own_hits[k] = sum(c for gram, c in count.items() if gram in most)
            else:
                own_hits[k] = (count & most).total()
            own_total[k] = count.total()
        hits, total = hits + own_hits, total + own_total
        if slip == "sentences":
            brevity = min(1.0, np.exp(1 - closest / max(length, 1)))
            safe = own_hits.min() > 0
            each.append(100 * brevity * np.exp(np.mean(np.log(own_hits / own_total))) if safe else 0.0)
    if slip == "sentences":
        return float(np.mean(each))
    if hits.min() == 0:
        return 0.0
    parts = hits / total
    mean = parts.mean() if slip == "arithmetic" else np.exp(np.log(parts).mean())
    brevity = 1.0 if slip == "no brevity" else min(1.0, float(np.exp(1 - theirs / ours)))
    return float(100 * brevity * mean)


SLIPS = {
    "the brevity penalty is missing": "no brevity",
    "the mean of the p_n is arithmetic; it is geometric": "arithmetic",
    "not clipped: an n-gram counts at most as often as in one reference": "unclipped",
    "only the first reference was used": "first",
    "the mean of sentence scores: sum the counts first, then divide": "sentences",
    "r is the length of the closest reference, not of the shortest": "shortest",
    "r is the length of the closest reference, not their mean length": "mean",
    "of two lengths that are as close, the shorter counts": "longer",
}


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


def slipped_cider(said: Sequence[str], told: Sequence[Sequence[str]], slip: str) -> list[float]:
    """CIDEr with a mistake, for messages."""
    scores = np.zeros(len(said))
    for n in range(1, 5):

        def grams(text: str, n: int = n) -> Counter:
            words = text.split()
            return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

        counts = [[grams(reference) for reference in some] for some in told]
        groups = [[count] for some in counts for count in some] if "references" in slip else counts
        there = Counter(gram for some in groups for gram in set().union(*some))
        m = len(groups) if slip == "all references" else len(said)

        def weighed(count: Counter, there: Counter = there, m: int = m) -> dict[tuple, float]:
            return {g: h * (1.0 if slip == "unweighed" else np.log(m / max(1, there[g]))) for g, h in count.items()}

        for i, (candidate, some) in enumerate(zip(said, counts, strict=True)):
            a, each = weighed(grams(candidate)), []
            for b in map(weighed, some):
                long = np.sqrt(sum(x * x for x in a.values()) * sum(x * x for x in b.values()))
                each.append(sum(x * b.get(g, 0.0) for g, x in a.items()) / long if long > 0 else 0.0)
            scores[i] += 2.5 * (max(each) if slip == "best" else np.mean(each))
    return scores.tolist()


CIDER_SLIPS = {
    "the n-grams are counted over references; count in how many pictures each occurs": "references",
    "both counts are over references; m counts pictures, and so does what it is divided by": "all references",
    "the weights are missing: an n-gram that every picture has tells nothing": "unweighed",
    "the best of the references was taken; take their mean": "best",
}


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


def library_fine_tune(
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
