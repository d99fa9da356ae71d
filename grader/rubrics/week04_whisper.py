# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 4, and what to look for in the answer that a person grades."""

from __future__ import annotations

import itertools
from functools import lru_cache

import jiwer
import numpy as np
import torch
import torch.nn.functional as F
from transformers.generation.utils import GenerateEncoderDecoderOutput

from coursekit import models
from coursekit.checks import assert_close, assert_same, assert_shape, assert_that, check, evidence, sound_evidence
from whisper_lab import data, listening, measuring, probes
from whisper_lab.checks.reference import (
    LOOP,
    PROMPT,
    RATE,
    SENTENCE,
    WORDS,
    _plain,
    assert_alignment,
    assert_path,
    assert_segments,
    attention_task,
    chirp,
    count_errors,
    decoding_task,
    decoding_tasks,
    first_logits,
    gaussian,
    library_features,
    library_filters,
    library_power,
    library_said,
    misheard,
    pieces,
    told_segments,
    whisper_positions,
)

REFLECTION = """
Three points, one each:
(a) a number of the student's own notebook that differs between groups of speakers, voices or noises, what it would mean
    to somebody who depends on the transcript, and why a single WER hides it;
(b) at least two duties towards a person whose voice is recorded, of which one holds after the recording: consent for
    this use and not another, a way to have it deleted, what the voice alone gives away (who, where from, how old, how
    well), bystanders who never agreed; a rule that cannot be followed ("anonymise all voices") counts for nothing;
(c) an answer to the invented sentence: a rule that says when a transcript must not be used without a person, tied to
    something that the notebook measured (no-speech probability, mean log-probability, compression), and one case that
    the rule still lets through.
"""


# --- the judge's own copies of what the notebook works with ---------------------------------------------------------

whisper = lru_cache(maxsize=1)(lambda: models.load("whisper", profile="tiny", device="cpu"))


def told_by(student) -> int:
    """The notebook's own SEED: a student may choose another."""
    return int(student.SEED)


