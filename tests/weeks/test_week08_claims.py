"""What week 8 says of its figures, held to the numbers that they are drawn from."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support.claims import claim

from video_lab import binding, feeling, measuring, moving, plots, watching
from video_lab.checks import library

WEEK = "week08_video"


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(plots, "show", lambda figure, alt: None)
    monkeypatch.setattr(plots.Sheet, "show", lambda sheet, alt: None)


@claim(
    WEEK,
    "So the end of the row, four columns away, looks nearer than the tubelet right below, and the same place in the "
    "next slice is farther still.",
)
def test_a_code_that_counts_tokens():
    column, row, following, end = plots.show_places(library.positions).values()
    assert column > end > row > following


@claim(
    WEEK,
    "From tokens of one frame it is as good as luck",
    "From tokens of two frames the way is told in more than half of the films, by kernels that never learnt anything. "
    "With the frames shuffled most of the gain is gone.",
)
def test_order_is_what_tells_the_way():
    one, two, shuffled = measuring.ways_told(library.tubelets).values()
    assert 0.15 < one < 0.35 and two > 0.55 and shuffled - one < (two - one) / 2


@claim(
    WEEK,
    "Time alone reaches the patch's own place in all frames, space alone its own frame. One after the other they reach "
    "every patch of the film, for an eighth of the pairs that joint attention would compare.",
    "A film of 8 frames with 196 patches has 1,568 tokens, and attention compares each with each: two and a half "
    "million pairs",
)
def test_both_halves_reach_everything():
    assert list(plots.show_reach(library.divided).values()) == [4, 16, 64]
    joint, divided = measuring.pairs(196, 8)
    assert 8 * 196 == 1568 and 2.4e6 < joint < 2.6e6 and 7 < joint / divided < 9


@claim(
    WEEK,
    "With a new choice in each slice copying alone restores nearly half of the things that were hidden",
    "Under a tube copying restores nothing at all. VideoMAE's loss says the same: copying from other slices costs less "
    "than half of what it costs to say nothing, and under a tube nearly all of it.",
)
def test_tubes_do_not_leak():
    tube, nothing, slices = measuring.losses(library.tube_mask, library.masked_pixels, 48).values()
    assert slices < nothing / 2 and 0.8 * nothing < tube < nothing
    found = measuring.leaks(library.tube_mask)
    assert 0.4 < found["new in each slice"] < 0.55 and found["a tube"] == 0


@claim(
    WEEK,
    "On the film that stands still both kernels say what the picture's kernel says. On the one that moves only the one "
    "in the middle frame still does",
)
def test_a_spread_kernel_sees_three_edges():
    spread, middle = measuring.edges_off(library.inflate).values()
    assert max(spread["still"], middle["still"], middle["moving"]) < 1e-5 and spread["moving"] > 0.5


@claim(
    WEEK,
    "a motion module changes the painter's answer by about a sixth",
    "With zeros nothing changes",
)
def test_zeros_change_nothing():
    assert measuring.opened(library.motion_module)[0.0] == 0
    made, zero = measuring.beginning().values()
    assert 0.13 < made < 0.21 and zero < 1e-5


@claim(
    WEEK,
    "The match falls with the distance and rises again, as a sum of waves does, and not quite alike along time and "
    "along the columns",
    "Wherever the two stand, at the same distance it is the same number.",
)
def test_only_distance_counts():
    scores = measuring.matches(library.rotary3d)
    assert plots.spread(scores) < 1e-3
    along, across = scores[0, 0, 0, :6, 0, 0], scores[0, 0, 0, 0, 0, :6]
    assert abs(along - across).max() > 1 and abs(along[0] - across[0]) < 1e-3
    assert all(line[0] > line[3] + 4 and line[5] > line[3] + 2 for line in (along, across))


@claim(
    WEEK,
    "Real films leave about a tenth of a pixel, which is how well places are found. Shuffled frames and frames "
    "drawn one by one leave more than ten pixels.",
    "where the thing vanishes for two frames the residual is as small as in a real film",
)
def test_what_no_law_explains():
    found = watching.lawfulness(library.follow, library.residual_acceleration)
    assert 0.03 < found["real"].residual < 0.2 and found["vanishing"].residual < 0.2
    assert min(found["shuffled"].residual, found["drawn one by one"].residual) > 10
    assert found["vanishing"].missing == 0.25 and found["real"].missing == 0


@claim(
    WEEK,
    "Even steps show the long scene three times and leave short ones out.",
    "The centres show nearly every scene once, whether it lasts twenty frames or two.",
)
def test_centres_show_every_scene():
    found = watching.scenes_shown(library.key_frames)
    assert found["k centres"] > 0.95 and found["even steps"] < 0.75
    film = watching.long_film(3)
    even = film.scene[watching.even(len(film.frames), len(watching.LENGTHS))].tolist()
    assert max(even.count(scene) for scene in even) == 3 and max(watching.LENGTHS) > 20 and min(watching.LENGTHS) == 2


@claim(
    WEEK,
    "With eight films on each side two sets of real films are farther apart than real and shuffled ones are with 256.",
    "The distance falls as sets grow, and has not reached 0 at the end.",
    "the shuffled ones stay apart",
)
def test_few_films_lie():
    real, shuffled = watching.distances(library.frechet, library.tubelets).values()
    assert real[8] > shuffled[256] and list(real.values()) == sorted(real.values(), reverse=True) and real[256] > 1
    assert shuffled[256] > 2 * real[256]


@claim(
    WEEK,
    "Late fusion tells more moods than either sense alone. The early judge is no better than the voice alone, but "
    "it goes on where the sound is cut off, at half right where luck is a quarter.",
)
def test_two_senses_tell_more():
    found = feeling.fused(library.late, library.early)
    alone = max(found["gait alone"], found["voice alone"])
    assert found["late fusion"] > alone + 0.02 and found["early fusion"] <= found["voice alone"] + 0.03
    assert 0.42 < found["early, no sound"] < 0.6


@claim(
    WEEK,
    "In conflict the weight alone decides who is believed",
    "In the middle about a third of the answers are a mood that *neither* of the two acted, and the mean chance it is "
    "given is still about 60 %.",
)
def test_a_conflict_is_not_seen():
    found = feeling.conflict(library.late, library.early)
    assert found.voice[0] > 0.6 > 0.2 > found.gait[0] and found.gait[-1] > 0.6 > 0.2 > found.voice[-1]
    middle = found.trust.index(0.5)
    neither = 1 - found.gait[middle] - found.voice[middle]
    assert 0.25 < neither < 0.42 and 0.54 < found.sure[middle] < 0.68


@claim(
    WEEK,
    "With gates of 0 each token is what it was: the diagonal, and nothing else.",
    "Open, everything changes with everything, the words with the film too.",
)
def test_gates_let_words_and_film_meet():
    shut, opened = plots.show_meeting(library.spacetime_block).values()
    assert (shut > 1e-6).tolist() == np.eye(9, dtype=bool).tolist() and (opened > 1e-3).all()


@claim(
    WEEK,
    "Going evenly feels like lying still, 9.81 m/s² all the while; in the air nothing is felt, whether it goes up or "
    "down, and on the floor for a moment more than sixty times one's weight. On the exact way your function says the "
    "same.",
    "half a pixel is 5 cm, and a second difference at sixteen places a second makes some 30 m/s² of it.",
)
def test_what_a_sensor_feels():
    found = {motion: binding.felt(library.specific_force, motion) for motion in ("right", "bounces", "clockwise")}
    assert np.abs(found["right"].sensor - 9.81).max() < 0.1
    air = found["bounces"].sensor < 1
    assert air.mean() > 0.9 and found["bounces"].sensor.max() > 60 * 9.81
    for one in found.values():
        off = np.abs(one.sensor - one.exact)
        assert np.median(off) < 0.5
    assert np.abs(found["right"].exact - 9.81).max() < 0.1
    assert pytest.approx(0.05, abs=0.005) == binding.METRES / 64 * binding.BLUR
    rest = binding.METRES / 64 * binding.BLUR * np.sqrt(6) * binding.SEEN**2  # of one axis
    assert 20 < rest < 40 and all(15 < np.median(found[m].read) < 45 for m in ("right", "bounces"))


@claim(
    WEEK,
    "nine in ten sounds are found after forty steps, by what is felt as well as by pictures, though no sound and no "
    "sensor ever met.",
    "Where the sensors had been bound to pictures of *other* things they find nothing",
)
def test_pictures_bind():
    for seed in range(3):
        found = binding.bound(library.bound_loss, seed=seed)
        at = found.steps.index(40)
        assert min(found.paired[at:]) > 0.85 and min(found.never[at:]) > 0.85 and max(found.wrong) < 0.1


@claim(
    WEEK,
    "The network tells more than nine in ten films. Shuffled it tells hardly more of them than from one frame, and of "
    "two ways that are each other's way back it calls the wrong one as often as the right. Backwards it calls most "
    "films that go one way by the way back, and that is what they now show.",
)
def test_order_is_what_the_network_sees():
    told, which = moving.order_told(library.tubelets, library.positions)
    assert told["as they are"] > 0.9 and which["as they are"] > 0.9
    assert told["shuffled"] < told["one frame"] + 0.1 and 0.35 < which["shuffled"] < 0.65
    assert which["backwards"] < 0.25


@claim(
    WEEK,
    "BLIP names the things of nearly every scene, and nothing of what they do: it saw one frame.",
    "Side by side they tell more than four in five scenes.",
)
def test_two_networks_tell_a_film():
    found = moving.told(library.key_frames)
    assert found.things > 0.9 and found.both > 0.8
    film = watching.long_film(2, moving.LENGTHS)
    verbs = r"\b(moves?|goes|falls?|bounces?|flies|circles|swings?|passes|bumps?|rises|sinks)\b"
    features = watching.clip_features(film.frames)
    for event in moving.events(film.frames, library.key_frames(features, 3), features):
        assert not re.search(verbs, event.said)


def test_the_first_layer_may_be_anybodys():
    pixels, _ = moving._asked(2)
    assert moving.motions_of(pixels) == moving.motions_of(pixels, library.tubelets, library.positions)
