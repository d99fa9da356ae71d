"""Reading a recipe: the order to paint a picture again. It is bounded before any work begins."""

from __future__ import annotations

import io
import json
import re
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from studio_lab.bounds import FORMAT, GUIDANCE, MEGABYTE, PNG_BYTES, PROMPT, SEEDS, STEPS

RECIPE_BYTES = 100_000
PIXELS = 4096 * 4096  # of a picture that is read
EDITS = 20  # of one picture, one after the other, that a recipe may hold
ALL_STEPS = 600  # of a recipe and of all that it goes back to: half a minute of two cores, with the tiny painter


def open_png(data: bytes) -> Image.Image:
    """A PNG file whose pixels are not decoded yet. Raises ValueError for what is none, or states too many of them."""
    try:
        picture = Image.open(io.BytesIO(data), formats=["PNG"])
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError("That is no picture that can be read.") from error
    if picture.width * picture.height > PIXELS:
        raise ValueError(f"The picture states {picture.width:,} x {picture.height:,} pixels; that is too many.")
    return picture


def read_recipe(data: bytes) -> dict[str, Any]:
    """The recipe in a PNG file that `stamp` made, or in a JSON file.

    Returns {"format", "kind", "prompt", "seed", "steps", "guidance", "profile", "pixels"}; of an edit also "from", the
    recipe of the picture it began with, and "strength" (kind "vary") or "region" (kind "repaint"). What else is in it
    is left out.   Raises ValueError that names the field which is missing or not as it should be, and for a file of
    more than 100,000 bytes (of a PNG 10 MB, or 4096 x 4096 pixels), more than 20 edits, or steps that add up to more
    than 600: a recipe is an order to work, so it is bounded before any work begins.
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        if len(data) > PNG_BYTES:
            raise ValueError(f"The picture has more than {PNG_BYTES // MEGABYTE} MB.")
        text = open_png(data).info.get("recipe")
        if text is None:
            raise ValueError("This picture carries no recipe.")
        data = str(text).encode()
    if len(data) > RECIPE_BYTES:
        raise ValueError(f"The recipe has more than {RECIPE_BYTES // 1000} kB.")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError("The recipe is not JSON.") from error
    recipe = _checked(found)
    if (steps := steps_of(recipe)) > ALL_STEPS:
        raise ValueError(f"The recipe's 'steps' add up to {steps:,} with all its edits; at most {ALL_STEPS}, please.")
    return recipe


def steps_of(recipe: Mapping[str, Any]) -> int:
    """How many steps it takes to paint a recipe, with all that it goes back to."""
    return recipe["steps"] + (steps_of(recipe["from"]) if "from" in recipe else 0)


def _checked(found: Any, edits: int = 0) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError("The recipe is not a JSON object.")
    kind = found.get("kind")

    def whole(value: Any, low: int, high: int) -> bool:
        return type(value) is int and low <= value <= high

    def number(value: Any, low: float, high: float) -> bool:
        return type(value) in (int, float) and low <= value <= high  # false for nan

    holds: dict[str, Callable[[Any], bool]] = {
        "format": lambda v: v == FORMAT,
        "kind": lambda v: v in ("paint", "vary", "repaint"),
        "prompt": lambda v: isinstance(v, str) and 0 < len(v) <= PROMPT and not re.search("[\ud800-\udfff]", v),
        "seed": lambda v: whole(v, 0, SEEDS),
        "steps": lambda v: whole(v, *STEPS),
        "guidance": lambda v: number(v, *GUIDANCE),
        "profile": lambda v: v in ("tiny", "full"),
        "pixels": lambda v: isinstance(v, str) and re.fullmatch("[0-9a-f]{64}", v) is not None,
    }
    if kind == "vary":
        holds["strength"] = lambda v: number(v, 0, 1)
    if kind == "repaint":
        holds["region"] = lambda v: isinstance(v, list) and len(v) == 4 and all(number(x, 0, 1) for x in v)
    for name, right in holds.items():
        if name not in found:
            raise ValueError(f"The recipe lacks {name!r}.")
        if not right(found[name]):
            raise ValueError(f"The recipe's {name!r} is not as it should be: {reprlib.repr(found[name])}")
    recipe = {name: found[name] for name in holds}
    if kind != "paint":
        if edits >= EDITS:
            raise ValueError(f"The recipe's 'from' goes back more than {EDITS} edits.")
        if "from" not in found:
            raise ValueError("The recipe lacks 'from'.")
        recipe["from"] = _checked(found["from"], edits + 1)
    return recipe
