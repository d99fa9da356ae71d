# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `redraw`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, assert_that, check
from coursekit.student import Student
from grader.rubrics.week06_tokens.checks.shared import show_scenes
from tinyworld import Scene
from token_lab import data
from token_lab.checks.reference import as_program, difference, moved, some_scene


@check("redraw", weight=2)
def any_program(student: Student, rng: Generator) -> None:
    """Programs of one, two and three objects, at the edges too; every small change of form raises ValueError."""
    ran = student.library("token_lab.probes").ran
    for objects in (1, 2, 3, 2):
        scene = some_scene(rng, objects)
        found = ran(student.run_program, f"\n <!-- a picture -->\n  {as_program(scene)}  \n\n<!---->")
        assert_same(found["scene"], scene.to_json(), "the scene")
    ground = '<use href="#white"/>\n'
    line = '<use href="#small-star" class="red" x="0" y="128"/>'
    assert_that(not ran(student.run_program, ground + line)["error"], "a place on the edge is none of the program's")
    for wrong, said in (
        (line.replace('"128"', '"-1"'), "a negative place"),
        (line.replace('"128"', '"12.5"'), "a place that is no whole number"),
        (line.replace('"128"', '"1_2"'), "a number with an underscore"),
        (line.replace('"128"', '"+12"'), "a number with a sign"),
        (line.replace('"128"', '" 12"'), "a number with a space"),
        (line.replace('"128"', '""'), "no number"),
        (line.replace("small", "tiny"), "a size that the world does not know"),
        (line.replace("star", "moon"), "a shape that the world does not know"),
        (line.replace("/>", ' onclick="run()"/>'), "an attribute too many"),
        (line.replace(' y="128"', ""), "an attribute too few"),
        (line.replace("/>", ">"), "an element that does not end"),
        (line + line, "two elements in a line"),
        (line.replace("#", ""), "a reference without #"),
        ("<!-- a star\n" + line, "a comment that does not end"),
        (f"import os\n{line}", "a line of Python"),
    ):
        found = ran(student.run_program, ground + wrong)
        assert_that(found["error"] == "ValueError", f"{said} {_told(found)} where a ValueError was due")
    pink = ran(student.run_program, '<use href="#pinkish"/>\n' + line)
    assert_that(pink["error"] == "ValueError", f"a background that the world does not know {_told(pink)}")


def _told(found: dict[str, object]) -> str:
    return f"raised {found['error']}" if found["error"] else "gave a scene"


@check("redraw", weight=2)
def any_tries(student: Student, rng: Generator) -> None:
    """Near enough, never near enough, nothing that can be run, and no text at all."""
    watched = student.library("token_lab.probes").watched_redraw
    scene = some_scene(rng, 3)
    picture, near, far = scene.render(64), moved(scene, 2), moved(scene, 20)
    off = difference(near, picture)
    texts = [as_program(far), "no program", as_program(near), as_program(scene)]
    found = watched(student.redraw, texts, picture, off + 1e-6)
    assert_same(
        [found["scene"], found["count"], found["taken"]], [near.to_json(), 3, 3], "with a near enough third text it"
    )
    assert_close(found["off"], off, what="its difference")
    found = watched(student.redraw, texts[:3], picture, off / 2)
    assert_same([found["scene"], found["count"]], [near.to_json(), 3], "where none is near enough it")
    found = watched(student.redraw, [texts[3], *texts], picture, 0.0)
    assert_same(
        [found["count"], found["taken"], found["off"]], [1, 1, 0.0], "where the first text draws the picture it"
    )
    for nothing in (["no", "<use/>"], []):
        found = watched(student.redraw, nothing, picture, 0.1)
        assert_same(
            [found["scene"], found["off"], found["count"]], [None, 1.0, len(nothing)], "where nothing can be run it"
        )


@check("redraw", artefact=True)
def the_redrawn_pictures(student: Student, rng: Generator) -> None:
    """`my_scenes` are the scenes behind the pictures that the notebook had drawn again."""
    wanted, found = data.scenes_to_redraw(), list(student.my_scenes)
    assert_same(len(found), len(wanted), "the number of my_scenes")
    scenes = [Scene.from_json(text) if text else None for text in found]
    show_scenes("Pictures, and below what your programs draw", wanted, scenes)
    pairs = zip(scenes, wanted, strict=True)
    same = sum(one is not None and difference(one, other.render(64)) < 0.02 for one, other in pairs)
    assert_that(same >= 0.75 * len(wanted), f"{same} of {len(wanted)} of my_scenes draw their pictures")
