"""What week 3 says of its figures, held to the numbers that they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.claims import claim

import caption_lab
from caption_lab import blip, clipcap, data, measuring, metrics
from caption_lab.checks import library, reference
from coursekit import models
from coursekit.scenes import sample_scenes

WEEK = "week03_blip"


@pytest.fixture(scope="module")
def captioner():
    return models.load("captioning", profile="tiny", device="cpu")


@pytest.fixture(scope="module")
def matcher():
    return models.load("retrieval", profile="tiny", device="cpu")


@claim(WEEK, "Hardly a patch shows a whole object")
def test_no_patch_shows_a_whole_object():
    scene = data.opening_scenes()[4]
    for mask in scene.masks():
        rows, columns = np.nonzero(mask)
        assert len({(r // 16, c // 16) for r, c in zip(rows, columns, strict=True)}) > 1


@claim(
    WEEK,
    "Left, in the first layer, a triangle: no word looks ahead. Right, in the last layer, no triangle. The "
    "columns that "
    "are lit in most rows are the *empty* patches",
    "such as those of *pink* and *orange*",
)
def test_words_look_back_and_at_empty_patches(captioner):
    scene = data.opening_scenes()[4]
    picture = scene.render()
    words, cross = blip.looks(captioner, picture, scene.caption())
    inner, last = blip.self_attention(captioner, picture, scene.caption()), cross[-1].mean(dim=0)
    _, drawn = blip.looks(captioner, picture, scene.caption(), library.attend)  # as the figure has them
    assert torch.allclose(drawn[-1], cross[-1], atol=1e-5)
    triangle = blip.self_attention(captioner, picture, scene.caption(), library.attend, library.causal)
    assert torch.allclose(triangle, inner, atol=1e-5)
    assert torch.triu(inner, 1).abs().max() < 1e-6 < torch.triu(last[:, 1:], 1).abs().max()
    shown = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(scene.masks())[:, None], 4).flatten(1)
    lit = (last[:, 1:] > 1 / 17).float().mean(dim=0)
    assert (lit > 0.5).sum() >= 4 and shown.sum(dim=0)[lit > 0.5].max() < 0.25
    for word, shape in (("pink", "square"), ("orange", "triangle")):
        mine = next(i for i, o in enumerate(scene.objects) if o.shape == shape)
        row = last[words.index(word), 1:]
        assert row[shown[mine] > 0.05].sum() > 0.5 * row.sum()


@claim(
    WEEK,
    "Two curves that go to zero so much alike that one lies on the other.",
    "on eight other pictures the pupil is lost",
)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_batch_is_learnt_by_heart(captioner, seed):
    taught = sample_scenes(8, 2, seed=23)
    own, pupil = measuring.overfit(captioner, taught, seed=seed)
    other, _ = measuring.overfit(captioner, taught, seed=seed, shifted=True)
    assert own[-1] < 0.05 and other[-1] < 0.05 and np.abs(np.subtract(own, other)).max() < 0.3
    elsewhere = sample_scenes(8, 2, seed=24)
    assert metrics.exact(blip.captions(pupil, data.pictures(taught)), taught) > 0.8
    assert metrics.exact(blip.captions(pupil, data.pictures(elsewhere)), elsewhere) < 0.2


@claim(
    WEEK,
    "The first word is nearly free: *a*, *on*, *there* all begin good captions; temperature flattens the choice, top-k "
    "and top-p cut its tail off.",
)
def test_the_first_word_is_nearly_free(captioner):
    picture = data.pictures(data.opening_scenes())[4]
    plain, hot, few, nucleus = (
        blip.next_chances(captioner, picture, **how) for how in ({}, {"temperature": 2.0}, {"top_k": 2}, {"top_p": 0.8})
    )
    best = caption_lab.words(captioner, plain.topk(3).indices.tolist())
    assert set(best) == {"a", "on", "there"} and plain.max() < 0.7
    assert hot.max() < plain.max() and (few > 0).sum() == 2 and (nucleus > 0).sum() < 6


@claim(
    WEEK,
    "greedy says one thing six times, and sampling finds other words for the same facts: all the way to the "
    "right, where "
    "all six captions differ, that costs nothing here.",
    "most captions are false. With the tail cut off, the same temperature keeps most of them true. The control draws "
    "words out of a hat: all captions differ, and none is true.",
)
def test_boldness_costs_truth(captioner):
    ways = {
        "greedy": {"do_sample": False},
        "plain": {},
        "hot": {"temperature": 2.0},
        "cut": {"temperature": 2.0, "top_p": 0.9},
        "control": {"temperature": 20.0},
    }
    found = measuring.measure_sampling(captioner, sample_scenes(8, 2, seed=25), ways).points
    assert found["greedy"][1] == pytest.approx(1 / 6) and found["greedy"][0] > 0.95
    assert found["plain"][0] > 0.95 and found["plain"][1] > 0.95
    assert found["hot"][0] < 0.5 < 0.6 < found["cut"][0] < found["plain"][0]
    assert found["control"][0] == 0 and found["control"][1] == 1


@claim(
    WEEK,
    "Among six bold guesses there is nearly always a true one, and the first is it in less than half of the pictures. "
    "ITM's choice closes most of the gap between *first guess* and *any of six*.",
    "says too little (*two*, or nothing at all)",
)
def test_itm_chooses_well(captioner, matcher):
    scenes = sample_scenes(24, 2, seed=26)
    drawn = data.pictures(scenes)
    guesses = blip.candidates(captioner, drawn, 6, seed=0, temperature=1.8)
    right = np.array([[metrics.exact([c], [s]) for c in some] for some, s in zip(guesses, scenes, strict=True)])
    chosen = [
        row[int(blip.itm(matcher, [p] * 6, some).argmax())] for row, p, some in zip(right, drawn, guesses, strict=True)
    ]
    first, any_of_six = right[:, 0].mean(), right.max(axis=1).mean()
    assert first < 0.5 and any_of_six > 0.9
    assert np.mean(chosen) - first > 0.6 * (any_of_six - first)
    shown = sorted(range(24), key=lambda i: right[i][0])[:3]  # as the figure chooses them
    chances = [blip.itm(matcher, [drawn[i]] * 6, guesses[i]).tolist() for i in shown]
    believed = {
        c for i, row in zip(shown, chances, strict=True) for c, p in zip(guesses[i], row, strict=True) if p > 0.9
    }
    assert {"two", ""} <= believed


@claim(
    WEEK,
    "a wrong colour, shape, size or background is easily told.",
    "is where ITC can only guess, as CLIP did in week 1",
    "About another picture all three guess.",
)
def test_places_are_beyond_itc(captioner, matcher):
    found = measuring.tell_twins(captioner, matcher, sample_scenes(32, 2, seed=27), 0)
    for change in ("colour", "shape", "size", "background"):
        assert min(found[change].values()) > 0.85
    assert 0.3 < found["places"]["ITC"] < 0.7 and min(found["places"]["ITM"], found["places"]["LM"]) > 0.9
    assert all(0.25 < part < 0.75 for part in found["control: another picture"].values())


@claim(
    WEEK,
    "Both heads reject another scene's caption. The near-twin's, which is wrong in one fact, fools the head that never "
    "met a hard one nearly always.",
    "a head that has learnt to be suspicious rejects more true captions, too",
)
@pytest.mark.parametrize("seed", [0, 1])
def test_mining_teaches_the_difference(matcher, seed):
    easy, hard = measuring.what_mining_buys(matcher, library.hard_negatives, seed=seed).values()
    assert min(easy["another scene's"], hard["another scene's"]) > 0.9
    assert easy["a near-twin's"] < 0.25 and hard["a near-twin's"] > 0.5
    assert hard["true captions"] < easy["true captions"]


@claim(
    WEEK,
    "On single objects the map is as good as BLIP, after a few seconds in which nothing else was trained",
    "The shuffled control speaks perfect captions of nothing in particular.",
    "it calmly describes one, and sometimes one that is not there",
)
def test_a_map_makes_a_captioner():
    gpt, vectors = clipcap.language_model(0), {}
    width = clipcap.training_set(seed=0)[0].shape[1]
    said = {}
    for shuffled in (False, True):
        mapping = clipcap.mapper(width, 0)
        clipcap.train(gpt, mapping, steps=100, seed=0, shuffled=shuffled)
        for n in (1, 2):
            scenes = sample_scenes(32, n, seed=28)
            if n not in vectors:
                vectors[n] = scenes, clipcap.embed(data.pictures(scenes))
            said[shuffled, n] = clipcap.captions(gpt, mapping, vectors[n][1])
    assert metrics.exact(said[False, 1], vectors[1][0]) > 0.9
    assert metrics.exact(said[True, 1], vectors[1][0]) < 0.15
    assert np.mean([caption_is_whole(c) for c in said[True, 1]]) > 0.9
    named = [caption_is_whole(c) for c in said[False, 2]]
    assert np.mean(named) > 0.9 and metrics.exact(said[False, 2], vectors[2][0]) == 0


def caption_is_whole(caption: str) -> bool:
    """Whether a caption is one of the world's, of one object."""
    from tinyworld import facts_of

    return facts_of(caption) is not None and caption.count(" background") == 1


