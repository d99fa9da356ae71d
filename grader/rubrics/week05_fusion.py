# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 5, and what to look for in the answer that a person grades."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F

from coursekit import models
from coursekit.checks import assert_close, assert_same, assert_that, check, evidence
from coursekit.plots import Sheet, wrap
from fusion_lab import chatting, data, plots
from fusion_lab.checks.reference import (
    ASSISTANT,
    END,
    any_boxes,
    assert_presence,
    conversation_ids,
    crossing,
    gaussian,
    library_gated,
    library_projector,
    pair_of,
    perceiver,
    projector_of,
    reference_join,
    reference_labels,
    reference_last,
    reference_presence,
    seed_from,
    some,
    three_parts,
    trained,
    turns_of,
)

REFLECTION = """
Three points, one each:
(a) two ways of being wrong with confidence (a yes to what is not there; an answer to a question that takes a falsehood
    for granted; an answer from the language prior, with another picture; trust in one modality that lies), each with
    the figure or number of the student's own notebook that shows it;
(b) a test with balanced or mostly negative questions like those of real use, near-misses among them (one word off), a
    number with a threshold and a reason for it, and a decision which error is worse and why;
(c) a position with a reason: attention maps were shown to be partly faithful at best, one head was taught to look
    there; showing instead the crop or box with a check of its own, the answer with another picture, an abstention, or
    nothing at all. "The map after all, because ..." is a full answer where it says what the ablation does and does not
    show.
"""


# --- the judge's own copies of what the notebook works with ---------------------------------------------------------

llava = lru_cache(maxsize=1)(lambda: models.load("llava", profile="tiny", device="cpu"))


def seed_of(student) -> int:
    """The notebook's own SEED: a student may choose another."""
    return int(student.SEED)


def show_answers(title: str, asked: list[data.Asked], said: list[str], side: int = 84) -> None:
    """Evidence: pictures with the question, the expected answer, and the one that was got."""
    sheet = Sheet(560, (side + 10) * len(asked))
    for i, (q, answer) in enumerate(zip(asked, said, strict=True)):
        y = i * (side + 10) + 5
        sheet.picture(q.scene.render(64), 6, y, side)
        sheet.text(wrap(q.text, 56), side + 20, y + 16)
        sheet.text(f"expected: {q.answer}", side + 20, y + 40, colour=plots.PLAIN)
        colour = plots.RIGHT if answer == q.answer else plots.WRONG
        sheet.text(wrap(f"got: {answer}", 56), side + 20, y + 62, colour=colour)
    evidence(title, sheet.image)


# --- 1 sequence -----------------------------------------------------------------------------------------------------


@check("sequence", weight=2)
def any_number_of_parts(student, rng):
    """One part, or five, of any length; and the parts stay as they were."""
    for lengths in ((3,), (1, 6), (2, 1, 4, 3, 5)):
        parts, modality, positions = three_parts(rng, lengths)
        tokens, segments = pair_of(student.join(parts, modality, positions), "(tokens, segments)")
        assert_close(tokens, reference_join(parts, modality, positions), what=f"the tokens of {len(lengths)} parts")
        wanted = torch.tensor([i for i, n in enumerate(lengths) for _ in range(n)])
        assert_close(segments, wanted, what=f"the segments of {len(lengths)} parts")
    after = student.library("fusion_lab.probes").arguments_after(student.join, parts, modality, positions)
    for before, part in zip(parts, after[0], strict=True):
        assert_close(part, before, what="a part after the call")


# --- 2 fusion -------------------------------------------------------------------------------------------------------


@check("fusion")
def nobody_is_there(student, rng):
    """Where no modality is there the scores are zeros, whatever stands in the missing ones' places."""
    scores, there = gaussian(rng, 5, 3, 4), some(rng, 5, 3)
    there[0], there[1] = False, True
    broken = scores.masked_fill(~there[..., None], torch.nan)
    kept = scores.masked_fill(~there[..., None], 0)
    wanted = kept.sum(1) / there.sum(1, keepdim=True).clamp(min=1)
    assert_close(student.late(scores, there), wanted, what="the scores")
    assert_close(student.late(broken, there), wanted, what="the scores where missing modalities hold nan")


