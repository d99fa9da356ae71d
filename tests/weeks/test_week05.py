"""Week 5: its checks, and what its helper package measures and draws."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from support.known import checks_of, defined, imported, known_answers

import fusion_lab
import tinyworld
from coursekit import models
from coursekit import plots as shared_plots
from coursekit.checks import checks_in, run_check
from coursekit.student import local_student
from fusion_lab import chatting, checks, data, measuring, probes
from fusion_lab.checks import library
from fusion_lab.handmade import asking_by_hand, by_hand
from tinyworld import fusion, grounding

SLUG = "week05_fusion"
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def llava():
    return models.load("llava", profile="tiny", device="cpu")


@pytest.fixture(scope="module")
def flamingo():
    return fusion_lab.flamingo()


def test_questions_are_true_and_in_turn():
    asked = data.questions(12, 3, ("colour", "where", "count"))
    assert [q.kind for q in asked] == ["colour", "where", "count"] * 4
    for q in asked:
        if q.kind == "where":
            assert q.answer in [grounding.to_text(box) for box in grounding.boxes_of(q.scene)]


def test_presence_is_asked_in_halves_and_never_truly_of_what_is_not_there():
    for name, asked in data.asked_if_there(40, 4).items():
        assert [q.answer for q in asked] == ["yes", "no"] * 20
        for q in asked:
            colour, shape = q.text.removesuffix("?").split()[-2:]
            there = {(o.colour, o.shape) for o in q.scene.objects}
            assert ((colour, shape) in there) == (q.answer == "yes")
            if q.answer == "no" and name == "random":
                assert all(colour != c and shape != s for c, s in there)
            if q.answer == "no" and name == "one word off":
                assert any((colour == c) != (shape == s) for c, s in there)
    for q in data.false_premises(30, 5):
        assert all(o.shape not in q.text for o in q.scene.objects)


def test_towers_can_be_learnt_from_their_batches():
    right = next(a for a in known_answers(SLUG) if a.question == "stage_one" and a.right)
    stage_one = defined(right.source, imported(SLUG))["stage_one"]
    watched = probes.watched_stage_one(stage_one, 3, 150, 0.01)
    assert np.mean(watched["losses"][-10:]) < 0.75 * np.mean(watched["losses"][:10])


# --- what the figures are made of ---


@pytest.mark.parametrize("question", sorted({one.question for one in checks_in(checks)} - {"stage_one"}))
def test_what_figures_draw_where_an_exercise_is_open_is_right(question):
    """The library's stand-ins pass the checks; what is in no figure, such as `cross`, is a known right answer's."""
    right = next(a for a in known_answers(SLUG) if a.question == question and a.right)
    student = local_student(defined(right.source, imported(SLUG)) | vars(library))
    visible, hidden = checks_of(SLUG, question)
    for one in (*visible, *hidden):
        if not one.artefact:
            verdict = run_check(one, student, "a seed")
            assert verdict.passed, f"{one.name}: {verdict.message}"


def test_a_flamingo_by_hand_is_the_librarys(flamingo):
    reader = chatting.reader(flamingo)
    inputs = reader.inputs(data.albums("differs", 2, 1))
    with torch.no_grad():
        wanted = flamingo.model(**inputs).logits
        made = by_hand(flamingo, library.resample, library.gated)
        assert torch.allclose(made.model.eval()(**inputs).logits, wanted, atol=1e-4)

        def blind(words, *_):
            return words

        assert not torch.allclose(by_hand(flamingo, library.resample, blind).model.eval()(**inputs).logits, wanted)
    mask = chatting.reader(flamingo, library.last_picture).inputs(data.albums("differs", 2, 1))["image_attention_mask"]
    assert torch.equal(mask, inputs["image_attention_mask"])


def test_a_fusion_that_asks_by_hand_is_the_librarys():
    own, seen = fusion.load(tinyworld.checkpoint("trimodal"), "cross"), measuring.fusion_tasks()
    there = torch.ones(24, 3, dtype=torch.bool)
    there[:8, 0] = False
    given = seen.image[:24], seen.text[:24], seen.audio()[:24], there
    with torch.no_grad():
        assert torch.allclose(asking_by_hand(own, library.cross)(*given), own(*given), atol=1e-4)
        silent = asking_by_hand(own, lambda asking, *_: asking)(*given)
        assert not torch.allclose(silent, own(*given), atol=0.1)


@pytest.mark.parametrize(
    ("draw", "wrong"),
    [
        ("show_layout", lambda: (data.tasks(1)[0], backwards)),
        ("show_labels", lambda: (*asked_once(), lambda ids, *_: ids)),
        ("show_boxes", lambda: (asked_once()[0], library.to_bins, library.from_bins, lambda *_: torch.tensor(0.5))),
        ("show_boxes", lambda: (asked_once()[0], lambda b, n: 0 * b.long(), library.from_bins, library.iou)),
        ("show_dropped", lambda: (lambda there, *_: there,)),
    ],
)
def test_figures_show_what_the_functions_do(draw, wrong, llava, monkeypatch):
    """Another function, another figure."""
    shown: list[bytes] = []
    monkeypatch.setattr(shared_plots, "_display", lambda png: shown.append(png.getvalue()))
    right = {
        "show_layout": (library.join,),
        "show_labels": (library.answer_labels,),
        "show_boxes": (library.to_bins, library.from_bins, library.iou),
        "show_dropped": (library.drop_modalities,),
    }[draw]
    given = wrong()
    getattr(fusion_lab, draw)(*given)
    getattr(fusion_lab, draw)(*given[: len(given) - len(right)], *right)
    assert shown[0] != shown[1]


def asked_once():
    return models.load("llava", profile="tiny", device="cpu"), tinyworld.scenes("test", 1, 0)[0]


def backwards(parts, modality, positions):
    tokens, segments = library.join(parts, modality, positions)
    return tokens.flip(1), segments


def test_the_tables_are_counted_by_the_functions_given(llava):
    def nobody(scores, there):
        return torch.zeros_like(scores[:, 0])

    assert measuring.measure_fusions(("late",), nobody)["late"]["all three"] < 0.4
    silent = measuring.measure_fusions(("cross",), cross=lambda asking, *_: asking)
    assert silent["cross"]["all three"] < 0.4
    assert measuring.measure_belief(("early",), lambda *_: (0.25, 0.5))["early"]["believes audio"] == 0.5
    assert measuring.measure_lengths(llava, lambda *_: 7000, (1,))["KB"] == [7.0]
    found = measuring.measure_presence(llava, lambda *_: dict.fromkeys(library.presence_scores(["yes"], ["yes"]), 0.25))
    assert found["random"]["F1"] == found["random"]["says yes"] == 0.25


def test_what_llava_reads_put_together_again_is_the_librarys_answer(llava):
    made = chatting.inputs(llava, tinyworld.scenes("test", 1, 0)[0], "what do you see?")
    spliced = made.words.clone()
    spliced[made.ids == made.image] = chatting.connector(llava)(made.features)[0]
    with torch.no_grad():
        assert torch.allclose(chatting.read(llava, spliced), made.logits, atol=1e-4)


def test_stage_one_is_taught_the_answers_alone(llava):
    words = llava.processor.tokenizer
    for batch in chatting.batches(llava, 2, 4):
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            text = words.decode(ids)
            learnt = words.decode(labels[labels >= 0])
            assert text.endswith(learnt) and learnt.endswith("<|end|>") and "<|assistant|>" not in learnt


def test_a_blind_llava_differs_in_its_projector_alone_and_guesses(llava):
    blind = chatting.blind(llava, 3)
    changed = {
        name
        for (name, ours), theirs in zip(blind.model.named_parameters(), llava.model.parameters(), strict=True)
        if not torch.equal(ours, theirs)
    }
    assert changed and all("multi_modal_projector" in name for name in changed)
    asked = data.questions(24, 5)
    assert chatting.accuracy(blind, asked) < 0.5 < 0.9 < chatting.accuracy(llava, asked)


def test_gates_shut_are_guesses_and_open_ones_see(flamingo):
    ours = library.resample, library.last_picture, library.gated
    shut, half, trained = measuring.measure_gates(flamingo, *ours, (0, 0.5, 1), n=24)
    assert shut > 2 * trained and shut > half


def test_one_example_tells_what_is_asked(flamingo):
    none, *some = measuring.measure_shots(flamingo, n=24)
    assert none < 0.4 and min(some) > 0.8


def test_patches_that_are_looked_at_matter_more_than_any(llava):
    ours = library.project, library.splice, library.look_map, library.ablate
    found = measuring.measure_faithfulness(llava, *ours, (0, 4), n=16)
    assert found["most looked at"][1] < found["at random"][1] - 0.1
    assert len({values[0] for values in found.values()}) == 1


def test_fewer_bits_and_fewer_tokens_cost_right_answers(llava):
    bits = measuring.measure_bits(llava, library.quantise, library.restore, n=24)
    assert [row["MB"] for row in bits.values()] == sorted((row["MB"] for row in bits.values()), reverse=True)
    assert bits["8 bits"]["right"] >= bits["32 bits"]["right"] - 0.05 and bits["2 bits"]["right"] < 0.6
    merged = measuring.measure_merged(llava, (1, 4), n=16)
    assert merged["right"][0] < merged["right"][1] == pytest.approx(1, abs=0.1)


def test_figures_are_pictures(llava, flamingo, monkeypatch):
    shown: list[Image.Image] = []
    monkeypatch.setattr(shared_plots, "_display", lambda png: shown.append(Image.open(io.BytesIO(png.getvalue()))))
    for draw in (
        lambda: fusion_lab.show_chat(llava, data.opening_scenes()[:2]),
        lambda: fusion_lab.show_layout(data.tasks(1)[0], library.join),
        lambda: fusion_lab.show_labels(llava, tinyworld.scenes("test", 1, 0)[0], library.answer_labels),
        lambda: fusion_lab.show_albums(flamingo, library.resample, library.last_picture, library.gated),
        lambda: fusion_lab.show_boxes(llava, library.to_bins, library.from_bins, library.iou),
        lambda: fusion_lab.show_dropped(library.drop_modalities),
        lambda: fusion_lab.show_stage_one(llava, [1.0, 0.5] * 20),
        lambda: fusion_lab.show_table({"a": {"parameters": 1e6, "ms": 2.0, "right": 0.5}}),
    ):
        before = len(shown)
        draw()
        assert len(shown) == before + 1
    assert all(min(picture.size) > 60 for picture in shown)
