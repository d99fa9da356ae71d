"""SpeechT5's mel spectrogram in torch, so that losses can be counted in it; equal to `SpeechT5FeatureExtractor`."""

from __future__ import annotations

import functools

import torch
from transformers import SpeechT5FeatureExtractor

BANDS, WINDOW, HOP, FLOOR = 80, 1024, 256, 1e-10


@functools.cache
def filters() -> torch.Tensor:
    """The mel bands, float32 (513, 80)."""
    return torch.tensor(SpeechT5FeatureExtractor().mel_filters).float()


def amplitudes(audio: torch.Tensor, window: int = WINDOW, hop: int = HOP) -> torch.Tensor:
    """Sound (n, samples) -> magnitudes of its short-time Fourier transform (n, frames, window // 2 + 1)."""
    taper = torch.hann_window(window, device=audio.device)
    spectrum = torch.stft(audio, window, hop, window=taper, return_complex=True, pad_mode="reflect")
    # The floor keeps the root's gradient finite.
    return (spectrum.real.square() + spectrum.imag.square()).clamp(min=1e-12).sqrt().transpose(1, 2)


def log_mel(audio: torch.Tensor) -> torch.Tensor:
    """Sound (n, samples) -> log10 of the mel amplitudes, (n, 1 + samples // 256, 80)."""
    return (amplitudes(audio) @ filters().to(audio.device)).clamp(min=FLOOR).log10()
