"""The visible checks of week 1: they run in the notebook for instant feedback, and again when it is graded."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from open_clip.loss import ClipLoss
from sklearn.metrics import top_k_accuracy_score
from sklearn.metrics.pairwise import cosine_similarity as sklearn_cosine

import clip_lab.small as small
from clip_lab.checks import reference
from clip_lab.checks import slips as slips_of
from coursekit import models
from coursekit.checks import Slip, assert_close, assert_same, assert_shape, assert_that, check, with_weights
from coursekit.student import StudentError

# --- 1 embed --------------------------------------------------------------------------------------------------------


@check("embed")
def one_unit_row_each(student, rng):
    """One row of length 1 for every picture and every caption. Is each row divided by its own length (dim=-1)?"""
    here = reference.some_scenes(rng, 4)
    model, processor = student.library("coursekit.models").load("clip")
    found = student.embed(model, processor, here.pictures[:3], here.captions)
    assert_that(isinstance(found, list | tuple) and len(found) == 2, "expected two tensors, images and texts")
    for rows, what in zip(found, ("images", "texts"), strict=True):
        assert_that(hasattr(rows, "ndim") and rows.ndim == 2, f"the {what} are not a tensor with two axes")
    if [len(rows) for rows in found] == [4, 3]:
        raise Slip("the two are exchanged: the images come first")
    lengths = slips_of.lengths_gone_wrong(here.pictures[:3], here.captions)
    for k, (rows, n, what) in enumerate(((found[0], 3, "images"), (found[1], 4, "texts"))):
        assert_shape(rows, (n, rows.shape[1]), what)
        slips = {mistake: both[k] for mistake, both in lengths.items()}
        own = torch.as_tensor(rows).float().norm(dim=1)
        assert_close(own, np.ones(n), atol=1e-3, slips=slips, what=f"the length of the {what}' rows")


@check("embed", weight=2)
def the_models_own_embeddings(student, rng):
    """The embeddings are the model's, projection included. Did the pictures go through the processor?"""
    here = reference.some_scenes(rng, 5)
    loaded = models.load("clip")
    wanted = F.normalize(models.embed_images(loaded, here.pictures), dim=-1)
    wanted_texts = F.normalize(models.embed_texts(loaded, here.captions[:4]), dim=-1)
    model, processor = student.library("coursekit.models").load("clip")
    images, texts = student.embed(model, processor, here.pictures, here.captions[:4])
    slips = slips_of.images_gone_wrong(here.pictures)
    towers = "those are the towers' own features: the projection into the shared space is missing"
    if np.shape(images) == np.shape(slips[towers]) != wanted.shape:
        raise Slip(towers)
    assert_close(images, wanted, atol=1e-3, slips=slips, what="the image embeddings")
    assert_close(texts, wanted_texts, atol=1e-3, what="the text embeddings")


@check("embed")
def one_picture_is_a_batch(student, rng):
    """One picture and one caption give one row each."""
    here = reference.some_scenes(rng, 1)
    model, processor = student.library("coursekit.models").load("clip")
    found = student.embed(model, processor, here.pictures, here.captions)
    if all(np.ndim(rows) == 1 for rows in found):
        raise Slip("one picture is a batch of one, (1, d): squeeze() took its axis away")
    assert_that(all(np.ndim(rows) == 2 and len(rows) == 1 for rows in found), "one picture does not give one row")


# --- 2 cosine_similarity --------------------------------------------------------------------------------------------


@check("cosine_similarity")
def one_row_per_image(student, rng):
    """One row per image, one column per text."""
    images, texts = reference.unit(rng, 5, 16), reference.unit(rng, 3, 16)
    found = student.cosine_similarity(images, texts)
    if np.shape(found) == (3, 5):
        raise Slip("transposed: rows belong to images, columns to texts")
    assert_shape(found, (5, 3))


