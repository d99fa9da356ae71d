"""The experiments of week 8 on other senses: what a sensor feels, and senses that find each other through pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from coursekit.plots import PALETTE, panels, show
from tinyworld import films
from tinyworld.films.laws import METRES
from tinyworld.films.sensors import RATE
from video_lab import data

Force = Callable[[np.ndarray, float], Any]
Loss = Callable[..., Any]

SEEN = 16  # places a second that are read off a film
BLUR = 0.5  # pixels, the standard deviation of a place that is read off a film
HIDDEN = 8  # numbers that make up a thing in the world of `Bound`
THINGS = 256
AMONG = 64


class Felt(NamedTuple):
    """The size of what is felt in a film's second, m/s^2.

    sensor (62,): by the sensor, 64 times a second.   exact (62,): from the exact way.   read (15,): from sixteen
    places a second that are off by half a pixel.
    """

    sensor: np.ndarray
    exact: np.ndarray
    read: np.ndarray


def felt(force: Force, motion: str) -> Felt:
    """What the sensor strapped to a thing measures, and what is found from the way the thing takes."""
    film, rng = data.film_of(motion), np.random.default_rng(1)
    way = METRES * film.at(np.arange(RATE + 1) / RATE)[0][:, 0]
    seen = way[:: RATE // SEEN]
    seen = seen + METRES / 64 * BLUR * rng.standard_normal(seen.shape)
    exact = np.hypot(*np.asarray(force(way, float(RATE)), float).T)
    read = np.hypot(*np.asarray(force(seen, float(SEEN)), float).T)
    return Felt(np.hypot(*films.imu(film)[1 : RATE - 1, :2].T), exact[: RATE - 2], read)


def show_felt(force: Force) -> dict[str, Felt]:
    """What is felt while something goes evenly, falls and bounces, and swings."""
    found = {motion: felt(force, motion) for motion in ("right", "bounces", "clockwise")}
    figure, axes = panels(2.2, 2.2, 2.2, height=1.9, between=0.3)
    at = np.arange(1, RATE - 1) / RATE
    for axis, (motion, one) in zip(axes, found.items(), strict=True):
        axis.plot(np.arange(1, SEEN) / SEEN, one.read, "o", ms=3, color="0.6", label="places off by half a pixel")
        axis.plot(at, one.sensor, color=PALETTE[0], lw=3, alpha=0.5, label="the sensor")
        axis.plot(at, one.exact, color=PALETTE[1], lw=1, label="the exact way")
        axis.axhline(9.81, color="0.5", lw=0.7, ls=":")
        axis.set(title=motion, xlabel="seconds", ylim=(0, 60))
    axes[0].set(ylabel="m/s²")
    axes[1].legend(frameon=False, fontsize=7, loc="upper right")
    told = "; ".join(
        f"{motion}: sensor median {np.median(one.sensor):.1f}, largest {one.sensor.max():.0f}, from the exact way "
        f"{np.median(one.exact):.1f}, from places off by half a pixel {np.median(one.read):.1f}"
        for motion, one in found.items()
    )
    show(figure, alt=f"The size of what is felt, m/s². {told}")
    return found


class Bound(NamedTuple):
    """R@1 of 64 over training, a list for each pair of senses."""

    steps: list[int]
    paired: list[float]
    never: list[float]
    wrong: list[float]


def bound(loss: Loss, steps: int = 160, every: int = 20, seed: int = 0) -> Bound:
    """Three made-up senses of one world, bound by a loss: how well sounds and IMU, never paired, find each other.

    A thing is eight numbers. Each sense tells them in its own way, with noise of its own: a random matrix, tanh,
    another matrix. Half of the things are seen and heard, the other half seen and felt. `wrong`: as `never`, where the
    felt were bound to pictures of other things.
    """
    curves = [_bind(loss, shuffled, steps, every, seed) for shuffled in (False, True)]
    return Bound(list(range(0, steps + 1, every)), curves[0][0], curves[0][1], curves[1][1])


def _bind(loss: Loss, shuffled: bool, steps: int, every: int, seed: int) -> tuple[list[float], list[float]]:
    """The shares found of seen to heard and of felt to heard, at each look."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    ways = [(draw(HIDDEN, 24) / HIDDEN**0.5, draw(24, 16) / 24**0.5) for _ in range(3)]

    def told(things: torch.Tensor) -> list[torch.Tensor]:
        return [torch.tanh(things @ a) @ b + 0.05 * draw(len(things), 16) for a, b in ways]

    learnt, asked = told(draw(THINGS, HIDDEN)), told(draw(AMONG, HIDDEN))
    there = torch.stack([torch.arange(THINGS) % 2 == 0, torch.arange(THINGS) % 2 == 1], dim=1)
    if shuffled:
        odd = there[:, 1].nonzero().flatten()
        learnt[2][odd] = learnt[2][odd.roll(1)]
    heads = [(draw(16, HIDDEN) / 4).requires_grad_() for _ in range(3)]
    scales = torch.full((2,), 2.0, requires_grad=True)
    optimizer = torch.optim.Adam([*heads, scales], lr=0.05)
    paired, never = [], []
    for step in range(steps + 1):
        if step % every == 0:
            with torch.no_grad():
                seen, heard, felt_ = (F.normalize(x @ w, dim=1) for x, w in zip(asked, heads, strict=True))
            own = torch.arange(AMONG)
            paired.append(float(((seen @ heard.T).argmax(1) == own).float().mean()))
            never.append(float(((felt_ @ heard.T).argmax(1) == own).float().mean()))
        seen, *others = (x @ w for x, w in zip(learnt, heads, strict=True))
        value = torch.as_tensor(loss(seen, others, there, scales))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return paired, never


def show_bound(loss: Loss) -> Bound:
    """How senses that never met come to find each other while both are bound to pictures."""
    found = bound(loss)
    figure, (axis,) = panels(4.4, height=2.0)
    for values, name, colour in (
        (found.paired, "picture to sound", PALETTE[0]),
        (found.never, "IMU to sound, never paired", PALETTE[1]),
        (found.wrong, "the same, IMU bound to others' pictures", "0.6"),
    ):
        axis.plot(found.steps, [100 * value for value in values], "o-", ms=3, color=colour, label=name)
    axis.set(xlabel="steps", ylabel=f"found among {AMONG}, %", ylim=(0, 100))
    axis.legend(frameon=False, fontsize=8)
    show(
        figure,
        alt=f"Found among {AMONG} after {found.steps[-1]} steps: picture to sound {found.paired[-1]:.0%}, IMU to sound "
        f"{found.never[-1]:.0%} though never paired, {found.wrong[-1]:.0%} where IMU was bound to others' pictures",
    )
    return found
