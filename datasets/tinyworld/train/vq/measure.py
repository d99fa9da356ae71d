"""What is kept of a picture that becomes 64 tokens and a picture again? The judge (`tinyworld.judge`) reads it."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from diffusers import VQModel

from tinyworld import judge as judges
from tinyworld.sampling import scenes
from tinyworld.scene import Scene
from tinyworld.train.diffusion.autoencoder import psnr
from tinyworld.train.diffusion.latents import pictures
from tinyworld.train.diffusion.measure import DOUBLE, SINGLE, score
from tinyworld.train.vq.codebook import perplexity

CHUNK = 128


def load(folder: Path) -> VQModel:
    """The tokeniser in a folder, computing in float32, with the loss as the paper has it."""
    vq = VQModel.from_pretrained(folder, low_cpu_mem_usage=False).float().eval().requires_grad_(False)
    vq.quantize.legacy = False  # diffusers' default puts beta on the wrong term, and no configuration says otherwise
    return vq


def measure(folder: Path, n: int = 512) -> dict[str, float]:
    """Every figure of the card, from `n` pictures each. Shares are in [0, 1]; PSNR in dB; seconds a picture."""
    vq = load(folder)
    figures: dict[str, float] = {}
    for group, split, objects in (("one", "test", 1), ("two", "test", 2), ("new pairs", "compositional", 1)):
        drawn = scenes(split, n, objects=objects)
        figures |= {f"{group}/{name}": value for name, value in reconstructions(vq, drawn).items()}
    ids = encode(vq, pictures(scenes("test", 4 * n)))
    codes = vq.config.num_vq_embeddings
    figures["codes/used"] = len(ids.unique()) / codes
    figures["codes/perplexity"] = perplexity(ids, codes)
    return figures | {"seconds/encode": _seconds(vq, decode_too=False), "seconds/both": _seconds(vq, decode_too=True)}


@torch.no_grad()
def encode(vq: VQModel, pixels: torch.Tensor) -> torch.Tensor:
    """Pictures, float32 (n, 3, 64, 64) in [-1, 1], to tokens, int64 (n, 8, 8)."""
    ids = []
    for part in pixels.split(CHUNK):
        latents = vq.encode(part / 2 + 0.5).latents
        n, _, height, width = latents.shape
        ids.append(vq.quantize(latents)[2][2].view(n, height, width))
    return torch.cat(ids)


@torch.no_grad()
def decode(vq: VQModel, ids: torch.Tensor) -> torch.Tensor:
    """Tokens, int64 (n, 8, 8), to pictures, float32 (n, 3, 64, 64) in [-1, 1]."""
    drawn = []
    for part in ids.split(CHUNK):
        shape = (len(part), *part.shape[1:], vq.config.vq_embed_dim)
        drawn.append(vq.decode(part, force_not_quantize=True, shape=shape).sample.clamp(0, 1) * 2 - 1)
    return torch.cat(drawn)


def reconstructions(vq: VQModel, drawn: list[Scene]) -> dict[str, float]:
    """PSNR in dB of encoding and decoding these scenes, and what the judge still reads (`diffusion.measure.score`)."""
    pixels = pictures(drawn)
    seen = decode(vq, encode(vq, pixels))
    return {"PSNR": psnr((seen - pixels).square().mean()).item()} | score(drawn, judges.load().read(seen))


def _seconds(vq: VQModel, decode_too: bool) -> float:
    """The time of one picture by itself: the least of five."""
    pixels, times = pictures(scenes("test", 1)), []
    for _ in range(5):
        start = time.perf_counter()
        ids = encode(vq, pixels)
        if decode_too:
            decode(vq, ids)
        times.append(time.perf_counter() - start)
    return min(times)


def table(figures: dict[str, float]) -> str:
    """The figures as Markdown."""

    def row(group: str, names: tuple[str, ...]) -> str:
        shares = " | ".join(f"{100 * figures[f'{group}/{name}']:.1f} %" for name in names)
        return f"{figures[f'{group}/PSNR']:.1f} dB | {shares}"

    lines = [f"| one object | PSNR | {' | '.join(SINGLE)} |", f"|---|---|{'---|' * len(SINGLE)}"]
    lines += [
        f"| new scenes | {row('one', SINGLE)} |",
        f"| new pairs of colour and shape | {row('new pairs', SINGLE)} |",
    ]
    lines += ["", f"| two objects | PSNR | {' | '.join(DOUBLE)} |", f"|---|---|{'---|' * len(DOUBLE)}"]
    lines += [f"| new scenes | {row('two', DOUBLE)} |", "", "| | |", "|---|---|"]
    lines += [
        f"| codes used | {100 * figures['codes/used']:.1f} %, perplexity {figures['codes/perplexity']:.0f} |",
        f"| one picture | {1000 * figures['seconds/encode']:.0f} ms to encode, {1000 * figures['seconds/both']:.0f} ms "
        "there and back |",
    ]
    return "\n".join(lines)
