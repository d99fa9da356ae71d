# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `fallback`."""

from __future__ import annotations

from numpy.random import Generator

from coursekit.checks import assert_close, assert_same, assert_that, check
from coursekit.student import Student
from whisper_lab import measuring
from whisper_lab.checks.reference import (
    LOOP,
    SENTENCE,
    WORDS,
)


@check("fallback")
def other_limits(student: Student, rng: Generator) -> None:
    """The limits are those it is given."""
    asked = student.library("whisper_lab.probes")
    temperatures = (0.0, 0.5, 1.0)
    results = [(SENTENCE, -0.7), (SENTENCE + " on white", -0.4), (SENTENCE + " on grey", -0.1)]
    found, _ = asked.asked_by_fallback(student.with_fallback, results, temperatures, 2.4, -0.5)
    assert_same(found[0], results[1][0], "with a limit of -0.5 the text")
    found, _ = asked.asked_by_fallback(student.with_fallback, [(LOOP, -0.2), *results[1:]], temperatures, 100.0, -1.0)
    assert_same(found[0], LOOP, "with a limit of 100 times compressed the text")
    loose, tight = (
        asked.asked_by_fallback(student.with_fallback, results, temperatures, limit, -1.0)[0] for limit in (1.5, 0.5)
    )
    assert_same(loose[0], SENTENCE, "a sentence that is hardly compressible, limit 1.5: the text")
    assert_same(tight[0], results[-1][0], "where nothing will do, the last: the text")


@check("fallback", weight=2)
def where_nothing_will_do(student: Student, rng: Generator) -> None:
    """Where no temperature will do, the last one's text is what there is."""
    asked = student.library("whisper_lab.probes")
    results = [(LOOP, -0.2), (SENTENCE, -3.0), (LOOP, -4.0)]
    found, tried = asked.asked_by_fallback(student.with_fallback, results, (0.0, 0.4, 0.8))
    assert_that(isinstance(found, list | tuple) and len(found) == 2, "expected a text and a temperature")
    assert_same(found[0], LOOP, "the text")
    assert_close(found[1], 0.8, what="the temperature")
    assert_same([round(t, 3) for t in tried], [0.0, 0.4, 0.8], "the temperatures that were tried")
    found, _ = asked.asked_by_fallback(student.with_fallback, [("", -0.1), (SENTENCE, -0.1)], (0.0, 0.4))
    assert_same(found[0], "", "silence well told, the text")
    umlauts = "über grüne Würfel läuft öfter größer schöner Bär"
    found, _ = asked.asked_by_fallback(student.with_fallback, [(umlauts, -0.1), (SENTENCE, -0.1)], (0.0, 0.4))
    assert_same(found[0], umlauts, "a German sentence, the text")


@check("fallback")
def repetition_is_measured_in_bytes(student: Student, rng: Generator) -> None:
    """The ratio is that of the text's UTF-8 bytes to their zlib compression, as Whisper has it."""
    asked = student.library("whisper_lab.probes")
    for text in (" ".join(str(w) for w in rng.choice(WORDS, 60)), "ä" * 30 + SENTENCE, "rot und grün und blau " * 3):
        ratio = measuring.compression_ratio(text)
        for limit, wanted in ((1.02 * ratio, text), (0.98 * ratio, SENTENCE)):
            found, _ = asked.asked_by_fallback(
                student.with_fallback, [(text, -0.1), (SENTENCE, -0.1)], (0.0, 0.4), limit, -1.0
            )
            assert_same(found[0], wanted, f"a text that compresses {ratio:.2f} times, limit {limit:.2f}: the text")
