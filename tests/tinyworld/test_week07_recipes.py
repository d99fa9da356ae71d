"""The recipes of week 7's voices and sounds train, go on where they were stopped, and write what the real classes read.

Where espeak-ng is not installed a stand-in speaks, as in Whisper's tests: a tone for every letter.
"""

import json

import numpy as np
import pytest
import torch
from support import recipes
from transformers import (
    ClapModel,
    FastSpeech2ConformerModel,
    SpeechT5FeatureExtractor,
    SpeechT5ForTextToSpeech,
    SpeechT5HifiGan,
    WavLMForXVector,
)

from tinyworld import sound, sounds, voices
from tinyworld.codec import MelCodec
from tinyworld.codec_lm import LONGEST, CodecLM
from tinyworld.sounds import Sound
from tinyworld.train.__main__ import RECIPES, parse
from tinyworld.train.clap import measure as clap_measure
from tinyworld.train.clap import recipe as clap
from tinyworld.train.codec import recipe as codec
from tinyworld.train.codec_lm import recipe as codec_lm
from tinyworld.train.reader import measure as reader_measure
from tinyworld.train.reader import recipe as reader
from tinyworld.train.speaker import measure as speaker_measure
from tinyworld.train.speaker import recipe as speaker
from tinyworld.train.talker import features
from tinyworld.train.talker import recipe as talker
from tinyworld.train.vocoder.spectra import distance, griffin_lim, spectral_loss
from tinyworld.train.voices import corpus
from tinyworld.train.voices import recipe as recordings
from tinyworld.train.voices.mel import HOP, amplitudes, log_mel
from tinyworld.train.whisper import espeak
from tinyworld.voices import STYLES, Phone

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
REST = " --threads 1 --device cpu --save-every 0 --look-every 1000 --scenes 2"
POOL = " --pool 12 --uses 2"
TINY = {
    "speaker": "speaker --steps 4 --batch 3 --width 32" + POOL + REST.replace("scenes 2", "scenes 15"),
    "vocoder": "vocoder --steps 4 --batch 2 --width 16" + POOL + REST,
    "talker": "talker --steps 4 --batch 3 --width 32 --layers 1" + POOL + REST,
    "reader": "reader --steps 4 --batch 3 --width 32 --layers 1" + POOL + REST,
    "codec_lm": "codec_lm --steps 4 --batch 3 --width 32 --layers 1" + POOL + REST,
    "clap": "clap --steps 4 --batch 6 --width 16" + POOL + REST,
}
CLASSES = {
    "speaker": WavLMForXVector,
    "vocoder": SpeechT5HifiGan,
    "talker": FastSpeech2ConformerModel,
    "reader": SpeechT5ForTextToSpeech,
    "codec_lm": CodecLM,
    "clap": ClapModel,
}


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setattr(espeak, "say", recipes.tones)
    monkeypatch.setattr(codec_lm, "Phones", StandIn)


class StandIn:
    """The phones of the stand-in, which are letters, in the place of the talker's."""

    @staticmethod
    def from_pretrained(_):
        return features.build_phones()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def take(rng) -> corpus.Take:
    return corpus.speak("a red star above a disc", corpus.Voice("m3"), 0, "neutral", rng)


# --- all of them ---


@pytest.mark.parametrize("name", TINY)
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(name, tmp_path, monkeypatch):
    recipes.goes_on(name, TINY[name].split(), tmp_path, monkeypatch)


@pytest.mark.parametrize("name", TINY)
def test_nothing_to_export_is_named(name, tmp_path):
    recipes.names_what_is_missing(TINY[name].split(), tmp_path)