@check("fusion", weight=2)
def what_is_missing_is_not_asked(student, rng):
    """Missing tokens change nothing, and where all are missing what asked comes back as it was."""
    asking, asked, there = gaussian(rng, 4, 3, 8), gaussian(rng, 4, 6, 8), some(rng, 4, 6)
    query, key, value = (gaussian(rng, 8, 8) for _ in range(3))
    there[0], there[1] = False, True
    there[2:, 0] = True
    wanted = asking.clone()
    for i in range(1, 4):
        seen = asked[i][there[i]]
        wanted[i] += F.scaled_dot_product_attention(
            (asking[i] @ query)[None], (seen @ key)[None], (seen @ value)[None]
        )[0]
    closed_after = asking + (((asking @ query) @ (asked @ key).mT / 8**0.5).softmax(-1) * there[:, None]) @ (
        asked @ value
    )
    slips = {"missing tokens are closed after the softmax; the rest no longer sums to 1: close before": closed_after}
    found = student.cross(asking, asked, query, key, value, there)
    assert_close(found, wanted, atol=1e-4, slips=slips, what="the tokens")


# --- 3 modality_dropout ---------------------------------------------------------------------------------------------


@check("modality_dropout", weight=2)
def as_often_and_never_all(student, rng):
    """Each is left out by itself, as often as its rate says, in each row anew; no row is left with nothing."""
    n, rates = 4000, torch.tensor([0.3, 0.6, 0.1])
    there = torch.ones(n, 3, dtype=torch.bool)
    found = torch.as_tensor(student.drop_modalities(there, rates, seed_from(rng)))
    assert_that(bool(found.any(1).all()), "a row was left with nothing")
    empty = float(rates.prod())
    left = 1 - found.float().mean(0)
    due = rates - empty  # a row that would be empty keeps all
    for i in range(3):
        spread = 5 * float(due[i] * (1 - due[i]) / n) ** 0.5
        told = f"modality {i} with rate {rates[i]:.1f} was left out in {left[i]:.1%} of rows; {due[i]:.1%} were due"
        assert_that(abs(left[i] - due[i]) <= spread, told)
    both = (~found[:, 0] & ~found[:, 1]).float().mean()
    due_both = float(rates[0] * rates[1]) - empty
    assert_that(
        abs(both - due_both) < 0.05, f"the first two go together in {both:.1%} of rows: is each drawn by itself?"
    )
    one = torch.zeros(300, 3, dtype=torch.bool)
    one[:, 1] = True
    again = student.drop_modalities(one, torch.tensor([0.9, 0.9, 0.9]), seed_from(rng))
    assert_close(again, one, what="rows that have one modality only")
    other = torch.as_tensor(student.drop_modalities(there, rates, seed_from(rng)))
    assert_that(not torch.equal(found, other), "another seed gives the same result")


@check("modality_dropout")
def who_is_believed(student, rng):
    """Shares of the torn places, for any answers."""
    words = ["star", "ring", "cross"]
    said, first, second = ([words[i] for i in rng.integers(3, size=60)] for _ in range(3))
    torn = [(s, a, b) for s, a, b in zip(said, first, second, strict=True) if a != b]
    wanted = [np.mean([s == a for s, a, _ in torn]), np.mean([s == b for s, _, b in torn])]
    found = pair_of(student.believed(said, first, second), "(first, second)")
    assert_close(torch.tensor([float(x) for x in found]), torch.tensor(wanted), atol=1e-6, what="the shares")


# --- 4 splice, answer_labels ----------------------------------------------------------------------------------------


@check("splice")
def any_size(student, rng):
    """The projector works for other widths."""
    parts, features = projector_of(rng, 9, 4), gaussian(rng, 3, 5, 9)
    assert_close(student.project(features, *parts), library_projector(features, parts), atol=1e-4, what="the patches")


