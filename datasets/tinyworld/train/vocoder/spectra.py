"""How far apart two sounds are as spectrograms of several windows, and Griffin-Lim, which a vocoder has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tinyworld.train.voices.mel import HOP, WINDOW, amplitudes, filters

TRAINED = (256, 512, 1024, 2048)
JUDGED = (384, 768, 1536)  # windows that no loss looks through
QUIET = 1e-3  # magnitudes below are taken for it: what is inaudible shall not count


def spectral_loss(made: torch.Tensor, wanted: torch.Tensor, windows: Sequence[int] = TRAINED) -> torch.Tensor:
    """Spectral convergence and log magnitude over several windows (Yamamoto et al. 2020), for sounds (n, samples)."""
    loss = torch.zeros((), device=made.device)
    for window in windows:
        a, b = (amplitudes(sound, window, window // 4) for sound in (made, wanted))
        converged = (a - b).square().sum((1, 2)).sqrt() / b.square().sum((1, 2)).sqrt().clamp(min=1e-3)
        loss = loss + converged.mean() + (a.clamp(min=QUIET).log() - b.clamp(min=QUIET).log()).abs().mean()
    return loss / len(windows)


@torch.inference_mode()
def distance(made: torch.Tensor, wanted: torch.Tensor) -> float:
    """The mean difference of two sounds (samples,) in dB, over windows that no loss looks through."""
    n = min(len(made), len(wanted))
    parts = []
    for window in JUDGED:
        a, b = (amplitudes(s[None, :n], window, window // 4).clamp(min=QUIET).log10() for s in (made, wanted))
        parts.append(20 * (a - b).abs().mean())
    return torch.stack(parts).mean().item()


@torch.inference_mode()
def griffin_lim(mel: torch.Tensor, rounds: int = 60, generator: torch.Generator | None = None) -> torch.Tensor:
    """Log mel spectrograms (..., frames, 80) to sounds (..., 256 * (frames - 1)): the phase that agrees with itself.

    Magnitudes come back from the bands by least squares, negative ones set to zero; the phase is drawn with
    `generator`, or from a seed.
    """
    magnitudes = (10**mel @ torch.linalg.pinv(filters())).clamp(min=0).transpose(-1, -2)
    window = torch.hann_window(WINDOW)
    generator = generator or torch.Generator().manual_seed(0)
    phase = torch.exp(2j * torch.pi * torch.rand(magnitudes.shape, generator=generator))
    for _ in range(rounds):
        sound = torch.istft(magnitudes * phase, WINDOW, HOP, window=window)
        again = torch.stft(sound, WINDOW, HOP, window=window, return_complex=True)
        phase = again / again.abs().clamp(min=1e-9)
    return torch.istft(magnitudes * phase, WINDOW, HOP, window=window)
