"""The visible checks of week 3: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F

from caption_lab import blip, clipcap, data, probes
from caption_lab.checks import mistakes, reference
from coursekit import models
from coursekit.chance import as_counts, fits
from coursekit.checks import Slip, assert_close, assert_same, assert_shape, assert_that, check, pair_of
from coursekit.inputs import gaussian, seed_from

# --- 1 patch_embed --------------------------------------------------------------------------------------------------


@check("patch_embed")
def row_by_row(student, rng):
    """Patches are read row by row, and their numbers by colour, row and column."""
    pixels = gaussian(rng, 2, 3, 12, 12)
    wanted = reference.library_patches(pixels, 4)
    grid = pixels.reshape(2, 3, 3, 4, 3, 4)
    slips = {
        "that cuts the row of numbers into pieces, not the picture into squares: reshape, permute, reshape": (
            pixels.reshape(2, 9, 48)
        ),
        "the patches are read column by column": grid.permute(0, 4, 2, 1, 3, 5).reshape(2, 9, 48),
        "in each patch the colour comes last; it is to come first": grid.permute(0, 2, 4, 3, 5, 1).reshape(2, 9, 48),
        "rows and columns within each patch are exchanged": grid.permute(0, 2, 4, 1, 5, 3).reshape(2, 9, 48),
    }
    assert_close(student.patches(pixels, 4), wanted, slips=slips, what="the patches")


@check("patch_embed")
def equal_to_the_librarys_layer(student, rng):
    """The tokens are those of BLIP's own embedding layer."""
    layer, pixels = reference.embedding_layer(seed_from(rng)), gaussian(rng, 3, 3, 16, 16)
    wanted = layer(pixels)
    parts = layer.patch_embedding.weight, layer.patch_embedding.bias, layer.class_embedding[0, 0]
    places = layer.position_embedding[0]
    slips = {
        "the class token stands at the end; it comes first": torch.cat(
            [layer.patch_embedding(pixels).flatten(2).transpose(1, 2), parts[2].expand(3, 1, -1)], dim=1
        )
        + places,
        "the positions are missing": wanted - places,
        "the bias is missing": torch.cat([wanted[:, :1], wanted[:, 1:] - parts[1]], dim=1),
    }
    found = student.patch_tokens(pixels, *parts, places)
    assert_close(found, wanted, atol=1e-4, slips=slips, what="the tokens")


# --- 2 attend -------------------------------------------------------------------------------------------------------


@check("attend")
def the_future_is_closed(student, rng):
    """A token may look at itself and back, never ahead."""
    n = int(rng.integers(3, 9))
    found, wanted = torch.as_tensor(student.causal(n)), torch.ones(n, n, dtype=torch.bool).tril()
    assert_that(found.dtype == torch.bool, f"the mask is of {found.dtype}; True and False were asked for")
    slips = {
        "it is open ahead and closed behind: the wrong triangle": wanted.T,
        "a token may look at itself: the diagonal is open": wanted.tril(-1),
    }
    assert_close(found, wanted, slips=slips, what="the mask")


@check("attend", weight=2)
def equal_to_torchs(student, rng):
    """It is torch's scaled_dot_product_attention, open, causal, and with padding closed."""
    heads, n, long, wide = int(rng.choice([2, 3, 4])), 2, 6, 24
    queries, keys, values = (gaussian(rng, n, long, wide) for _ in range(3))
    filled = torch.ones(n, 1, 1, long, dtype=torch.bool)
    filled[1, ..., -2:] = False
    causal = torch.ones(long, long, dtype=torch.bool).tril()
    for name, allowed in (("without a mask", None), ("with a causal mask", causal), ("with padding closed", filled)):
        mixed, weights = reference.library_attention(queries, keys, values, heads, allowed)
        found = pair_of(student.attend(queries, keys, values, heads, allowed), "what was mixed, and the weights")
        slips = {f"{name}: {slip}": w for slip, w in mistakes.slipped_weights(queries, keys, heads, allowed).items()}
        assert_shape(found[1], weights.shape, f"{name}: the weights")
        assert_that(
            bool(torch.as_tensor(found[1]).isfinite().all()),
            f"{name}: a weight is nan: all places of a row are closed. In `allowed` True is open",
        )
        assert_close(found[1], weights, atol=1e-5, slips=slips, what=f"{name}: the weights")
        mess = {
            f"{name}: heads and places are mixed up: transpose back before you flatten": (
                weights @ values.unflatten(-1, (heads, -1)).transpose(1, 2)
            ).reshape(n, long, wide)
        }
        assert_close(found[0], mixed, atol=1e-5, slips=mess, what=f"{name}: what was mixed")


