"""The diffusion model's first stage: an autoencoder whose latents say what is where (Rombach et al. 2022, section 3.1).

A plain autoencoder keeps what lowers its pixel error, and from that a diffusion model learns shape last: the edges that
make a star a star are a small part of a picture, and so of the latents' variance. This one is trained to keep what an
object is where noise cannot drown it:
1. whitened: every latent channel has mean 0 and variance 1, by batch normalisation in place of a KL term;
2. readable: throw-away heads tell each cell's shape, colour, size and place from latents under heavy noise;
3. robust: the decoder draws clean edges from slightly noisy latents, such as a diffusion model makes.
The picture's size is halved three times: a 64x64 picture becomes 8x8 cells. Encoder and decoder first learn apart, to
and from the principal components of each cell's pixels: together, from nothing, they see only backgrounds for long.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import nn

from tinyworld.train.dense import DenseHeads

CELL = 8  # pixels a side
LOG_VARIANCE = -6.0  # of the posterior, everywhere: a standard deviation of 0.05
CROP = 4  # cells a side of what is decoded in training: a quarter of the picture, at an object


def build_autoencoder(widths: tuple[int, ...] = (32, 32, 64, 96), channels: int = 8) -> AutoencoderKL:
    """An `AutoencoderKL` of 64x64 pictures, its latents (channels, 8, 8), with a posterior of fixed width."""
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=8,
        sample_size=64,
        scaling_factor=1.0,  # the latents are whitened
    )
    with torch.no_grad():
        vae.quant_conv.weight[channels:] = 0
        vae.quant_conv.bias[channels:] = LOG_VARIANCE
    return vae


class AutoencoderLearner(nn.Module):
    """The autoencoder and the heads that are thrown away in the end."""

    mean: torch.Tensor
    components: torch.Tensor

    def __init__(self, vae: AutoencoderKL, reading: float = 0.01, width: int = 96) -> None:
        super().__init__()
        self.vae, self.reading = vae, reading
        channels = vae.config.latent_channels
        self.reader = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.SiLU(),
        )
        self.heads = DenseHeads(width, CELL)
        self.register_buffer("mean", torch.zeros(3 * CELL**2))
        self.register_buffer("components", torch.zeros(channels, 3 * CELL**2))

    @torch.no_grad()
    def find_components(self, pixels: torch.Tensor) -> None:
        """The whitened principal components of the cells of pictures, uint8 (n, 3, side, side)."""
        cells = _cells(pixels.float() / 127.5 - 1).flatten(0, 2).double()
        values, vectors = torch.linalg.eigh(torch.cov(cells.T))
        channels = len(self.components)
        self.mean.copy_(cells.mean(0))
        self.components.copy_((vectors / values.clamp(min=1e-9).sqrt())[:, -channels:].T)

    def forward(
        self, batch: dict[str, torch.Tensor], generator: torch.Generator, apart: bool = False
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch of `SceneBatches`, or of its crops, and figures to print.

        apart: encoder and decoder learn the principal components, each for itself.
        """
        pixels = batch["pixels"].float() / 127.5 - 1
        latents = self.vae.quant_conv(self.vae.encoder(pixels))[:, : len(self.components)]
        if apart:
            code = ((_cells(pixels) - self.mean) @ self.components.T).permute(0, 3, 1, 2)
            drawn = self.vae.decoder(self.vae.post_quant_conv(code))
            missed, error = (latents - code).square().mean(), (drawn - pixels).square().mean()
            return 0.1 * missed + error, {"code": missed.item(), "PSNR": psnr(error).item()}
        latents = F.batch_norm(latents, None, None, training=True)

        def draw(*shape: int, normal: bool = False) -> torch.Tensor:
            return (torch.randn if normal else torch.rand)(*shape, generator=generator).to(pixels.device)

        n = len(pixels)
        # Readable: noise of 0.2 to 3 standard deviations.
        ratio = 0.2 * 15 ** draw(n, 1, 1, 1)
        noisy = (latents + ratio * draw(*latents.shape, normal=True)) / (1 + ratio**2).sqrt()
        cells = self.reader(noisy).flatten(2).transpose(1, 2)
        reading, figures = self.heads(torch.cat([cells.mean(1, keepdim=True), cells], dim=1), batch)

        # Robust: half of the batch as it would be encoded, half with up to half a standard deviation of noise.
        spread = 0.05 + 0.45 * draw(n, 1, 1, 1) * (draw(n, 1, 1, 1) < 0.5)
        noisy = latents + spread * draw(*latents.shape, normal=True)
        drawn = self.vae.decoder(self.vae.post_quant_conv(noisy))
        error = (drawn - pixels).square().mean((1, 2, 3))
        figures |= {"reading": reading.item(), "PSNR": psnr(error[spread.flatten() <= 0.051].mean()).item()}
        loss = error.mean() + 0.1 * (drawn - pixels).abs().mean()
        return loss + self.reading * reading, figures


