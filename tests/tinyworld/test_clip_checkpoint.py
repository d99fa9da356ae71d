"""The shipped CLIP is what its card says, and its recipe goes on where it was stopped."""

import json
import string

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from support import datasheet
from transformers import AutoModel, AutoProcessor, CLIPModel, CLIPProcessor, CLIPTextModel, CLIPTokenizer

import tinyworld
from tinyworld.train.__main__ import parse
from tinyworld.train.clip import measure, recipe
from tinyworld.train.towers import normalise

SAMPLE = 512  # scenes a figure

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def folder():
    return tinyworld.checkpoint("clip")


@pytest.fixture(scope="module")
def card(folder) -> dict[str, float]:
    return json.loads((folder / "figures.json").read_text())


@pytest.fixture(scope="module")
def clip(folder) -> measure.Clip:
    return measure.load(folder)


@pytest.fixture(scope="module")
def single() -> list[tinyworld.Scene]:
    return tinyworld.scenes("test", SAMPLE, seed=77, objects=1)


@pytest.fixture(scope="module")
def pairs() -> list[tinyworld.Scene]:
    return tinyworld.scenes("test", SAMPLE, seed=77, objects=2)


def near(measured: float, written: float) -> bool:
    """Whether a share on a sample is what one expects of the share on the card."""
    return abs(measured - written) < 0.01 + 4 * (max(written * (1 - written), 0.004) / SAMPLE) ** 0.5


# --- the files ---


