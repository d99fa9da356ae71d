"""The visible checks of week 4: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from coursekit.checks import (
    Slip,
    assert_close,
    assert_no_slip,
    assert_same,
    assert_shape,
    assert_sound,
    assert_that,
    check,
    pair_of,
)
from coursekit.inputs import gaussian
from whisper_lab import probes
from whisper_lab.checks import mistakes_heard, mistakes_said, reference

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
        "the ends are mirrored with the first and the last sample twice": reference.library_power(wave, edge=True),
        "that is the square of the real part alone; the imaginary part counts too": reference.real_power(wave),
        "divided by the number of samples a frame; the formula does not": wanted / 400,
    }
    assert_close(student.power_spectrogram(wave), wanted, atol=1e-3, rtol=1e-3, slips=slips)
    other = {
        "frames of 400 every 160 are written into it: take `size` and `hop`": wanted,
        "every 160 is written into it: take `hop`": reference.library_power(wave, 256, 160),
        "frames of 400 are written into it: take `size`": reference.library_power(wave, 400, 64),
        "magnitudes, not powers": reference.library_power(wave, 256, 64).sqrt(),
    }
    found = student.power_spectrogram(wave, 256, 64)
    right = reference.library_power(wave, 256, 64)
    assert_close(found, right, atol=1e-3, rtol=1e-3, slips=other, what="with frames of 256 every 64 the result")


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
        beyond = float(rng.uniform(1.05, 1.45) * rate)
        wrong = {
            "folded once: above the rate itself it folds back again": rate - beyond,
            "that is the frequency itself: with so few samples it is not heard": beyond,
            "cut off at half the rate; it is folded back": 0.5 * rate,
        }
        asked = f"{beyond:.0f} Hz, {rate} samples a second: what is heard"
        assert_close(student.heard_frequency(beyond, rate), beyond - rate, atol=1e-3, slips=wrong, what=asked)


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
    right = reference.library_filters(40, 400, 8000)
    slips = {
        "16,000 samples a second are written into it: take `rate`": reference.library_filters(40, 400, 16_000),
        "80 filters are written into it: take `count`": reference.library_filters(80, 400, 8000),
    }
    found = student.mel_filters(40, 400, 8000)
    assert_close(found, right, atol=2e-6, rtol=1e-3, slips=slips, what="with 40 filters at 8000 samples a second it")


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
    wanted = reference.library_features(wave)
    slips = mistakes_heard.slipped_features(power, filters)
    assert_close(student.log_mel(power, filters), wanted, atol=1e-4, rtol=0, slips=slips)
    ends = power.clone()
    ends[:, -1] = 1e4 * power.max()  # the loudest frame is the one that is dropped
    slips = mistakes_heard.slipped_features(ends, filters)
    loud = "where the last frame is the loudest, the result"
    assert_close(student.log_mel(ends, filters), wanted, atol=1e-4, rtol=0, slips=slips, what=loud)
    nothing = torch.zeros(len(power), 9)
    right = torch.full((80, 8), -1.5)
    slips = mistakes_heard.slipped_silence(right)
    assert_close(student.log_mel(nothing, filters), right, atol=1e-4, rtol=0, slips=slips, what="of silence the result")


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
        slips |= {
            "both zeros are put before; one belongs behind": F.conv1d(F.pad(x, (2, 0)), weight, bias, stride=stride),
            "both zeros are put behind; one belongs before": F.conv1d(F.pad(x, (0, 2)), weight, bias, stride=stride),
            "the edges are repeated; zeros belong there": F.conv1d(
                F.pad(x, (1, 1), mode="replicate"), weight, bias, stride=stride
            ),
        }
        found = student.convolve(x, weight, bias, stride)
        assert_close(found, wanted, atol=1e-4, slips=slips, what=f"with stride {stride} the result")
    wide = gaussian(rng, 7, 5, 5)
    wanted = F.conv1d(x, wide, bias, padding=2)
    slips = {"one zero on either side is that of a kernel of 3; width // 2 here": F.conv1d(x, wide, bias, padding=1)}
    assert_close(student.convolve(x, wide, bias), wanted, atol=1e-4, slips=slips, what="with a kernel of 5 the result")


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
        "the first position is 0, not 1": reference.whisper_positions(length + 1, width)[1:],
        "features are rows there; positions are the rows asked for": wanted.T,
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
    asked = student.library("whisper_lab.probes")
    assert_close(
        student.language_probabilities(asked.whisper(seed), features), wanted, atol=1e-4, rtol=1e-3, slips=slips
    )
    order = list(probes.LANGUAGES)[3::-1]  # not that of their numbers
    start = int(rng.integers(0, 30))
    other = probes.configured(probes.whisper(seed), order, start)
    ids = [probes.LANGUAGES[code] for code in order]
    logits = reference.first_logits(other, features)
    slips = {
        "the columns are in the order of the tokens' numbers; they follow lang_to_id": logits[:, sorted(ids)].softmax(
            -1
        ),
        "the start token is another: it is generation_config.decoder_start_token_id": reference.first_logits(
            probes.whisper(seed), features
        )[:, ids].softmax(-1),
    }
    found = student.language_probabilities(asked.configured(asked.whisper(seed), order, start), features)
    assert_close(
        found, logits[:, ids].softmax(-1), atol=1e-4, rtol=1e-3, slips=slips, what="of another configuration a share"
    )


@check("first_token")
def how_likely_no_speech(student, rng):
    """The probability of the no-speech token among all tokens."""
    seed, model, features = reference.hearing(rng, 3)
    every = reference.first_logits(model, features).softmax(dim=-1)
    slips = {
        "that is the token <|notimestamps|>: no-speech comes right before it": every[:, probes.NO_TIMESTAMPS],
        "the probability that there IS speech": 1 - every[:, probes.NO_SPEECH],
        "that is a logarithm of a probability": every[:, probes.NO_SPEECH].log(),
        "that is a logit: take the softmax": reference.first_logits(model, features)[:, probes.NO_SPEECH],
        "that is the end token; no-speech comes right before <|notimestamps|>": every[:, probes.END],
    }
    theirs = student.library("whisper_lab.probes").whisper(seed)
    found = student.no_speech_probability(theirs, features)
    assert_close(found, every[:, probes.NO_SPEECH], atol=1e-5, rtol=1e-3, slips=slips)


# --- 5 greedy -------------------------------------------------------------------------------------------------------


@check("greedy", weight=2)
def token_for_token(student, rng):
    """It says what the library's generate() says, token for token."""
    asked = student.library("whisper_lab.probes")
    seed, model, features, suppress, wanted = reference.decoding_task(rng)
    found = student.greedy(asked.whisper(seed), features, reference.PROMPT, suppress, [probes.END], 16)
    slips = mistakes_said.slipped_greedy(model, features, suppress, wanted, 16)
    assert_same(reference.plain(found), wanted, "what was said", slips=slips)
    seed, model, features, suppress, wanted = reference.silent_task(rng)
    found = student.greedy(asked.whisper(seed), features, reference.PROMPT, suppress, [probes.END], 16)
    slips = mistakes_said.slipped_greedy(model, features, suppress, wanted, 16)
    assert_same(reference.plain(found), wanted, "where the end would come first, what was said", slips=slips)
    seed, model, features, suppress, wanted = reference.decoding_task(rng, several=False)
    found = student.greedy(asked.whisper(seed), features, reference.PROMPT, suppress, [probes.END], 5)
    slips = {
        "more than `most` tokens were said": wanted[:6],
        "`most` was ignored": wanted,
        "`most` counts the new tokens, and not those of the prompt": wanted[: max(0, 5 - len(reference.PROMPT))],
    }
    assert_same(reference.plain(found), wanted[:5], "at most 5 tokens: what was said", slips=slips)


