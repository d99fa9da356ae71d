"""The visible checks of week 5: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from coursekit.checks import Slip, assert_close, assert_same, assert_shape, assert_that, check, pair_of
from coursekit.inputs import gaussian, seed_from
from coursekit.student import StudentError
from fusion_lab.checks import reference

# --- 1 sequence -----------------------------------------------------------------------------------------------------


@check("sequence")
def one_after_the_other(student, rng):
    """Every token has its modality's vector and its place within its own part."""
    parts, modality, positions = reference.three_parts(rng)
    positions = gaussian(rng, 12, 6)
    wanted = reference.reference_join(parts, modality, positions)
    plain = torch.cat(parts, dim=1)
    kinds = torch.cat([modality[i].expand(2, part.shape[1], -1) for i, part in enumerate(parts)], dim=1)
    slips = {
        "the positions run on over the whole sequence; they begin anew in each part": plain + kinds + positions[:9],
        "the positions are missing": plain + kinds,
        "the modality vectors are missing": wanted - kinds,
        "that is the parts alone: nothing was added": plain,
    }
    tokens, _ = pair_of(student.join(parts, modality, positions), "(tokens, segments)")
    assert_close(tokens, wanted, slips=slips, what="the tokens")
    two, _ = pair_of(student.join(parts[:2], modality[:2], positions), "(tokens, segments)")
    wanted = reference.reference_join(parts[:2], modality[:2], positions)
    assert_close(two, wanted, what="of two parts the tokens")


@check("sequence")
def segments_say_which_part(student, rng):
    """The segments are the indices of the parts, one for each token."""
    parts, modality, positions = reference.three_parts(rng, (2, 5, 3))
    _, segments = pair_of(student.join(parts, modality, positions), "(tokens, segments)")
    wanted = torch.tensor([0] * 2 + [1] * 5 + [2] * 3)
    assert_close(segments, wanted, slips={"they begin with 1; the first part is 0": wanted + 1}, what="the segments")


# --- 2 fusion -------------------------------------------------------------------------------------------------------


@check("fusion")
def late_is_a_mean_of_who_is_there(student, rng):
    """Scores of missing modalities count for nothing, neither above nor below the line."""
    scores, there = gaussian(rng, 6, 3, 4), reference.some(rng, 6, 3)
    there[:, 0] = True
    wanted = torch.stack([row[mask].mean(0) for row, mask in zip(scores, there, strict=True)])
    kept = scores * there[..., None]
    slips = {
        "it divides by all modalities; divide by those that are there": kept.mean(1),
        "it is the sum; the mean was asked for": kept.sum(1),
        "missing modalities have a vote": scores.mean(1),
    }
    assert_close(student.late(scores, there), wanted, slips=slips, what="the scores")
    found = torch.as_tensor(student.late(scores.masked_fill(~there[..., None], torch.nan), there))
    if bool(found.isnan().any()):
        raise Slip("what is missing may hold nan, and 0 times nan is nan: put zeros in its place before you add up")
    assert_close(found, wanted, what="where missing modalities hold nan, the scores")


@check("fusion", weight=2)
def cross_is_torchs_attention(student, rng):
    """It is torch's scaled_dot_product_attention with a residual, where all that is asked is there."""
    asking, asked = gaussian(rng, 3, 4, 8), gaussian(rng, 3, 5, 8)
    query, key, value = (gaussian(rng, 8, 8) for _ in range(3))
    looked = F.scaled_dot_product_attention(asking @ query, asked @ key, asked @ value)
    sharp = F.scaled_dot_product_attention(asking @ query, asked @ key, asked @ value, scale=1.0)
    slips = {
        "the residual is missing: add what asked": looked,
        "the scores are not divided by the root of d": asking + sharp,
        "the matrices are transposed: multiply from the right, x @ query": asking
        + F.scaled_dot_product_attention(asking @ query.T, asked @ key.T, asked @ value.T),
    }
    found = student.cross(asking, asked, query, key, value, torch.ones(3, 5, dtype=torch.bool))
    assert_close(found, asking + looked, atol=1e-4, slips=slips, what="the tokens")
    there = torch.tensor([[True, False, True, True, False]] * 3)
    some = F.scaled_dot_product_attention(asking @ query, asked @ key, asked @ value, attn_mask=there[:, None])
    weights = ((asking @ query) @ (asked @ key).transpose(1, 2) / 8**0.5).softmax(-1)
    slips = {
        "`there` is ignored: tokens that do not exist are asked too": asking + looked,
        "closed after the softmax: the weights no longer sum to 1. Close with -inf before it": asking
        + (weights * there[:, None]) @ (asked @ value),
    }
    found = student.cross(asking, asked, query, key, value, there)
    assert_close(found, asking + some, atol=1e-4, slips=slips, what="where some are missing, the tokens")


