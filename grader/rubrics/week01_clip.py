# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of week 1, and what to look for in the answer that a person grades."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import colormaps
from open_clip.loss import ClipLoss
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import cosine_similarity as sklearn_cosine

import clip_lab.data as data
import clip_lab.small as small
from clip_lab.checks.reference import agreement, batches, new_run, reference_run, some_scenes, two_cones, unit
from clip_lab.probes import reprojected_clip
from coursekit import models
from coursekit.checks import assert_close, assert_same, assert_shape, assert_that, check, evidence

REFLECTION = """
Three points, one each:
(a) two places where harm enters (the list of labels; the web's pairs; what backgrounds or clothes give away; a softmax
    that must choose), each tied to a figure or a number of the student's own notebook, such as the zero-shot bars, the
    real-model heat map or the probe;
(b) a measurement that compares groups (for example the rate of a label by group, on photographs that differ in little
    else), its data, and a threshold for refusing;
(c) a position with a reason. "Nothing, because ..." is a full answer.
"""


# --- the judge's own copies of what the notebook works with ---------------------------------------------------------


# Made once a process; nothing here depends on a submission.
clip = lru_cache(maxsize=1)(lambda: models.load("clip"))
album = lru_cache(maxsize=1)(lambda: data.album(160))
singles = lru_cache(maxsize=1)(lambda: data.album(128, objects=1))


def image_vectors(pictures: list) -> torch.Tensor:
    """Unit embeddings (n, d)."""
    return F.normalize(models.embed_images(clip(), pictures), dim=-1)


def text_vectors(texts: list[str]) -> torch.Tensor:
    """Unit embeddings (n, d)."""
    return F.normalize(models.embed_texts(clip(), texts), dim=-1)


@lru_cache(maxsize=1)
def album_vectors() -> tuple[torch.Tensor, torch.Tensor]:
    """Unit embeddings of the notebook's album: pictures (160, d) and captions (160, d)."""
    return image_vectors(album().pictures), text_vectors(album().captions)


@lru_cache(maxsize=1)
def single_vectors() -> torch.Tensor:
    """Unit embeddings of the notebook's one-object pictures (128, d)."""
    return image_vectors(singles().pictures)


@lru_cache(maxsize=1)
def shape_prompts() -> torch.Tensor:
    """Unit embeddings of every prompt for every shape (6, t, d)."""
    texts = [data.prompt("shape", name, t) for name in data.ATTRIBUTES["shape"] for t in data.TEMPLATES]
    return text_vectors(texts).unflatten(0, (-1, len(data.TEMPLATES)))


@lru_cache(maxsize=2)
def swap_similarity(kind: str) -> np.ndarray:
    """Cosines (n, 2, 2) of the notebook's pairs with one thing exchanged."""
    pairs = data.swap_pairs(kind)
    return pairs.similarity(image_vectors(pairs.pictures), text_vectors(pairs.captions))


def heat(matrix, low: float | None = None, high: float | None = None, cell: int = 14) -> np.ndarray:
    """A matrix as a picture (h, w, 3) in [0, 1]."""
    values = np.asarray(matrix, dtype=float)
    low, high = values.min() if low is None else low, values.max() if high is None else high
    scaled = (values - low) / max(high - low, 1e-9)
    return colormaps["cividis"](np.kron(scaled, np.ones((cell, cell))))[..., :3]


def side_by_side(*pictures: np.ndarray) -> np.ndarray:
    """Pictures of one height in a row, with white between them."""
    white = np.ones((pictures[0].shape[0], 12, 3))
    return np.concatenate([part for picture in pictures for part in (picture, white)][:-1], axis=1)


# --- 1 embed --------------------------------------------------------------------------------------------------------


