# CROSSMODAL-RUBRIC: must never reach students
"""What the hidden checks of several questions need."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch

from coursekit import models
from coursekit.checks import evidence
from coursekit.models import Loaded
from coursekit.plots import Sheet
from tinyworld import Scene, tokens
from token_lab import data, painting


@lru_cache(maxsize=1)
def vq() -> Any:
    """The shipped tokeniser."""
    return models.load("vq", profile="tiny", device="cpu").model


@lru_cache(maxsize=1)
def painter() -> Any:
    """The shipped language model of words and codes."""
    return models.load("token_lm", profile="tiny", device="cpu").model


@lru_cache(maxsize=1)
def clip() -> Loaded:
    """Week 1's CLIP."""
    return models.load("clip", profile="tiny", device="cpu")


def opening_pixels() -> torch.Tensor:
    """The notebook's `opening_pixels`."""
    return data.pixels(data.opening_scenes())


def opening_rows() -> tuple[torch.Tensor, torch.Tensor, int]:
    """The opening pictures as the painter reads them, their labels, and how many of a row are codes."""
    codes = painting.tokens_of(vq(), opening_pixels()).flatten(1)
    ids = tokens.painting([scene.caption() for scene in data.opening_scenes()], codes)
    given = torch.tensor([tokens.IDS[mark] for mark in (tokens.PAD, tokens.START_TEXT, tokens.START_PICTURE)])
    return ids, ids.masked_fill(torch.isin(ids, given), -100), tokens.PICTURE


def show_scenes(title: str, wanted: Sequence[Scene], drawn: Sequence[Scene | None], side: int = 84) -> None:
    """Evidence: scenes, and below them what was made of them."""
    sheet = Sheet((side + 8) * len(wanted), 2 * (side + 8))
    for i, pair in enumerate(zip(wanted, drawn, strict=True)):
        for j, scene in enumerate(pair):
            if scene is not None:
                sheet.picture(scene.render(64), 4 + i * (side + 8), 4 + j * (side + 8), side)
    evidence(title, sheet.image)
