"""Talk about pictures is true of them: conversations, boxes as words, albums."""

import numpy as np
import pytest

import tinyworld
from tinyworld import albums, grounding
from tinyworld.captions import parse_caption
from tinyworld.conversations import ALL_KINDS, Turn, conversation, follow_up, mentions, where

SCENES = tinyworld.scenes("test", 60, seed=17)


# --- boxes ---


@pytest.mark.parametrize("size", [64, 128])
def test_a_box_holds_its_object_and_touches_it_on_every_side(size):
    for scene in SCENES[:20]:
        for i, box in enumerate(grounding.boxes_of(scene, size), start=1):
            shown = scene.label_map(size) == i
            left, top, right, bottom = (round(v * size) for v in box)
            inside = shown[top:bottom, left:right]
            assert inside.sum() == shown.sum()
            assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_a_box_survives_its_tokens():
    overlaps = []
    for scene in SCENES:
        for box in grounding.boxes_of(scene):
            again = grounding.from_text(grounding.to_text(box))
            assert max(abs(a - b) for a, b in zip(box, again, strict=True)) <= 0.5 / (grounding.BINS - 1) + 1e-9
            overlaps.append(grounding.overlap(box, again))
    assert np.mean(overlaps) > 0.85 and min(overlaps) > 0.65  # far from 0.5, from where on a box counts as right


@pytest.mark.parametrize(
    "text",
    ["", "red", "<loc01><loc02><loc03>", "<loc01><loc02><loc03><loc04><loc05>", "at <loc01><loc02><loc03><loc04>"]
    + ["<loc09><loc02><loc03><loc04>", "<loc01><loc02><loc01><loc04>", "<loc01><loc02><loc03><loc99>"],
)
def test_what_is_no_box_is_none(text):
    assert grounding.from_text(text) is None


def test_intersection_over_union():
    box = grounding.Box(0.0, 0.0, 0.5, 0.5)
    assert grounding.overlap(box, box) == 1
    assert grounding.overlap(box, grounding.Box(0.5, 0.5, 1.0, 1.0)) == 0
    assert grounding.overlap(box, grounding.Box(0.25, 0.0, 0.75, 0.5)) == pytest.approx(1 / 3)


# --- conversations ---


def test_turns_are_true_and_nothing_is_asked_twice():
    rng, kinds = np.random.default_rng(0), set()
    for scene in SCENES:
        turns = conversation(scene, rng, 7)
        assert 1 <= len(turns) <= 7
        first = [t.question for t in turns if t.kind != "follow-up"]
        assert len(first) == len(set(first))
        for turn in turns:
            kinds.add(turn.kind)
            if turn.kind == "describe":
                assert parse_caption(turn.answer) == scene.facts()
            if turn.kind == "where":
                (i,) = mentions(turn.question)[0].of(scene)
                assert turn.answer == grounding.to_text(grounding.boxes_of(scene)[i])
            if turn.kind == "count":
                ((mention,), n) = mentions(turn.question), ("zero", "one", "two", "three").index(turn.answer)
                assert len(mention.of(scene)) == n
            if turn.kind in ("colour", "shape", "size"):
                ((i,),) = [m.of(scene) for m in mentions(turn.question)]
                assert getattr(scene.objects[i], turn.kind) == turn.answer
    assert kinds == {*ALL_KINDS, "describe"}


def test_a_follow_up_is_about_the_object_of_the_turn_before():
    rng = np.random.default_rng(1)
    for scene in SCENES:
        for i, thing in enumerate(scene.objects):
            turn = follow_up(scene, where(scene, i, rng), rng)
            assert turn.answer in (thing.colour, thing.shape, thing.size) and " it" in turn.question
            assert follow_up(scene, Turn("what is the background?", scene.background, "background"), rng) is None


def test_phrases_are_found_where_they_end():
    text = "is the small red star left of the cyan thing?"
    first, second = mentions(text)
    assert text[: first.end].endswith("star") and first[1:] == ("small", "red", "star")
    assert text[: second.end].endswith("thing") and second[1:] == (None, "cyan", None)
    assert mentions("what shape is it?") == [] and mentions("how many crosses are there?")[0].shape == "cross"


# --- albums ---


@pytest.mark.parametrize("kind", albums.KINDS)
def test_albums_are_true(kind):
    rng, answers = np.random.default_rng(2), set()
    for _ in range(40):
        one = albums.album("test", kind, rng)
        answers.add(one.answer)
        assert {tinyworld.split_of(scene) for scene in one.scenes} == {"test"}
        things = [o for scene in one.scenes for o in scene.objects]
        if kind == "differs":
            attribute = one.question.removesuffix("?").split()[-1]
            values = [
                s.background if attribute == "background" else getattr(s.objects[0], attribute) for s in one.scenes
            ]
            odd = albums.PLACES.index(one.answer)
            assert values.count(values[odd]) == 1 and len(set(values)) == 2 and one.alone == tuple(values)
        if kind == "shows":
            (mention,) = mentions(one.question)
            shows = ["yes" if mention.of(s) else "no" for s in one.scenes]
            assert shows.count("yes") == 1 and shows.index("yes") == albums.PLACES.index(one.answer)
            assert one.alone == tuple(shows)
        if kind == "in all":
            (mention,) = mentions(one.question)
            counts = [len(mention.of(s)) for s in one.scenes]
            assert sum(counts) == albums.NUMBERS.index(one.answer) <= len(things)
            assert one.alone == tuple(albums.NUMBERS[n] for n in counts)
        if kind == "one of them":
            asked = albums.PLACES.index(one.question.split()[2])
            assert one.alone == tuple(one.answer if i == asked else "" for i in range(3))
        if kind == "examples":
            assert len(one.examples) == len(one.scenes) - 1
            last = one.scenes[-1]
            assert one.answer in (*last.objects[0].__getstate__(), last.background)
            fewer = albums.with_shots(one, 1)
            assert len(fewer.scenes) == 2 and fewer.examples == one.examples[-1:] and fewer.scenes[-1] == last
            assert one.alone == ("", *one.examples[1:], one.answer) and fewer.alone == ("", one.answer)
            assert albums.with_shots(one, 0).examples == () and albums.with_shots(one, 0).alone == ("",)
    assert len(answers) > 2


def test_an_unknown_kind_of_album_is_named():
    with pytest.raises(ValueError, match="kind must be one of"):
        albums.album("test", "riddle", np.random.default_rng(0))
