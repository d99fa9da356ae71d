"""The visible checks of week 7: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import torch

from coursekit.checks import Slip, assert_close, assert_same, assert_shape, assert_that, check, pair_of
from coursekit.inputs import gaussian, seed_from
from voice_lab.checks import mistakes_coded, mistakes_said, reference

# --- 1 griffin_lim --------------------------------------------------------------------------------------------------


@check("griffin_lim", weight=2)
def four_rounds(student, rng):
    """After four rounds the wave is the one that NumPy's frames and overlap-add give."""
    magnitude, phase = reference.a_spectrum(rng)
    wanted, _ = reference.reference_griffin_lim(magnitude, phase, 64, 16, 4)
    wave, _ = pair_of(student.griffin_lim(magnitude, phase, 64, 16, 4), "(wave, misses)")
    assert_close(wave, wanted, atol=2e-3, slips=mistakes_said.of_wave(magnitude, phase, 64, 16, 4), what="the wave")


@check("griffin_lim")
def the_misses_fall(student, rng):
    """A miss for each round, taken before it: the norm of the difference over the norm of the magnitude."""
    magnitude, phase = reference.a_spectrum(rng)
    _, wanted = reference.reference_griffin_lim(magnitude, phase, 64, 16, 6)
    _, misses = pair_of(student.griffin_lim(magnitude, phase, 64, 16, 6), "(wave, misses)")
    assert_close(
        misses, wanted, atol=1e-3, slips=mistakes_said.of_misses(magnitude, phase, 64, 16, 6), what="the misses"
    )


# --- 2 log_mel ------------------------------------------------------------------------------------------------------


@check("log_mel", weight=2)
def the_vocoders_mel(student, rng):
    """It is what SpeechT5FeatureExtractor makes of the sound."""
    wave = reference.some_sound(rng)
    found = student.log_mel(wave)
    assert_close(found, reference.library_mel(wave), atol=2e-3, slips=mistakes_said.of_mel(wave))


@check("log_mel")
def silence_has_a_floor(student, rng):
    """Digital silence is -10 everywhere, and nowhere infinite."""
    found = torch.as_tensor(student.log_mel(torch.zeros(3000 + seed_from(rng) % 500)))
    if torch.isinf(found).any():
        raise Slip("the logarithm of 0 is infinite: raise what is below 1e-10 to it first")
    slips = {"the floor is 1e-5; 1e-10 was asked for": torch.full_like(found, -5.0)}
    slips["1e-10 was added to the amplitude's square"] = torch.full_like(found, -20.0)
    assert_close(found, torch.full((found.shape[0], 80), -10.0), atol=1e-3, slips=slips)


# --- 3 stretch ------------------------------------------------------------------------------------------------------


@check("stretch")
def at_its_own_speed(student, rng):
    """At speed 1 each phone stands as often as its duration says, as by the library's length_regulator."""
    states, durations = reference.some_phones(rng)
    wanted, lengths = reference.library_stretch(states, durations, 1.0)
    found, said = pair_of(student.stretch(states, durations), "(stretched, lengths)")
    of_lengths, of_states = mistakes_said.of_stretch(states, durations, 1.0)
    assert_close(said, lengths, slips=of_lengths, what="the lengths")
    assert_close(found, wanted, slips=of_states, what="the frames")


@check("stretch", weight=2)
def quicker_and_slower(student, rng):
    """At speed 3 a sound is about a third as long, and at 0.6 longer; no phone is lost."""
    for speed in (3.1, 0.63):
        states, durations = reference.some_phones(rng, (6, 8, 7))
        durations[:, 0], durations[:, 1] = 1, 5
        wanted, lengths = reference.library_stretch(states, durations, speed)
        found, said = pair_of(student.stretch(states, durations, speed), "(stretched, lengths)")
        of_lengths, of_states = mistakes_said.of_stretch(states, durations, speed)
        assert_close(said, lengths, slips=of_lengths, what=f"the lengths at speed {speed}")
        assert_close(found, wanted, slips=of_states, what=f"the frames at speed {speed}")


# --- 4 align --------------------------------------------------------------------------------------------------------


