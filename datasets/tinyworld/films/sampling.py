"""Drawing films at random, and which split a film belongs to: a function of its content, as for scenes."""

from __future__ import annotations

import math
import random
import zlib

import numpy as np

from tinyworld.films import laws
from tinyworld.films.film import Film
from tinyworld.films.laws import SECONDS
from tinyworld.films.motions import MOODS, MOTIONS, PACES, PAIRS, TURNS, UNIFORM
from tinyworld.objects import Object
from tinyworld.sampling import CELLS, SPLITS
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, HELD_OUT_PAIRS, RADII, SHAPES, SIZES

GAP = 0.01  # least distance to the picture's edge and between two objects, as a part of its side
BESIDE = 0.4  # how often another object is in a film that does not need one
RACES = 0.4  # how often it moves too, beside a uniform motion
COVERS = ("square", "circle")  # large ones hide a small object
HIDES = 0.4  # between the heights of the centres, in radii of a small object, at most, of what passes behind
BAND = 8  # velocities count as equal for the split where they fall in the same of so many bands a side a second


def films(
    split: str, n: int, seed: int = 0, motion: str | None = None, objects: int | None = None, mood: str | None = None
) -> list[Film]:
    """`n` films of a split, the same on every machine; the first k of a longer list are the shorter list.

    split: as for scenes.   motion: one of MOTIONS, or None for all alike often.   objects: 1 or 2, or None for a mix;
    what passes behind or bumps is always two.   mood: one of MOODS, acted on the way to the left or right; None: no
    mood is acted. Both objects differ in colour, and none leaves the picture. Raises ValueError for anything else.
    """
    for name, value, known in (("split", split, SPLITS), ("motion", motion, MOTIONS), ("mood", mood, MOODS)):
        if value not in known and not (value is None and name != "split"):
            raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")
    if objects not in (None, 1, 2):
        raise ValueError(f"objects must be 1, 2 or None; got {objects!r}")
    if objects == 1 and motion in PAIRS:
        raise ValueError(f"{motion!r} takes two objects")
    if mood is not None and motion not in (None, "left", "right"):
        raise ValueError("a mood is acted on the way to the left or right")
    rng = random.Random(f"tinyworld/films/{split}/{seed}/{motion}/{objects}/{mood}")
    ways = ("left", "right") if mood else MOTIONS if objects != 1 else tuple(m for m in MOTIONS if m not in PAIRS)
    return [_sample(rng, motion or rng.choice(ways), objects, mood or "neutral", split) for _ in range(n)]


def split_of(film: Film) -> str:
    """The split a film belongs to, whoever made it.

    With a held-out (colour, shape) pair it is "compositional"; else a hash of its content, with places rounded to a
    16x16 grid and velocities to eighths of a side a second, puts 80 % in train and 10 % in validation and test.
    """
    if any((o.colour, o.shape) in HELD_OUT_PAIRS for o in film.objects):
        return "compositional"
    content = [f"{o.size} {o.colour} {o.shape} {int(o.x * CELLS)} {int(o.y * CELLS)}" for o in film.objects]
    content += [" ".join(str(math.floor(v * BAND)) for v in (*film.velocity, *film.other_velocity))]
    bucket = zlib.crc32(" | ".join([film.background, film.motion, film.mood, *content]).encode()) % 10
    return {0: "validation", 1: "test"}.get(bucket, "train")


def _sample(rng: random.Random, motion: str, objects: int | None, mood: str, split: str) -> Film:
    """A film: sizes, places and velocities first, then colours, shapes and background until the split is right."""
    two = motion in PAIRS or (objects == 2 if objects else mood == "neutral" and rng.random() < BESIDE)
    while True:
        film = _moving(rng, motion, two, mood)
        if film is None:
            continue
        for _ in range(60):  # often enough: a test film is one in ten
            dressed = _dressed(rng, film, split)
            if dressed is not None:
                return dressed


def _dressed(rng: random.Random, film: Film, split: str) -> Film | None:
    """The same film with other colours, another background and, if it stays inside the picture, other shapes."""
    pairs = [(rng.choice(_COLOURS), rng.choice(SHAPES)) for _ in film.objects]
    if film.motion == "behind":
        pairs[1] = (pairs[1][0], rng.choice(COVERS))
    if split == "compositional":
        i = rng.randrange(len(pairs))
        pairs[i] = rng.choice([p for p in _HELD_OUT if not (film.motion == "behind" and i) or p[1] in COVERS])
    if len({colour for colour, _ in pairs}) < len(pairs):
        return None
    things = [Object(s, c, o.size, o.x, o.y) for (c, s), o in zip(pairs, film.objects, strict=True)]
    try:
        made = Film(
            things[0], rng.choice(BACKGROUNDS), film.motion, film.velocity,
            things[1] if len(things) > 1 else None, film.centre, film.other_velocity, film.mood,
        )  # fmt: skip
    except ValueError:
        return None
    return made if split_of(made) == split and _fits(made) else None


