"""Reading films back: frames to the trajectories of what they show, and whether those obey what was told.

    from tinyworld.films import reading
    seen = reading.read(frames)                 # tracks of what the judge sees, by matching from frame to frame
    reading.motion_of(seen)                     # "bounces", or None where no law of the world fits
    reading.report(frames, films.facts(film))   # identity, motion, residual acceleration, and whether all is right

Every frame is read by `tinyworld.judge`, which knows nothing of films. What it finds is matched from frame to frame,
and each place is then sharpened by the pixels of the thing's colour. Lengths are pixels of 64, times are frames.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize

from tinyworld import drawing
from tinyworld import judge as judges
from tinyworld.films import laws
from tinyworld.films.motions import FALLING, SIDEWAYS, TURNS, UNIFORM
from tinyworld.films.words import FilmFacts
from tinyworld.judge import SIDE, UNCLEAR, Judge, Seen, Verdict
from tinyworld.objects import Object
from tinyworld.vocabulary import COLOURS, RADII

STRANGER = 40.0  # pixels: what would have to go farther, or change its name, is something else
OTHER_COLOUR, OTHER_SHAPE = 24.0, 8.0  # pixels that another colour or shape counts as
STILL = 4.0  # pixels: what stays within so many does not move
RESIDUAL = 1.5  # pixels a frame squared: more is no law
COVERED = 0.85  # what shows less of itself is partly behind something
WHOLE = 0.97  # and what shows so much of itself is not
HALF = 2.6  # radians: what turns less goes round nothing
HALF_KEPT = 0.5  # of the two or three frames that show all of what passes behind something
KEPT = 0.75  # the least part of the frames in which a thing is what it was told to be


@dataclass(frozen=True, eq=False)
class Track:
    """One thing from frame to frame.

    shape, colour, size: what it was taken for most often.   position: float64 (n, 2), its centre in pixels, NaN where
    it was not seen.   named: bool (n,), whether the judge saw it there by this shape and colour.   shown: float64 (n,),
    which part of it shows, in [0, 1].
    """

    shape: str
    colour: str
    size: str
    position: np.ndarray
    named: np.ndarray
    shown: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """Whether there is a place, bool (n,)."""
        return np.isfinite(self.position[:, 0])

    @property
    def travelled(self) -> np.ndarray:
        """How far it has been from where it was first seen, x and y, in pixels (2,)."""
        if not self.found.any():
            return np.zeros(2)
        return np.nanmax(self.position, axis=0) - np.nanmin(self.position, axis=0)


@dataclass(frozen=True, eq=False)
class Reading:
    """What is seen in a film. background: as most frames have it.   tracks: what moves comes first."""

    background: str
    tracks: tuple[Track, ...]


@dataclass(frozen=True)
class Report:
    """How a film holds to what was told of it.

    identity: the part of the frames with the subject's shape and colour, in [0, 1].   background: whether it is right.
    motion: as read, or None.   direction: whether it goes the way it should, for motions that have one; else None.
    residual: acceleration that the told motion does not explain, pixels a frame squared, root mean square; infinite
    where too little is seen.   right: whether all of it holds.
    """

    identity: float
    background: bool
    motion: str | None
    direction: bool | None
    residual: float
    right: bool


def read(frames: np.ndarray, judge: Judge | None = None) -> Reading:
    """Frames, uint8 (n, 64, 64, 3), to tracks. judge: the shipped one, unless given.

    Raises ValueError for frames of another shape, or fewer than four.
    """
    frames = np.ascontiguousarray(frames)
    if frames.ndim != 4 or frames.shape[1:] != (SIDE, SIDE, 3) or frames.dtype != np.uint8 or len(frames) < 4:
        raise ValueError(f"a film is uint8 (n, {SIDE}, {SIDE}, 3) with n at least 4, got {frames.dtype} {frames.shape}")
    verdicts = (judge or judges.load()).read(frames)
    background = Counter(v.background for v in verdicts).most_common(1)[0][0]
    tracks = [_track(row, frames, background) for row in matched(verdicts)]
    tracks = [t for t in tracks if t.found.sum() >= 2]
    return Reading(background, tuple(sorted(tracks, key=_restless)))


def matched(verdicts: list[Verdict]) -> list[list[Seen | None]]:
    """What was seen in each frame as rows, one a thing: each frame's objects go to the rows at the least cost in all.

    A cost is the way from where the thing was last seen, in pixels, and more for another colour or shape.
    """
    rows: list[list[Seen | None]] = []
    for i, verdict in enumerate(verdicts):
        last = [next(seen for seen in reversed(row) if seen) for row in rows]
        costs = np.array([[_cost(old, new) for new in verdict.objects] for old in last]).reshape(
            len(last), len(verdict.objects)
        )
        found = zip(*(side.tolist() for side in linear_sum_assignment(costs)), strict=True)
        pairs = {b: a for a, b in found if costs[a, b] <= STRANGER}
        for row in rows:
            row.append(None)
        for b, new in enumerate(verdict.objects):
            if b in pairs:
                rows[pairs[b]][i] = new
            else:
                rows.append([None] * i + [new])
    return rows


def _cost(old: Seen, new: Seen) -> float:
    way = SIDE * np.hypot(old.x - new.x, old.y - new.y)
    return float(way + OTHER_COLOUR * (old.colour != new.colour) + OTHER_SHAPE * (old.shape != new.shape))


def _track(row: list[Seen | None], frames: np.ndarray, background: str) -> Track:
    seen = [s for s in row if s]
    shape, colour, size = (_usual([getattr(s, name) for s in seen]) for name in ("shape", "colour", "size"))
    named = np.array([s is not None and (s.shape, s.colour) == (shape, colour) for s in row])
    rough = np.array([(SIDE * s.x, SIDE * s.y) if s else (np.nan, np.nan) for s in row])
    if UNCLEAR in (shape, colour, background):
        return Track(shape, colour, size, rough, named, np.where(np.isfinite(rough[:, 0]), 1.0, 0.0))
    thing = Object(shape, colour, size, 0.5, 0.5)
    made = [_sharpened(thing, *_shares(frame, colour, background), p) for frame, p in zip(frames, rough, strict=True)]
    position, shown = np.array([p for p, _ in made]), np.array([part for _, part in made])
    # where the judge missed it, perhaps a part of it shows: from the frames in which it was seen outwards
    missing = np.flatnonzero(~np.isfinite(position[:, 0]))
    known = np.flatnonzero(np.isfinite(position[:, 0]))
    for i in sorted(missing.tolist(), key=lambda i: abs(known - i).min()) if len(known) else ():
        place, part = _sharpened(thing, *_shares(frames[i], colour, background), _expected(position, i))
        if np.isfinite(place[0]):
            position[i], shown[i] = place, part
    return Track(shape, colour, size, position, named, shown)


def _usual(words: list[str]) -> str:
    """What is said most often, of what is clear."""
    clear = [word for word in words if word != UNCLEAR]
    return Counter(clear).most_common(1)[0][0] if clear else UNCLEAR


def _shares(frame: np.ndarray, colour: str, background: str) -> tuple[np.ndarray, np.ndarray]:
    """How much of each pixel is of a colour, (64, 64) in [0, 1], and which pixels mix it with the ground."""
    ground = np.asarray(drawing.empty(background, SIDE), float)
    step = np.asarray(COLOURS[colour], float) - ground
    share = np.clip(((frame - ground) * step).sum(-1) / (step**2).sum(-1), 0, 1)
    explained = np.linalg.norm(frame - ground - share[..., None] * step, axis=-1) < 90
    return np.where(explained & (share > 0.15), share, 0), explained


def _sharpened(thing: Object, share: np.ndarray, explained: np.ndarray, rough: np.ndarray) -> tuple[np.ndarray, float]:
    """A thing's centre (2,) in pixels, by the pixels of its colour about a rough one, and which part of it shows.

    What is partly covered is laid over what shows of it, as well as it fits. NaN where less than a quarter shows.
    """
    nowhere = np.full(2, np.nan)
    if not np.isfinite(rough[0]):
        return nowhere, 0.0
    radius, grid = RADII[thing.size] * SIDE + 2, np.arange(SIDE) + 0.5
    near = np.maximum(abs(grid[None] - rough[0]), abs(grid[:, None] - rough[1])) <= radius
    own = share * near
    (pattern,) = drawing.masks([thing], SIDE)
    part = float(own.sum() / pattern.sum())
    if part < 0.25:
        return nowhere, part
    if part > 1.5:
        return rough, 1.0
    middle = np.array([own.sum(0) @ grid, own.sum(1) @ grid]) / own.sum()
    offset = np.array([pattern.sum(0) @ grid, pattern.sum(1) @ grid]) / pattern.sum() - SIDE / 2
    if part > 0.93:
        return middle - offset, min(part, 1.0)

    def miss(centre: np.ndarray) -> float:
        x, y = np.clip(centre / SIDE, 0, 1)
        (there,) = drawing.masks([replace(thing, x=float(x), y=float(y))], SIDE)
        return float((((there - own) ** 2)[explained]).sum())

    start = np.array([middle - offset + d for d in ((0, 0), (3, 0), (0, 3))])
    found = minimize(
        miss, start[0], method="Nelder-Mead", options={"initial_simplex": start, "xatol": 0.05, "maxfev": 60}
    )
    return (found.x, part) if found.fun < 0.1 * pattern.sum() else (nowhere, part)


def _expected(position: np.ndarray, at: int) -> np.ndarray:
    """Where something should be in a frame, straight on from the two nearest frames in which it was seen, (2,)."""
    known = np.flatnonzero(np.isfinite(position[:, 0]))
    if len(known) == 1:
        return position[known[0]]
    first, second = sorted(known[np.argsort(abs(known - at), kind="stable")[:2]])
    speed = (position[second] - position[first]) / (second - first)
    return position[first] + speed * (at - first)


def _restless(track: Track) -> tuple[bool, int]:
    """What sorts tracks: what moves before what stays, what moves first before what moves later."""
    moved = np.hypot(*(track.position - track.position[track.found][0]).T) > STILL
    return not moved.any(), int(moved.argmax())


# --- what it does ---


def motion_of(seen: Reading) -> str | None:
    """Which of the twelve motions the first track makes; None where it stays, or does what no law of the world says."""
    if not seen.tracks or max(seen.tracks[0].travelled) < STILL:
        return None
    track, others = seen.tracks[0], seen.tracks[1:]
    for other in others:
        if max(other.travelled) >= STILL and _pushed(track, other):
            return "bumps"
        if (track.shown < COVERED).any() and max(other.travelled) < STILL and _covered(track, other):
            return "behind"
    place = _filled(track.position)
    steps = np.diff(place, axis=0)
    wide, high = track.travelled
    if wide >= STILL and high >= STILL:
        if abs(place[-1, 0] - place[0, 0]) > 0.97 * wide:  # it never turned back
            return "flies" if steps[0, 1] < steps[-1, 1] else None
        turned = _turned(steps)
        return None if abs(turned) < HALF else "clockwise" if turned > 0 else "anticlockwise"
    if wide > high:
        if abs(place[-1, 0] - place[0, 0]) < 0.9 * wide:
            return "swings"
        return "right" if place[-1, 0] > place[0, 0] else "left"
    if steps[:, 1].max() > 1 and steps[:, 1].min() < -1:
        return "bounces" if steps[0, 1] > steps[-1, 1] - 1 else None
    if place[-1, 1] < place[0, 1]:
        return "up"
    return "falls" if steps[0, 1] < 0.4 * steps[:, 1].max() else "down"


def way_of(track: Track) -> str:
    """Whether a track goes to the left or to the right at first: what bumps may come back."""
    found = track.position[track.found]
    return "right" if found[1:3, 0].mean() > found[0, 0] else "left"


def unexplained(track: Track, motion: str) -> float:
    """The acceleration of a track that a motion's law does not explain: root mean square, pixels a frame squared.

    An impact lies between two frames; what it changes is left out: of what bounces, falls or bumps, the two or three
    differences about it. Infinite where fewer than two are left.
    """
    place = track.position
    found = np.diff(place, 2, axis=0)
    n = len(place)
    law, kept = np.zeros_like(found), np.isfinite(found[:, 0])
    if motion in FALLING:
        law[:, 1] = laws.GRAVITY * SIDE / n**2 * laws.SECONDS**2
        lowest = int(np.nanargmax(place[:, 1])) if track.found.any() else 0
        if motion == "bounces":
            kept[max(0, lowest - 2) : lowest + 1] = False
        elif motion == "falls":
            landed = int(np.argmax(place[:, 1] >= np.nanmax(place[:, 1]) - 0.75))
            kept[max(0, landed - 2) : landed] = False
            law[landed:, 1] = 0
    elif motion in TURNS or motion == "swings":
        law = _towards_a_centre(place[1:-1], found, kept, motion)
    elif motion == "bumps":
        sizes = np.where(kept, np.hypot(*found.T), 0)
        at = int(np.argmax(sizes[:-1] + sizes[1:]))
        kept[at : at + 2] = False
    elif motion == "behind":
        found, law, kept = _over_gaps(place)
    if kept.sum() < 2:
        return float("inf")
    return float(np.sqrt(((found - law)[kept] ** 2).sum(1).mean()))


def _over_gaps(place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Accelerations by three places each, however many frames in between are missing; the law's, and which to count."""
    times = np.flatnonzero(np.isfinite(place[:, 0])).astype(float)
    speeds = np.diff(place[times.astype(int)], axis=0) / np.diff(times)[:, None]
    found = 2 * np.diff(speeds, axis=0) / (times[2:] - times[:-2])[:, None]
    return found, np.zeros_like(found), np.ones(len(found), bool)


