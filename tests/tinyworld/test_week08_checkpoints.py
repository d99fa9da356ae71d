"""The shipped models of films and senses are what their cards say."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from support import datasheet

import tinyworld
from tinyworld import films, senses
from tinyworld.films import MOTIONS
from tinyworld.train.binding import measure as binding
from tinyworld.train.mood import measure as mood
from tinyworld.train.video import measure as video

MEASURES = {"video": video, "binding": binding, "mood": mood}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def card(name: str) -> dict[str, float]:
    return json.loads((tinyworld.checkpoint(name) / "figures.json").read_text())


# --- the files ---


@pytest.mark.parametrize("name", MEASURES)
def test_it_is_small_half_precision_and_holds_no_pickle(name):
    files = [file for file in tinyworld.checkpoint(name).rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {".safetensors", ".json", ".md"}
    weights = [file for file in files if file.suffix == ".safetensors"]
    assert 0 < sum(file.stat().st_size for file in weights) <= 4.5e6
    for file in weights:
        with safe_open(file, "pt") as stored:
            assert {stored.get_tensor(key).dtype for key in stored.keys()} == {torch.float16}  # noqa: SIM118


def test_together_they_are_small():
    found = [f for name in MEASURES for f in tinyworld.checkpoint(name).rglob("*.safetensors")]
    assert sum(f.stat().st_size for f in found) <= 12e6


# How a figure is called in the index -> on the card.
INDEX = {
    "video": {"films": "films", "one frame": "one frame", "shuffled": "shuffled"},
    "binding": {"IMU to sound R@1": "felt, heard", "sound to IMU R@1": "heard, felt"},
    "mood": {"gait": "seen", "voice": "heard", "late": "late", "early": "early"},
}


@pytest.mark.parametrize("name", MEASURES)
def test_its_card_and_the_index_show_its_figures(name):
    text, figures = (tinyworld.checkpoint(name) / "README.md").read_text(), card(name)
    assert MEASURES[name].table(figures) in text and "/tmp" not in text and "/home" not in text
    shown = datasheet.shown(name)
    assert set(shown) == set(INDEX[name])
    for key, value in shown.items():
        assert value == round(100 * figures[INDEX[name][key]], 1), key


# --- motions ---


def test_motions_are_told_by_films_and_not_by_frames():
    figures = card("video")
    assert figures["films"] >= 0.95 and figures["compositional"] >= 0.93 and figures["one frame"] <= 0.35
    found = video.accuracies(video.load(tinyworld.checkpoint("video")), films.films("test", 150, 5))
    for name in ("films", "one frame", "shuffled", "reversed"):
        assert abs(found[name] - figures[name]) < 0.12, name


def test_what_runs_backwards_goes_the_other_way():
    model = video.load(tinyworld.checkpoint("video"))
    for motion, other in (("left", "right"), ("clockwise", "anticlockwise"), ("up", "down")):
        frames = video.shot(films.films("test", 12, 6, motion, objects=1)).flip(1)
        said = video.scores(model, frames).argmax(1)
        assert (said == MOTIONS.index(other)).float().mean() > 0.7


# --- senses ---


def test_sounds_and_imu_find_each_other():
    figures = card("binding")
    assert min(figures["felt, heard"], figures["heard, felt"]) >= 0.5 > 0.1 > figures["control"]
    found = binding.retrieval(senses.load_binder(), senses.load_eye(), "test", 2)
    assert found["felt, heard"] > 0.4 and found["control"] < 0.15


def test_noise_is_no_films_sound():
    eye, model = senses.load_eye(), senses.load_binder()
    vectors = binding.embedded(model, eye, "test", 0)
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        noise = model(heard=senses.heard(0.05 * rng.standard_normal((8, 16000)).astype(np.float32)))["heard"]
    own = (vectors["seen"] * vectors["heard"]).sum(1).mean()
    assert own > (vectors["seen"] @ noise.T).mean() + 0.2


# --- moods ---


def test_moods_are_told_by_each_sense_and_better_by_both():
    figures = card("mood")
    assert figures["seen"] >= 0.9 and figures["heard"] >= 0.8
    assert max(figures["early"], figures["late"]) >= max(figures["seen"], figures["heard"]) - 0.02
    found = mood.accuracies(senses.load_mood(), senses.load_eye(), "test")
    assert found == pytest.approx(figures, abs=0.06)


def test_in_conflict_the_answer_is_one_of_the_two():
    figures = card("mood")
    for way in mood.BELIEVED:
        assert figures[f"{way}: voice"] + figures[f"{way}: gait"] >= 0.75