@check("attend")
def equal_to_blips_layer(student, rng):
    """With a layer of BLIP's decoder for queries, keys and values it gives what that layer gives."""
    heads = int(rng.choice([2, 3, 4]))
    layer = probes.attention_layer(seed_from(rng), heads=heads)
    words, patches = gaussian(rng, 2, 5, 24), gaussian(rng, 2, 9, 24)
    wanted = layer(words, encoder_hidden_states=patches)[0]
    mixed, _ = pair_of(
        student.attend(layer.query(words), layer.key(patches), layer.value(patches), heads),
        "what was mixed, and the weights",
    )
    assert_close(mixed, wanted, atol=1e-5, what="the layer's output")


# --- 3 caption_loss -------------------------------------------------------------------------------------------------


@check("caption_loss", weight=2)
def equal_to_the_models_own(student, rng):
    """It is the loss that BLIP's decoder computes itself."""
    decoder, n = probes.decoder(seed_from(rng)), 4
    ids = reference.some_captions(rng, n, 14)
    labels = ids.masked_fill(ids == 0, -100)
    out = decoder(input_ids=ids, encoder_hidden_states=gaussian(rng, n, 5, 16), labels=labels)
    scores = out.logits
    each = -scores.log_softmax(-1)
    place = each[:, :-1].gather(2, ids[:, 1:, None])[..., 0]
    real = ids[:, 1:] != 0
    slips = {
        "not shifted: the scores at place t speak of the token at t + 1": F.cross_entropy(
            scores.transpose(1, 2), ids, ignore_index=0
        ),
        "shifted the wrong way: the scores at t are charged for the token at t - 1": F.cross_entropy(
            scores[:, 1:].transpose(1, 2), ids[:, :-1], ignore_index=0
        ),
        "padding counts: leave it out": place.mean(),
        "padding costs nothing, but is still divided by: divide by the real tokens": (place * real).sum()
        / real.numel(),
        "summed: take the mean": (place * real).sum(),
        "the mean of each caption's mean: every token counts alike": ((place * real).sum(1) / real.sum(1)).mean(),
        "log-probabilities without the minus": -(place * real).sum() / real.sum(),
    }
    assert_close(student.caption_loss(scores, ids, 0), out.loss, atol=1e-5, slips=slips, what="the loss")


@check("caption_loss")
def it_can_be_differentiated(student, rng):
    """Its gradient by the scores is torch's."""
    scores, ids = gaussian(rng, 3, 6, 9), reference.some_captions(rng, 3, 9, 6)
    loss, (slope,) = student.gradients("caption_loss", scores, ids, 0)
    mine = scores.clone().requires_grad_(True)
    reference.library_caption_loss(mine, ids, 0).backward()
    assert_that(slope is not None, "the gradient does not arrive at the scores: .item(), detach() and no_grad cut it")
    assert_close(slope, mine.grad, atol=1e-5, what="the gradient by the scores")


# --- 4 greedy -------------------------------------------------------------------------------------------------------


@check("greedy", weight=2)
def equal_to_generate(student, rng):
    """Captions of a whole batch, which end at different times, are generate()'s."""
    asked = student.library("caption_lab.probes")
    for n in (5, 5, 1):
        longest = 14
        for _ in range(40):  # captions that end, at different times and before the longest, are what this is about
            seed = seed_from(rng)
            wanted = reference.library_ids(seed, n, longest, num_beams=1)
            different = len({tuple(row) for row in (wanted == probes.END).tolist()}) > 2
            if different or (n == 1 and wanted.shape[1] <= longest):
                break
        found = student.greedy(asked.decoder_step(seed, n), n, probes.START, probes.END, longest, probes.PAD)
        found = torch.as_tensor(found)
        assert_that(found.ndim == 2, f"the result has shape {tuple(found.shape)} where (captions, tokens) was expected")
        assert_that(
            found.shape != (n, wanted.shape[1] - 1) or not torch.equal(found, wanted[:, 1:]),
            "the start token is missing: every row begins with it",
        )
        lost = wanted.masked_fill(wanted == probes.END, probes.PAD)
        assert_that(
            found.shape != wanted.shape or torch.equal(lost, wanted) or not torch.equal(found, lost),
            "padding is written over the end token: mark a caption as ended only after its token is written",
        )
        ended = (wanted == probes.END).cumsum(1) - (wanted == probes.END).long() > 0
        same = found.shape == wanted.shape and torch.equal(found[~ended], wanted[~ended])
        assert_that(
            not same or torch.equal(found[ended], wanted[ended]), "a caption goes on after its end token: write padding"
        )
        slips = mistakes.slipped_stop(wanted, found.shape[1])
        assert_same(found.tolist(), wanted.tolist(), "the list of token ids", slips=slips)