# --- 3 modality_dropout ---------------------------------------------------------------------------------------------


@check("modality_dropout")
def left_out_as_often_as_told(student, rng):
    """Rates of 0 and 1 are certain; what is missing stays missing; the same seed gives the same."""
    there, seed = reference.some(rng, 200, 3, chance=0.8), seed_from(rng)
    there[:, 2] = True
    found = torch.as_tensor(student.drop_modalities(there, torch.tensor([1.0, 0.5, 0.0]), seed))
    assert_that(found.dtype == torch.bool, f"the result is of {found.dtype}; True and False were asked for")
    assert_shape(found, (200, 3))
    assert_that(not (found & ~there).any(), "a modality that was missing is there now")
    assert_that(
        not found[:, 0].any(), "the rate 1 did not always leave the first out. Is a rate how likely it *stays*?"
    )
    assert_that(bool(found[:, 2].all()), "the rate 0 left the third out")
    again = student.drop_modalities(there, torch.tensor([1.0, 0.5, 0.0]), seed)
    assert_close(again, found, what="a second call with the same seed")
    if bool((found[there.all(1)] == found[there.all(1)][0]).all()):
        raise Slip("every row lost the same: in each row it is drawn anew")
    emptied = torch.as_tensor(student.drop_modalities(there, torch.ones(3), seed))
    if not emptied.any(1).all():
        raise Slip("a row lost all that it had; it keeps all of that then")
    assert_close(emptied, there, what="where all would be lost, what is kept")


@check("modality_dropout")
def a_lie_is_counted(student, rng):
    """Only places where the two differ are counted."""
    said = ["star", "ring", "star", "cross", "ring"]
    first = ["star", "ring", "ring", "cross", "cross"]
    second = ["ring", "ring", "star", "square", "square"]
    found = [float(x) for x in pair_of(student.believed(said, first, second), "(first, second)")]
    slips = {"the places where both say the same are counted too": torch.tensor([0.6, 0.4])}
    assert_close(torch.tensor(found), torch.tensor([0.5, 0.25]), slips=slips, what="the shares")
    assert_same([float(x) for x in student.believed(["a"], ["a"], ["a"])], [0.0, 0.0], "where nothing differs, it")


# --- 4 splice, answer_labels ----------------------------------------------------------------------------------------


@check("splice")
def the_librarys_projector(student, rng):
    """The projector is that of transformers' LLaVA."""
    parts, features = reference.projector_of(rng), gaussian(rng, 2, 4, 5)
    w1, b1, w2, b2 = parts
    inner = F.linear(features, w1, b1)
    slips = {
        "ReLU stands where GELU belongs": F.linear(F.relu(inner), w2, b2),
        "nothing stands between the two layers: GELU": F.linear(inner, w2, b2),
        "that is GELU's tanh approximation; the exact one was asked for": F.linear(
            F.gelu(inner, approximate="tanh"), w2, b2
        ),
    }
    wanted = reference.library_projector(features, parts)
    assert_close(student.project(features, *parts), wanted, atol=1e-4, slips=slips, what="the projected patches")


@check("splice", weight=2)
def patches_take_their_places(student, rng):
    """Each row's patches go to its own placeholders, in order; words and input stay."""
    ids, words, patches = reference.conversation_ids(rng)
    wanted = words.clone()
    for i in range(len(ids)):
        wanted[i][ids[i] == 7] = patches[i]
    found = student.splice(words, ids, 7, patches)
    slips = {
        "the patches are put in front; they belong in their placeholders' places": torch.cat([patches, words], 1)[
            :, :9
        ],
        "patches and words are added up": torch.where((ids == 7)[..., None], wanted + words, words),
    }
    assert_close(found, wanted, slips=slips, what="the sequence")
    for change, said in (
        (1, "a row with too few placeholders"),
        (0, "rows are to be counted one by one, not over the batch:"),
    ):
        bad = ids.clone()
        bad[0, (bad[0] == 7).nonzero()[0]] = 8  # one too few
        bad[1, (bad[1] != 7).nonzero()[0]] = 8 if change else 7  # and one too many
        try:
            student.splice(words, bad, 7, patches)
        except StudentError as error:
            assert_that(error.kind == "ValueError", f"it raised {error.kind} where a ValueError was asked for")
        else:
            raise Slip(f"{said} nothing was said: raise ValueError")
    after = student.library("fusion_lab.probes").arguments_after(student.splice, words, ids, 7, patches)
    assert_close(after[0], words, what="`words` after the call (work on a copy: clone)")