@pytest.mark.parametrize("name", TINY)
def test_what_is_written_is_read_by_the_real_class_and_its_card_shows_what_was_measured(name, tmp_path, monkeypatch):
    recipe = RECIPES[name]
    if name == "talker":  # the stand-in's phones are letters, of which the recordings' words need more
        monkeypatch.setattr(recipe.measure, "measure", lambda *_: dict.fromkeys(talker_figures(), 0.5))
    if name in ("reader", "codec_lm"):
        kept = [*recipe.measure.ROWS, "real time"]
        monkeypatch.setattr(recipe.measure, "measure", lambda *_: dict.fromkeys(kept, 0.5))
    recipe.run(parse([*TINY[name].split(), "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]))
    folder = tmp_path / "out"
    figures = json.loads((folder / "figures.json").read_text())
    text = (folder / "README.md").read_text()
    assert recipe.measure.table(figures) in text and "{" not in text and str(tmp_path) not in text
    assert f"`python -m tinyworld.train {name} --steps 4" in text
    kind = CLASSES[name]
    model = kind.from_pretrained(folder) if kind is CodecLM else kind.from_pretrained(folder, dtype=torch.float16)
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


def talker_figures() -> list[str]:
    measured = RECIPES["talker"].measure
    return [*measured.ROWS, "real time", *(f"{style}/{key}" for style in STYLES for key in (*measured.SHAPE, "WER"))]


# --- voices ---


def test_no_voice_is_in_two_splits():
    names = {split: {v.speaker for v in corpus.voices(split)} for split in ("train", "validation", "test")}
    assert tuple(v.speaker for v in corpus.voices("test")) == voices.VOICES
    assert not names["train"] & names["test"] and not names["train"] & names["validation"]
    assert len(set(corpus.voices("train", 6))) == 6 * len(names["train"])


def test_styles_are_acted_by_rate_and_loudness(rng):
    said = {s: corpus.speak("a red star", corpus.Voice("m3"), 0, s, rng, varied=False) for s in STYLES}
    loud = {style: float(np.sqrt(np.mean(take.audio**2))) for style, take in said.items()}
    assert loud["sad"] < loud["neutral"] < loud["joyful"] < loud["angry"]
    assert len(said["angry"].audio) < len(said["neutral"].audio) < len(said["sad"].audio)
    for take in said.values():
        assert np.abs(take.audio).max() <= corpus.PEAK + 1e-6 and take.audio[0] == 0 == take.audio[-1]


def test_what_is_too_long_is_said_faster(rng):
    said = corpus.speak(" ".join(["seventeen"] * 12), corpus.Voice("m3"), 0, "sad", rng)
    assert len(said.audio) <= corpus.LONGEST * sound.RATE


def test_the_same_step_gives_the_same_takes():
    one, two = (corpus.Takes(4, 8, 2, seed=3) for _ in range(2))
    first, _ = one(0)
    one(9)
    again, _ = two(0)
    assert [t.text for t in first] == [t.text for t in again]
    assert all(np.array_equal(a.audio, b.audio) for a, b in zip(first, again, strict=True))


def test_recordings_say_every_sentence_once(tmp_path):
    pytest.importorskip("soundfile")
    recordings.run(parse(["voices", "--enrolment", "1", "--test", "1", "--styles", "1", "--out", str(tmp_path)]))
    said = {split: voices._load(tmp_path, split) for split in voices.SPLITS}
    texts = [r.text for split in ("enrolment", "test") for r in said[split]]
    texts += [r.text for r in said["styles"] if r.style == "sad"]
    assert len(texts) == len(set(texts)) == 3 * len(voices.VOICES)
    assert len(said["styles"]) == len(STYLES) * len(voices.VOICES)


# --- spectra ---


def test_the_mel_is_speecht5s(take):
    made = log_mel(torch.from_numpy(take.audio)[None])[0]
    wanted = SpeechT5FeatureExtractor()(audio_target=take.audio, sampling_rate=sound.RATE, return_tensors="pt")
    wanted = wanted["input_values"][0]
    assert made.shape == wanted.shape == (1 + len(take.audio) // HOP, 80)
    loud = wanted > -4  # below, single precision has its say
    assert torch.allclose(made[loud], wanted[loud], atol=2e-3)


def test_griffin_lim_gives_its_mel_back_better_with_every_round(take):
    wanted = log_mel(torch.from_numpy(take.audio)[None])[0]
    off = [(log_mel(griffin_lim(wanted, n)[None])[0][: len(wanted)] - wanted).abs().mean() for n in (0, 4, 32)]
    assert off[2] < off[1] < off[0]


def test_batched_griffin_lim_is_griffin_lim_of_each(take):
    mel = log_mel(torch.from_numpy(take.audio)[None])
    generator = torch.Generator().manual_seed(0)
    assert torch.allclose(griffin_lim(mel, 3, generator)[0], griffin_lim(mel[0], 3), atol=1e-5)


def test_a_sound_is_no_distance_from_itself(take):
    audio = torch.from_numpy(take.audio)
    assert distance(audio, audio) == 0 and spectral_loss(audio[None], audio[None]) < 1e-5
    assert distance(audio, audio * 0.5) > 2 and amplitudes(audio[None], 512, 128).shape[-1] == 257


# --- who speaks ---


@pytest.mark.parametrize(
    "scores, same, rate",
    [
        ([0.9, 0.8, 0.2, 0.1], [True, True, False, False], 0.0),
        ([0.9, 0.8, 0.2, 0.1], [False, False, True, True], 1.0),
        ([0.9, 0.8, 0.7, 0.6], [True, False, True, False], 0.5),
    ],
)
def test_equal_error_rates_by_hand(scores, same, rate):
    assert speaker_measure.equal_error_rate(np.array(scores), np.array(same)) == pytest.approx(rate)


def test_pairs_leave_a_recording_with_itself_out():
    scores, same = speaker_measure.pairs(torch.eye(4), ["a", "a", "b", "b"])
    assert len(scores) == 6 and same.sum() == 2 and (scores == 0).all()


def test_the_margin_is_on_the_embedding():
    model = speaker.build_model(5, 32)
    assert torch.equal(model.classifier.weight, torch.eye(speaker.WIDTH)) and model.objective.margin == speaker.MARGIN
    out = model.eval()(torch.randn(2, 8000))
    assert torch.allclose(out.logits, out.embeddings, atol=1e-6) and out.embeddings.shape == (2, 64)


def test_rephased_pieces_keep_their_spectrum(take, rng):
    piece = corpus.crops([take], 8000, rng)
    made = speaker.rephased(piece, rng)
    assert made.shape == piece.shape and not np.allclose(made, piece, atol=0.01)
    before, after = (log_mel(torch.from_numpy(sound))[:, 4:20] for sound in (piece, made))
    assert (after - before).abs()[before > -1.5].median() < 0.2  # where it is loud


# --- what a talker learns ---


@pytest.mark.parametrize("hertz", [90, 150, 300])
def test_pitch_is_that_of_a_buzz(hertz):
    t = np.arange(8000) / sound.RATE
    buzz = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 8)).astype(np.float32)
    found = features.fundamental(0.1 * buzz)[4:-4]
    assert np.abs(found - np.log2(hertz / 150)).max() < 0.06
    assert np.isnan(features.fundamental(np.zeros(8000, np.float32))).all()


def test_durations_cover_every_frame():
    phones = (Phone("r", 0.05, 0.15), Phone("E", 0.15, 0.3), Phone("d", 0.4, 0.5))
    names, durations = features.lasting(phones, 40)
    assert names == ["_", "r", "E", "_", "d", "_"] and durations.sum() == 40 and (durations >= 0).all()
    assert durations.tolist()[:3] == [3, 6, 10]


def test_features_fit_the_mel(take):
    found = features.features(take)
    assert found.durations.sum() == len(found.mel) and len(found.phones) == len(found.durations)
    assert np.isfinite(found.pitch).all() and (found.energy >= -1.001).all() and found.energy.max() < 1.5
    quiet = features.features(corpus.Take(take.audio / 2, take.text, 0, "neutral", take.phones))
    inner = slice(1, -1)
    assert np.allclose(found.energy[inner] - quiet.energy[inner], np.log10(2), atol=0.05)


def test_a_batch_is_what_the_class_trains_on(rng):
    phones = features.build_phones()
    data = talker.Sentences(phones, corpus.Takes(3, 6, 1, 0))
    batch = data(0)
    out = talker.build_model(len(phones.names), 32, 1).train()(**batch)
    assert torch.isfinite(out.loss) and out.spectrogram.shape == batch["spectrogram_labels"].shape
    there = batch["spectrogram_labels"][..., 0] != talker.PADDING
    assert torch.equal(there.sum(1), batch["duration_labels"].sum(1))


# --- the codec ---


def test_every_book_takes_from_what_the_others_left():
    args = parse(["codec", "--codes", "16", "--rounds", "4"])
    left = torch.randn(400, 80, generator=torch.Generator().manual_seed(0))
    sizes = [left.square().mean()]
    for book in codec.books(left, args):
        left = left - book[torch.cdist(left, book).argmin(1)]
        sizes.append(left.square().mean())
    assert len(sizes) == 5 and all(b < a for a, b in zip(sizes, sizes[1:], strict=False))


def test_the_codec_is_written_with_its_card_and_codes_as_its_quantiser_does(tmp_path, monkeypatch, take):
    monkeypatch.setattr(codec, "Takes", lambda n, pool, uses, seed: corpus.Takes(6, 6, 1, seed))
    small = ["codec", "--codes", "16", "--rounds", "2", "--frames", "300", "--threads", "1", "--scenes", "1"]
    codec.run(parse([*small, "--out", str(tmp_path / "out")]))
    figures = json.loads((tmp_path / "out/figures.json").read_text())
    text = (tmp_path / "out/README.md").read_text()
    assert (
        codec.measure.table(figures) in text and "{" not in text and "`python -m tinyworld.train codec --takes" in text
    )
    coder = MelCodec.from_pretrained(tmp_path / "out")
    codes = coder.encode(take.audio)
    wanted = coder.quantizer.encode(coder.frames(take.audio).T[None], None)[:, 0]
    assert torch.equal(codes, wanted) and codes.max() < 16 and coder.bitrate(1) == 0.25


# --- the codec language model ---


@pytest.fixture
def speaking() -> CodecLM:
    torch.manual_seed(0)
    return codec_lm.build_model(9, parse(TINY["codec_lm"].split())).eval()


def test_what_a_frame_is_to_be_is_its_phone_its_neighbours_and_where_in_it(speaking):
    ids, durations = torch.tensor([3, 5, 4]), torch.tensor([2, 3, 1])
    asked = speaking.asked(ids, durations, torch.zeros(64), 0)
    assert asked.shape == (6, 32) and torch.isfinite(asked).all()
    changed = speaking.asked(torch.tensor([3, 5, 6]), durations, torch.zeros(64), 0)
    assert [bool((a != b).any()) for a, b in zip(asked, changed, strict=True)] == [False, False, True, True, True, True]
    assert (asked != speaking.asked(ids, durations, torch.ones(64), 0)).any(1).all()
    assert len({tuple(row.tolist()) for row in asked}) == 6


def test_no_frame_sees_its_own_code_nor_a_later_one(speaking):
    asked = speaking.asked(torch.tensor([1, 2]), torch.tensor([3, 4]), torch.randn(64), 1)[None]
    codes = torch.arange(7)[None]
    changed = codes.clone()
    changed[0, 4] = 900
    before, after = speaking(codes, asked), speaking(changed, asked)
    assert torch.allclose(before[:, :5], after[:, :5]) and not torch.allclose(before[:, 5:], after[:, 5:])


def test_what_is_drawn_with_a_cache_is_what_the_whole_would_say(speaking):
    told = [speaking.asked(torch.tensor([1, 2]), torch.tensor([3, n]), torch.randn(64), 1) for n in (4, 2)]
    drawn = speaking.speak(told, torch.Generator().manual_seed(0), likeliest=1)
    assert [tuple(codes.shape) for codes in drawn] == [(1, 7), (1, 5)]
    for codes, asked in zip(drawn, told, strict=True):
        assert torch.equal(speaking(codes, asked[None]).argmax(-1), codes)
    with pytest.raises(ValueError, match="more than"):
        speaking.speak([torch.zeros(LONGEST + 1, 32)], torch.Generator())


# --- sounds and their captions ---


def test_no_kind_of_sound_is_twice_in_a_batch():
    data = clap.Played(clap.build_processor(), 8, 24, 2, 0)
    batch = data(0)
    assert len({tuple(row) for row in batch["facts"].tolist()}) == 8
    assert batch["input_features"].shape[0] == 8 and batch["input_features"].shape[-1] == clap.BANDS


def test_every_word_of_a_caption_is_one_piece():
    tokenizer = clap.build_processor().tokenizer
    caption = Sound("metal", "high", "galloping", "tense").caption()
    ids = tokenizer(caption)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == caption
    assert len(ids) <= len(caption.replace(",", " ,").split()) + 2 and tokenizer.unk_token_id not in ids


def test_retrieval_of_a_guesser_is_chance():
    model = clap.build_model(clap.build_processor(), 16).eval()
    found = clap_measure.retrieval(model, clap.build_processor(), 1)
    assert found["text/R@1"] < 0.2 and found["sound/R@1"] < 0.2


def test_test_sounds_are_in_no_training():
    assert not set(sounds.sounds("train", 300)) & set(sounds.sounds("test", 300))


# --- the reader ---


def test_a_batch_is_filled_up_to_whole_steps_of_the_decoder():
    args = parse(TINY["reader"].split())
    data = reader.Sentences(features.build_phones(), args)
    batch = data(0)
    frames = batch["labels"].shape[1]
    there = batch["labels"][..., 0] != reader.PADDING
    assert frames % args.reduction == 0 and frames - int(there.sum(1).max()) < args.reduction
    assert (batch["attention_mask"] == (batch["input_ids"] != 0)).all()
    lengths = [len(one.mel) for one in data.said(0)]
    assert lengths == sorted(lengths)


def test_what_attention_skips_and_where_it_goes_back():
    there = torch.eye(4).repeat_interleave(2, dim=0)
    assert reader_measure.followed(there) == {"skipped": 0.0, "back": 0.0}
    assert reader_measure.followed(there[[0, 1, 4, 5, 6, 7]])["skipped"] == 0.25
    assert reader_measure.followed(there[[0, 6, 1]])["back"] == 0.5