# --- 4 beam_search --------------------------------------------------------------------------------------------------


@check("beam_search", weight=2)
def the_books_are_kept(student, rng):
    """Which beginnings go on, which captions are finished, when it is over and what wins, on made-up scores."""
    asked = student.library("caption_lab.probes")
    given, results = mistakes.cases_that_tell(rng)
    found = []
    for table, beams, penalty in given:
        step = asked.counting_step(table)
        answer = student.beam_search(step, probes.START, probes.END, len(table), beams, penalty)
        ids, score = pair_of(answer, "the ids and the score")
        found.append(([int(i) for i in ids], float(score)))
    wanted = results.pop("")
    for message, others in results.items():
        if mistakes.alike(found, others):
            raise Slip(message)
    for (_, beams, penalty), mine, right in zip(given, found, wanted, strict=True):
        case = f"with {beams} beams and penalty {penalty:g}"
        assert_same(mine[0], right[0], f"{case}: the list of token ids")
        assert_close(mine[1], right[1], atol=1e-3, what=f"{case}: the score")


@check("beam_search")
def equal_to_the_librarys_beams(student, rng):
    """It finds generate()'s caption, with its score, for two penalties."""
    asked = student.library("caption_lab.probes")
    for beams, penalty in ((3, 1.0), (5, 2.0)):
        seed, longest = seed_from(rng), 10
        wanted, score = reference.library_beams(seed, beams, longest, penalty)
        found = student.beam_search(asked.decoder_step(seed), probes.START, probes.END, longest, beams, penalty)
        ids, mine = pair_of(found, "the ids and the score")
        case = f"with {beams} beams and penalty {penalty:g}"
        assert_same([int(i) for i in ids], wanted, f"{case}: the list of token ids")
        assert_close(mine, score, atol=1e-3, what=f"{case}: the score")


# --- 4 sampling -----------------------------------------------------------------------------------------------------


@check("sampling", weight=2)
def equal_to_the_librarys_filters(student, rng):
    """Temperature, top-k and nucleus, alone and together, are those of generate()."""
    temperature, top_k, top_p = float(rng.uniform(0.5, 2)), int(rng.integers(3, 8)), float(rng.uniform(0.5, 0.9))
    while True:  # scores for which the order of the filters makes a difference
        scores = 2 * gaussian(rng, 4, 12)
        both = mistakes.each_alone(scores, temperature, top_k, top_p)
        if not torch.allclose(both, reference.library_filtered(scores, temperature, top_k, top_p), atol=1e-3):
            break
    asked = [
        {"temperature": temperature},
        {"top_k": top_k},
        {"top_p": top_p},
        {"temperature": temperature, "top_k": top_k, "top_p": top_p},
    ]
    for how in asked:
        wanted = reference.library_filtered(scores, **how)
        setting = ", ".join(f"{name} {value:.3g}" for name, value in how.items())
        slips = {f"{setting}: {slip}": chances for slip, chances in mistakes.slipped_filters(scores, **how).items()}
        assert_close(student.filtered(scores, **how), wanted, atol=1e-5, slips=slips, what=f"{setting}: a probability")


@check("sampling")
def drawn_as_often_as_it_should(student, rng):
    """Tokens are drawn with their filtered probabilities."""
    scores = 1.5 * gaussian(rng, 1, 6)
    how = {"temperature": 1.3, "top_k": 4, "top_p": 0.95}
    wanted = reference.library_filtered(scores, **how)[0].double().numpy()
    drawn = torch.as_tensor(student.sample(scores.expand(6000, -1), **how))
    assert_shape(drawn, (6000,), "the tokens")
    counts = np.bincount(drawn.long().numpy(), minlength=6)
    assert_that(len(counts) == 6, f"token {int(drawn.max())} was drawn of a vocabulary of 6")
    assert_that(counts.max() < 6000, "every row got the same token: draw for each row, and do not take the best")
    assert_that((counts[wanted == 0] == 0).all(), "a token was drawn that the filters had taken away")
    assert_that(fits(counts, wanted), f"drawn {counts.tolist()} times where about {as_counts(6000 * wanted)} were due")