@check("answer_labels")
def only_what_the_assistant_says(student, rng):
    """Words of the assistant and the end of each answer are labels; all else is -100."""
    rows = [reference.turns_of(rng, 2), reference.turns_of(rng, 3), reference.turns_of(rng, 1)]
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    wanted = reference.reference_labels(ids)
    slips = {
        "the end of the answers is not learnt: the model would never stop": wanted.masked_fill(
            ids == reference.END, -100
        ),
        "the token that opens the turn is learnt too; it is given": torch.where(
            ids == reference.ASSISTANT, ids, wanted
        ),
        "everything is learnt": ids,
        "the token that opens a turn is learnt, and the end is not: it is the other way round": torch.where(
            ids == reference.ASSISTANT, ids, wanted.masked_fill(ids == reference.END, -100)
        ),
        "the labels are shifted: the library does that itself": torch.cat([wanted[:, 1:], wanted[:, :1] * 0 - 100], 1),
        "what comes after the last answer is learnt": torch.where((ids == 0) | (wanted >= 0), ids, wanted),
    }
    assert_close(student.answer_labels(ids, reference.ASSISTANT, reference.END), wanted, slips=slips, what="the labels")
    row = torch.tensor([reference.turns_of(rng, 2, closed=False)])
    wanted = reference.reference_labels(row)
    lost = wanted.clone()
    lost[0, int((row[0] == reference.ASSISTANT).nonzero()[-1]) :] = -100
    slips = {"an answer that is never closed is learnt up to the row's last token": lost}
    found = student.answer_labels(row, reference.ASSISTANT, reference.END)
    assert_close(found, wanted, slips=slips, what="of a row that is cut off the labels")


# --- 5 stage_one ----------------------------------------------------------------------------------------------------


@check("stage_one")
def nothing_else_changes(student, rng):
    """The connector learns; eye and mouth stay as they are, to the last bit."""
    watched = student.library("fusion_lab.probes").watched_stage_one(student.stage_one, seed_from(rng), 12, 0.01)
    moved = ", ".join(watched["others moved"])
    assert_that(not moved, f"weights outside the connector moved: {moved}")
    assert_same(len(watched["losses"]), 12, "the number of losses")
    assert_same(watched["asked"], 12, "how often the model was asked in 12 steps")


@check("stage_one")
def the_losses_of_adamw(student, rng):
    """Step by step the losses are those of AdamW without weight decay."""
    seed, rate = seed_from(rng), float(rng.uniform(0.01, 0.03))
    watched = student.library("fusion_lab.probes").watched_stage_one(student.stage_one, seed, 30, rate)
    wanted = torch.tensor(reference.trained(seed, 30, rate)[0])
    slips = {
        "gradients add up from step to step: zero_grad": torch.tensor(
            reference.trained(seed, 30, rate, clear=False)[0]
        ),
        "nothing learns: is there a backward and a step?": torch.tensor(reference.trained(seed, 30, 0.0)[0]),
        "the weights decay: weight_decay=0": torch.tensor(reference.trained(seed, 30, rate, decay=0.01)[0]),
        "`rate` was ignored: that is the rate 0.002": torch.tensor(reference.trained(seed, 30, 2e-3)[0]),
        "the losses are those after each step; return the ones that it began with": wanted[1:],
    }
    assert_close(torch.tensor(watched["losses"]), wanted, atol=1e-5, rtol=1e-4, slips=slips, what="the losses")


# --- 6 resample, gated ----------------------------------------------------------------------------------------------


