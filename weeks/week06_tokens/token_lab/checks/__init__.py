"""The visible checks of week 6: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import torch

from coursekit.checks import Slip, assert_close, assert_same, assert_shape, assert_that, check, pair_of
from coursekit.inputs import gaussian, seed_from
from token_lab.checks import mistakes, reference

# --- 1 quantise -----------------------------------------------------------------------------------------------------


@check("quantise", weight=2)
def the_librarys_codes(student, rng):
    """In each place stands the nearest code, as diffusers' VectorQuantizer finds it."""
    z, codebook = reference.clear_latents(rng, 3, 4, 4)
    wanted, ids = reference.library_codes(z, codebook)
    quantised, found = pair_of(student.quantise(z, codebook), "(quantised, ids)")
    assert_close(quantised, wanted, slips=mistakes.of_codes(z, codebook), what="the quantised latents")
    if getattr(found, "shape", None) == (ids.numel(),):
        raise Slip("the indices are one long row; they are to lie as the places do: (n, h, w)")
    assert_close(found, ids, slips={"rows and columns of the indices are exchanged": ids.mT}, what="the indices")


@check("quantise")
def the_gradient_goes_straight_through(student, rng):
    """By z the gradient is as if nothing had been quantised, and the codebook gets none."""
    z, codebook = reference.clear_latents(rng, 2, 3, 3)
    weights = gaussian(rng, *z.shape)
    found = student.library("token_lab.probes").slopes(student.quantise, z, codebook, weights)
    if found["z"] is None:
        raise Slip("no gradient arrives at z: the nearest code does not depend on it. z + (quantised - z).detach()")
    if found["codebook"] is not None and torch.as_tensor(found["codebook"]).abs().max() > 0:
        raise Slip("the codebook gets a gradient through the picture; its own loss is to move it: detach the code")
    assert_close(found["z"], weights, slips={"the gradient is doubled": 2 * weights}, what="the gradient by z")


# --- 2 vq_loss ------------------------------------------------------------------------------------------------------


@check("vq_loss")
def the_librarys_loss(student, rng):
    """It is the loss of diffusers' VectorQuantizer(legacy=False)."""
    z, codebook = reference.clear_latents(rng, 2, 3, 3)
    quantised, _ = reference.library_codes(z, codebook)
    wanted, _, _ = reference.library_loss(z, codebook, 0.25)
    slips = mistakes.of_vq_loss(z, quantised, 0.25)
    assert_close(student.vq_loss(z, quantised), wanted, slips=slips, what="the loss")


@check("vq_loss", weight=2)
def each_part_moves_its_own(student, rng):
    """One part moves the codes, beta times the other the encoder, as in VectorQuantizer(legacy=False)."""
    z, codebook = reference.clear_latents(rng, 2, 3, 3)
    quantised, ids = reference.library_codes(z, codebook)
    _, by_z, by_codes = reference.library_loss(z, codebook, 0.25)
    _, old_z, old_codes = reference.library_loss(z, codebook, 0.25, legacy=True)
    _, (found_z, found_q) = student.gradients("vq_loss", z, quantised, wrt=(0, 1))
    if found_z is None or found_q is None:
        name = "z" if found_z is None else "quantised"
        raise Slip(f"no gradient arrives at `{name}`: its part is missing, or both sides of it are detached")
    found = torch.cat([torch.as_tensor(x).flatten() for x in (found_z, reference.by_code(found_q, ids, len(codebook)))])
    wanted = torch.cat([by_z.flatten(), by_codes.flatten()])
    slips = {
        "beta stands before the codebook's part; it weighs the commitment (so errs diffusers' legacy=True)": torch.cat(
            [old_z.flatten(), old_codes.flatten()]
        ),
        "nothing is detached: each part moves both": 1.25
        / 0.25
        * torch.cat([by_z.flatten(), 0.25 * by_codes.flatten()]),
    }
    assert_close(found, wanted, slips=slips, what="the gradient")


