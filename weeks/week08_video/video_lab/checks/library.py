"""What figures draw with where an exercise is open: the library's own way to do it, with the exercise's arguments.

    video_lab.yours("name")

It is not there while a notebook is graded: see `coursekit.notebook.oracle`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from video_lab import probes
from video_lab.checks import reference

Rows = Callable[[torch.Tensor], torch.Tensor]


def tubelets(film: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """VideoMAEPatchEmbeddings."""
    return reference.library_tubelets(film, kernel, bias)


def positions(tokens: int, d: int) -> torch.Tensor:
    """VideoMAE's table of sines and cosines."""
    return reference.library_positions(tokens, d)


def divided(states: torch.Tensor, frames: int, over_time: Rows, over_space: Rows) -> torch.Tensor:
    """TimesformerLayer's two attentions."""
    first, rest = states[:, :1], states[:, 1:]
    n, length, d = rest.shape
    moved = rest + over_time(rest.reshape(-1, frames, d)).reshape(n, length, d)
    pages = moved.view(n, -1, frames, d).transpose(1, 2)
    across = over_space(torch.cat([first[:, None].expand(-1, frames, -1, -1), pages], dim=2).flatten(0, 1))
    across = across.view(n, frames, -1, d)
    token = first + across[:, :, :1].mean(dim=1)
    return torch.cat([token, moved + across[:, :, 1:].transpose(1, 2).reshape(n, length, d)], dim=1)


def tube_mask(n: int, slices: int, places: int, hidden: int, seed: int) -> torch.Tensor:
    """Tubes."""
    return reference.reference_mask(n, slices, places, hidden, seed)


def masked_pixels(film: torch.Tensor, predicted: torch.Tensor, mask: torch.Tensor, t: int, p: int) -> torch.Tensor:
    """VideoMAE's loss."""
    return reference.reference_loss(film, predicted, mask, t, p)


def inflate(kernel: torch.Tensor, t: int, central: bool = False) -> torch.Tensor:
    """A kernel of t frames."""
    return reference.reference_inflated(kernel, t, central)


def motion_module(
    states: torch.Tensor, frames: int, norm: Rows, inside: Rows, weight: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """AnimateDiffTransformer3D."""
    films = states.view(-1, frames, *states.shape[1:])
    normed = norm(films.transpose(1, 2)).permute(0, 3, 4, 2, 1)
    made = F.linear(inside(normed.flatten(0, 2)), weight, bias)
    return states + made.view_as(normed).permute(0, 3, 4, 1, 2).reshape(states.shape)


def rotary3d(x: torch.Tensor, frames: int, height: int, width: int) -> torch.Tensor:
    """CogVideoX' rotary positions."""
    return reference.library_rotary(x, frames, height, width)


def spacetime_block(
    film: torch.Tensor, text: torch.Tensor, time: torch.Tensor, parts: probes.Parts
) -> tuple[torch.Tensor, torch.Tensor]:
    """CogVideoXBlock."""
    words, streams = text.shape[1], [text, film]
    for i in range(2):
        shift, scale, gate, *told = parts.modulations[i](time)[:, None].chunk(6, dim=2)
        normed = [parts.norms[i](stream) for stream in streams]
        tokens = torch.cat([normed[0] * (1 + told[1]) + told[0], normed[1] * (1 + scale) + shift], dim=1)
        if i == 0:
            q, k, v = parts.project(tokens)
            q, k = (torch.cat([x[:, :, :words], parts.turn(x[:, :, words:])], dim=2) for x in (q, k))
            made = parts.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        else:
            made = parts.feed(tokens)
        streams = [streams[0] + told[2] * made[:, :words], streams[1] + gate * made[:, words:]]
    return streams[1], streams[0]


def follow(seen: Sequence[Any], far: float) -> np.ndarray:
    """Trajectories by scipy's assignment."""
    return reference.reference_tracks(seen, far)


def residual_acceleration(path: np.ndarray, law: Sequence[float]) -> float:
    """What a law leaves unexplained."""
    return reference.reference_residual(path, law)


def key_frames(features: torch.Tensor, k: int) -> list[int]:
    """Greedy k centres."""
    return reference.reference_key_frames(features, k)


def frechet(one: torch.Tensor, other: torch.Tensor) -> float:
    """Frechet's distance by scipy."""
    return reference.library_frechet(one, other)


def late(seen: torch.Tensor, heard: torch.Tensor, trust: float = 0.5) -> torch.Tensor:
    """The geometric mean of two senses' chances."""
    return reference.reference_late(seen, heard, trust)


def early(seen: torch.Tensor, heard: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Both senses' features side by side."""
    return reference.reference_early(seen, heard, there)


def specific_force(path: np.ndarray, rate: float) -> np.ndarray:
    """What an accelerometer measures."""
    return reference.reference_force(path, rate)


def bound_loss(
    seen: torch.Tensor, others: Sequence[torch.Tensor], there: torch.Tensor, scales: torch.Tensor
) -> torch.Tensor:
    """CLIP's loss of pictures and each other sense."""
    return reference.library_bound(seen, others, there, scales)
