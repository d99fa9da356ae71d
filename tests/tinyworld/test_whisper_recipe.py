"""The Whisper recipe: its tokens, its windows of speech, what it is asked for, and that it goes on where it stopped.

Where espeak-ng is not installed a stand-in speaks: a tone for every letter, with the same times of words and phones.
"""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from transformers import AutomaticSpeechRecognitionPipeline, WhisperForConditionalGeneration, WhisperProcessor

from tinyworld import german, sound, speech
from tinyworld.sentences import Sentence, sentence
from tinyworld.train import loop
from tinyworld.train.__main__ import parse
from tinyworld.train.whisper import espeak, listener, measure, recipe, utterances
from tinyworld.train.whisper.utterances import MISSING, Spoken, Utterances

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
TONE = 0.06  # seconds a letter


def tones(text, voice, speed=175, pitch=50, pitch_range=50, stretch=1.0) -> espeak.Spoken:
    """What the stand-in says: each letter a tone of its own, and no pause between words."""
    letter, parts, words, phones, at = TONE * 175 / speed, [], [], [], 0.0
    for word in text.split():
        start = at
        for sign in word:
            n = int(letter * sound.RATE)
            parts.append(0.3 * np.sin(np.arange(n) * (0.05 + 0.01 * (ord(sign) % 64))))
            phones.append((sign, at, at + letter))
            at += letter
        words.append((start, at))
    return espeak.Spoken(np.concatenate(parts).astype(np.float32), tuple(words), tuple(phones))


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    utterances.phone_table.cache_clear()
    monkeypatch.setattr(espeak, "say", tones)
    yield
    utterances.phone_table.cache_clear()


@pytest.fixture(scope="module")
def processor() -> WhisperProcessor:
    return listener.build_processor()


