"""How much of a recording survives one, two, three and four codebooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import EncodecModel

from tinyworld import voices
from tinyworld.checkpoints import checkpoint
from tinyworld.train.vocoder.measure import Judge
from tinyworld.train.vocoder.spectra import distance
from tinyworld.train.vq.codebook import perplexity
from tinyworld.train.whisper import measure as whisper


def load(folder: Path) -> EncodecModel:
    """The checkpoint in a folder, in single precision."""
    return EncodecModel.from_pretrained(folder, dtype=torch.float32).eval()


@torch.inference_mode()
def encode(model: EncodecModel, sound: torch.Tensor, books: int = 4) -> torch.Tensor:
    """A sound (samples,) to codes, int64 (books, frames)."""
    return (
        model.encode(sound[None, None], bandwidth=model.config.target_bandwidths[books - 1]).audio_codes[0, 0].clone()
    )


@torch.inference_mode()
def decode(model: EncodecModel, codes: torch.Tensor) -> torch.Tensor:
    """Codes (books, frames) to a sound (320 * frames,)."""
    return model.decode(codes[None, None], [None]).audio_values[0, 0].clone()


def coded(model: EncodecModel, sounds: Sequence[np.ndarray], texts: list[str]) -> dict[str, float]:
    """Word error rate and distance in dB through one book and through all, for looking on the way."""
    heard, figures = whisper.load(checkpoint("whisper")), {}
    for books in (1, len(model.config.target_bandwidths)):
        made = [decode(model, encode(model, torch.tensor(s), books)) for s in sounds]
        figures[f"{books} WER"] = whisper.wer(texts, heard.write([m.numpy() for m in made], "en"))
        figures[f"{books} dB"] = float(
            np.mean([distance(m, torch.tensor(s)) for m, s in zip(made, sounds, strict=True)])
        )
    return figures


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card, from `n` shipped recordings of unheard voices, or all."""
    model, said = load(folder), voices.load("test")
    said = said[:: max(1, len(said) // n)] if n else said
    judge = Judge(said)
    figures = judge("recording", lambda mel, sound: sound)
    for books, bandwidth in enumerate(model.config.target_bandwidths, start=1):
        figures |= judge(f"{books}", lambda mel, sound, k=books: decode(model, encode(model, sound, k))[: len(sound)])
        figures[f"{books}/kbit/s"] = float(bandwidth)
    codes = torch.cat([encode(model, torch.tensor(r.audio)) for r in said], dim=1)
    for i, row in enumerate(codes, start=1):
        figures[f"{i}/perplexity"] = perplexity(row, model.config.codebook_size)
    return figures


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| books | kbit/s | word error rate | nearest of nine | of nine copies | distance | codes in use |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name in ("recording", "1", "2", "3", "4"):
        wrong, near, copy = (f"{100 * figures[f'{name}/{key}']:.1f} %" for key in ("WER", "nearest", "nearest copy"))
        rate, used = ("256", "") if name == "recording" else (figures[f"{name}/kbit/s"], figures[f"{name}/perplexity"])
        used = used and f"{used:.0f}"
        lines.append(f"| {name} | {rate} | {wrong} | {near} | {copy} | {figures[f'{name}/dB']:.1f} dB | {used} |")
    return "\n".join(lines)
