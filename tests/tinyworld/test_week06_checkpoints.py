"""The shipped models of tokens and programs are what their cards say."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from support import datasheet
from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer, VisionEncoderDecoderModel

import tinyworld
from coursekit import models
from tinyworld import judge as judges
from tinyworld import tokens
from tinyworld.conditions import TextConditions
from tinyworld.train import painters
from tinyworld.train.diffusion.latents import pictures
from tinyworld.train.diffusion.measure import captions, score, unseen
from tinyworld.train.diffusion.recipe import text_tower
from tinyworld.train.masked import measure as masked
from tinyworld.train.masked import sampling as masked_sampling
from tinyworld.train.programs import measure as programs
from tinyworld.train.token_lm import measure as token_lm
from tinyworld.train.token_lm import sampling
from tinyworld.train.vq import measure as vq_measure

NAMES = ("vq", "token_lm", "masked", "programs")
SAMPLE = 64  # pictures a figure

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def card(name: str) -> dict[str, float]:
    return json.loads((tinyworld.checkpoint(name) / "figures.json").read_text())


def near(measured: float, written: float, n: int = SAMPLE) -> bool:
    """Whether a share on a sample is what one expects of the share on the card."""
    return abs(measured - written) < 0.02 + 4 * (max(written * (1 - written), 0.004) / n) ** 0.5


@pytest.fixture(scope="module")
def vq():
    return vq_measure.load(tinyworld.checkpoint("vq"))


@pytest.fixture(scope="module")
def judge() -> judges.Judge:
    return judges.load()


# --- the files ---


@pytest.mark.parametrize("name", NAMES)
def test_it_is_small_half_precision_and_holds_no_pickle(name):
    files = [file for file in tinyworld.checkpoint(name).rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {".safetensors", ".json", ".md"}
    weights = [file for file in files if file.suffix == ".safetensors"]
    assert 0 < sum(file.stat().st_size for file in weights) <= 4.5e6
    for file in weights:
        with safe_open(file, "pt") as stored:
            assert {stored.get_tensor(key).dtype for key in stored.keys()} == {torch.float16}  # noqa: SIM118


@pytest.mark.parametrize("name", NAMES)
def test_its_card_and_the_index_show_its_figures(name):
    measure = {"vq": vq_measure, "token_lm": token_lm, "masked": masked, "programs": programs}[name]
    text = (tinyworld.checkpoint(name) / "README.md").read_text()
    figures = card(name)
    assert measure.table(figures) in text and "/tmp" not in text and "/home" not in text
    shown = datasheet.shown(name)
    assert len(shown) >= 3
    for key, value in shown.items():
        assert value == round(100 * figures[INDEX[name][key]], 1), key


# How a figure is called in the index -> on the card.
INDEX = {
    "vq": {"shape": "one/shape", "colour": "one/colour", "background": "one/background", "codes used": "codes/used"},
    "token_lm": {
        "all facts of one": "guidance 2/one/all",
        "both present of two": "guidance 2/pairs/both present",
        "relation": "guidance 2/pairs/relation",
        "captions of one": "captions/one",
        "captions of two": "captions/two",
        "answers on colours": "answers/colour",
    },
    "masked": {
        "all facts of one": "guidance 2/one/all",
        "shape": "guidance 2/one/shape",
        "both present of two": "guidance 2/pairs/both present",
        "relation": "guidance 2/pairs/relation",
    },
    "programs": {
        "facts of one": "one object/facts",
        "of two": "two objects/facts",
        "of three": "three objects/facts",
    },
}


# --- the tokeniser ---


def test_the_judge_reads_reconstructions_as_it_reads_drawings(vq):
    found = vq_measure.reconstructions(vq, tinyworld.scenes("test", 200, seed=71, objects=1))
    assert found["shape"] >= 0.95 and found["colour"] >= 0.99 and found["background"] >= 0.99
    assert found["PSNR"] >= 27 and abs(found["PSNR"] - card("vq")["one/PSNR"]) < 1


def test_most_codes_are_used(vq):
    ids = vq_measure.encode(vq, pictures(tinyworld.scenes("test", 300, seed=71)))
    assert len(ids.unique()) >= 0.6 * 256
    assert ids.view(300, 64).unique(dim=0).shape[0] == 300  # no two scenes are written alike


# --- the language model ---


@pytest.fixture(scope="module")
def speaker():
    return token_lm.load(tinyworld.checkpoint("token_lm"))


def test_it_paints_what_it_is_told(speaker, vq, judge):
    asked = unseen(SAMPLE, 1)
    found = score(asked, judge.read(token_lm.painter(speaker, vq)(captions(asked), 0)))
    written = card("token_lm")
    assert all(near(share, written[f"guidance {sampling.GUIDANCE:g}/one/{key}"]) for key, share in found.items())


def test_it_describes_what_it_sees_and_answers(speaker, vq):
    written = card("token_lm")
    seen = tinyworld.scenes("test", SAMPLE, seed=72, objects=1)
    assert near(token_lm.described(speaker, vq, seen), written["captions/one"])
    answers = token_lm.answered(speaker, vq, tinyworld.scenes("test", 24, seed=72))
    for kind, share in answers.items():
        assert abs(share - written[f"answers/{kind}"]) < 0.25, kind
    blank = tokens.encode(vq, np.full((4, 64, 64, 3), 255, np.uint8))
    assert all(isinstance(text, str) for text in sampling.describe(speaker, blank))


def test_a_caption_makes_its_picture_likelier(speaker, vq):
    asked = unseen(32, 1)
    codes = tokens.encode(vq, pictures(asked))
    told, empty = token_lm.bits(speaker, captions(asked), codes), token_lm.bits(speaker, [""] * 32, codes)
    exchanged = token_lm.bits(speaker, captions(asked[1:] + asked[:1]), codes)
    assert told + 3 < empty < exchanged and told < 512


def test_its_tokenizer_and_model_load_as_any(speaker):
    folder = tinyworld.checkpoint("token_lm")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer("a red star")["input_ids"] == tokens.words_to_ids("a red star")
    assert type(AutoModelForCausalLM.from_pretrained(folder)) is type(speaker)
    assert len(tokenizer) == speaker.config.vocab_size == tokens.VOCABULARY


# --- the masked painter ---


def test_the_masked_painter_paints_what_it_is_told(vq, judge):
    model, conditions, asked = masked.load(tinyworld.checkpoint("masked")), TextConditions(*text_tower()), unseen(48, 1)
    found = score(asked, judge.read(masked.painter(model, conditions, vq)(captions(asked), 0)))
    written = card("masked")
    for key, share in found.items():
        assert near(share, written[f"guidance {masked_sampling.GUIDANCE:g}/one/{key}"], 48), key
    # another caption, another picture: with exchanged captions hardly one is right
    exchanged = captions(asked[1:] + asked[:1])
    wrong = score(asked, judge.read(masked.painter(model, conditions, vq)(exchanged, 0)))
    assert wrong["all"] < 0.1


# --- programs ---


@pytest.mark.parametrize("objects", [1, 2, 3])
def test_programs_draw_what_was_seen(objects):
    model, processor = programs.load(tinyworld.checkpoint("programs"))
    found = programs.agreement(model, processor, tinyworld.scenes("test", SAMPLE, seed=73, objects=objects))
    assert found["programs"] == 1 and found["facts"] >= 0.9 and found["IoU"] >= 0.85, found


def test_its_processor_and_model_load_as_any():
    folder = tinyworld.checkpoint("programs")
    processor = AutoProcessor.from_pretrained(folder)
    model = VisionEncoderDecoderModel.from_pretrained(folder, dtype=torch.float32)
    scene = tinyworld.scenes("test", 1)[0]
    ids = model.generate(processor(images=scene.render(), return_tensors="pt").pixel_values)
    assert processor.batch_decode(ids, skip_special_tokens=True)[0].startswith("<use href=")


# --- roles ---


@pytest.mark.parametrize("role", NAMES)
def test_each_role_loads_what_is_shipped(role, vq):
    loaded = models.load(role, profile="tiny", device="cpu")
    weight = next(loaded.model.parameters())
    assert weight.dtype == torch.float32 and not loaded.model.training
    if role == "masked":
        told = loaded.processor(["a red star", ""])
        logits = loaded.model(torch.full((2, 8, 8), 256), **told)
        assert logits.shape == (2, 256, 8, 8) and not torch.allclose(logits[0], logits[1])
    if role == "vq":
        assert loaded.model.quantize.legacy is False
        pixels = loaded.processor.preprocess([tinyworld.scenes("test", 1)[0].render()])
        assert pixels.shape == (1, 3, 64, 64) and 0 <= pixels.min() < pixels.max() <= 1


def test_a_painters_diversity_is_that_of_its_places(judge):
    """Scenes drawn at random spread as said; one picture again and again does not spread."""
    scenes = iter(tinyworld.scenes("test", 4 * painters.COPIES, objects=1))
    spread = painters.diversity(lambda texts, _: np.stack([np.asarray(next(scenes).render()) for _ in texts]), judge, 4)
    assert 8 < spread < 16
    same = np.asarray(tinyworld.scenes("test", 1, objects=1)[0].render())
    assert painters.diversity(lambda texts, _: np.stack([same] * len(texts)), judge, 4) < 0.01
