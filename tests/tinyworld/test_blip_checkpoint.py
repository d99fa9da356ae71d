"""The shipped BLIP is what its card says: it captions, matches and answers, three classes from one folder."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from support import datasheet
from transformers import BlipForConditionalGeneration, BlipForImageTextRetrieval, BlipForQuestionAnswering

import tinyworld
from tinyworld.train.batches import tensors
from tinyworld.train.blip import measure
from tinyworld.train.towers import normalise

SAMPLE = 256  # scenes a figure

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def folder():
    return tinyworld.checkpoint("blip")


@pytest.fixture(scope="module")
def card(folder) -> dict[str, float]:
    return json.loads((folder / "figures.json").read_text())


@pytest.fixture(scope="module")
def blip(folder) -> measure.Blip:
    return measure.Blip(folder)


def drawn(objects: int | None = None) -> list[tinyworld.Scene]:
    return tinyworld.scenes("test", SAMPLE, seed=77, objects=objects)


def near(measured: float, written: float) -> bool:
    """Whether a share on a sample is what one expects of the share on the card."""
    return abs(measured - written) < 0.01 + 4 * (max(written * (1 - written), 0.004) / SAMPLE) ** 0.5


# --- the files ---


def test_it_is_small_half_precision_and_holds_no_pickle(folder):
    files = [f for f in folder.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 10e6
    assert {f.suffix for f in files} <= {".safetensors", ".json", ".txt", ".md"}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as weights:
            assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float16}  # noqa: SIM118


@pytest.mark.parametrize(
    ("kind", "variant"),
    [
        (BlipForConditionalGeneration, None),
        (BlipForImageTextRetrieval, "matching"),
        (BlipForQuestionAnswering, "answering"),
    ],
)
def test_each_class_finds_all_its_weights_and_no_others(folder, kind, variant):
    _, report = kind.from_pretrained(folder, variant=variant, output_loading_info=True)
    assert not any(report[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def test_the_processor_does_what_training_did_and_takes_any_picture(blip):
    scenes = drawn()[:4]
    assert torch.allclose(blip.pixels(scenes), normalise(tensors(scenes)["pixels"]), atol=1e-4)
    wide = blip.processor(images=Image.new("RGB", (300, 200)), return_tensors="pt")["pixel_values"]
    assert wide.shape == (1, 3, 64, 64)


# --- what it says, measured again ---


@pytest.mark.parametrize(("objects", "least"), [(1, 0.9), (2, 0.75)])
def test_captions_tell_what_is_there(blip, card, objects, least):
    scenes = drawn(objects)
    figures = measure.caption_scores(scenes, blip.captions(scenes))
    assert figures["exact"] >= least, figures
    if objects == 1:
        assert min(figures[name] for name in measure.ATTRIBUTES) >= 0.93, figures  # 95 % on the card's larger sample
    for name, value in figures.items():
        assert near(value, card[f"test/{objects}/{name}"]), (name, value)


def test_other_pictures_captions_are_wrong(blip):
    """The negative control: captions of pictures that are not the scenes'."""
    scenes = drawn(1)
    others = blip.captions(tinyworld.scenes("test", SAMPLE, seed=78, objects=1))
    figures = measure.caption_scores(scenes, others)
    assert figures["exact"] < 0.03 and figures["shape"] < 0.25, figures


def test_captions_with_one_fact_changed_are_found_out(blip, card):
    figures = measure.matching_shares(blip, drawn())
    assert figures["all"] >= 0.88, figures  # 90 % on the card
    for name, value in figures.items():
        assert near(value, card[f"test/matching/{name}"]), (name, value)


def test_questions_are_answered(blip, card):
    figures = measure.answering(blip, drawn())
    for name, value in figures.items():
        assert near(value, card[f"test/answer/{name}"]), (name, value)
    assert card["test/answer/relation"] >= 0.8
    assert all(card[f"test/answer/{kind}"] >= 0.95 for kind in ("colour", "shape", "count", "yes/no"))


def test_a_question_s_padding_changes_hardly_any_answer(blip):
    """`generate()` attends to padding, so in a batch a short question reads otherwise than alone."""
    words = np.random.default_rng(0)
    pairs = [(s, s.questions(words)[0].text) for s in drawn()[:24]]
    together = blip.answers([s for s, _ in pairs], [text for _, text in pairs])
    alone = [blip.answers([s], [text])[0] for s, text in pairs]
    assert np.mean([a == b for a, b in zip(together, alone, strict=True)]) >= 0.95


def test_pictures_and_captions_find_each_other(blip):
    """The contrastive half, by the retrieval model's own scores: of 64 captions, the picture's own."""
    facts = {s.facts(): s for s in drawn()}
    scenes = list(facts.values())[:64]
    inputs = blip.processor(
        images=[s.render() for s in scenes], text=[s.caption() for s in scenes], padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        cosines = blip.matcher(**inputs, use_itm_head=False).itm_score
    assert (cosines.argmax(1) == torch.arange(64)).float().mean() >= 0.9


def test_the_card_and_the_index_show_the_figures(folder, card):
    text = (folder / "README.md").read_text()
    assert measure.table(card) in text
    assert "license: mit" in text and "/home" not in text and "/tmp" not in text
    keys = {"captions of one": "1/exact", "of two": "2/exact", "false captions found out": "matching/all"}
    keys |= {"answers on relations": "answer/relation", "on numbers": "answer/count"}
    assert datasheet.shown("blip") == {name: round(100 * card[f"test/{key}"], 1) for name, key in keys.items()}