# --- 3 ema ----------------------------------------------------------------------------------------------------------


@check("ema", weight=2)
def running_averages(student, rng):
    """Counts and sums are running averages, and each code is its sum over its smoothed count."""
    counts, sums, z, ids = reference.settled_codes(rng)
    wanted = reference.reference_ema(counts, sums, z, ids, 0.9)
    found = student.ema_codes(counts, sums, z, ids, 0.9)
    assert_that(isinstance(found, list | tuple) and len(found) == 3, "expected three values: (counts, sums, codebook)")
    slips = mistakes.of_ema(counts, sums, z, ids, 0.9)
    for name, one, right in zip(("counts", "sums", "codes"), found, wanted, strict=True):
        assert_close(one, right, atol=1e-4, slips=slips[name], what=f"the {name}")
    one_of_two = gaussian(rng, 1, 3)
    zeros = torch.zeros(2), torch.zeros(2, 3)
    _, _, codes = student.ema_codes(*zeros, one_of_two, torch.tensor([1]), 0.9)
    if torch.as_tensor(codes).isnan().any():
        raise Slip("a code that nothing ever came to is nan: its count is not smoothed with eps")


@check("ema")
def one_step_of_lloyd(student, rng):
    """Without memory (decay 0) it is one step of k-means, as scikit-learn takes it."""
    codebook = 3 * gaussian(rng, 4, 3)
    points = torch.cat([codebook + 0.4 * gaussian(rng, 4, 3) for _ in range(8)])
    ids, centres = reference.lloyd(points, codebook)
    found = student.ema_codes(torch.ones(4), codebook, points, ids, 0.0)
    assert_close(found[2], centres, atol=1e-3, what="the codes")


@check("ema")
def the_dead_come_back(student, rng):
    """Dead codes become latents of the batch, none twice, with a count of 1; the others stay."""
    counts, sums, z, _ = reference.settled_codes(rng, k=8)
    codebook, seed = sums / counts[:, None], seed_from(rng)
    counts[[1, 4, 6]] = 0.5
    found = student.restart_dead(codebook, counts, sums, z, 1.0, seed)
    assert_that(isinstance(found, list | tuple) and len(found) == 3, "expected three values: (codebook, counts, sums)")
    codes, number, total = (torch.as_tensor(x) for x in found)
    dead = counts < 1
    assert_close(codes[~dead], codebook[~dead], what="a code that is alive")
    new = codes[dead]
    assert_shape(new, (3, z.shape[1]), "what the dead became")
    if torch.equal(new, codebook[dead]):
        raise Slip("the dead codes are as they were: they were to become rows of z")
    near = (new[:, None] - z[None]).abs().amax(dim=2).min(dim=1)
    if near.values.max() > 1e-4:
        raise Slip("a code came back as something that is no row of z: made-up numbers may lie where no latent ever is")
    if len(set(near.indices.tolist())) < 3:
        raise Slip("two codes came back as the same row of z")
    if torch.equal(number, counts):
        raise Slip("the counts of the dead are as they were: they would be dead again. They become 1")
    if torch.equal(total, sums):
        raise Slip("the sums of the dead are as they were: the next average would put the old code back")
    assert_close(number, torch.where(dead, torch.ones(8), counts), what="the counts")
    assert_close(total, torch.where(dead[:, None], codes, sums), what="the sums")


# --- 4 usage --------------------------------------------------------------------------------------------------------


