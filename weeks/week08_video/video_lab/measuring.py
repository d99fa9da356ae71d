"""The experiments of week 8: what is measured, and of what."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from coursekit import models
from tinyworld import films
from tinyworld.films import Film
from video_lab import data, probes

WAYS = ("left", "right", "up", "down")

# --- tubelets -------------------------------------------------------------------------------------------------------


@cache
def going(split: str, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Films of one thing that goes left, right, up or down, n of each: (4 n, 8, 3, 64, 64), and which it is (4 n,)."""
    shown = [film for way in WAYS for film in films.films(split, n, 0, way, objects=1)]
    return data.tensor(data.frames_of(shown)), torch.arange(len(WAYS)).repeat_interleave(n)


def random_kernels(t: int, d: int = 96, p: int = 4, seed: int = 0) -> torch.Tensor:
    """Kernels (d, 3, t, p, p) that nobody trained: Gaussian, of mean 0 and length 1."""
    kernels = torch.randn(d, 3, t, p, p, generator=torch.Generator().manual_seed(seed))
    kernels -= kernels.mean(dim=(1, 2, 3, 4), keepdim=True)
    return kernels / kernels.flatten(1).norm(dim=1)[:, None, None, None, None]


def ways_told(embed: Callable[..., torch.Tensor], n: int = 64) -> dict[str, float]:
    """How often a linear map on pooled tokens of random tubelets says which of four ways a thing goes.

    embed: as `tubelets`.   n: films of each way to learn from; it is asked about others.
    """
    found = {}
    (seen, ways), (new, right) = going("train", n), going("test", n // 2)
    for name, t, shuffled in (("one frame", 1, False), ("two frames", 2, False), ("two frames, shuffled", 2, True)):
        kernels = random_kernels(t)
        pooled = []
        for part in (seen, new):
            part = shuffle(part) if shuffled else part
            tokens = torch.as_tensor(embed(part, kernels, torch.full((len(kernels),), -0.5)))
            pooled.append(F.relu(tokens).mean(dim=1))
        found[name] = float((ridge(pooled[0], ways, pooled[1]) == right).float().mean())
    return found


def shuffle(frames: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Each film's frames (n, frames, ...) in an order of its own, never the old one or that turned round."""
    rng = np.random.default_rng(seed)
    count = frames.shape[1]
    made = []
    for film in frames:
        order = rng.permutation(count)
        while len(set(np.diff(order))) == 1:
            order = rng.permutation(count)
        made.append(film[torch.from_numpy(order)])
    return torch.stack(made)


def ridge(seen: torch.Tensor, labels: torch.Tensor, new: torch.Tensor, weight: float = 0.1) -> torch.Tensor:
    """Labels (m,) of new rows (m, d) by ridge regression on rows (n, d) with labels (n,), numbers from 0."""
    mean, spread = seen.mean(0), seen.std(0) + 1e-6
    seen, new = (seen - mean) / spread, (new - mean) / spread
    wanted = F.one_hot(labels).float()
    gram = seen.T @ seen + weight * len(seen) * torch.eye(seen.shape[1])
    return (new @ torch.linalg.solve(gram, seen.T @ (wanted - wanted.mean(0)))).argmax(1)


# --- attention along time, across space -----------------------------------------------------------------------------


def pairs(patches: int, frames: int) -> tuple[int, int]:
    """How many pairs of tokens joint and divided attention compare, the class token left out."""
    return (patches * frames) ** 2, patches * frames**2 + frames * patches**2


# --- masks ----------------------------------------------------------------------------------------------------------

SPAN, PATCH = 2, 8  # frames and pixels of a tubelet
LONG = 16  # frames of the films that are hidden


def blocks_of(film: torch.Tensor) -> torch.Tensor:
    """A film (frames, 3, 64, 64) as tubelets (slices, places, pixels)."""
    blocks = film.unfold(0, SPAN, SPAN).unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)
    return blocks.permute(0, 2, 3, 4, 1, 5, 6).flatten(3).flatten(1, 2)


def film_from(blocks: torch.Tensor) -> torch.Tensor:
    """And back."""
    side = round(blocks.shape[1] ** 0.5)
    found = blocks.view(len(blocks), side, side, SPAN, 3, PATCH, PATCH).permute(0, 3, 4, 1, 5, 2, 6)
    return found.reshape(len(blocks) * SPAN, 3, side * PATCH, side * PATCH)


def copied(film: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """A film (frames, 3, 64, 64) with its hidden tubelets copied from where the same place shows, in the nearest slice.

    mask: bool (slices, places), True hidden. What is hidden all along becomes the mean of what shows.
    """
    blocks = blocks_of(film).clone()
    mean = blocks[~mask].mean(dim=0) if (~mask).any() else torch.zeros(blocks.shape[2])
    for place in range(blocks.shape[1]):
        there = (~mask[:, place]).nonzero().flatten()
        for i in mask[:, place].nonzero().flatten().tolist():
            blocks[i, place] = blocks[there[(there - i).abs().argmin()], place] if len(there) else mean
    return film_from(blocks)


def masks(tube: Callable[..., torch.Tensor], n: int, hidden: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Masks bool (n, slices, places) of tubes, and of a new choice of places in each slice. tube: as `tube_mask`."""
    slices, places = LONG // SPAN, (64 // PATCH) ** 2
    tubes = torch.as_tensor(tube(n, slices, places, hidden, seed)).view(n, slices, places)
    own = torch.as_tensor(tube(n * slices, 1, places, hidden, seed + 1)).view(n, slices, places)
    return {"a tube": tubes, "new in each slice": own}


def leaks(tube: Callable[..., torch.Tensor], hidden: int = 48, n: int = 24) -> dict[str, float]:
    """How much comes back by copying: 1 minus the squared error over that of the mean of what shows.

    Of films of two things, and of hidden tubelets that are not all background.
    """
    shown = data.tensor(data.frames_of(films.films("test", n, 1, objects=2), LONG))
    found = {}
    for name, chosen in masks(tube, n, hidden).items():
        off = blind = 0.0
        for film, mask in zip(shown, chosen, strict=True):
            true, back = blocks_of(film), blocks_of(copied(film, mask))
            mean = true[~mask].mean(dim=0)
            ground = true.flatten(0, 1).median(dim=0).values
            thing = mask & ((true - ground).abs().amax(dim=2) > 0.2)
            off += float(((back - true)[thing] ** 2).sum())
            blind += float(((mean - true)[thing] ** 2).sum())
        found[name] = 1 - off / blind
    return found


def losses(tube: Callable[..., Any], loss: Callable[..., Any], hidden: int, n: int = 8) -> dict[str, float]:
    """VideoMAE's loss of what copying says of hidden tubelets under each mask, and of saying 0, the mean."""
    shown = data.tensor(data.frames_of(films.films("test", n, 1, objects=2), LONG))
    found = {}
    for name, chosen in masks(tube, n, hidden).items():
        mask = chosen.flatten(1)
        back = torch.stack([copied(film, one) for film, one in zip(shown, chosen, strict=True)])
        blocks = torch.stack([blocks_of(film) for film in back]).flatten(1, 2)  # (n, tokens, t * 3 * p * p)
        pixels = blocks.view(n, blocks.shape[1], SPAN, 3, -1).transpose(3, 4).flatten(2, 3)
        said = (pixels - pixels.mean(2, keepdim=True)) / (pixels.std(2, keepdim=True) + 1e-3)
        guess = said.flatten(2)[mask].view(n, -1, SPAN * PATCH * PATCH * 3)
        found[f"copied, {name}"] = float(loss(shown, guess, mask, SPAN, PATCH))
        found["0 everywhere"] = float(loss(shown, torch.zeros_like(guess), mask, SPAN, PATCH))
    return found


def example(motion: str) -> Film:
    """The film of a motion that figures show."""
    return data.film_of(motion)


# --- picture's layers that look along time --------------------------------------------------------------------------

EDGES = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])  # Sobel's, for upright edges


def edges(inflate: Callable[..., Any], central: bool, frames: torch.Tensor) -> torch.Tensor:
    """Upright edges of three frames (3, 3, h, w) by an inflated kernel, (h, w)."""
    kernel = torch.as_tensor(inflate(EDGES.expand(1, 3, 3, 3) / 3, 3, central))
    around = F.pad(frames, (1, 1, 1, 1), mode="replicate")
    return F.conv3d(around.transpose(0, 1)[None], kernel)[0, 0, 0]


def edges_off(inflate: Callable[..., Any], motion: str = "right") -> dict[str, dict[str, float]]:
    """By how much an inflated kernel differs from the picture's own, of the middle frame, as a part of the latter."""
    film = data.tensor(data.frames_of([example(motion)]))[0]
    moving, still = film[2:5], film[3:4].expand(3, -1, -1, -1)
    around = F.pad(film[3:4], (1, 1, 1, 1), mode="replicate")
    alone = F.conv2d(around, EDGES.expand(1, 3, 3, 3) / 3)[0, 0]
    return {
        name: {
            kind: float((edges(inflate, central, frames) - alone).norm() / alone.norm())
            for kind, frames in (("still", still), ("moving", moving))
        }
        for name, central in (("spread over the frames", False), ("in the middle frame", True))
    }


@torch.no_grad()
def beginning(seed: int = 0) -> dict[str, float]:
    """How far a painter with new motion modules is from the painter alone, as a part of the latter's answer.

    As diffusers makes the modules, and with their last layers set to zero.
    """
    from diffusers import MotionAdapter, UNetMotionModel
    from diffusers.utils import logging

    painter = models.load("diffusion", "tiny", "cpu").model.unet
    said = logging.get_verbosity()
    logging.set_verbosity_error()  # it says that no module has to stay in float32
    widths = painter.config["block_out_channels"]
    found = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapter = MotionAdapter(
            block_out_channels=widths,
            motion_layers_per_block=1,
            motion_num_attention_heads=4,
            motion_norm_num_groups=8,
            motion_max_seq_length=16,
        )
        size, channels = painter.config["sample_size"], painter.config["in_channels"]
        noise = torch.randn(data.FRAMES, channels, size, size)
        text = torch.randn(1, 32, painter.config["cross_attention_dim"])
    alone = painter(noise, 500, text.expand(data.FRAMES, -1, -1)).sample
    for name in ("as diffusers makes it", "last layers zero"):
        if name == "last layers zero":
            for key, weight in adapter.named_parameters():
                if "proj_out" in key:
                    weight.zero_()
        filmed = UNetMotionModel.from_unet2d(painter, adapter).eval()
        answer = filmed(noise.transpose(0, 1)[None], 500, text.expand(data.FRAMES, -1, -1)).sample
        found[name] = float((answer[0].transpose(0, 1) - alone).norm() / alone.norm())
    logging.set_verbosity(said)
    return found


@torch.no_grad()
def opened(module: Callable[..., Any], scales: tuple[float, ...] = (0.0, 0.01, 0.1)) -> dict[float, float]:
    """By how much a motion module with random parts changes states, as a part of them, by what its last layer is times.

    module: as `motion_module`.
    """
    one = probes.Module(0, data.FRAMES, 4, 4)
    found = {}
    for scale in scales:
        made = torch.as_tensor(
            module(one.states.clone(), data.FRAMES, one.norm, one.inside, scale * one.weight, scale * one.bias)
        )
        found[scale] = float((made - one.states).norm() / one.states.norm())
    return found


# --- turns ----------------------------------------------------------------------------------------------------------


def matches(turn: Callable[..., Any], frames: int = 8, height: int = 4, width: int = 8, seed: int = 0) -> np.ndarray:
    """Scores (frames, height, width, frames, height, width) of one query and one key at all pairs of places."""
    g = torch.Generator().manual_seed(seed)
    q = torch.randn(32, generator=g)
    k = q + 0.3 * torch.randn(32, generator=g)
    count = frames * height * width
    turned = [torch.as_tensor(turn(one.expand(1, 1, count, 32).clone(), frames, height, width))[0, 0] for one in (q, k)]
    found: np.ndarray = (turned[0] @ turned[1].T).view(frames, height, width, frames, height, width).numpy()
    return found