@check("splice", weight=2)
def scattered_places(student, rng):
    """Placeholders anywhere, another id, and a clear error where their number is not that of the patches."""
    image = int(rng.integers(50, 90))
    ids, words, patches = (
        torch.from_numpy(rng.integers(8, 30, size=(2, 10))),
        gaussian(rng, 2, 10, 4),
        gaussian(rng, 2, 4, 4),
    )
    wanted = words.clone()
    for i in range(2):
        places = torch.from_numpy(np.sort(rng.permutation(10)[:4]))
        ids[i, places] = image
        wanted[i, places] = patches[i]
    assert_close(student.splice(words, ids, image, patches), wanted, what="the sequence")
    ids, words, patches = conversation_ids(rng)
    swapped = ids.clone()
    swapped[0][ids[0] == 7] = torch.tensor([7, 7, 9])  # one row too few, another too many
    swapped[1][(ids[1] != 7).nonzero()[0]] = 7
    for wrong in (swapped, torch.where(ids == 7, 9, ids)):
        refused(lambda wrong=wrong: student.splice(words, wrong, 7, patches))


def refused(call) -> None:
    """The call raises ValueError."""
    from coursekit.student import StudentError

    try:
        call()
    except StudentError as error:
        assert_that(error.kind == "ValueError", f"it raised {error.kind}; a ValueError was asked for")
        return
    raise AssertionError("placeholders and patches differ in number, and nothing was said: raise ValueError")


@check("splice")
def the_librarys_forward(student, rng):
    """`my_logits` are those of the library on the opening picture."""
    scene, question = data.opening_scenes()[0], "what colour is the star?"
    asked, found = chatting.inputs(llava(), scene, question), student.my_logits
    if isinstance(found, torch.Tensor) and found.shape == asked.logits.shape:
        words = llava().processor.tokenizer
        expected, got = (words.decode(scores[0, -1].argmax()).strip() for scores in (asked.logits, found))
        show_answers("What your spliced model says", [data.Asked(scene, question, expected, "colour")], [got])
    assert_close(found, asked.logits, atol=1e-3, rtol=1e-3, what="my_logits")


@check("answer_labels", weight=2)
def any_conversation(student, rng):
    """Many turns, one that was never closed, rows without an answer, other marks."""
    rows = [
        turns_of(rng, 4),
        turns_of(rng, 2, closed=False),
        [2, 11, 12],
        [ASSISTANT, END],
        turns_of(rng, 1, closed=False),
    ]
    longest = max(len(row) for row in rows)
    # rows are filled up after a closed turn only: what is never closed runs to the last token
    ids = torch.tensor([row + ([END] + [0] * (longest - len(row) - 1) if len(row) < longest else []) for row in rows])
    assert_close(student.answer_labels(ids, ASSISTANT, END), reference_labels(ids), what="the labels")
    open_row = torch.tensor([[2, 11, ASSISTANT, 12, 13]])
    assert_close(
        student.answer_labels(open_row, ASSISTANT, END), reference_labels(open_row), what="an answer never closed"
    )
    other = torch.where(ids == ASSISTANT, 71, torch.where(ids == END, 72, ids))
    wanted = torch.where(reference_labels(ids) >= 0, other, -100)
    assert_close(student.answer_labels(other, 71, 72), wanted, what="the labels with other marks")


# --- 5 stage_one ----------------------------------------------------------------------------------------------------


@check("stage_one")
def steps_of_adamw(student, rng):
    """The connector's weights are those that AdamW without weight decay arrives at."""
    seed, steps, rate = seed_from(rng), 7, float(rng.uniform(0.005, 0.02))
    watched = student.library("fusion_lab.probes").watched_stage_one(student.stage_one, seed, steps, rate)
    losses, weight = trained(seed, steps, rate)
    assert_close(torch.tensor(watched["losses"]), torch.tensor(losses), atol=1e-4, rtol=1e-3, what="the losses")
    assert_close(watched["connector"], weight, atol=1e-4, rtol=1e-3, what="the connector's weight")
    assert_that(watched["plain"], "the losses are no floats: loss.item()")


