"""The world: what it draws, says and asks is true, and its splits are what they claim."""

import contextlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyworld
from tinyworld import Object, Scene
from tinyworld.vocabulary import RADII

PLAIN = {"white": (255, 255, 255), "grey": (150, 150, 150), "black": (20, 20, 20), "beige": (225, 208, 170)}


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[Scene]]:
    return {split: tinyworld.scenes(split, 600, seed=3) for split in tinyworld.SPLITS}


@pytest.fixture(scope="module")
def mixed(drawn) -> list[Scene]:
    return [scene for split in drawn.values() for scene in split[:250]]


def test_vocabulary_is_as_announced():
    assert len(tinyworld.SHAPES) == 6 and len(tinyworld.COLOURS) == 8 and len(tinyworld.BACKGROUNDS) == 6
    assert tinyworld.SIZES == ("small", "large")
    assert tinyworld.RELATIONS == ("left of", "right of", "above", "below")


# --- sampling and splits ---


def test_scenes_are_the_same_in_another_process():
    code = "import tinyworld as t; print(*(s.to_json() for s in t.scenes('test', 30, seed=5)), sep='\\n')"
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [Scene.from_json(line) for line in lines] == tinyworld.scenes("test", 30, seed=5)


@pytest.mark.parametrize("objects", [None, 1, 2, 3])
def test_a_longer_list_starts_with_the_shorter_one(objects):
    long = tinyworld.scenes("validation", 60, seed=1, objects=objects)
    assert long[:20] == tinyworld.scenes("validation", 20, seed=1, objects=objects)
    assert {len(s.objects) for s in long} == ({1, 2, 3} if objects is None else {objects})


def test_seeds_differ():
    assert tinyworld.scenes("train", 20, seed=0) != tinyworld.scenes("train", 20, seed=1)


def test_no_scene_is_in_two_splits_even_when_moved_by_a_hair(drawn):
    def rough(scene):
        cells = (f"{o.size} {o.colour} {o.shape} {o.x * 16 // 1} {o.y * 16 // 1}" for o in scene.objects)
        return scene.background, tuple(sorted(cells))

    seen = {split: {rough(s) for s in scenes} for split, scenes in drawn.items()}
    seen["train"] |= {rough(s) for s in tinyworld.scenes("train", 6000, seed=9)}
    for split in ("validation", "test", "compositional"):
        assert not seen["train"] & seen[split]
    assert not seen["validation"] & seen["test"]
    assert all(tinyworld.split_of(s) == split for split, scenes in drawn.items() for s in scenes)


def test_compositional_pairs_never_come_elsewhere_but_their_words_do(drawn):
    def pairs(split):
        return {(o.colour, o.shape) for s in drawn[split] for o in s.objects}

    for split in ("train", "validation", "test"):
        assert not pairs(split) & tinyworld.HELD_OUT_PAIRS
        assert len(pairs(split)) == 48 - len(tinyworld.HELD_OUT_PAIRS)
        assert {colour for colour, _ in pairs(split)} == set(tinyworld.COLOURS)
    for scene in drawn["compositional"]:
        assert any((o.colour, o.shape) in tinyworld.HELD_OUT_PAIRS for o in scene.objects)


def test_objects_keep_apart_and_inside(mixed):
    for scene in mixed:
        masks = scene.masks(64)
        assert (masks > 0).sum(0).max() <= 1, scene
        radii = [RADII[o.size] for o in scene.objects]
        assert all(r <= o.x <= 1 - r and r <= o.y <= 1 - r for o, r in zip(scene.objects, radii, strict=True))
        assert len({(o.colour, o.shape) for o in scene.objects}) == len(scene.objects)


@pytest.mark.parametrize(("split", "objects"), [("dev", None), ("", 1), ("train", 0), ("train", 4)])
def test_bad_requests_are_named(split, objects):
    with pytest.raises(ValueError, match="must be"):
        tinyworld.scenes(split, 1, objects=objects)


