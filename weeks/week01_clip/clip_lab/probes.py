"""Small handles that the checks use on objects of the student's kernel, where only data can come back."""

from __future__ import annotations

from typing import Any

import torch

from coursekit.probes import arguments_after as arguments_after  # for the checks
from coursekit.probes import weights_of as weights_of


def parameter_gradients(module: torch.nn.Module) -> dict[str, torch.Tensor | None]:
    """Call the module, differentiate its result, and return the gradient of every parameter by name.

    None where no gradient arrives.
    """
    module.zero_grad()
    result = module().sum()
    if result.requires_grad:
        result.backward()
    return {name: parameter.grad for name, parameter in module.named_parameters()}


def set_parameter(module: torch.nn.Module, name: str, value: float) -> None:
    """Fill one parameter of the module with one value."""
    with torch.no_grad():
        dict(module.named_parameters())[name].fill_(value)


def reprojected_clip(seed: int) -> Any:
    """The shipped CLIP with other projections into the shared space, and its processor: coursekit's `Loaded`."""
    from coursekit import models

    loaded = models.load("clip", profile="tiny", device="cpu")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for projection in (loaded.model.visual_projection, loaded.model.text_projection):
            projection.weight.normal_(generator=generator)
    return loaded


def random_clip(seed: int) -> Any:
    """A CLIPModel like the shipped one but with random weights, and its processor: coursekit's `Loaded`."""
    from coursekit import models

    loaded = models.load("clip", profile="tiny", device="cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = type(loaded.model)(loaded.model.config)
    return models.Loaded(model.eval(), loaded.processor)
