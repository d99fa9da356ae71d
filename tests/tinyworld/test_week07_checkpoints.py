"""The shipped models of voices and sounds are what their cards say."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from support import datasheet

import tinyworld
from coursekit import models
from tinyworld import sounds, voices
from tinyworld.codec import MelCodec
from tinyworld.phones import Phones
from tinyworld.sound import RATE, noise
from tinyworld.train.clap import measure as clap
from tinyworld.train.codec import measure as codec
from tinyworld.train.codec_lm import measure as codec_lm
from tinyworld.train.reader import measure as reader
from tinyworld.train.speaker import measure as speaker
from tinyworld.train.talker import measure as talker
from tinyworld.train.talker.measure import Sentence, Studio
from tinyworld.train.vocoder import measure as vocoder
from tinyworld.train.vocoder.spectra import distance, griffin_lim
from tinyworld.train.voices.mel import log_mel
from tinyworld.train.whisper import measure as whisper
from tinyworld.voices import STYLES, VOICES

MEASURES = {"speaker": speaker, "vocoder": vocoder, "talker": talker, "codec": codec, "clap": clap}
MEASURES |= {"reader": reader, "codec_lm": codec_lm}

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def card(name: str) -> dict[str, float]:
    return json.loads((tinyworld.checkpoint(name) / "figures.json").read_text())


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio(*talker.load(tinyworld.checkpoint("talker")))


@pytest.fixture(scope="module")
def said() -> list[voices.Recording]:
    """One of every voice."""
    return voices.load("test")[::5]


# --- the files ---


@pytest.mark.parametrize("name", MEASURES)
def test_it_is_small_half_precision_and_holds_no_pickle(name):
    files = [file for file in tinyworld.checkpoint(name).rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {".safetensors", ".json", ".md"}
    weights = [file for file in files if file.suffix == ".safetensors"]
    assert 0 < sum(file.stat().st_size for file in weights) <= 3e6
    for file in weights:
        with safe_open(file, "pt") as stored:
            kinds = {stored.get_tensor(key).dtype for key in stored.keys()}  # noqa: SIM118
        assert kinds <= {torch.float16, torch.int64}, kinds


def test_together_they_are_small():
    found = [f for name in MEASURES for f in tinyworld.checkpoint(name).rglob("*.safetensors")]
    assert sum(f.stat().st_size for f in found) <= 11e6


@pytest.mark.parametrize("name", MEASURES)
def test_its_card_and_the_index_show_its_figures(name):
    text, figures = (tinyworld.checkpoint(name) / "README.md").read_text(), card(name)
    assert MEASURES[name].table(figures) in text and "/tmp" not in text and "/home" not in text
    shown = datasheet.shown(name)
    assert set(shown) == set(INDEX[name])
    for key, value in shown.items():
        assert value == round(100 * figures[INDEX[name][key]], 1), key


# How a figure is called in the index -> on the card.
INDEX = {
    "speaker": {"equal error rate": "test/EER", "nearest of nine": "test/nearest", "phaseless": "phaseless/nearest"},
    "vocoder": {"WER": "HiFi-GAN/WER", "by Griffin and Lim": "Griffin-Lim/WER", "of the recordings": "recording/WER"},
    "talker": {"WER": "sentences/WER", "of words in no order": "salad/WER", "voice picked of nine": "sentences/picked"},
    "codec": {"WER with one book": "1/WER", "with four": "4/WER"},
    "reader": {"WER": "sentences/WER", "of words in no order": "salad/WER", "phones skipped": "skipped"},
    "codec_lm": {
        "WER": "sentences/WER",
        "of words in no order": "salad/WER",
        "voice picked of nine": "sentences/picked",
    },
    "clap": {"sound to text R@1": "text/R@1", "text to sound R@1": "sound/R@1"},
}


# --- who speaks ---


def test_voices_never_heard_are_told_apart():
    found = speaker.measure(tinyworld.checkpoint("speaker"))
    assert found["test/EER"] <= 0.1 and found["test/nearest"] >= 0.85
    assert found == pytest.approx(card("speaker"), abs=0.03)


def test_strangers_are_not_taken_for_one_another(studio):
    """With voices exchanged hardly anything is right: it is the voice that is heard, not the sentence."""
    said = voices.load("test")
    embedded = speaker.embed(*studio.ear, [r.audio for r in said])
    wrong = [VOICES[(VOICES.index(r.voice) + 3) % 9] for r in said]
    right = np.mean([a == b for a, b in zip(speaker.nearest(embedded, studio.known), wrong, strict=True)])
    assert right < 0.1


# --- the vocoder ---


def test_a_copy_is_understood_and_as_long_as_its_mel(said, studio):
    model = studio.vocoder
    mels = [log_mel(torch.tensor(r.audio)[None])[0] for r in said]
    made = [vocoder.vocode(model, mel) for mel in mels]
    assert all(len(sound) == 256 * len(mel) for sound, mel in zip(made, mels, strict=True))
    assert all(sound.abs().max() <= 1 for sound in made)
    heard = studio.heard.write([sound.numpy() for sound in made], "en")
    assert whisper.wer([r.text for r in said], heard) <= 0.06
    off = np.mean([distance(sound, torch.tensor(r.audio)) for sound, r in zip(made, said, strict=True)])
    assert abs(off - card("vocoder")["HiFi-GAN/dB"]) < 0.8


def test_its_figures_are_on_the_right_side():
    figures = card("vocoder")
    assert figures["HiFi-GAN/WER"] <= 0.03 and figures["HiFi-GAN/WER"] <= figures["Griffin-Lim/WER"]


# --- the talker ---


def test_what_is_told_is_said(studio, said):
    those = [Sentence(r.text, VOICES.index(r.voice), 0) for r in said]
    sounds_of = studio.speak(those)
    assert studio.words(those, sounds_of) <= 0.06
    assert studio.words(those[1:] + those[:1], sounds_of) > 0.6  # another text is not what was said


def test_styles_and_voices_change_what_is_said_how(studio):
    text = "paint a small red star above a large blue circle"
    lengths = [len(talker.mels(studio.model, studio.phones, text, studio.known[0], i)) for i in range(len(STYLES))]
    assert lengths[STYLES.index("angry")] < lengths[0] < lengths[STYLES.index("sad")]
    inputs = studio.phones([text] * len(VOICES))
    style = torch.zeros(len(VOICES), 1, dtype=torch.long)
    with torch.inference_mode():
        out = studio.model(**inputs, speaker_embedding=studio.known, lang_ids=style)
    high = out.pitch_outputs[..., 0].mean(1)
    assert high.max() - high.min() > 0.2  # octaves


def test_its_lexicon_has_every_word_that_is_said():
    phones = Phones.from_pretrained(tinyworld.checkpoint("talker"))
    for text in [r.text for split in voices.SPLITS for r in voices.load(split)] + voices.word_salad(20):
        assert len(phones.phones(text)) > 3


# --- the reader ---


def test_what_is_read_is_heard_and_attention_goes_through_the_text(said):
    model, phones = reader.load(tinyworld.checkpoint("reader"))
    texts = [r.text for r in said]
    sounds_of, kept = reader.spoken(model, phones, texts)
    assert reader.words(texts, sounds_of) <= 0.25 < 0.6 < reader.words(texts[1:] + texts[:1], sounds_of)
    assert kept["back"] < 0.05 and card("reader")["sentences/WER"] <= 0.25


# --- the codec ---


def test_every_book_more_leaves_less_over(said):
    coder = codec.load(tinyworld.checkpoint("codec"))
    frames = coder.frames(said[0].audio)
    codes = coder.encode(said[0].audio)
    assert codes.shape == (4, len(frames)) and codes.max() < 1024
    left = [((coder.mel(codes[:k]) - coder.mean) / coder.scale - frames).square().mean() for k in range(1, 5)]
    assert all(b < a for a, b in zip(left, left[1:], strict=False)) and left[-1] < 0.2
    assert torch.equal(coder.encode(said[0].audio, 2), codes[:2])
    assert len(coder.decode(codes)) == 256 * len(frames) and coder.bitrate(4) == 2.5


def test_coded_speech_is_understood(said, studio):
    coder = codec.load(tinyworld.checkpoint("codec"))
    made = [coder.decode(coder.encode(r.audio)).numpy() for r in said]
    assert studio.words([Sentence(r.text, 0, 0) for r in said], made) <= card("codec")["4/WER"] + 0.08


def test_books_that_are_not_there_are_named(said):
    coder = codec.load(tinyworld.checkpoint("codec"))
    with pytest.raises(ValueError, match="1 to 4"):
        coder.encode(said[0].audio, 5)
    with pytest.raises(ValueError, match="books"):
        coder.decode(torch.zeros(5, 10, dtype=torch.long))


# --- the codec language model ---


def test_a_row_of_codes_is_understood_in_voices_it_never_heard(said):
    speaking = codec_lm.Studio(codec_lm.load(tinyworld.checkpoint("codec_lm")))
    those = [Sentence(r.text, VOICES.index(r.voice), 0) for r in said]
    sounds_of = speaking.speak(those)
    assert speaking.words(those, sounds_of) <= 0.25 < 0.6 < speaking.words(those[1:] + those[:1], sounds_of)
    assert all(np.array_equal(a, b) for a, b in zip(sounds_of, speaking.speak(those), strict=True))  # the same seed
    figures = card("codec_lm")
    assert figures["sentences/WER"] <= 0.25 and figures["sentences/picked"] > figures["swapped/picked"] + 0.2


# --- sounds and texts ---


def test_sounds_find_their_captions():
    found = clap.retrieval(*clap.load(tinyworld.checkpoint("clap")), 1)
    assert found["text/R@1"] >= 0.6 and found["sound/R@1"] >= 0.6
    assert all(abs(found[key] - value) < 0.16 for key, value in card("clap").items())


def test_noise_is_no_glass():
    model, processor = clap.load(tinyworld.checkpoint("clap"))
    those = sounds.sounds("test", 32)
    heard = clap.embed_sounds(model, processor, [0.1 * noise(2 * RATE, np.random.default_rng(i)) for i in range(8)])
    own = clap.embed_sounds(model, processor, [s.play() for s in those])
    told = clap.embed_texts(model, processor, [s.caption() for s in those])
    assert (own * told).sum(1).mean() > (heard @ told.T).mean() + 0.3


# --- roles ---


@pytest.mark.parametrize("role", sorted(MEASURES.keys() - {"codec_lm"}))  # of no class of the Hub's
def test_each_role_loads_what_is_shipped(role):
    loaded = models.load(role, profile="tiny", device="cpu")
    assert not loaded.model.training
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    if role == "codec":
        assert isinstance(loaded.model, MelCodec)
    elif role in ("talker", "reader"):
        assert isinstance(loaded.processor, Phones)
    elif role == "vocoder":
        mel = loaded.processor(audio_target=np.zeros(4000, np.float32), sampling_rate=RATE, return_tensors="pt")
        assert loaded.model(mel["input_values"][0]).shape == (256 * 16,)


def test_griffin_lim_of_silence_is_silent():
    assert griffin_lim(torch.full((20, 80), -10.0), 2).abs().max() < 1e-4