@claim(
    WEEK,
    "about six hundredths in BLEU, about one in each of the others, for a single word is wrong. A wrong colour is a "
    "single word too, and no greater a lie, and costs more. CLIPScore hardly hears the relation",
    "ROUGE-L pays nearly a half for sounding like a caption. Only the facts tell the rows apart.",
)
def test_metrics_are_fooled(captioner):
    scored = library.bleu, library.rouge_l, library.cider
    report = measuring.fool_metrics(captioner, sample_scenes(48, 2, seed=29), *scored)
    found = {kind: row for kind, (_, row) in report.items()}
    true, relation, colour = found["a paraphrase"], found["wrong relation"], found["wrong colour"]
    assert 0.04 < true["BLEU-4"] - relation["BLEU-4"] < 0.08
    for name in ("ROUGE-L", "CIDEr", "CLIPScore"):
        assert 0 <= true[name] - relation[name] < 0.025
    assert all(colour[name] < relation[name] for name in ("BLEU-4", "ROUGE-L", "CIDEr", "CLIPScore"))
    assert 0.4 < found["other pictures'"]["ROUGE-L"] < 0.55
    assert true["facts"] == 1 and relation["facts"] == colour["facts"] == found["other pictures'"]["facts"] == 0


@claim(
    WEEK,
    "A blue bar is worth what it has above its orange neighbour. Where the question gives much away (yes or no; "
    "how many, "
    "where two is the usual answer) the control does well without seeing anything",
)
def test_some_questions_give_their_answer_away():
    answerer = models.load("vqa", profile="tiny", device="cpu")
    found = measuring.measure_answers(answerer, sample_scenes(32, 2, seed=31), 0)
    own, other = ({kind: row[name] for kind, row in found.items()} for name in ("its own picture", "another picture"))
    assert all(own[kind] > other[kind] + 0.2 for kind in own)
    assert min(other["count"], other["yes/no"]) > 0.4 > 0.25 > max(other["colour"], other["shape"], other["background"])