# --- 5 matching -----------------------------------------------------------------------------------------------------


@check("matching")
def wrong_and_near(student, rng):
    """What is drawn is wrong, and the likelier the more similar."""
    n, draws = 6, 200
    similarity = 1.5 * gaussian(rng, n, n)
    same = torch.eye(n, dtype=torch.bool)
    same[1, 2] = same[2, 1] = True  # two pictures that share their caption
    captions, pictures = Counter(), Counter()
    for _ in range(draws):
        found = pair_of(student.hard_negatives(similarity, same), "the captions and the pictures")
        rows, columns = (torch.as_tensor(x).long() for x in found)
        assert_shape(rows, (n,), "the captions")
        assert_shape(columns, (n,), "the pictures")
        captions.update(enumerate(rows.tolist()))
        pictures.update(enumerate(columns.tolist()))
    for name, drawn, scores in (("captions", captions, similarity), ("pictures", pictures, similarity.T)):
        truth = next((pair for pair in drawn if same[pair]), None)
        if truth is not None:
            own = truth[0] == truth[1]
            raise AssertionError(
                f"{name}: a true pair was drawn for a wrong one"
                + (": close the diagonal" if own else ": `same` closes more than the diagonal")
            )
        chances = scores.masked_fill(same, -torch.inf).softmax(dim=1).double().numpy()
        table = np.array([[drawn[i, j] for j in range(n)] for i in range(n)])
        assert_that(
            (table > 0).sum() > n,
            f"{name}: always the same one: draw, with probabilities, instead of taking the hardest",
        )
        even = (~same).double().numpy() / (~same).sum(1, keepdim=True).numpy()
        if not all(fits(table[i], chances[i]) for i in range(n)):
            turned = scores.T.masked_fill(same, -torch.inf).softmax(dim=1).double().numpy()
            hint = "they do not follow the similarity"
            if all(fits(table[i], even[i]) for i in range(n)):
                hint = "all wrong ones are drawn alike: use the similarity"
            elif all(fits(table[i], turned[i]) for i in range(n)):
                hint = "rows and columns are exchanged: transpose for one of the two"
            raise AssertionError(f"{name}: {hint}")


@check("matching")
def the_probability_of_a_match(student, rng):
    """`match` is the softmax of BLIP's two scores, for captions of different lengths."""
    scenes = [*reference.any_scenes(rng, 2, 1), *reference.any_scenes(rng, 2, 2)]
    pictures, said = data.pictures(scenes), [s.caption() for s in (*scenes[1:], scenes[0])]
    said[0] = scenes[0].caption()
    matcher = models.load("retrieval", profile="tiny", device="cpu")
    with torch.no_grad():
        inputs = matcher.processor(images=pictures, text=said, padding=True, truncation=True, return_tensors="pt")
        scores = matcher.model(**inputs).itm_score
    wanted = scores.softmax(-1)[:, 1]
    slips = {
        "that is the probability that it does NOT match: the second score is the one": scores.softmax(-1)[:, 0],
        "that is the score; make probabilities of both (softmax)": scores[:, 1],
        "a sigmoid of one score; the softmax compares both": scores[:, 1].sigmoid(),
        "both probabilities are returned; only the second was asked for": scores.softmax(-1),
        "the softmax runs over the pairs; it runs over the two scores of a pair": scores.softmax(0)[:, 1],
        "those are ITC's cosines: leave use_itm_head as it is": blip.cosines(matcher, pictures, said).diagonal(),
    }
    found = student.library("caption_lab.probes").matcher_scores(student.match, pictures, said)
    assert_close(found, wanted, atol=1e-3, slips=slips, what="a probability")


# --- 6 prefix_loss --------------------------------------------------------------------------------------------------