@check("resample")
def equal_to_idefics(student, rng):
    """It is the Perceiver attention of transformers' Idefics, with its residual."""
    module, weights = reference.perceiver(seed_from(rng))
    latents, patches, same = gaussian(rng, 2, 3, 16), gaussian(rng, 2, 7, 16), nn.Identity()
    looked = module(patches, latents)
    slips = {
        "the residual is missing: add the latents": looked,
        "the latents do not look at each other: keys and values are patches and latents": latents
        + reference.only_patches(latents, patches, weights, 4),
        "the residual is the normed latents; it is the latents as they came": looked
        + F.layer_norm(latents, (16,), *weights["latents_norm"]),
        "the latents are not normed": latents + reference.otherwise(module, latents_layer_norm=same)(patches, latents),
        "the patches have a norm of their own, with its gain and bias": latents
        + reference.otherwise(module, context_layer_norm=module.latents_layer_norm)(patches, latents),
        "the patches are not normed": latents + reference.otherwise(module, context_layer_norm=same)(patches, latents),
        "divide by the root of a head's width, not of all features": latents
        + reference.otherwise(module, qk_scale=16**-0.5)(patches, latents),
        "a matrix was used as W; torch.nn.Linear multiplies by W.T": latents
        + reference.transposed(module)(patches, latents),
    }
    found = student.resample(latents, patches, weights, 4)
    assert_close(found, latents + looked, atol=1e-4, rtol=1e-4, slips=slips, what="the latents")


@check("gated", artefact=True)
def a_shut_gate_changes_no_bit(student, rng):
    """At alpha = 0 the words come back as they were, bit by bit."""
    layer, weights = reference.crossing(seed_from(rng))
    words, seen = gaussian(rng, 2, 6, 16), gaussian(rng, 2, 3, 2, 16)
    ids = torch.tensor([[5, 9, 5, 9, 5, 9], [9, 9, 5, 5, 9, 5]])
    allowed = reference.reference_last(ids, 9, 3)
    found = student.gated(words, seen, allowed, weights, 4, torch.tensor(0.0))
    if torch.isnan(torch.as_tensor(found)[~allowed.any(-1)]).any():
        raise Slip("a word that may ask no picture becomes nan: its row of softmax is to be zeros")
    update = (reference.library_gated(layer, words, seen, allowed, 1.0) - words) / np.tanh(1.0)
    half = (torch.as_tensor(found) - words - 0.5 * update).abs().max()
    if half < 1e-4:
        raise Slip("the gate is a sigmoid, and half open at 0; it is tanh(alpha)")
    assert_close(found, words, atol=0, rtol=0, what="a word behind a shut gate (alpha = 0)")


@check("gated", weight=2)
def equal_to_the_librarys_layer(student, rng):
    """It is the cross-attention of transformers' Idefics, with the mask and the gate."""
    layer, weights = reference.crossing(seed_from(rng))
    words, seen = gaussian(rng, 2, 6, 16), gaussian(rng, 2, 3, 2, 16)
    ids = torch.tensor([[9, 5, 5, 9, 5, 9], [9, 9, 5, 5, 9, 5]])
    allowed, alpha = reference.reference_last(ids, 9, 3), float(rng.uniform(0.5, 1.5))
    wanted = reference.library_gated(layer, words, seen, allowed, alpha)
    update = (wanted - words) / np.tanh(alpha)
    slips = {
        "the gate is alpha itself; it is tanh(alpha)": words + alpha * update,
        "there is no gate": words + update,
        "the residual is missing": wanted - words,
        "every word asks every picture: the mask is not used": reference.library_gated(
            layer, words, seen, torch.ones_like(allowed), alpha
        ),
        "the words are not normed where they ask": reference.library_gated(
            reference.otherwise(layer, input_layernorm=nn.Identity()), words, seen, allowed, alpha
        ),
        "divide by the root of a head's width, not of all features": reference.library_gated(
            reference.otherwise(layer, cross_attn=reference.otherwise(layer.cross_attn, scaling=16**-0.5)),
            words,
            seen,
            allowed,
            alpha,
        ),
        "a matrix was used as W; torch.nn.Linear multiplies by W.T": reference.library_gated(
            reference.transposed(layer), words, seen, allowed, alpha
        ),
    }
    found = student.gated(words, seen, allowed, weights, 4, torch.tensor(alpha))
    assert_close(found, wanted, atol=1e-4, rtol=1e-4, slips=slips, what="the words")


