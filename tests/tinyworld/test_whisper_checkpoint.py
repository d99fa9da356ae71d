"""The shipped Whisper is what its card says: it writes, tells language and times, translates, and knows noise."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from support import datasheet
from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor, WhisperForConditionalGeneration, WhisperProcessor

import tinyworld
from tinyworld import sound, speech
from tinyworld.train.whisper import measure

SAMPLE = 30  # utterances a figure

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return tinyworld.checkpoint("whisper")


@pytest.fixture(scope="module")
def card(folder) -> dict[str, float]:
    return json.loads((folder / "figures.json").read_text())


@pytest.fixture(scope="module")
def heard(folder) -> measure.Whisper:
    return measure.load(folder)


def test_it_is_small_half_precision_and_holds_no_pickle(folder):
    files = [f for f in folder.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 10e6
    assert {f.suffix for f in files} <= {".safetensors", ".json", ".md"}
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float16}  # noqa: SIM118


def test_it_loads_as_the_real_classes_in_single_precision(folder):
    model, report = WhisperForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert model.dtype == torch.float32
    assert isinstance(AutoModelForSpeechSeq2Seq.from_pretrained(folder), WhisperForConditionalGeneration)
    assert isinstance(AutoProcessor.from_pretrained(folder), WhisperProcessor)


def test_the_card_keeps_what_was_promised(card):
    """The targets that the course set for this model, as measured on all recordings."""
    assert card["test/en/WER"] <= 0.02 and card["voices/en/WER"] <= 0.04 and card["test/en/WER 10"] <= 0.10
    assert card["test/de/WER"] <= 0.05 and card["test/de/translation"] >= 0.90
    assert min(card["test/en/language"], card["test/de/language"]) >= 0.99
    assert min(card["test/en/word times"], card["test/de/word times"]) >= 0.80


@pytest.mark.parametrize(("split", "language"), [("test", "en"), ("test", "de"), ("voices", "en")])
def test_a_sample_is_understood_as_well_as_the_card_says(heard, card, split, language):
    said = speech.load(split, language)[:SAMPLE]
    figures = measure.understood(heard, said)
    for name, value in figures.items():
        written = card[f"{split}/{language}/{name}"]
        words = sum(len(u.text.split()) for u in said) if name == "WER" else SAMPLE
        assert abs(value - written) < 0.01 + 4 * (max(written * (1 - written), 0.004) / words) ** 0.5, name


def test_words_are_timed_as_well_as_the_card_says(heard, card):
    figures = measure.times(heard, speech.load("test", "en")[:SAMPLE])
    assert abs(figures["word times"] - card["test/en/word times"]) < 0.1
    assert figures["segment times"] > 0.6


def test_noise_and_silence_are_nobody(heard, card):
    figures = measure.nobody(heard, 24)
    for name, value in figures.items():
        assert abs(value - card[f"nobody/{name}"]) < 0.2, name


def test_longer_sound_is_written_window_by_window(heard):
    """`generate` goes on where the last whole sentence ended, as for the real Whisper's 30 seconds."""
    said = speech.load("test", "en")[:3]
    pause = np.zeros(sound.RATE // 4, np.float32)
    audio = np.concatenate([part for u in said for part in (u.audio, pause)])
    inputs = heard.processor(
        audio, sampling_rate=sound.RATE, return_tensors="pt", truncation=False, return_attention_mask=True
    )
    tokens = heard.model.generate(**inputs, language="en", return_timestamps=True)
    text = " ".join(heard.processor.batch_decode(tokens, skip_special_tokens=True)[0].split())
    assert measure.wer([" ".join(u.text for u in said)], [text]) < 0.25


def test_what_is_heard_is_not_a_guess(heard):
    """Negative controls: another sentence's sound, the sound backwards."""
    said = speech.load("test", "en")[:SAMPLE]
    texts = [u.text for u in said]
    assert measure.wer(texts, heard.write([u.audio for u in said[1:] + said[:1]], "en")) > 0.5
    assert measure.wer(texts, heard.write([u.audio[::-1].copy() for u in said], "en")) > 0.5


def test_the_card_and_the_index_show_the_figures(folder, card):
    text = (folder / "README.md").read_text()
    assert measure.table(card) in text
    assert "license: mit" in text and "/home" not in text and "/tmp" not in text
    shown = datasheet.shown("whisper")
    keys = {"English WER": "test/en/WER", "with new voices": "voices/en/WER", "at 10 dB": "test/en/WER 10"}
    keys |= {"German WER": "test/de/WER", "translated": "test/de/translation", "word times": "test/en/word times"}
    assert shown == {name: round(100 * card[key], 1) for name, key in keys.items()}