@check("usage", weight=2)
def scipys_perplexity(student, rng):
    """All batches are counted together, and the perplexity is that of SciPy's entropy."""
    k = 16
    batches = [torch.from_numpy(rng.integers(5, size=(n, 2, 2)) * (n % 2 + 1)) for n in (2, 3, 7)]
    perplexity, used = reference.library_usage(batches, k)
    found = pair_of(student.usage(batches, k), "(perplexity, used)")
    if found[0] != found[0]:
        raise Slip("found nan: a code that never occurs gives 0 * log(0), which is to count 0")
    assert_close(float(found[0]), perplexity, slips=mistakes.of_usage(batches, k), what="the perplexity")
    last = int((torch.bincount(batches[-1].flatten(), minlength=k) > 0).sum())
    slips = {
        "those are the codes that do *not* occur": k - used,
        "only the last batch was counted": last,
        "that is the share; their number was asked for": used / k,
    }
    assert_close(float(found[1]), used, slips=slips, what="the number of codes that occur")


# --- 5 adversary ----------------------------------------------------------------------------------------------------


@check("adversary", weight=2)
def the_ratio_of_two_gradients(student, rng):
    """It is the ratio of the norms of both losses' gradients by the last layer."""
    seed, scale = seed_from(rng), float(rng.uniform(0.2, 0.6))
    found = student.library("token_lab.probes").watched_weight(student.adaptive_weight, seed, scale, 7, 5)
    slips = mistakes.of_weight(seed, scale)
    if found["weight"] == 0:
        raise Slip("after `start` the weight is 0: is `step < start` turned round?")
    wanted = reference.reference_weight(seed, scale)
    assert_close(found["weight"], wanted, rtol=1e-3, slips=slips, what="the weight")
    assert_that(not found["graph"], "the weight carries a graph: it is a number to the losses. detach()")
    assert_that(found["clean"], "gradients were left in the weights' .grad: use torch.autograd.grad, not backward()")


@check("adversary")
def not_from_the_start(student, rng):
    """Before step `start` the discriminator counts nothing; at `start` it does."""
    watched, seed = student.library("token_lab.probes").watched_weight, seed_from(rng)
    for step in (0, 4):
        found = watched(student.adaptive_weight, seed, 0.5, step, 5)
        assert_that(found["weight"] == 0, f"at step {step} of a start at 5 the weight is {found['weight']:.4g}, not 0")
    if watched(student.adaptive_weight, seed, 0.5, 5, 5)["weight"] == 0:
        raise Slip("at step `start` itself the weight is still 0: it is 0 *before* it")


# --- 6 words_and_codes -----------------------------------------------------------------------------------------


@check("words_and_codes")
def words_then_codes(student, rng):
    """Captions are filled up to one length, and each code has an id of its own."""
    words, codes = reference.some_rows(rng)
    asked = words, codes, 7, 12, reference.MARKS
    ids, labels = reference.reference_rows(*asked)
    found, learnt = pair_of(student.words_and_codes(*asked), "(ids, labels)")
    of_ids, of_labels = mistakes.of_rows(*asked)
    assert_close(found, ids, slips=of_ids, what="the ids")
    assert_close(learnt, labels, slips=of_labels, what="the labels")


@check("words_and_codes", weight=2)
def the_librarys_two_losses(student, rng):
    """It is the weighted sum of what LlamaForCausalLM charges for the words and for the codes."""
    words, codes = reference.some_rows(rng)
    ids, labels = reference.reference_rows(words, codes, 7, 12, reference.MARKS)
    logits, wanted = reference.library_sentence_loss(seed_from(rng), ids, labels, 6, 1 / 8, 7 / 8)
    slips = mistakes.of_sentence_loss(logits, labels, 6, 1 / 8, 7 / 8)
    found = student.sentence_loss(logits, labels, 6)
    assert_close(found, wanted, atol=1e-4, rtol=1e-4, slips=slips, what="the loss")


# --- 7 write --------------------------------------------------------------------------------------------------------


