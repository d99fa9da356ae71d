"""The visible checks of week 4: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from coursekit.checks import assert_close, assert_same, assert_shape, assert_sound, assert_that, check
from coursekit.inputs import gaussian
from whisper_lab import listening, probes
from whisper_lab.checks import reference

# --- 1 spectrogram --------------------------------------------------------------------------------------------------


@check("spectrogram", weight=2)
def equal_to_torch_stft(student, rng):
    """Every frame's power at every frequency is torch.stft's."""
    wave = reference.chirp(rng, 160 * int(rng.integers(20, 40)))
    wanted = reference.library_power(wave)
    unpadded = wave.unfold(0, 400, 160) * torch.hann_window(400)
    slips = {
        "that is the magnitude; the power is its square": wanted.sqrt(),
        "no window: every frame is multiplied by a Hann window": reference.library_power(wave, window=torch.ones(400)),
        "the window is the symmetric one; frames repeat, so take the periodic one": reference.library_power(
            wave, window=torch.hann_window(400, periodic=False)
        ),
        "the ends are not padded: half a frame on either side, mirrored": torch.fft.rfft(unpadded).T.abs() ** 2,
        "the ends are padded with zeros; mirror the wave there": reference.library_power(wave, pad_mode="constant"),
        "frames are rows there; frequencies are the rows asked for": wanted.T,
    }
    assert_close(student.power_spectrogram(wave), wanted, atol=1e-3, rtol=1e-3, slips=slips)


@check("spectrogram")
def what_is_heard(student, rng):
    """A tone above half the sampling rate is heard as another one."""
    for rate in (16_000, 8000):
        below = float(rng.uniform(100, 0.49 * rate))
        wrong = {"a frequency below half the rate is heard as it is": 0.5 * rate - below}
        assert_close(student.heard_frequency(below, rate), below, atol=1e-3, slips=wrong, what=f"{below:.0f} Hz")
        above = float(rng.uniform(0.52, 0.98) * rate)
        wrong = {
            "that is the frequency itself: with so few samples it is not heard": above,
            "cut off at half the rate; it is folded back": 0.5 * rate,
            "the difference to half the rate; folded back it is half the rate minus that": above - 0.5 * rate,
        }
        asked = f"{above:.0f} Hz, {rate} samples a second: what is heard"
        assert_close(student.heard_frequency(above, rate), rate - above, atol=1e-3, slips=wrong, what=asked)


# --- 2 log_mel ------------------------------------------------------------------------------------------------------


@check("log_mel", weight=2)
def the_librarys_filters(student, rng):
    """The triangles are Slaney's, each of area 1 over its frequencies in hertz."""
    wanted = reference.library_filters(80, 400, reference.RATE)
    htk = reference.library_filters(80, 400, reference.RATE, mel_scale="htk")
    high = reference.library_filters(80, 400, reference.RATE, norm=None)
    slips = {
        "another mel scale (HTK's, one logarithm throughout): Slaney's is linear up to 1000 Hz": htk,
        "the triangles have height 1; divide by half their width, so that each has area 1": high,
        "filters are rows there; frequencies are the rows asked for": wanted.T,
    }
    assert_close(student.mel_filters(), wanted, atol=2e-6, rtol=1e-3, slips=slips, what="the filterbank")


