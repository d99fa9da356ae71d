# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `greedy`."""

from __future__ import annotations

from typing import Any

from numpy.random import Generator

from coursekit.checks import assert_same, assert_that, check, sound_evidence
from coursekit.student import Student
from grader.rubrics.week04_whisper.checks.shared import told_by, whisper
from whisper_lab import data, listening, probes
from whisper_lab.checks.reference import PROMPT, decoding_task, decoding_tasks, library_said, plain


@check("greedy", weight=2)
def cut_off_and_unsuppressed(student: Student, rng: Generator) -> None:
    """It stops at `most` tokens, and where the end may come first it may say nothing."""
    asked = student.library("whisper_lab.probes")
    seed, model, features, suppress, _ = decoding_task(rng, several=False)
    for most in (3, 9):
        found = plain(student.greedy(asked.whisper(seed), features, PROMPT, suppress, [probes.END], most))
        (wanted,) = library_said(model, features, suppress, most)
        assert_same(found, wanted, f"at most {most}: what was said")
    few = [probes.START, *range(probes.NO_TIMESTAMPS, probes.VOCABULARY)]  # a start would look like another prompt
    (free,) = library_said(model, features, few, 10, begin_suppress_tokens=None)
    found = plain(student.greedy(asked.whisper(seed), features, PROMPT, few, [], 10))
    assert_same(found, free, "with nothing but the start and times suppressed: what was said")
    only = [i for i in range(probes.VOCABULARY) if i not in (3, 5, probes.END)]
    silent: list[Any] = []
    while not silent:  # a model that ends at once, where it may
        seed, model, every, _ = decoding_tasks(rng)
        said = library_said(model, every, only, 6, begin_suppress_tokens=None)
        silent = [every[i : i + 1] for i, tokens in enumerate(said) if not tokens]
    found = plain(student.greedy(asked.whisper(seed), silent[0], PROMPT, only, [], 6))
    assert_same(found, [], "a model that ends at once: what was said")
    found = plain(student.greedy(asked.whisper(seed), silent[0], PROMPT, only, [probes.END], 6))
    (wanted,) = library_said(model, silent[0], only, 6)
    assert_same(found, wanted, "where the end may not come first: what was said")


@check("greedy", weight=2, artefact=True)
def the_sentences(student: Student, rng: Generator) -> None:
    """`my_transcripts` are what the shipped model says to the notebook's utterances, as generate() has it."""
    spoken = data.spoken(4, seed=told_by(student))
    wanted = listening.transcribe(whisper(), [one.audio for one in spoken])
    found = student.my_transcripts
    assert_that(isinstance(found, list) and len(found) == len(wanted), "expected a list of four texts")
    for one, text in zip(spoken[:2], found, strict=False):
        sound_evidence(f"Said: {one.text}. Yours: {text}"[:250], one.audio)
    assert_same([str(text).strip() for text in found], [text.strip() for text in wanted], "my_transcripts")