@check("greedy")
def nothing_is_heard_twice(student, rng):
    """The encoder runs once, and every token is fed once: the rest is in the cache."""
    seed, _, features, suppress, wanted = reference.decoding_task(rng, several=False)
    asked = student.library("whisper_lab.probes")
    counted = asked.work(student.greedy, asked.whisper(seed), features, reference.PROMPT, suppress, [probes.END], 6)
    if counted["encoder"] > 1:
        raise Slip(f"the encoder ran {counted['encoder']} times: hand its output on as `encoder_outputs`")
    most = len(reference.PROMPT) + 6
    if counted["decoder"] > most:
        raise Slip(
            f"the decoder was fed {counted['decoder']} tokens where {most} are enough: with `past_key_values` only the "
            "new token is fed"
        )
    assert_same(reference.plain(counted["result"]), wanted[:6], "what was said")


# --- 6 beam ---------------------------------------------------------------------------------------------------------


@check("beam", weight=2)
def which_go_on_and_which_win(student, rng):
    """Which sequences go on, which are finished, when it is over and what wins, on made-up scores."""
    asked = student.library("whisper_lab.probes")
    cases, results = mistakes_said.beams_that_tell(rng)
    found = [
        reference.plain(student.beam_search(asked.tree(seed, 7), width, 6, 6, penalty))
        for seed, width, penalty in cases
    ]
    wanted = results.pop("")
    assert_no_slip(found, wanted, results)
    for (_, width, penalty), mine, right in zip(cases, found, wanted, strict=True):
        assert_same(mine, right, f"width {width}, penalty {penalty:g}: the best sequence")


