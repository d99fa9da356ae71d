"""Small handles that the checks use on objects of the student's kernel, where only data can come back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from coursekit.probes import arguments_after as arguments_after  # for the checks
from coursekit.probes import weights_of as weights_of


class Towers(nn.Module):
    """An eye, a connector and a mouth, each a linear map; `model(x=..., y=...)` has a squared error for a loss."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.eye, self.connector, self.mouth = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.asked = 0

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        self.asked += 1
        out = self.mouth(torch.tanh(self.connector(torch.tanh(self.eye(x)))))
        return SimpleNamespace(loss=(out - y).square().mean())


def tower_batches(seed: int, n: int) -> list[dict[str, torch.Tensor]]:
    """Batches for `Towers`."""
    generator = torch.Generator().manual_seed(seed)
    teacher = torch.randn(5, 3, generator=generator)
    drawn = [torch.randn(16, 5, generator=generator) for _ in range(n)]
    return [{"x": x, "y": torch.tanh(x @ teacher)} for x in drawn]


def watched_stage_one(function: Any, seed: int, steps: int, rate: float) -> dict[str, Any]:
    """What a student's `stage_one` does to `Towers`: its losses, which parts moved, and how far the connector did."""
    model = Towers(seed)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    losses = function(model, model.connector, tower_batches(seed, steps), rate)
    moved = {name: not torch.equal(weight, before[name]) for name, weight in model.named_parameters()}
    return {
        "losses": [float(loss) for loss in losses],
        "plain": all(isinstance(loss, float) for loss in losses),
        "asked": model.asked,
        "others moved": sorted(name for name, there in moved.items() if there and not name.startswith("connector")),
        "connector": model.connector.weight.detach().clone(),
    }