@check("align", weight=2)
def better_than_all_others(student, rng):
    """Of all paths it is the best: they were tried one after the other."""
    tokens, frames = torch.tensor([4, 3, 5]), torch.tensor([9, 11, 8])
    scores = gaussian(rng, 3, 5, 11)
    rows = [reference.brute_force(scores[i], int(tokens[i]), int(frames[i])) for i in range(3)]
    wanted = torch.tensor([row + [0] * (5 - len(row)) for row in rows])
    found = student.align(scores, tokens, frames)
    assert_shape(found, (3, 5), "the durations")
    slips = mistakes_said.of_align(scores, tokens, frames)
    assert_close(found, wanted, slips=slips, what="the durations")


@check("align")
def every_frame_and_every_token(student, rng):
    """Each token has at least one frame, and all frames are given away."""
    tokens, frames = torch.tensor([6, 2]), torch.tensor([14, 20])
    scores = 3 * gaussian(rng, 2, 6, 20)
    found = torch.as_tensor(student.align(scores, tokens, frames))
    assert_shape(found, (2, 6), "the durations")
    slips = mistakes_said.of_align(scores, tokens, frames)
    wanted = reference.reference_align(scores, tokens, frames)
    sums = found.sum(1)
    if (sums == frames - 1).any() and not (sums > frames).any():
        raise Slip("a frame was lost on the way back: the durations of a row add up to its frames")
    if (sums == frames + 1).any() and not (sums < frames).any():
        raise Slip("a frame was counted twice on the way back: the durations of a row add up to its frames")
    assert_close(found, wanted, slips=slips, what="the durations")


# --- 5 guided -------------------------------------------------------------------------------------------------------


@check("guided", weight=2)
def the_librarys_penalty(student, rng):
    """Of texts and sounds of many lengths it is SpeechT5's guided attention loss."""
    attention, tokens, frames = reference.some_attention(rng, (5, 8), (12, 9))
    wanted = reference.library_guided(attention, tokens, frames, 0.4)
    slips = mistakes_said.of_guided(attention, tokens, frames, 0.4)
    assert_close(student.guided_attention(attention, tokens, frames), wanted, slips=slips, what="the loss")


@check("guided")
def one_pair_that_fills_the_batch(student, rng):
    """Where nothing is padding the penalty depends on sigma alone."""
    attention, tokens, frames = reference.some_attention(rng, (6,), (10,), heads=3)
    wanted = reference.library_guided(attention, tokens, frames, 0.2)
    slips = mistakes_said.of_guided(attention, tokens, frames, 0.2)
    slips["sigma is not used: it is 0.4 whatever is asked"] = reference.library_guided(attention, tokens, frames, 0.4)
    assert_close(student.guided_attention(attention, tokens, frames, 0.2), wanted, slips=slips, what="the loss")


# --- 6 speak --------------------------------------------------------------------------------------------------------


@check("speak", weight=2)
def what_generate_speech_says(student, rng):
    """With a small SpeechT5 it says what the library's generate_speech says, frame by frame."""
    seed = seed_from(rng)
    wanted, steps = reference.library_speech(seed, 9.0, 1, 5)
    told = student.library("voice_lab.probes").spoken(student.speak, seed, 9.0, 1, 5)
    found, count = pair_of(told["found"], "(frames, steps)")
    given = [shape[0] for shape in told["calls"]]
    if given[:2] == [1, 4]:
        raise Slip("all three new frames went back into the decoder; only the last one of them does")
    if given[:2] == [1, 1]:
        raise Slip("step was given one frame each time; it wants all that it was given before, and the last new one")
    if given[:1] == [0]:
        raise Slip("the first call was given no frame; it begins with one of zeros")
    slips = {
        "only the last frame of each step was kept; all that step returns are said": wanted[2::3],
        "the frame of zeros that it begins with is not part of what is said": torch.cat([torch.zeros(1, 8), wanted]),
        "the last step is missing": wanted[:-3],
    }
    assert_close(found, wanted, atol=1e-3, rtol=1e-3, slips=slips, what="the frames")
    assert_close(count, steps, slips={"those are frames; steps were asked for": len(wanted)}, what="the steps")