@check("beam")
def equal_to_generate(student, rng):
    """With the library's scores it finds what generate(num_beams=...) finds."""
    width = int(rng.integers(3, 5))
    seed, features, suppress, (wanted, alone, plain) = reference.beam_task(rng, width)
    theirs = student.library("whisper_lab.probes").whisper(seed)
    step = student.library("whisper_lab.listening").listener(theirs, features, reference.PROMPT, suppress, [probes.END])
    found = reference.plain(student.beam_search(step, width, probes.END, 12))
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
    """The first temperature whose text neither repeats itself nor is improbable; where none will do, the last."""
    asked = student.library("whisper_lab.probes")
    cases = mistakes_said.fallback_cases(rng)
    found = []
    for results, temperatures, limits in cases:
        told, tried = asked.asked_by_fallback(student.with_fallback, results, temperatures, *limits)
        text, temperature = pair_of(told, "a text and a temperature")
        assert_that(isinstance(text, str), f"the text is {text!r}"[:90])
        assert_close(temperature, temperature, what="the temperature")
        found.append([text, round(float(temperature), 3), [round(float(t), 3) for t in tried]])
    rules = {"": mistakes_said.FallbackRules()} | mistakes_said.FALLBACK_SLIPS
    told = {name: [list(mistakes_said.fallen_back(*case, rule)) for case in cases] for name, rule in rules.items()}
    wanted = told.pop("")
    assert_no_slip(found, wanted, told)
    for (results, temperatures, limits), mine, right in zip(cases, found, wanted, strict=True):
        means = ", ".join(
            f"{t:g}: compressed {mistakes_said.ratio(text):.2f} times, mean {mean:g}"
            for (text, mean), t in zip(results, temperatures, strict=True)
        )
        case = f"limits {limits[0]:g} and {limits[1]:g}, temperatures {means}"
        assert_same(mine[1], right[1], f"{case}. The temperature that was taken")
        assert_same(mine[0], right[0], f"{case}. The text")


@check("fallback")
def nothing_is_tried_in_vain(student, rng):
    """Where the first will do, no other is tried."""
    asked = student.library("whisper_lab.probes")
    found, tried = asked.asked_by_fallback(
        student.with_fallback, [(reference.SENTENCE, -0.3)] * 6, reference.TEMPERATURES
    )
    assert_same(found[0], reference.SENTENCE, "the text")
    if len(tried) > 1:
        raise Slip(f"{len(tried)} temperatures were tried, and each costs a whole decoding: stop at the first")


# --- 8 word_errors --------------------------------------------------------------------------------------------------


@check("word_errors", weight=2)
def the_cheapest_alignment(student, rng):
    """The alignment spells both sentences, with the fewest errors there can be."""
    words = [str(word) for word in rng.permutation(reference.WORDS)]
    shifted = words[:4], [words[3], *words[4:7]]  # four exchanged, where keeping one costs six
    some = [reference.misheard(rng, 7), reference.misheard(rng, 12), (words[:3], words[:3]), shifted]
    some += [(words[:6], words[2:6]), (words[2:6], words[:6])]  # the first two are lost, or put in
    found = [student.align(said, heard) for said, heard in some]
    placed = [mistakes_said.in_place(said, heard) for said, heard in some]
    least = [reference.count_errors(said, heard) for said, heard in some]
    slip = "word by word in place: after one word that is left out or put in, all that follow count as wrong"
    assert_no_slip(found, least, {slip: placed})
    if len(found[3]) == 7 and [step[0] for step in found[3]].count("ok") == 1:
        raise Slip("an exchange is one error; there it costs as much as a word left out and another put in")
    for mine, (said, heard), errors in zip(found, some, least, strict=True):
        reference.assert_alignment(mine, said, heard, errors)