@check("embed", weight=2)
def the_album_was_embedded(student, rng):
    """`image_embeddings` and `text_embeddings` are those of the album's first 48, in order."""
    wanted_images, wanted_texts = (vectors[:48] for vectors in album_vectors())
    images, texts = student.image_embeddings, student.text_embeddings
    assert_shape(images, wanted_images.shape, "image_embeddings")
    assert_shape(texts, wanted_texts.shape, "text_embeddings")
    found = torch.as_tensor(images[:12]).float() @ torch.as_tensor(texts[:12]).float().T
    evidence(
        "Cosines of the album's first twelve pictures (rows) and captions: yours, and the model's own",
        side_by_side(*(heat(np.nan_to_num(m), 0, 0.6) for m in (found, wanted_images[:12] @ wanted_texts[:12].T))),
    )
    assert_close(images, wanted_images, atol=2e-3, what="image_embeddings")
    assert_close(texts, wanted_texts, atol=2e-3, what="text_embeddings")


@check("embed")
def a_batch_of_one(student, rng):
    """One picture and one caption give one row each, the same as in a batch. `squeeze()` would drop the axis."""
    here = some_scenes(rng, 3)
    model, processor = student.library("coursekit.models").load("clip")
    together = student.embed(model, processor, here.pictures, here.captions)
    alone = student.embed(model, processor, here.pictures[:1], here.captions[:1])
    for one, all_, what in zip(alone, together, ("image", "text"), strict=True):
        assert_shape(one, (1, np.shape(all_)[-1]), f"the {what} embedding of a single {what}")
        assert_close(one[0], all_[0], atol=1e-3, what=f"the {what} embedding of a single {what}")


@check("embed")
def the_model_it_was_given(student, rng):
    """It embeds with the model in its arguments, whatever model that is. A global `clip` is not an argument."""
    here, seed = some_scenes(rng, 3), int(rng.integers(10**6))
    model, processor = student.library("clip_lab.probes").reprojected_clip(seed)
    images, texts = student.embed(model, processor, here.pictures, here.captions)
    other = reprojected_clip(seed)
    assert_close(images, F.normalize(models.embed_images(other, here.pictures), dim=-1), atol=2e-3, what="the images")
    assert_close(texts, F.normalize(models.embed_texts(other, here.captions), dim=-1), atol=2e-3, what="the texts")


# --- 2 cosine_similarity --------------------------------------------------------------------------------------------


@check("cosine_similarity")
def short_vectors_count_too(student, rng):
    """A short vector has a direction like any other. A number added to the lengths against 0 / 0 must be tiny."""
    images = 1e-4 * torch.from_numpy(rng.normal(size=(4, 16))).float()
    texts = 1e-3 * torch.from_numpy(rng.normal(size=(6, 16))).float()
    assert_close(student.cosine_similarity(images, texts), sklearn_cosine(images, texts), atol=1e-4)


@check("cosine_similarity")
def many_of_both(student, rng):
    """More images than dimensions, and one text, are as good as any."""
    images, texts = (
        torch.from_numpy(rng.normal(size=(50, 4))).float(),
        torch.from_numpy(rng.normal(size=(1, 4))).float(),
    )
    texts[0] *= 20
    found = student.cosine_similarity(images, texts)
    assert_close(found, sklearn_cosine(images, texts), atol=1e-5)
    both = student.cosine_similarity(images[:4], images[:4])  # as many images as texts as dimensions
    assert_close(both, sklearn_cosine(images[:4]), atol=1e-5)


@check("cosine_similarity")
def the_inputs_stay_as_they_are(student, rng):
    """The caller's tensors are not changed. `images /= ...` writes into them; `images = images / ...` does not."""
    images, texts = 3 * unit(rng, 4, 8), 5 * unit(rng, 3, 8)
    after = student.library("clip_lab.probes").arguments_after(student.cosine_similarity, images, texts)
    assert_close(after[0], images, what="the images after the call")
    assert_close(after[1], texts, what="the texts after the call")


# --- 3 zero_shot ----------------------------------------------------------------------------------------------------


