"""What figures draw with where an exercise is open: the library's own way to do it, with the exercise's arguments.

    fusion_lab.yours("name")

It is not there while a notebook is graded: see `coursekit.notebook.oracle`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.ops import box_iou
from transformers import IdeficsConfig
from transformers.models.idefics.modeling_idefics import IdeficsGatedCrossAttentionLayer
from transformers.models.idefics.perceiver import IdeficsPerceiverAttention

from fusion_lab.checks import reference

Tensor = torch.Tensor
PROJECTIONS = ("q", "k", "v")


def join(parts: Sequence[Tensor], modality: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Several modalities in one sequence: tokens (n, total, d), and the part that each is of."""
    which = [i for i, part in enumerate(parts) for _ in range(part.shape[1])]
    return reference.reference_join(parts, modality, positions), torch.tensor(which)


def late(scores: Tensor, there: Tensor) -> Tensor:
    """The mean score of the modalities that are there, (n, classes), by torch's masked mean; zeros where none is."""
    mask = there[..., None].expand_as(scores)
    masked = torch.masked.mean(scores.masked_fill(~mask, 0.0), dim=1, mask=mask)
    return torch.where(there.any(1, keepdim=True), masked, 0.0)


def cross(asking: Tensor, asked: Tensor, query: Tensor, key: Tensor, value: Tensor, there: Tensor) -> Tensor:
    """Cross-attention of one head with a residual, (n, a, d), by torch; `asking` itself where nothing is there."""
    mixed = nn.functional.scaled_dot_product_attention(asking @ query, asked @ key, asked @ value, there[:, None])
    return asking + torch.where(there.any(1)[:, None, None], mixed, 0.0)


def drop_modalities(there: Tensor, rates: Tensor, seed: int) -> Tensor:
    """Modalities left out at random, bool (n, modalities); a row that would lose all keeps all."""
    generator = torch.Generator().manual_seed(seed)
    left = there & torch.bernoulli(1 - rates.expand(there.shape), generator=generator).bool()
    return left | (there & ~left.any(1, keepdim=True))


def stage_one(
    model: nn.Module, connector: nn.Module, batches: Sequence[Mapping[str, Tensor]], rate: float = 2e-3
) -> list[float]:
    """The losses of a connector that learns alone, by AdamW without weight decay."""
    model.requires_grad_(False)
    connector.requires_grad_(True)
    optimiser = torch.optim.AdamW(connector.parameters(), lr=rate, weight_decay=0.0)
    losses = []
    for batch in batches:
        loss = model(**batch).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def believed(said: Sequence[str], first: Sequence[str], second: Sequence[str]) -> tuple[float, float]:
    """Shares of the places where two modalities differ at which the answer is the first's, and the second's."""
    answers, one, other = (np.asarray(words) for words in (said, first, second))
    torn = one != other
    if not torn.any():
        return 0.0, 0.0
    return float((answers == one)[torn].mean()), float((answers == other)[torn].mean())


def project(features: Tensor, *projector: Tensor) -> Tensor:
    """LLaVA's projector, (n, patches, d), by transformers' own module with these weights and biases."""
    return reference.library_projector(features, list(projector))


def splice(words: Tensor, ids: Tensor, image: int, patches: Tensor) -> Tensor:
    """Patches in the places of their placeholders, as transformers' LLaVA puts them there. Raises ValueError."""
    if not bool(((ids == image).sum(1) == patches.shape[1]).all()):
        raise ValueError("a row's placeholders are more or fewer than its patches")
    return words.masked_scatter((ids == image)[..., None], patches)


def answer_labels(ids: Tensor, assistant: int, end: int) -> Tensor:
    """The labels of conversations of which only the assistant's words are learnt."""
    return reference.reference_labels(ids, assistant, end)