@check("stage_one", weight=2)
def the_pupil_sees(student, rng):
    """`pupil` answers new questions better than before, and only its projector changed."""
    asked = data.questions(24, seed_from(rng))
    library = student.library("fusion_lab.probes")
    said = list(library.answers_of(student.pupil, [q.scene.render(64) for q in asked], [q.text for q in asked]))
    show_answers("Questions that nobody has seen", asked[:6], said[:6])
    right = float(np.mean([a == q.answer for a, q in zip(said, asked, strict=True)]))
    blind = chatting.accuracy(chatting.blind(llava(), seed_of(student)), asked)
    assert_that(right >= blind + STAGE_ONE_GAIN, f"{right:.0%} are right; {blind:.0%} were before it learnt")
    model = llava().model.model
    sums = [p.double().sum() for part in (model.language_model, model.vision_tower) for p in part.parameters()]
    assert_close(library.language_of(student.pupil), torch.stack(sums), atol=1e-6, what="what should stay as it was")


STAGE_ONE_GAIN = 0.15  # of the answers, at least


# --- 6 resample, gated ----------------------------------------------------------------------------------------------


@check("resample", weight=2)
def any_heads(student, rng):
    """Other widths, heads and numbers of latents and patches."""
    for d, heads, latents, patches in ((24, 3, 5, 2), (8, 1, 1, 9), (12, 2, 4, 4)):
        module, weights = perceiver(seed_from(rng), d, heads)
        x, y = gaussian(rng, 3, latents, d), gaussian(rng, 3, patches, d)
        told = f"the latents with {heads} heads of {d // heads}"
        assert_close(student.resample(x, y, weights, heads), x + module(y, x), atol=1e-4, rtol=1e-4, what=told)


@check("gated", weight=2)
def words_before_any_picture(student, rng):
    """A word that may ask nothing comes back bit by bit, with other sizes and many pictures."""
    layer, weights = crossing(seed_from(rng), 24, 3)
    words, seen = gaussian(rng, 3, 7, 24), gaussian(rng, 3, 4, 5, 24)
    ids = torch.tensor([[5, 5, 9, 5, 9, 9, 5], [5, 5, 5, 5, 5, 5, 5], [9, 9, 9, 9, 5, 5, 5]])
    allowed, alpha = reference_last(ids, 9, 4), float(rng.uniform(-1.5, -0.5))
    found = torch.as_tensor(student.gated(words, seen, allowed, weights, 3, torch.tensor(alpha)))
    assert_that(not found.isnan().any(), "found nan: a row of the softmax has no open place")
    assert_close(found[0, :2], words[0, :2], atol=0, rtol=0, what="a word before the first picture")
    assert_close(found[1], words[1], atol=0, rtol=0, what="a text without a picture")
    assert_close(found, library_gated(layer, words, seen, allowed, alpha), atol=1e-4, rtol=1e-4, what="the words")


@check("gated")
def many_pictures(student, rng):
    """The mask, for texts with none, one or many pictures."""
    ids = torch.from_numpy(np.where(rng.random((5, 12)) < 0.3, 9, 5))
    ids[0] = 5
    pictures = int((ids == 9).sum(1).max())
    wanted = reference_last(ids, 9, pictures)
    found = torch.as_tensor(student.last_picture(ids, 9, pictures))
    assert_that(found.dtype == torch.bool, f"the mask is of {found.dtype}; True and False were asked for")
    assert_close(found, wanted, what="the mask")


# --- 7b boxes -------------------------------------------------------------------------------------------------------


@check("boxes")
def edges(student, rng):
    """The edges have bins of their own, and what lies outside counts as the edge."""
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [-0.4, -0.01, 1.3, 1.01]])
    tokens = torch.as_tensor(student.to_bins(boxes, 32))
    assert_that(not tokens.is_floating_point(), f"tokens are whole numbers; they are of {tokens.dtype}")
    assert_close(tokens, torch.tensor([[0, 0, 31, 31], [0, 0, 31, 31]]), what="the tokens")
    assert_close(student.from_bins(torch.tensor([[0, 0, 31, 31]]), 32), boxes[:1], what="the box")