@check("zero_shot", weight=2)
def the_ensemble_is_on_the_sphere(student, rng):
    """The prompts are averaged as vectors, and the average made a unit vector again."""
    images = unit(rng, 8, 12).double().numpy()
    spread = rng.uniform(0.2, 3, size=(5, 1, 1))  # some classes' prompts agree, others' hardly
    prompts = rng.normal(size=(5, 1, 12)) + spread * rng.normal(size=(5, 7, 12))
    prompts /= np.linalg.norm(prompts, axis=-1, keepdims=True)
    means = prompts.mean(axis=1)
    classes = means / np.linalg.norm(means, axis=-1, keepdims=True)
    wanted = softmax(10 * images @ classes.T, axis=1)
    each = softmax(10 * np.einsum("nd,ctd->ntc", images, prompts), axis=2)
    found = student.zero_shot(torch.from_numpy(images).float(), torch.from_numpy(prompts).float(), 10.0)
    assert_close(
        found,
        wanted,
        atol=1e-4,
        slips={
            "the averages were not made unit vectors again: a class of differing prompts loses for that": softmax(
                10 * images @ means.T, axis=1
            ),
            "the probabilities were averaged; average the prompts' vectors": each.mean(axis=1),
            "the scale argument was ignored": softmax(100 * images @ classes.T, axis=1),
            "only the first prompt of each class was used": softmax(10 * images @ prompts[:, 0].T, axis=1),
        },
    )


@check("zero_shot")
def any_scale(student, rng):
    """A large scale gives certainty and scale 0 equal chances. `softmax` is safe; `exp` by hand overflows."""
    images, prompts = unit(rng, 4, 12), unit(rng, 3, 2, 12)
    prompts[0] = images[0]
    found = student.zero_shot(images, prompts, 1e4)
    assert_close(torch.as_tensor(found)[0], [1, 0, 0], atol=1e-4, what="the probabilities at scale 10,000")
    assert_close(student.zero_shot(images, prompts, 0.0), np.full((4, 3), 1 / 3), atol=1e-5, what="those at scale 0")


@check("zero_shot", weight=2)
def the_pictures_were_classified(student, rng):
    """`shape_probabilities` are those of the notebook's one-object pictures."""
    classes = F.normalize(shape_prompts().mean(dim=1), dim=-1)
    wanted = (100 * single_vectors() @ classes.T).softmax(dim=1)
    found = student.shape_probabilities
    assert_shape(found, wanted.shape, "shape_probabilities")
    order = np.argsort(singles().labels("shape"), kind="stable")[::8]
    evidence(
        "Probability of each shape (columns) for some pictures (rows, sorted by shape): yours, and expected",
        side_by_side(*(heat(np.nan_to_num(np.asarray(m, dtype=float))[order], 0, 1) for m in (found, wanted))),
    )
    assert_close(found, wanted, atol=0.02, what="shape_probabilities")  # scale 100 makes small differences large


# --- 4 recall_at_k --------------------------------------------------------------------------------------------------


def recall(scores: np.ndarray, answers: np.ndarray, k: int) -> float:
    """R@k by sorting, the right answer behind all that tie with it."""
    hits = 0
    for row, answer in zip(scores, answers, strict=True):
        others = np.delete(row, answer)
        hits += int(np.sum(others >= row[answer])) < k
    return hits / len(scores)


@check("recall_at_k")
def ties_count_against(student, rng):
    """A model that sends everything to one point finds nothing."""
    constant = torch.full((20, 20), 0.5)
    own = torch.arange(20)
    slips = {"ties count for the model: a candidate as good as the right one is ahead of it": 1.0}
    assert_close(student.recall_at_k(constant, own, 1), 0.0, slips=slips, what="R@1 of a constant score")
    assert_close(student.recall_at_k(constant, own, 19), 0.0, what="R@19 of a constant score among 20")
    scores = torch.from_numpy(rng.integers(0, 4, size=(30, 12))).float()
    answers = rng.integers(0, 12, size=30)
    for k in (1, 3, 6):
        found = student.recall_at_k(scores, torch.from_numpy(answers), k)
        assert_close(found, recall(scores.numpy(), answers, k), what=f"R@{k} with many ties")