def resample(latents: Tensor, patches: Tensor, weights: Mapping[str, Tensor], heads: int) -> Tensor:
    """One attention of the Perceiver resampler with its residual, by transformers' Idefics."""
    d = latents.shape[-1]
    module = IdeficsPerceiverAttention(d, heads, d // heads, qk_layer_norms=False).eval()
    names = {name: getattr(module, f"{name}_proj") for name in PROJECTIONS} | {"o": module.output_proj}
    with torch.no_grad():
        for norm, name in ((module.latents_layer_norm, "latents_norm"), (module.context_layer_norm, "patches_norm")):
            norm.weight.copy_(weights[name][0])
            norm.bias.copy_(weights[name][1])
        _copy(names, weights)
        return latents + module(patches, latents)


def last_picture(ids: Tensor, image: int, pictures: int) -> Tensor:
    """Which picture each word may ask: the last one at or before it, bool (n, length, pictures)."""
    return reference.reference_last(ids, image, pictures)


def gated(
    words: Tensor, seen: Tensor, allowed: Tensor, weights: Mapping[str, Tensor], heads: int, alpha: Tensor
) -> Tensor:
    """Flamingo's gated cross-attention without its feed-forward half, by transformers' Idefics."""
    d = words.shape[-1]
    config = IdeficsConfig(
        hidden_size=d, num_attention_heads=heads, intermediate_size=d, vision_config={"embed_dim": d}
    )
    config._attn_implementation = "eager"
    layer = IdeficsGatedCrossAttentionLayer(config, layer_idx=0).eval()  # its other gate, the feed-forward's, is shut
    names = {name: getattr(layer.cross_attn, f"{name}_proj") for name in (*PROJECTIONS, "o")}
    with torch.no_grad():
        layer.input_layernorm.weight.copy_(weights["norm"])
        _copy(names, weights)
    return reference.library_gated(layer, words, seen, allowed, float(alpha))


def _copy(layers: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
    for name, layer in layers.items():
        layer.weight.copy_(weights[name])


def to_bins(boxes: Tensor, bins: int) -> Tensor:
    """Boxes as location tokens, int64 (n, 4): of `bins` evenly spaced numbers the nearest."""
    places = torch.linspace(0, 1, bins)
    return (boxes[..., None] - places).abs().argmin(-1)


def from_bins(tokens: Tensor, bins: int) -> Tensor:
    """The boxes that location tokens stand for, float32 (n, 4) in [0, 1]."""
    return torch.linspace(0, 1, bins)[tokens]


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of every pair, (n, m), by torchvision."""
    overlaps: Tensor = box_iou(first, second)
    return overlaps.nan_to_num(0.0)


def look_map(attentions: Tensor, place: int, first: int, side: int) -> Tensor:
    """Where a token looks, (side, side): the mean over layers and heads, scaled to sum to 1."""
    row = attentions.mean(dim=(0, 1))[place, first : first + side * side]
    return nn.functional.normalize(row, p=1, dim=0).view(side, side)


def ablate(patches: Tensor, weights: Tensor, k: int, fill: Tensor) -> Tensor:
    """The k patches with the greatest weights replaced."""
    return patches.index_put((weights.flatten().argsort(descending=True)[:k],), fill)


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix in eight bits, (rows, columns), with a scale for each row, by torch's fake quantisation."""
    scale = weight.abs().amax(1) / 127
    scale = torch.where(scale > 0, scale, 1.0)
    zeros = torch.zeros(len(scale), dtype=torch.int32)
    rounded = torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -127, 127)
    return (rounded / scale[:, None]).round().to(torch.int8), scale


def restore(q: Tensor, scale: Tensor) -> Tensor:
    """The matrix that `quantise` kept."""
    return q * scale[:, None]


def cache_bytes(tokens: int, layers: int, heads: int, width: int, number: int = 2) -> int:
    """The size of a key-value cache, in bytes: counted on one that is there."""
    return sum(torch.empty(layers, heads, tokens, width, number, dtype=torch.int8).nbytes for _ in "kv")


def presence_scores(said: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
    """Accuracy, precision, recall, F1 and the share of yes, by scikit-learn."""
    return reference.reference_presence(list(said), list(wanted))