@check("boxes", weight=2)
def iou_of_edge_cases(student, rng):
    """Nested, touching, equal and empty boxes; it is symmetric."""
    whole, half = [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0]
    right, empty, wrong = [0.5, 0.0, 1.0, 1.0], [0.3, 0.3, 0.3, 0.9], [0.8, 0.8, 0.2, 0.2]
    boxes = torch.tensor([whole, half, right, empty, wrong])
    wanted = torch.tensor([[1, 0.5, 0.5, 0, 0], [0.5, 1, 0, 0, 0], [0.5, 0, 1, 0, 0], [0.0] * 5, [0.0] * 5])
    found = torch.as_tensor(student.iou(boxes, boxes))
    assert_that(not found.isnan().any(), "found nan: two boxes without area have an IoU of 0")
    assert_close(found, wanted, atol=1e-5, what="the IoU")
    first, second = any_boxes(rng, 5), any_boxes(rng, 2)
    assert_close(student.iou(first, second), torch.as_tensor(student.iou(second, first)).T, atol=1e-6, what="it")


# --- 8 looks --------------------------------------------------------------------------------------------------------


@check("looks")
def any_map(student, rng):
    """Other sizes, another place, patches anywhere."""
    for side, first, place in ((3, 0, 10), (4, 5, 3), (1, 2, 2)):
        attention = gaussian(rng, 2, 3, 22, 22).softmax(-1)
        row = attention.mean((0, 1))[place, first : first + side * side]
        found = student.look_map(attention, place, first, side)
        assert_close(found, (row / row.sum()).view(side, side), what=f"a map of side {side}")


@check("looks")
def any_number_of_patches(student, rng):
    """None, one and all."""
    patches, weights, fill = gaussian(rng, 8, 3), gaussian(rng, 8), gaussian(rng, 3)
    order = weights.argsort(descending=True)
    for k in (0, 1, 5, 8):
        wanted = patches.clone()
        wanted[order[:k]] = fill
        assert_close(student.ablate(patches, weights, k, fill), wanted, what=f"the patches with k = {k}")


# --- 9 quantise -----------------------------------------------------------------------------------------------------


@check("quantise", weight=2)
def rows_of_zeros_and_signs(student, rng):
    """A row of zeros survives; the largest number may be negative; nothing is off by more than half a step."""
    weight = gaussian(rng, 5, 9)
    weight[1], weight[3, 4] = 0, -30
    q, scale = pair_of(student.quantise(weight), "(q, scale)")
    q, scale = torch.as_tensor(q), torch.as_tensor(scale)
    assert_close(scale[1], torch.tensor(1.0), what="the scale of a row of zeros")
    assert_that(int(q.min()) >= -127, "found -128: entries go from -127 to 127")
    assert_same(int(q[3, 4]), -127, "the entry of the largest number, which is negative,")
    restored = torch.as_tensor(student.restore(q, scale))
    assert_that(restored.is_floating_point(), f"the restored matrix is of {restored.dtype}")
    assert_that(bool(((restored - weight).abs() <= 0.501 * scale[:, None]).all()), "it is off by more than half a step")


@check("quantise")
def any_cache(student, rng):
    """Other numbers of bytes."""
    tokens, layers, heads, width = (int(rng.integers(2, 40)) for _ in range(4))
    for number in (1, 4):
        wanted = 2 * tokens * layers * heads * width * number
        assert_same(
            int(student.cache_bytes(tokens, layers, heads, width, number)), wanted, f"with {number} bytes the size"
        )


# --- 10 presence ----------------------------------------------------------------------------------------------------


@check("presence", weight=2)
def as_models_say_it(student, rng):
    """Answers with capitals, spaces and more words; and what would be divided by zero."""
    forms = {"yes": ["Yes", " yes, there is", "YES.", "yes"], "no": ["No", " no.", "there is none", "not yes"]}
    words = ["yes" if x else "no" for x in rng.random(22) < 0.6]
    said = [*forms["yes"], *forms["no"], *(str(rng.choice(forms[word])) for word in words)]  # each at least once
    wanted = ["yes" if x else "no" for x in rng.random(30) < 0.4]
    assert_presence(student.presence_scores(said, wanted), reference_presence(said, wanted))
    for said, wanted in ((["no"] * 4, ["yes", "no"] * 2), (["yes"] * 3, ["no"] * 3), (["no"] * 2, ["no"] * 2)):
        assert_presence(student.presence_scores(said, wanted), reference_presence(said, wanted))