@check("log_mel", weight=2)
def equal_to_the_extractor(student, rng):
    """It is what WhisperFeatureExtractor makes of the same wave, to 1e-4."""
    t = torch.arange(reference.RATE // 2) / reference.RATE
    loud = 0.4 * torch.sin(2 * torch.pi * (float(rng.uniform(300, 600)) * t + float(rng.uniform(1000, 4000)) * t**2))
    wave = torch.cat([loud, 1e-4 * gaussian(rng, reference.RATE // 2)])  # so that the floor matters in both halves
    power, filters = (
        reference.library_power(wave),
        torch.from_numpy(reference.library_filters(80, 400, reference.RATE)).float(),
    )
    wanted, mel = reference.library_features(wave), filters.T @ power[:, :-1]
    log = mel.clamp(min=1e-10).log10()
    natural = mel.clamp(min=1e-10).log()
    slips = {
        "the last frame is one too many: Whisper drops it": torch.cat(
            [wanted, ((filters.T @ power[:, -1:]).clamp(min=1e-10).log10().clamp(min=log.max() - 8) + 4) / 4], dim=1
        ),
        "that is the natural logarithm; Whisper takes that of 10": (natural.clamp(min=natural.max() - 8) + 4) / 4,
        "the floor is missing: nothing is more than 8 below the loudest": (log + 4) / 4,
        "not scaled: add 4 and divide by 4": log.clamp(min=log.max() - 8),
        "the loudest of each frame: the floor is 8 below the loudest of all": (
            log.clamp(min=(log.max(dim=0).values - 8)) + 4
        )
        / 4,
        "the filters are applied to the magnitude; take the power": reference.scaled(filters.T @ power[:, :-1].sqrt()),
    }
    assert_close(student.log_mel(power, filters), wanted, atol=1e-4, rtol=0, slips=slips)


# --- 3 encoder_front ------------------------------------------------------------------------------------------------


@check("encoder_front", weight=2)
def the_librarys_convolution(student, rng):
    """With a stride of 1 and of 2 it is torch's convolution with padding 1."""
    x, weight, bias = gaussian(rng, 2, 5, 12), gaussian(rng, 7, 5, 3), gaussian(rng, 7)
    for stride in (1, 2):
        wanted = F.conv1d(x, weight, bias, stride=stride, padding=1)
        slips = {
            "the kernel is flipped: a network's convolution is not": F.conv1d(
                x, weight.flip(-1), bias, stride=stride, padding=1
            ),
            "the ends are not padded: one zero on either side": F.conv1d(x, weight, bias, stride=stride),
            "the bias is missing": F.conv1d(x, weight, None, stride=stride, padding=1),
            "the stride is ignored": F.conv1d(x, weight, bias, padding=1) if stride == 2 else wanted,
        }
        found = student.convolve(x, weight, bias, stride)
        assert_close(found, wanted, atol=1e-4, slips=slips, what=f"with stride {stride} the result")


@check("encoder_front")
def the_librarys_positions(student, rng):
    """The positions are those of Whisper's encoder: sines in the first half, cosines in the second."""
    length, width = int(rng.integers(20, 60)), 2 * int(rng.integers(8, 40))
    wanted = reference.whisper_positions(length, width)
    sines, cosines = wanted[:, : width // 2], wanted[:, width // 2 :]
    angles = torch.arange(length)[:, None] * 10_000 ** (-torch.arange(width // 2) / (width // 2))
    slips = {
        "sines and cosines take turns; in Whisper all sines come first": torch.stack([sines, cosines], -1).flatten(1),
        "the cosines come first; in Whisper the sines do": torch.cat([cosines, sines], dim=1),
        "the slowest wave is a step too quick: divide the logarithm by width / 2 - 1": torch.cat(
            [angles.sin(), angles.cos()], dim=1
        ),
    }
    assert_close(student.positions(length, width), wanted, atol=1e-4, slips=slips)


# --- 4 first_token --------------------------------------------------------------------------------------------------


@check("first_token", weight=2)
def how_likely_each_language(student, rng):
    """One row for each utterance, one column for each language, and every row sums to 1."""
    seed, model, features = reference.hearing(rng, 3)
    logits = reference.first_logits(model, features)
    ids = list(model.generation_config.lang_to_id.values())
    wanted = logits[:, ids].softmax(dim=-1)
    slips = {
        "a softmax over all tokens leaves the languages less than 1: divide among the languages only": logits.softmax(
            dim=-1
        )[:, ids],
        "those are logits: take the softmax": logits[:, ids],
        "the softmax runs over the utterances; it belongs over the languages": logits[:, ids].softmax(dim=0),
    }
    theirs = student.library("whisper_lab.probes").whisper(seed)
    assert_close(student.language_probabilities(theirs, features), wanted, atol=1e-4, rtol=1e-3, slips=slips)


@check("first_token")
def how_likely_no_speech(student, rng):
    """The probability of the no-speech token among all tokens."""
    seed, model, features = reference.hearing(rng, 3)
    every = reference.first_logits(model, features).softmax(dim=-1)
    slips = {
        "that is the token <|notimestamps|>: no-speech comes right before it": every[:, probes.NO_TIMESTAMPS],
        "the probability that there IS speech": 1 - every[:, probes.NO_SPEECH],
        "that is a logarithm of a probability": every[:, probes.NO_SPEECH].log(),
    }
    theirs = student.library("whisper_lab.probes").whisper(seed)
    found = student.no_speech_probability(theirs, features)
    assert_close(found, every[:, probes.NO_SPEECH], atol=1e-5, rtol=1e-3, slips=slips)


# --- 5 greedy -------------------------------------------------------------------------------------------------------


@check("greedy", weight=2)
def token_for_token(student, rng):
    """It says what the library's generate() says, token for token."""
    seed, model, features, suppress, wanted = reference.decoding_task(rng)
    theirs = student.library("whisper_lab.probes").whisper(seed)
    found = student.greedy(theirs, features, reference.PROMPT, suppress, [probes.END], 16)
    step, free = listening.listener(model, features, reference.PROMPT, [], [probes.END]), []
    while len(free) < 16 and (token := int(step([free])[0].argmax())) != probes.END:
        free.append(token)
    assert_that(reference.plain(found) != free, "suppressed tokens were said: their score must be -inf at every step")
    tail = reference.plain(found)
    assert_that(tail != [*reference.PROMPT, *wanted], "the prompt is part of the result; return what comes after it")
    assert_that(tail != [*wanted, probes.END], "the end token is part of the result; leave it out")
    assert_that(tail != [], "nothing was said: begin_suppress forbids the end as the first token")
    assert_same(tail, wanted, "what was said")


@check("greedy")
def nothing_is_heard_twice(student, rng):
    """The encoder runs once, and every token is fed once: the rest is in the cache."""
    seed, _, features, suppress, wanted = reference.decoding_task(rng, several=False)
    asked = student.library("whisper_lab.probes")
    counted = asked.work(student.greedy, asked.whisper(seed), features, reference.PROMPT, suppress, [probes.END], 16)
    assert_same(reference.plain(counted["result"]), wanted, "what was said")
    assert_that(
        counted["encoder"] <= 1,
        f"the encoder ran {counted['encoder']} times: hand its output on as `encoder_outputs`",
    )
    most = len(reference.PROMPT) + 16
    assert_that(
        counted["decoder"] <= most,
        f"the decoder was fed {counted['decoder']} tokens where {most} are enough: with `past_key_values` only the "
        "new token is fed",
    )


# --- 6 beam ---------------------------------------------------------------------------------------------------------


@check("beam", weight=2)
def equal_to_generate(student, rng):
    """With the library's scores it finds what generate(num_beams=...) finds."""
    width = int(rng.integers(3, 5))
    seed, features, suppress, (wanted, alone, plain) = reference.beam_task(rng, width)
    theirs = student.library("whisper_lab.probes").whisper(seed)
    step = student.library("whisper_lab.listening").listener(theirs, features, reference.PROMPT, suppress, [probes.END])
    found = reference.plain(student.beam_search(step, width, probes.END, 12))
    assert_that(found != alone, "that is the greedy answer: keep `width` sequences, not one")
    assert_that(found != plain, "the sums were compared as they are: divide by the number of tokens ** penalty")
    assert_that(found != [*wanted, probes.END], "the end token is part of the result; leave it out")
    assert_same(found, wanted, "the best sequence")


@check("beam")
def a_beam_of_one_is_greedy(student, rng):
    """With width 1 it takes the likeliest token each time."""
    seed, vocabulary, most = int(rng.integers(10**6)), 6, 8
    step, wanted = probes.tree(seed, vocabulary), []
    for _ in range(most):
        token = int(step([wanted])[0].argmax())
        if token == vocabulary - 1:
            break
        wanted.append(token)
    theirs = student.library("whisper_lab.probes").tree(seed, vocabulary)
    assert_same(reference.plain(student.beam_search(theirs, 1, vocabulary - 1, most)), wanted, "the best sequence")


# --- 7 fallback -----------------------------------------------------------------------------------------------------


@check("fallback", weight=2)
def the_first_that_will_do(student, rng):
    """The first temperature whose text neither repeats itself nor is improbable."""
    asked = student.library("whisper_lab.probes")
    good = int(rng.integers(2, 5))
    results = [(reference.LOOP, -0.2) if i % 2 else (reference.SENTENCE, -1.5) for i in range(6)]
    results[good] = (reference.SENTENCE + " on white", -0.4)
    results[good + 1 :] = [(reference.SENTENCE, -0.1)] * (5 - good)
    found, tried = asked.asked_by_fallback(student.with_fallback, results, reference.TEMPERATURES)
    assert_that(isinstance(found, list | tuple) and len(found) == 2, "expected a text and a temperature")
    assert_that(len(tried) > 1, "only one temperature was tried: a text that will not do calls for the next")
    assert_that(
        found[0] != reference.LOOP, "a text that repeats itself was taken: it compresses to a fraction of its length"
    )
    assert_that(
        found[0] != reference.SENTENCE or found[1] > reference.TEMPERATURES[good], "an improbable text was taken"
    )
    assert_that(
        found[1] <= reference.TEMPERATURES[good],
        "a later and likelier one was taken: the first that will do is enough",
    )
    assert_same(found[0], results[good][0], "the text")
    assert_close(found[1], reference.TEMPERATURES[good], what="the temperature")


@check("fallback")
def nothing_is_tried_in_vain(student, rng):
    """Where the first will do, no other is tried."""
    asked = student.library("whisper_lab.probes")
    found, tried = asked.asked_by_fallback(
        student.with_fallback, [(reference.SENTENCE, -0.3)] * 6, reference.TEMPERATURES
    )
    assert_same(found[0], reference.SENTENCE, "the text")
    assert_that(len(tried) == 1, f"{len(tried)} temperatures were tried; each costs a whole decoding")


# --- 8 word_errors --------------------------------------------------------------------------------------------------


@check("word_errors", weight=2)
def the_cheapest_alignment(student, rng):
    """The alignment spells both sentences, with the fewest errors there can be."""
    words = [str(word) for word in rng.permutation(reference.WORDS)]
    shifted = words[:4], [words[3], *words[4:7]]  # four exchanged, where keeping one costs six
    for said, heard in (reference.misheard(rng, 7), reference.misheard(rng, 12), (words[:3], words[:3]), shifted):
        found = student.align(said, heard)
        reference.assert_alignment(found, said, heard, reference.count_errors(said, heard))


@check("word_errors")
def the_rate_over_all(student, rng):
    """All errors over all words said."""
    while True:
        pairs = [
            reference.misheard(rng, 12),
            (["one"], ["a", "big", "blue"]),
        ]  # a short one, all wrong: more errors than words
        errors, lengths = [reference.count_errors(a, b) for a, b in pairs], [len(a) for a, _ in pairs]
        if sum(errors) < sum(lengths) < sum(len(b) for _, b in pairs):
            break
    said, heard = [" ".join(a) for a, _ in pairs], [" ".join(b) for _, b in pairs]
    slips = {
        "that is the mean of the sentences' rates: sum the errors and the words first": np.mean(
            [e / n for e, n in zip(errors, lengths, strict=True)]
        ),
        "divided by the words heard; they are counted by the words said": sum(errors) / sum(len(b) for _, b in pairs),
        "in characters: `unit` is words here": reference.error_rate(said, heard, "character"),
        "that is the number of errors": sum(errors),
    }
    assert_close(student.error_rate(said, heard), sum(errors) / sum(lengths), atol=1e-6, slips=slips, what="the rate")


# --- 9 add_noise ----------------------------------------------------------------------------------------------------


@check("add_noise", weight=2)
def as_loud_as_asked(student, rng):
    """The noise is as many decibels below the speech as was asked for."""
    speech, noise = reference.chirp(rng, 8000), float(rng.uniform(0.2, 3)) * gaussian(rng, 8000)
    for snr in (float(rng.uniform(-5, 0)), float(rng.uniform(5, 20))):
        found = torch.from_numpy(assert_sound(student.add_noise(speech, noise, snr)))
        assert_shape(found, speech.shape)
        power = speech.square().mean() / noise.square().mean()
        slips = {
            "that factor is the power's; the wave's is its root": speech + noise * power * 10 ** (-snr / 10),
            "the louder of the two is the noise: a sign of the decibels": speech
            + noise * (power * 10 ** (snr / 10)).sqrt(),
            "the noise was taken as loud as it came": speech + noise * 10 ** (-snr / 20),
            "10 dB are a factor of 10 in power, of its root in the wave: 10 ** (snr / 20) there": speech
            + noise * power.sqrt() * 10 ** (-snr / 10),
        }
        gain = (power * 10 ** (-snr / 10)).sqrt()
        assert_close(
            found, speech + gain * noise, atol=1e-4, rtol=1e-4, slips=slips, what=f"at {snr:.1f} dB the result"
        )


# --- 10 segments ----------------------------------------------------------------------------------------------------


@check("segments", weight=2)
def between_two_times(student, rng):
    """What stands between two time tokens is a segment from the one to the other."""
    segments, tokens = reference.told_segments(rng, 1000, int(rng.integers(2, 5)))
    reference.assert_segments(student.segments(tokens, 1000), segments, 1000)
    reference.assert_segments(student.segments([1000, 5, 7, 1050], 1000), [(0.0, 1.0, [5, 7])], 1000)


# --- 11 dtw ---------------------------------------------------------------------------------------------------------


@check("dtw", weight=2)
def the_cheapest_path(student, rng):
    """The path leads from corner to corner, and none is cheaper."""
    for n, m in ((4, 9), (8, 25), (6, 6)):
        cost = rng.normal(size=(n, m))
        reference.assert_path(student.dtw(cost), cost)


@check("dtw")
def tokens_begin_in_order(student, rng):
    """Attention that moves on with the words tells when each begins."""
    heads, ticks, wanted = reference.attention_task(rng)
    found = student.token_times(heads)
    slips = {
        "those are frames: one is 0.02 s": wanted / 0.02,
        "those are ends: a token's time is the first frame the path gives it": np.append(wanted[1:], ticks * 0.02),
    }
    off = (
        np.abs(np.asarray(reference.plain(found), dtype=float) - wanted)
        if np.shape(found) == wanted.shape
        else np.zeros(1)
    )
    lost = off.mean() > 0.1 and not any(np.allclose(found, wrong, atol=0.021) for wrong in slips.values())
    assert_that(not lost, "the path leads where nobody listened: attention is what is to be large, a cost to be small")
    assert_close(found, wanted, atol=0.021, slips=slips, what="the list of times")


# --- 12 merge -------------------------------------------------------------------------------------------------------


@check("merge", weight=2)
def without_repeats_or_losses(student, rng):
    """What two pieces share stands in the result once."""
    words = [int(w) for w in rng.permutation(500)[:33]]
    overlap = int(rng.integers(3, 6))
    parts = reference.pieces(rng, words, 12, overlap)
    found = reference.plain(student.merge(parts))
    assert_that(found != [w for part in parts for w in part], "the pieces stand one after the other, overlaps and all")
    flat = [w for w in found] if isinstance(found, list) else []
    assert_that(len(flat) == len(set(flat)), "something is said twice")
    lost = [w for w in words if w not in flat]
    assert_that(not lost, f"{len(lost)} of {len(words)} got lost")
    assert_same(found, words, "the merged sequence")


@check("merge")
def one_piece_is_all(student, rng):
    """One piece stays as it is, and pieces that share nothing are put one after the other."""
    words = [int(w) for w in rng.permutation(500)[:20]]
    assert_same(reference.plain(student.merge([words])), words, "one piece, merged,")
    assert_same(reference.plain(student.merge([words[:9], words[9:]])), words, "two pieces that share nothing, merged,")
