# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `dtw`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from transformers.generation.utils import GenerateEncoderDecoderOutput

from coursekit.checks import assert_close, assert_same, assert_that, check, sound_evidence
from coursekit.student import Student
from grader.rubrics.week04_whisper.checks.shared import whisper
from whisper_lab import data, listening, probes
from whisper_lab.checks.mistakes_heard import times_that_tell
from whisper_lab.checks.reference import (
    assert_path,
    attention_task,
    library_times,
)


@check("dtw", weight=2)
def of_any_shape(student: Student, rng: Generator) -> None:
    """Tall, wide, a single row or column, and costs that are all negative."""
    for n, m in ((1, 7), (6, 1), (15, 6), (7, 40), (1, 1)):
        cost = rng.normal(size=(n, m)) - 3 * float(rng.random())
        assert_path(student.dtw(cost), cost)
    greedy = np.array([[0.0, 1.0, 1.0], [5.0, 9.0, 9.0], [0.1, 0.1, 0.0]])  # the cheapest next step is a dead end
    assert_path(student.dtw(greedy), greedy)


@check("dtw", weight=2)
def the_librarys_times(student: Student, rng: Generator) -> None:
    """For any attention the times are those that generate() returns."""
    model = probes.whisper(0)
    for heads, tokens, each in ((2, 5, 9), (6, 9, 7)):
        weights, ticks, _ = attention_task(rng, heads, tokens, each)
        noisy = weights + 0.3 * weights.mean() * torch.from_numpy(rng.random(weights.shape)).float()
        cross: Any = tuple((noisy[None, :, i : i + 1],) for i in range(tokens))
        sequences: Any = torch.zeros(1, tokens + 1, dtype=torch.long)
        said = GenerateEncoderDecoderOutput(sequences=sequences, cross_attentions=cross)
        model.config.decoder_layers = 1
        wanted = model._extract_token_timestamps(said, [[0, h] for h in range(heads)], num_input_ids=0)[0, :tokens]
        found = student.token_times(noisy)
        assert_close(found, wanted, atol=1e-3, what=f"{heads} heads, {tokens} tokens, {ticks} frames: the list")
    weights = times_that_tell(rng)[0]
    wanted, usual = (library_times(weights, width)[0] for width in (1, 7))
    what = "with a filter of width 1 the list of times"
    assert_close(student.token_times(weights, 1), wanted, slips={"`width` was ignored": usual}, atol=1e-3, what=what)


@check("dtw", artefact=True)
def the_words_of_the_utterance(student: Student, rng: Generator) -> None:
    """`my_word_times` tells when each word of the notebook's utterance begins."""
    spoken = data.utterance()
    wanted = listening.word_times(whisper(), spoken.audio)
    found = student.my_word_times
    assert_that(isinstance(found, list) and len(found) == len(wanted), "expected a list of (word, start in seconds)")
    pairs = ", ".join(f"{word} {start:.2f}" for word, start in found)
    sound_evidence(f"Yours: {pairs}"[:250], spoken.audio)
    assert_same([str(word) for word, _ in found], [word for word, _ in wanted], "the words")
    assert_close([start for _, start in found], [start for _, start in wanted], atol=0.05, what="the starts")