@claim(
    WEEK, "A shape word takes more from its own object than an even spread would, and more than from the other object."
)
def test_attention_leans_to_the_object(captioner):
    found = measuring.localisation(captioner, sample_scenes(32, 2, seed=34))
    assert (
        found["on its object"] > 1.5 * found["evenly spread"] and found["on its object"] > found["on the other object"]
    )


@claim(
    WEEK,
    "Before, brown is *orange*, the nearest name it has. A few seconds later it says *brown*",
    "Without replay it pays: captions of two objects suffer most, and brown turns up where there is none. With "
    "replay it "
    "keeps most, not all, of what it knew.",
    "replay does not help there (*its other facts* stands as high without)",
)
def test_replay_keeps_what_was_known(captioner):
    new, old = data.new_examples(64), data.old_examples(256)
    said = blip.captions(captioner, [data.repainted(scene) for scene in sample_scenes(4, 1, seed=35)])
    assert sum("orange" in caption for caption in said) >= 3
    found = {"before": measuring.measure_adaptation(captioner)}
    for name, replay in (("none", 0.0), ("half", 0.5)):
        learnt = models.load("captioning", profile="tiny", device="cpu")
        measuring.adapt(learnt, new, old, steps=50, replay=replay, seed=0)
        found[name] = measuring.measure_adaptation(learnt)
    before, none, half = found.values()
    assert before["brown is named"] == 0 and min(none["brown is named"], half["brown is named"]) > 0.8
    lost = {kind: before[kind] - none[kind] for kind in ("one object", "two objects")}
    assert lost["two objects"] > lost["one object"] and lost["two objects"] > 0.15
    assert none["brown seen everywhere"] > half["brown seen everywhere"]
    assert half["two objects"] > none["two objects"] and half["two objects"] < before["two objects"]
    assert abs(half["its other facts"] - none["its other facts"]) < 0.08


def test_library_and_reference_agree():
    rng = np.random.default_rng(0)
    gpt = clipcap.build_gpt(3).requires_grad_(False)
    prefix = torch.from_numpy(rng.normal(size=(2, clipcap.PREFIX, clipcap.WIDTH))).float()
    ids = clipcap.encode([s.caption() for s in reference.any_scenes(rng, 2, 1)])
    wanted, _ = reference.reference_prefix(3, prefix, ids, clipcap.PAD)
    assert float(library.prefix_loss(gpt, prefix, ids, clipcap.PAD)) == pytest.approx(float(wanted), abs=1e-4)
