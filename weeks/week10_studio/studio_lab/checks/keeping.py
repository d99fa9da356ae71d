"""The visible checks of week 10 about what is kept and handed on: `remember`, `recipe`, `deck` and `create`."""

from __future__ import annotations

import json

from coursekit.checks import Slip, assert_same, assert_that, check
from coursekit.student import StudentError
from studio_lab.checks import reference

# --- 8 remember -------------------------------------------------------------------------------------------------------


@check("remember")
def newest_first(student, rng):
    """What is remembered comes back whole, the newest first."""
    path = student.library("studio_lab.probes").new_history()
    try:
        reference.assert_works(student.recall(path, "ada"), [], "before anything was remembered")
    except StudentError as error:
        if "no such table" in error.message:
            raise Slip(f"a file or a table that is missing holds no works ({error.message})") from None
        raise
    works = [(reference.record(rng), reference.noise(rng)) for _ in range(3)]
    numbers = [student.remember(path, "ada", *work) for work in works]
    assert_that(
        all(type(n) is int for n in numbers) and len(set(numbers)) == 3, f"remember returned {numbers}: the rows' ids?"
    )
    found = student.recall(path, "ada")
    reference.assert_works(found, works[::-1])
    assert_same([one["id"] for one in found], numbers[::-1], "the numbers that come back")


@check("remember")
def sessions_do_not_mix(student, rng):
    """Each session sees its own works only."""
    path = student.library("studio_lab.probes").new_history()
    works = [(reference.record(rng), reference.noise(rng)) for _ in range(3)]
    for session, work in zip(("ada", "bob", "ada"), works, strict=True):
        student.remember(path, session, *work)
    reference.assert_works(student.recall(path, "ada"), [works[2], works[0]], "ada's works")
    reference.assert_works(student.recall(path, "bob"), [works[1]], "bob's works")
    reference.assert_works(student.recall(path, "eve"), [], "eve's works")


@check("remember")
def names_are_only_text(student, rng):
    """Whatever a session is called, it sees its own works only."""
    path = student.library("studio_lab.probes").new_history()
    works = {name: (reference.record(rng), reference.noise(rng)) for name in ("o'hara", "ad%", "adam")}
    for name, work in works.items():
        student.remember(path, name, *work)
    for name, work in works.items():
        quoted = "a quote in a session's name ends the SQL: give it as a parameter, ?"
        try:
            found = student.recall(path, name)
        except StudentError as error:
            if error.kind == "OperationalError" and "'" in name:
                raise Slip(f"{quoted} ({error.message})") from None
            raise
        if "'" in name and found == [] and student.recall(path, "adam"):
            raise Slip(quoted)
        if name == "ad%" and len(found) == 2:
            raise Slip("`ad%` sees adam's works: with LIKE a per cent sign stands for anything; = compares")
        reference.assert_works(found, [work], f"the works of {name!r}")


@check("remember", weight=2)
def on_the_disk_and_on_time(student, rng):
    """When remember returns the work is in the file, with the time in UTC."""
    probes = student.library("studio_lab.probes")
    path = probes.new_history()
    word = "".join(rng.choice(list("bcdfghjklmnpqrstvwxz"), size=24))
    student.remember(path, "ada", {"prompt": word}, reference.noise(rng))
    raw = probes.file_bytes(path)
    assert_that(raw[:15] == b"SQLite format 3", "when remember returns the file is no SQLite database: is it written?")
    assert_that(word.encode() in raw, "when remember returns the work is not in the file: is it committed?")
    made = probes.made_in_tokyo(student.remember, path, "ada", {"prompt": word}, reference.noise(rng))
    off = reference.seconds_off(made)
    if abs(off - 9 * 3600) < 600:
        raise Slip(f"{made!r} is the time of this machine's place: UTC is asked for")
    assert_that(abs(off) < 600, f"{made!r} is {off / 60:.0f} minutes off the present time")


# --- 9 recipe ---------------------------------------------------------------------------------------------------------


@check("recipe")
def into_the_picture_and_out(student, rng):
    """A recipe goes into a PNG and comes out again, and the pixels stay."""
    for kind in ("paint", "repaint"):
        told, picture = reference.recipe(rng, kind), reference.noise(rng)
        file = student.stamp(picture, told)
        assert_that(isinstance(file, bytes) and file[:8] == b"\x89PNG\r\n\x1a\n", "expected the bytes of a PNG file")
        assert_that(len(file) < 100_000, f"the file has {len(file)} bytes")
        for word in (b"recipe", b"Disclaimer"):
            assert_that(b"iTXt" + word + b"\0" in file, f"the file holds no iTXt chunk {word.decode()!r}")
        assert_same(student.read_recipe(file), told, "the recipe in the picture")
        try:
            found = student.read_recipe(json.dumps(told).encode())
        except StudentError as error:
            raise Slip(f"JSON files hold recipes too, and this one was refused: {error.message}") from None
        assert_same(found, told, "the recipe in JSON")


@check("recipe")
def what_is_wrong_is_named(student, rng):
    """A recipe that lacks a field, or has a wrong one, is refused, and the field is named."""
    for name, wrong in (
        ("prompt", None),
        ("seed", "7"),
        ("steps", 0),
        ("guidance", "much"),
        ("profile", "huge"),
        ("steps", True),
        ("guidance", float("nan")),
    ):
        told = reference.recipe(rng)
        del told[name]
        for change in ({}, {name: wrong}):
            file = json.dumps(told | change).encode()
            said = reference.refused(
                lambda file=file: student.read_recipe(file), f"{name} = {wrong!r}" if change else f"{name} missing"
            )
            assert_that(name in said, f"the message should name {name!r}; it says {said!r}")
    reference.refused(lambda: student.read_recipe(b"[1, 2"), "half a JSON file")