@check("write")
def the_librarys_choice(student, rng):
    """Temperature, top-k and the draw are those of transformers, token for token."""
    seed, allowed = seed_from(rng), torch.arange(20) >= 8
    scores = 2 * gaussian(rng, 400, 20)
    scores[:, :8] += 1.5  # a picture's place likes words as well
    picked = student.library("token_lab.probes").picked
    for temperature, top_k in ((1.7, None), (0.6, 4), (0, None)):
        wanted = reference.library_choice(scores, allowed, temperature, top_k, seed)
        found = torch.as_tensor(picked(student.next_token, scores, allowed, float(temperature), top_k, seed))
        assert_shape(found, (400,), "what was chosen")
        slips = mistakes.of_choice(scores, allowed, temperature, top_k, seed) if temperature else {}
        told = f"what was chosen at temperature {temperature}" + (f" among {top_k}" if top_k else "")
        if (~allowed[found.long().clamp(0, 19)]).any():
            raise Slip("tokens are taken that may not be written: give them the score -inf, before all else")
        assert_close(found, wanted, slips=slips, what=told)


@check("write", weight=2)
def what_generate_writes(student, rng):
    """It writes what the library's generate() writes, and every token is read once."""
    seed, prompt = seed_from(rng), torch.from_numpy(rng.integers(23, size=(2, 4)))
    wanted = reference.library_text(seed, prompt, 9)
    found = student.library("token_lab.probes").watched_write(student.write, seed, prompt, 9)
    calls, known = found["calls"], mistakes.calls_of(prompt, 9)
    written = torch.as_tensor(found["written"])
    if written.shape == (2, 13):
        raise Slip("the prompt is returned too; only what was written was asked for")
    if written.shape == (2, 8):
        raise Slip("one token too few: the prompt's own scores choose the first")
    if calls == known["all anew"]:
        both = torch.equal(written, wanted)
        how = "no cache is used: hand past_key_values on" if both else "with a cache only what is new is read"
        raise Slip(f"the whole sequence was read again for every token: {how}")
    if calls == known["too often"]:
        raise Slip("the model is asked once more than there are tokens to write: the last one need not be read")
    if calls == known["right"] and not torch.equal(written, wanted) and torch.equal(written[:, :1], wanted[:, :1]):
        raise Slip("each token is read without those before it: hand past_key_values on")
    assert_close(written, wanted, what="what was written, always the most likely token,")
    assert_same(calls, known["right"], "what the model was given to read, [rows, tokens] for each call,")


# --- 8 guide --------------------------------------------------------------------------------------------------------


@check("guide")
def the_librarys_guidance(student, rng):
    """It is transformers' ClassifierFreeGuidanceLogitsProcessor: captions first, null captions second."""
    both, scale = gaussian(rng, 8, 6), float(rng.uniform(1.5, 4))
    wanted = reference.library_guided(both, scale)
    assert_close(student.guided(both, scale), wanted, slips=mistakes.of_guided(both, scale), what="the guided scores")


@check("guide", weight=2)
def one_call_for_both(student, rng):
    """Captions and null captions are read in one call, and what is written stands behind both."""
    seed, scale = seed_from(rng), float(rng.uniform(2, 4))
    prompt, null = (torch.from_numpy(rng.integers(23, size=(2, 4))) for _ in range(2))
    wanted = reference.library_text(seed, prompt, 8, negative_prompt_ids=null, guidance_scale=scale)
    found = student.library("token_lab.probes").watched_guided(student.write_guided, seed, prompt, null, 8, scale)
    written = torch.as_tensor(found["written"])
    if len(written.shape) and written.shape[0] == 4:
        raise Slip("both halves are returned; the pictures of the captions were asked for, n rows")
    slips = mistakes.of_guided_text(seed, prompt, null, 8, scale)
    assert_close(written, wanted, slips=slips, what="what was written, always the most likely token,")
    calls = found["calls"]
    if len(calls) == 16:
        raise Slip("captions and null captions are read in two calls; one is enough: torch.cat([prompts, nulls])")
    wanted_calls = mistakes.calls_of(torch.cat([prompt, null]), 8)
    if calls == wanted_calls["all anew"]:
        raise Slip("the whole sequence was read again for every token: use the cache")
    assert_same(calls, wanted_calls["right"], "what the model was given to read, [rows, tokens] for each call,")