@check("speak", weight=2)
def when_it_stops(student, rng):
    """It stops at the first step, not before `least`, whose stop probabilities add up to the threshold."""
    for least, over in ((2, 4), (6, 3), (1, 2)):
        frames = gaussian(rng, 12, 3, 4)
        stops = torch.from_numpy(rng.uniform(0.02, 0.1, size=(12, 3))).float()
        stops[over - 1] = torch.tensor([0.2, 0.3, 0.25])
        for later, row in enumerate(((0.1, 0.1, 0.6), (0.6, 0.1, 0.1), (0.6, 0.6, 0.6)), over + 1):
            stops[later] = torch.tensor(row)  # where the last, the first, and the mean of them would stop it
        how = frames, stops, 0.5, least, 11
        slips = mistakes_said.of_steps(*how)
        told = student.library("voice_lab.probes").played(student.speak, *how[:2], 0.5, least, 11)
        found, count = pair_of(told["found"], "(frames, steps)")
        wanted = mistakes_said.scripted(*how)
        assert_close(count, wanted, slips=slips, what=f"the steps, with least = {least},")
        assert_close(found, frames[:wanted].flatten(0, 1), what="the frames")


# --- 7 intonation ---------------------------------------------------------------------------------------------------


@check("intonation")
def the_pitch_of_phones(student, rng):
    """Each phone has the mean pitch of its voiced frames, and 0 where it has none."""
    track, durations = reference.a_track(rng)
    found = student.phone_pitch(track, durations)
    if torch.as_tensor(found).isnan().any():
        raise Slip("a phone without a voice is nan: the mean of nothing. It is 0")
    slips = mistakes_said.of_pitch(track, durations)
    assert_close(found, reference.reference_pitch(track, durations), atol=1e-3, slips=slips, what="the pitch")


@check("intonation", weight=2)
def a_drawn_intonation(student, rng):
    """Each phone gets the factor of the drawn line at its middle."""
    _, durations = reference.a_track(rng, 7)
    points = reference.some_points(rng)
    wanted = reference.reference_factors(points, durations)
    slips = mistakes_said.of_factors(points, durations)
    assert_close(student.drawn_pitch(points, durations), wanted, atol=1e-4, slips=slips, what="the factors")


# --- 8 speaker ------------------------------------------------------------------------------------------------------


@check("speaker", weight=2)
def statistics_of_each_row(student, rng):
    """Mean and deviation are of each row's own frames, as WavLMForXVector pools."""
    states, lengths = gaussian(rng, 3, 9, 4), torch.tensor([9, 4, 6])
    for row, n in zip(states, lengths.tolist(), strict=True):
        row[n:] = 5.0  # what stands behind the end is to count nothing
    wanted = reference.reference_pool(states, lengths)
    found = student.pool(states, lengths)
    assert_close(found, wanted, atol=1e-4, slips=mistakes_coded.of_pool(states, lengths), what="the statistics")


@check("speaker", weight=2)
def a_margin_for_the_right_voice(student, rng):
    """The loss is transformers' AMSoftmaxLoss."""
    embeddings, weights = 2 * gaussian(rng, 6, 5), 3 * gaussian(rng, 5, 4)
    labels = torch.from_numpy(rng.integers(4, size=6))
    wanted = reference.library_margin(embeddings, weights, labels, 8.0, 0.3)
    slips = mistakes_coded.of_margin(embeddings, weights, labels, 8.0, 0.3)
    found = student.margin_loss(embeddings, weights, labels, 8.0, 0.3)
    assert_close(found, wanted, rtol=1e-4, slips=slips, what="the loss")


# --- 9 eer ----------------------------------------------------------------------------------------------------------


@check("eer")
def every_pair_once(student, rng):
    """Each pair of two recordings is tried once, and none with itself."""
    voices = [f"voice {i}" for i in rng.integers(3, size=7)]
    embeddings = 3 * gaussian(rng, 7, 5)
    scores, same = reference.library_trials(embeddings, voices)
    found = pair_of(student.trials(embeddings, voices), "(scores, same)")
    assert_close(found[0], scores, atol=1e-4, slips=mistakes_coded.of_trials(embeddings, voices), what="the scores")
    assert_close(found[1], same, slips={"those are the pairs of *two* voices": ~same}, what="`same`")


@check("eer", weight=2)
def errors_of_two_kinds(student, rng):
    """False acceptance is of the pairs of two voices, false rejection of those of one."""
    scores, same = reference.some_scores(rng)
    threshold = float(rng.uniform(0.35, 0.5))
    accepted = scores >= threshold
    wanted = [float(accepted[~same].double().mean()), float((~accepted)[same].double().mean())]
    found = pair_of(student.false_rates(scores, same, threshold), "(acceptance, rejection)")
    slips = mistakes_coded.of_rates(scores, same, threshold)
    assert_close([float(x) for x in found], wanted, slips=slips, what="the rates")