def _towards_a_centre(place: np.ndarray, found: np.ndarray, kept: np.ndarray, motion: str) -> np.ndarray:
    """Accelerations of a motion about a centre that fits best: minus a factor times the way from the centre."""
    law = np.zeros_like(found)
    if kept.sum() < 2:
        return law
    axes = 1 if motion == "swings" else 2
    p, a = place[kept][:, :axes], found[kept][:, :axes]
    middle, mean = p.mean(0), a.mean(0)
    spread = ((p - middle) ** 2).sum()
    pull = max(0.0, -((p - middle) * (a - mean)).sum() / max(spread, 1e-9))
    law[:, :axes] = mean - pull * (place[:, :axes] - middle)
    return law


def report(frames: np.ndarray, told: FilmFacts, judge: Judge | None = None) -> Report:
    """Frames, uint8 (n, 64, 64, 3), against what was told of them."""
    seen = read(frames, judge)
    size, colour, shape = told.subject
    own = [t for t in seen.tracks if t.colour == colour and t.shape == shape]
    if not own:
        return Report(0.0, seen.background == told.background, None, None, float("inf"), False)
    track = own[0]
    ordered = replace(seen, tracks=(track, *(t for t in seen.tracks if t is not track)))
    motion = motion_of(ordered)
    ways = told.motion in SIDEWAYS or told.motion in TURNS or told.motion in UNIFORM
    direction = None
    if ways:
        direction = way_of(track) == told.way if told.motion in SIDEWAYS else motion == told.motion
    counted = (track.shown >= WHOLE) | (told.motion != "behind")  # what is behind something cannot be seen
    identity = float(track.named[counted].mean()) if counted.any() else 0.0
    off = unexplained(track, told.motion)
    kept = identity >= (HALF_KEPT if told.motion == "behind" else KEPT)
    right = motion == told.motion and direction is not False and off <= RESIDUAL and kept
    return Report(identity, seen.background == told.background, motion, direction, off, right)