# --- 9 unmask -------------------------------------------------------------------------------------------------------


@check("unmask", weight=2)
def the_librarys_step(student, rng):
    """With the same generator it is the step of diffusers' AmusedScheduler."""
    seed, heat = seed_from(rng), float(rng.uniform(0.5, 1.5))
    scores, tokens, mask = reference.half_masked(rng, known=2)
    unmasked = student.library("token_lab.probes").unmasked
    asked = scores, tokens, mask, 3, 8, heat
    wanted = reference.library_unmask(seed, *asked)
    found = torch.as_tensor(unmasked(student.unmask, seed, *asked))
    assert_shape(found, tokens.shape, "the tokens")
    assert_close(found, wanted, slips=mistakes.of_unmask(seed, *asked), what="the tokens")


@check("unmask")
def nothing_is_left_at_the_end(student, rng):
    """After the last pass no mask is left, and what was known before is as it was."""
    scores, tokens, mask = reference.half_masked(rng)
    found = torch.as_tensor(
        student.library("token_lab.probes").unmasked(student.unmask, seed_from(rng), scores, tokens, mask, 7, 8, 0.0)
    )
    left = int((found == mask).sum())
    if left == len(tokens):
        raise Slip("one mask is left in each row: the last pass leaves none")
    assert_that(not left, f"{left} masks are left after the last pass")
    assert_close(found[tokens != mask], tokens[tokens != mask], what="a token that was known")


# --- 10 prompt_to_paint ---------------------------------------------------------------------------------------------


@check("prompt_to_paint")
def squares_of_one_size(student, rng):
    """Cutouts are torchvision's resized_crop, and the picture gets a gradient through them."""
    picture = torch.from_numpy(rng.random((1, 3, 12, 12))).float()
    places = [(0, 0, 12), (1, 5, 7), (6, 2, 4)]
    wanted = reference.torch_cutouts(picture, places, 8)
    slips = mistakes.of_cutouts(picture, places, 8)
    assert_close(student.cutouts(picture, places, 8), wanted, atol=1e-4, slips=slips, what="the cutouts")
    slope = student.library("token_lab.probes").crops_slope(student.cutouts, picture, places, 8)
    assert_that(slope is not None, "no gradient arrives at the picture: detach nothing, and make no PIL image of it")


@check("prompt_to_paint", weight=2)
def up_the_scores(student, rng):
    """Step by step it is Adam on the latent, through project, decode, cut and score."""
    seed, rate = seed_from(rng), float(rng.uniform(0.08, 0.16))
    found = student.library("token_lab.probes").watched_paint(student.prompt_to_paint, seed, 8, rate)
    latent, scores = reference.reference_paint(seed, 8, rate)
    told, off = mistakes.of_paint(seed, 8, rate)
    assert_close(torch.tensor(found["scores"]), torch.tensor(scores), 1e-3, 1e-3, slips=told, what="the scores")
    assert_close(found["latent"], latent, atol=1e-3, slips=off, what="the latent")
    start = mistakes.untouched(seed)
    assert_close(found["start"], start, what="the latent it began with, after the call (work on a copy: clone)")


# --- 11 bits --------------------------------------------------------------------------------------------------------


@check("bits", weight=2)
def bits_of_whole_pictures(student, rng):
    """It is minus log2 of the probability of the whole picture, by torch.distributions."""
    scores, codes = 2 * gaussian(rng, 3, 6, 9), torch.from_numpy(rng.integers(9, size=(3, 6)))
    wanted = reference.library_bits(scores, codes)
    found = student.picture_bits(scores, codes)
    assert_close(found, wanted, atol=1e-3, slips=mistakes.of_bits(scores, codes), what="the bits")


