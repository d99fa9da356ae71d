"""Diffusion in the plane: points in a star, a small network that learns to denoise them, and the ideal one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler
from torch import nn

from tinyworld import Object, Scene

TIMES = 100
SCHEDULE = {"num_train_timesteps": TIMES, "beta_start": 1e-3, "beta_end": 0.2, "clip_sample": False}
KEPT: torch.Tensor = DDPMScheduler(**SCHEDULE).alphas_cumprod  # alpha-bar, (100,)
BATCH = 256

LossFunction = Callable[..., torch.Tensor]
StepFunction = Callable[..., torch.Tensor]


def star(n: int, seed: int = 0) -> torch.Tensor:
    """`n` points spread evenly over the inside of a star about as wide as a Gaussian: float32 (n, 2), y upwards."""
    side, rng = 160, np.random.default_rng(seed)
    inside = Scene((Object("star", "red", "large", 0.5, 0.5),), "white").masks(side)[0] > 0.5
    places = np.argwhere(inside)[rng.integers(inside.sum(), size=n)] + rng.random((n, 2))
    down, right = (places / side - 0.5).T
    return torch.from_numpy(np.stack([right, -down], axis=1) * 12).float()


class Net(nn.Module):
    """A multi-layer perceptron: noisy points (n, 2) and times (n,) to an answer (n, 2).

    It sees waves of the coordinates beside the coordinates: without them a small network draws a blob, for it learns
    what changes slowly first, and a star has edges (Tancik et al. 2020).
    """

    def __init__(self, width: int = 96, waves: int = 5) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.pi * 2.0 ** torch.arange(5) / TIMES)
        self.register_buffer("waves", 2.0 ** torch.arange(waves))
        self.layers = nn.Sequential(
            nn.Linear(12 + 4 * waves, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
        )
        self.last = nn.Linear(width, 2)

    def forward(self, noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """The answer."""
        angles = t[:, None] * self.get_buffer("frequencies")
        places = (noisy[:, :, None] * self.get_buffer("waves")).flatten(1)
        seen = [noisy, angles.sin(), angles.cos(), places.sin(), places.cos()]
        return self.last(self.layers(torch.cat(seen, dim=1)))


def build(seed: int = 0) -> Net:
    """An untrained network, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Net()


def train(
    model: nn.Module, loss_function: LossFunction, steps: int = 2000, seed: int = 0, prediction: str = "epsilon"
) -> list[float]:
    """Train with Adam on fresh points of the star. loss_function: as `diffusion_loss` of the notebook.

    Returns the loss of every step.
    """
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=6e-3)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    data, losses = star(20_000, seed), []
    for _ in range(steps):
        clean = data[torch.randint(len(data), (BATCH,), generator=generator)]
        t = torch.randint(TIMES, (BATCH,), generator=generator)
        loss = loss_function(model, clean, t, torch.randn(clean.shape, generator=generator), KEPT, prediction)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
        losses.append(loss.item())
    return losses


def ideal(noisy: torch.Tensor, t: int, data: torch.Tensor) -> torch.Tensor:
    """The best answer there is, as noise (n, 2), where the clean samples are `data` (m, 2), each as likely.

    The mean of the data given the noisy point, by Bayes' rule; see Karras et al. 2022, appendix B.3.
    """
    a, b = KEPT[t].sqrt(), (1 - KEPT[t]).sqrt()
    weights = (-torch.cdist(noisy, a * data).square() / (2 * b**2)).softmax(dim=1)
    return (noisy - a * (weights @ data)) / b


def best_loss(n: int = 4000, seed: int = 0) -> float:
    """What the ideal answer pays on average, in squared error of the noise. n: samples."""
    generator = torch.Generator().manual_seed(seed)
    data, clean, t = star(n, seed), star(n, seed + 1), torch.randint(TIMES, (n,), generator=generator)
    noise, left = torch.randn(clean.shape, generator=generator), KEPT[t][:, None]
    noisy = left.sqrt() * clean + (1 - left).sqrt() * noise
    off = [(ideal(noisy[t == u], u, data) - noise[t == u]).square().sum() for u in range(TIMES)]
    return float(torch.stack(off).sum() / noise.numel())


def _walk(answer: Callable[[torch.Tensor, int], torch.Tensor], scheduler: Any, n: int, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sample, seen = torch.randn((n, 2), generator=generator), []
    for t in scheduler.timesteps:
        seen.append(sample)
        more = {"generator": generator} if isinstance(scheduler, DDPMScheduler) else {}
        sample = scheduler.step(answer(sample, int(t)), t, sample, **more).prev_sample
    return [*seen, sample]


def sample(model: nn.Module, n: int, seed: int = 0, prediction: str = "epsilon") -> list[torch.Tensor]:
    """Run a model backwards with the library's DDPM: the points (n, 2) at the start and after every step."""
    scheduler = DDPMScheduler(**SCHEDULE, prediction_type=prediction)
    scheduler.set_timesteps(TIMES)
    with torch.no_grad():
        return _walk(lambda noisy, t: model(noisy, torch.full((n,), t)), scheduler, n, seed)


def paths(step: StepFunction, times: list[int], n: int = 50, seed: int = 0) -> torch.Tensor:
    """The ways of `n` points under the ideal answer, (steps + 1, n, 2).

    step: called as step(epsilon, noisy, t, previous, kept, noise=...), as `ddpm_step` of the notebook.
    times: descending; after the last comes -1, the end.
    """
    generator, data = torch.Generator().manual_seed(seed), star(2000, seed)
    sample = torch.randn((n, 2), generator=generator)
    seen = [sample]
    for t, previous in pairwise([*times, -1]):
        fresh = torch.randn((n, 2), generator=generator)
        sample = step(ideal(sample, t, data), sample, t, previous, KEPT, noise=fresh)
        seen.append(sample)
    return torch.stack(seen)


def inside_share(points: torch.Tensor) -> float:
    """The part of the points (n, 2) that lie inside the star or within a tenth of it."""
    return float((torch.cdist(points.float(), star(4000)).min(dim=1).values < 0.1).float().mean())