@check("cosine_similarity", weight=2)
def lengths_do_not_matter(student, rng):
    """Vectors of any length give cosines in [-1, 1]."""
    images = torch.from_numpy(rng.normal(size=(5, 16)) * rng.uniform(0.5, 9, size=(5, 1))).float()
    texts = torch.from_numpy(rng.normal(size=(3, 16)) * rng.uniform(0.5, 9, size=(3, 1))).float()
    wanted = sklearn_cosine(images, texts)
    assert_close(
        student.cosine_similarity(images, texts),
        wanted,
        atol=1e-5,
        slips={
            "these are dot products: a cosine stays within [-1, 1]. Did you divide by both lengths?": images @ texts.T,
            "divided by the images' lengths only": images @ texts.T / images.norm(dim=1, keepdim=True),
            "divided by the texts' lengths only": images @ texts.T / texts.norm(dim=1),
            "divided along the wrong axis: each row is a vector (dim=-1)": F.normalize(images, dim=0)
            @ F.normalize(texts, dim=0).T,
        },
    )
    after = student.library("clip_lab.probes").arguments_after(student.cosine_similarity, images, texts)
    pairs = zip(("images", "texts"), after, (images, texts), strict=True)
    changed = [what for what, found, given in pairs if not torch.equal(torch.as_tensor(found), given)]
    assert_that(not changed, f"the caller's {' and '.join(changed)} were changed: is there an `/=`?")


@check("cosine_similarity")
def zero_vectors_fit_nothing(student, rng):
    """A zero vector has cosine 0 with everything. `F.normalize` has an eps for this."""
    images, texts = reference.unit(rng, 3, 8), reference.unit(rng, 4, 8)
    images[1] = 0
    found = torch.as_tensor(student.cosine_similarity(images, texts))
    if found[1].isnan().all():
        raise Slip("the zero vector's row is nan, for 0 was divided by 0: it fits nothing, so its cosines are 0")
    assert_close(found[1], np.zeros(4), what="the zero vector's row")


# --- 3 zero_shot ----------------------------------------------------------------------------------------------------


@check("zero_shot")
def rows_are_probabilities(student, rng):
    """Every image's probabilities sum to 1 over the classes."""
    found = student.zero_shot(reference.unit(rng, 6, 16), reference.unit(rng, 4, 3, 16))
    assert_shape(found, (6, 4))
    found = torch.as_tensor(found)
    if torch.allclose(found.sum(dim=0), torch.ones(4), atol=1e-4):
        raise Slip("the softmax runs over the images: it runs over the classes (dim=-1)")
    assert_that(bool((found >= 0).all()), "a probability is negative; is there a softmax?")
    assert_close(found.sum(dim=1), np.ones(6), atol=1e-4, what="the sum of a row")


@check("zero_shot", weight=2)
def one_prompt_is_a_softmax_of_cosines(student, rng):
    """With one prompt for each class it is the softmax of scale times cosine."""
    images, prompts = reference.unit(rng, 6, 16), reference.unit(rng, 5, 1, 16)
    cosines = images @ prompts[:, 0].T
    assert_close(
        student.zero_shot(images, prompts),
        (100 * cosines).softmax(dim=1),
        atol=1e-4,
        slips={
            "the scale is missing from the softmax": cosines.softmax(dim=1),
            "divided by the scale: it is 1 / temperature, a factor": (cosines / 100).softmax(dim=1),
        },
    )


@check("zero_shot", weight=2)
def prompts_are_averaged(student, rng):
    """The prompts of a class are averaged as vectors, and the average made a unit vector again."""
    images, prompts = reference.unit(rng, 8, 12), reference.unit(rng, 5, 7, 12)
    prompts = F.normalize(prompts + torch.from_numpy(rng.uniform(0, 1, size=(5, 1, 1))).float(), dim=-1)
    wanted = (10 * images @ F.normalize(prompts.mean(dim=1), dim=-1).T).softmax(dim=1)
    slips = slips_of.ensembles_gone_wrong(images, prompts)
    assert_close(student.zero_shot(images, prompts, 10.0), wanted, atol=1e-4, slips=slips)


# --- 4 recall_at_k --------------------------------------------------------------------------------------------------


@check("recall_at_k")
def by_hand(student, rng):
    """Three searches whose right answers rank first, third and second."""
    matrix, own = torch.tensor(reference.BY_HAND), torch.arange(3)
    for k, wanted in ((1, 1 / 3), (2, 2 / 3), (3, 1.0)):
        found = student.recall_at_k(matrix, own, k)
        slips = {
            "that is a percentage; return a part of 1": 100 * wanted,
            "that is a count; divide by the number of searches": 3 * wanted,
        }
        if k == 1:  # in every column the right answer is second
            slips["those are the columns' searches: query i is row i"] = 0.0
        if k < 3:
            slips["that is R@(k + 1): the best candidate has rank 0, so rank < k"] = wanted + 1 / 3
        assert_close(found, wanted, slips=slips, what=f"R@{k}")


