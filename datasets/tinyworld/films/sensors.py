"""An inertial measurement unit (IMU) that a film's object carries: an accelerometer and a gyroscope.

It is strapped on as in a car. Its x axis points where the object is going, y to the left of that, z out of the picture
towards who looks. The accelerometer gives the specific force in m/s^2, that is acceleration minus gravity: 9.81 upwards
at rest, and nothing in free fall. The gyroscope gives the rate of turning in rad/s, about z that of the way the object
goes. A small motor shakes it along z, the more the faster it goes, and quicker in small things.
"""

from __future__ import annotations

import numpy as np

from tinyworld.films.film import Film
from tinyworld.films.laws import METRES, SECONDS

RATE = 64  # samples a second
GRAVITY = 9.81  # m/s^2
AXES = ("acceleration x", "acceleration y", "acceleration z", "turning x", "turning y", "turning z")
SHAKES = {"small": 21.0, "large": 12.0}  # Hz
SHAKE = 2.0  # m/s^2 at a side a second
SLOW = 0.02  # sides a second: what is slower keeps the way it had
NOISE = (0.08, 0.02)  # standard deviations of a sample: m/s^2, rad/s
BIAS = (0.1, 0.02)  # of the error that stays the same for a film


def imu(film: Film, rng: np.random.Generator | None = None, who: int = 0) -> np.ndarray:
    """What the IMU of an object measures, float32 (64, 6): AXES in m/s^2 and rad/s, 64 samples in the one second.

    who: 0 the subject, 1 the other.   rng: with it, each sample has noise and each axis a bias; without it neither.
    A sample is the mean over its 1/64 second, in which an impact is a spike. Raises ValueError for an object that
    there is not.
    """
    if who not in range(len(film.objects)):
        raise ValueError(f"the film has {len(film.objects)} objects, and none has the number {who!r}")
    n = round(RATE * SECONDS)
    edges = np.arange(n + 1) / RATE
    velocity = film.at(edges)[1][:, who]
    force = np.diff(velocity, axis=0) * RATE * METRES + (0, -GRAVITY)  # y down: minus gravity points up
    way = heading(velocity)
    here = (way[1:] + way[:-1]) / 2
    ahead = np.stack([np.cos(here), np.sin(here)], axis=1)
    left = np.stack([np.sin(here), -np.cos(here)], axis=1)  # y points down in pictures
    speed = np.hypot(*velocity.T)[:-1]
    shaking = SHAKE * speed * np.sin(2 * np.pi * SHAKES[film.objects[who].size] * edges[:-1])
    nought = np.zeros(n)
    # seen from the front, a way that turns clockwise is a negative rotation about z
    turning = -np.diff(way) * RATE
    measured = np.stack([(force * ahead).sum(1), (force * left).sum(1), shaking, nought, nought, turning], axis=1)
    if rng is not None:
        spread = np.repeat(NOISE, 3), np.repeat(BIAS, 3)
        measured = measured + spread[0] * rng.standard_normal(measured.shape) + spread[1] * rng.standard_normal(6)
    return measured.astype(np.float32)


def heading(velocity: np.ndarray) -> np.ndarray:
    """The way of velocities (n, 2) as angles in radians from x towards y, (n,), without jumps of a whole turn.

    What is too slow to have a way keeps the last one, and before the first has that; what never moves looks right.
    """
    fast = np.hypot(*velocity.T) > SLOW
    if not fast.any():
        return np.zeros(len(velocity))
    angle = np.arctan2(velocity[:, 1], velocity[:, 0])
    last = np.maximum.accumulate(np.where(fast, np.arange(len(fast)), -1))
    return np.unwrap(angle[np.where(last < 0, int(fast.argmax()), last)])