@check("word_errors")
def the_rate_over_all(student, rng):
    """All errors over all words, or characters, said."""
    short = [("one", "a big blue"), ("two small squares on grey", "squares"), ("A big Star", "a big star")]
    while True:
        said, heard = reference.misheard(rng, 12)
        pairs = [(" ".join(said), " ".join(heard)), *short]
        if len(heard) not in (len(said), len(said) + 2):
            break
    for unit in ("word", "character"):
        for case in (pairs, [("one", "a big blue one with a star")]):
            said, heard = [a for a, _ in case], [b for _, b in case]
            slips = mistakes_said.slipped_rates(case, unit)
            wanted = reference.error_rate(said, heard, unit)
            found = student.error_rate(said, heard, unit)
            assert_close(found, wanted, atol=1e-6, rtol=0, slips=slips, what=f"{case}: the {unit} error rate")


# --- 9 add_noise ----------------------------------------------------------------------------------------------------


@check("add_noise", weight=2)
def as_loud_as_asked(student, rng):
    """The noise is as many decibels below the speech as was asked for, and as long as the speech."""
    speech = reference.chirp(rng, 8000)
    for length, snr in ((8000, float(rng.uniform(-5, -1))), (3000, float(rng.uniform(5, 20))), (11_000, 3.0)):
        noise = float(rng.uniform(0.2, 3)) * (gaussian(rng, length) + 0.7) * torch.linspace(0.2, 3, length)
        slips = mistakes_heard.slipped_noise(speech, noise, snr)
        found = torch.from_numpy(assert_sound(student.add_noise(speech, noise, snr)))
        assert_shape(found, speech.shape, f"noise of {length} samples on speech of 8000: the result")
        wanted = reference.in_noise(speech, noise, snr)
        what = f"noise of {length} samples, {snr:.1f} dB: the result"
        assert_close(found, wanted, atol=1e-4, rtol=1e-4, slips=slips, what=what)


# --- 10 segments ----------------------------------------------------------------------------------------------------


@check("segments", weight=2)
def between_two_times(student, rng):
    """What stands between two time tokens is a segment from the one to the other; the last may not be closed."""
    _, tokens = reference.told_segments(rng, 1000, int(rng.integers(2, 5)))
    pause = [1010, 5, 7, 1050, 1060, 8, 1075]
    cases = [tokens, pause, [*tokens, tokens[-1], 7, 9, 11]]
    found = [student.segments(case, 1000) for case in cases]
    slips: dict[str, list] = {}
    for case in cases:
        for message, wrong in mistakes_heard.slipped_segments(case, 1000).items():
            slips.setdefault(message, []).append(wrong)
    wanted = [reference.between_times(case, 1000) for case in cases]
    assert_no_slip(
        [mistakes_heard.rounded(reference.plain(one)) for one in found],
        [mistakes_heard.rounded(one) for one in wanted],
        slips,
    )
    for mine, right in zip(found, wanted, strict=True):
        reference.assert_segments(mine, right)


# --- 11 dtw ---------------------------------------------------------------------------------------------------------


@check("dtw", weight=2)
def the_cheapest_path(student, rng):
    """The path leads from corner to corner, and none is cheaper."""
    costs = [rng.normal(size=shape) for shape in ((4, 9), (8, 25), (6, 6))]
    found = [[reference.plain(part) for part in pair_of(student.dtw(cost), "rows and columns")] for cost in costs]
    slips: dict[str, list] = {}
    for cost in costs:
        for message, wrong in mistakes_heard.slipped_paths(cost).items():
            slips.setdefault(message, []).append(wrong)
    wanted = [[list(part) for part in reference.library_path(cost)] for cost in costs]
    assert_no_slip(found, wanted, slips)
    for mine, cost in zip(found, costs, strict=True):
        reference.assert_path(mine, cost)


@check("dtw")
def tokens_begin_in_order(student, rng):
    """Attention that moves on with the words tells when each begins."""
    heads, wanted, slips = mistakes_heard.times_that_tell(rng)
    assert_close(student.token_times(heads), wanted, atol=1e-3, slips=slips, what="the list of times")


# --- 12 merge -------------------------------------------------------------------------------------------------------


@check("merge", weight=2)
def without_repeats_or_losses(student, rng):
    """What two pieces share stands in the result once, and words that the cut has spoilt not at all."""
    cases = mistakes_heard.merge_cases(rng)
    found = [reference.plain(student.merge(parts)) for parts in cases]
    wanted = [mistakes_heard.merged(parts, mistakes_heard.MergeRules()) for parts in cases]
    slips = {
        message: [mistakes_heard.merged(parts, rules) for parts in cases]
        for message, rules in mistakes_heard.MERGE_SLIPS.items()
    }
    assert_no_slip(found, wanted, slips)
    for parts, mine, right in zip(cases, found, wanted, strict=True):
        assert_same(mine, right, f"of {parts} the merged sequence")