@check("recall_at_k")
def any_answers(student, rng):
    """The right answers are those it is told, and there may be more candidates than queries."""
    scores, answers = rng.normal(size=(30, 45)), rng.integers(0, 45, size=30)
    scores[np.arange(30), answers] += 1.5
    for k in (1, 4, 10):
        found = student.recall_at_k(torch.from_numpy(scores).float(), torch.from_numpy(answers), k)
        assert_close(found, recall(scores, answers, k), what=f"R@{k} of 30 queries among 45")


@check("recall_at_k", weight=0.5)
def k_beyond_the_candidates(student, rng):
    """Among all the candidates the right one is always found. `topk` with k above their number raises."""
    scores = torch.from_numpy(rng.normal(size=(6, 4))).float()
    answers = torch.from_numpy(rng.integers(0, 4, size=6))
    assert_close(student.recall_at_k(scores, answers, 9), 1.0, what="R@9 among 4")


@check("recall_at_k")
def the_album_was_searched(student, rng):
    """`recalls` holds what this model reaches on the album, in both directions."""
    images, texts = album_vectors()
    found = student.recalls
    assert_that(isinstance(found, dict) and len(found) == 2, "recalls is not the dict that the cell makes")
    scores, own = (texts @ images.T).numpy(), np.arange(len(images))
    for (name, numbers), matrix in zip(found.items(), (scores, scores.T), strict=True):
        wanted = [recall(matrix, own, k) for k in (1, 5, 10)]
        assert_close(numbers, wanted, atol=0.02, what=f"R@1, R@5 and R@10 of {name}")


# --- 5 info_nce -----------------------------------------------------------------------------------------------------


def reference_gradients(images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor) -> list[torch.Tensor]:
    inputs = [x.clone().requires_grad_(True) for x in (images, texts, scale)]
    return list(torch.autograd.grad(ClipLoss()(*inputs), inputs))


@check("info_nce", weight=2)
def the_same_gradients(student, rng):
    """Its gradients by images, texts and scale are open_clip's. Normalising again, or `float(scale)`, changes them."""
    images, texts, scale = unit(rng, 6, 10), unit(rng, 6, 10), torch.tensor(float(rng.uniform(5, 20)))
    _, found = student.gradients("info_nce", images, texts, scale, wrt=(0, 1, 2))
    wanted = reference_gradients(images, texts, scale)
    mine, reach = (
        np.zeros((6, 10)) if found[0] is None else np.asarray(found[0], dtype=float),
        float(wanted[0].abs().max()),
    )
    evidence(
        "Gradient with respect to the images (6 x 10): yours, and open_clip's",
        side_by_side(*(heat(np.nan_to_num(g), -reach, reach) for g in (mine, wanted[0]))),
    )
    for mine, right, what in zip(found, wanted, ("images", "texts", "scale"), strict=True):
        assert_that(mine is not None, f"the loss does not depend on the {what} any more: was the {what} detached?")
        assert_close(
            torch.as_tensor(mine).reshape(right.shape), right, atol=1e-5, rtol=1e-4, what=f"the gradient by the {what}"
        )


@check("info_nce")
def large_scales_are_safe(student, rng):
    """At scale 100 nothing overflows or becomes log 0. `log(softmax(x))` does; `cross_entropy` does not."""
    images = unit(rng, 5, 16)
    texts = -images  # every right answer is the worst one
    wanted = ClipLoss()(images, texts, torch.tensor(100.0))
    assert_close(student.info_nce(images, texts, torch.tensor(100.0)), wanted, atol=1e-3, what="the loss at scale 100")


@check("info_nce")
def longer_vectors_count_more(student, rng):
    """Vectors that are not of unit length are taken as they are. The towers normalise; the loss does not."""
    images, texts = 2 * unit(rng, 5, 8), 0.5 + unit(rng, 5, 8)
    slips = {
        "normalised again: the loss takes the vectors as they are": ClipLoss()(
            F.normalize(images, dim=-1), F.normalize(texts, dim=-1), torch.tensor(3.0)
        )
    }
    wanted = ClipLoss()(images, texts, torch.tensor(3.0))
    assert_close(student.info_nce(images, texts, torch.tensor(3.0)), wanted, atol=1e-5, rtol=1e-4, slips=slips)


