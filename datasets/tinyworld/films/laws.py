"""The laws by which things move, and exact paths that follow them.

Lengths are parts of the picture's side, y points down, and time is in seconds. To have a gravity, the picture's side is
6 metres long: 9.81 m/s^2 are 1.635 sides a second squared, and with 8 frames of 64 pixels 1.635 pixels a frame squared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tinyworld.drawing import OUTLINES
from tinyworld.objects import Object
from tinyworld.vocabulary import RADII

SECONDS = 1.0  # that every film lasts, however many frames show them
METRES = 6.0  # along the picture's side
GRAVITY = 9.81 / METRES  # sides a second squared, downwards
FLOOR = 1.0  # the picture's lower edge
RESTITUTION = 0.85  # the part of its speed that what bounces keeps
SWINGS = 2 * np.pi * 1.2  # radians a second of what swings to and fro
HOPS, HOP = 2.5, 0.11  # of a joyful gait: a second; sides high
SINKS = 0.09  # sides in a second, of a sad one
JERK, TREMBLE = 0.06, 0.012  # sides, of an angry one

# Positions and velocities (times, 2) at times (n,).
Path = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Touch:
    """Something hits the floor, or something else.   speed: by which it was slowed down or turned, sides a second."""

    time: float
    speed: float


def reach(thing: Object) -> tuple[float, float]:
    """How far an object reaches to the side and down from its centre, as parts of the picture's side."""
    radius = RADII[thing.size]
    if thing.shape not in OUTLINES:
        return 0.9 * radius, 0.9 * radius
    outline = OUTLINES[thing.shape]
    return radius * max(x for x, _ in outline), radius * max(y for _, y in outline)


def mass(thing: Object) -> float:
    """What it weighs, in large objects: as its area."""
    return (RADII[thing.size] / RADII["large"]) ** 2


