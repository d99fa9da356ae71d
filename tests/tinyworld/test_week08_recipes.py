"""The recipes of week 8's films and senses train, go on where they were stopped, and write what is read again.

Where espeak-ng is not installed a stand-in speaks: a tone for every letter. The classifier by which the others see is
an untrained one.
"""

import json

import numpy as np
import pytest
import torch
from diffusers import MotionAdapter, UNetMotionModel
from support import recipes
from transformers import VideoMAEForVideoClassification

from tinyworld import films, motion, senses
from tinyworld.films import MOODS, MOTIONS, facts, soundtrack
from tinyworld.train import reels
from tinyworld.train.__main__ import RECIPES, parse
from tinyworld.train.binding import measure as binding_measure
from tinyworld.train.binding import recipe as binding
from tinyworld.train.mood import measure as mood_measure
from tinyworld.train.mood import recipe as mood
from tinyworld.train.motion import measure as motion_measure
from tinyworld.train.motion import recipe as motion_recipe
from tinyworld.train.reels import Reels
from tinyworld.train.video import measure as video_measure
from tinyworld.train.video import recipe as video
from tinyworld.train.whisper import espeak

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
REST = " --threads 1 --device cpu --save-every 0 --look-every 1000"
TINY = {
    "video": "video --steps 4 --batch 8 --pool 12 --uses 2 --width 32 --layers 1 --scenes 12" + REST,
    "motion": "motion --steps 4 --batch 2 --pool 4 --uses 2 --scenes 2" + REST,
    "binding": "binding --steps 4 --batch 8 --pool 12 --uses 2 --width 32 --scenes 1" + REST,
    "mood": "mood --steps 4 --batch 6 --pool 16 --uses 2 --width 32 --scenes 12" + REST,
}


@pytest.fixture(scope="module")
def eye() -> VideoMAEForVideoClassification:
    torch.manual_seed(0)
    return video.build_model(128, 1).eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch, eye):
    monkeypatch.setattr(espeak, "say", recipes.tones)
    monkeypatch.setattr(senses, "load_eye", lambda folder=None: eye)


# --- all of them ---


@pytest.mark.parametrize("name", TINY)
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(name, tmp_path, monkeypatch):
    recipes.goes_on(name, TINY[name].split(), tmp_path, monkeypatch)


@pytest.mark.parametrize("name", TINY)
def test_nothing_to_export_is_named(name, tmp_path):
    recipes.names_what_is_missing(TINY[name].split(), tmp_path)