@check("prefix_loss", weight=2)
def equal_to_gpts_own_loss(student, rng):
    """It is the loss that the GPT computes for the caption, with a prefix that is charged nothing."""
    seed, prefix = seed_from(rng), gaussian(rng, 3, clipcap.PREFIX, clipcap.WIDTH)
    ids = clipcap.encode([s.caption() for s in (*reference.any_scenes(rng, 2, 1), *reference.any_scenes(rng, 1, 2))])
    wanted, wanted_slope = reference.reference_prefix(seed, prefix, ids, clipcap.PAD)
    gpt = clipcap.build_gpt(seed).requires_grad_(False)
    k = prefix.shape[1]
    scores = gpt(inputs_embeds=torch.cat([prefix, gpt.get_input_embeddings()(ids)], 1)).logits
    without = gpt(input_ids=ids, attention_mask=(ids != clipcap.PAD).long()).logits
    slips = {
        "the first token is not charged: the last place of the prefix already speaks of it": F.cross_entropy(
            scores[:, k:-1].transpose(1, 2), ids[:, 1:], ignore_index=0
        ),
        "off by one: the scores at place k - 1 speak of ids[:, 0]": F.cross_entropy(
            scores[:, k:].transpose(1, 2), ids, ignore_index=0
        ),
        "padding counts: leave it out": F.cross_entropy(scores[:, k - 1 : -1].transpose(1, 2), ids),
        "the prefix is not there": F.cross_entropy(without[:, :-1].transpose(1, 2), ids[:, 1:], ignore_index=0),
        "summed: take the mean": F.cross_entropy(
            scores[:, k - 1 : -1].transpose(1, 2), ids, ignore_index=0, reduction="sum"
        ),
    }
    asked = student.library("caption_lab.probes")
    loss, slope = asked.prefix_loss_and_slope(student.prefix_loss, seed, prefix, ids, clipcap.PAD)
    assert_close(loss, wanted, atol=1e-4, slips=slips, what="the loss")
    cut = {"no gradient arrives at the prefix: .item(), detach() or no_grad cut it off": 0 * wanted_slope}
    assert_close(slope, wanted_slope, atol=1e-6, rtol=1e-3, slips=cut, what="the slope of the loss by the prefix")


# --- 7 bleu ---------------------------------------------------------------------------------------------------------


@check("bleu", weight=2)
def equal_to_sacrebleu(student, rng):
    """It is sacrebleu's corpus score, for one reference and for several."""
    for count in (1, 4):
        for _ in range(40):  # until every mistake shows that can, and is not taken for another
            every = reference.corpus(rng, 24, count)
            rows, cut = rng.permutation(24)[:12].tolist(), int(rng.integers(2, 5))
            candidates = [" ".join(every[0][row].split()[cut * (i % 2) :]) for i, row in enumerate(rows)]
            candidates[0] += f" {candidates[0].split()[-1]}" * 6  # more often than all references together say it
            references = [every[1][row] for row in rows]
            wanted = reference.library_bleu(candidates, references)
            rules = mistakes.BLEU_SLIPS.items()
            slips = {slip: mistakes.slipped_bleu(candidates, references, rule) for slip, rule in rules}
            if count == 1 or all(abs(a - b) > 0.05 for a, b in combinations([wanted, *slips.values()], 2)):
                break
        slips["in [0, 1]; in [0, 100] was asked for"] = wanted / 100
        found = student.bleu(candidates, references)
        assert_close(found, wanted, atol=1e-2, rtol=1e-4, slips=slips, what=f"with {count} references each the score")
    pairs = mistakes.slipped_bleu(candidates, references, mistakes.BleuRules(), n=2)
    found = student.bleu(candidates, references, 2)
    assert_close(found, pairs, atol=1e-2, rtol=1e-4, slips={"`n` was ignored": wanted}, what="with n = 2 the score")


# --- 7 consensus ----------------------------------------------------------------------------------------------------


@check("consensus")
def the_longest_shared_subsequence(student, rng):
    """ROUGE-L is 1 for a reference itself, and shrinks by every word that is out of order."""
    candidates, references = reference.corpus(rng, 6, 3)
    candidates = [" ".join([*text.split()[3:], *text.split()[:3]]) for text in candidates]  # out of order
    found, wanted, slips = [], [], {}  # of all captions at once, for in one alone several mistakes are the same
    for candidate, some in zip(candidates, references, strict=True):
        found.append(student.rouge_l(candidate, some))
        wanted.append(reference.reference_rouge_l(candidate, some))
        for message, wrong in mistakes.slipped_rouge_l(candidate, some).items():
            slips.setdefault(message, []).append(wrong)
    assert_close(found, wanted, atol=1e-6, slips=slips, what="the list of ROUGE-L of six captions")
    assert_close(student.rouge_l(references[0][1], references[0]), 1.0, what="ROUGE-L of one of the references")


