"""The task of three senses is true to its scenes; each fusion does without what is missing."""

import json

import numpy as np
import pytest
import torch

from tinyworld import fusion, pointing
from tinyworld.fusion import Fusion
from tinyworld.train.__main__ import parse
from tinyworld.train.trimodal import measure, recipe
from tinyworld.vocabulary import COLOURS


@pytest.fixture
def voices(monkeypatch):
    """A tone for each colour in the place of recordings, so that the recipe is tested without them."""
    time = np.arange(4000) / pointing.RATE
    tones = {c: (np.sin(2 * np.pi * (300 + 200 * i) * time).astype(np.float32),) for i, c in enumerate(COLOURS)}
    monkeypatch.setattr(pointing, "spoken", lambda split: tones)


def inputs(n: int = 6, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(n, 16, 128, generator=generator)
    text = pointing.token_ids(["the left shape"] * n)
    audio = torch.randn(n, pointing.FRAMES // pointing.TOGETHER, pointing.TOGETHER * pointing.MELS, generator=generator)
    return image, text, audio


def test_the_words_name_the_object_that_is_meant():
    tasks = pointing.pointed("train", 80)
    sides = {"left": "left of", "right": "right of", "upper": "above", "lower": "below"}
    for task in tasks:
        thing, other = task.scene.objects[task.meant], task.scene.objects[1 - task.meant]
        assert task.shape == thing.shape != other.shape == task.other and task.colour == thing.colour != other.colour
        relation = task.scene.relation()[1]
        if task.meant == 1:
            relation = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}[relation]
        (side,) = [side for side in sides if side in task.text.split()]
        assert sides[side] == relation
    assert {task.meant for task in tasks} == {0, 1}
    assert (pointing.token_ids([t.text for t in tasks]) > 0).sum(1).min() >= 3


def test_spoken_words_become_tokens_that_differ(voices):
    rng = np.random.default_rng(0)
    waves = pointing.say(["red", "red", "blue"], "train", rng, noise=30.0)
    tokens = pointing.audio_tokens(waves)
    assert tokens.shape == (3, pointing.FRAMES // pointing.TOGETHER, pointing.TOGETHER * pointing.MELS)
    assert tokens.isfinite().all() and tokens.abs().max() < 10
    band = tokens.view(3, -1, pointing.MELS).mean(1).argmax(1)
    assert band[0] == band[1] < band[2]  # the higher colour


def test_the_recordings_give_every_colour_in_both_splits():
    pytest.importorskip("tinyworld.speech")
    for split in pointing.RECORDINGS:
        sounds = pointing.spoken(split)
        assert min(len(several) for several in sounds.values()) >= 15
        assert all(0.1 <= len(s) / pointing.RATE <= pointing.SECONDS for several in sounds.values() for s in several)
    heard = {id(sound) for several in pointing.spoken("train").values() for sound in several}
    assert not heard & {id(sound) for several in pointing.spoken("test").values() for sound in several}


@pytest.mark.parametrize("kind", fusion.KINDS)
def test_what_is_missing_changes_nothing_and_what_is_there_does(kind):
    torch.manual_seed(0)
    model = Fusion(kind, width=32, layers=1).eval()
    image, text, audio = inputs()
    there = torch.ones(6, 3, dtype=torch.bool)
    with torch.no_grad():
        assert model(image, text, audio, there).shape == (6, 6)
        for i, name in enumerate(pointing.MODALITIES):
            less = there.clone()
            less[:, i] = False
            changed = [image, text, audio]
            changed[i] = changed[i].flip(0).flip(1) if i != 1 else (text + 1) % 10
            assert torch.allclose(model(*changed, less), model(image, text, audio, less), atol=1e-5), name
            assert not torch.allclose(model(*changed, there), model(image, text, audio, there), atol=1e-3), name


def test_late_fusion_is_the_mean_of_those_that_are_there():
    torch.manual_seed(0)
    model = Fusion("late", width=32, layers=1).eval()
    parts = inputs()
    alone = []
    with torch.no_grad():
        for i in range(3):
            there = torch.zeros(6, 3, dtype=torch.bool)
            there[:, i] = True
            alone.append(model(*parts, there))
        whole = model(*parts, torch.ones(6, 3, dtype=torch.bool))
    assert torch.allclose(whole, sum(alone) / 3, atol=1e-5)


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="early, late, cross"):
        Fusion("middle")


def test_a_run_writes_every_model_with_its_figures_and_goes_on(tmp_path, voices):
    options = "--steps 2 --batch 8 --pool 24 --width 32 --layers 1 --threads 1 --scenes 16 --save-every 0"
    tiny = ["trimodal", *options.split()]
    tiny += ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--look-every", "1000"]
    recipe.run(parse(tiny))
    weights = fusion.load(tmp_path / "out", "early").state_dict()
    recipe.run(parse([*tiny, "--export"]))
    again = fusion.load(tmp_path / "out", "early").state_dict()
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert {key.split("/")[0] for key in figures} == set(recipe.NAMES)
    text = (tmp_path / "out" / "README.md").read_text()
    assert measure.table(figures) in text and "{" not in text and str(tmp_path) not in text
    with pytest.raises(KeyError, match="early, dropout"):
        fusion.load(tmp_path / "out", "middle")


def test_where_modalities_are_left_out_no_task_is_left_without_words(voices):
    pool = recipe.Pool(24, 64, 0)
    (_, _, _, there), _ = pool(0, left_out=True)
    assert not there.all() and there[:, 1:].any(1).all()
    (_, _, _, whole), wanted = pool(0, left_out=False)
    assert whole.all() and len(wanted) == 64
    again = pool(0, left_out=False)
    assert torch.equal(again[1], wanted)
