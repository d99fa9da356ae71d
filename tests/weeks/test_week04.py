"""Week 4: its checks, and its helper package against the library and jiwer. Nothing long runs here."""

from __future__ import annotations

import io
import wave

import jiwer
import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

import whisper_lab
from coursekit import models, plots
from tinyworld import speech
from whisper_lab import data, listening, measuring, microphone, probes
from whisper_lab.checks import reference


@pytest.fixture(scope="module")
def loaded():
    return models.load("whisper", profile="tiny", device="cpu")


@pytest.fixture(scope="module")
def random():
    model = probes.whisper(5)
    return model, torch.randn(3, probes.MELS, probes.FRAMES, generator=torch.Generator().manual_seed(5))


# --- data -----------------------------------------------------------------------------------------------------------


def test_utterances_differ_with_the_seed_and_may_be_written_to():
    first, again, other = (data.spoken(6, seed=seed) for seed in (1, 1, 2))
    assert [one.text for one in first] == [one.text for one in again] != [one.text for one in other]
    first[0].audio[:] = 0
    assert data.spoken(6, seed=1)[0].audio.any(), "what is shipped stays as it is"
    with pytest.raises(ValueError, match="there are"):
        data.spoken(100_000)


def test_every_accent_has_a_name():
    voices = {one.voice for language in ("en", "de") for one in speech.load("voices", language)}
    assert {voice.split("+")[0] for voice in voices} <= set(data.ACCENTS)
    assert data.accent("en-029") == "Caribbean" and data.accent("fr") == "fr"


def test_the_notebooks_utterance_fits_a_window():
    one = data.utterance()
    assert one.language == "en" and 2 < one.seconds < 3.5 and len(one.words) == len(one.text.split())


@pytest.mark.parametrize("kind", data.KINDS)
def test_noises_are_equally_loud(kind):
    noise = data.noise(kind, 1.5, seed=3)
    assert noise.dtype == np.float32 and noise.shape == (24_000,) and np.isfinite(noise).all()
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(0 if kind == "silence" else data.LOUDNESS, rel=1e-3)
    assert kind == "silence" or not np.array_equal(noise, data.noise(kind, 1.5, seed=4))


def test_a_noise_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="pink"):
        data.noise("purple", 1)


