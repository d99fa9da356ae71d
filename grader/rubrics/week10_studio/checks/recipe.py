# CROSSMODAL-RUBRIC: must never reach students
"""The hidden checks of `recipe`."""

from __future__ import annotations

import io
import json
import struct
import zlib
from functools import partial
from typing import Any

from numpy.random import Generator
from PIL import Image

from coursekit.checks import assert_same, assert_that, check
from coursekit.student import Student
from studio_lab.checks import recipes
from studio_lab.checks.reference import (
    noise,
    recipe,
    refused,
)
from studio_lab.probes import flat


def chunks(png: bytes) -> dict[str, str]:
    """The international text chunks of a PNG file, by keyword. Raises AssertionError where it is none."""
    assert_that(isinstance(png, bytes) and png[:8] == b"\x89PNG\r\n\x1a\n" and len(png) < 10**6, "that is no PNG file")
    found, at = {}, 8
    while at + 12 <= len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body, crc = png[at + 8 : at + 8 + length], png[at + 8 + length : at + 12 + length]
        assert_that(crc == struct.pack(">I", zlib.crc32(kind + body)), f"the chunk {kind!r} is damaged")
        if kind == b"iTXt":
            keyword, _, rest = body.partition(b"\0")
            compressed, text = rest[0], rest[2:].split(b"\0", 2)[2]
            text = zlib.decompressobj().decompress(text, 10**6) if compressed else text
            found[keyword.decode("latin-1")] = text.decode()
        at += 12 + length
    return found


def _pixels_of(png: bytes) -> bytes:
    """The pixels of a small PNG file."""
    width, height = struct.unpack(">II", png[16:24])
    assert_that(width * height <= 10_000, f"the file says {width} x {height} pixels")
    try:
        return Image.open(io.BytesIO(png), formats=["PNG"]).convert("RGB").tobytes()
    except (OSError, SyntaxError, ValueError):
        raise AssertionError("the PNG file cannot be read") from None


@check("recipe")
def the_chunks_are_there(student: Student, rng: Generator) -> None:
    """The file has the recipe and a disclaimer in text chunks, and the same pixels."""
    told, picture = recipe(rng, "vary"), noise(rng)
    file = student.stamp(picture, told)
    found = chunks(file)
    assert_that({"recipe", "Disclaimer"} <= set(found), f"the file's iTXt chunks are {sorted(found)}")
    assert_same(json.loads(found["recipe"]), told, "the chunk 'recipe'")
    assert_that(
        len(found["Disclaimer"].split()) >= 4, f"the disclaimer is {found['Disclaimer']!r}; say it in a sentence"
    )
    assert_that(_pixels_of(file) == picture.tobytes(), "the pixels changed")
    other = recipe(rng)
    assert_same(student.read_recipe(_with_chunk(picture, other)), other, "the recipe in a PNG of somebody else's")


def _with_chunk(picture: Image.Image, told: Any, keyword: str = "recipe") -> bytes:
    from PIL.PngImagePlugin import PngInfo

    info, file = PngInfo(), io.BytesIO()
    info.add_itxt(keyword, json.dumps(told))
    picture.save(file, "PNG", pnginfo=info)
    return file.getvalue()


@check("recipe", weight=2)
def types_and_ranges(student: Student, rng: Generator) -> None:
    """Booleans, nan, huge numbers, other types and other words are refused; the limits themselves are not."""

    def read(bad: dict[str, Any]) -> Any:
        return student.read_recipe(json.dumps(bad).encode())

    wrong = [
        *(("steps", value) for value in (True, 101, 2.0, 10**30, [3])),
        *(("seed", value) for value in (False, -1, 2**53, 1.5, None)),
        *(("guidance", value) for value in (True, float("nan"), float("inf"), -0.1, 20.5, 10**400, "3")),
        *(("prompt", value) for value in ("", "x" * 301, 7, ["a"])),
        *(("pixels", value) for value in ("0" * 63, "g" * 64, "A" * 64, "0" * 64 + "\n", 0)),
        *(("kind", value) for value in ("draw", None, ["paint"])),
        *(("format", value) for value in ("crossmodal-studio/2", 1)),
    ]
    for name, value in wrong:
        shown = str(value)[:20]
        said = refused(partial(read, recipe(rng) | {name: value}), f"{name} {shown}")
        assert_that(name in said, f"{name} {shown}: the message should name the field; it says {said!r}")
    edge = recipe(rng) | {"steps": 100, "seed": 2**53 - 1, "guidance": 20, "prompt": "x" * 300}
    for told in (edge, edge | {"steps": 1, "seed": 0, "guidance": 0, "prompt": "☂"}):
        assert_same(student.read_recipe(json.dumps(told).encode()), told, "a recipe at the limits")


