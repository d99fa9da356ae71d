"""Small handles that the checks use on objects of the student's kernel, where only data can come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