def _moving(rng: random.Random, motion: str, two: bool, mood: str) -> Film | None:
    """Circles on white that move as asked for, or None where something does not fit."""
    small = motion == "behind"
    size = "small" if small else rng.choice(SIZES)
    other_size = "large" if small else rng.choice(SIZES)
    r, q = RADII[size], RADII[other_size]
    x, y = _between(rng, r + GAP, 1 - r - GAP), _between(rng, r + GAP, 1 - r - GAP)
    velocity, centre, place, other_velocity = (0.0, 0.0), None, None, (0.0, 0.0)
    if motion in UNIFORM:
        speed = _between(rng, *PACES[rng.choice(list(PACES))])
        velocity = _times(UNIFORM[motion], speed)
        if two and rng.random() < RACES:
            slow, quick = sorted(PACES.values())
            other_velocity = _times(UNIFORM[motion], _between(rng, *(quick if speed < slow[1] + 0.01 else slow)))
    elif motion == "falls":
        y = _between(rng, r + GAP, 0.45)
    elif motion == "bounces":
        y, velocity = _between(rng, 0.4, 0.75), (0.0, _between(rng, 0.0, 0.5))
    elif motion == "flies":
        velocity = (_sign(rng) * _between(rng, 0.26, 0.5), -_between(rng, 0.75, 1.05))
    elif motion in TURNS:
        radius, angle = _between(rng, 0.2, 0.3), rng.uniform(0, 2 * math.pi)
        centre = (_between(rng, 0.5 - 0.1, 0.5 + 0.1), _between(rng, 0.5 - 0.1, 0.5 + 0.1))
        x, y = round(centre[0] + radius * math.cos(angle), 3), round(centre[1] + radius * math.sin(angle), 3)
        velocity = _turning(TURNS[motion] * radius * rng.uniform(4.2, 6.2), angle)
        place = centre if two else None
    elif motion == "swings":
        amplitude, phase = _between(rng, 0.14, 0.24), rng.uniform(0, 2 * math.pi)
        centre = (_between(rng, r + GAP + amplitude, 1 - r - GAP - amplitude), y) if r + amplitude < 0.48 else None
        if centre is None:
            return None
        x = round(centre[0] + amplitude * math.cos(phase), 3)
        velocity = (round(-amplitude * laws.SWINGS * math.sin(phase), 3), 0.0)
    else:
        velocity = (_sign(rng) * _between(rng, *((0.6, 0.7) if motion == "behind" else (0.35, 0.7))), 0.0)
    if two and place is None:
        place = (_between(rng, q + GAP, 1 - q - GAP), _between(rng, q + GAP, 1 - q - GAP))
    if motion in PAIRS and place is not None:
        x, y, place = _meeting(rng, motion, y, (r, q), velocity[0], place)
    try:
        other = Object("circle", "blue", other_size, *place) if place else None
        film = Film(Object("circle", "red", size, x, y), "white", motion, velocity, other, centre, other_velocity, mood)
    except ValueError:
        return None
    return film if _fits(film) else None


def _meeting(
    rng: random.Random, motion: str, y: float, radii: tuple[float, float], speed: float, place: tuple[float, float]
) -> tuple[float, float, tuple[float, float]]:
    """Where the subject starts and where the other is, so that the one meets the other about the middle of the film."""
    r, q = radii
    if motion == "bumps":  # the centres would meet soon after they touched
        x = place[0] - speed * rng.uniform(0.2, 0.65) - math.copysign(0.9 * (r + q), speed)
        return round(x, 3), place[1], place
    room = 1 - 2 * (r + GAP) - abs(speed)  # the subject crosses nearly the whole picture
    x = r + GAP + max(room, 0.0) * rng.random()
    x = round(x if speed > 0 else 1 - x, 3)
    other = round(x + speed * rng.uniform(0.45, 0.55), 3), _inside(y + _between(rng, -HIDES, HIDES) * r, q)
    return x, y, other


def _fits(film: Film) -> bool:
    """Whether all stays inside the picture, nothing touches what it should not, and what should happen does."""
    times = np.linspace(0, SECONDS, 25)
    place, _ = film.at(times)
    for i, thing in enumerate(film.objects):
        aside, down = laws.reach(thing)[0], RADII[thing.size] + GAP
        lowest = laws.FLOOR - laws.reach(thing)[1] if film.motion in ("falls", "bounces") and not i else 1 - down
        x, y = place[:, i].T
        if x.min() < aside + GAP or x.max() > 1 - aside - GAP or y.min() < down or y.max() > lowest + 1e-6:
            return False
    events = film.events()
    if film.motion in ("falls", "bounces") and not any(e.kind == "floor" and 0.2 < e.time < 0.8 for e in events):
        return False
    if film.motion == "flies" and events:
        return False
    if film.motion == "bumps":
        return any(0.2 < event.time < 0.65 for event in events)
    if film.motion == "behind":
        kinds = [event.kind for event in events]
        return kinds == ["vanishes", "appears"] and events[0].time > 0.2 and events[1].time < 0.85
    if film.other is None:
        return True
    apart = np.hypot(*(place[:, 0] - place[:, 1]).T)
    return bool(apart.min() > sum(RADII[o.size] for o in film.objects) + GAP)


def _between(rng: random.Random, low: float, high: float) -> float:
    return round(rng.uniform(low, high), 3)


def _sign(rng: random.Random) -> int:
    return rng.choice((-1, 1))


def _times(direction: tuple[int, int], speed: float) -> tuple[float, float]:
    return direction[0] * speed, direction[1] * speed


def _turning(speed: float, angle: float) -> tuple[float, float]:
    return round(-speed * math.sin(angle), 3), round(speed * math.cos(angle), 3)


def _inside(y: float, radius: float) -> float:
    return round(min(max(y, radius + GAP), 1 - radius - GAP), 3)


_COLOURS = tuple(COLOURS)
_HELD_OUT = sorted(HELD_OUT_PAIRS)