# --- pictures ---


@pytest.mark.parametrize("size", [17, 64, 224])
def test_any_size(size):
    scene = tinyworld.scenes("test", 1, objects=3)[0]
    picture = scene.render(size)
    assert picture.size == (size, size) and picture.mode == "RGB"
    assert scene.masks(size).shape == (3, size, size) and scene.label_map(size).shape == (size, size)


def test_rendering_is_repeatable_and_leaves_the_shared_background_alone(mixed):
    before = [np.asarray(s.render()) for s in mixed[:50]]
    assert all(np.array_equal(b, np.asarray(s.render())) for b, s in zip(before, mixed[:50], strict=True))


def test_pixels_are_the_object_s_colour_inside_and_the_background_outside(mixed):
    for scene in mixed[:300]:
        pixels, masks = np.asarray(scene.render(64)), scene.masks(64)
        for thing, mask in zip(scene.objects, masks, strict=True):
            assert (pixels[mask == 1] == tinyworld.COLOURS[thing.colour]).all()
        if scene.background in PLAIN:
            assert (pixels[masks.max(0) == 0] == PLAIN[scene.background]).all()


def test_edges_are_anti_aliased():
    scene = Scene((Object("circle", "red", "large", 0.5, 0.5),), "black")
    assert len(np.unique(np.asarray(scene.render(64))[..., 0])) > 5
    mask = scene.masks(64)[0]
    assert 0 < ((mask > 0) & (mask < 1)).sum() < 0.3 * (mask > 0).sum()


def test_a_picture_is_the_shrunken_larger_picture():
    for scene in tinyworld.scenes("test", 30, seed=4):
        shrunk = np.asarray(scene.render(256).reduce(4), dtype=float)
        assert np.abs(shrunk - np.asarray(scene.render(64), dtype=float)).mean() < 3


def test_an_object_may_leave_the_picture():
    scene = Scene((Object("square", "blue", "large", 0.0, 1.0),), "white")
    mask = scene.masks(64)[0]
    assert mask[-1, 0] == 1 and mask[0].max() == 0
    assert np.asarray(scene.render(64))[-1, 0].tolist() == list(tinyworld.COLOURS["blue"])


def test_shapes_and_sizes_cover_different_pixels():
    masks = {
        (shape, size): Scene((Object(shape, "red", size, 0.5, 0.5),), "white").masks(64)[0]
        for shape in tinyworld.SHAPES
        for size in tinyworld.SIZES
    }
    for a, first in masks.items():
        for b, second in masks.items():
            if a != b:
                assert np.minimum(first, second).sum() / np.maximum(first, second).sum() < 0.8, (a, b)


def test_label_map_agrees_with_the_masks(mixed):
    for scene in mixed[:100]:
        labels, masks = scene.label_map(64), scene.masks(64)
        for i, mask in enumerate(masks, start=1):
            assert ((labels == i) == (mask >= 0.5)).mean() > 0.999


# --- captions ---


def test_every_caption_parses_back_to_its_scene(mixed):
    rng = np.random.default_rng(0)
    for scene in mixed:
        for text in [scene.caption(), *(scene.caption(rng) for _ in range(4))]:
            assert tinyworld.parse_caption(text) == scene.facts(), text


def test_facts_are_those_of_the_scene(mixed):
    for scene in mixed:
        found = scene.facts()
        assert found.background == scene.background
        assert sorted(found.objects) == sorted((o.size, o.colour, o.shape) for o in scene.objects)
        if len(scene.objects) == 2:  # written without the package's own `relation`
            places = {(o.size, o.colour, o.shape): (o.x, o.y) for o in scene.objects}
            (x1, y1), (x2, y2) = places[found.objects[0]], places[found.objects[1]]
            assert x1 < x2 if found.relation == "left of" else y1 < y2, scene
            assert (abs(x1 - x2) > abs(y1 - y2)) == (found.relation == "left of")
        else:
            assert found.relation is None


