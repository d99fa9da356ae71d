"""Scenes as programs: written, parsed, drawn, compared, and drawn alike by a browser."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support import browser

import tinyworld
from tinyworld import programs
from tinyworld.programs import Use, compare, program_of
from tinyworld.train.programs.parsing import ProgramError, parse, program_or_none

SCENES = tinyworld.scenes("test", 200, seed=6)
TWO = '<use href="#white"/>\n<use href="#small-star" class="red" x="40" y="50"/>'


def test_a_scenes_program_draws_the_scene():
    agreed = [compare(parse(program_of(scene)), scene) for scene in SCENES]
    assert all(found.facts for found in agreed)
    assert np.mean([found.iou for found in agreed]) > 0.94 and min(found.iou for found in agreed) > 0.87


def test_what_is_parsed_is_what_was_written():
    for scene in SCENES:
        text = program_of(scene)
        program = parse(text)
        assert str(program) == text and program.facts() == scene.facts()
        assert [use.x for use in program.uses] == sorted(use.x for use in program.uses)
        # the order in which a scene lists its objects does not matter
        assert program_of(replace(scene, objects=scene.objects[::-1])) == text
        assert np.array_equal(program.render(), program.scene().render())


def test_spaces_quotes_and_the_order_of_attributes_do_not_matter():
    loose = "\n <use  href='#white' />\n\n<use y='50' x='40' class='red' href='#small-star'></use>".replace(
        "></use>", "/>"
    )
    assert parse(loose) == parse(TWO) == programs.Program("white", (Use("small", "star", "red", 40, 50),))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("<use/>", "line 1: href is missing"),
        ('<use href="#plaid"/>', "line 1: expected a background"),
        ("white\n", "line 1: expected one <use"),
        (TWO.replace("#small-star", "#tiny-star"), "line 2: no shape is called '#tiny-star'"),
        (TWO.replace("#small-star", "small-star"), "line 2: no shape"),
        (TWO.replace('"red"', '"mauve"'), "line 2: the class is a colour"),
        (TWO.replace('"40"', '"129"'), "line 2: x is a whole number"),
        (TWO.replace('"50"', '"5e1"'), "line 2: y is a whole number"),
        (TWO.replace('"50"', '"-5"'), "line 2: y is a whole number"),
        (TWO.replace('"40"', '"٤٠"'), "line 2: x is a whole number"),
        (TWO.replace(' x="40"', ""), "line 2: x is missing"),
        (TWO.replace("/>", ' onload="alert(1)"/>'), "line 1: onload is unknown"),
        (TWO.replace(' x="40"', ' x="40" x="41"'), "line 2: duplicate attribute"),
        (TWO + TWO.splitlines()[1], "line 2: expected one <use"),
        (TWO + "\n" + "\n".join([TWO.splitlines()[1]] * 8), "at most 8 objects"),
        ("<use/>" * 500, "at most 1000 characters"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><use href="#white"/>', "line 1: expected one <use"),
        ('<use href="&white;"/>', "line 1: expected one <use"),
        ("__import__('os').system('true')", "line 1: expected one <use"),
    ],
)
def test_what_is_no_program_is_named(text, says):
    with pytest.raises(ProgramError, match="(?s)" + says.replace("(", r"\(").replace("?", r"\?")):
        parse(text)
    assert program_or_none(text) is None


def test_any_cut_of_a_program_is_a_program_or_an_error():
    text = program_of(tinyworld.scenes("test", 1, objects=3)[0])
    kinds = {type(program_or_none(text[:i])) for i in range(len(text) + 1)}
    assert kinds == {type(None), programs.Program}


def test_a_comparison_counts_what_is_wrong():
    scene = tinyworld.scenes("test", 1, seed=2, objects=2)[0]
    program = parse(program_of(scene))
    first, second = program.uses
    right = compare(program, scene).iou
    assert compare(None, scene) == (False, 0.0)
    other = replace(first, colour=next(c for c in tinyworld.COLOURS if c not in (first.colour, second.colour)))
    wrong = compare(replace(program, uses=(other, second)), scene)
    assert not wrong.facts and abs(wrong.iou - right / 2) < 0.05
    missing, more = (compare(replace(program, uses=uses), scene) for uses in ((first,), (first, second, second)))
    assert not missing.facts and abs(missing.iou - right / 2) < 0.05
    assert not more.facts and abs(more.iou - 2 * right / 3) < 0.05
    moved = compare(replace(program, uses=(replace(first, x=(first.x + 6) % 120), second)), scene)
    assert moved.iou < right - 0.1
    ground = compare(replace(program, background="white" if scene.background != "white" else "black"), scene)
    assert not ground.facts and ground.iou == right
    exchanged = (replace(first, x=second.x, y=second.y), replace(second, x=first.x, y=first.y))
    assert not compare(replace(program, uses=exchanged), scene).facts  # the relation is a fact


@pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "a browser is here")
def test_a_browser_draws_the_document_as_the_world_does():
    drawn = [s for s in SCENES if len(s.objects) == 3][:6]
    for name in ("striped", "checked"):
        drawn.append(replace(drawn[0], background=name))
    with browser.browser(viewport={"width": 256, "height": 256}) as context:
        page = context.new_page()
        for scene in drawn:
            program = parse(program_of(scene))
            page.set_content(f'<body style="margin:0">{programs.document(program, 256)}')
            shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            apart = np.abs(np.asarray(shot, dtype=float) - np.asarray(program.render(256), dtype=float)).max(axis=2)
            assert (apart > 60).mean() < 0.01, scene  # edges alone, where the two hands smooth in their own way
