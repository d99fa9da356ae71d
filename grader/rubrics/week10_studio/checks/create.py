# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `create`."""

from __future__ import annotations

import json

from numpy.random import Generator
from PIL import Image

from coursekit.checks import assert_close, assert_same, assert_that, check, evidence
from coursekit.student import Student
from studio_lab.checks.reference import (
    assert_alike,
    assert_best_first,
    created,
    plan,
    result_of,
    scene,
    seeds_of,
)


@check("create")
def short_of_memory(student: Student, rng: Generator) -> None:
    """Out of memory, the candidates are painted one by one; where even one is too much, it is said what to do."""
    for kind in ("MemoryError", "OutOfMemoryError"):
        made = plan(rng, int(rng.integers(10**6)), batch=1, exhausted=kind)
        found = created(student, made)
        assert_best_first(found, made)
        assert_that(len(result_of(found)[1]) == 1, f"{kind}: expected one note, found {result_of(found)[1]}")
        found = created(student, plan(rng, int(rng.integers(10**6)), batch=0, exhausted=kind))
        assert_same(found.get("error"), "MemoryError", f"{kind} for one picture: what comes out")
        assert_that(
            len(found["said"].split()) > 4 and found["said"] != "not enough memory", "say what to do, in a sentence"
        )
        assert_that(not found["remembered"], "nothing was painted, and something was remembered")


@check("create")
def words_and_other_disks(student: Student, rng: Generator) -> None:
    """Unknown words are named, a prompt that cannot be read paints nothing, and any failure to save is a note."""
    made = plan(rng, int(rng.integers(10**6)), unknown=["zebra", "quark"])
    _, notes = result_of(created(student, made))
    assert_that(len(notes) == 1 and "zebra" in notes[0] and "quark" in notes[0], f"the notes are {notes}")
    _, notes = result_of(created(student, plan(rng, 5)))
    assert_same(notes, [], "the notes when all went well")
    found = created(student, plan(rng, 5), "  ")
    assert_same(found.get("error"), "ValueError", "of an empty prompt: what comes out")
    assert_same(found["calls"], ["read_prompt"], "of an empty prompt: what was asked of the studio")
    made = plan(rng, int(rng.integers(10**6)), n=4, saving="OSError")
    found = created(student, made, candidates=4)
    assert_best_first(found, made)
    assert_that(len(result_of(found)[1]) == 1, "an OSError while saving: expected one note")


@check("create", weight=2)
def the_app_runs_on_it(student: Student, rng: Generator) -> None:
    """In the app it paints what was asked for, and a restart finds it again, with every setting."""
    one, (seed,) = scene(rng), seeds_of(rng, 1)
    settings = {
        "seed": seed,
        "candidates": 2,
        "steps": int(rng.integers(5, 8)),
        "guidance": float(rng.choice([2.5, 4.0])),
    }
    made = plan(rng, seed, n=2)
    app = student.library("studio_lab.probes")
    found = app.visit(student.create, made, f"  {one.caption()}", settings)
    assert_same(found["errors"], [], "what the app says went wrong")
    pictures = list(made["pictures"].values())
    score = max(made["scores"].values())
    place = list(made["scores"].values()).index(score)
    assert_alike(found["picture"], pictures[place], "the picture on the page")
    evidence("The picture on the page", found["picture"].resize((256, 256), Image.Resampling.NEAREST))
    wanted = {
        "prompt": one.caption(),
        "seed": seed + place,
        "steps": settings["steps"],
        "guidance": settings["guidance"],
    }
    shown = {name: found["record"].get(name) for name in wanted}
    assert_same(json.dumps(shown), json.dumps(wanted), "the work on the page")
    assert_close(found["record"].get("score"), score, atol=2e-3, what="its score")
    assert_same(found["record"].get("caption"), f"scored {score:.3f}", "its caption")
    for when in ("before", "after"):
        assert_same(len(found[when]), 1, f"the works in the history, {when} the restart")
        kept, picture = found[when][0]
        assert_same(json.dumps({name: kept.get(name) for name in wanted}), json.dumps(wanted), f"the record, {when}")
        assert_alike(picture, pictures[place], f"the picture in the history, {when} the restart")
    asked = {"text": wanted["prompt"], **{name: wanted[name] for name in ("seed", "steps", "guidance")}}
    assert_same(json.dumps(found["reopened"]), json.dumps(asked), "the settings that the history brings back")
    broken = app.visit(student.create, made, "x" * 10_000, settings)
    assert_that(
        any("300" in text for text in broken["errors"]), f"of 10,000 characters the app says {broken['errors']}"
    )
    assert_same(broken["after"], [], "what the history holds then")