@check("info_nce", weight=0.5)
def other_batches(student, rng):
    """A single pair costs nothing, and a scale of 0 costs ln n."""
    one = unit(rng, 1, 8)
    assert_close(student.info_nce(one, -one, torch.tensor(20.0)), 0.0, what="the loss of a single pair")
    many = unit(rng, 33, 8)
    assert_close(student.info_nce(many, many, torch.tensor(0.0)), math.log(33), atol=1e-4, what="the loss at scale 0")


# --- 6 temperature --------------------------------------------------------------------------------------------------


@check("temperature")
def never_above_a_hundred(student, rng):
    """The scale is capped at 100, and only there. The cap belongs to the scale, not to its logarithm."""
    module, set_parameter = student.Temperature(), student.library("clip_lab.probes").set_parameter
    for log_scale, wanted in ((12.0, 100.0), (4.0, math.exp(4)), (-2.0, math.exp(-2)), (0.0, 1.0)):
        set_parameter(module, "log_scale", log_scale)
        assert_close(module(), wanted, atol=1e-3, rtol=1e-4, what=f"the scale when log_scale is {log_scale:g}")


@check("temperature")
def starts_where_it_is_told(student, rng):
    """`start` is the temperature at first."""
    start = float(rng.uniform(0.02, 0.8))
    assert_close(student.Temperature(start)(), 1 / start, rtol=1e-4, what=f"the scale for start={start:.3f}")
    assert_close(student.Temperature(start=2.0)(), 0.5, rtol=1e-4, what="the scale for start=2")


@check("temperature", weight=0.5)
def a_scalar(student, rng):
    """Parameter and scale are single numbers."""
    module = student.Temperature()
    for found, what in ((module.log_scale, "log_scale"), (module(), "the scale")):
        assert_that(np.shape(found) == (), f"{what} has shape {np.shape(found)}; a scalar has ()")


# --- 7 training_step ------------------------------------------------------------------------------------------------

GUESSING = math.log(small.BATCH)  # the loss of whoever cannot tell the pairs of a batch apart


@check("training_step", weight=2)
def gradients_are_cleared(student, rng):
    """Four steps end where open_clip's loss and torch's optimiser end. Gradients add up unless they are cleared."""
    seed, given = int(rng.integers(10**6)), batches(rng, 4)
    model, optimiser = new_run(student.library("clip_lab.small"), seed)
    found = [student.training_step(model, optimiser, *batch) for batch in given]
    (wanted, weights), (kept, _) = reference_run(seed, given), reference_run(seed, given, keep_gradients=True)
    assert_close(
        found, wanted, atol=4e-3, slips={"the old gradients are still there: zero_grad()": kept}, what="the losses"
    )
    assert_close(model.visual.proj, weights, atol=2e-3, what="the picture tower's projection after four steps")


@check("training_step")
def the_scale_is_held(student, rng):
    """`logit_scale` is at most ln 100 after every step."""
    lab, (batch,) = student.library("clip_lab.small"), batches(rng, 1)
    model = lab.build(int(rng.integers(10**6)))
    student.library("clip_lab.probes").set_parameter(model, "logit_scale", 6.0)
    student.training_step(model, lab.optimiser(model, 1e-4, "SGD"), *batch)
    found = float(model.logit_scale)
    assert_that(found <= math.log(100) + 1e-4, f"logit_scale is {found:.2f} after the step; ln 100 is 4.61")
    assert_that(found > 4.5, f"logit_scale fell to {found:.2f}; it is held at ln 100 = 4.61, the logarithm of the cap")


