"""Films: they move by their laws, what is said of them is true, and their splits are what they claim."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.signal import find_peaks

from tinyworld import Object, films
from tinyworld.films import GRAVITY, METRES, MOODS, MOTIONS, Film, laws, sensors, words
from tinyworld.films.motions import PAIRS, SIDEWAYS, TURNS, UNIFORM
from tinyworld.films.soundtrack import MATERIALS
from tinyworld.sampling import CELLS, SPLITS
from tinyworld.sound import RATE
from tinyworld.vocabulary import HELD_OUT_PAIRS, RADII, SHAPES

STAR = Object("star", "red", "small", 0.5, 0.5)
BLUE = Object("square", "blue", "large", 0.5, 0.5)


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[Film]]:
    return {split: films.films(split, 150, seed=3) for split in SPLITS}


@pytest.fixture(scope="module")
def each() -> dict[str, list[Film]]:
    return {motion: films.films("train", 12, 5, motion) for motion in MOTIONS}


@pytest.fixture(scope="module")
def mixed(drawn, each) -> list[Film]:
    acted = [film for mood in MOODS for film in films.films("test", 6, 1, mood=mood)]
    return [*(f for some in drawn.values() for f in some[:40]), *(f for some in each.values() for f in some), *acted]


def moving(motion: str, velocity=(0.0, 0.0), subject=STAR, **others) -> Film:
    return Film(subject, "white", motion, velocity, **others)


# --- sampling and splits ---


def test_films_are_the_same_in_another_process():
    code = "from tinyworld import films; print(*(f.to_json() for f in films.films('test', 20, 5)), sep='\\n')"
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [Film.from_json(line) for line in lines] == films.films("test", 20, 5)


def test_a_longer_list_starts_with_the_shorter_one_and_seeds_differ():
    assert films.films("train", 30, 2)[:10] == films.films("train", 10, 2) != films.films("train", 10, 3)


def test_no_film_is_in_two_splits_even_when_changed_by_a_hair(drawn):
    def rough(film):
        cells = tuple((o.size, o.colour, o.shape, int(o.x * CELLS), int(o.y * CELLS)) for o in film.objects)
        speeds = tuple(v * 8 // 1 for v in (*film.velocity, *film.other_velocity))
        return film.background, film.motion, film.mood, cells, speeds

    seen = {split: {rough(f) for f in some} for split, some in drawn.items()}
    for a in SPLITS:
        assert all(films.split_of(f) == a for f in drawn[a])
        assert all(not seen[a] & seen[b] for b in SPLITS if b != a)


def test_held_out_pairs_are_in_the_compositional_split_alone(drawn):
    for split, some in drawn.items():
        for film in some:
            held = any((o.colour, o.shape) in HELD_OUT_PAIRS for o in film.objects)
            assert held == (split == "compositional")


def test_every_motion_is_drawn_alike_often():
    several = [film.motion for film in films.films("train", 360, 1)]
    counts = [several.count(motion) for motion in MOTIONS]
    assert min(counts) > 14 and max(counts) < 50


def test_what_is_asked_for_is_drawn():
    assert all(f.motion == "swings" and f.other is None for f in films.films("train", 8, 0, "swings", objects=1))
    assert all(f.mood == "sad" and f.motion in ("left", "right") for f in films.films("train", 8, 0, mood="sad"))
    assert all(f.motion not in PAIRS and f.other is None for f in films.films("train", 30, 0, objects=1))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"split": "dev"}, "train, validation"),
        ({"motion": "jumps"}, "motion must be"),
        ({"mood": "bored"}, "neutral, joyful"),
        ({"objects": 3}, "1, 2 or None"),
        ({"motion": "bumps", "objects": 1}, "two objects"),
        ({"motion": "up", "mood": "sad"}, "left or right"),
    ],
)
def test_what_cannot_be_drawn_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        films.films(**{"split": "train", "n": 1, **options})


# --- what a film may be ---


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"motion": "jumps"}, "motion must be"),
        ({"motion": "left", "velocity": (0.3, 0.0)}, "in that direction"),
        ({"motion": "left", "velocity": (-0.3, 0.1)}, "in that direction"),
        ({"motion": "up", "velocity": (0.0, float("nan"))}, "finite"),
        ({"motion": "flies", "velocity": (0.0, -0.5)}, "left or right"),
        ({"motion": "behind", "velocity": (0.3, 0.0)}, "another object"),
        ({"motion": "clockwise", "velocity": (0.3, 0.0)}, "has a centre"),
        ({"motion": "falls", "centre": (0.5, 0.5)}, "has a centre"),
        ({"motion": "right", "velocity": (0.8, 0.0)}, "leaves the picture"),
        ({"motion": "down", "velocity": (0.0, 0.3), "mood": "sad"}, "left or right"),
        ({"motion": "left", "velocity": (-0.3, 0.0), "mood": "bored"}, "mood must be"),
        ({"motion": "left", "velocity": (-0.3, 0.0), "other_velocity": (-0.1, 0.0)}, "beside a uniform motion"),
        ({"motion": "left", "velocity": (-0.3, 0.0), "other": BLUE, "other_velocity": (0.1, 0.0)}, "same way"),
        ({"motion": "left", "velocity": (-0.3, 0.0), "background": "pink"}, "background must be"),
    ],
)
def test_what_does_not_fit_together_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        Film(**{"subject": STAR, "background": "white", **wrong})


@pytest.mark.parametrize("frames", [7, 17, 8.0, True, None])
def test_a_film_has_8_to_16_frames(frames):
    with pytest.raises(ValueError, match="8 to 16"):
        moving("left", (-0.3, 0.0)).frames(frames)


def test_json_gives_an_equal_film_or_says_what_is_wrong(mixed):
    assert all(Film.from_json(film.to_json()) == film for film in mixed)
    for text in ("[]", "{}", '{"subject": 1}', "null"):
        with pytest.raises(ValueError, match="no film"):
            Film.from_json(text)


# --- pictures and places ---


def test_frames_show_the_objects_where_the_trajectory_has_them(mixed):
    for film in mixed[::5]:
        pictures, told = film.frames(8), film.trajectory(8)
        assert pictures.dtype == np.uint8 and pictures.shape == (8, 64, 64, 3)
        for i in (0, 5):
            alone = [o for o, part in zip(film.objects, told.visible[i], strict=True) if part > 0.9]
            for thing in alone:
                x, y = told.position[i, film.objects.index(thing)]
                if thing.shape != "ring":  # its centre is empty
                    assert np.abs(pictures[i][int(64 * y), int(64 * x)] - np.array(COLOUR[thing.colour])).max() < 30
        assert np.array_equal(pictures[3], np.asarray(film.still(3 / 8)))


COLOUR = {name: np.array(rgb, int) for name, rgb in films.film.drawing.COLOURS.items()}


def test_more_frames_show_the_same_second(mixed):
    film = mixed[0]
    assert np.array_equal(film.frames(8), film.frames(16)[::2])
    assert np.allclose(film.trajectory(8).position, film.trajectory(16).position[::2])


def test_velocities_are_the_slopes_of_positions(mixed):
    times = np.linspace(0.003, 0.99, 200)
    for film in mixed:
        (before, _), (after, _), (_, velocity) = film.at(times - 1e-6), film.at(times + 1e-6), film.at(times)
        slope = (after - before) / 2e-6
        impacts = np.array([e.time for e in film.events()] + [k / laws.HOPS for k in range(4)])
        quiet = np.abs(times[:, None] - impacts).min(1) > 1e-5
        assert np.allclose(slope[quiet], velocity[quiet], atol=1e-4), film


def test_nothing_leaves_the_picture_or_touches_what_it_should_not(mixed):
    for film in mixed:
        place, _ = film.at(np.linspace(0, 1, 41)[:-1])
        for i, thing in enumerate(film.objects):
            aside, down = laws.reach(thing)
            x, y = place[:, i].T
            assert x.min() - aside > -1e-6 and x.max() + aside < 1 + 1e-6 and y.max() + down < 1 + 1e-6, film
        if film.other and film.motion not in PAIRS:
            apart = np.hypot(*(place[:, 0] - place[:, 1]).T).min()
            assert apart > sum(RADII[o.size] for o in film.objects)


# --- the laws ---


def test_uniform_motion_has_one_velocity(each):
    for motion, (dx, dy) in UNIFORM.items():
        for film in each[motion]:
            velocity = film.trajectory(16).velocity[:, 0]
            assert np.ptp(velocity, axis=0).max() == 0
            assert velocity[0] @ (dx, dy) > 0 and velocity[0] @ (dy, dx) == 0


@pytest.mark.parametrize("motion", ["falls", "bounces", "flies"])
def test_energy_is_kept_in_the_air(motion, each):
    for film in each[motion]:
        ends = [0.0, *(e.time for e in film.events()), 1.0]
        for begin, end in zip(ends, ends[1:], strict=False):
            place, velocity = film.at(np.linspace(begin + 1e-6, end - 1e-6, 9))
            energy = (velocity[:, 0] ** 2).sum(1) / 2 - GRAVITY * place[:, 0, 1]
            assert np.ptp(energy) < 1e-9
            if motion == "falls" and begin:
                assert not velocity.any()


def test_a_bounce_is_at_the_floor_and_keeps_its_part_of_the_speed(each):
    for film in each["bounces"] + each["falls"]:
        (first, *_) = film.events()
        assert first.kind == "floor"
        (place, before), (_, after) = film.at([first.time - 1e-9]), film.at([first.time + 1e-9])
        assert place[0, 0, 1] + laws.reach(film.subject)[1] == pytest.approx(1, abs=1e-6)
        kept = laws.RESTITUTION if film.motion == "bounces" else 0
        assert after[0, 0, 1] == pytest.approx(-kept * before[0, 0, 1], abs=1e-6)
        assert after[0, 0, 0] == (before[0, 0, 0] if kept else 0)
        assert first.speed == pytest.approx(before[0, 0, 1] - after[0, 0, 1], abs=1e-6)


def test_momentum_and_energy_are_kept_in_a_bump(each):
    for film in each["bumps"]:
        (event,) = film.events()
        masses = np.array([laws.mass(o) for o in film.objects])
        (place, before), (_, after) = film.at([event.time - 1e-9]), film.at([event.time + 1e-9])
        assert (masses[:, None] * before[0]).sum(0) == pytest.approx((masses[:, None] * after[0]).sum(0))
        assert (masses * (before[0] ** 2).sum(1)).sum() == pytest.approx((masses * (after[0] ** 2).sum(1)).sum())
        reaches = sum(laws.reach(o)[0] for o in film.objects)
        assert abs(place[0, 0, 0] - place[0, 1, 0]) == pytest.approx(reaches, abs=1e-6)
        assert not before[0, 1].any() and after[0, 1, 0] * film.velocity[0] > 0


def test_circles_keep_their_radius_and_speed_and_turn_as_they_are_called(each):
    for motion, sign in TURNS.items():
        for film in each[motion]:
            told = film.trajectory(16)
            arm, velocity = told.position[:, 0] - film.centre, told.velocity[:, 0]
            assert np.ptp(np.hypot(*arm.T)) < 1e-9 and np.ptp(np.hypot(*velocity.T)) < 1e-9
            # y points down: clockwise as it is seen is a positive cross product
            assert (np.sign(arm[:, 0] * velocity[:, 1] - arm[:, 1] * velocity[:, 0]) == sign).all()
            assert np.allclose(velocity[0], film.velocity, atol=0.02)


def test_a_spring_pulls_what_swings(each):
    for film in each["swings"]:
        times = np.linspace(0.1, 0.9, 9)
        place, _ = film.at(times)
        acceleration = (film.at(times + 1e-5)[1] - film.at(times - 1e-5)[1]) / 2e-5
        assert np.allclose(acceleration[:, 0], -(laws.SWINGS**2) * (place[:, 0] - film.centre), atol=1e-4)


def test_what_passes_behind_vanishes_and_appears_again(each):
    for film in each["behind"]:
        gone, back = film.events()
        assert (gone.kind, back.kind) == ("vanishes", "appears") and gone.time < back.time
        visible = film.trajectory(16).visible
        assert visible[:, 0].min() < 0.25 and visible[0, 0] > 0.8 and (visible[:, 1] == 1).all()


@given(st.floats(0.2, 0.6), st.floats(0, 0.6), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_nothing_falls_through_the_floor(y, speed, restitution):
    path, touches = laws.gravity((0.5, y), (0.0, speed), 0.9, restitution)
    place, _ = path(np.linspace(0, 1, 101))
    assert place[:, 1].max() <= 0.9 + 1e-9
    assert [t.time for t in touches] == sorted(t.time for t in touches)


def test_gaits_differ_and_get_on():
    def shown(mood):
        film = moving("right", (0.3, 0.0), Object("star", "red", "small", 0.3, 0.5), mood=mood)
        return film.at(np.linspace(0, 1, 17)[:-1])[0][:, 0]

    neutral, joyful, sad, angry = (shown(mood) for mood in MOODS)
    assert np.ptp(neutral[:, 1]) == 0 < np.ptp(angry[:, 1]) < np.ptp(sad[:, 1]) and np.ptp(joyful[:, 1]) > 0.08
    assert all(a[-1, 0] > a[0, 0] + 0.08 for a in (neutral, joyful, sad, angry))
    assert sad[-1, 0] < neutral[-1, 0] and (np.diff(angry[:, 0]) < 0).any() and (np.diff(sad[:, 0]) >= 0).all()


# --- captions and questions ---


def test_every_caption_states_the_facts(mixed):
    rng = np.random.default_rng(0)
    for film in mixed:
        for text in (films.caption(film), films.caption(film, rng), films.caption(film, rng)):
            assert films.parse_caption(text) == films.facts(film), text


def test_captions_are_true_of_the_trajectories(mixed):
    for film in mixed:
        said, told = films.parse_caption(films.caption(film)), film.trajectory(16)
        way = told.position[-1, 0] - told.position[0, 0]
        if film.motion == "bumps":  # it may come back
            way = told.position[1, 0] - told.position[0, 0]
        assert (said.way is not None) == (said.motion in SIDEWAYS)
        assert said.way != "left" or way[0] < 0
        assert said.way != "right" or way[0] > 0
        if said.motion in UNIFORM:
            assert way @ UNIFORM[said.motion] > 0.1
        speeds = np.hypot(*told.velocity.transpose(2, 0, 1))
        if said.pace:
            assert (speeds[0, 0] > 0.4) == (said.pace == "quickly")
        assert said.role not in ("faster", "slower") or (speeds[0, 1] > speeds[0, 0]) == (said.role == "faster")
        assert said.role != "stays" or not speeds[:, 1].any()


def test_a_canonical_caption_reads_well():
    film = moving("bounces", (0.0, 0.2), Object("star", "red", "small", 0.4, 0.6))
    assert films.caption(film) == "a small red star bounces on the floor on a white background"
    assert films.still_caption(films.facts(film)) == "a small red star on a white background"
    assert films.motion_phrase("flies", "left") == "flies left in an arc"


@pytest.mark.parametrize(
    "text",
    [
        "a small red star moves left on a white background",  # how fast?
        "a small red star jumps on a white background",
        "a small red star falls to the floor",
        "a small red star passes left behind on a white background",
        "",
    ],
)
def test_what_is_no_caption_is_named(text):
    with pytest.raises(ValueError, match="no caption"):
        films.parse_caption(text)


def test_every_sentence_has_one_meaning():
    every = list(words._every())
    assert len(dict(every)) == len(set(every))


def test_answers_are_true_of_the_trajectories(mixed):
    rng = np.random.default_rng(0)
    kinds = set()
    for film in mixed:
        events = [e.kind for e in film.events()]
        asked = films.questions(film) + films.questions(film, rng)
        kinds |= {q.kind for q in asked}
        for q in asked:
            if "bounce" in q.text:
                assert (q.answer == "yes") == (film.motion == "bounces")
            elif q.text.startswith("does"):
                assert (q.answer == "yes") == ("floor" in events)
            elif q.kind == "hidden":
                assert (q.answer == "yes") == ("vanishes" in events)
            elif q.kind == "count":
                assert q.answer == ("zero", "one", "two", "three")[events.count("floor")]
            elif q.kind == "first" and " it " in q.text:
                story = films.story(film)
                one, two = q.text.removeprefix("what happens first, it ").removesuffix("?").split(" or it ")
                assert q.answer == min((one, two), key=story.index) and one != two
            elif q.kind == "faster":
                late = np.hypot(*film.at([0.99])[1][0].T)
                assert q.answer == film.objects[int(late.argmax())].colour
    assert kinds == set(words.KINDS)


def test_stories_follow_the_velocity(each):
    for film in each["bounces"] + each["swings"] + each["flies"]:
        axis = 0 if film.motion == "swings" else 1
        signs = np.sign(film.at(np.linspace(0, 1, 400)[:-1])[1][:, 0, axis])
        phases = signs[signs != 0][np.concatenate([[True], np.diff(signs[signs != 0]) != 0])]
        called = {"moves left": -1, "moves right": 1, "rises": -1, "falls": 1}
        assert [called[p] for p in films.story(film) if p in called] == phases.tolist(), film


# --- sound ---


def test_sound_is_one_second_not_too_loud_and_drawn_from_a_seed(mixed):
    for film in mixed[::7]:
        audio = films.soundtrack(film, np.random.default_rng(1))
        assert audio.dtype == np.float32 and audio.shape == (RATE,) and np.abs(audio).max() <= 0.7
        assert np.array_equal(audio, films.soundtrack(film, np.random.default_rng(1)))
    assert set(MATERIALS) == set(SHAPES)


@pytest.mark.parametrize("motion", ["falls", "bounces", "bumps"])
def test_impacts_sound_when_they_happen(motion, each, monkeypatch):
    """What is heard of impacts, the whirr taken away, begins within two milliseconds of the events."""
    for film in each[motion]:
        audio = films.soundtrack(film)
        with monkeypatch.context() as patch:
            patch.setattr("tinyworld.sounds.struck", lambda *_: np.zeros(1, np.float32))
            heard = np.abs(audio - films.soundtrack(film))
        assert np.flatnonzero(heard > 1e-4)[0] / RATE == pytest.approx(film.events()[0].time, abs=2e-3)
        assert all(heard[int(event.time * RATE) :][:800].max() > 0.02 for event in film.events())


def test_hops_are_heard():
    film = moving("right", (0.3, 0.0), Object("star", "red", "small", 0.3, 0.5), mood="joyful")
    audio = films.soundtrack(film)
    steep = np.abs(np.diff(audio)).reshape(-1, 3)[:5333].max(1)
    found, _ = find_peaks(np.convolve(steep, np.ones(100) / 100), height=steep.mean(), distance=1200)
    assert [e.kind for e in film.events()] == ["hop", "hop"] and len(found) >= 2


def test_what_comes_nearer_to_the_microphone_grows_louder():
    things = (Object("star", "red", "small", 0.25, 0.5), Object("star", "red", "small", 0.75, 0.5))
    moved = [moving("right", (0.5, 0.0), things[0]), moving("left", (-0.5, 0.0), things[1])]
    right, left = map(films.soundtrack, moved)

    def power(audio, part):
        return float((audio[part] ** 2).mean())

    first, last = slice(1000, 5000), slice(11000, 15000)
    assert power(right, last) > 2 * power(right, first) and power(left, first) > 2 * power(left, last)


def test_faster_things_whirr_higher_and_large_ones_lower():
    def pitch(speed, size):
        audio = films.soundtrack(moving("right", (speed, 0.0), Object("star", "red", size, 0.25, 0.5)))
        return np.abs(np.fft.rfft(audio[2000:14000] * np.hanning(12000))).argmax() * RATE / 12000

    assert pitch(0.5, "small") == pytest.approx(170 * 1.75, abs=2) and pitch(0.3, "small") == pytest.approx(
        170 * 1.45, abs=2
    )
    assert pitch(0.3, "large") == pytest.approx(pitch(0.3, "small") / 2, abs=2)


# --- the IMU ---


def test_at_rest_and_in_uniform_motion_only_gravity_is_felt():
    still = films.imu(moving("left", (-0.3, 0.0), other=Object("ring", "blue", "small", 0.8, 0.8)), who=1)
    assert np.allclose(still, [0, 9.81, 0, 0, 0, 0], atol=1e-5)
    ways = {"left": (0, -9.81), "right": (0, 9.81), "up": (9.81, 0), "down": (-9.81, 0)}
    for motion, (ahead, left) in ways.items():
        dx, dy = UNIFORM[motion]
        felt = films.imu(moving(motion, (0.3 * dx, 0.3 * dy)))
        assert felt.shape == (64, 6) and felt.dtype == np.float32
        assert np.allclose(felt[:, :2], (ahead, left), atol=1e-4) and np.allclose(felt[:, 3:], 0, atol=1e-5)


def test_nothing_is_felt_in_free_fall_and_a_landing_is_a_spike(each):
    for film in each["falls"]:
        felt, at = films.imu(film), int(film.events()[0].time * sensors.RATE)
        assert np.abs(felt[: at - 1, :2]).max() < 1e-3
        change = film.events()[0].speed * METRES * sensors.RATE
        assert np.hypot(*felt[at, :2]) == pytest.approx(change, rel=0.15, abs=15)
    for film in each["flies"]:
        assert np.abs(films.imu(film)[:, :2]).max() < 1e-3


def test_circles_are_felt_as_they_are_turned(each):
    for motion, sign in TURNS.items():
        for film in each[motion]:
            felt = films.imu(film)
            turning = np.hypot(*film.velocity) / np.hypot(*np.subtract((film.subject.x, film.subject.y), film.centre))
            assert np.allclose(felt[:, 5], -sign * turning, atol=0.05)  # z points out of the picture
            inwards = np.hypot(*film.velocity) * turning * METRES
            assert (-sign * felt[:, 1]).mean() == pytest.approx(inwards, rel=0.25)


def test_integrated_it_gives_the_velocity_back(each):
    for film in each["bounces"][:4] + each["bumps"][:4]:
        felt = films.imu(film).astype(float)
        edges = np.arange(65) / sensors.RATE
        velocity = film.at(edges)[1][:, 0]
        way = sensors.heading(velocity)
        here = (way[1:] + way[:-1]) / 2
        ahead, left = np.stack([np.cos(here), np.sin(here)], 1), np.stack([np.sin(here), -np.cos(here)], 1)
        force = felt[:, :1] * ahead + felt[:, 1:2] * left + (0, 9.81)
        gone = velocity[0] + np.cumsum(force, axis=0) / sensors.RATE / METRES
        assert np.allclose(gone, velocity[1:], atol=1e-3)


def test_noise_is_drawn_from_a_seed_and_objects_that_there_are_not_are_named():
    film = moving("left", (-0.3, 0.0))
    one, two = (films.imu(film, np.random.default_rng(k)) for k in (1, 2))
    assert np.array_equal(one, films.imu(film, np.random.default_rng(1))) and not np.array_equal(one, two)
    assert 0.05 < (one - films.imu(film))[:, 0].std() < 0.12
    with pytest.raises(ValueError, match="1 objects"):
        films.imu(film, who=1)


# --- the gallery ---


def test_the_gallery_is_an_animation(tmp_path):
    command = [sys.executable, "-m", "tinyworld", "films", "--out", str(tmp_path / "films.gif"), "--split", "test"]
    subprocess.run(command, check=True, capture_output=True)
    with Image.open(tmp_path / "films.gif") as shown:
        assert shown.n_frames == 16 and shown.info["duration"] > 0 and shown.info["loop"] == 0
