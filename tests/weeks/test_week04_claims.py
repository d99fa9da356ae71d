"""What week 4 says of its figures, held to the numbers that they are drawn from."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
import torch
from support.claims import claim

import whisper_lab
from coursekit import models
from whisper_lab import data, listening, measuring, plots
from whisper_lab.checks import library, mistakes_said, reference

WEEK = "week04_whisper"
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def whisper():
    return models.load("whisper", profile="tiny", device="cpu")


@claim(WEEK, "Keep every second number of it, and it turns round in the middle and comes down again.")
def test_the_thinned_chirp_turns_round():
    thin = library.power_spectrogram(torch.from_numpy(data.thinned(data.chirp(), 2)), 400, 80)
    highest = thin.argmax(dim=0).numpy()[3:-3]  # the ends are mirrored
    top = int(highest.argmax())
    assert 0.45 < top / len(highest) < 0.6
    assert (np.diff(highest[:top]) >= 0).all() and (np.diff(highest[top + 1 :]) <= 0).all()


@claim(
    WEEK,
    "In short frames every beat of the vocal cords is a stripe in *time*, and frequencies are blurred; in long frames "
    "the voice's overtones are lines in *frequency*",
)
def test_frames_trade_time_for_frequency():
    wave = torch.from_numpy(data.utterance().audio)

    def stripes(size: int) -> tuple[float, float]:
        """How much the levels of loud places change from one time to the next, and from one frequency to the next."""
        level = 10 * (library.power_spectrogram(wave, size, 32)[: size // 8] + 1e-10).log10()  # below 2 kHz
        loud = level > level.max() - 30
        slow, wide = 3, max(1, 60 * size // 16_000)  # some 6 ms, some 60 Hz
        in_time = (level[:, slow:] - level[:, :-slow]).abs()[loud[:, slow:]].mean()
        in_frequency = (level[wide:] - level[:-wide]).abs()[loud[wide:]].mean()
        return float(in_time), float(in_frequency)

    (short_time, short_frequency), (long_time, long_frequency) = stripes(100), stripes(1600)
    assert short_time > 3 * long_time
    assert long_frequency > 1.2 * short_frequency


@claim(
    WEEK,
    "Filters that begin 74 Hz wide, where neighbouring frequencies are 40 Hz apart",
    "and end eight times as wide",
    "more than half of the height belongs to the lowest two of the eight kilohertz",
)
def test_filters_widen():
    top = 15 + 27 * np.log(8) / np.log(6.4)
    mels = np.linspace(0, top, 82)
    points = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
    widths = points[2:] - points[:-2]
    assert round(widths[0]) == 74 and 7.5 < widths[-1] / widths[0] < 8.5
    filters = library.mel_filters().numpy()
    assert (np.abs(filters.sum(axis=0)[20:] * 40 - 1) < 0.12).all(), "those of this scale, each of area 1"
    assert (points[1:-1] < 2000).mean() > 0.5


@claim(WEEK, "The floor, $\\max L - 8$, is 80 dB below the loudest moment of the *window*")
def test_a_shout_lifts_the_floor():
    quiet = torch.rand(201, 50, generator=torch.Generator().manual_seed(0)) + 0.5
    loud = quiet.clone()
    loud[:, 10] *= 1e12
    filters = library.mel_filters()
    both = library.log_mel(quiet, filters), library.log_mel(loud, filters)
    assert both[0].std() > 0.01 and len(both[1][:, 20:40].unique()) == 1, "all of the rest lies on the floor"


@claim(
    WEEK,
    "less like its neighbours the further away they are, for the first ten (0.2 s) at every step",
    "it is never again above 0.75, but of two distant places the further one is often the more similar",
)
@pytest.mark.parametrize("shape", [(250, 128), (1500, 384)])
def test_likeness_falls_and_then_ripples(shape):
    likeness = plots.likeness(library.positions(*shape))
    for i in (len(likeness) // 4, len(likeness) // 2, 3 * len(likeness) // 4):
        right, left = likeness[i, i : i + 60], likeness[i, i - 60 + 1 : i + 1][::-1]
        for side in (right, left):
            assert (np.diff(side[:11]) < 0).all() and side[11:].max() < 0.75
            if shape[0] == 250:
                assert (
                    np.diff(likeness[i, i + 10 :] if side is right else likeness[i, : i - 9][::-1]) > 0
                ).mean() > 0.25


@claim(
    WEEK,
    "The three English and the three German sentences have a bar of one colour each.",
    "only the number behind the bar tells that nobody spoke. And the hum, which is unlike any noise of its training, "
    "fools that one as well",
)
def test_the_first_token_tells_language_and_silence(whisper):
    codes = list(whisper.model.generation_config.lang_to_id)
    for seed in SEEDS:
        said = [one for language in ("en", "de") for one in data.spoken(3, "voices", language, seed)]
        waves = [one.audio for one in said] + [data.noise(kind, 3, seed) for kind in ("silence", "white", "hum")]
        shares, silent = listening.first_probabilities(whisper, listening.features(whisper, waves))
        for share, one in zip(shares, said, strict=False):
            assert share[codes.index(f"<|{one.language}|>")] > 0.95
        assert (silent[:6] < 0.05).all() and (silent[6:8] > 0.95).all() and silent[8] < 0.05
        assert torch.allclose(shares.sum(dim=1), torch.ones(9), atol=1e-4)


@lru_cache
def surety(seed: int) -> tuple[list[float], list[float], list[float]]:
    """The probabilities of all words without noise, and in noise of those that were said and of those that were not."""
    loaded = models.load("whisper", profile="tiny", device="cpu")
    said = data.spoken(60, seed=seed)
    found: dict[str, list[float]] = {"clear": [], "right": [], "wrong": []}
    for kind, waves in (("clear", [one.audio for one in said]), ("noisy", data.in_noise(said, 0.0, seed))):
        seen = listening.features(loaded, waves)
        texts = listening.generated(loaded.model, seen, language="en", task="transcribe")
        for one, tokens, scores in zip(said, texts, listening.scored(loaded, seen, texts), strict=True):
            pieces = [loaded.processor.tokenizer.decode([token]).strip() for token in tokens]
            steps = [what for what, _, heard in aligned(one.text.split(), pieces) if heard is not None]
            for what, score in zip(steps, scores, strict=False):
                found["clear" if kind == "clear" else "right" if what == "ok" else "wrong"].append(float(np.exp(score)))
    return found["clear"], found["right"], found["wrong"]


def aligned(said, heard):
    """An alignment with the fewest errors."""
    import jiwer

    names = {"equal": "ok", "substitute": "sub", "delete": "del", "insert": "ins"}
    steps = []
    for part in jiwer.process_words(" ".join(said), " ".join(heard)).alignments[0]:
        a = list(said[part.ref_start_idx : part.ref_end_idx])
        b = list(heard[part.hyp_start_idx : part.hyp_end_idx])
        length = max(len(a), len(b))
        steps += [
            (names[part.type], x, y)
            for x, y in zip(a + [None] * (length - len(a)), b + [None] * (length - len(b)), strict=True)
        ]
    return steps


@claim(
    WEEK,
    "Without noise nearly every line is full.",
    "words that nobody said have about two thirds of the probability that right ones have",
    "about one wrong word in seven has a line as full as any",
)
def test_doubt_is_a_hint_and_no_proof():
    clear, right, wrong = (np.concatenate([surety(seed)[i] for seed in SEEDS[:2]]) for i in range(3))
    assert (clear > 0.9).mean() > 0.95
    assert 0.55 < wrong.mean() / right.mean() < 0.8
    assert 0.08 < (wrong > 0.9).mean() < 0.22


@claim(
    WEEK,
    "One beam takes the likeliest first word, and what follows must make the best of it. Two already keep the right "
    "beginning as well",
)
def test_two_beams_keep_the_right_beginning(whisper):
    drowned = data.drowned()
    settings = listening.prompt(whisper.model), *listening.suppressed(whisper.model)
    step = listening.listener(whisper.model, listening.features(whisper, [drowned.audio]), *settings)
    end = whisper.model.generation_config.eos_token_id
    heard = {
        width: listening.text_of(whisper, mistakes_said.beams(step, width, end, 40, 1.0, mistakes_said.BeamRules()))
        for width in (1, 2, 5)
    }
    wrong = {width: measuring.wer([drowned.text], [text]) for width, text in heard.items()}
    assert wrong[1] > 0.5 > 0.2 > wrong[2] and wrong[5] < 0.2
    assert heard[2].split()[:4] == drowned.text.split()[:4] != heard[1].split()[:4]


@claim(
    WEEK,
    "in about one sentence of five the beams find another, and then more often a better one than a worse one. That "
    "saves two or three of a hundred words.",
)
def test_beams_save_a_few_words(whisper):
    compared = measuring.beams_in_noise(whisper, seed=0)
    one, five = zip(*compared.values(), strict=True)
    fewer, low, _ = measuring.gain(list(compared), one, five)
    changed = [(s, a, b) for s, (a, b) in compared.items() if a != b]
    better = sum(measuring.wer([s], [b]) < measuring.wer([s], [a]) for s, a, b in changed)
    worse = sum(measuring.wer([s], [b]) > measuring.wer([s], [a]) for s, a, b in changed)
    assert 0.15 < len(changed) / len(compared) < 0.25 and better > worse
    assert 0.015 < fewer < 0.035 and low > 0


@claim(
    WEEK,
    "at temperature 0 the model says the same words until it is stopped, sure of every one of them, and only the "
    "compression gives it away; at a higher temperature the loop breaks",
    "The clear sentence is taken at once.",
    "whatever is taken, at whatever temperature, is made up",
)
def test_falling_back_breaks_the_loop(whisper):
    def taken(wave, seed):
        attempt = listening.attempts(whisper, wave, seed)
        results = [attempt(temperature) for temperature in reference.TEMPERATURES]
        rules = mistakes_said.FallbackRules()
        return results, mistakes_said.fallen_back(results, reference.TEMPERATURES, (2.4, -1.0), rules)

    for seed in SEEDS:
        results, (text, temperature, _) = taken(data.looping().audio, seed)
        assert mistakes_said.ratio(results[0][0]) > 2.4 and results[0][1] > -0.2
        assert temperature > 0 and mistakes_said.ratio(text) <= 2.4
        sentences = data.spoken(4, seed=seed)
        assert taken(sentences[0].audio, seed)[1][1] == 0
        backwards = np.ascontiguousarray(data.in_noise(sentences, 0.0, seed)[1][::-1])
        made_up = taken(backwards, seed)[1][0]
        assert made_up and measuring.wer([sentences[1].text], [measuring.normal(made_up)]) > 0.3


@claim(
    WEEK,
    "The first has twice as many errors as the second, and is right; the second paints the star in the wrong place. "
    "The third is perfect but for capitals and punctuation",
)
def test_wer_misleads():
    order = "paint a small red star above a blue circle"
    right, wrong = "paint the small red star above the blue circle", "paint a small red star below a blue circle"
    assert measuring.wer([order], [right]) == 2 * measuring.wer([order], [wrong])
    capitals = "Paint a small red star, above a blue circle."
    assert measuring.wer([order], [capitals]) > 0 == measuring.wer([order], [measuring.normal(capitals)])


@claim(
    WEEK,
    "Down to 10 dB hardly a word in twenty is lost, at 0 dB every fifth or so. New voices are understood no worse "
    "than known ones: the whiskers overlap all the way.",
)
def test_noise_drowns_known_and_new_voices_alike(whisper):
    groups = {"known": data.spoken(60, "test", seed=0), "new": data.spoken(60, "voices", seed=0)}
    rates = measuring.over_noise(whisper, groups, (10, 5, 0), 0)
    for known, new in zip(rates["known"], rates["new"], strict=True):
        assert known.low <= new.high and new.low <= known.high
    assert all(some[0].value < 0.05 and 0.15 < some[-1].value < 0.27 for some in rates.values())


@claim(
    WEEK,
    "Among the accents too most whiskers overlap",
    "Among the speakers they do: the last one loses at least five times as many words as the first, and their "
    "whiskers are far apart.",
)
@pytest.mark.parametrize("seed", SEEDS)
def test_speakers_differ(whisper, seed):
    every = [one for language in ("en", "de") for one in data.spoken(100, "voices", language, seed)]
    found = measuring.by_voice(whisper, every, 3.0, seed)
    accents, speakers = (list(found[part].values()) for part in ("accent", "speaker"))
    pairs = [(a, b) for i, a in enumerate(accents) for b in accents[i + 1 :]]
    assert np.mean([a.low <= b.high and b.low <= a.high for a, b in pairs]) > 0.5
    assert speakers[-1].value > 5 * speakers[0].value and speakers[-1].low > speakers[0].high


@claim(
    WEEK,
    "The noises that training had (white, pink, brown) and silence are told apart with certainty; the hum, which it "
    "did not, always passes for speech, and so do about half of the clicks.",
)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_passes_for_speech(whisper, seed):
    found = measuring.without_speech(whisper, seed=seed)
    skipped = {kind: np.mean([p > 0.6 and mean < -1 for _, mean, p in rows]) for kind, rows in found.items()}
    assert [skipped[kind] for kind in ("speech", "speech in noise", "hum")] == [0, 0, 0]
    assert [skipped[kind] for kind in ("silence", "white", "pink", "brown")] == [1, 1, 1, 1]
    assert 0.3 < skipped["clicks"] < 0.7


@claim(WEEK, "Two segments: the first with both its times, the second with its beginning alone")
def test_the_second_segment_is_never_closed(whisper):
    tokens = listening.timed_tokens(whisper, data.cut_off().audio)
    begin = whisper.model.generation_config.no_timestamps_token_id + 1
    first, second = reference.between_times(tokens, begin)
    assert first[1] is not None and second[1] is None and second[0] > first[1]


@claim(
    WEEK,
    "Most of its steps are within two or three positions of a dashed line; here and there one is a tenth of a second "
    "or more off",
)
def test_words_are_found_where_they_begin(whisper):
    off = []
    for one in [data.utterance(), *data.spoken(30, "voices", seed=0)]:
        found = listening.word_times(whisper, one.audio)
        if [word for word, _ in found] == [word.text for word in one.words]:
            off += [abs(time - word.start) for (_, time), word in zip(found, one.words, strict=True)]
    assert len(off) > 150
    assert np.mean(np.array(off) <= 0.06) > 0.8 and 0 < np.mean(np.array(off) >= 0.1) < 0.15


@claim(
    WEEK,
    "Merged, hardly a word is wrong; joined, everything in the overlaps stands there twice; without overlap about a "
    "tenth of the words is lost, at the cuts.",
)
def test_merging_is_right_on_the_long_recording(whisper):
    long = data.long_recording()
    parts = listening.in_pieces(whisper, long.audio)
    apart = listening.in_pieces(whisper, long.audio, overlap=0.0)
    read = [" ".join(listening.text_of(whisper, part) for part in some) for some in (parts, apart)]
    joined, without = (measuring.wer([long.text], [measuring.normal(text)]) for text in read)
    merged = measuring.wer([long.text], [listening.text_of(whisper, library.merge(parts))])
    assert merged < 0.02 and joined > 0.6 and 0.05 < without < 0.15


@claim(
    WEEK,
    "one or two words in a hundred are wrong, where merging has several, and on single recordings one in ten. Where "
    "loops are let be, one of them costs a recording a quarter of its words or more",
    "with the previous text as a prompt this model falls silent after its first window",
)
def test_windows_that_begin_at_a_sentence_are_read_best(whisper):
    recordings = [data.long_recording(seed=i) for i in range(1, 7)]
    ways = measuring.long_form(whisper, recordings)
    after, prompted, merged, looping = ways.values()
    assert 0.005 < np.mean(after) < 0.025 < np.mean(merged) < 0.09 and 0.08 < max(merged) < 0.16
    lost = np.subtract(looping, merged)
    assert (lost > 0).any() and (lost[lost > 0] > 0.25).all()
    assert min(prompted) > 0.7
    segments = listening.one_after_another(whisper, recordings[0].audio, previous=True)
    assert [bool(text) for *_, text in segments] == [True] + [False] * (len(segments) - 1)


@claim(
    WEEK,
    "Nearly every German sentence is transcribed and translated to the word. Told that it hears English, and to "
    "transcribe, it does not write German, nor English words that sound like it: it translates.",
)
def test_the_language_token_says_what_to_write(whisper):
    for seed in SEEDS:
        said = data.spoken(6, "test", "de", seed)
        waves = [one.audio for one in said]
        meant = [one.translation for one in said]

        def wrong(wanted, language, task, waves=waves):
            heard = [measuring.normal(text) for text in listening.transcribe(whisper, waves, language, task=task)]
            return measuring.wer([measuring.normal(text) for text in wanted], heard)

        assert wrong([one.text for one in said], "de", "transcribe") < 0.1 and wrong(meant, "de", "translate") < 0.1
        assert wrong(meant, "en", "transcribe") < 0.2, "the wrong language token, and nearly as good a translation"


def test_the_cell_for_the_cache_accepts_a_right_step(whisper, capsys):
    layer = whisper.model.model.decoder.layers[0].self_attn

    def attend_one(layer, x, keys, values):
        heads = layer.num_heads
        keys, values = torch.cat([keys, layer.k_proj(x)]), torch.cat([values, layer.v_proj(x)])
        q, k, v = (part.unflatten(-1, (heads, -1)).transpose(0, 1) for part in (layer.q_proj(x), keys, values))
        weights = (layer.scaling * q @ k.transpose(1, 2)).softmax(dim=-1)
        return layer.out_proj((weights @ v).transpose(0, 1).flatten(1)), keys, values

    whisper_lab.compare_cache(layer, attend_one)
    assert float(capsys.readouterr().out.split()[-1]) < 1e-4