def test_canonical_captions_read_as_written():
    star = Object("star", "red", "small", 0.2, 0.5)
    circle = Object("circle", "blue", "large", 0.75, 0.5)
    assert Scene((star,), "white").caption() == "a small red star on a white background"
    pair = Scene((star, circle), "striped")
    assert pair.caption() == "a small red star left of a large blue circle on a striped background"
    assert pair.relation() == (star, "left of", circle)
    assert Scene((star,), "white").relation() is None


def test_paraphrases_vary_and_are_repeatable():
    scene = tinyworld.scenes("test", 1, objects=2)[0]
    assert len(set(scene.captions(100, seed=0))) > 30
    assert scene.captions(10, seed=0) == scene.captions(10, seed=0) != scene.captions(10, seed=1)


def test_swapping_turns_the_relation_round_and_twice_is_nothing(drawn):
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    for scene in drawn["test"]:
        if len(scene.objects) == 1:
            with pytest.raises(ValueError, match="nothing to swap"):
                scene.swapped()
        else:
            swapped = scene.swapped()
            assert swapped.swapped() == scene and swapped.facts() != scene.facts() or len(scene.objects) == 3
            assert (swapped.masks(64) > 0).sum(0).max() <= 1  # still apart
            if len(scene.objects) == 2:
                assert swapped.relation()[1] == opposite[scene.relation()[1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "background"),
        ("a small red star", "background"),
        ("a star on a white background", "0 objects"),
        ("a small red star and a large blue circle on a white background", "0 relations between 2"),
        ("a small red star left of a large blue circle above on a white background", "2 relations between 2"),
        ("a small red dragon on a white background", "0 objects"),
        ("a small red star and a dragon on a white background", "cannot read 'dragon'"),
        ("a small red star on a white background on a black background", "found 2"),
    ],
)
def test_what_cannot_be_read_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        tinyworld.parse_caption(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_parses_or_is_a_value_error(text):
    with contextlib.suppress(ValueError):
        tinyworld.parse_caption(text)


def test_short_captions_and_prompts_are_true(mixed):
    rng = np.random.default_rng(1)
    for scene in mixed:
        words = set(scene.short_caption(rng).split())
        assert words & set(tinyworld.COLOURS) <= {o.colour for o in scene.objects}
        assert words & set(tinyworld.SHAPES) <= {o.shape for o in scene.objects}
        assert words & set(tinyworld.BACKGROUNDS) <= {scene.background}
    assert "a red shape" in tinyworld.prompts("colour", "red")
    assert "a picture of a star" in tinyworld.prompts("shape", "star")
    with pytest.raises(ValueError, match="attribute must be"):
        tinyworld.prompts("mood", "red")
    with pytest.raises(ValueError, match="colour must be"):
        tinyworld.prompts("colour", "star")


# --- questions ---


def answer(scene: Scene, text: str) -> str:
    """A second reader of questions, which shares no code with the first."""
    numbers = ["zero", "one", "two", "three"]
    words = re.findall(r"[a-z]+", text)
    colours = [w for w in words if w in tinyworld.COLOURS]
    shapes = [w for w in words if w in tinyworld.SHAPES]
    fits = [o for o in scene.objects if o.colour in colours[:1] or not colours]
    plural = [s for s in tinyworld.SHAPES if s + "s" in words or s + "es" in words]
    fits = [o for o in fits if o.shape in (shapes[:1] or plural or tinyworld.SHAPES)]
    if "background" in words:
        return scene.background
    if words[:2] == ["how", "many"]:
        return numbers[len(fits)]
    if len(colours) == 2:
        (a,) = [o for o in scene.objects if (o.colour, o.shape) == (colours[0], shapes[0])]
        (b,) = [o for o in scene.objects if (o.colour, o.shape) == (colours[1], shapes[1])]
        beside = abs(a.x - b.x) > abs(a.y - b.y)
        truth = ("left of" if a.x < b.x else "right of") if beside else ("above" if a.y < b.y else "below")
        return truth if words[0] in ("where", "how") else ("yes" if f" {truth} " in text else "no")
    if words[0] in ("is", "do", "can"):
        return "yes" if fits else "no"
    (thing,) = fits
    if "colour" in words:
        return thing.colour
    return thing.size if {"big", "size"} & set(words) else thing.shape


def test_answers_are_true(mixed):
    rng = np.random.default_rng(2)
    kinds = set()
    for scene in mixed:
        for question in scene.questions() + scene.questions(rng):
            assert question.answer == answer(scene, question.text), (scene, question)
            kinds.add(question.kind)
    assert kinds == {"colour", "shape", "size", "count", "yes/no", "relation", "background"}


def test_yes_is_no_better_a_guess_than_no(mixed):
    rng = np.random.default_rng(3)
    asked = [q.answer for s in mixed for q in s.questions(rng) if q.kind == "yes/no"]
    assert 0.45 < asked.count("yes") / len(asked) < 0.55


# --- JSON ---

objects = st.builds(
    Object,
    shape=st.sampled_from(tinyworld.SHAPES),
    colour=st.sampled_from(list(tinyworld.COLOURS)),
    size=st.sampled_from(tinyworld.SIZES),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
)


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        Scene,
        objects=st.lists(objects, min_size=1, max_size=3).map(tuple),
        background=st.sampled_from(tinyworld.BACKGROUNDS),
    )
)
def test_json_round_trip_is_exact(scene):
    again = Scene.from_json(scene.to_json())
    assert again == scene and hash(again) == hash(scene)