def test_it_is_small_half_precision_and_holds_no_pickle(folder):
    files = [f for f in folder.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 8e6
    assert {f.suffix for f in files} <= {".safetensors", ".json", ".txt", ".md"}
    with safe_open(folder / "model.safetensors", "pt") as weights:
        dtypes = {weights.get_tensor(name).dtype for name in weights.keys()}  # noqa: SIM118
    assert dtypes == {torch.float16}


def test_it_loads_as_the_real_classes_and_nothing_else_is_in_it(folder):
    model, report = CLIPModel.from_pretrained(folder, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert isinstance(AutoModel.from_pretrained(folder), CLIPModel)
    assert isinstance(AutoProcessor.from_pretrained(folder), CLIPProcessor)
    assert isinstance(CLIPTokenizer.from_pretrained(folder), CLIPTokenizer)
    assert CLIPTextModel.from_pretrained(folder).config.hidden_size == model.config.text_config.hidden_size


def test_it_runs_in_half_precision_too(folder, clip, single):
    half = CLIPModel.from_pretrained(folder, dtype=torch.float16)
    pixels = clip.processor(images=[s.render() for s in single[:8]], return_tensors="pt")["pixel_values"]
    pooled = half.visual_projection(half.vision_model(pixel_values=pixels.half()).pooler_output).float()
    assert torch.cosine_similarity(pooled, clip.images(single[:8])).min() > 0.999


# --- tokenizer and processor ---


def test_any_text_is_encoded_and_the_world_s_words_are_one_token_each(clip):
    tokenizer, rng = clip.processor.tokenizer, np.random.default_rng(0)
    for scene in tinyworld.scenes("test", 200, seed=8):
        for text in (scene.caption(rng), scene.questions(rng)[0].text):
            pieces = tokenizer(text)["input_ids"]
            assert len(pieces) == 2 + len(text.replace(",", " ,").replace("?", " ?").split()), text
            assert len(pieces) <= tokenizer.model_max_length
            assert pieces[0] == tokenizer.bos_token_id and pieces[-1] == tokenizer.eos_token_id
    assert tokenizer.decode(tokenizer("a small red star")["input_ids"], skip_special_tokens=True) == "a small red star"
    for text in ("", string.printable, "Zebra-42 über alles!", "a photo of a cat"):
        pieces = tokenizer(text)["input_ids"]
        assert pieces.count(tokenizer.unk_token_id) == 1  # the end token alone
    words = tokenizer("a photo of a cat", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(words) == "a photo of a cat"


def test_the_token_numbers_agree_with_the_model(clip):
    tokenizer, config = clip.processor.tokenizer, clip.model.config.text_config
    assert len(tokenizer) == config.vocab_size
    assert tokenizer.model_max_length == config.max_position_embeddings
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        assert getattr(tokenizer, name) == getattr(config, name)


def test_padding_changes_nothing(clip):
    text = "a small red star on a white background"
    short = clip.processor(text=[text], return_tensors="pt")
    long = clip.processor(text=[text], padding="max_length", return_tensors="pt")
    assert long["input_ids"].shape == (1, 32)
    assert torch.allclose(
        clip.model.text_model(**short).pooler_output, clip.model.text_model(**long).pooler_output, atol=1e-4
    )


def test_long_texts_are_cut_when_asked(clip):
    assert clip.processor(text=["star " * 99], truncation=True, return_tensors="pt")["input_ids"].shape == (1, 32)


def test_the_processor_does_what_training_did_and_takes_any_picture(clip, single):
    pictures = [s.render() for s in single[:4]]
    pixels = torch.from_numpy(np.stack([np.asarray(p) for p in pictures])).permute(0, 3, 1, 2)
    made = clip.processor(images=pictures, return_tensors="pt")["pixel_values"]
    assert torch.allclose(made, normalise(pixels), atol=1e-4)
    assert clip.processor(images=Image.new("RGB", (300, 200)), return_tensors="pt")["pixel_values"].shape[2:] == (
        64,
        64,
    )


# --- what it knows, measured again ---


def test_colours_and_shapes_are_told(clip, single, card):
    seen = clip.images(single)
    figures = {name: measure.zero_shot_share(clip, single, name, seen) for name in measure.VALUES}
    assert figures["colour"] >= 0.99 and figures["shape"] >= 0.95, figures
    for name, value in figures.items():
        assert near(value, card[f"test/zero-shot {name}"]), (name, value)


def test_pictures_and_captions_find_each_other(clip, card):
    to_text, to_image = measure.retrieval(clip, tinyworld.scenes("test", 800, seed=77))
    assert min(to_text, to_image) >= 0.95
    assert near(to_text, card["test/image to text R@1"]) and near(to_image, card["test/text to image R@1"])


def test_relations_are_above_chance_and_as_written(clip, pairs, card):
    seen = clip.images(pairs)
    relation = measure.choice(clip, pairs, measure.reversed_relation, seen)
    of_four = measure.relation_of_four(clip, pairs, seen)
    assert relation > 0.5 + 3 * 0.5 / SAMPLE**0.5 and of_four > 0.25 + 3 * 0.43 / SAMPLE**0.5
    assert near(relation, card["test/choice of two: relation"]) and near(of_four, card["test/choice of four relations"])
    for name, wrong in (("shape", measure.other_shape), ("binding", measure.exchanged_colours)):
        assert near(measure.choice(clip, pairs, wrong, seen), card[f"test/choice of two: {name}"])


def test_the_wrong_captions_are_wrong_in_one_thing(pairs):
    for scene in pairs[:200]:
        truth = scene.facts()
        assert tinyworld.parse_caption(measure.reversed_relation(scene)) == scene.swapped().facts()
        exchanged = tinyworld.parse_caption(measure.exchanged_colours(scene))
        assert exchanged != truth
        assert sorted(measure.exchanged_colours(scene).split()) == sorted(scene.caption().split())
        assert tinyworld.parse_caption(measure.other_shape(scene)) != truth


def test_another_scene_s_picture_is_no_better_than_chance(clip, single):
    """The negative control: the same measure with pictures and truths that do not belong together."""
    others = clip.images(tinyworld.scenes("test", SAMPLE, seed=78, objects=1))
    assert abs(measure.zero_shot_share(clip, single, "shape", others) - 1 / 6) < 0.06


def test_one_patch_tells_shape_colour_size_and_place(clip, card):
    figures = measure.probe(clip.model, 600, 400)
    assert figures["shape"] >= 0.85 and figures["colour"] >= 0.97 and figures["size"] >= 0.9
    assert figures["place, pixels"] <= 4
    for name in ("shape", "colour", "size", "object or not"):
        assert abs(figures[name] - card[f"test/patch {name}"]) < 0.05


def test_the_card_shows_the_figures(folder, card):
    text = (folder / "README.md").read_text()
    assert measure.table(card) in text
    assert "license: mit" in text and "/home" not in text and "/tmp" not in text


def test_the_index_of_models_shows_the_same_figures(card):
    shown = datasheet.shown("clip")
    names = {"colour": "zero-shot colour", "shape": "zero-shot shape", "relation": "choice of two: relation"}
    names |= {"image to text R@1": "image to text R@1", "text to image R@1": "text to image R@1"}
    for name, key in names.items():
        assert shown[name] == round(100 * card[f"test/{key}"], 1), name


# --- the recipe ---


@pytest.mark.parametrize("order", ["", " --order"])
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch, order):
    """Six steps in one go, and six steps with a stop after the fourth, end in the same weights."""
    monkeypatch.setattr(recipe, "look", lambda *_: {})
    monkeypatch.setattr(recipe, "export", lambda model, *_: ended.append(model.state_dict()))
    ended: list[dict[str, torch.Tensor]] = []
    small = "clip --steps 6 --batch 8 --width 32 --layers 1 --text-layers 1 --look-every 0 --threads 1 --device cpu"
    small += order

    recipe.run(parse([*small.split(), "--runs", str(tmp_path / "whole")]))

    def interrupt(self, progress, text):
        if progress > 0.6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(recipe.loop.Progress, "show", interrupt)
        recipe.run(parse([*small.split(), "--runs", str(tmp_path / "halves")]))
    assert json.loads((tmp_path / "halves/clip/counters.json").read_text())["step"] == 3
    recipe.run(parse([*small.split(), "--runs", str(tmp_path / "halves"), "--resume"]))

    whole, halves = ended
    assert all(torch.equal(whole[name], halves[name]) for name in whole)


def test_resuming_nothing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        recipe.run(parse(["clip", "--export", "--layers", "1", "--runs", str(tmp_path)]))
