"""How much of a recording survives one, two, three and four codebooks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from tinyworld import voices
from tinyworld.codec import MelCodec
from tinyworld.train.vocoder.measure import Judge, vocode
from tinyworld.train.vq.codebook import perplexity


def load(folder: Path) -> MelCodec:
    """The checkpoint in a folder, in single precision."""
    return MelCodec.from_pretrained(folder)


def measure(folder: Path, n: int | None = None) -> dict[str, float]:
    """Every figure of the card, from `n` shipped recordings of unheard voices, or all."""
    codec, said = load(folder), voices.load("test")
    said = said[:: max(1, len(said) // n)] if n else said
    judge = Judge(said)
    figures = judge("no codes", lambda mel, sound: vocode(codec.vocoder, mel))
    frames = [codec.frames(r.audio) for r in said]
    codes = [codec.encode(r.audio) for r in said]
    for books in range(1, codec.books + 1):
        figures |= judge(f"{books}", _through(codec, books))
        figures[f"{books}/kbit/s"] = codec.bitrate(books)
        figures[f"{books}/perplexity"] = perplexity(torch.cat([c[books - 1] for c in codes]), 2**codec.bits)
        off = [(codec.mel(c[:books]) - codec.mean) / codec.scale - f for c, f in zip(codes, frames, strict=True)]
        figures[f"{books}/left"] = torch.cat(off).square().mean().item()
    return figures


def _through(codec: MelCodec, books: int) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    return lambda mel, sound: codec.decode(codec.encode(sound, books))


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""
    lines = ["| books | kbit/s | word error rate | nearest of nine copies | distance | left over | codes in use |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name in ("1", "2", "3", "4", "no codes"):
        wrong, near = (f"{100 * figures[f'{name}/{key}']:.1f} %" for key in ("WER", "nearest copy"))
        rate = left = used = ""
        if name != "no codes":
            rate, used = f"{figures[f'{name}/kbit/s']:.2f}", f"{figures[f'{name}/perplexity']:.0f}"
            left = f"{100 * figures[f'{name}/left']:.1f} %"
        lines.append(f"| {name} | {rate} | {wrong} | {near} | {figures[f'{name}/dB']:.1f} dB | {left} | {used} |")
    return "\n".join(lines)