def pieces(starts: Sequence[float], states: Sequence[np.ndarray]) -> Path:
    """A path of constant acceleration from each start on. states: (3, 2) each, place, velocity and acceleration."""
    begins, those = np.asarray(starts, float), np.asarray(states, float)

    def path(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        which = np.maximum(np.searchsorted(begins, times, side="right") - 1, 0)
        place, velocity, acceleration = those[which].transpose(1, 0, 2)
        t = (times - begins[which])[:, None]
        return place + velocity * t + acceleration * t**2 / 2, velocity + acceleration * t

    return path


def uniform(place: tuple[float, float], velocity: tuple[float, float]) -> Path:
    """Straight on at one speed; at speed nought it stands still."""
    return pieces([0.0], [np.array([place, velocity, (0.0, 0.0)])])


def gravity(
    place: tuple[float, float], velocity: tuple[float, float], lowest: float, restitution: float
) -> tuple[Path, list[Touch]]:
    """Free fall onto a floor that throws back a part of the speed; below a small one it lies still.

    lowest: y of the centre when it touches the floor. Returns the path and when it touched.
    """
    starts, states, touches = [0.0], [], list[Touch]()
    state = np.array([place, velocity, (0.0, GRAVITY)])
    while True:
        states.append(state)
        depth = max(lowest - state[0, 1], 0.0)
        t = (-state[1, 1] + np.sqrt(state[1, 1] ** 2 + 2 * GRAVITY * depth)) / GRAVITY
        if starts[-1] + t >= SECONDS:
            return pieces(starts, states), touches
        down = state[1, 1] + GRAVITY * t
        up = restitution * down if restitution * down > 0.1 else 0.0
        touches.append(Touch(float(starts[-1] + t), float(down + up)))
        here = (state[0, 0] + state[1, 0] * t, lowest)
        starts.append(starts[-1] + t)
        if not up:
            states.append(np.array([here, (0.0, 0.0), (0.0, 0.0)]))
            return pieces(starts, states), touches
        state = np.array([here, (state[1, 0], -up), (0.0, GRAVITY)])


def circle(place: tuple[float, float], centre: tuple[float, float], turning: float) -> Path:
    """Round a centre at one speed. turning: radians a second, clockwise as it is seen where it is positive."""
    arm = np.subtract(place, centre)
    radius, start = float(np.hypot(*arm)), float(np.arctan2(arm[1], arm[0]))

    def path(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        angle = start + turning * times
        out = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        across = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
        return np.asarray(centre) + radius * out, radius * turning * across

    return path


def swing(place: tuple[float, float], centre: tuple[float, float], velocity: tuple[float, float]) -> Path:
    """To and fro about a centre, as a spring pulls it: acceleration is -SWINGS^2 times the way from the centre."""
    arm, speed = np.subtract(place, centre), np.asarray(velocity, float)

    def path(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        c, s = np.cos(SWINGS * times)[:, None], np.sin(SWINGS * times)[:, None]
        return np.asarray(centre) + arm * c + speed / SWINGS * s, speed * c - SWINGS * arm * s

    return path


def bump(first: Object, speed: float, second: Object) -> tuple[Path, Path, list[Touch]]:
    """One moves level into another that stands; both then go on as elastic balls of their masses would.

    speed: to the right where it is positive, sides a second. Momentum and energy stay what they were.
    """
    ahead = np.sign(speed)
    gap = ahead * (second.x - first.x) - reach(first)[0] - reach(second)[0]
    if gap < 0 or not speed:
        raise ValueError("what bumps has to move towards the other, from beside it")
    t, m, n = gap / abs(speed), mass(first), mass(second)
    after, given = speed * (m - n) / (m + n), speed * 2 * m / (m + n)
    if t >= SECONDS:
        return uniform((first.x, first.y), (speed, 0.0)), uniform((second.x, second.y), (0.0, 0.0)), []
    nought = (0.0, 0.0)
    one = [
        np.array([(first.x, first.y), (speed, 0.0), nought]),
        np.array([(first.x + speed * t, first.y), (after, 0.0), nought]),
    ]
    other = [
        np.array([(second.x, second.y), nought, nought]),
        np.array([(second.x, second.y), (given, 0.0), nought]),
    ]
    return pieces([0.0, t], one), pieces([0.0, t], other), [Touch(float(t), float(abs(speed - after)))]


def gait(mood: str, place: tuple[float, float], velocity: tuple[float, float]) -> tuple[Path, list[Touch]]:
    """How a mood is acted on the way to the left or right: a convention, not a feeling.

    joyful: hops, two and a half a second.   sad: drags itself along, stops twice, and sinks.   angry: in jerks to and
    fro that get on, trembling.   neutral: straight on. Returns the path and when a hop comes down.
    """
    if mood == "neutral":
        return uniform(place, velocity), []
    (x0, y0), (speed, _), ahead = place, velocity, np.sign(velocity[0])

    def path(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if mood == "joyful":
            phase = np.pi * HOPS * t
            x, vx = x0 + speed * t, np.full_like(t, speed)
            y, vy = y0 - HOP * np.abs(np.sin(phase)), -HOP * np.pi * HOPS * np.cos(phase) * np.sign(np.sin(phase))
        elif mood == "sad":
            w = 2 * np.pi * 2
            x, vx = x0 + speed * (t - np.sin(w * t) / w) / 2, speed * (1 - np.cos(w * t)) / 2
            y, vy = y0 + SINKS * t**2, 2 * SINKS * t
        else:
            w, v = 2 * np.pi * 2.5, 2 * np.pi * 4
            x, vx = x0 + speed * t + ahead * JERK * np.sin(w * t), speed + ahead * JERK * w * np.cos(w * t)
            y, vy = y0 + TREMBLE * np.sin(v * t), TREMBLE * v * np.cos(v * t)
        return np.stack([x, y], axis=1), np.stack([vx, vy], axis=1)

    lands: Sequence[float] = [i / HOPS for i in range(1, int(np.ceil(HOPS * SECONDS)))] if mood == "joyful" else []
    return path, [Touch(t, 2 * HOP * np.pi * HOPS) for t in lands]
