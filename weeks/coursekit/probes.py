"""Small handles that the checks of several weeks use on objects of the student's kernel, where only data can come back.

A week's own `probes` offers them too, beside those that only its checks need.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def arguments_after(function: Callable[..., Any], *args: Any) -> list[Any]:
    """The arguments as they are after the call: a function that writes into them is found out."""
    function(*args)
    return list(args)


def weights_of(model: Any) -> dict[str, Any]:
    """Copies of a model's weights and buffers by name, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
