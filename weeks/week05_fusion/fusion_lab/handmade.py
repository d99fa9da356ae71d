"""The library's Flamingo, and a fusion by cross-attention, with the notebook's functions in the places of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn
from transformers.models.idefics.modeling_idefics import IdeficsGatedCrossAttentionLayer
from transformers.models.idefics.perceiver import IdeficsPerceiverAttention

from coursekit.models import Loaded
from tinyworld.fusion import Fusion

Part = Callable[..., torch.Tensor]


def by_hand(loaded: Loaded, resample: Part, gated: Part) -> Loaded:
    """A copy of a Flamingo whose resampler and gated layers call the exercises' `resample` and `gated`.

    All weights stay the library's, and so do the parts that no exercise asks for, such as the feed-forward layers.
    """
    made = Loaded(copy.deepcopy(loaded.model), loaded.processor)
    config = made.model.config
    for attention, _ in made.model.model.perceiver_resampler.blocks:
        attention.forward = Resampling(attention, resample, config.perceiver_config.resampler_n_heads)
    for layer in made.model.model.gated_cross_attn_layers:
        latents = config.perceiver_config.resampler_n_latents
        layer.forward = Crossing(layer, gated, config.num_attention_heads, latents)
    return made


@dataclass
class Resampling:
    """What the library calls for one attention of its resampler, and who does it: the exercise's `resample`."""

    attention: IdeficsPerceiverAttention
    resample: Part
    heads: int

    def __call__(self, context: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        own = self.attention
        weights = {
            "latents_norm": torch.stack([own.latents_layer_norm.weight, own.latents_layer_norm.bias]),
            "patches_norm": torch.stack([own.context_layer_norm.weight, own.context_layer_norm.bias]),
            "q": own.q_proj.weight,
            "k": own.k_proj.weight,
            "v": own.v_proj.weight,
            "o": own.output_proj.weight,
        }
        return self.resample(latents, context, weights, self.heads) - latents  # the library adds them itself


@dataclass
class Crossing:
    """What the library calls for one gated layer, and who does its first half: the exercise's `gated`.

    latents: of each picture.
    """

    layer: IdeficsGatedCrossAttentionLayer
    gated: Part
    heads: int
    latents: int

    def __call__(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None,
        image_hidden_states: torch.Tensor,
        image_attention_mask: torch.Tensor,
        **_: Any,
    ) -> torch.Tensor:
        layer, own = self.layer, self.layer.cross_attn
        seen = image_hidden_states.unflatten(1, (-1, self.latents))
        allowed = image_attention_mask[:, 0, :, :: self.latents] == 0  # what is closed holds a number far below
        weights = {"norm": layer.input_layernorm.weight, "q": own.q_proj.weight, "k": own.k_proj.weight}
        weights |= {"v": own.v_proj.weight, "o": own.o_proj.weight}
        alpha = layer.alpha_cross_attn.squeeze()
        crossed = self.gated(hidden_states, seen, allowed, weights, self.heads, alpha)
        fed: torch.Tensor = layer.mlp(layer.post_attention_layernorm(crossed))
        return crossed + layer.act_dense(layer.alpha_dense) * fed


def asking_by_hand(model: Fusion, cross: Part) -> Fusion:
    """A copy of a fusion by cross-attention whose words ask the picture by the exercise's `cross`."""
    made = copy.deepcopy(model)
    for layer in made.layers[0].children():
        layer.multihead_attn = Asking(cast(nn.MultiheadAttention, layer.multihead_attn), cross)
    return made


class Asking(nn.Module):
    """torch's cross-attention of several heads, with its weights, each head by one call of the exercise's `cross`.

    `cross` has one head, no biases, and adds what it was given. So a last feature that is always 1 carries the biases,
    a head's values go through its part of the output's matrix, and what it was given is taken off again.
    """

    def __init__(self, own: nn.MultiheadAttention, cross: Part) -> None:
        super().__init__()
        self.own, self.cross = own, cross

    def forward(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **masks: Any
    ) -> tuple[torch.Tensor, None]:
        own, d = self.own, self.own.embed_dim
        wide = d // own.num_heads
        asking, asked = (F.pad(tokens, (0, 1), value=1.0) for tokens in (query, key))
        closed = masks.get("key_padding_mask")
        there = torch.ones(key.shape[:2], dtype=torch.bool) if closed is None else ~closed
        q, k, v = torch.cat([own.in_proj_weight, own.in_proj_bias[:, None]], 1).T.split(d, 1)  # (d + 1, d) each
        out = own.out_proj.bias.expand_as(query)
        for head in range(own.num_heads):
            part = slice(head * wide, (head + 1) * wide)
            scale = (
                (d + 1) / wide
            ) ** 0.5  # `cross` divides by the root of all its features, a head by that of its own
            matrices = q[:, part] * scale, k[:, part], v[:, part] @ own.out_proj.weight[:, part].T
            squares = (F.pad(matrix, (0, d + 1 - matrix.shape[1])) for matrix in matrices)
            out = out + (self.cross(asking, asked, *squares, there) - asking)[..., :d]
        return out, None
