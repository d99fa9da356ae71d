"""Week 5's shipped models are what their cards say: LLaVA, Flamingo, three connectors, classifiers of three senses."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from support import datasheet
from transformers import CLIPModel, IdeficsForVisionText2Text, LlavaForConditionalGeneration

import tinyworld
from tinyworld import connectors, fusion
from tinyworld.albums import KINDS, album
from tinyworld.train.connectors import measure as measure_connectors
from tinyworld.train.flamingo import measure as measure_flamingo
from tinyworld.train.llava import measure as measure_llava
from tinyworld.train.trimodal import measure as measure_trimodal

SAMPLE = 128  # scenes or albums a figure
MEASURES = {
    "llava": measure_llava,
    "flamingo": measure_flamingo,
    "connectors": measure_connectors,
    "trimodal": measure_trimodal,
}
MEGABYTES = {"llava": 16, "flamingo": 10, "connectors": 3, "trimodal": 3}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def card(name: str) -> dict[str, float]:
    return json.loads((tinyworld.checkpoint(name) / "figures.json").read_text())


def near(measured: float, written: float) -> bool:
    """Whether a share on a sample is what one expects of the share on the card."""
    return abs(measured - written) < 0.01 + 4 * (max(written * (1 - written), 0.004) / SAMPLE) ** 0.5


@pytest.fixture(scope="module")
def chatter() -> measure_llava.Chatter:
    return measure_llava.load(tinyworld.checkpoint("llava"))


@pytest.fixture(scope="module")
def reader() -> measure_flamingo.Reader:
    return measure_flamingo.load(tinyworld.checkpoint("flamingo"))


# --- the files ---


@pytest.mark.parametrize("name", MEASURES)
def test_they_are_small_half_precision_and_hold_no_pickle(name):
    files = [f for f in tinyworld.checkpoint(name).rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= MEGABYTES[name] * 1e6
    assert {f.suffix for f in files} <= {".safetensors", ".json", ".jinja", ".md"}
    for file in (f for f in files if f.suffix == ".safetensors"):
        with safe_open(file, "pt") as weights:
            assert {weights.get_tensor(key).dtype for key in weights.keys()} == {torch.float16}  # noqa: SIM118


@pytest.mark.parametrize(
    ("name", "kind"), [("llava", LlavaForConditionalGeneration), ("flamingo", IdeficsForVisionText2Text)]
)
def test_each_class_finds_all_its_weights_and_no_others(name, kind):
    _, report = kind.from_pretrained(tinyworld.checkpoint(name), output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def test_both_see_with_the_courses_clip(chatter, reader):
    clip = CLIPModel.from_pretrained(tinyworld.checkpoint("clip"), dtype=torch.float32).vision_model.eval()
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    tower = chatter.model.model.vision_tower
    with torch.no_grad():
        wanted = clip(pixel_values=pixels).last_hidden_state
        for found in (tower(pixels).last_hidden_state, reader.model.model.vision_model(pixels).last_hidden_state):
            assert torch.allclose(found, wanted, atol=2e-3)


@pytest.mark.parametrize("name", MEASURES)
def test_the_cards_show_the_figures(name):
    text = (tinyworld.checkpoint(name) / "README.md").read_text()
    assert MEASURES[name].table(card(name)) in text
    assert "license: mit" in text and "/home" not in text and "/tmp" not in text


# --- LLaVA ---


def test_questions_are_answered_and_pointed_at(chatter):
    written, figures = card("llava"), measure_llava.answering(chatter, tinyworld.scenes("test", SAMPLE, seed=77))
    for name, value in figures.items():
        assert near(value, written[f"test/{name}"]), (name, value)
    assert all(written[f"test/{kind}"] >= 0.95 for kind in ("colour", "shape", "count", "yes/no"))
    assert written["test/relation"] >= 0.85 and written["test/where"] >= 0.85
    assert written["test/turn 4"] >= 0.9


def test_beside_another_picture_the_answers_are_guesses(chatter):
    figures = measure_llava.controls(chatter, tinyworld.scenes("test", SAMPLE, seed=78))
    assert figures["picture exchanged"] < 0.5
    assert figures["says yes where yes"] > 0.9 > 0.1 > figures["says yes where no"]


def test_any_picture_can_be_asked_about(chatter):
    wide = Image.new("RGB", (300, 200), (255, 0, 0))
    text = chatter.processor.apply_chat_template(
        measure_llava.messages([], "what do you see?"), add_generation_prompt=True
    )
    inputs = chatter.processor(images=[wide], text=[text], return_tensors="pt")
    assert chatter.model.generate(**inputs, max_new_tokens=4).shape[1] > inputs["input_ids"].shape[1]


# --- Flamingo ---


def test_albums_are_read(reader):
    written, rng = card("flamingo"), np.random.default_rng(77)
    for kind in KINDS:
        value = measure_flamingo.share(reader, [album("test", kind, rng) for _ in range(SAMPLE)])
        on_card = written["test/examples 3" if kind == "examples" else f"test/{kind}"]
        assert near(value, on_card), (kind, value)
        assert on_card >= (0.8 if kind == "one of them" else 0.9), kind


def test_beside_other_pictures_the_albums_are_guesses(reader):
    assert measure_flamingo.exchanged(reader, SAMPLE) < 0.5
    assert card("flamingo")["test/examples 0"] < 0.3  # nothing tells what is asked


# --- connectors, and three senses ---


@pytest.mark.parametrize("kind", connectors.KINDS)
def test_every_connector_answers_as_its_card_says(kind):
    chatter = measure_connectors.load(tinyworld.checkpoint("connectors") / kind)
    written = card("connectors")
    for name, value in measure_llava.answering(chatter, tinyworld.scenes("test", SAMPLE, seed=79)).items():
        assert near(value, written[f"{kind}/{name}"]), (name, value)


def test_fusions_can_do_what_they_are_said_to():
    seen, written = measure_trimodal.Tasks(SAMPLE, "test", 77), card("trimodal")
    found = {
        name: measure_trimodal.report(fusion.load(tinyworld.checkpoint("trimodal"), name), seen)
        for name in ("early", "late", "cross", "early, dropout")
    }
    for name, figures in found.items():
        for key, value in figures.items():
            assert near(value, written[f"{name}/{key}"]), (name, key, value)
    assert min(found[name]["all three"] for name in ("early", "cross", "early, dropout")) > 0.95
    assert found["late"]["all three"] < 0.75  # it can name the shapes, and not join them to a place or a colour
    assert found["early, dropout"]["no text"] > found["early"]["no text"] + 0.2


def test_the_index_shows_the_figures():
    keys = {
        "llava": {"colour": "colour", "shape": "shape", "numbers": "count", "relations": "relation", "boxes": "where"},
        "flamingo": {"differs": "differs", "shows": "shows", "in all": "in all", "one of them": "one of them"},
    }
    for name, named in keys.items():
        assert datasheet.shown(name) == {k: round(100 * card(name)[f"test/{v}"], 1) for k, v in named.items()}