def as_picture(values, width: int = 480) -> np.ndarray:
    """A spectrogram (bins, frames), low frequencies first, as a picture in [0, 1] with the low ones below."""
    array = np.nan_to_num(np.asarray(values, dtype=np.float64))[::-1]
    array = (array - array.min()) / max(np.ptp(array), 1e-9)
    columns = np.linspace(0, array.shape[1] - 1, width).astype(int)
    return np.repeat(array[:, columns], max(1, 160 // len(array)), axis=0)


# --- 1 spectrogram --------------------------------------------------------------------------------------------------


@check("spectrogram", weight=2)
def other_frames(student, rng):
    """It holds for any frame, hop and length. Were 400 or 160 written into the function?"""
    for size, hop, length in ((256, 64, 3000), (400, 160, 16_000), (512, 200, 5001)):
        wave = chirp(rng, length)
        found = student.power_spectrogram(wave, size, hop)
        what = f"frames of {size} every {hop}: the result"
        assert_close(found, library_power(wave, size, hop), atol=2e-3, rtol=1e-3, what=what)


@check("spectrogram")
def folded_again_and_again(student, rng):
    """Frequencies beyond the rate itself fold back too. The pattern repeats with the rate."""
    for rate in (8000, 16_000):
        for frequency in [float(f) for f in rng.uniform(rate, 4 * rate, size=4)] + [float(rate), 1.5 * rate]:
            wanted = abs(frequency - rate * round(frequency / rate))
            what = f"{frequency:.0f} Hz, {rate} samples a second: what is heard"
            assert_close(student.heard_frequency(frequency, rate), wanted, atol=1e-3, what=what)


@check("spectrogram")
def the_chirp(student, rng):
    """`chirp_power` is the notebook's chirp."""
    wave = data.chirp()
    wanted = library_power(torch.from_numpy(wave))
    sound_evidence("The chirp, as it sounds", wave)
    assert_shape(student.chirp_power, wanted.shape, "chirp_power")
    found = torch.as_tensor(np.asarray(student.chirp_power, dtype=np.float32))
    evidence("Your spectrogram of it, in decibels", as_picture(np.log10(found.nan_to_num().clamp(min=1e-6))))
    assert_close(found, wanted, atol=5e-3, rtol=5e-3, what="chirp_power")


# --- 2 log_mel ------------------------------------------------------------------------------------------------------


@check("log_mel", weight=2)
def other_filterbanks(student, rng):
    """It holds for any number of filters, frame and rate: 128 filters, as in large models, and telephones too."""
    for count, size, rate in ((128, 400, RATE), (40, 256, 8000), (64, 512, 22_050)):
        what = f"{count} filters, frames of {size}, {rate} samples a second: the filterbank"
        assert_close(
            student.mel_filters(count, size, rate), library_filters(count, size, rate), atol=2e-6, rtol=1e-3, what=what
        )


@check("log_mel")
def silence_and_noise(student, rng):
    """Silence, noise and a sound followed by silence give what the extractor gives."""
    filters = torch.from_numpy(library_filters(80, 400, RATE)).float()
    click = torch.cat([chirp(rng, 4000), torch.zeros(12_000)])
    for name, wave in (("silence", torch.zeros(RATE)), ("noise", 0.1 * gaussian(rng, RATE)), ("a short sound", click)):
        found = student.log_mel(library_power(wave), filters)
        assert_close(found, library_features(wave), atol=1e-4, rtol=0, what=f"{name}: the result")


@check("log_mel", weight=2)
def the_utterance(student, rng):
    """`my_features` is what Whisper sees of the notebook's utterance, to 1e-4."""
    spoken = data.utterance()
    wanted = listening.features(whisper(), [spoken.audio])[0]
    assert_shape(student.my_features, wanted.shape, "my_features")
    sound_evidence(f"The utterance: {spoken.text}", spoken.audio)
    evidence("Your log-mel spectrogram of it", as_picture(student.my_features))
    assert_close(student.my_features, wanted, atol=1e-4, rtol=0, what="my_features")


# --- 3 encoder_front ------------------------------------------------------------------------------------------------


@check("encoder_front", weight=2)
def odd_lengths_and_wide_kernels(student, rng):
    """Odd and even lengths, one channel, and kernels of 3 or 5 with the padding that keeps the length."""
    for n, inside, outside, length, width in ((1, 1, 4, 11, 3), (3, 6, 2, 16, 5), (1, 80, 16, 9, 3)):
        x, weight, bias = (
            gaussian(rng, n, inside, length),
            gaussian(rng, outside, inside, width),
            gaussian(rng, outside),
        )
        for stride in (1, 2, 3):
            wanted = F.conv1d(x, weight, bias, stride=stride, padding=width // 2)
            what = f"x {tuple(x.shape)}, a kernel of {width}, stride {stride}: the result"
            assert_close(student.convolve(x, weight, bias, stride), wanted, atol=1e-3, rtol=1e-4, what=what)


@check("encoder_front")
def whispers_own_positions(student, rng):
    """For Whisper's own 1500 positions of width 384 too."""
    assert_close(student.positions(1500, 384), whisper_positions(1500, 384), atol=1e-3)


@check("encoder_front", weight=2)
def what_the_layers_are_given(student, rng):
    """`my_states` is what the model's first layer is given."""
    wanted = listening.first_states(whisper().model, listening.features(whisper(), [data.utterance().audio]))
    assert_close(student.my_states, wanted, atol=2e-3, rtol=1e-3, what="my_states")


# --- 4 first_token --------------------------------------------------------------------------------------------------


@check("first_token", weight=2)
def in_the_models_own_order(student, rng):
    """Columns follow `lang_to_id`, whatever numbers its tokens have. Is the start token `generation_config`'s?"""
    seed = int(rng.integers(10**6))
    order = by_number = list(probes.LANGUAGES)[:4]
    while order == by_number:
        order = [str(code) for code in rng.permutation(list(probes.LANGUAGES))[:4]]
        by_number = sorted(order, key=probes.LANGUAGES.get)
    features = gaussian(rng, 2, probes.MELS, probes.FRAMES)
    settings = {"languages": order, "start": int(rng.integers(0, 30))}
    model = probes.told(probes.whisper(seed), **settings)
    wanted = first_logits(model, features)[:, [probes.LANGUAGES[code] for code in order]].softmax(dim=-1)
    asked = student.library("whisper_lab.probes")
    theirs = asked.told(asked.whisper(seed), **settings)
    assert_close(student.language_probabilities(theirs, features), wanted, atol=1e-4, rtol=1e-3)


@check("first_token")
def one_utterance(student, rng):
    """One utterance alone, and its likeliest language is the library's."""
    seed = int(rng.integers(10**6))
    model, features = probes.whisper(seed), gaussian(rng, 1, probes.MELS, probes.FRAMES)
    theirs = student.library("whisper_lab.probes").whisper(seed)
    found = np.asarray(_plain(student.language_probabilities(theirs, features)))
    assert_shape(found, (1, len(probes.LANGUAGES)))
    detected = list(probes.LANGUAGES.values()).index(int(model.detect_language(features)[0]))
    assert_same(int(found[0].argmax()), detected, "the likeliest language's column")
    silent = student.no_speech_probability(theirs, features)
    assert_close(silent, first_logits(model, features).softmax(-1)[:, probes.NO_SPEECH], atol=1e-5, rtol=1e-3)


# --- 5 greedy -------------------------------------------------------------------------------------------------------


@check("greedy", weight=2)
def cut_off_and_unsuppressed(student, rng):
    """It stops at `most` tokens, and where the end may come first it may say nothing."""
    asked = student.library("whisper_lab.probes")
    seed, model, features, suppress, _ = decoding_task(rng, several=False)
    for most in (3, 9):
        found = _plain(student.greedy(asked.whisper(seed), features, PROMPT, suppress, [probes.END], most))
        assert_same(found, *library_said(model, features, suppress, most), f"at most {most}: what was said")
    few = [probes.START, *range(probes.NO_TIMESTAMPS, probes.VOCABULARY)]  # a start would look like another prompt
    (free,) = library_said(model, features, few, 10, begin_suppress_tokens=None)
    found = _plain(student.greedy(asked.whisper(seed), features, PROMPT, few, [], 10))
    assert_same(found, free, "with nothing but the start and times suppressed: what was said")
    only = [i for i in range(probes.VOCABULARY) if i not in (3, 5, probes.END)]
    silent = []
    while not silent:  # a model that ends at once, where it may
        seed, model, every, _ = decoding_tasks(rng)
        said = library_said(model, every, only, 6, begin_suppress_tokens=None)
        silent = [every[i : i + 1] for i, tokens in enumerate(said) if not tokens]
    found = _plain(student.greedy(asked.whisper(seed), silent[0], PROMPT, only, [], 6))
    assert_same(found, [], "a model that ends at once: what was said")
    found = _plain(student.greedy(asked.whisper(seed), silent[0], PROMPT, only, [probes.END], 6))
    assert_same(found, *library_said(model, silent[0], only, 6), "where the end may not come first: what was said")


@check("greedy", weight=2)
def the_sentences(student, rng):
    """`my_transcripts` are what the shipped model says to the notebook's utterances, as generate() has it."""
    spoken = data.spoken(4, seed=told_by(student))
    wanted = listening.transcribe(whisper(), [one.audio for one in spoken])
    found = student.my_transcripts
    assert_that(isinstance(found, list) and len(found) == len(wanted), "expected a list of four texts")
    for one, text in zip(spoken[:2], found, strict=False):
        sound_evidence(f"Said: {one.text}. Yours: {text}"[:250], one.audio)
    assert_same([str(text).strip() for text in found], [text.strip() for text in wanted], "my_transcripts")


# --- 6 beam ---------------------------------------------------------------------------------------------------------


@check("beam", weight=2)
def nothing_is_better(student, rng):
    """With a width that holds everything, it finds the best of all sequences. Its scores are means of logarithms."""
    vocabulary, most = 4, 4
    for penalty in (1.0, 0.0, 2.0):
        seed = int(rng.integers(10**6))
        step = probes.tree(seed, vocabulary)
        best, score = None, -np.inf
        for length in range(most + 1):
            for tokens in itertools.product(range(vocabulary - 1), repeat=length):
                spelled = [*tokens, vocabulary - 1][:most]  # those of full length need no end
                total = sum(float(step([spelled[:i]])[0, token]) for i, token in enumerate(spelled))
                if total / len(spelled) ** penalty > score:
                    best, score = list(tokens), total / len(spelled) ** penalty
        theirs = student.library("whisper_lab.probes").tree(seed, vocabulary)
        found = _plain(student.beam_search(theirs, vocabulary**most, vocabulary - 1, most, penalty))
        assert_same(found, best, f"penalty {penalty:g}: the best sequence")


@check("beam")
def several_widths(student, rng):
    """Of every width and length penalty, the library's, whether sequences end or are cut off."""
    asked, probed = student.library("whisper_lab.listening"), student.library("whisper_lab.probes")
    for width, penalty, ends in ((2, 1.0, False), (5, 0.6, True), (3, 0.0, True), (4, 1.0, False)):
        settings = {"num_beams": width, "early_stopping": True, "length_penalty": penalty}
        wanted = usual = None
        # Where a cut-off sequence is best and others end, it matters whether the last step finishes those first; and a
        # penalty of which nothing depends tells nothing.
        while wanted is None or (ends and len(wanted) == 10) or (penalty != 1 and wanted == usual):
            seed, model, features, suppress, _ = decoding_task(rng, several=ends)
            suppress = suppress if ends else [*suppress, probes.END]
            (wanted,) = library_said(model, features, suppress, 10, **settings)
            if penalty != 1:
                (usual,) = library_said(model, features, suppress, 10, **settings | {"length_penalty": 1.0})
        step = asked.listener(probed.whisper(seed), features, PROMPT, suppress, [probes.END])
        found = _plain(student.beam_search(step, width, probes.END, 10, penalty))
        assert_same(found, wanted, f"width {width}, penalty {penalty:g}: the best sequence")


# --- 7 fallback -----------------------------------------------------------------------------------------------------


@check("fallback")
def other_limits(student, rng):
    """The limits are those it is given. Were 2.4 and -1 written into the function?"""
    asked = student.library("whisper_lab.probes")
    temperatures = (0.0, 0.5, 1.0)
    results = [(SENTENCE, -0.7), (SENTENCE + " on white", -0.4), (SENTENCE + " on grey", -0.1)]
    found, _ = asked.asked_by_fallback(student.with_fallback, results, temperatures, 2.4, -0.5)
    assert_same(found[0], results[1][0], "with a limit of -0.5 the text")
    found, _ = asked.asked_by_fallback(student.with_fallback, [(LOOP, -0.2), *results[1:]], temperatures, 100.0, -1.0)
    assert_same(found[0], LOOP, "with a limit of 100 times compressed the text")
    loose, tight = (
        asked.asked_by_fallback(student.with_fallback, results, temperatures, limit, -1.0)[0] for limit in (1.5, 0.5)
    )
    assert_same(loose[0], SENTENCE, "a sentence that is hardly compressible, limit 1.5: the text")
    assert_same(tight[0], results[-1][0], "where nothing will do, the last: the text")


@check("fallback", weight=2)
def where_nothing_will_do(student, rng):
    """Where no temperature will do, the last one's text is what there is."""
    asked = student.library("whisper_lab.probes")
    results = [(LOOP, -0.2), (SENTENCE, -3.0), (LOOP, -4.0)]
    found, tried = asked.asked_by_fallback(student.with_fallback, results, (0.0, 0.4, 0.8))
    assert_that(isinstance(found, list | tuple) and len(found) == 2, "expected a text and a temperature")
    assert_same(found[0], LOOP, "the text")
    assert_close(found[1], 0.8, what="the temperature")
    assert_same([round(t, 3) for t in tried], [0.0, 0.4, 0.8], "the temperatures that were tried")
    found, _ = asked.asked_by_fallback(student.with_fallback, [("", -0.1), (SENTENCE, -0.1)], (0.0, 0.4))
    assert_same(found[0], "", "silence well told, the text")
    umlauts = "über grüne Würfel läuft öfter größer schöner Bär"
    found, _ = asked.asked_by_fallback(student.with_fallback, [(umlauts, -0.1), (SENTENCE, -0.1)], (0.0, 0.4))
    assert_same(found[0], umlauts, "a German sentence, the text")


@check("fallback")
def repetition_is_measured_in_bytes(student, rng):
    """The ratio is that of the text's UTF-8 bytes to their zlib compression, as Whisper has it."""
    asked = student.library("whisper_lab.probes")
    for text in (" ".join(str(w) for w in rng.choice(WORDS, 60)), "ä" * 30 + SENTENCE, "rot und grün und blau " * 3):
        ratio = measuring.compression_ratio(text)
        for limit, wanted in ((1.02 * ratio, text), (0.98 * ratio, SENTENCE)):
            found, _ = asked.asked_by_fallback(
                student.with_fallback, [(text, -0.1), (SENTENCE, -0.1)], (0.0, 0.4), limit, -1.0
            )
            assert_same(found[0], wanted, f"a text that compresses {ratio:.2f} times, limit {limit:.2f}: the text")


# --- 8 word_errors --------------------------------------------------------------------------------------------------


@check("word_errors", weight=2)
def equal_to_jiwer(student, rng):
    """WER and CER are jiwer's, over many sentences."""
    pairs = [misheard(rng, int(n)) for n in rng.integers(1, 15, size=12)]
    said, heard = [" ".join(a) for a, _ in pairs], [" ".join(b) for _, b in pairs]
    assert_close(student.error_rate(said, heard), jiwer.wer(said, heard), atol=1e-6, what="the word error rate")
    found = student.error_rate(said, heard, "character")
    assert_close(found, jiwer.cer(said, heard), atol=1e-6, what="the character error rate")
    for a, b in pairs[:4]:
        least = jiwer.process_words(" ".join(a), " ".join(b))
        least = least.substitutions + least.deletions + least.insertions
        assert_alignment(student.align(a, b), a, b, least)


@check("word_errors", weight=2)
def nothing_heard_and_nothing_said(student, rng):
    """Nothing heard is all left out; nothing said is all put in; both nothing is no error."""
    words = [str(w) for w in rng.choice(WORDS, 5)]
    assert_alignment(student.align(words, []), words, [], 5)
    assert_alignment(student.align([], words), [], words, 5)
    assert_same(_plain(student.align([], [])), [], "the alignment of nothing with nothing")
    found = student.error_rate([" ".join(words), "one two"], ["", "one two three four five six seven eight"])
    assert_close(found, 11 / 7, atol=1e-6, what="five words lost and six put in, of seven said: the rate")


@check("word_errors")
def letters_are_aligned_too(student, rng):
    """Any list can be aligned: letters, or numbers."""
    for said, heard in (("kitten", "sitting"), ("abcdef", "azced"), ("aab", "baa")):
        assert_alignment(
            student.align(list(said), list(heard)), list(said), list(heard), count_errors(list(said), list(heard))
        )
    numbers = [int(i) for i in rng.integers(0, 4, size=30)], [int(i) for i in rng.integers(0, 4, size=26)]
    assert_alignment(student.align(*numbers), *numbers, count_errors(*numbers))


# --- 9 add_noise ----------------------------------------------------------------------------------------------------


@check("add_noise")
def short_and_long_noise(student, rng):
    """A noise that is too short is repeated, one that is too long is cut. And it is as loud as asked all the same."""
    speech = chirp(rng, 6000)
    for length in (1000, 2500, 9000):
        noise = gaussian(rng, length) * torch.linspace(0.2, 3, length)
        whole = noise.repeat(-(-6000 // length))[:6000]
        gain = (speech.square().mean() / whole.square().mean() * 10 ** (-0.5)).sqrt()
        found = student.add_noise(speech, noise, 5.0)
        what = f"noise of {length} samples on speech of 6000: the result"
        assert_close(found, speech + gain * whole, atol=1e-3, rtol=1e-3, what=what)


@check("add_noise")
def silent_noise_changes_nothing(student, rng):
    """Noise that is silent leaves the speech as it is, and the arguments stay what they were."""
    speech, noise = chirp(rng, 3000), gaussian(rng, 3000)
    assert_close(student.add_noise(speech, torch.zeros(3000), 10.0), speech, atol=1e-6, what="with silent noise it")
    after = student.library("whisper_lab.probes").arguments_after(student.add_noise, speech, noise, 3.0)
    assert_close(after[0], speech, what="the speech after the call")
    assert_close(after[1], noise, what="the noise after the call")


@check("add_noise")
def the_noisy_utterance(student, rng):
    """`noisy` is the notebook's utterance with white noise, 5 dB below it."""
    spoken = data.utterance()
    noise = data.noise("white", len(spoken.audio) / RATE, seed=told_by(student))
    sound_evidence("The utterance with noise, as you made it", student.noisy)
    speech = torch.from_numpy(spoken.audio)
    whole = torch.from_numpy(noise)[: len(speech)]
    gain = (speech.square().mean() / whole.square().mean() * 10 ** (-0.5)).sqrt()
    assert_close(student.noisy, speech + gain * whole, atol=1e-3, rtol=1e-3, what="noisy")


# --- 10 segments ----------------------------------------------------------------------------------------------------


@check("segments", weight=2)
def the_one_that_was_cut_off(student, rng):
    """A segment that was never closed has no end, and is told all the same: the window stopped in its middle."""
    segments, tokens = told_segments(rng, 500, 3)
    cut = [*tokens, tokens[-1], 7, 9, 11]
    wanted = [*segments, (segments[-1][1], None, [7, 9, 11])]
    assert_segments(student.segments(cut, 500), wanted, 500)
    assert_segments(student.segments([500, 3, 4], 500), [(0.0, None, [3, 4])], 500)


@check("segments")
def nothing_and_pauses(student, rng):
    """No tokens are no segments, a pause belongs to none, and any number may be the first time token."""
    assert_segments(student.segments([], 50_364), [], 50_364)
    tokens = [50_364, 11, 50_374, 50_424, 12, 13, 50_464]
    assert_segments(student.segments(tokens, 50_364), [(0.0, 0.2, [11]), (1.2, 2.0, [12, 13])], 50_364)
    assert_segments(student.segments([50_364, 50_464], 50_364), [], 50_364)
    segments, tokens = told_segments(rng, 864, 6)
    assert_segments(student.segments(tokens, 864), segments, 864)


# --- 11 dtw ---------------------------------------------------------------------------------------------------------


@check("dtw", weight=2)
def of_any_shape(student, rng):
    """Tall, wide, a single row or column, and costs that are all negative."""
    for n, m in ((1, 7), (6, 1), (15, 6), (7, 40), (1, 1)):
        cost = rng.normal(size=(n, m)) - 3 * float(rng.random())
        assert_path(student.dtw(cost), cost)
    greedy = np.array([[0.0, 1.0, 1.0], [5.0, 9.0, 9.0], [0.1, 0.1, 0.0]])  # the cheapest next step is a dead end
    assert_path(student.dtw(greedy), greedy)


@check("dtw", weight=2)
def the_librarys_times(student, rng):
    """For any attention the times are those that generate() returns."""
    model = probes.whisper(0)
    for heads, tokens, each in ((2, 5, 9), (6, 9, 7)):
        weights, ticks, _ = attention_task(rng, heads, tokens, each)
        noisy = weights + 0.3 * weights.mean() * torch.from_numpy(rng.random(weights.shape)).float()
        cross = tuple((noisy[None, :, i : i + 1],) for i in range(tokens))
        said = GenerateEncoderDecoderOutput(
            sequences=torch.zeros(1, tokens + 1, dtype=torch.long), cross_attentions=cross
        )
        model.config.decoder_layers = 1
        wanted = model._extract_token_timestamps(said, [[0, h] for h in range(heads)], num_input_ids=0)[0, :tokens]
        found = student.token_times(noisy)
        assert_close(found, wanted, atol=1e-3, what=f"{heads} heads, {tokens} tokens, {ticks} frames: the list")


@check("dtw")
def the_words_of_the_utterance(student, rng):
    """`my_word_times` tells when each word of the notebook's utterance begins."""
    spoken = data.utterance()
    wanted = listening.word_times(whisper(), spoken.audio)
    found = student.my_word_times
    assert_that(isinstance(found, list) and len(found) == len(wanted), "expected a list of (word, start in seconds)")
    pairs = ", ".join(f"{word} {start:.2f}" for word, start in found)
    sound_evidence(f"Yours: {pairs}"[:250], spoken.audio)
    assert_same([str(word) for word, _ in found], [word for word, _ in wanted], "the words")
    assert_close([start for _, start in found], [start for _, start in wanted], atol=0.05, what="the starts")


# --- 12 merge -------------------------------------------------------------------------------------------------------


@check("merge", weight=2)
def words_cut_in_two(student, rng):
    """A word that a cut fell into is wrong in one piece and right in the other. The right one stands in the result."""
    for overlap in (5, 6, 7):
        words = [int(w) for w in rng.permutation(500)[:40]]
        parts = pieces(rng, words, 14, overlap)
        for left, right in itertools.pairwise(parts):
            left[-1], right[0] = 900 + int(rng.integers(50)), 1000 + int(rng.integers(50))
        found = _plain(student.merge(parts))
        stray = [w for w in found if w >= 900] if isinstance(found, list) else []
        assert_that(not stray, f"{len(stray)} words stand in the result that were cut in two and misheard")
        assert_same(found, words, f"overlaps of {overlap}: the merged sequence")


@check("merge")
def a_refrain_is_kept(student, rng):
    """What was said twice stays twice: only what pieces share because they overlap is dropped."""
    words = [int(w) for w in rng.permutation(500)[:18]]
    said = [*words[:4], *words[:4], *words[4:]]  # said twice, in the first piece
    found = _plain(student.merge(pieces(rng, said, 12, 4)))
    assert_same(found, said, "the merged sequence")
    assert_same(_plain(student.merge([])), [], "no pieces, merged,")


@check("merge")
def the_long_recording(student, rng):
    """`my_long_transcript` is the long recording, from beginning to end."""
    long = data.long_recording()
    found = student.my_long_transcript
    assert_that(isinstance(found, str), "expected a text")
    sound_evidence(f"It begins: {found[:200]}", long.audio)
    rate = jiwer.wer(long.text, measuring.normal(found))
    wanted = jiwer.wer(long.text, measuring.normal(listening.long_transcript(whisper(), long.audio)))
    assert_that(
        rate <= wanted + 0.02,
        f"its word error rate is {rate:.0%}; the library's merging of the same pieces has {wanted:.0%}",
    )
