"""Scenes as programs: a few lines of SVG that any browser draws.

    text = programs.program_of(scene)
    # <use href="#striped"/>
    # <use href="#large-star" class="red" x="41" y="66"/>
    program = programs.Program("striped", (programs.Use("large", "star", "red", 41, 66),))
    program.render()                        # a PIL image, the pixels of `Scene.render`
    programs.document(text)                 # a whole SVG document, for a browser or resvg

The first line lays the background, each of the others one object: its size and shape, its colour, and its centre in
whole units, of which the picture has 128 a side. Shapes, backgrounds and colours are defined once, in the document's
prelude. Objects stand in canonical order, from left to right: one scene has one program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from tinyworld import captions, drawing
from tinyworld.objects import Object
from tinyworld.scene import Scene
from tinyworld.vocabulary import BACKGROUND_COLOURS, BACKGROUNDS, COLOURS, RADII, SHAPES, SIZES

SIDE = 128  # units a side of the picture: two to a pixel
PIXELS = 64  # a side, where masks are compared


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
    """What a text says that is a program: a background, and what is laid on it, the lowest first."""

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
