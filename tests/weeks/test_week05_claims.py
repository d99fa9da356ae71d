"""What week 5 says of its figures, held to the numbers that they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.claims import claim

from coursekit import models
from coursekit.models import Loaded
from fusion_lab import chatting, data, measuring
from fusion_lab.checks import library, reference
from tinyworld import grounding

WEEK = "week05_fusion"


@pytest.fixture(scope="module")
def llava():
    return models.load("llava", "tiny")


@pytest.fixture(scope="module")
def flamingo():
    return chatting.flamingo() if hasattr(chatting, "flamingo") else __import__("fusion_lab").flamingo()


@claim(
    WEEK,
    "Late fusion stays at about two thirds, with the most parameters",
    "Early and cross do; cross asks the picture without letting patches look at words.",
)
def test_late_fusion_cannot_combine():
    found = measuring.measure_fusions(("early", "late", "cross"), library.late, library.cross)
    assert 0.6 < found["late"]["all three"] < 0.75 and max(found, key=lambda n: found[n]["parameters"]) == "late"
    assert min(found["early"]["all three"], found["cross"]["all three"]) > 0.97


@claim(
    WEEK,
    "Without text *early* and *cross* fall to one half, though a voice still says all that is needed; with dropout the "
    "same architecture holds. *Late* loses nothing there",
    "Without the picture every model guesses",
    "Noise in the voice costs *early* and *cross* nothing, for the text is still there, and *late* something.",
    "*early* and *cross* believe the text, the easy modality, every time; dropout moves the balance a little; *late* "
    "leans to the voice",
)
def test_what_a_missing_sense_costs():
    found = measuring.measure_fusions(("early", "late", "cross", "early, dropout"))
    early, late, cross, dropped = found.values()
    assert all(0.4 < one["no text"] < 0.6 for one in (early, cross)) and dropped["no text"] > 0.9
    assert abs(late["no text"] - late["all three"]) < 0.03
    assert all(one["no image"] < 0.3 for one in found.values())
    for one in (early, cross):
        assert min(one["noise 5 dB"], one["noise 0 dB"], one["noise -10 dB"]) > 0.97
        assert one["believes text"] > 0.97
    assert late["all three"] - late["noise -10 dB"] > 0.05
    assert 0.02 < dropped["believes audio"] < 0.2 < late["believes text"] < 0.5 < late["believes audio"]


@claim(WEEK, "Some sixty per cent after 120 steps, from under ten", "The loss falls to a third of what it was")
def test_a_projector_introduces_eye_and_mouth(llava):
    asked = data.questions(48, seed=7)
    taught = []

    def stage_one(model, connector, batches):
        pupil = Loaded(model, llava.processor)
        assert chatting.accuracy(pupil, asked) < 0.1
        losses = library.stage_one(model, connector, batches)
        taught.append(chatting.accuracy(pupil, asked))
        return losses

    losses = chatting.taught(llava, stage_one)
    assert 0.5 < taught[0] < 0.75
    first, last = np.mean(losses[:20]), np.mean(losses[-20:])
    assert 0.2 * first < last < 0.45 * first and last > 5 * measuring.stage_loss(llava, 0)


@claim(
    WEEK, "No column is empty. That is why a rate of one half leaves out less than one half", "three of eight are left"
)
def test_what_would_take_everything_takes_nothing():
    for share in measuring.measure_dropped(library.drop_modalities, torch.full((3,), 0.5)):
        assert share == pytest.approx(3 / 8, abs=0.03)


@claim(
    WEEK,
    "another's picture leaves colour, shape and background to chance. *Yes/no* stays at about one half without any "
    "picture worth looking at, and *count* at a fifth to a half",
)
@pytest.mark.parametrize("seed", [0, 1])
def test_what_the_language_prior_knows(llava, seed):
    found = measuring.measure_prior(llava, seed)
    assert min(found["its own picture"].values()) > 0.9
    for shown in ("another's", "a grey one"):
        assert max(found[shown][kind] for kind in ("colour", "shape", "background")) < 0.35
        assert 0.35 < found[shown]["yes/no"] < 0.65 and 0.15 < found[shown]["count"] < 0.6


@claim(
    WEEK,
    "With the gates shut the loss is far above that of guessing among three answers",
    "Half open it falls; the trained gates are best, or nearly.",
)
def test_open_gates_help(flamingo):
    losses = measuring.measure_gates(flamingo, library.resample, library.last_picture, library.gated)
    assert losses[0] > 2 * np.log(3) and losses[2] < 0.5 and losses[4] < min(losses) + 0.1


@claim(
    WEEK,
    "Colours and shapes come through all three. Relations and *where* come through whole with the projector alone; the "
    "resampler still tells about half of the relations, the Q-Former about a third",
    "and of *where* both lose most",
)
def test_queries_lose_places():
    found = measuring.measure_connectors()
    assert all(min(row["colour"], row["shape"]) > 0.9 for row in found.values())
    projector, qformer, resampler = found["projector"], found["qformer"], found["resampler"]
    assert min(projector["relation"], projector["where"]) > 0.9
    assert 0.4 < resampler["relation"] < 0.65 and 0.2 < qformer["relation"] < 0.5
    assert max(resampler["where"], qformer["where"]) < 0.4


@claim(
    WEEK,
    "One example is enough here; two and three add nothing. Without any, the model gives an empty answer",
)
def test_one_example_is_enough(flamingo):
    none, one, two, three = measuring.measure_shots(flamingo)
    assert none == 0 and min(one, two, three) > 0.95 and max(two, three) - one < 0.05


@claim(WEEK, "These frames are off by a token or so, which is two pixels of 64")
def test_boxes_are_off_by_a_token(llava):
    asked = data.questions(6, 23, ("where",))
    said = chatting.answers(llava, [q.scene.render(64) for q in asked], [q.text for q in asked])
    for answer, q in zip(said, asked, strict=True):
        found, wanted = grounding.from_text(answer), grounding.from_text(q.answer)
        off = [abs(getattr(found, side) - getattr(wanted, side)) for side in ("left", "top", "right", "bottom")]
        assert max(off) * (grounding.BINS - 1) < 2.5
    assert round(64 / grounding.BINS) == 2


@claim(WEEK, "That the answer falls without those patches is.")
def test_looks_are_faithful(llava):
    ours = library.project, library.splice, library.look_map, library.ablate
    found = measuring.measure_faithfulness(llava, *ours)
    assert found["most looked at"][3] < found["at random"][3] - 0.2 and found["least looked at"][-1] > 0.9


@claim(
    WEEK,
    "The cache grows by the same for every token.",
    "Four tokens in the place of sixteen do nearly as well, one does not",
    "Eight bits cost nothing one can see here, and four bits no answer either, though a tenth of each matrix is "
    "noise by "
    "then; two bits are too few.",
)
def test_what_tokens_and_bits_cost(llava):
    lengths, merged, bits = (
        measuring.measure_lengths(llava, library.cache_bytes),
        measuring.measure_merged(llava),
        measuring.measure_bits(llava, library.quantise, library.restore),
    )
    slopes = np.diff(lengths["KB"]) / np.diff(lengths["image tokens"])
    assert np.allclose(slopes, slopes[0])
    one, four, _, sixteen = merged["right"]
    assert sixteen - four < 0.12 and one < 0.6
    assert bits["32 bits"]["right"] == bits["8 bits"]["right"] == bits["4 bits"]["right"] > 2 * bits["2 bits"]["right"]
    assert 0.08 < bits["4 bits"]["error"] < 0.15


@claim(
    WEEK,
    "this model is hardly ever wrong and says *yes* to one half, as it should: no bias to see. But to a question that "
    "takes a star for granted it names a colour, nearly every time",
)
def test_false_premises_are_believed(llava):
    found = measuring.measure_presence(llava, library.presence_scores)
    for name in ("random", "one word off"):
        assert found[name]["accuracy"] > 0.95 and 0.45 < found[name]["says yes"] < 0.55
    assert found["false premise"]["names a colour"] > 0.9


def test_the_trained_losses_are_of_the_connector_alone():
    losses, _ = reference.trained(3, 6, 0.01)
    assert len(losses) == 6 and losses[-1] < losses[0]
