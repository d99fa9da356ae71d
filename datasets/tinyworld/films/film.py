"""A film as a value: what moves how. Where everything is at any time follows from it exactly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image

from tinyworld import drawing
from tinyworld.films import laws
from tinyworld.films.laws import FLOOR, SECONDS, Path, Touch
from tinyworld.films.motions import MOODS, MOTIONS, PAIRS, SIDEWAYS, TURNS, UNIFORM
from tinyworld.objects import Object, one_of
from tinyworld.vocabulary import BACKGROUNDS

LEAST, MOST = 8, 16  # frames
HIDDEN = 0.2  # what shows less of itself than this part has vanished
EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens. time: in seconds, in [0, 1).   who: 0 the subject, 1 the other.

    kind: "floor" (it hits the floor), "bump" (the subject hits the other), "hop" (a joyful gait comes down), "vanishes"
    or "appears" (behind the other).   speed: by how much an impact changed the velocity, sides a second; else 0.
    """

    kind: str
    time: float
    who: int = 0
    speed: float = 0.0


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Where everything is in each of n frames. Objects: the subject, then the other if there is one.

    times: float64 (n,) seconds.   position: float64 (n, objects, 2), x and y of the centre in [0, 1], from the left and
    from the top.   velocity: float64 (n, objects, 2), sides a second.   visible: float64 (n, objects), the part of each
    that nothing covers, in [0, 1].   events: in the order in which they happen.
    """

    times: np.ndarray
    position: np.ndarray
    velocity: np.ndarray
    visible: np.ndarray
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Film:
    """One second of one object that moves, the subject, and perhaps of another. Equal films have equal frames.

    subject, other: where they are at the start.   motion: one of MOTIONS.   velocity: of the subject at the start,
    sides a second, x to the right and y down.   centre: what it circles or swings about; others have none.
    other_velocity: of the other, which moves by itself only beside a uniform motion, the same way ("a race").   mood:
    one of MOODS; one that is not neutral is a gait to the left or right.

    Raises ValueError for words that there are not, what does not fit together, and where something leaves the picture.
    """

    subject: Object
    background: str
    motion: str
    velocity: tuple[float, float] = (0.0, 0.0)
    other: Object | None = None
    centre: tuple[float, float] | None = None
    other_velocity: tuple[float, float] = (0.0, 0.0)
    mood: str = "neutral"

    def __post_init__(self) -> None:
        if not isinstance(self.subject, Object) or not isinstance(self.other, Object | None):
            raise ValueError("subject and other must be an Object, or the other None")
        one_of("background", self.background, BACKGROUNDS)
        one_of("motion", self.motion, MOTIONS)
        one_of("mood", self.mood, MOODS)
        self._check_velocities()
        if (self.centre is not None) != (self.motion in TURNS or self.motion == "swings"):
            raise ValueError("what circles or swings has a centre, and nothing else has")
        if self.motion in PAIRS and self.other is None:
            raise ValueError(f"{self.motion!r} takes another object")
        places, _ = self.at(np.linspace(0, SECONDS, 17))
        if not np.isfinite(places).all() or places.min() < 0 or places.max() > 1:
            raise ValueError("something leaves the picture")

    def _check_velocities(self) -> None:
        for name, pair in (("velocity", self.velocity), ("other_velocity", self.other_velocity)):
            if len(pair) != 2 or not all(isinstance(v, int | float) and np.isfinite(v) for v in pair):
                raise ValueError(f"{name} must be two finite numbers, got {pair!r}")
        x, y = self.velocity
        if self.motion in UNIFORM:
            dx, dy = UNIFORM[self.motion]
            if x * dy or y * dx or x * dx + y * dy <= 0:
                raise ValueError(f"what moves {self.motion} has a velocity in that direction, not {self.velocity}")
        if self.motion in SIDEWAYS and not x:
            raise ValueError(f"{self.motion!r} goes to the left or right: velocity {self.velocity}")
        if self.motion in PAIRS and y:
            raise ValueError(f"{self.motion!r} is level: velocity {self.velocity}")
        if self.mood != "neutral" and self.motion not in ("left", "right"):
            raise ValueError(f"a mood is acted on the way to the left or right, not by what {self.motion}")
        if any(self.other_velocity):
            if self.other is None or self.motion not in UNIFORM:
                raise ValueError("another object moves only beside a uniform motion")
            ox, oy = self.other_velocity
            if x * oy - y * ox or x * ox + y * oy <= 0:
                raise ValueError("another object moves the same way as the subject")

    # --- where everything is ---

    @property
    def objects(self) -> tuple[Object, ...]:
        """The subject, and the other if there is one, where they are at the start."""
        return (self.subject,) if self.other is None else (self.subject, self.other)

    @property
    def way(self) -> str | None:
        """ "left" or "right", of a motion that goes either way: SIDEWAYS; else None."""
        return None if self.motion not in SIDEWAYS else "left" if self.velocity[0] < 0 else "right"

    def paths(self) -> tuple[list[Path], list[Touch]]:
        """The path of each object, and the impacts."""
        place, other = (self.subject.x, self.subject.y), self.other
        touches: list[Touch] = []
        if other is not None and self.motion == "bumps":
            one, two, touches = laws.bump(self.subject, self.velocity[0], other)
            return [one, two], touches
        if self.motion in ("falls", "bounces", "flies"):
            restitution = 0.0 if self.motion == "falls" else laws.RESTITUTION
            lowest = FLOOR - laws.reach(self.subject)[1]
            path, touches = laws.gravity(place, self.velocity, lowest, restitution)
        elif self.centre is not None and self.motion in TURNS:
            arm = np.subtract(place, self.centre)
            path = laws.circle(
                place, self.centre, TURNS[self.motion] * float(np.hypot(*self.velocity) / np.hypot(*arm))
            )
        elif self.centre is not None:
            path = laws.swing(place, self.centre, self.velocity)
        else:
            path, touches = laws.gait(self.mood, place, self.velocity)
        paths = [path]
        if other is not None:
            paths.append(laws.uniform((other.x, other.y), self.other_velocity))
        return paths, touches

    def at(self, times: np.ndarray | Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (n, objects, 2) at times (n,) in seconds."""
        asked = np.asarray(times, float)
        found = [path(asked) for path in self.paths()[0]]
        return np.stack([p for p, _ in found], axis=1), np.stack([v for _, v in found], axis=1)

    def events(self) -> tuple[Event, ...]:
        """What happens, in its order."""
        return _events(self)

    def trajectory(self, frames: int = 8) -> Trajectory:
        """Where everything is in each frame of `frames`, 8 to 16 of them: frame i is at i / frames seconds."""
        times = _times(frames)
        position, velocity = self.at(times)
        return Trajectory(times, position, velocity, _visible(self, position), self.events())

    # --- what it looks like ---

    def placed(self, position: np.ndarray) -> list[Object]:
        """The objects at positions (objects, 2), in the order in which they are drawn: what is behind comes first."""
        there = [replace(o, x=float(x), y=float(y)) for o, (x, y) in zip(self.objects, position, strict=True)]
        return there if self.motion == "behind" else there[::-1]

    def frames(self, frames: int = 8, size: int = 64) -> np.ndarray:
        """The pictures, uint8 (frames, size, size, 3); 8 to 16 of them over one second."""
        position, _ = self.at(_times(frames))
        return np.stack([np.asarray(drawing.render(self.placed(p), self.background, size)) for p in position])

    def still(self, time: float = 0.0, size: int = 64) -> Image.Image:
        """The picture at one time, in seconds in [0, 1)."""
        if not 0 <= time < SECONDS:
            raise ValueError(f"a film's time is in [0, {SECONDS:g}) seconds, got {time}")
        position, _ = self.at([time])
        return drawing.render(self.placed(position[0]), self.background, size)

    # --- as text ---

    def to_json(self) -> str:
        """One line of JSON; `Film.from_json` gives back an equal film."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Film:
        """The film that `to_json` wrote. Raises ValueError for anything else."""
        try:
            data = json.loads(text)
            for name in ("subject", "other"):
                data[name] = Object(**data[name]) if data[name] else None
            for name in ("velocity", "other_velocity", "centre"):
                data[name] = tuple(data[name]) if data[name] is not None else None
            return Film(**data)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"this is no film: {error}") from None


def _times(frames: int) -> np.ndarray:
    if isinstance(frames, bool) or not isinstance(frames, int) or not LEAST <= frames <= MOST:
        raise ValueError(f"a film has {LEAST} to {MOST} frames, got {frames!r}")
    return np.arange(frames) * SECONDS / frames


def _visible(film: Film, position: np.ndarray, size: int = 64) -> np.ndarray:
    """The part of each object that is not covered by the other, (n, objects)."""
    visible = np.ones(position.shape[:2])
    if film.other is None:
        return visible
    reaches = sum(laws.reach(o)[0] + laws.reach(o)[1] for o in film.objects)
    for row, places in zip(visible, position, strict=True):
        if np.hypot(*(places[0] - places[1])) < reaches:
            below, above = drawing.masks(film.placed(places), size)
            row[0 if film.motion == "behind" else 1] = 1 - (below * above).sum() / below.sum()
    return visible


@lru_cache(maxsize=4096)
def _events(film: Film) -> tuple[Event, ...]:
    _, touches = film.paths()
    kind = "bump" if film.motion == "bumps" else "hop" if film.mood == "joyful" else "floor"
    found = [Event(kind, touch.time, 0, touch.speed) for touch in touches]
    if film.motion == "behind":
        times = np.linspace(0, SECONDS, 33)[:-1]
        hidden = _visible(film, film.at(times)[0])[:, 0] < HIDDEN
        for i in np.flatnonzero(np.diff(hidden)) + 1:
            found.append(Event("vanishes" if hidden[i] else "appears", float(times[i])))
    return tuple(sorted(found, key=lambda event: event.time))