@check("eer", weight=2)
def where_both_are_equal(student, rng):
    """The equal error rate is that of scikit-learn's roc_curve."""
    scores, same = reference.some_scores(rng)
    wanted = reference.library_eer(scores, same)
    found = pair_of(student.equal_error(scores, same), "(rate, threshold)")
    slips = mistakes_coded.of_eer(scores, same)
    assert_close([float(x) for x in found], wanted, slips=slips, what="the rate and its threshold")


# --- 10 residual ----------------------------------------------------------------------------------------------------


@check("residual", weight=2)
def book_after_book(student, rng):
    """Each book quantises what those before left over, as EncodecResidualVectorQuantizer does."""
    z, books = reference.some_latents(rng)
    codes, quantised = reference.library_codes(z, books)
    found = pair_of(student.residual_codes(z, books), "(codes, quantised)")
    of_ids, of_sums = mistakes_coded.of_codes(z, books)
    assert_close(found[0], codes, slips=of_ids, what="the codes")
    assert_close(found[1], quantised, atol=1e-4, slips=of_sums, what="the sum of the codes")


@check("residual")
def kilobits_a_second(student, rng):
    """EnCodec's 75 frames a second with eight books of 1024 codes are 6 kbit/s."""
    for rate, books, k in ((75.0, 8, 1024), (float(rng.integers(20, 60)), 3, 256)):
        wanted = rate * books * (k.bit_length() - 1) / 1000
        slips = mistakes_coded.of_bitrate(rate, books, k)
        assert_close(student.bitrate(rate, books, k), wanted, slips=slips, what="the bitrate")


# --- 11 delay -------------------------------------------------------------------------------------------------------


@check("delay", weight=2)
def musicgens_pattern(student, rng):
    """Book i waits i steps, as in MusicGen's build_delay_pattern_mask."""
    codes = torch.from_numpy(rng.integers(1, 50, size=(2, 4, 6)))
    pad = 64
    found = student.delay(codes, pad)
    assert_close(found, reference.library_delay(codes, pad), slips=mistakes_coded.of_delay(codes, pad), what="the rows")


@check("delay")
def and_back(student, rng):
    """Undone it gives the codes again."""
    codes = torch.from_numpy(rng.integers(1, 50, size=(2, 3, 5)))
    rows = reference.library_delay(codes, 64)
    assert_close(student.undelay(rows), codes, slips=mistakes_coded.of_undelay(rows), what="the codes")


# --- 12 watermark ---------------------------------------------------------------------------------------------------


@check("watermark", weight=2)
def so_far_below(student, rng):
    """The key's pattern lies so many decibels below the wave's loudness."""
    wave, key = 0.1 * gaussian(rng, 400), seed_from(rng)
    for below in (20.0, 7.0):
        wanted = reference.reference_mark(wave, key, below)
        slips = mistakes_coded.of_mark(wave, key, below)
        found = student.add_mark(wave, key, below)
        assert_close(found, wanted, slips=slips, what=f"the wave with a mark {below:g} dB below it")


@check("watermark", weight=2)
def a_z_in_closed_form(student, rng):
    """Marked, not marked, or against the pattern, the score is the sum of the products over its standard deviation."""
    key = seed_from(rng)
    wave = 0.3 * gaussian(rng, 900)
    marked = torch.from_numpy(reference.reference_mark(wave, key, 10.0)).float()
    for some in (marked, -marked, wave):
        found = student.find_mark(some, key)
        assert_that(found is not None, "the score is None: is there a return?")
        slips = mistakes_coded.of_z(some, key)
        if some is not marked:  # signs that are turned round would have shown already
            slips = {message: value for message, value in slips.items() if "turned round" not in message}
        wanted = reference.reference_z(some, key)
        assert_close(float(found), wanted, atol=1e-3, rtol=1e-4, slips=slips, what="the score")


@check("watermark")
def only_its_own_key_finds_it(student, rng):
    """Another key finds nothing, and one key makes the same pattern each time."""
    wave, key = 0.3 * gaussian(rng, 16_000), seed_from(rng)
    marked = torch.as_tensor(student.add_mark(wave, key, 20.0))
    assert_same(marked.tolist(), torch.as_tensor(student.add_mark(wave, key, 20.0)).tolist(), "the same mark again")
    found, other = (float(student.find_mark(marked, k)) for k in (key, key + 1))
    assert_that(abs(other) < 6, f"with another key the score is {other:.1f}")
    assert_that(found > 6, f"with its own key the score is {found:.1f}")