@check("recipe")
def edits_all_the_way_back(student: Student, rng: Generator) -> None:
    """The recipes that an edit goes back to are checked too: no more than twenty, and no more than 600 steps in all."""

    def read(bad: dict[str, Any]) -> Any:
        return student.read_recipe(json.dumps(bad).encode())

    for name, value in (("strength", 1.5), ("strength", True), ("from", None), ("from", [])):
        told = recipe(rng, "vary") | {name: value}
        refused(partial(read, told), f"{name} {value}")
    for region in ([0, 0, 1], [0, 0, 1, float("nan")], "0011", [0, 0, 1, 1.1]):
        told = recipe(rng, "repaint") | {"region": region}
        refused(partial(read, told), f"region {region}")
    deep = recipe(rng, "repaint")
    deep["from"]["from"]["steps"] = 0
    refused(lambda: student.read_recipe(json.dumps(deep).encode()), "no steps in the first of three recipes")
    told = recipe(rng) | {"steps": 40}
    for _ in range(20):
        told = recipe(rng, "vary") | {"from": told, "steps": 28}
    raw = json.dumps(told).encode()
    assert_that(len(raw) < recipes.RECIPE_BYTES, "too long to ask")
    found = student.library("studio_lab.probes").flat_recipe(student.read_recipe, raw)  # too deep to cross as it is
    assert_same(found, flat(json.loads(raw)), "a picture edited twenty times, and what it goes back to")
    more = recipe(rng) | {"steps": 1}
    for _ in range(21):
        more = recipe(rng, "vary") | {"from": more, "steps": 1}
    refused(lambda: student.read_recipe(json.dumps(more).encode()), "a picture edited twenty-one times")
    costly = recipe(rng) | {"steps": int(rng.integers(2, 101))}
    for steps in (100, 100, 100, 100, 100, 101 - costly["steps"]):
        costly = recipe(rng, "vary") | {"from": costly, "steps": steps}
    said = refused(lambda: student.read_recipe(json.dumps(costly).encode()), "601 steps in all")
    assert_that("steps" in said, f"601 steps in all: the message should name 'steps'; it says {said!r}")


@check("recipe")
def other_files(student: Student, rng: Generator) -> None:
    """Files that hold no recipe, or one that is no good, are refused; fields nobody asked for are left out."""
    told = recipe(rng)
    assert_same(student.read_recipe(json.dumps(told | {"run": "rm -rf /", "strength": 2}).encode()), told, "the recipe")
    refused(lambda: student.read_recipe(_with_chunk(noise(rng), told, "Comment")), "a PNG without a recipe")
    refused(lambda: student.read_recipe(_with_chunk(noise(rng), told | {"steps": 0})), "a PNG with no steps in it")
    refused(lambda: student.read_recipe(_with_chunk(noise(rng), told)[:30]), "a PNG that was cut off")
    refused(lambda: student.read_recipe(b"[" * 50_000), "brackets without end")
    refused(lambda: student.read_recipe(b"\xff\xfe\x00\xd8"), "bytes that are no text")
    refused(lambda: student.read_recipe(b"7"), "a number")
    refused(
        lambda: student.read_recipe(json.dumps(told).encode() + b" " * recipes.RECIPE_BYTES), "more than 100,000 bytes"
    )