@check("training_step", weight=2)
def the_trained_clip_knows_things(student, rng):
    """`small_clip` names colour and background of pictures it never saw, and `history` tells how it came to that."""
    pictures, tokens, scenes = small.pairs("test", 128, seed=int(rng.integers(10**6)))
    scores = torch.as_tensor(student.library("clip_lab.small").similarity(student.small_clip, pictures, tokens))
    order = sorted(range(128), key=lambda i: (scenes[i].background, scenes[i].objects[0].colour))[::4]
    evidence(
        "Cosines of your CLIP on pictures it has never seen (rows) and their captions, sorted by background and colour",
        heat(np.nan_to_num(scores.numpy())[np.ix_(order, order)]),
    )
    named = [scenes[i] for i in scores.argmax(dim=1).tolist()]
    background = np.mean([a.background == b.background for a, b in zip(scenes, named, strict=True)])
    colour = np.mean([a.objects[0].colour == b.objects[0].colour for a, b in zip(scenes, named, strict=True)])
    assert_that(background > 0.6, f"the background is right for {background:.0%}; chance is about 17 %")
    assert_that(colour > 0.4, f"the colour is right for {colour:.0%}; chance is about 13 %")
    losses = np.asarray(student.history["loss"], dtype=float)
    assert_that(len(losses) >= 40, f"history has {len(losses)} losses; one for every step was expected")
    early = f"an untrained model cannot do better than guess, ln {small.BATCH} = {GUESSING:.2f}"
    assert_that(losses[0] > 0.8 * GUESSING, f"the first loss is {losses[0]:.2f}; {early}")
    assert_that(losses[-10:].mean() < 0.6 * losses[0], f"the loss fell only to {losses[-10:].mean():.2f}")


@check("training_step")
def the_control_learnt_nothing(student, rng):
    """The control, trained on shuffled captions, stays at chance."""
    losses = np.asarray(student.control["loss"], dtype=float)
    assert_that(len(losses) >= 15, f"control has {len(losses)} losses; one for every step was expected")
    assert_that(
        losses[-10:].mean() > 0.9 * GUESSING,
        f"its loss fell to {losses[-10:].mean():.2f}; guessing costs {GUESSING:.2f}",
    )
    pictures, tokens, scenes = small.pairs("test", 64, seed=int(rng.integers(10**6)))
    scores = torch.as_tensor(student.library("clip_lab.small").similarity(student.stray_clip, pictures, tokens))
    own = np.array([scene.caption() for scene in scenes])
    found = float((own[scores.argmax(dim=1).numpy()] == own).mean())
    assert_that(found < 0.1, f"R@1 of the control is {found:.0%} of 64, above chance: were its captions shuffled?")


# --- 8 modality_gap -------------------------------------------------------------------------------------------------


def moved_here(images: torch.Tensor, texts: torch.Tensor, amount: float) -> tuple[np.ndarray, np.ndarray]:
    u, v = images.double().numpy(), texts.double().numpy()
    gap = np.average(u, axis=0) - np.average(v, axis=0)
    u, v = u - amount * gap, v + amount * gap
    return u / np.linalg.norm(u, axis=1, keepdims=True), v / np.linalg.norm(v, axis=1, keepdims=True)


@check("modality_gap")
def lists_of_any_length(student, rng):
    """There may be more pictures than captions. Means are subtracted, not pairs."""
    images, texts = two_cones(rng, 11, 6)
    wanted = images.double().numpy().mean(axis=0) - texts.double().numpy().mean(axis=0)
    assert_close(student.modality_gap(images, texts), wanted, atol=1e-5, what="the gap of 11 images and 6 texts")
    for found, right, what in zip(
        student.close_gap(images, texts), moved_here(images, texts, 0.5), ("images", "texts"), strict=True
    ):
        assert_close(found, right, atol=1e-5, what=f"the moved {what} of 11 and 6")


@check("modality_gap", weight=2)
def exactly_as_far(student, rng):
    """Each side moves by lambda times the gap, whatever lambda is."""
    images, texts = two_cones(rng, 7, 7)
    for amount in (0.5, 0.0, 0.2, -0.5):
        found, right = student.close_gap(images, texts, amount), moved_here(images, texts, amount)
        full = moved_here(images, texts, 0.5)
        for k, what in enumerate(("images", "texts")):
            slips = {"amount was ignored": full[k]} if amount != 0.5 else {}
            assert_close(found[k], right[k], atol=1e-5, slips=slips, what=f"the {what} moved by {amount}")


