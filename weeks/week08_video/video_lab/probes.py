"""Small handles that the checks use on objects of the student's kernel, where only data can come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch

from coursekit.probes import arguments_after as arguments_after  # for the checks

WIDTH, HEADS = 16, 2


class Layer:
    """A small TimesformerLayer with random weights, taken apart: its two attentions, each with the norm before it.

    rows, columns, frames: of its patches.   calls: the shapes that each attention was given, by "time" and "space".
    """

    def __init__(self, seed: int, rows: int, columns: int, frames: int) -> None:
        from transformers import TimesformerConfig
        from transformers.models.timesformer.modeling_timesformer import TimesformerLayer

        config = TimesformerConfig(
            image_size=columns * 4,
            patch_size=4,
            num_frames=frames,
            hidden_size=WIDTH,
            num_hidden_layers=1,
            num_attention_heads=HEADS,
            intermediate_size=8,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            initializer_range=0.5,
        )
        self.tokens = 1 + rows * columns * frames
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layer: Any = TimesformerLayer(config, 0).eval().requires_grad_(False)
            for weight in self.layer.parameters():
                weight.normal_(0, 0.4)
            self.states = torch.randn(2, self.tokens, WIDTH)
        self.calls: dict[str, list[list[int]]] = {"time": [], "space": []}

    def over_time(self, rows: torch.Tensor) -> torch.Tensor:
        """The temporal attention of rows (n, tokens, 16), each by itself."""
        self.calls["time"].append(list(rows.shape))
        found = self.layer.temporal_attention(self.layer.temporal_layernorm(rows))[0]
        return self.layer.temporal_dense(found)

    def over_space(self, rows: torch.Tensor) -> torch.Tensor:
        """The spatial attention of rows (n, tokens, 16), each by itself."""
        self.calls["space"].append(list(rows.shape))
        return self.layer.attention(self.layer.layernorm_before(rows))[0]


def attended(function: Callable[..., Any], seed: int, rows: int, columns: int, frames: int) -> dict[str, Any]:
    """What a student's `divided` makes of a `Layer`'s states, and the shapes that its attentions were given."""
    layer = Layer(seed, rows, columns, frames)
    found = function(layer.states.clone(), frames, layer.over_time, layer.over_space)
    return {"found": found, "calls": layer.calls}


class Module:
    """A small AnimateDiffTransformer3D with random weights, taken apart.

    states: float (2 * frames, 8, height, width).   weight (8, 12), bias (8,): its last layer's.
    norms, rows: the shapes that `norm` and `inside` were given.
    """

    def __init__(self, seed: int, frames: int, height: int, width: int, zero: bool = False) -> None:
        from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.module: Any = AnimateDiffTransformer3D(
                num_attention_heads=2,
                attention_head_dim=6,
                in_channels=8,
                norm_num_groups=2,
                positional_embeddings="sinusoidal",
                num_positional_embeddings=16,
            )
            for parameter in self.module.eval().requires_grad_(False).parameters():
                parameter.normal_(0, 0.5)
            if zero:
                self.module.proj_out.weight.zero_()
                self.module.proj_out.bias.zero_()
            self.states = torch.randn(2 * frames, 8, height, width) * torch.rand(2 * frames, 1, 1, 1) * 3
        self.weight, self.bias = self.module.proj_out.weight, self.module.proj_out.bias
        self.norms: list[list[int]] = []
        self.rows: list[list[int]] = []

    def norm(self, states: torch.Tensor) -> torch.Tensor:
        """Group norm of (n, 8, ...)."""
        self.norms.append(list(states.shape))
        return self.module.norm(states)

    def inside(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows (m, frames, 8), each attending by itself, to (m, frames, 12)."""
        self.rows.append(list(rows.shape))
        found = self.module.proj_in(rows)
        for block in self.module.transformer_blocks:
            found = block(found)
        return found


def moved(
    function: Callable[..., Any], seed: int, frames: int, height: int, width: int, zero: bool = False
) -> dict[str, Any]:
    """What a student's `motion_module` makes of a `Module`'s states, and the shapes that its parts were given."""
    one = Module(seed, frames, height, width, zero)
    found = function(one.states.clone(), frames, one.norm, one.inside, one.weight.clone(), one.bias.clone())
    return {"found": found, "states": one.states, "norms": one.norms, "rows": one.rows}


class Parts(NamedTuple):
    """What a layer of CogVideoX is made of; see the exercise `spacetime_block`."""

    norms: Sequence[Callable[[torch.Tensor], torch.Tensor]]
    modulations: Sequence[Callable[[torch.Tensor], torch.Tensor]]
    project: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
    turn: Callable[[torch.Tensor], torch.Tensor]
    out: Callable[[torch.Tensor], torch.Tensor]
    feed: Callable[[torch.Tensor], torch.Tensor]


class Block:
    """A small CogVideoXBlock with random weights, taken apart.

    film: float (2, frames * height * width, 32).   text: float (2, words, 32).   time: float (2, 10).
    turned: the shapes that `turn` was given.   shut: with gates of 0.
    """

    def __init__(self, seed: int, frames: int, height: int, width: int, words: int, shut: bool = False) -> None:
        from diffusers.models.embeddings import apply_rotary_emb, get_3d_rotary_pos_embed
        from diffusers.models.transformers.cogvideox_transformer_3d import CogVideoXBlock

        self.turned: list[list[int]] = []
        d, heads = 32, 2
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            block: Any = CogVideoXBlock(d, heads, d // heads, 10, attention_bias=True, ff_inner_dim=24)
            for name, weight in block.eval().requires_grad_(False).named_parameters():
                weight.normal_(float(name.endswith("norm.weight")), 0.3)
            if shut:
                for norm in (block.norm1, block.norm2):
                    for rows in (norm.linear.weight, norm.linear.bias):
                        rows.view(6, d, -1)[[2, 5]] = 0
            self.film, self.text = torch.randn(2, frames * height * width, d), torch.randn(2, words, d)
            self.time = torch.randn(2, 10)
        waves: Any = get_3d_rotary_pos_embed(d // heads, ((0, 0), (height, width)), (height, width), frames)
        self.block, self.waves, attention = block, waves, block.attn1

        def project(tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            q, k, v = (
                layer(tokens).unflatten(-1, (heads, -1)).transpose(1, 2)
                for layer in (attention.to_q, attention.to_k, attention.to_v)
            )
            return attention.norm_q(q), attention.norm_k(k), v

        def turn(x: torch.Tensor) -> torch.Tensor:
            self.turned.append(list(x.shape))
            return torch.as_tensor(apply_rotary_emb(x, waves)) if x.shape[2] == len(waves[0]) else x

        norms = block.norm1, block.norm2
        self.parts = Parts(
            [norm.norm for norm in norms],
            [partial(_modulated, norm) for norm in norms],
            project,
            turn,
            attention.to_out[0],
            block.ff,
        )


def _modulated(norm: Any, time: torch.Tensor) -> torch.Tensor:
    """Six rows of numbers, (n, 6 * d), of a CogVideoXLayerNormZero."""
    found: torch.Tensor = norm.linear(norm.silu(time))
    return found


def met(
    function: Callable[..., Any], seed: int, frames: int, height: int, width: int, words: int, shut: bool = False
) -> dict[str, Any]:
    """What a student's `spacetime_block` makes of a `Block`'s film and text, and the shapes that were turned."""
    one = Block(seed, frames, height, width, words, shut)
    film, text = function(one.film.clone(), one.text.clone(), one.time.clone(), one.parts)
    return {"film": film, "text": text, "turned": one.turned, "given": (one.film, one.text)}