@check("consensus")
def equal_to_counts_and_cosines(student, rng):
    """CIDEr is what scikit-learn's counts and cosines give."""
    candidates, references = reference.corpus(rng, 8, 3)
    wanted = reference.library_cider(candidates, references)
    slips = {
        "not multiplied by 10": wanted / 10,
        "summed over n; take the mean of the four": 4 * wanted,
        "one number for all; one for each picture was asked for": float(wanted.mean()),
    } | {
        message: mistakes.slipped_cider(candidates, references, rules)
        for message, rules in mistakes.CIDER_SLIPS.items()
    }
    found = student.cider(candidates, references)
    assert_close(found, wanted, atol=1e-4, slips=slips, what="a picture's CIDEr")


# --- 8 word_maps ----------------------------------------------------------------------------------------------------


@check("word_maps", weight=2)
def of_the_step_that_wrote_it(student, rng):
    """Each map belongs to the step that wrote the word, without the class token, and sums to 1."""
    weights = reference.some_weights(rng, 3, 2, 5, 4)
    wanted = reference.reference_maps(weights)
    mean = torch.stack(weights).mean(dim=(0, 1)).double()
    patches = mean[:, 1:]
    slips = {
        "shifted: those are the steps that READ each word; it was written one step before": (
            patches / patches.sum(1, keepdim=True)
        )[1:].reshape(4, 4, 4),
        "the last token's step writes nothing: leave it out": (patches / patches.sum(1, keepdim=True)).reshape(5, 4, 4),
        "the class token stands first: leave out column 0, not the last": (
            mean[:-1, :-1] / mean[:-1, :-1].sum(1, keepdim=True)
        ).reshape(4, 4, 4),
        "the maps do not sum to 1: without the class token some is missing": patches[:-1].reshape(4, 4, 4),
        "rows and columns of the grid are exchanged": wanted.transpose(1, 2),
        "only the last layer was used": reference.reference_maps(weights[-1:]),
        "summed over layers and heads": 6 * patches[:-1].reshape(4, 4, 4),
    }
    assert_close(student.word_maps(weights), wanted, atol=1e-5, slips=slips, what="a map")


# --- 9 fine_tune ----------------------------------------------------------------------------------------------------


@check("fine_tune", weight=2)
def every_batch_is_mixed(student, rng):
    """Every batch has its part of old examples, and one loss is asked for."""
    new, old = reference.numbers(rng, 10, 20), reference.numbers(rng, -10, 30)
    steps, batch, replay = int(rng.integers(6, 12)), 8, float(rng.choice([0.25, 0.5, 0.75]))
    asked = student.library("caption_lab.probes")
    seen = asked.watched_fine_tune(student.fine_tune, new, old, steps, batch, replay, 1e-2)
    batches = seen["batches"]
    assert_that(
        len(batches) == steps,
        f"the loss was asked for {len(batches)} times in {steps} steps: once a step, for all of it",
    )
    assert_same(sorted({len(examples) for examples in batches}), [batch], "the list of batch sizes")
    for examples in batches:
        again = sum(x < 0 for x in examples)
        assert_that(
            again != batch - round(replay * batch) or again == round(replay * batch),
            f"new and old are exchanged: replay {replay:g} is the part of old examples",
        )
        slips = {f"no old examples in a batch of {batch}, where replay {replay:g} asks for some": 0}
        count = f"the number of old examples in a batch of {batch}, replay {replay:g},"
        assert_same(again, round(replay * batch), count, slips=slips)
    assert_that(
        len({tuple(sorted(examples)) for examples in batches}) > 1, "every batch is the same: draw anew for every step"
    )
    assert_that(
        seen["again"] == batches,
        "a second run with the same seed drew other batches: draw them all from one generator that begins with `seed`",
    )
    assert_that(seen["other"] != batches, "a run with another seed drew the same batches: begin with `seed`")
    assert_same(len(seen["losses"]), steps, "the number of losses")


@check("fine_tune")
def it_learns_what_it_is_shown(student, rng):
    """After many steps a number that learns sits at the mean of what it was shown."""
    new, old = reference.numbers(rng, 3, 40), reference.numbers(rng, -3, 40)
    asked = student.library("caption_lab.probes")
    for replay in (0.0, 0.75):
        seen = asked.watched_fine_tune(student.fine_tune, new, old, 260, 16, replay, 0.05)
        mistakes.assert_learnt(seen["place"], 3 - 6 * replay, replay)
        assert_that(seen["training"], "the model was in evaluation mode while it learnt: model.train()")