@check("modality_gap", weight=2)
def the_gap_was_closed(student, rng):
    """`shifted_images`, `shifted_texts` are the album's, moved together; `gap_before`, `gap_after` say how far."""
    images, texts = album_vectors()
    wanted = moved_here(images, texts, 0.5)
    found = student.shifted_images, student.shifted_texts
    assert_shape(found[0], wanted[0].shape, "shifted_images")
    assert_shape(found[1], wanted[1].shape, "shifted_texts")
    evidence("Pictures (blue) and captions (orange) as you moved them, seen along two principal axes", cloud(*found))
    for mine, right, what in zip(found, wanted, ("shifted_images", "shifted_texts"), strict=True):
        assert_close(mine, right, atol=3e-3, what=what)
    before = float((images.mean(dim=0) - texts.mean(dim=0)).norm())
    assert_close(student.gap_before, before, atol=5e-3, what="gap_before")
    assert_close(
        student.gap_after, np.linalg.norm(wanted[0].mean(axis=0) - wanted[1].mean(axis=0)), atol=5e-3, what="gap_after"
    )


def cloud(images, texts, side: int = 260) -> np.ndarray:
    """Points of two kinds on the plane of their two principal axes, as a picture."""
    points = np.nan_to_num(np.concatenate([np.asarray(images, dtype=float), np.asarray(texts, dtype=float)]))
    points = points - points.mean(axis=0)
    flat = points @ np.linalg.svd(points, full_matrices=False)[2][:2].T
    places = ((flat / max(np.abs(flat).max(), 1e-9) * 0.47 + 0.5) * (side - 5)).astype(int) + 2
    picture = np.ones((side, side, 3))
    for i, (x, y) in enumerate(places):
        picture[y - 2 : y + 2, x - 2 : x + 2] = (0, 0.45, 0.7) if i < len(images) else (0.84, 0.37, 0)
    return picture


# --- 9 winoground ---------------------------------------------------------------------------------------------------


def scores_here(similarity: np.ndarray) -> dict[str, float]:
    """Winoground's scores, pair by pair, as the paper words them."""
    text = [s[0, 0] > s[0, 1] and s[1, 1] > s[1, 0] for s in similarity]
    image = [s[0, 0] > s[1, 0] and s[1, 1] > s[0, 1] for s in similarity]
    group = [a and b for a, b in zip(text, image, strict=True)]
    return {"text": np.mean(text), "image": np.mean(image), "group": np.mean(group)}


@check("winoground", weight=2)
def as_the_paper_words_it(student, rng):
    """All three scores agree on random similarities. Both captions of a pair have to be right, not one of two."""
    similarity = rng.normal(size=(200, 2, 2)) + rng.uniform(0, 1, size=(200, 1, 1)) * np.eye(2)
    found, wanted = student.winoground(torch.from_numpy(similarity).float()), scores_here(similarity.astype(np.float32))
    right = similarity[:, [0, 1], [0, 1]]
    slips = {
        "text": {
            "that is the part of single choices that are right; a pair passes when both are": np.mean(
                right > similarity[:, [0, 1], [1, 0]]
            )
        },
        "image": {
            "that is the part of single choices that are right; a pair passes when both are": np.mean(
                right > similarity[:, [1, 0], [0, 1]]
            )
        },
        "group": {
            "that is the product of the other two; a pair passes when it passes both": wanted["text"] * wanted["image"],
            "that is the smaller of the other two; a pair passes when it passes both": min(
                wanted["text"], wanted["image"]
            ),
        },
    }
    for name in ("text", "image", "group"):
        assert_close(found[name], wanted[name], slips=slips[name], what=f"the {name} score")


@check("winoground")
def ties_win_nothing(student, rng):
    """A model that cannot tell passes no pair. The signs are strict."""
    found = student.winoground(torch.from_numpy(np.repeat(rng.random((20, 1, 1)), 4, axis=1).reshape(20, 2, 2)).float())
    for name in ("text", "image", "group"):
        assert_close(
            found[name], 0.0, slips={f"ties count as right in {name}: use > and not >=": 1.0}, what=f"the {name} score"
        )