GOOD = json.loads(Scene((Object("star", "red", "small", 0.5, 0.5),), "white").to_json())


def spoilt(**changes) -> str:
    return json.dumps(GOOD | {"objects": [GOOD["objects"][0] | changes]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "the scene must be a JSON object, got list"),
        ("{}", "lacks background, objects"),
        (json.dumps(GOOD | {"mood": "sad"}), "unknown fields: mood"),
        (json.dumps(GOOD | {"background": "plaid"}), "background must be one of white"),
        (json.dumps(GOOD | {"background": ["white"]}), "background must be one of"),
        (json.dumps(GOOD | {"objects": []}), "1 to 3 objects, got 0"),
        (json.dumps(GOOD | {"objects": GOOD["objects"] * 4}), "1 to 3 objects, got 4"),
        (json.dumps(GOOD | {"objects": "star"}), "objects must be a list, got str"),
        (json.dumps(GOOD | {"objects": ["star"]}), r"objects\[0\] must be a JSON object"),
        (spoilt(shape="dragon"), r"objects\[0\]: shape must be one of circle"),
        (spoilt(colour=3), r"objects\[0\]: colour must be"),
        (spoilt(x=1.5), r"objects\[0\]: x must be a number in \[0, 1\], got 1.5"),
        (spoilt(y=float("nan")), "y must be a number"),
        (spoilt(x="0.5"), "x must be a number"),
        (spoilt(x=True), "x must be a number"),
        (spoilt(z=1), r"objects\[0\] has unknown fields: z"),
    ],
)
def test_bad_json_says_what_is_wrong(text, message):
    with pytest.raises(ValueError, match=message):
        Scene.from_json(text)


# --- the rest ---


def test_a_missing_checkpoint_is_named():
    with pytest.raises(FileNotFoundError, match="no checkpoint 'nothing'"):
        tinyworld.checkpoint("nothing")


def test_the_gallery_draws_a_sheet(tmp_path):
    out = tmp_path / "sheet.png"
    command = [sys.executable, "-m", "tinyworld", "gallery", "--out", str(out), "-n", "9", "--split", "test"]
    assert "sheet.png" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.stat().st_size > 2000


def test_importing_the_world_does_not_load_torch():
    code = "import sys, tinyworld; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
