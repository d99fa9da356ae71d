"""Films read back: true ones are found right, shuffled and wrong ones are not."""

import numpy as np
import pytest

from tinyworld import films, judge
from tinyworld.films import MOTIONS, reading
from tinyworld.judge import Seen, Verdict


@pytest.fixture(scope="module")
def seen() -> judge.Judge:
    return judge.load()


@pytest.fixture(scope="module")
def shown() -> dict[str, list[films.Film]]:
    return {motion: films.films("test", 6, 7, motion) for motion in MOTIONS}


def reports(shown, seen, change=lambda frames: frames):
    return {m: [reading.report(change(f.frames(8)), films.facts(f), seen) for f in some] for m, some in shown.items()}


def share(found, of="right"):
    return np.mean([bool(getattr(r, of)) for some in found.values() for r in some])


def test_true_films_obey(shown, seen):
    found = reports(shown, seen)
    assert share(found) >= 0.9
    assert np.mean([r.motion == m for m, some in found.items() for r in some]) >= 0.93
    finite = [r.residual for some in found.values() for r in some if np.isfinite(r.residual)]
    assert np.median(finite) < 0.3 and len(finite) >= 70
    assert all(r.direction is not False for some in found.values() for r in some if r.motion)


def test_in_noise_they_still_do(shown, seen):
    rng = np.random.default_rng(0)
    found = reports(shown, seen, lambda f: np.clip(f + rng.normal(0, 12, f.shape), 0, 255).astype(np.uint8))
    assert share(found) >= 0.85


def test_shuffled_frames_do_not(shown, seen):
    rng = np.random.default_rng(0)
    found = reports(shown, seen, lambda f: f[rng.permutation(8)])
    assert share(found) <= 0.05


def test_reversed_films_go_the_other_way(shown, seen):
    found = reports(shown, seen, lambda f: f[::-1])
    for motion in ("left", "right", "up", "down", "clockwise", "anticlockwise", "falls"):
        assert not any(r.right for r in found[motion]), motion
    assert not any(r.direction for r in found["left"] + found["clockwise"])


def test_films_of_something_else_are_not_what_was_told(shown, seen):
    for motion, some in shown.items():
        for film in some[:2]:
            others = [f for m, fs in shown.items() if m != motion for f in fs[:1]]
            for other in others[:4]:
                assert not reading.report(other.frames(8), films.facts(film), seen).right


def test_places_are_exact_to_a_fraction_of_a_pixel(shown, seen):
    off = []
    for film in (f for m in ("left", "flies", "bounces", "swings") for f in shown[m]):
        track = next(t for t in reading.read(film.frames(8), seen).tracks if t.colour == film.subject.colour)
        off.append(np.nanmedian(np.hypot(*(track.position - 64 * film.trajectory(8).position[:, 0]).T)))
    assert np.median(off) < 0.2


def test_a_jump_is_no_law(shown, seen):
    for film in shown["left"]:
        frames = film.frames(8)
        frames[4] = film.frames(8)[0]
        assert reading.report(frames, films.facts(film), seen).residual > reading.RESIDUAL


def test_what_is_followed_keeps_its_name():
    def at(x, colour):
        return Seen("star", colour, "small", x, 0.5, 0.9)

    # two pass each other; the judge lists them in any order
    verdicts = [Verdict("white", (at(0.2 + 0.1 * i, "red"), at(0.8 - 0.1 * i, "blue"))[:: (-1) ** i]) for i in range(7)]
    verdicts[3] = Verdict("white", (at(0.5, "blue"),))  # one hides the other
    rows = reading.matched(verdicts)
    assert len(rows) == 2
    assert [{s.colour for s in row if s} for row in rows] == [{"red"}, {"blue"}]
    assert rows[0][3] is None


def test_what_is_no_film_is_named(seen):
    for frames in (np.zeros((8, 64, 64), np.uint8), np.zeros((3, 64, 64, 3), np.uint8), np.zeros((8, 64, 64, 3))):
        with pytest.raises(ValueError, match="a film is uint8"):
            reading.read(frames, seen)


def test_nothing_does_nothing(seen):
    grey = np.full((8, 64, 64, 3), 150, np.uint8)
    assert reading.motion_of(reading.read(grey, seen)) is None
    report = reading.report(grey, films.facts(films.films("test", 1)[0]), seen)
    assert report.identity == 0 and not report.right and report.residual == float("inf")
