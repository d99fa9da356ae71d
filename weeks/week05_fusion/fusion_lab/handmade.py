"""The library's Flamingo with the notebook's functions in the places of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from transformers.models.idefics.modeling_idefics import IdeficsGatedCrossAttentionLayer
from transformers.models.idefics.perceiver import IdeficsPerceiverAttention

from coursekit.models import Loaded

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