@check("recall_at_k", weight=2)
def many_searches(student, rng):
    """It agrees with scikit-learn on random scores."""
    scores = torch.from_numpy(rng.normal(size=(40, 40))).float()
    scores += 1.5 * torch.eye(40)
    for k in (1, 5):
        wanted = top_k_accuracy_score(np.arange(40), scores.numpy(), k=k)
        transposed = top_k_accuracy_score(np.arange(40), scores.T.numpy(), k=k)
        slips = {
            "those are the columns' searches: query i is row i": transposed,
            "those are the worst candidates: sort in descending order": top_k_accuracy_score(
                np.arange(40), -scores.numpy(), k=k
            ),
        }
        assert_close(student.recall_at_k(scores, torch.arange(40), k), wanted, slips=slips, what=f"R@{k}")


@check("recall_at_k")
def ties_and_other_answers(student, rng):
    """A candidate that ties with the right one is ahead of it, and the right ones are those that are told."""
    constant, own = torch.full((20, 20), 0.5), torch.arange(20)
    chosen = float((constant.topk(1, dim=1).indices == own[:, None]).any(dim=1).float().mean())
    slips = {
        "ties count for the model: a candidate as good as the right one is ahead of it": 1.0,
        "among ties the order is by accident: count those as good as the right one, do not sort": chosen,
    }
    assert_close(student.recall_at_k(constant, own, 1), 0.0, slips=slips, what="R@1 of a constant score")
    scores, answers = torch.from_numpy(rng.normal(size=(30, 45))).float(), torch.from_numpy(rng.permutation(45)[:30])
    scores[torch.arange(30), answers] += 1.5
    wanted = top_k_accuracy_score(answers.numpy(), scores.numpy(), k=4, labels=np.arange(45))
    diagonal = top_k_accuracy_score(np.arange(30), scores.numpy(), k=4, labels=np.arange(45))
    slips = {"`answers` is not used: the right candidate of query i need not be candidate i": diagonal}
    assert_close(student.recall_at_k(scores, answers, 4), wanted, slips=slips, what="R@4 of 30 queries among 45")


# --- 5 info_nce -----------------------------------------------------------------------------------------------------


@check("info_nce", weight=2)
def equal_to_open_clip(student, rng):
    """The value is open_clip's."""
    images, texts, scale = (
        reference.unit(rng, 7, 12),
        reference.unit(rng, 7, 12),
        torch.tensor(float(rng.uniform(4, 20))),
    )
    logits, own = scale * images @ texts.T, torch.arange(7)
    by_image, by_text = F.cross_entropy(logits, own), F.cross_entropy(logits.T, own)
    wanted = ClipLoss()(images, texts, scale)
    assert_close(
        student.info_nce(images, texts, scale),
        wanted,
        atol=1e-5,
        slips={
            "only the pictures sit an exam; the captions must choose a picture too": by_image,
            "only the captions sit an exam; the pictures must choose a caption too": by_text,
            "the two halves are added up: take their mean": by_image + by_text,
            "the scale is missing": ClipLoss()(images, texts, torch.tensor(1.0)),
            "divided by the scale: it is 1 / temperature, a factor": ClipLoss()(images, texts, 1 / scale),
            "summed over the batch: take the mean": 7 * wanted,
        },
    )


@check("info_nce")
def right_pairs_cost_less(student, rng):
    """Captions on their pictures cost less than guessing, and the same captions shuffled cost more."""
    images, scale = reference.unit(rng, 6, 24), torch.tensor(10.0)
    good = float(student.info_nce(images, images, scale))
    bad = float(student.info_nce(images, images.roll(1, dims=0), scale))
    assert_that(
        good < math.log(6) < bad, f"right pairs cost {good:.3f}, shuffled ones {bad:.3f}, guessing ln 6 = 1.792"
    )


