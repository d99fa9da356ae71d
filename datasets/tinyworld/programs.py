"""Scenes as programs: a few lines of SVG that any browser draws.

    text = programs.program_of(scene)
    # <use href="#striped"/>
    # <use href="#large-star" class="red" x="41" y="66"/>
    program = programs.parse(text)          # a tree of values, or a ProgramError that names the line
    program.render()                        # a PIL image, the pixels of `Scene.render`
    programs.document(text)                 # a whole SVG document, for a browser or resvg

The first line lays the background, each of the others one object: its size and shape, its colour, and its centre in
whole units, of which the picture has 128 a side. Shapes, backgrounds and colours are defined once, in the document's
prelude. Objects stand in canonical order, from left to right: one scene has one program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from tinyworld import captions, drawing
from tinyworld.objects import Object
from tinyworld.scene import Scene
from tinyworld.vocabulary import BACKGROUND_COLOURS, BACKGROUNDS, COLOURS, RADII, SHAPES, SIZES

SIDE = 128  # units a side of the picture: two to a pixel
PIXELS = 64  # a side, where masks are compared
MOST = 8  # objects in a program
LONGEST = 1000  # characters of a program
_USE = re.compile(r"<use\b[^<>&]*/>")  # one element without content: nothing else is given to the XML parser


class ProgramError(ValueError):
    """A text that is no program, with the line that is wrong."""


@dataclass(frozen=True, slots=True)
class Use:
    """One line of a program: an object by its size, shape and colour, and its centre, 0..128 from the left and top."""

    size: str
    shape: str
    colour: str
    x: int
    y: int

    def thing(self) -> Object:
        """The object that the line draws."""
        return Object(self.shape, self.colour, self.size, self.x / SIDE, self.y / SIDE)

    def __str__(self) -> str:
        return f'<use href="#{self.size}-{self.shape}" class="{self.colour}" x="{self.x}" y="{self.y}"/>'


@dataclass(frozen=True, slots=True)
class Program:
    """What `parse` makes of a text: a background, and what is laid on it, the lowest first."""

    background: str
    uses: tuple[Use, ...]

    @property
    def objects(self) -> tuple[Object, ...]:
        """The objects that it draws."""
        return tuple(use.thing() for use in self.uses)

    def scene(self) -> Scene:
        """The scene that it draws. Raises ValueError where there are not 1 to 3 objects."""
        return Scene(self.objects, self.background)

    def facts(self) -> captions.Facts:
        """What a caption of its picture would say."""
        return captions.facts(self.objects, self.background)

    def render(self, size: int = PIXELS) -> Image.Image:
        """The picture, `size` x `size` pixels, by the hand that draws scenes."""
        return drawing.render(self.objects, self.background, size)

    def masks(self, size: int = PIXELS) -> np.ndarray:
        """Where each object is: float32 (objects, size, size), the part of every pixel it covers, in [0, 1]."""
        return drawing.masks(self.objects, size)

    def __str__(self) -> str:
        return "\n".join([f'<use href="#{self.background}"/>', *map(str, self.uses)])


class Comparison(NamedTuple):
    """How a program agrees with a scene. facts: background, objects and relation are the scene's.

    iou: of the objects' masks, in [0, 1]; see `compare`.
    """

    facts: bool
    iou: float


def program_of(scene: Scene) -> str:
    """The program of a scene: its objects from left to right, their centres rounded to whole units."""
    things = sorted(scene.objects, key=lambda thing: (round(thing.x * SIDE), round(thing.y * SIDE), str(thing)))
    uses = (Use(o.size, o.shape, o.colour, round(o.x * SIDE), round(o.y * SIDE)) for o in things)
    return str(Program(scene.background, tuple(uses)))


def parse(text: str) -> Program:
    """The program that a text is. Raises ProgramError, which says what is wrong and in which line."""
    if len(text) > LONGEST:
        raise ProgramError(f"a program has at most {LONGEST} characters, got {len(text)}")
    lines = [(i, line.strip()) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise ProgramError("the program is empty: its first line lays a background")
    (first, background), *rest = lines
    if len(rest) > MOST:
        raise ProgramError(f"a program draws at most {MOST} objects, got {len(rest)}")
    ground = _attributes(background, first, ("href",))["href"]
    if ground not in {f"#{name}" for name in BACKGROUNDS}:
        raise ProgramError(f"line {first}: expected a background, one of #{', #'.join(BACKGROUNDS)}; got {ground!r}")
    return Program(ground[1:], tuple(_use(line, i) for i, line in rest))


def program_or_none(text: str) -> Program | None:
    """The program that a text is, or None where it is none."""
    try:
        return parse(text)
    except ProgramError:
        return None


def _use(line: str, number: int) -> Use:
    """An object's line."""
    found = _attributes(line, number, ("href", "class", "x", "y"))
    size, _, shape = found["href"].removeprefix("#").partition("-")
    if not found["href"].startswith("#") or size not in SIZES or shape not in SHAPES:
        raise ProgramError(f"line {number}: no shape is called {found['href']!r}; one is called '#small-star'")
    if found["class"] not in COLOURS:
        raise ProgramError(f"line {number}: the class is a colour, one of {', '.join(COLOURS)}; got {found['class']!r}")
    return Use(size, shape, found["class"], _whole("x", found["x"], number), _whole("y", found["y"], number))


