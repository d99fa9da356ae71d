# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `remember`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_same, assert_that, check
from coursekit.student import Student
from studio_lab.checks.reference import (
    assert_works,
    noise,
    record,
)


@check("remember")
def what_is_typed_is_text(student: Student, rng: Generator) -> None:
    """Quotes, semicolons and other alphabets in sessions and prompts are kept as they are."""
    path = student.library("studio_lab.probes").new_history()
    names = ["o'hara", "'); DROP TABLE works; --", "ada%", "adam", "ünï ☂"]
    works = [({**record(rng), "prompt": f'{name} " ? \\ {{}}'}, noise(rng)) for name in names]
    for name, work in zip(names, works, strict=True):
        student.remember(path, name, *work)
    for name, work in zip(names, works, strict=True):
        assert_works(student.recall(path, name), [work], f"the works of {name!r}")


@check("remember", weight=2)
def it_is_on_the_disk(student: Student, rng: Generator) -> None:
    """What was remembered is in the file: another file, with other words in it, tells those."""
    probes, picture = student.library("studio_lab.probes"), noise(rng)
    path = probes.new_history()
    word, other = ("".join(rng.choice(list("bcdfghjklmnpqrstvwxz"), size=24)) for _ in range(2))
    student.remember(path, "ada", {"prompt": word}, picture)
    raw = probes.file_bytes(path)
    assert_that(raw[:15] == b"SQLite format 3", "the file is no SQLite database")
    assert_that(word.encode() in raw, "the prompt is not in the file when remember returns. Is it committed?")
    found = student.recall(probes.write_file(raw.replace(word.encode(), other.encode())), "ada")
    assert_works(found, [({"prompt": other}, picture)], "the works of a copy that was changed")


@check("remember", weight=2)
def a_full_disk_loses_nothing(student: Student, rng: Generator) -> None:
    """When the disk is full, remember raises, and what was there stays and can be read."""
    probes = student.library("studio_lab.probes")
    path = probes.new_history()
    works = [(record(rng), noise(rng)) for _ in range(2)]
    for work in works:
        student.remember(path, "ada", *work)
    kind = probes.on_a_full_disk(student.remember, path, "ada", record(rng), noise(rng, 300, 200))
    assert_that(kind != "", "the disk was full, and remember raised no sqlite3.Error and no OSError")
    assert_works(student.recall(path, "ada"), works[::-1], "after a full disk")
    student.remember(path, "ada", *works[0])
    assert_same(len(student.recall(path, "ada")), 3, "the number of works once there is room again")


@check("remember")
def several_at_once(student: Student, rng: Generator) -> None:
    """Threads that remember at the same time lose nothing."""
    probes, names = student.library("studio_lab.probes"), ["a", "b", "c"]
    path = probes.new_history()
    wrong = probes.from_threads(student.remember, path, names, 4, noise(rng))
    assert_that(not wrong, f"in a thread: {wrong[:1]}")
    for name in names:
        found = [work["record"] for work in student.recall(path, name)]
        assert_same([one["i"] for one in found], [3, 2, 1, 0], f"what {name} remembered")