@check("info_nce")
def it_can_be_trained(student, rng):
    """The scale learns, large scales are safe, and vectors are taken as they are."""
    images, texts, scale = reference.unit(rng, 6, 10), reference.unit(rng, 6, 10), torch.tensor(9.0)
    _, (_, slope) = student.gradients("info_nce", images, texts, scale, wrt=(0, 2))
    assert_that(slope is not None, "no gradient arrives at the scale: float() and .item() cut it")
    found = torch.as_tensor(student.info_nce(images, -images, torch.tensor(100.0)))
    if not found.isfinite().all():
        raise Slip("at scale 100 the loss is infinite: log(softmax(x)) becomes log 0, and cross_entropy does not")
    images, texts, three = 2 * images, 0.5 + texts, torch.tensor(3.0)
    again = ClipLoss()(F.normalize(images, dim=-1), F.normalize(texts, dim=-1), three)
    slips = {"normalised again: the loss takes the vectors as they are": again}
    found, wanted = student.info_nce(images, texts, three), ClipLoss()(images, texts, three)
    assert_close(found, wanted, atol=1e-5, rtol=1e-4, slips=slips, what="the loss of vectors of other lengths")


# --- 6 temperature --------------------------------------------------------------------------------------------------


@check("temperature")
def starts_where_clip_does(student, rng):
    """At first the scale is 1 / 0.07."""
    assert_close(
        student.Temperature()(),
        1 / 0.07,
        atol=1e-3,
        slips={
            "that is the temperature; return the scale, 1 / temperature": 0.07,
            "that is the logarithm; return its exponential": math.log(1 / 0.07),
        },
        what="the scale",
    )


@check("temperature")
def learns_the_logarithm(student, rng):
    """`log_scale` is a parameter, and the scale is its exponential."""
    module = student.Temperature()
    gradients = student.library("clip_lab.probes").parameter_gradients(module)
    assert_that(bool(gradients), "no optimiser would find it: make it a torch.nn.Parameter")
    assert_same(sorted(gradients), ["log_scale"], "the list of parameters")
    assert_that(gradients["log_scale"] is not None, "the gradient does not arrive: .item() and float() cut it")
    assert_close(
        torch.as_tensor(gradients["log_scale"]).reshape(()),
        1 / 0.07,
        atol=1e-3,
        slips={"the parameter is the scale itself; learn its logarithm": 1.0},
        what="the derivative of the scale by log_scale",
    )


@check("temperature")
def capped_and_told(student, rng):
    """The scale is at most 100, and at first 1 / start."""
    module = student.Temperature()
    student.library("clip_lab.probes").set_parameter(module, "log_scale", 10.0)
    slips = {"above 100: the cap belongs on the scale, and not on its logarithm alone": math.exp(10)}
    assert_close(module(), 100.0, atol=1e-3, rtol=1e-4, slips=slips, what="the scale when log_scale is 10")
    slips = {"`start` is not used": 1 / 0.07}
    assert_close(student.Temperature(0.5)(), 2.0, rtol=1e-4, slips=slips, what="the scale for start=0.5")


# --- 7 training_step ------------------------------------------------------------------------------------------------


@check("training_step", weight=2)
def loss_then_step(student, rng):
    """It returns the loss as a number, and the next batch meets a better model. `loss.item()` makes a number."""
    seed, given = (
        int(rng.integers(10**6)),
        reference.batches(rng, 1) * 2,
    )  # the same batch twice: the second loss must be lower
    model, optimiser = reference.new_run(student.library("clip_lab.small"), seed)
    found = [student.training_step(model, optimiser, *batch) for batch in given]
    assert_that(all(isinstance(loss, float) for loss in found), f"expected a float, got {type(found[0]).__name__}")
    wanted, _ = reference.reference_run(seed, given)
    slips = slips_of.first_losses_gone_wrong(seed, given[0])
    assert_close(found[0], wanted[0], atol=1e-3, slips=slips, what="the first loss")
    slips = {"the weights have not moved: is there an optimiser.step()?": wanted[0]}
    assert_close(found[1], wanted[1], atol=5e-3, slips=slips, what="the loss after one step")


@check("training_step", weight=2)
def gradients_and_the_cap(student, rng):
    """Old gradients are cleared, and `logit_scale` is at most ln 100 after a step."""
    seed, given = int(rng.integers(10**6)), reference.batches(rng, 4)
    lab = student.library("clip_lab.small")
    model, optimiser = reference.new_run(lab, seed)
    found = [student.training_step(model, optimiser, *batch) for batch in given]
    wanted, kept = reference.reference_run(seed, given)[0], reference.reference_run(seed, given, keep_gradients=True)[0]
    slips = {"the old gradients are still there, and add up: zero_grad()": kept}
    assert_close(found, wanted, atol=4e-3, slips=slips, what="the losses of four steps")
    model = lab.build(seed)
    student.library("clip_lab.probes").set_parameter(model, "logit_scale", 6.0)
    student.training_step(model, lab.optimiser(model, 1e-4, "SGD"), *given[0])
    after = float(model.logit_scale)
    assert_that(after <= math.log(100) + 1e-4, f"logit_scale is {after:.2f} after a step; at most ln 100 = 4.61")