@pytest.mark.parametrize("name", TINY)
def test_what_is_written_is_read_again_and_its_card_shows_what_was_measured(name, tmp_path):
    recipe = RECIPES[name]
    recipe.run(parse([*TINY[name].split(), "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]))
    folder = tmp_path / "out"
    figures = json.loads((folder / "figures.json").read_text())
    text = (folder / "README.md").read_text()
    assert recipe.measure.table(figures) in text and "{" not in text and str(tmp_path) not in text
    assert f"`python -m tinyworld.train {name} --steps 4" in text
    if name == "motion":
        assert MotionAdapter.from_pretrained(folder).dtype == torch.float32
        pipe, words = motion.load(folder)
        assert isinstance(pipe.unet, UNetMotionModel) and not words.training
    else:
        read = {"video": VideoMAEForVideoClassification.from_pretrained, "binding": senses.load_binder}
        model = (read | {"mood": senses.load_mood})[name](folder)
        assert all(torch.isfinite(weight).all() for weight in model.parameters())


# --- films ---


def test_mirrored_films_are_called_by_what_they_show():
    reel = Reels(24, 48, 2, 0)(0)
    place, speed = reel.places()
    for i, film in enumerate(reel.films):
        named = MOTIONS[reel.motions[i]]
        frames = film.frames(8)[:, :, ::-1] if reel.mirrored[i] else film.frames(8)
        assert np.array_equal(reel.frames[i].permute(0, 2, 3, 1).numpy(), frames)
        if named in ("left", "right") and film.mood == "neutral":
            assert (speed[i, :, 0] > 0).all() == (named == "right")
        assert (place[i] >= 0).all() and (place[i] <= 1).all()
    assert reel.mirrored.any() and not reel.mirrored.all()
    assert {film.mood for film in Reels(48, 48, 2, 0)(0).films} == set(MOODS)


def test_mirroring_twice_names_the_same():
    assert all(reels.MIRRORED[other] == name for name, other in reels.MIRRORED.items())


# --- motions ---


def test_tubelets_belong_to_their_slices():
    """Without attention, what changes one frame changes the four by four tubelets of its slice, and no other."""
    torch.manual_seed(0)
    model = video.build_model(128, 0)
    frames = torch.rand(1, 8, 3, 64, 64)
    other = frames.clone()
    other[:, 5] = 0
    before, after = (model.videomae(f).last_hidden_state.unflatten(1, (4, 16)) for f in (frames, other))
    changed = (before - after).abs().sum((0, 3)) > 0
    assert changed[2].all() and changed.sum() == 16


@pytest.mark.parametrize("way", video_measure.WAYS)
def test_changed_films_have_frames_of_the_film(way):
    frames = torch.arange(3 * 8).view(3, 8, 1, 1, 1).expand(3, 8, 3, 4, 4)
    found = video_measure.changed(frames, way, torch.Generator().manual_seed(0))[:, :, 0, 0, 0]
    whole = frames[:, :, 0, 0, 0]
    assert found.shape == whole.shape
    if way == "one frame":
        assert (found == found[:, :1]).all() and not torch.equal(found, whole)
    else:
        assert torch.equal(found.sort(1).values, whole)
        assert torch.equal(found, whole) == (way == "films")


# --- text to film ---


def test_a_new_motion_module_changes_nothing():
    painter = motion_recipe.load_painter()
    unet = motion_recipe.inflated(painter)
    latents, states = torch.randn(2, 8, 8, 8, 8), torch.randn(2, 36, 128).repeat_interleave(8, 0)
    with torch.no_grad():
        moved = unet(latents, 500, states).sample.transpose(1, 2).flatten(0, 1)
        still = painter.unet(latents.transpose(1, 2).flatten(0, 1), 500, states).sample
    assert torch.allclose(moved, still, atol=2e-5)
    learnt = {name.split(".")[0] for name, p in unet.named_parameters() if p.requires_grad}
    assert learnt and all("motion_modules" in n for n, p in unet.named_parameters() if p.requires_grad)


def test_what_is_told_names_motion_way_and_pace():
    those = [facts(film) for film in films.films("test", 40, 0, objects=1)]
    seen = {tuple(motion.told(told)) for told in those}
    assert len(seen) > 10 and motion.told(None)[0] == len(MOTIONS)
    words = motion.MotionWords(16)
    assert words(torch.tensor([motion.told(those[0]), motion.told(None)])).shape == (2, motion.TOKENS, 16)


def test_true_films_are_what_was_told_and_still_ones_are_not():
    those = films.films("test", 10, 3, objects=1)
    told = [facts(film) for film in those]
    true = motion_measure.summary(np.stack([film.frames(8) for film in those]), told)
    assert true["identity"] > 0.9 and true["all right"] >= 0.9 and true["residual"] < 0.5
    still = motion_measure.summary(np.stack([np.repeat(film.frames(8)[:1], 8, 0) for film in those]), told)
    assert still["all right"] == 0 and still["direction"] == 0


# --- senses ---


def test_a_film_gives_its_sound_or_its_imu_and_never_both():
    data = binding.Pairs(8, 12, 2, 0)
    pool = data.drawn(0)
    shown = {name: {tuple(row.flatten()[:16].tolist()) for row in seen} for name, (seen, _) in pool.items()}
    assert not shown["heard"] & shown["felt"] and len(shown["heard"]) == len(shown["felt"]) == 6
    batch = data(0)
    assert batch["heard"][1].shape == (4, 64, senses.MELS) and batch["felt"][1].shape == (4, 64, 6)


def test_who_guesses_finds_by_chance(eye):
    model = senses.Binder(256, 32)
    found = binding_measure.retrieval(model.eval(), eye, "test", 1)
    assert set(found) == set(binding_measure.PAIRS) and max(found.values()) < 0.2


def test_a_gait_comes_with_a_voice_of_its_mood(eye):
    data = mood.Acted(6, 16, 2, 0)
    seen, heard, moods = data(0)
    assert seen.shape == (6, 4, 256) and heard.shape == (6, 320, senses.MELS) and moods.max() < len(MOODS)
    heard, moods = mood_measure.voiced()
    assert len(moods) == 72 and torch.bincount(moods).tolist() == [18] * 4
    assert mood_measure.walking(eye, moods[:8], "test").shape == (8, 4, 256)


def test_late_fusion_is_the_mean_of_log_probabilities():
    model = senses.MoodClassifier(256, 32).eval()
    found = model(torch.randn(3, 4, 256), torch.randn(3, 320, senses.MELS))
    assert torch.allclose(found["late"], (found["seen"].log_softmax(1) + found["heard"].log_softmax(1)) / 2)
    assert set(found) == set(mood_measure.WAYS)


def test_a_spectrogram_shows_the_whirr_of_what_moves():
    film = films.films("train", 1, 0, "right", objects=1)[0]
    shown = senses.heard(soundtrack(film)[None])
    assert shown.shape == (1, 64, senses.MELS) and torch.isfinite(shown).all()
    assert shown[0, 10:50].std(0).mean() < shown[0, 10:50].std(1).mean()  # bands differ more than times


def test_spikes_are_squeezed_and_small_values_are_kept():
    small = torch.full((1, 64, 6), 0.01)
    assert torch.allclose(senses.felt(small), small / torch.tensor(senses.FELT), rtol=1e-3)
    assert senses.felt(torch.full((1, 64, 6), 500.0)).max() < 8


def test_what_does_not_fit_is_named(eye):
    with pytest.raises(ValueError, match="films are uint8"):
        senses.seen(eye, np.zeros((2, 8, 3, 64, 64), np.uint8))
    with pytest.raises(ValueError, match="sounds are float32"):
        senses.heard(np.zeros(16000, np.float32))
    assert len(senses.voice(np.zeros(10, np.float32))) == len(senses.voice(np.zeros(10**6, np.float32))) == 80000