def test_the_chirp_slides_and_a_thinned_one_folds_back():
    def loudest(sound, rate, at):
        part = sound[int(at * rate) : int(at * rate) + rate // 50]
        return np.abs(np.fft.rfft(part * np.hanning(len(part)))).argmax() * rate / len(part)

    chirp = data.chirp()
    thin = data.thinned(chirp, 2)
    assert loudest(chirp, 16_000, 1.5) == pytest.approx(200 + 7400 * 1.51 / 2, abs=100)
    assert loudest(thin, 8000, 1.5) == pytest.approx(8000 - (200 + 7400 * 1.51 / 2), abs=100)


def test_windows_overlap_and_cover_everything():
    sound = np.arange(16_000 * 13, dtype=np.float32)
    parts = data.windows(sound, 5, 2)
    assert all(len(part) == 80_000 for part in parts[:-1])
    assert all(np.array_equal(a[-32_000:], b[:32_000]) for a, b in zip(parts[:-1], parts[1:], strict=True))
    assert parts[0][0] == 0 and parts[-1][-1] == sound[-1]
    assert len(data.windows(sound[:100], 5, 2)) == 1
    with pytest.raises(ValueError, match="overlap"):
        data.windows(sound, 2, 2)


def test_the_long_recording_is_longer_than_a_window_and_says_its_text(loaded):
    long = data.long_recording()
    assert long.seconds > 3 * listening.window_seconds(loaded)
    assert 15 < len(long.text.split()) < 150
    assert np.abs(long.audio).max() <= 1


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_any_recording_becomes_one_channel_at_16_khz(tmp_path, suffix):
    t = np.arange(44_100) / 44_100
    stereo = np.stack([np.sin(2 * np.pi * 440 * t), np.zeros(44_100)], axis=1) / 2
    soundfile.write(tmp_path / f"mine.{suffix}", stereo, 44_100)
    found = data.read(tmp_path / f"mine.{suffix}")
    assert found.dtype == np.float32 and abs(len(found) - 16_000) <= 2
    assert np.abs(np.fft.rfft(found)).argmax() == pytest.approx(440, abs=2)


def test_a_file_that_is_no_sound_is_refused(tmp_path):
    (tmp_path / "mine.wav").write_text("la la la")
    with pytest.raises(ValueError, match="is no sound that can be read here"):
        data.read(tmp_path / "mine.wav")


def test_without_colab_there_is_no_microphone():
    with pytest.raises(RuntimeError, match="whisper_lab.read"):
        microphone.record(1)


# --- listening, beside the library ----------------------------------------------------------------------------------


def test_features_are_the_processors(loaded):
    sound = data.utterance().audio
    wanted = loaded.processor(sound, sampling_rate=16_000, return_tensors="pt").input_features
    assert torch.equal(listening.features(loaded, [sound]), wanted)


def test_first_states_are_front_and_positions(loaded):
    heard = listening.features(loaded, [data.utterance().audio])
    encoder = loaded.model.model.encoder
    x = torch.nn.functional.gelu(encoder.conv1(heard))
    x = torch.nn.functional.gelu(encoder.conv2(x)).transpose(1, 2) + encoder.embed_positions.weight
    assert torch.allclose(listening.first_states(loaded.model, heard), x, atol=1e-4)


def test_a_prompt_is_what_generate_begins_with(loaded):
    model, tokenizer = loaded.model, loaded.processor.tokenizer
    words = tokenizer.convert_ids_to_tokens(listening.prompt(model, "de", "translate"))
    assert words == ["<|startoftranscript|>", "<|de|>", "<|translate|>", "<|notimestamps|>"]
    assert listening.prompt(model, timestamps=True) == listening.prompt(model)[:3]


def test_what_is_generated_is_the_listeners_likeliest(random):
    model, heard = random
    never = [i for i in range(probes.VOCABULARY) if i not in (2, 3, 5, 7, 11, probes.END)]
    settings = {"language": "en", "task": "transcribe", "suppress_tokens": never, "max_new_tokens": 9}
    said = listening.generated(model, heard, begin_suppress_tokens=[probes.END], **settings)
    assert len(said) == 3 and all(said)
    for one, wanted in zip(heard, said, strict=True):
        step = listening.listener(model, one[None], reference.PROMPT, never, [probes.END])
        tokens: list[int] = []
        while len(tokens) < 9 and (token := int(step([tokens])[0].argmax())) != probes.END:
            tokens.append(token)
        assert tokens == wanted


def test_plain_tokens_have_neither_prompt_nor_end(random):
    model, _ = random
    assert listening.plain(model, [*reference.PROMPT, 4, 5, probes.END, probes.END]) == [4, 5]
    assert listening.plain(model, [*reference.PROMPT[:3], probes.NO_TIMESTAMPS + 1, 4]) == [probes.NO_TIMESTAMPS + 1, 4]
    assert listening.plain(model, [4, 5]) == [4, 5]


def test_scores_are_those_of_the_listener(loaded):
    model = loaded.model
    heard = listening.features(loaded, [one.audio for one in data.spoken(2, seed=7)])
    said = listening.generated(model, heard, language="en", task="transcribe")
    for one, tokens, scores in zip(heard, said, listening.scored(loaded, heard, said), strict=True):
        step = listening.listener(model, one[None], listening.prompt(model), [], [])
        followed = [*tokens, model.generation_config.eos_token_id]
        wanted = [float(step([followed[:i]])[0, token]) for i, token in enumerate(followed)]
        assert scores == pytest.approx(wanted, abs=1e-3)


def test_the_first_token_is_detect_languages(loaded):
    heard = listening.features(loaded, [one.audio for one in (*data.spoken(2), *data.spoken(2, language="de"))])
    shares, silent = listening.first_probabilities(loaded, heard)
    ids = list(loaded.model.generation_config.lang_to_id.values())
    assert [ids[i] for i in shares.argmax(dim=1).tolist()] == loaded.model.detect_language(heard).tolist()
    assert torch.allclose(shares.sum(dim=1), torch.ones(4), atol=1e-4) and ((silent >= 0) & (silent <= 1)).all()


def test_attempts_at_temperature_zero_are_greedy_and_at_another_repeatable(loaded):
    sound = data.utterance().audio
    attempt = listening.attempts(loaded, sound, seed=3)
    text, mean = attempt(0.0)
    (wanted,) = listening.confidence(loaded, [sound])
    assert text == wanted[0] and mean == pytest.approx(wanted[1], abs=1e-3)
    assert attempt(1.0) == attempt(1.0)


def test_attention_has_a_row_for_every_token_and_reaches_over_the_sound(loaded):
    one = data.utterance()
    (tokens,) = listening.generated(
        loaded.model, listening.features(loaded, [one.audio]), language="en", task="transcribe"
    )
    weights = listening.attention(loaded, one.audio, tokens)
    heads = len(loaded.model.generation_config.alignment_heads)
    assert weights.shape == (heads, len(tokens), int(np.ceil(one.seconds / 0.02)))
    assert (weights >= 0).all() and (weights.sum(dim=-1) <= 1 + 1e-4).all()


def test_median_filter_is_the_librarys():
    from transformers.models.whisper.generation_whisper import _median_filter

    values = torch.randn(2, 3, 5, 40, generator=torch.Generator().manual_seed(0))
    for width in (3, 7):
        assert torch.equal(listening.median_filter(values, width), _median_filter(values, width))
    assert torch.equal(listening.median_filter(values[..., :2], 7), values[..., :2])


def test_times_come_from_where_attention_moves_on():
    weights, _, wanted = reference.attention_task(np.random.default_rng(0))
    times, (rows, columns) = listening.library_times(weights)
    assert np.abs(times.numpy() - wanted).max() < 0.021
    assert (rows[0], columns[0]) == (0, 0) and rows[-1] == weights.shape[1] - 1


def test_words_are_put_together_from_tokens(loaded):
    tokens = loaded.processor.tokenizer(" red star", add_special_tokens=False).input_ids
    found = listening.words_at(loaded, tokens, np.arange(len(tokens)) / 10)
    assert [word for word, _ in found] == ["red", "star"] and found[0][1] == 0


def test_timed_tokens_are_text_and_times(loaded):
    tokens = listening.timed_tokens(loaded, data.utterance().audio)
    first = loaded.model.generation_config.no_timestamps_token_id + 1
    assert tokens and tokens[0] >= first
    assert listening.text_of(loaded, tokens) == listening.text_of(loaded, [t for t in tokens if t < first])


# --- measuring ------------------------------------------------------------------------------------------------------


def test_error_rates_are_jiwers():
    rng = np.random.default_rng(0)
    pairs = [reference.misheard(rng, int(n)) for n in rng.integers(1, 14, size=30)]
    said, heard = [" ".join(a) for a, _ in pairs], [" ".join(b) for _, b in pairs]
    assert measuring.wer(said, heard) == pytest.approx(jiwer.wer(said, heard))
    assert measuring.wer(said, heard, "character") == pytest.approx(jiwer.cer(said, heard))
    with pytest.raises(ValueError, match="nothing was said"):
        measuring.wer([""], ["a"])


def test_a_rate_has_its_interval():
    said, heard = ["a red star"] * 20, ["a red star"] * 15 + ["a star"] * 5
    rate = measuring.rate_of(said, heard)
    assert rate.value == pytest.approx(5 / 60) and (rate.words, rate.sentences) == (60, 20)
    assert 0 < rate.low < rate.value < rate.high < 0.2 and str(rate).startswith("8.3 % of 60 words")
    none = measuring.rate_of(said, said)
    assert none.value == none.low == 0 < none.high < 0.1
    fewer, low, high = measuring.gain(said, heard, said)
    assert low < fewer == pytest.approx(5 / 60) and fewer < high


def test_normal_text_has_no_case_and_no_punctuation():
    assert measuring.normal("  Größer, als ein  Stern! ") == "größer als ein stern"


def test_loops_compress_better_than_sentences():
    assert measuring.compression_ratio(reference.LOOP) > 2.4 > measuring.compression_ratio(reference.SENTENCE)


def test_reports_have_what_they_say(loaded):
    groups = {"a": data.spoken(2), "b": data.spoken(1, "voices", "de")}
    rates = measuring.over_noise(loaded, groups, (20, 0))
    assert set(rates) == {"a", "b"} and all(len(values) == 2 for values in rates.values())
    for some in measuring.by_voice(loaded, speech.load("voices")[:4]).values():
        values = [rate.value for rate in some.values()]
        assert values and values == sorted(values)
    found = measuring.without_speech(loaded, n=1)
    assert set(found) == {"speech", "speech in noise", *data.KINDS}
    assert all(mean <= 0 <= silent <= 1 for rows in found.values() for _, mean, silent in rows)


# --- probes ---------------------------------------------------------------------------------------------------------


def test_a_random_whisper_is_the_same_for_the_same_seed():
    one, same, other = (probes.whisper(seed).model.encoder.conv1.weight for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_work_is_counted(random):
    def twice(model, features):
        with torch.no_grad():
            for ids in ([[1, 2, 3]], [[4]]):
                model(input_features=features, decoder_input_ids=torch.tensor(ids), use_cache=False)
        return "done"

    model, heard = random
    counted = probes.work(twice, model, heard[:1])
    assert counted == {"encoder": 2, "decoder": 4, "longest": 3, "result": "done"}
    assert not model.model.decoder._forward_pre_hooks


def test_a_tree_has_probabilities_that_depend_on_the_way():
    step = probes.tree(3, 5)
    rows = step([[0, 1], [1, 0]])
    assert torch.allclose(rows.exp().sum(dim=1), torch.ones(2)) and not torch.allclose(rows[0], rows[1])
    assert torch.equal(rows[0], step([[0, 1]])[0])


# --- figures --------------------------------------------------------------------------------------------------------


def test_figures_are_one_picture_each(monkeypatch):
    shown: list[Image.Image] = []
    told: list[str] = []
    monkeypatch.setattr(
        plots, "_display", lambda png: shown.append(Image.open(io.BytesIO(png.getvalue()))) or told.append(png.alt)
    )
    one = data.utterance()
    weights, _, begins = reference.attention_task(np.random.default_rng(0))
    words = [(word.text, word.start) for word in one.words]
    rate = measuring.rate_of(["a red star"] * 9, ["a star"] * 9)
    points = {"speech": [("a", -0.1, 0.01)], "silence": [("b", -2.0, 0.9)]}
    for draw in (
        lambda: whisper_lab.show_sound(one.audio, words, "title"),
        lambda: whisper_lab.show_spectrograms({"a": (data.chirp(), 16_000), "b": (data.chirp()[::2], 8000)}),
        lambda: whisper_lab.show_resolutions(one.audio, [400]),
        lambda: whisper_lab.show_filters(reference.library_filters(80, 400, 16_000)),
        lambda: whisper_lab.show_features({"a": torch.randn(80, 500)}, 5),
        lambda: whisper_lab.show_positions(reference.whisper_positions(50, 32)),
        lambda: whisper_lab.show_languages(torch.eye(3), [0.0, 0.5, 1.0], ["<|en|>", "<|de|>", "<|fr|>"], list("abc")),
        lambda: whisper_lab.show_confidence({"red star": {"clear": [(" red", -0.1), (" star", -3.0)]}}),
        lambda: whisper_lab.show_noise([20, 0], {"a": [rate, rate]}, {"a": rate}),
        lambda: whisper_lab.show_rates({"a": rate, "b": rate}, "voices"),
        lambda: whisper_lab.show_silence(points, 0.6, -1.0),
        lambda: whisper_lab.show_path(weights[0], ([0, 1], [0, 5]), list("abcdef"), 0.02, [("a", b) for b in begins]),
    ):
        before = len(shown)
        draw()
        assert len(shown) - before == 1
    assert all(min(picture.size) > 60 for picture in shown)
    assert all(len(words) > 20 for words in told), "each says in words what is on it"


def test_an_alignment_is_printed_in_columns(capsys):
    whisper_lab.show_alignment([("ok", "a", "a"), ("sub", "red", "bread"), ("del", "star", None), ("ins", None, "is")])
    said, heard, what = capsys.readouterr().out.splitlines()
    assert said.split() == ["said", "a", "red", "star", "***"] and heard.split() == ["heard", "a", "bread", "***", "is"]
    assert what.split() == ["sub", "del", "ins"] and said.index("red") == heard.index("bread") == what.index("sub")


def test_a_player_plays(monkeypatch):
    played = []
    monkeypatch.setattr("IPython.display.display", played.append)
    whisper_lab.play(torch.zeros(800), rate=8000)
    with wave.open(io.BytesIO(played[0].data)) as file:
        assert (file.getframerate(), file.getnframes()) == (8000, 800)