def _pushed(track: Track, other: Track) -> bool:
    """Whether the other begins to move when the first comes near it."""
    moved = np.hypot(*(other.position - other.position[other.found][0]).T) > 2
    if not moved.any() or moved[1]:
        return False
    at = int(moved.argmax())
    near = RADII[track.size] * SIDE + RADII[other.size] * SIDE + 8
    gaps = np.hypot(*(track.position - other.position).T)[max(0, at - 2) : at + 1]
    return bool(np.isfinite(gaps).any() and np.nanmin(gaps) < near)


def _covered(track: Track, other: Track) -> bool:
    """Whether the places at which the first is missing lie on the other."""
    place = _filled(track.position)[track.shown < COVERED]
    middle = np.nanmean(other.position, axis=0)
    reach = RADII[other.size] * SIDE + RADII[track.size] * SIDE
    return bool((np.hypot(*(place - middle).T) < reach).all())


def _filled(position: np.ndarray) -> np.ndarray:
    """Places with those in between that are missing on a straight line, and the ends held."""
    times, there = np.arange(len(position)), np.isfinite(position[:, 0])
    return np.stack([np.interp(times, times[there], axis[there]) for axis in position.T], axis=1)


def _turned(steps: np.ndarray) -> float:
    """By how many radians the way turns in all, clockwise as it is seen."""
    moving = steps[np.hypot(*steps.T) > 1]
    a, b = moving[:-1], moving[1:]
    cross, dot = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(1)
    return float(np.arctan2(cross, dot).sum())