@check("training_step", artefact=True)
def your_clip_learnt(student, rng):
    """The CLIP that you trained finds captions of scenes it has never seen. Run the cell to its end."""
    assert_that(len(student.history["loss"]) > 0, "history has no losses")
    pictures, tokens, scenes = small.pairs("test", 64, seed=int(rng.integers(10**6)))
    own = np.array([scene.caption() for scene in scenes])
    weights = student.library("clip_lab.probes").weights_of(student.small_clip)
    best = small.similarity(with_weights(small.build(), weights, "small_clip"), pictures, tokens).argmax(1)
    recall = float((own[best.numpy()] == own).mean())
    assert_that(recall > 0.08, f"R@1 is {recall:.0%} of 64; chance is about 2 %")


# --- 8 modality_gap -------------------------------------------------------------------------------------------------


@check("modality_gap")
def from_texts_to_images(student, rng):
    """The gap points from the middle of the texts to the middle of the images."""
    images, texts = reference.two_cones(rng, 9, 9)
    wanted = images.numpy().mean(axis=0) - texts.numpy().mean(axis=0)
    slips = {
        "it points the other way: images minus texts": -wanted,
        "that is its length; return the vector": np.linalg.norm(wanted),
        "made to length 1: how wide the gap is would be lost": wanted / np.linalg.norm(wanted),
    }
    features = images.mean(dim=1) - texts.mean(dim=1)
    slips["a mean over the features, one number a row: the mean runs over the rows (dim=0)"] = features
    assert_close(student.modality_gap(images, texts), wanted, slips=slips)
    images, texts = reference.two_cones(rng, 11, 6)
    try:
        found = student.modality_gap(images, texts)
    except StudentError as error:
        if "size of tensor" in error.message:
            raise Slip(f"11 images and 6 texts are no pairs: subtract the means ({error.message})") from None
        raise
    assert_close(found, images.mean(dim=0) - texts.mean(dim=0), what="the gap of 11 images and 6 texts")


@check("modality_gap")
def the_two_sides_meet(student, rng):
    """Half the gap on each side brings the middles together, and every row is back on the sphere."""
    images, texts = reference.two_cones(rng, 9, 9)
    before = (images.mean(dim=0) - texts.mean(dim=0)).norm()
    moved = student.close_gap(images, texts)
    assert_that(isinstance(moved, list | tuple) and len(moved) == 2, "expected two tensors, images and texts")
    for found, given, what in zip(moved, (images, texts), ("images", "texts"), strict=True):
        assert_shape(found, given.shape, what)
    hit = [
        mistake
        for mistake, wrong in slips_of.shifts_gone_wrong(images, texts).items()
        if all(torch.allclose(torch.as_tensor(x), y, atol=1e-5) for x, y in zip(moved, wrong, strict=True))
    ]
    if len(hit) == 1:
        raise Slip(hit[0])
    for found, what in zip(moved, ("images", "texts"), strict=True):
        assert_close(torch.as_tensor(found).norm(dim=1), np.ones(9), atol=1e-4, what=f"the length of the moved {what}")
    for found, right, what in zip(moved, slips_of.shifted(images, texts, 0.5), ("images", "texts"), strict=True):
        assert_close(found, right, atol=1e-5, what=f"the moved {what}")
    little = student.close_gap(images, texts, 0.2)
    full = slips_of.shifted(images, texts, 0.5)
    for k, right in enumerate(slips_of.shifted(images, texts, 0.2)):
        slips = {"`amount` is not used: that is 0.5": full[k]}
        assert_close(little[k], right, atol=1e-5, slips=slips, what=f"the {('images', 'texts')[k]} moved by 0.2")
    after = (torch.as_tensor(moved[0]).mean(dim=0) - torch.as_tensor(moved[1]).mean(dim=0)).norm()
    assert_that(float(after) < 0.5 * float(before), f"the gap was {before:.3f} and is {after:.3f}")