@check("winoground")
def the_probe_was_scored(student, rng):
    """`winoground_scores` are this model's, for a changed colour and for exchanged places."""
    found = student.winoground_scores
    for kind in ("colour", "places"):
        wanted = scores_here(swap_similarity(kind))
        for name in ("text", "image", "group"):  # 64 pairs: one that hangs on the last digit may fall either way
            assert_close(found[kind][name], wanted[name], atol=0.04, what=f"the {name} score of {kind}")
    assert_same(max(found["bag of words"].values()), 0.0, "the best score of the bag of words")


# --- 10 fusion ------------------------------------------------------------------------------------------------------


@check("fusion", weight=2)
def the_captions_were_judged(student, rng):
    """`fusion_guesses` beat what concatenation can do, and `control_guesses` are no better than chance."""
    _, _, labels = data.truths_and_lies(singles())
    found, control = np.asarray(student.fusion_guesses), np.asarray(student.control_guesses)
    assert_shape(found, labels.shape, "fusion_guesses")
    assert_shape(control, labels.shape, "control_guesses")
    right, by_chance = float((found == labels).mean()), float((control == labels).mean())
    bars = np.ones((120, 260, 3))
    for row, share, colour in ((10, right, (0, 0.45, 0.7)), (70, by_chance, (0.84, 0.37, 0))):
        bars[row : row + 40, : max(1, int(260 * share))] = colour
    bars[:, 130] = 0
    evidence(
        f"Right: yours {right:.0%} (blue), with shuffled captions {by_chance:.0%} (orange); the line is chance", bars
    )
    wanted = fused_accuracy()
    assert_that(
        right > 0.5 + 0.6 * (wanted - 0.5),
        f"{right:.0%} are right, where a linear classifier on image, text and product gets {wanted:.0%}",
    )
    assert_that(0.35 < by_chance < 0.65, f"with shuffled captions {by_chance:.0%} are right: what does it look at?")


@lru_cache(maxsize=1)
def fused_accuracy() -> float:
    """What logistic regression on the fused features reaches on the notebook's pairs."""
    lessons, sets = data.album(100, objects=1, split="train"), []
    for pictures, vectors in ((lessons, image_vectors(lessons.pictures)), (singles(), single_vectors())):
        which, captions, labels = data.truths_and_lies(pictures)
        u, v = vectors[which], text_vectors(captions)
        sets.append((torch.cat([u, v, u * v], dim=1).numpy(), labels))
    (train, labels), (test, test_labels) = sets
    middle, spread = train.mean(axis=0), train.std(axis=0) + 1e-9
    classifier = LogisticRegression(C=0.1, max_iter=1000).fit((train - middle) / spread, labels)
    return classifier.score((test - middle) / spread, test_labels)


@check("fusion")
def either_side_alone(student, rng):
    """It also learns labels that hang on the picture alone, or on the text alone. The product alone is not enough."""
    for side, what in ((0, "picture"), (1, "text")):
        both = unit(rng, 700, 12), unit(rng, 700, 12)
        labels = (both[side] @ unit(rng, 12) > 0).long()
        found = student.fuse_and_classify(both[0][:500], both[1][:500], labels[:500], both[0][500:], both[1][500:])
        right = float((torch.as_tensor(found) == labels[500:]).float().mean())
        assert_that(
            right > 0.8, f"{right:.0%} are right where the label hangs on the {what} alone: is it among the features?"
        )


@check("fusion", weight=0.5)
def disagreement_too(student, rng):
    """What the labels mean is learnt from the labels. Here 1 is disagreement."""
    images, texts, labels = agreement(rng, 900)
    labels = 1 - labels
    found = student.fuse_and_classify(images[:600], texts[:600], labels[:600], images[600:], texts[600:])
    right = float((torch.as_tensor(found) == labels[600:]).float().mean())
    assert_that(right > 0.8, f"{right:.0%} are right when the labels are exchanged")