def _attributes(line: str, number: int, names: Sequence[str]) -> dict[str, str]:
    """The attributes of a <use/>, which has just these."""
    if not _USE.fullmatch(line):
        raise ProgramError(f"line {number}: expected one <use .../>, got {line!r}")
    try:
        found = dict(ElementTree.fromstring(line).attrib)
    except ElementTree.ParseError as error:
        raise ProgramError(f"line {number}: {error} in {line!r}") from None
    if missing := [name for name in names if name not in found]:
        raise ProgramError(f"line {number}: {', '.join(missing)} is missing in {line!r}")
    if extra := sorted(found.keys() - set(names)):
        raise ProgramError(f"line {number}: {', '.join(extra)} is unknown in {line!r}")
    return found


def _whole(name: str, text: str, number: int) -> int:
    if not re.fullmatch(r"\d{1,3}", text, re.ASCII) or int(text) > SIDE:
        raise ProgramError(f"line {number}: {name} is a whole number from 0 to {SIDE}, got {text!r}")
    return int(text)


def compare(program: Program | None, scene: Scene) -> Comparison:
    """How a program agrees with a scene; None, a text that is no program, does not agree at all.

    Objects are matched by shape and colour, which name each object of a scene. iou is the mean over them of how much
    the two masks share, of what either covers; an object without a partner, on either side, counts as 0.
    """
    if program is None:
        return Comparison(False, 0.0)
    wanted, drawn = scene.masks(PIXELS), program.masks(PIXELS)
    free = list(range(len(drawn)))
    shared = 0.0
    for thing, mask in zip(scene.objects, wanted, strict=True):
        same = [i for i in free if (program.uses[i].shape, program.uses[i].colour) == (thing.shape, thing.colour)]
        if same:
            free.remove(same[0])
            other = drawn[same[0]]
            shared += float(np.minimum(mask, other).sum() / np.maximum(mask, other).sum())
    return Comparison(program.facts() == scene.facts(), shared / max(len(wanted), len(drawn)))


# --- for other tools ------------------------------------------------------------------------------------------------


def document(program: str | Program, size: int = PIXELS) -> str:
    """A whole SVG document, `size` x `size` pixels, that draws the program in a browser, resvg or an editor."""
    colours = " ".join(f".{name} {{ fill: {_hex(rgb)} }}" for name, rgb in COLOURS.items())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" width="{size}" height="{size}">',
        f"<style>{colours}</style>",
        "<defs>",
        *(_ground(name) for name in BACKGROUNDS),
        *(_symbol(size_name, shape) for size_name in SIZES for shape in SHAPES),
        "</defs>",
        str(program),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _hex(rgb: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _ground(name: str) -> str:
    """A background's definition: a plain square, or one with stripes or checks on it."""
    first, *second = map(_hex, BACKGROUND_COLOURS[name])
    square = f'<rect width="{SIDE}" height="{SIDE}" fill="{first}"/>'
    if not second:
        return f'<g id="{name}">{square}</g>'
    band = SIDE // (2 * drawing.STRIPES)
    if name == "striped":
        path = "".join(f"M0 {y}h{SIDE}v{band}h-{SIDE}z" for y in range(band, SIDE, 2 * band))
    else:
        corners = ((x, y) for y in range(0, SIDE, band) for x in range((y + band) % (2 * band), SIDE, 2 * band))
        path = "".join(f"M{x} {y}h{band}v{band}h-{band}z" for x, y in corners)
    return f'<g id="{name}">{square}<path d="{path}" fill="{second[0]}"/></g>'


def _symbol(size: str, shape: str) -> str:
    """A shape's definition around the origin; its colour comes from the line that uses it."""
    radius = RADII[size] * SIDE
    name = f'id="{size}-{shape}"'
    if shape in drawing.OUTLINES:
        corners = " ".join(f"{radius * x:.2f},{radius * y:.2f}" for x, y in drawing.OUTLINES[shape])
        return f'<polygon {name} points="{corners}"/>'
    outer, inner = 0.9 * radius, 0.46 * radius
    if shape == "circle":
        return f'<circle {name} r="{outer:.2f}"/>'
    arcs = "M{0:.2f} 0a{1:.2f} {1:.2f} 0 1 0 {2:.2f} 0a{1:.2f} {1:.2f} 0 1 0 {3:.2f} 0z"
    path = "".join(arcs.format(-r, r, 2 * r, -2 * r) for r in (outer, inner))
    return f'<path {name} fill-rule="evenodd" d="{path}"/>'
