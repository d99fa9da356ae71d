"""What figures draw with where an exercise is open: the library's own way to do it, with the exercise's arguments.

    voice_lab.yours("name")

It is not there while a notebook is graded: see `coursekit.notebook.oracle`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from voice_lab.checks import reference


def griffin_lim(
    magnitude: torch.Tensor, phase: torch.Tensor, size: int, hop: int, steps: int
) -> tuple[torch.Tensor, list[float]]:
    """Griffin and Lim's rounds, by NumPy."""
    wave, misses = reference.reference_griffin_lim(magnitude, phase, size, hop, steps)
    return torch.from_numpy(wave).float(), misses


def log_mel(wave: torch.Tensor, mels: int = 80, low: float = 80.0, high: float = 7600.0) -> torch.Tensor:
    """SpeechT5FeatureExtractor's log-mel spectrogram."""
    return torch.from_numpy(reference.library_mel(wave, mels, low, high)).float()


def stretch(states: torch.Tensor, durations: torch.Tensor, speed: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """FastSpeech2Conformer's length_regulator."""
    return reference.library_stretch(states, durations, speed)


def align(scores: torch.Tensor, tokens: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """The best durations by dynamic programming."""
    return reference.reference_align(scores, tokens, frames)


def guided_attention(
    attention: torch.Tensor, tokens: torch.Tensor, frames: torch.Tensor, sigma: float = 0.4
) -> torch.Tensor:
    """SpeechT5GuidedMultiheadAttentionLoss."""
    return reference.library_guided(attention, tokens, frames, sigma)


def phone_pitch(track: torch.Tensor, durations: torch.Tensor) -> torch.Tensor:
    """Mean pitches of phones."""
    return torch.from_numpy(reference.reference_pitch(track, durations)).float()


def drawn_pitch(points: Sequence[Sequence[float]], durations: torch.Tensor) -> torch.Tensor:
    """Factors of a drawn intonation, by NumPy's interp."""
    return torch.from_numpy(reference.reference_factors(points, durations)).float()


def pool(states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Mean and deviation of each row."""
    return reference.reference_pool(states, lengths)


def margin_loss(
    embeddings: torch.Tensor, weights: torch.Tensor, labels: torch.Tensor, scale: float = 30.0, margin: float = 0.4
) -> torch.Tensor:
    """transformers' AMSoftmaxLoss, with its weights given."""
    from transformers.models.wavlm.modeling_wavlm import AMSoftmaxLoss

    loss = AMSoftmaxLoss(*weights.shape, scale=scale, margin=margin)
    found: torch.Tensor = torch.func.functional_call(loss, {"weight": weights}, (embeddings, labels))
    return found


def trials(embeddings: torch.Tensor, voices: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """All pairs, by scikit-learn's cosines."""
    scores, same = reference.library_trials(embeddings, voices)
    return torch.from_numpy(scores).float(), torch.from_numpy(same)


def false_rates(scores: torch.Tensor, same: torch.Tensor, threshold: float) -> tuple[float, float]:
    """The rates of false acceptance and of false rejection."""
    accepted = scores >= threshold
    return float(accepted[~same].float().mean()), float((~accepted[same]).float().mean())


def equal_error(scores: torch.Tensor, same: torch.Tensor) -> tuple[float, float]:
    """The equal error rate from scikit-learn's roc_curve."""
    return reference.library_eer(scores, same)


def residual_codes(z: torch.Tensor, books: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """EncodecResidualVectorQuantizer."""
    return reference.library_codes(z, books)


def bitrate(rate: float, books: int, k: int) -> float:
    """Kilobits a second."""
    return rate * books * math.log2(k) / 1000


def delay(codes: torch.Tensor, pad: int) -> torch.Tensor:
    """MusicGen's delay pattern."""
    return reference.library_delay(codes, pad)


def undelay(rows: torch.Tensor) -> torch.Tensor:
    """The codes of delayed rows."""
    books, frames = rows.shape[1], rows.shape[2] - rows.shape[1] + 1
    places = torch.arange(frames) + torch.arange(books)[:, None]
    return rows.gather(2, places.expand(len(rows), books, frames))


def add_mark(wave: torch.Tensor, key: int, below: float) -> torch.Tensor:
    """The wave with the key's pattern below it."""
    return torch.from_numpy(reference.reference_mark(wave, key, below)).float()


def find_mark(wave: torch.Tensor, key: int) -> float:
    """The z-score of the key's pattern."""
    return reference.reference_z(wave, key)


def speak(
    step: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    mels: int,
    threshold: float = 0.5,
    least: int = 1,
    most: int = 100,
) -> tuple[torch.Tensor, int]:
    """Steps until the stop token."""
    heard, said = torch.zeros(1, mels), []
    for count in range(1, most + 1):
        new, stop = step(heard)
        said.append(new)
        if count >= least and float(stop.sum()) >= threshold:
            break
        heard = torch.cat([heard, new[-1:]])
    return torch.cat(said), len(said)