@check("gated")
def the_last_picture(student, rng):
    """A word may ask the last picture at or before it, and no other."""
    ids = torch.tensor([[5, 9, 5, 9, 5, 5], [9, 5, 5, 5, 5, 9]])
    wanted = reference.reference_last(ids, 9, 2)
    slips = {
        "all pictures so far are open; only the last one is": wanted | (wanted.long().cumsum(1) > 0),
        "a picture's own token may ask it too": wanted & (ids != 9)[..., None],
    }
    assert_close(torch.as_tensor(student.last_picture(ids, 9, 2)), wanted, slips=slips, what="the mask")


# --- 8 boxes --------------------------------------------------------------------------------------------------------


@check("boxes")
def there_and_back(student, rng):
    """Bins are rounded, and the way back is right to half a bin."""
    boxes, bins = reference.any_boxes(rng, 20), int(rng.choice([16, 32, 100]))
    tokens = torch.as_tensor(student.to_bins(boxes, bins))
    wanted = (boxes * (bins - 1)).round().long()
    slips = {
        "the bins are cut off; they are to be rounded": (boxes * (bins - 1)).long(),
        "multiply by bins - 1, or 1.0 gets a bin that does not exist": (boxes * bins).round().long(),
        "that is floor(c * bins); here it is round(c * (bins - 1))": (boxes * bins).long().clamp(max=bins - 1),
    }
    assert_close(tokens, wanted, slips=slips, what="the tokens")
    slips = {
        "that is the middle of a bin; the way back is b / (bins - 1)": (wanted + 0.5) / bins,
        "that is b / bins; the way back is b / (bins - 1)": wanted / bins,
    }
    assert_close(student.from_bins(wanted, bins), wanted / (bins - 1), atol=1e-6, slips=slips, what="the boxes")
    outside = torch.tensor([[-0.3, 0.2, 1.4, 0.9]])
    slips = {"what lies outside [0, 1] counts as its edge": (outside * (bins - 1)).round()}
    wanted = (outside.clamp(0, 1) * (bins - 1)).round()
    assert_close(student.to_bins(outside, bins), wanted, slips=slips, what="of a box that is partly outside the tokens")


@check("boxes", weight=2)
def overlap(student, rng):
    """IoU of every pair, by counting on a fine grid."""
    apart = torch.tensor([[0.0, 0.0, 0.2, 0.2]]), torch.tensor([[0.5, 0.5, 0.9, 0.9], [0.0, 0.0, 0.2, 0.2]])
    slips = {"boxes that do not meet overlap: a negative width times a negative height": torch.tensor([[0.8182, 1.0]])}
    assert_close(student.iou(*apart), torch.tensor([[0.0, 1.0]]), atol=1e-5, slips=slips, what="the IoU")
    first, second = reference.any_boxes(rng, 4), reference.any_boxes(rng, 3)
    wanted = reference.grid_iou(first, second)
    found = torch.as_tensor(student.iou(first, second))
    assert_shape(found, (4, 3), "the result")
    sizes = [(b[:, 2:] - b[:, :2]).prod(-1) for b in (first, second)]
    both = wanted * (sizes[0][:, None] + sizes[1][None]) / (1 + wanted)
    slips = {
        "over the smaller of the two; divide by their union": both / torch.minimum(sizes[0][:, None], sizes[1][None]),
        "over the sum of the two; what they share counts once": both / (sizes[0][:, None] + sizes[1][None]),
        "that is the intersection; divide by the union": both,
    }
    assert_close(found, wanted, atol=0.02, rtol=0, slips=slips, what="the IoU (counted on a grid of points)")


# --- 9 looks --------------------------------------------------------------------------------------------------------


@check("looks")
def rows_become_pictures(student, rng):
    """The mean of layers and heads at the token's row, as a picture that sums to 1."""
    attention = gaussian(rng, 3, 2, 9, 9).softmax(-1)
    mean = attention.mean((0, 1))
    row, last = mean[7, 2:6], mean[8, 2:6]
    wanted = (row / row.sum()).reshape(2, 2)
    column = mean[2:6, 7]
    slips = {
        "that is who looks at the token; its own row was asked for": (column / column.sum()).reshape(2, 2),
        "it does not sum to 1": row.reshape(2, 2),
        "rows and columns are exchanged": wanted.T,
        "the picture does not begin at `first`": (mean[7, :4] / mean[7, :4].sum()).reshape(2, 2),
        "that is the last token's row; `place` was asked for": (last / last.sum()).reshape(2, 2),
    }
    assert_close(student.look_map(attention, 7, 2, 2), wanted, slips=slips, what="the map")