def _cells(pixels: torch.Tensor) -> torch.Tensor:
    """(n, 3, side, side) -> (n, side / 8, side / 8, 192): the pixels of each cell."""
    return pixels.unfold(2, CELL, CELL).unfold(3, CELL, CELL).permute(0, 2, 3, 1, 4, 5).flatten(3)


def crop(batch: dict[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
    """The quarter of each picture around its first object, with the labels of what is seen there.

    Whole cells are cut, so that patterns fall as they do in the whole. Objects are a part of the picture only: this
    gives the autoencoder four times as many of them in a second.
    """
    n, cells = len(batch["pixels"]), batch["pixels"].shape[-1] // CELL
    corner = batch["centres"][:, 0] * cells - CROP / 2 + 1.5 * (torch.rand(n, 2, generator=generator) - 0.5)
    corner = corner.round().long().clamp(0, cells - CROP)
    cut = [(slice(CELL * y, CELL * (y + CROP)), slice(CELL * x, CELL * (x + CROP))) for x, y in corner.tolist()]
    label_map = torch.stack([labels[part] for labels, part in zip(batch["label_map"], cut, strict=True)])
    there = torch.stack([(label_map == i).flatten(1).any(1) for i in (1, 2, 3)], dim=1)
    return {
        "pixels": torch.stack([p[:, rows, columns] for p, (rows, columns) in zip(batch["pixels"], cut, strict=True)]),
        "label_map": label_map,
        "objects": torch.where(there[..., None], batch["objects"], -1),
        "centres": (batch["centres"] * cells - corner[:, None]) / CROP,
        "background": batch["background"],
    }


def psnr(error: torch.Tensor) -> torch.Tensor:
    """Peak signal-to-noise ratio, in dB, from the mean squared error of pictures in [-1, 1]."""
    return 10 * torch.log10(4 / error)


@torch.no_grad()
def whiten(vae: AutoencoderKL, pixels: torch.Tensor) -> None:
    """Fold the batch normalisation of training into `quant_conv`, with the statistics of these pictures."""
    channels = vae.config.latent_channels
    latents = torch.cat([vae.encode(part).latent_dist.mean for part in pixels.split(128)])
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    vae.quant_conv.weight[:channels] /= std.view(-1, 1, 1, 1)
    vae.quant_conv.bias[:channels] = (vae.quant_conv.bias[:channels] - mean) / std


@torch.no_grad()
def reconstruction(vae: AutoencoderKL, pixels: torch.Tensor, spread: float = 0.0) -> torch.Tensor:
    """Encode and decode: pictures (n, 3, 64, 64) in [-1, 1] to the same, with `spread` of noise on the latents."""
    out = []
    for part in pixels.split(128):
        latents = vae.encode(part).latent_dist.mean
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
        out.append(vae.decode(latents + spread * noise.to(latents.device)).sample.clamp(-1, 1))
    return torch.cat(out)