# --- 9 winoground ---------------------------------------------------------------------------------------------------


@check("winoground")
def three_numbers(student, rng):
    """Perfect similarities score 1 three times, and exchanged ones 0."""
    perfect = torch.eye(2).repeat(5, 1, 1) + 0.1 * torch.from_numpy(rng.random((5, 2, 2))).float()
    found = student.winoground(perfect)
    assert_that(isinstance(found, dict), f"expected a dict, got {type(found).__name__}")
    assert_same(sorted(found), ["group", "image", "text"], "the list of keys")
    flipped = student.winoground(perfect.flip(2))
    for name in ("text", "image", "group"):
        assert_close(found[name], 1.0, what=f"the {name} score of a perfect model")
        assert_close(flipped[name], 0.0, what=f"the {name} score of a model that is always wrong")


@check("winoground")
def rows_are_pictures(student, rng):
    """A model that always prefers picture 0 can still have the captions right."""
    # picture 0 fits everything better, but within either picture the right caption wins
    scores = torch.tensor([[[0.9, 0.8], [0.3, 0.4]]]).repeat(4, 1, 1)
    found = student.winoground(scores)
    if found["text"] == 0.0 and found["image"] == 1.0:
        raise Slip("text and image are exchanged: axis 1 is the picture, axis 2 the caption")
    assert_close(found["text"], 1.0, what="text")
    assert_close(found["image"], 0.0, what="image")
    assert_close(found["group"], 0.0, what="group")


@check("winoground", weight=2)
def pair_by_pair(student, rng):
    """On random similarities all three are as the paper words them, and ties win nothing."""
    similarity = rng.normal(size=(100, 2, 2)) + rng.uniform(0, 1, size=(100, 1, 1)) * np.eye(2)
    similarity = similarity.astype(np.float32)
    found, wanted = student.winoground(torch.from_numpy(similarity)), slips_of.winoground(similarity)
    for name, slips in slips_of.scores_gone_wrong(similarity).items():
        assert_close(found[name], wanted[name], slips=slips, what=f"the {name} score")
    level = torch.from_numpy(np.repeat(rng.random((20, 1)), 4, axis=1).reshape(20, 2, 2)).float()
    found = student.winoground(level)
    for name in ("text", "image", "group"):
        slips = {f"ties count as right in {name}: the signs are strict, > and not >=": 1.0}
        assert_close(found[name], 0.0, slips=slips, what=f"the {name} score where all four are equal")


# --- 10 fusion ------------------------------------------------------------------------------------------------------


@check("fusion")
def sees_agreement(student, rng):
    """It learns whether picture and text agree, and predicts it for new pairs."""
    images, texts, labels = reference.agreement(rng, 900)
    found = student.fuse_and_classify(images[:600], texts[:600], labels[:600], images[600:], texts[600:])
    if np.shape(found) == (600,):
        raise Slip("those are predictions of the training pairs: the labels of the test pairs are asked for")
    assert_shape(found, (300,), "the predictions")
    found = torch.as_tensor(found)
    assert_that(set(found.unique().tolist()) <= {0, 1}, "predictions are 0 or 1, one for every test pair")
    right = float((found == labels[600:]).float().mean())
    advice = (
        "A linear function of the two, side by side or added up, cannot see whether they agree: add their product"
        if right < 0.65
        else "Are all features scaled alike?"
    )
    assert_that(right > 0.8, f"{right:.0%} of new pairs are right; guessing gets 50 %. {advice}")


@check("fusion")
def either_side_alone(student, rng):
    """It also learns labels that hang on the picture alone, or on the text alone. Print the shape of your features."""
    for side, what in ((0, "picture"), (1, "text")):
        both = reference.unit(rng, 700, 12), reference.unit(rng, 700, 12)
        labels = (both[side] @ reference.unit(rng, 12) > 0).long()
        found = student.fuse_and_classify(both[0][:500], both[1][:500], labels[:500], both[0][500:], both[1][500:])
        if np.shape(found) != (200,):
            raise AssertionError(f"the predictions have shape {np.shape(found)} where (200,) was expected")
        right = float((torch.as_tensor(found) == labels[500:]).float().mean())
        asked = f"where the label hangs on the {what} alone: is it among the features, by itself?"
        assert_that(right > 0.8, f"{right:.0%} are right {asked}")