@check("looks")
def the_greatest_are_replaced(student, rng):
    """The k greatest weights' patches become the fill; the input stays."""
    patches, weights, fill = gaussian(rng, 9, 5), gaussian(rng, 3, 3).softmax(-1), gaussian(rng, 5)
    order = weights.flatten().argsort(descending=True)
    wanted, other = patches.clone(), patches.clone()
    wanted[order[:4]], other[order[-4:]] = fill, fill
    slips = {"the smallest weights were taken; it is the greatest": other}
    assert_close(student.ablate(patches, weights, 4, fill), wanted, slips=slips, what="the patches")
    after = student.library("fusion_lab.probes").arguments_after(student.ablate, patches, weights, 4, fill)
    assert_close(after[0], patches, what="`patches` after the call (work on a copy: clone)")


# --- 10 quantise ----------------------------------------------------------------------------------------------------


@check("quantise", weight=2)
def absmax_by_rows(student, rng):
    """Each row's largest number becomes 127, and the way back is right to half a step."""
    weight = gaussian(rng, 6, 20) * torch.tensor([1.0, 10, 0.1, 3, 7, 0.01])[:, None]
    scale = weight.abs().amax(1) / 127
    q, found = pair_of(student.quantise(weight), "(q, scale)")
    q = torch.as_tensor(q)
    assert_that(q.dtype == torch.int8, f"q is of {q.dtype}; int8 was asked for")
    slips = {
        "one scale for the whole matrix; each row has its own": scale.max().expand(6),
        "the scale belongs to columns; it is one for each row": weight.abs().amax(0) / 127,
        "divide by 127, not by 128": weight.abs().amax(1) / 128,
        "the largest number counts without its sign: abs": weight.amax(1) / 127,
    }
    assert_close(found, scale, atol=1e-7, slips=slips, what="the scale")
    wanted = (weight / scale[:, None]).round()
    assert_close(q.float(), wanted, slips={"cut off, not rounded": (weight / scale[:, None]).trunc()}, what="q")
    assert_close(student.restore(q, scale), wanted * scale[:, None], atol=1e-6, what="the restored matrix")
    q, found = pair_of(student.quantise(torch.tensor([[0.0, 0.0], [1.0, -2.0]])), "(q, scale)")
    zeros = {"a row of zeros has scale 1: nothing is divided by zero": torch.tensor([0.0, 2 / 127])}
    assert_close(found, torch.tensor([1.0, 2 / 127]), slips=zeros, what="with a row of zeros the scale")


@check("quantise")
def the_cache(student, rng):
    """A key and a value, for each layer, head and token."""
    tokens, layers, heads, width = (int(rng.integers(2, 40)) for _ in range(4))
    wanted = 2 * tokens * layers * heads * width * 2
    found = student.cache_bytes(tokens, layers, heads, width)
    assert_that(found != wanted // 2, "half of it is missing: there is a key *and* a value, of 2 bytes a number")
    assert_same(int(found), wanted, "the size")


# --- 11 presence ----------------------------------------------------------------------------------------------------


@check("presence")
def scikit_learns_figures(student, rng):
    """Accuracy, precision, recall, F1 and the share of yes."""
    wanted = ["yes" if x else "no" for x in rng.random(40) < 0.5]
    said = ["yes" if x else "no" for x in rng.random(40) < 0.7]
    found = student.presence_scores(said, wanted)
    turned = reference.reference_presence(["no" if one == "yes" else "yes" for one in said], wanted)
    if isinstance(found, dict) and all(abs(float(found.get(k, 9)) - v) < 1e-6 for k, v in turned.items()):
        raise Slip("a no was taken for a yes: *yes* is the positive class")
    reference.assert_presence(found, reference.reference_presence(said, wanted))
    longer = [f" {one.capitalize()}, I think." for one in said]
    found = student.presence_scores(longer, wanted)
    if isinstance(found, dict) and found.get("yes") == 0:
        raise Slip('what begins with "yes", without spaces around it and in lower case, is a yes')
    reference.assert_presence(found, reference.reference_presence(said, wanted))
    reference.assert_presence(
        student.presence_scores(["no"] * 3, ["yes", "no", "yes"]),
        reference.reference_presence(["no"] * 3, ["yes", "no", "yes"]),
    )