@check("recipe")
def fields_and_costs_in_all(student, rng):
    """Fields that nobody asked for are left out, and what a recipe goes back to counts."""
    told = reference.recipe(rng)
    found = student.read_recipe(json.dumps(told | {"run": "rm -rf /"}).encode())
    if found == told | {"run": "rm -rf /"}:
        raise Slip("fields that nobody asked for come along; they are left out")
    assert_same(found, told, "the recipe with a field too many")
    deep = reference.recipe(rng, "repaint")
    deep["from"]["from"]["steps"] = 0
    reference.refused(lambda: student.read_recipe(json.dumps(deep).encode()), "no steps in what it goes back to")
    costly = reference.recipe(rng) | {"steps": int(rng.integers(2, 100))}
    for steps in (100, 100, 100, 100, 100, 101 - costly["steps"]):
        costly = reference.recipe(rng, "vary") | {"from": costly, "steps": steps}
    reference.refused(lambda: student.read_recipe(json.dumps(costly).encode()), "601 steps in all")


# --- 10 deck ----------------------------------------------------------------------------------------------------------


@check("deck", weight=2)
def a_slide_for_each(student, rng):
    """One section for the title, and one for each picture with its prompt and caption."""
    wanted = reference.slides(rng, 3)
    page = reference.assert_deck(student.deck("My session", wanted), "My session", wanted)
    for section, slide in zip(page.sections[1:], wanted, strict=True):
        assert_that(str(slide["seed"]) in section["text"], f"a slide does not show its seed, {slide['seed']}")
    for tag, attributes in page.tags:
        for name in ("src", "href"):
            address = attributes.get(name, "data:")
            assert_that(address.startswith(("data:", "#")), f"<{tag} {name}> fetches {address[:60]} from elsewhere")


@check("deck")
def typed_text_is_text(student, rng):
    """What was typed is shown as it is, tags and ampersands too."""
    wanted = reference.slides(rng, 2)
    wanted[0]["prompt"], wanted[1]["caption"] = "<b>bold</b> & more", "1 < 2 & 3"
    page = student.deck("Session", wanted)
    if "&amp;lt;" in page or "&amp;amp;" in page:
        raise Slip("something is escaped twice: &amp;lt; is shown as &lt;")
    if any(tag == "b" for tag, _ in reference.Page(page).tags):
        raise Slip("a prompt became a tag of the page: html.escape what was typed")
    reference.assert_deck(page, "Session", wanted)


# --- 11 create --------------------------------------------------------------------------------------------------------


@check("create", weight=2)
def ranked_described_remembered(student, rng):
    """The candidates come best first; the best one is described and remembered."""
    seed = int(rng.integers(10**6))
    made = reference.plan(rng, seed)
    found = reference.created(student, made)
    reference.assert_best_first(found, made)
    assert_that(found["steps"] == [7], "on_step was not passed on to the painter")
    best = max(made["scores"], key=made["scores"].get)
    assert_that(found["remembered"] != [], "nothing was remembered")
    assert_same([number for _, number in found["remembered"]], [best], "the seeds whose pictures were remembered")
    kept = found["remembered"][0][0]
    assert_that("picture" not in kept, "the record holds the picture: it is all of the work but that")
    assert_same(
        sorted(kept), sorted(["prompt", "seed", "steps", "guidance", "score", "caption", "match"]), "its fields"
    )
    assert_same(kept["seed"], best, "the seed in the record")


@check("create")
def a_full_disk(student, rng):
    """When the history cannot be written, the pictures are there all the same, and a note says so."""
    for kind in ("sqlite3.Error", "OSError"):
        made = reference.plan(rng, int(rng.integers(10**6)), saving=kind)
        found = reference.created(student, made)
        raised = f"of an {kind} while remembering comes a note; it came out as {found.get('error')}"
        assert_that("error" not in found, raised)
        reference.assert_best_first(found, made)
        assert_that(len(reference.result_of(found)[1]) > 0, "nothing tells that it was not saved: add a note")


@check("create")
def memory_and_words(student, rng):
    """Out of memory, candidates are painted one by one; unknown words are told."""
    for kind in ("MemoryError", "OutOfMemoryError"):
        made = reference.plan(rng, int(rng.integers(10**6)), batch=1, exhausted=kind)
        found = reference.created(student, made)
        assert_that("error" not in found, f"of a {kind} comes painting one by one; it came out as {found.get('error')}")
        reference.assert_best_first(found, made)
        assert_that(len(reference.result_of(found)[1]) > 0, "nothing tells that memory was short: add a note")
        try:
            none = reference.created(student, reference.plan(rng, int(rng.integers(10**6)), batch=0, exhausted=kind))
            came = none.get("error") or "a result"
        except StudentError as error:
            if error.unanswered:
                raise
            came = error.kind
        assert_that(came == "MemoryError", f"where one picture is too much a MemoryError comes out; here: {came}")
    made = reference.plan(rng, int(rng.integers(10**6)), unknown=["zebra", "quark"])
    notes = " ".join(reference.result_of(reference.created(student, made))[1])
    assert_that("zebra" in notes and "quark" in notes, f"no note names the unknown words; the notes are {notes!r}")
