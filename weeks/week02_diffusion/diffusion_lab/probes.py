"""Small handles that the checks use on objects of the student's kernel, where only data can come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from coursekit.probes import arguments_after as arguments_after  # for the checks
from coursekit.probes import weights_of as weights_of


class Denoiser(nn.Module):
    """A small model of any shape of samples (n, ...), which depends on the time and has one weight to differentiate."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(float(weight)))

    def forward(self, noisy: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """The answer, like `noisy`."""
        time = torch.as_tensor(t, dtype=noisy.dtype).reshape(-1, *[1] * (noisy.ndim - 1)) / 100
        return torch.tanh(self.weight * noisy) * torch.cos(time)


def loss_and_slope(loss_function: Any, weight: float, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """A loss function called as (model, ...) with a Denoiser of this weight: its value, and its slope by the weight.

    The slope is None where no gradient arrives.
    """
    model = Denoiser(weight)
    loss = loss_function(model, *args, **kwargs)
    if loss.requires_grad:
        loss.backward()
    return loss.detach(), model.weight.grad


def batch_after_loss(loss_function: Any, weight: float, clean: torch.Tensor, *args: Any) -> torch.Tensor:
    """The clean samples as they are after a loss was taken of them."""
    loss_function(Denoiser(weight), clean, *args)
    return clean


def unet(seed: int, tokens: int = 5, width: int = 12) -> Any:
    """A UNet2DConditionModel with random weights: latents (n, 4, 8, 8), texts (n, tokens, width)."""
    from diffusers import UNet2DConditionModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = UNet2DConditionModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            down_block_types=("CrossAttnDownBlock2D",),
            up_block_types=("CrossAttnUpBlock2D",),
            block_out_channels=(8,),
            layers_per_block=1,
            cross_attention_dim=width,
            attention_head_dim=2,
            norm_num_groups=4,
        )
    return model.eval().requires_grad_(False)


def pipeline(scheduler: str = "DDIMScheduler", scaling: float | None = None, **settings: Any) -> Any:
    """The shipped pipeline with another scheduler, and perhaps another scale of its latents. No progress bar.

    scheduler: a class of diffusers.   settings: for it, in place of the shipped one's.
    """
    import diffusers

    from coursekit import models

    pipe = models.load("diffusion", profile="tiny", device="cpu").model
    pipe.scheduler = getattr(diffusers, scheduler).from_config(pipe.scheduler.config, **settings)
    if scaling is not None:
        pipe.vae.register_to_config(scaling_factor=scaling)
    return pipe


def stepper(weights: list[float]) -> Callable[[torch.Tensor, int, int], torch.Tensor]:
    """A made-up denoising step, of samples (..., w), that depends on both times, and everywhere on its neighbours.

    So what is put back in one place is felt in others, as a network feels it.
    """

    def step(sample: torch.Tensor, t: int, previous: int) -> torch.Tensor:
        around = sample + sample.roll(1, -1) - 2 * sample.roll(2, -1)
        return weights[0] * sample + weights[1] * torch.sin(around + t / 50) + weights[2] * previous / 100

    return step