@check("bits")
def a_report_in_several_units(student, rng):
    """Per picture, per token, per pixel, without any model, and beside the raw picture."""
    bits = torch.from_numpy(rng.uniform(50, 90, size=4)).float()
    wanted = {"picture": float(bits.mean()), "token": float(bits.mean()) / 16, "uniform": 16 * 5.0}
    wanted |= {"pixel": float(bits.mean()) / 400, "ratio": 24 * 400 / float(bits.mean())}
    found = student.bit_report(bits, 16, 32, 20)
    assert_that(isinstance(found, dict), "a dict was asked for")
    missing = [name for name in wanted if name not in found]
    assert_that(not missing, f"the dict lacks {', '.join(missing)}")
    slips = mistakes.of_report(bits, 16, 32, 20)
    for name, value in wanted.items():
        assert_close(float(found[name]), value, atol=1e-3, rtol=1e-4, slips=slips[name], what=f'"{name}"')


# --- 12 redraw ------------------------------------------------------------------------------------------------------


@check("redraw", weight=2)
def a_program_becomes_a_scene(student, rng):
    """A program's scene has its background, and its objects in their order and places."""
    ran = student.library("token_lab.probes").ran
    for objects in (1, 2, 3):
        scene = reference.some_scene(rng, objects)
        found = ran(student.run_program, reference.as_program(scene))
        if "[0, 1]" in found["told"]:
            raise Slip(f"a centre is not divided by 128: {found['told']}")
        assert_that(not found["error"], f"a program raised {found['error']}: {found['told']}")
        slips = {text: wrong.to_json() for text, wrong in mistakes.of_scene(scene).items()}
        assert_same(found["scene"], scene.to_json(), "the scene", slips=slips)
    spaced = reference.as_program(scene).replace("\n", "  \n\n   ")
    assert_same(ran(student.run_program, spaced)["scene"], scene.to_json(), "with spaces and empty lines the scene")
    found = ran(student.run_program, "<!-- a picture -->\n" + spaced)
    if found["error"]:
        raise Slip(f"a comment was not left out: {found['told']}")
    assert_same(found["scene"], scene.to_json(), "with a comment the scene")


@check("redraw", weight=2)
def nothing_else_is_run(student, rng):
    """Every text that is no program raises ValueError, and no code in it is run."""
    ran = student.library("token_lab.probes").ran
    for text, said in mistakes.no_programs(reference.as_program(reference.some_scene(rng, 2))):
        found = ran(student.run_program, text)
        if found["ran"]:
            raise Slip("code in the program was run: never give a model's text to eval or exec")
        if not found["error"]:
            raise Slip(f"{said} was taken for a program")
        assert_that(found["error"] == "ValueError", f"{said} raised {found['error']}; a ValueError was asked for")


@check("redraw", weight=2)
def until_it_is_the_picture(student, rng):
    """Programs are taken until one draws the picture, and no further; the nearest one is returned."""
    watched = student.library("token_lab.probes").watched_redraw
    scene = reference.some_scene(rng, 2)
    picture, near, far = scene.render(64), reference.moved(scene, 4), reference.moved(scene, 16)
    texts = [reference.as_program(one) for one in (far, near, scene, far)]
    found = watched(student.redraw, ["<use/>", *texts], picture, 0.0)
    if found["taken"] == 5:
        raise Slip("every text was taken, also those after the one that draws the picture: stop there")
    assert_same(found["scene"], scene.to_json(), "the scene that was found")
    assert_same(found["count"], 4, "how many texts were taken (one that is no program counts)")
    found = watched(student.redraw, [texts[1], texts[0]], picture, 0.0)
    slips = {"that is the last scene; the nearest one was asked for": far.to_json()}
    assert_same(found["scene"], near.to_json(), "where none draws the picture the scene", slips=slips)
    wanted = reference.difference(near, picture)
    assert_close(found["off"], wanted, slips=mistakes.of_difference(near, picture), what="the difference")