@pytest.fixture
def data(processor) -> Utterances:
    return Utterances(processor, size=6, pool=24, uses=2, seed=0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def tiny(processor) -> WhisperForConditionalGeneration:
    torch.manual_seed(0)
    return listener.build_model(processor.tokenizer, 64, 1, 2).eval()


# --- the tokenizer ---


def test_every_word_is_one_token_and_any_text_comes_back(processor, rng):
    tokenizer = processor.tokenizer
    for language in ("en", "de"):
        for _ in range(100):
            text = sentence("train", language, rng).text
            pieces = tokenizer(f" {text}", add_special_tokens=False)["input_ids"]
            assert len(pieces) == len(text.split()), text
    for text in (" Zebra-42, ganz groß!", "a photo of a cat", " ein kleines türkises Quadrat"):
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_the_special_tokens_are_whisper_s_in_whisper_s_order(processor):
    number = processor.tokenizer.convert_tokens_to_ids
    start, plain = number("<|startoftranscript|>"), number("<|notimestamps|>")
    assert number(["<|en|>", "<|zh|>", "<|de|>"]) == [start + 1, start + 2, start + 3]
    tail = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    assert number(tail) == list(range(plain - 5, plain + 1))
    assert number("<|0.00|>") == plain + 1 and number("<|5.00|>") == plain + 251 == len(processor.tokenizer) - 1
    timed = processor.tokenizer.decode(
        [number("<|0.40|>"), number("Ġred"), number("<|0.96|>")], decode_with_timestamps=True
    )
    assert timed == "<|0.40|> red<|0.96|>"
    prompt = processor.get_decoder_prompt_ids(language="german", task="translate")
    assert [token for _, token in prompt] == number(["<|de|>", "<|translate|>", "<|notimestamps|>"])


# --- windows ---


def test_a_batch_comes_from_the_step_alone(processor, data):
    batches, later = [data(i) for i in range(10)], Utterances(processor, 6, 24, 2, 0)
    for i in (9, 3, 0):
        again = later(i)
        assert all(torch.equal(batches[i][name], again[name]) for name in again)
    first = batches[0]
    assert first["features"].shape == (6, 80, 500) and first["phones"].shape == first["words"].shape == (6, 250)
    assert first["tokens"].shape == first["labels"].shape == first["spans"].shape[:2]
    assert set(data(0, text=False)) == {"features", "phones", "words"}
    assert not torch.equal(first["features"], batches[1]["features"])


def test_only_training_sentences_and_voices_are_heard(data):
    pool = data.spoken(0)
    assert sum(len(spoken) for spoken in pool.values()) == 24
    speakers = set(espeak.speakers("train"))
    for language, spoken in pool.items():
        for s in spoken:
            assert s.sentence.language == language and s.voice.split("+")[1] in speakers
            assert len(s.speech.audio) <= utterances.LONGEST * sound.RATE
    others = [set(espeak.speakers(split)) for split in ("test", "validation")]
    assert not speakers & others[0] and not speakers & others[1] and not others[0] & others[1]


def said(text: str, language: str = "en") -> Spoken:
    meant = german.translate(text) if language == "de" else text
    return Spoken(Sentence(text, language, "caption", meant, ""), "en+m1", tones(text, "en+m1"))


def test_the_frames_of_a_window_are_labelled_with_what_is_heard_there(data, rng):
    window = data.place([(0.5, said("red star"))], rng)
    assert window.audio.shape == (80000,) and window.audio.dtype == np.float32
    assert (window.words[:25] == 0).all() and (window.words[46:] == 0).all()
    assert (window.words[25:34] == data.word["red"]).all() and (window.words[34:46] == data.word["star"]).all()
    assert (window.phones[25:28] == data.phones["r"]).all() and data.phones["r"] > 0
    # The end of what began before the window, and the beginning of what ends after it.
    window = data.place([(-0.18, said("red star")), (4.9, said("red star"))], rng)
    assert (window.words[:12] == data.word["star"]).all() and (window.words[245:] == data.word["red"]).all()


def decoded(data, window) -> str:
    return data.processor.tokenizer.decode(window.tokens, decode_with_timestamps=True)


def test_what_is_said_is_written_as_whisper_writes(data, rng):
    track = [(0.5, said("ein roter Stern links von drei", "de"))]
    window = data.place(track, rng)
    data.write(window, track, "de", timed=False, translate=False, whole=True)
    start = "<|startoftranscript|><|de|>"
    assert decoded(data, window) == f"{start}<|transcribe|><|notimestamps|> ein roter Stern links von drei<|endoftext|>"
    spans = dict(zip([data.processor.tokenizer.decode([t]) for t in window.tokens], window.spans, strict=True))
    assert spans[" ein"] == (25, 34) and spans[" drei"] == (88, 100) and spans["<|transcribe|>"] == (0, 0)

    window = data.place(track, rng)
    data.write(window, track, "de", timed=True, translate=True, whole=True)
    assert decoded(data, window) == f"{start}<|translate|><|0.50|> a red star left of three<|2.00|><|endoftext|>"
    spans = dict(zip([data.processor.tokenizer.decode([t]) for t in window.tokens], window.spans, strict=True))
    assert spans[" left"] == spans[" of"] == (64, 88) and spans[" three"] == (88, 100)


def test_an_utterance_that_goes_on_after_the_window_is_only_begun(data, rng):
    track = [(0.0, said("red")), (0.4, said("blue")), (4.9, said("a small green star"))]
    window = data.place(track, rng)
    data.write(window, track, "en", timed=True, translate=False, whole=True)
    assert decoded(data, window).endswith("<|0.00|> red<|0.18|><|0.40|> blue<|0.64|><|4.90|><|endoftext|>")
    window = data.place(track, rng)
    data.write(window, track, "en", timed=False, translate=False, whole=True)
    assert decoded(data, window).endswith("<|notimestamps|> red blue<|endoftext|>")
    track = [(-0.1, said("red green star"))]  # and of a cut, the words that are there
    window = data.place(track, rng)
    data.write(window, track, "en", timed=False, translate=False, whole=False)
    assert decoded(data, window).endswith("<|notimestamps|> green star<|endoftext|>")


def test_what_cannot_be_heard_is_not_asked(data):
    number, tokens, labels = data.special, [], []
    for i in range(12):
        batch = data(i)
        tokens += batch["tokens"].tolist()
        labels += batch["labels"].tolist()
        wrong = batch["labels"][:, :-1] != batch["tokens"][:, 1:]
        assert (
            (batch["labels"][:, :-1][wrong] == MISSING)
            .logical_or(batch["labels"][:, :-1][wrong] == number["<|endoftext|>"])
            .all()
        )
    nobody = [row for row in labels if row[0] == number["<|nospeech|>"]]
    assert 0 < len(nobody) < 20 and all(row[1] == number["<|endoftext|>"] for row in nobody)
    for read, asked in zip(tokens, labels, strict=True):
        if asked[0] == number["<|nospeech|>"]:
            continue
        assert asked[0] == read[1] and asked[1] == MISSING  # the language is asked, the task is given
        assert asked[2] == (MISSING if read[3] == number["<|notimestamps|>"] else read[3])
        assert asked.count(number["<|endoftext|>"]) == 1
        assert len(read) <= listener.TEXT


# --- the model and what it is asked ---


def test_encoder_heads_begin_by_looking_around_themselves(processor):
    model = listener.build_model(processor.tokenizer, 128, 2, 1).eval()
    maps = model.model.encoder(torch.zeros(1, 80, 500), output_attentions=True).attentions
    for layer in maps:
        for head, steps in enumerate((-5, 0, 5)):
            off = layer[0, head, 20:230].argmax(-1) - torch.arange(20, 230) - steps
            assert (off.abs() <= 1).float().mean() > 0.9  # beside random weights
            assert layer[0, head].amax(-1).median() > 3 * layer[0, 3].amax(-1).median()
    assert sum(p.numel() for p in model.parameters()) < 1.5e6


def test_the_loss_is_small_when_all_is_right_and_not_otherwise(processor, data):
    learner = listener.Listener(tiny(processor), 80, 200)
    batch = data(1)
    labels = batch["labels"]
    right = torch.nn.functional.one_hot(labels.clamp(min=0), len(processor.tokenizer)).float() * 100
    stamped = labels >= learner.first_stamp
    assert stamped.any() and (labels >= 0).any()
    wanted = learner.near[labels[stamped] - learner.first_stamp]
    assert torch.allclose(wanted.sum(-1), torch.ones(len(wanted)))
    assert (wanted.argmax(-1) == labels[stamped] - learner.first_stamp).all()
    right[stamped] = torch.nn.functional.pad((wanted + 1e-9).log(), (learner.first_stamp, 0), value=-100.0)
    said, stamps = learner.text(right, labels)
    entropy = -(wanted * (wanted + 1e-9).log()).sum(-1).mean()
    assert said < 1e-6 and stamps.item() == pytest.approx(entropy.item(), abs=1e-3)
    off = torch.roll(right, 1, dims=-1)
    assert learner.text(off, labels)[0] > 50
    assert learner.text(right[:1], torch.full_like(labels[:1], 3))[1] == 0  # no timestamps, no loss of them

    spans = batch["spans"]
    asked = spans[..., 1] > spans[..., 0]
    frames = torch.arange(250)
    inside = ((frames >= spans[..., :1]) & (frames < spans[..., 1:])).float()
    inside = torch.where(asked[..., None], inside / inside.sum(-1, keepdim=True).clamp(min=1), 1 / 250)
    maps = [inside[:, None].expand(-1, 2, -1, -1)] * 2
    assert learner.attention(maps, spans) < 1e-3
    assert learner.attention([torch.full_like(maps[0], 1 / 250)] * 2, spans) > 1.5


def test_a_step_teaches_every_part(processor, data):
    learner = listener.Listener(tiny(processor), 80, 200)
    loss, figures = learner(data(0))
    assert loss.isfinite() and set(figures) == {"phones", "words", "text", "stamps", "attention"}
    loss.backward()
    still = [n for n, p in learner.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert not still
    loss, figures = learner(data(0, text=False))
    assert set(figures) == {"phones", "words"} and loss.isfinite()


# --- the recipe ---

SMALL = "whisper --steps 6 --hear 2 --batch 4 --pool 6 --uses 2 --width 64 --layers 1 --decoder-layers 2 --threads 1 "
SMALL += "--device cpu --save-every 0 --look-every 100 --scenes 2"


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch):
    """Six steps in one go, and six steps with a stop after the third, end in the same weights."""
    ended: list[dict[str, torch.Tensor]] = []
    monkeypatch.setattr(recipe, "export", lambda model, *_: ended.append(model.state_dict()))
    recipe.run(parse([*SMALL.split(), "--runs", str(tmp_path / "whole")]))

    def interrupt(self, progress, text):
        if progress > 0.6:
            raise KeyboardInterrupt

    halves = [*SMALL.split(), "--runs", str(tmp_path / "halves"), "--resume"]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(recipe.loop.Progress, "show", interrupt)
        recipe.run(parse(halves))
    assert json.loads((tmp_path / "halves/whisper/counters.json").read_text())["step"] == 3
    recipe.run(parse(halves))
    recipe.run(parse([*halves, "--export"]))
    whole, *others = ended
    assert all(torch.equal(whole[name], other[name]) for other in others for name in whole)


def test_nothing_to_export_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        recipe.run(parse([*SMALL.split(), "--runs", str(tmp_path), "--export"]))


def test_what_is_written_is_a_real_whisper_with_a_card(tmp_path, processor):
    """Untrained: it loads with plain `from_pretrained`, and generate and the pipeline work on it."""
    args = parse([*SMALL.split(), "--out", str(tmp_path / "out")])
    recipe.export(tiny(processor), processor, args, loop.Clock(6, step=6))
    folder = tmp_path / "out"
    assert {f.suffix for f in folder.iterdir()} <= {".safetensors", ".json", ".md"}
    with safe_open(folder / "model.safetensors", "pt") as stored:
        assert {stored.get_tensor(name).dtype for name in stored.keys()} == {torch.float16}  # noqa: SIM118
    model, report = WhisperForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert model.dtype == torch.float32
    again = WhisperProcessor.from_pretrained(folder)
    assert again.tokenizer.get_vocab() == processor.tokenizer.get_vocab()
    config = model.generation_config
    assert config.lang_to_id["<|de|>"] == again.tokenizer.convert_tokens_to_ids("<|de|>")
    assert config.alignment_heads == [list(pair) for pair in listener.ALIGNED]

    audio = speech.load("test", "de")[0].audio
    features = again(audio, sampling_rate=16000, return_tensors="pt")["input_features"]
    assert features.shape == (1, 80, 500)
    for options in ({}, {"language": "de", "task": "translate"}, {"return_timestamps": True}, {"num_beams": 2}):
        tokens = model.generate(features, **options)
        # an untrained model may say any time, from which generate() then listens on: no bound on the length
        assert tokens.shape[0] == 1 and tokens.shape[1] > 0
        assert not set(tokens[0].tolist()) & set(config.suppress_tokens)
    ears = AutomaticSpeechRecognitionPipeline(
        model, tokenizer=again.tokenizer, feature_extractor=again.feature_extractor
    )
    assert isinstance(ears({"raw": audio, "sampling_rate": 16000})["text"], str)
    assert "chunks" in ears({"raw": audio, "sampling_rate": 16000}, return_timestamps="word")

    figures = json.loads((folder / "figures.json").read_text())
    text = (folder / "README.md").read_text()
    assert measure.table(figures) in text and "{" not in text and str(tmp_path) not in text
    assert "--steps 6 --hear 2" in text and "2 of each split and language" in text


def test_full_size_fits():
    processor = listener.build_processor()
    args = parse(["whisper"])
    model = listener.build_model(processor.tokenizer, args.width, args.layers, args.decoder_layers)
    assert 2 * sum(p.numel() for p in model.parameters()) < 4e6


# --- measuring ---


def test_the_word_error_rate_counts_edits():
    assert measure.wer(["a small red star"], ["a small red star"]) == 0
    assert measure.wer(["a small red star"], ["a small blue star"]) == 0.25
    assert measure.wer(["a small red star"], ["small red star please"]) == 0.5
    assert measure.wer(["red", "a blue ring"], ["", "a blue ring ring"]) == 0.5
    assert measure.wer(["red"], ["one two three"]) == 3


class Oracle:
    """Hears what is said, but for its slips: says so much later, or another word."""

    def __init__(self, said, late=0.0, word=None):
        self.said, self.late, self.word = {u.audio.tobytes(): u for u in said}, late, word

    def _texts(self, u, task):
        text = u.text if task == "transcribe" else u.translation
        return text.replace(*self.word) if self.word else text

    def write(self, sounds, language, task="transcribe"):
        return [self._texts(self.said[s.tobytes()], task) for s in sounds]

    def languages(self, sounds):
        return [self.said[s.tobytes()].language for s in sounds]

    def timed(self, sounds, language, stamps="word"):
        found = []
        for s in sounds:
            u = self.said[s.tobytes()]
            words = [(" " + w.text, w.start + self.late, w.end + self.late) for w in u.words]
            if stamps is True:
                words = [(u.text, words[0][1], words[-1][2])]
            found.append([{"text": text, "timestamp": (a, b)} for text, a, b in words])
        return found


def test_a_perfect_listener_is_perfect_and_slips_are_seen():
    said = speech.load("test", "de")
    assert measure.understood(Oracle(said), said) == {"WER": 0, "sentences": 1, "language": 1, "translation": 1}
    assert set(measure.times(Oracle(said), said).values()) == {1.0}
    assert measure.times(Oracle(said, 0.14), said)["word times"] == 1
    late = measure.times(Oracle(said, 0.16), said)
    assert late["word times"] == late["segment starts"] == 0 and late["segments stamped"] == 1
    slips = measure.understood(Oracle(said, word=("Stern", "Kreis")), said)
    assert 0 < slips["WER"] < 0.2 and slips["sentences"] < 1 and slips["translation"] == 1


def test_noise_for_measuring_is_the_same_every_time():
    said = speech.load("voices", "en")[:3]
    for one, two, u in zip(measure.noisy(said, 10), measure.noisy(said, 10), said, strict=True):
        assert np.array_equal(one, two)
        assert 10 * np.log10(np.mean(u.audio**2) / np.mean((one - u.audio) ** 2)) == pytest.approx(10, abs=0.1)
