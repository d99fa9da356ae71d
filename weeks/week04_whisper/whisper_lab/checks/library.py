"""What figures draw with where an exercise is open: the library's own way to do it, with the exercise's arguments.

    whisper_lab.yours("name")

It is not there while a notebook is graded: see `coursekit.notebook.oracle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from coursekit.models import Loaded
from whisper_lab import listening
from whisper_lab.checks import reference


def power_spectrogram(wave: torch.Tensor, size: int = 400, hop: int = 160) -> torch.Tensor:
    """The power spectrogram, (size // 2 + 1, frames), by torch.stft."""
    return reference.library_power(wave, size, hop)


def mel_filters(count: int = 80, size: int = 400, rate: int = 16_000) -> torch.Tensor:
    """The mel filterbank, (size // 2 + 1, count), by transformers' mel_filter_bank."""
    return torch.from_numpy(reference.library_filters(count, size, rate)).float()


def log_mel(power: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    """Power (frequencies, frames) as Whisper's features (mels, frames - 1)."""
    return reference.scaled(filters.T @ power[:, :-1])


def positions(length: int, width: int) -> torch.Tensor:
    """Whisper's sines and cosines, (length, width), by transformers' sinusoids."""
    return reference.whisper_positions(length, width)


def language_probabilities(model: Any, features: torch.Tensor) -> torch.Tensor:
    """The languages' shares of the first token, (n, languages)."""
    return reference.first_probabilities(Loaded(model, None), features)[0]


def no_speech_probability(model: Any, features: torch.Tensor) -> torch.Tensor:
    """The probability of no speech as the first token, (n,)."""
    return reference.first_probabilities(Loaded(model, None), features)[1]


def greedy(
    model: Any,
    features: torch.Tensor,
    prompt: Sequence[int],
    suppress: Sequence[int],
    begin_suppress: Sequence[int],
    most: int,
) -> list[int]:
    """What generate() says to one window, with the language and task of the prompt."""
    known = model.generation_config
    (language,) = (code for code, token in known.lang_to_id.items() if token == prompt[1])
    (task,) = (name for name, token in known.task_to_id.items() if token == prompt[2])
    settings = {"suppress_tokens": list(suppress), "begin_suppress_tokens": list(begin_suppress)}
    (said,) = listening.generated(model, features, language=language, task=task, max_new_tokens=most, **settings)
    return said


def error_rate(said: Sequence[str], heard: Sequence[str], unit: str = "word") -> float:
    """WER, or with unit "character" CER, over all sentences."""
    return reference.error_rate(said, heard, unit)


def add_noise(speech: torch.Tensor, noise: torch.Tensor, snr: float) -> torch.Tensor:
    """Speech with noise at a signal-to-noise ratio in decibels."""
    return reference.in_noise(speech, noise, snr)


def dtw(cost: Any) -> tuple[list[int], list[int]]:
    """The cheapest path through a matrix, by transformers' own dynamic time warping."""
    return reference.library_path(cost)


def token_times(weights: torch.Tensor, width: int = 7) -> torch.Tensor:
    """When each token begins, in seconds, from attention (heads, tokens, positions), as transformers has it."""
    return reference.library_times(weights, width)[0]


def merge(parts: Sequence[Sequence[int]]) -> list[int]:
    """Pieces that overlap as one sequence, as transformers' speech pipeline puts them together."""
    return reference.library_merge(parts)
