"""What answers are compared with: the libraries' own functions, and NumPy where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment

from coursekit.inputs import gaussian, seed_from
from video_lab import probes

# --- 1 tubelets -----------------------------------------------------------------------------------------------------


def library_tubelets(film: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """VideoMAEPatchEmbeddings with this kernel (d, channels, t, p, p) and bias (d,)."""
    from transformers import VideoMAEConfig
    from transformers.models.videomae.modeling_videomae import VideoMAEPatchEmbeddings

    config = VideoMAEConfig(
        image_size=tuple(film.shape[3:]),
        patch_size=tuple(kernel.shape[3:]),
        num_channels=kernel.shape[1],
        hidden_size=len(bias),
        num_frames=film.shape[1],
        tubelet_size=kernel.shape[2],
    )
    with torch.device("meta"):
        embeddings = VideoMAEPatchEmbeddings(config)
    weights = {"projection.weight": kernel, "projection.bias": bias}
    found: torch.Tensor = torch.func.functional_call(embeddings, weights, (film,))
    return found


def library_positions(tokens: int, d: int) -> torch.Tensor:
    """VideoMAE's get_sinusoid_encoding_table, (tokens, d)."""
    from transformers.models.videomae.modeling_videomae import get_sinusoid_encoding_table

    return get_sinusoid_encoding_table(tokens, d)[0]


