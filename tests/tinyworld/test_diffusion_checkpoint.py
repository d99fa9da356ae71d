"""The shipped diffusion model is what its card says: it paints what it is told, so that one can name what is seen."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file
from support import datasheet

import tinyworld
from tinyworld import judge as judges
from tinyworld.train.diffusion import measure

SAMPLE = 48  # pictures a figure

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def folder() -> Path:
    return tinyworld.checkpoint("diffusion")


@pytest.fixture(scope="module")
def card(folder) -> dict[str, float]:
    return json.loads((folder / "figures.json").read_text())


@pytest.fixture(scope="module")
def pipe(folder) -> StableDiffusionPipeline:
    return measure.load(folder)


@pytest.fixture(scope="module")
def judge() -> judges.Judge:
    return judges.load()


# --- the files ---


def test_it_is_small_half_precision_and_holds_no_pickle(folder):
    files = [f for f in folder.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 16e6
    assert {f.suffix for f in files} <= {".safetensors", ".json", ".txt", ".md"}
    weights = list(folder.rglob("*.safetensors"))
    assert {f.parent.name for f in weights} == {"unet", "vae", "text_encoder"}
    for file in weights:
        with safe_open(file, "pt") as tensors:
            dtypes = {tensors.get_tensor(name).dtype for name in tensors.keys()}  # noqa: SIM118
        assert dtypes <= {torch.float16, torch.int64}, file


def test_it_loads_as_the_real_classes_without_a_safety_checker(folder, pipe):
    assert isinstance(DiffusionPipeline.from_pretrained(folder), StableDiffusionPipeline)
    assert pipe.safety_checker is None and pipe.unet.dtype == torch.float32
    assert StableDiffusionImg2ImgPipeline(**pipe.components).vae is pipe.vae


def test_its_text_tower_is_the_course_s_clip(folder):
    def tower(file: Path) -> dict[str, torch.Tensor]:
        """By name, without the prefix that only one of the two classes writes."""
        weights = load_file(file)
        return {key.removeprefix("text_model."): w for key, w in weights.items() if not key.startswith("vision_model.")}

    painter, clip = (
        tower(folder / "text_encoder" / "model.safetensors"),
        tower(tinyworld.checkpoint("clip") / "model.safetensors"),
    )
    assert len(painter) > 50 and all(torch.equal(weight, clip[key]) for key, weight in painter.items())


# --- what it paints ---


def test_the_card_keeps_what_was_promised(card):
    """The targets that the course set for this model, as measured with 25 steps and the default guidance."""
    one, two = "guidance 3", "guidance 3, pairs"
    assert card[f"{one}/colour"] >= 0.95 and card[f"{one}/shape"] >= 0.90 and card[f"{one}/background"] >= 0.90
    assert card[f"{two}/both present"] >= 0.60
    assert card["autoencoder/PSNR"] >= 28
    assert min(card[f"judge/test/{name}"] for name in ("shape", "colour", "background")) >= 0.98


@pytest.mark.parametrize("objects", [1, 2])
def test_a_sample_is_painted_as_well_as_the_card_says(pipe, judge, card, objects):
    told = measure.unseen(2 * SAMPLE, objects)[SAMPLE:]
    figures = measure.score(told, judge.read(measure.paintings(pipe, measure.captions(told), seed=7)))
    for name, value in figures.items():
        written = card[f"guidance 3{', pairs' if objects == 2 else ''}/{name}"]
        assert abs(value - written) < 0.02 + 4 * (max(written * (1 - written), 0.01) / SAMPLE) ** 0.5, (name, value)


def test_other_captions_pictures_are_wrong(pipe, judge):
    """The negative control: pictures painted from captions that are not the scenes'."""
    told = measure.unseen(SAMPLE, 1)
    others = told[1:] + told[:1]
    figures = measure.score(told, judge.read(measure.paintings(pipe, measure.captions(others), steps=10)))
    assert figures["all"] < 0.15 and figures["colour"] < 0.4, figures


def test_pictures_of_one_caption_differ_and_a_seed_repeats_one(pipe):
    texts = ["a large red star on a white background"] * 4
    first = measure.paintings(pipe, texts, steps=10).astype(int)
    assert np.array_equal(first, measure.paintings(pipe, texts, steps=10))
    assert min(np.abs(first[i] - first[j]).mean() for i in range(4) for j in range(i)) > 3


def test_the_autoencoder_gives_back_what_it_was_shown(pipe, judge, card):
    figures = measure.reconstructions(pipe, judge, SAMPLE)
    assert figures["PSNR"] >= 28 and abs(figures["PSNR"] - card["autoencoder/PSNR"]) < 1


# --- what is written about it ---


def test_the_card_shows_the_figures(folder, card):
    text = (folder / "README.md").read_text()
    assert measure.table(card) in text
    assert "license: mit" in text and "/home" not in text and "/tmp" not in text


def test_the_index_of_models_shows_the_same_figures(card):
    shown = datasheet.shown("diffusion")
    names = {"colour": "guidance 3/colour", "shape": "guidance 3/shape", "background": "guidance 3/background"}
    names["both present of two"] = "guidance 3, pairs/both present"
    for name, key in names.items():
        assert shown[name] == round(100 * card[key], 1), name
