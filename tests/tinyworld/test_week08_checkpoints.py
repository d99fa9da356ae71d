"""The shipped models of films and senses are what their cards say."""

import json

import pytest
import torch
from safetensors.torch import load_file
from support import datasheet

import tinyworld
from coursekit import models
from tinyworld.films import films
from tinyworld.train.video import measure as video

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def card(name: str) -> dict[str, float]:
    return json.loads((tinyworld.checkpoint(name) / "figures.json").read_text())


def test_weights_are_half_precision_and_small():
    file = tinyworld.checkpoint("video") / "model.safetensors"
    assert file.stat().st_size < 4.5e6
    assert {weight.dtype for weight in load_file(file).values()} == {torch.float16}


def test_the_card_and_the_index_show_the_figures():
    text, figures = (tinyworld.checkpoint("video") / "README.md").read_text(), card("video")
    assert video.table(figures) in text and "/tmp" not in text
    names = {"motions told": "films", "from one frame": "one frame", "shuffled": "shuffled"}
    assert datasheet.shown("video") == {name: round(100 * figures[key], 1) for name, key in names.items()}


def test_motions_are_told_from_films_and_not_from_a_frame():
    """On films that neither the training nor the card's figures saw."""
    found = video.accuracies(models.load("video", "tiny", "cpu").model, films("test", 240, 77))
    shown = card("video")
    assert found["films"] >= 0.88 and found["films"] == pytest.approx(shown["films"], abs=0.05)
    assert found["one frame"] <= 0.35 and found["one frame"] == pytest.approx(shown["one frame"], abs=0.08)
    assert found["shuffled"] <= 0.35 and found["reversed"] < 0.5


def test_colours_and_shapes_that_never_came_together_cost_little():
    assert card("video")["compositional"] > card("video")["films"] - 0.05