def some_tubelets(
    rng: np.random.Generator, n: int = 2, frames: int = 6, size: tuple[int, int] = (8, 12), t: int = 2, p: int = 4
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A film (n, frames, 3, height, width), a kernel (7, 3, t, p, p) and a bias (7,)."""
    return gaussian(rng, n, frames, 3, *size), gaussian(rng, 7, 3, t, p, p) / p, gaussian(rng, 7)


# --- 2 divided ------------------------------------------------------------------------------------------------------


@torch.no_grad()
def library_divided(seed: int, rows: int, columns: int, frames: int) -> torch.Tensor:
    """What the TimesformerLayer of a `probes.Layer` makes of its states, with an MLP that adds nothing."""
    one = probes.Layer(seed, rows, columns, frames)
    one.layer.output.dense.weight.zero_()
    one.layer.output.dense.bias.zero_()
    found: torch.Tensor = one.layer(one.states)[0]
    return found


# --- 3 tube_mask ----------------------------------------------------------------------------------------------------


@torch.no_grad()
def library_masked(
    rng: np.random.Generator, frames: int = 4, side: int = 8, t: int = 2, p: int = 4, hidden: int = 3
) -> tuple[dict[str, Any], torch.Tensor]:
    """The arguments of `masked_pixels`, and the loss that VideoMAEForPreTraining reports for the same."""
    from transformers import VideoMAEConfig, VideoMAEForPreTraining
    from transformers.utils.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = VideoMAEConfig(
        image_size=side,
        patch_size=p,
        num_frames=frames,
        tubelet_size=t,
        **sizes,
        **{f"decoder_{name}": size for name, size in sizes.items()},
        initializer_range=0.5,
    )
    film = torch.from_numpy(rng.random((2, frames, 3, side, side))).float()
    mean, std = (torch.tensor(x)[:, None, None] for x in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
    mask = np.stack([rng.permutation(frames // t * (side // p) ** 2) < hidden for _ in range(2)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_from(rng))
        model = VideoMAEForPreTraining(config).eval()
    said = model((film - mean) / std, bool_masked_pos=torch.from_numpy(mask))
    given = {"film": film, "predicted": said.logits, "mask": torch.from_numpy(mask), "t": t, "p": p}
    return given, said.loss


def reference_mask(n: int, slices: int, places: int, hidden: int, seed: int) -> torch.Tensor:
    """Tubes of hidden places, bool (n, slices * places), by NumPy."""
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.permutation(places) < hidden for _ in range(n)])
    return torch.from_numpy(np.tile(rows, slices))


def reference_targets(film: torch.Tensor, t: int, p: int, spread: int = 1) -> torch.Tensor:
    """Tubelets' pixels, channels last, each channel normalised: (n, tokens, t * p * p * 3), tubelet by tubelet."""
    n, frames, channels, height, width = film.shape
    blocks = film.unfold(1, t, t).unfold(3, p, p).unfold(4, p, p)  # (n, slices, c, rows, columns, t, p, p)
    blocks = blocks.permute(0, 1, 3, 4, 5, 6, 7, 2).reshape(n, -1, t * p * p, channels)
    spreads = blocks.var(dim=2, correction=spread, keepdim=True).sqrt() + 1e-6
    return ((blocks - blocks.mean(dim=2, keepdim=True)) / spreads).flatten(2)


def reference_loss(film: torch.Tensor, predicted: torch.Tensor, mask: torch.Tensor, t: int, p: int) -> torch.Tensor:
    """VideoMAE's loss on what is hidden."""
    return F.mse_loss(predicted, reference_targets(film, t, p)[mask].view_as(predicted))


# --- 4 temporal -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def library_moved(seed: int, frames: int, height: int, width: int, zero: bool = False) -> torch.Tensor:
    """What the AnimateDiffTransformer3D of a `probes.Module` makes of its states."""
    one = probes.Module(seed, frames, height, width, zero)
    found: torch.Tensor = one.module(one.states, num_frames=frames)
    return found


def reference_inflated(kernel: torch.Tensor, t: int, central: bool) -> torch.Tensor:
    """A kernel (out, in, t, h, w) of one (out, in, h, w), entry by entry."""
    found = np.zeros((*kernel.shape[:2], t, *kernel.shape[2:]), np.float32)
    if central:
        found[:, :, t // 2] = kernel.numpy()
    else:
        found += kernel.numpy()[:, :, None] / t
    return torch.from_numpy(found)


# --- 5 rotary3d -----------------------------------------------------------------------------------------------------


def library_rotary(x: torch.Tensor, frames: int, height: int, width: int) -> torch.Tensor:
    """diffusers' apply_rotary_emb with CogVideoX' get_3d_rotary_pos_embed."""
    from diffusers.models.embeddings import apply_rotary_emb, get_3d_rotary_pos_embed

    crop = ((0, 0), (height, width))
    waves: Any = get_3d_rotary_pos_embed(x.shape[-1], crop, (height, width), frames)
    found: Any = apply_rotary_emb(x, waves)
    return torch.as_tensor(found)


# --- 5 block --------------------------------------------------------------------------------------------------------


@torch.no_grad()
def library_met(seed: int, frames: int, height: int, width: int, words: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What the CogVideoXBlock of a `probes.Block` makes of its film and its text."""
    one = probes.Block(seed, frames, height, width, words)
    film, text = one.block(one.film, one.text, one.time, one.waves)
    return film, text


# --- 6 physics ------------------------------------------------------------------------------------------------------


def reference_tracks(seen: Sequence[np.ndarray], far: float) -> np.ndarray:
    """Trajectories (frames, tracks, 2) by scipy's assignment, frame by frame."""
    rows: list[list[np.ndarray]] = []
    nowhere = np.full(2, np.nan)
    for i, places in enumerate(np.asarray(p, float).reshape(-1, 2) for p in seen):
        last = [next(p for p in reversed(row) if np.isfinite(p[0])) for row in rows]
        costs = np.array([[np.hypot(*(a - b)) for b in places] for a in last]).reshape(len(last), len(places))
        pairs = {int(b): int(a) for a, b in zip(*linear_sum_assignment(costs), strict=True) if costs[a, b] <= far}
        for row in rows:
            row.append(nowhere)
        for b, place in enumerate(places):
            if b in pairs:
                rows[pairs[b]][i] = place
            else:
                rows.append([nowhere] * i + [place])
    return np.stack([np.array(row) for row in rows], axis=1) if rows else np.zeros((len(seen), 0, 2))


def reference_residual(path: np.ndarray, law: Sequence[float]) -> float:
    """The root mean square of what a law leaves of the second differences, pixels a frame squared."""
    off = [path[i - 1] - 2 * path[i] + path[i + 1] - np.asarray(law) for i in range(1, len(path) - 1)]
    sizes = [float(np.hypot(*d)) for d in off if np.isfinite(d).all()]
    return float(np.sqrt(np.mean(np.square(sizes)))) if sizes else float("inf")


def some_things(rng: np.random.Generator, frames: int = 7) -> list[np.ndarray]:
    """Places of two things that pass each other, in an order that changes from frame to frame."""
    start, speed = np.array([[8.0, 20.0], [50.0, 26.0]]), np.array([[6.0, 0.0], [-6.0, 0.0]])
    start = start + rng.uniform(-1, 1, size=(2, 2))
    ways = [start + i * (speed + rng.uniform(-0.4, 0.4, size=(2, 2))) for i in range(frames)]
    return [way[rng.permutation(2)] for way in ways]


# --- 7 key_frames ---------------------------------------------------------------------------------------------------


def reference_key_frames(features: torch.Tensor, k: int) -> list[int]:
    """k centres, greedily, by NumPy."""
    rows = features.double().numpy()
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    far = np.round(1 - rows @ rows.T, 9)
    chosen = [int(far.max(axis=1).argmin())]
    while len(chosen) < k:
        near = far[:, chosen].min(axis=1)
        near[chosen] = -1
        chosen.append(int(near.argmax()))
    return sorted(chosen)


# --- 8 frechet ------------------------------------------------------------------------------------------------------


def library_frechet(one: torch.Tensor, other: torch.Tensor) -> float:
    """Frechet's distance; the trace of the root by eigenvalues of a symmetric matrix, where scipy's sqrtm may fail."""
    a, b = one.double().numpy(), other.double().numpy()
    means = a.mean(0) - b.mean(0)
    first, second = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    traced = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(min=0)).sum()
    return float(means @ means + np.trace(first + second) - 2 * traced)


def some_features(rng: np.random.Generator, n: int = 40, m: int = 30, d: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Two sets of rows, (n, d) and (m, d), with different means and correlations."""
    first, second = gaussian(rng, n, d) @ gaussian(rng, d, d), gaussian(rng, m, d) @ gaussian(rng, d, d)
    return first, second + gaussian(rng, d)


# --- 9 fuse ---------------------------------------------------------------------------------------------------------


def reference_late(seen: torch.Tensor, heard: torch.Tensor, trust: float) -> torch.Tensor:
    """The chances (n, c) of a weighted geometric mean, by NumPy."""
    first, second = (x.double().numpy() for x in (seen, heard))
    chances = [np.exp(x - x.max(axis=1, keepdims=True)) for x in (first, second)]
    one, other = (x / x.sum(axis=1, keepdims=True) for x in chances)
    mean = one**trust * other ** (1 - trust)
    return torch.from_numpy(mean / mean.sum(axis=1, keepdims=True)).float()


def reference_early(seen: torch.Tensor, heard: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Standardised features side by side, column by column; 0 for a sense that is missing."""
    columns = []
    for features, here in ((seen, there[:, 0]), (heard, there[:, 1])):
        for column in features.T.double().numpy():
            own = column[here.numpy()]
            spread = own.std(ddof=1) if len(own) > 1 else 0.0
            made = (column - own.mean()) / (spread + 1e-6) if len(own) else column
            columns.append(np.where(here.numpy(), made, 0.0))
    return torch.from_numpy(np.stack(columns, axis=1)).float()


def some_senses(rng: np.random.Generator, n: int = 9) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features (n, 3) and (n, 4) of two senses on scales of their own, and which are there, bool (n, 2)."""
    there = np.ones((n, 2), dtype=bool)
    there[:2, 0], there[3:6, 1] = False, False
    seen, heard = 5 + 3 * gaussian(rng, n, 3), -40 + 20 * gaussian(rng, n, 4)
    order = torch.from_numpy(rng.permutation(n))
    return seen, heard, torch.from_numpy(there)[order]


# --- 10 bind --------------------------------------------------------------------------------------------------------

GRAVITY = 9.81  # m/s^2


def reference_force(path: np.ndarray, rate: float) -> np.ndarray:
    """What an accelerometer measures (n - 2, 2), by NumPy's differences; y points down."""
    force: np.ndarray = np.diff(np.asarray(path, float), n=2, axis=0) * rate**2 - (0.0, GRAVITY)
    return force


def library_bound(
    seen: torch.Tensor, others: Sequence[torch.Tensor], there: torch.Tensor, scales: torch.Tensor
) -> torch.Tensor:
    """The sum of CLIP's losses (transformers' image_text_contrastive_loss) of pictures and each other sense."""
    from transformers.models.clip.modeling_clip import image_text_contrastive_loss

    total = torch.zeros(())
    for other, here, scale in zip(others, there.T, scales, strict=True):
        one, two = F.normalize(seen[here], dim=1), F.normalize(other[here], dim=1)
        total = total + image_text_contrastive_loss(scale.exp() * one @ two.T)
    return total


def some_bound(
    rng: np.random.Generator, n: int = 10, d: int = 5, senses: int = 2
) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor, torch.Tensor]:
    """Vectors of pictures (n, d) and of other senses, each alike in part, which are there, and scales."""
    seen = gaussian(rng, n, d)
    others = [(seen + gaussian(rng, n, d)) * (2 + i) for i in range(senses)]
    there = torch.from_numpy(np.stack([rng.permutation(n) < n - 3 - i for i in range(senses)], axis=1))
    return seen * 3, others, there, torch.from_numpy(rng.uniform(0.2, 1.5, senses)).float()
