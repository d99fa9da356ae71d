"""One coloured shape as a value, and how two of them lie to each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from tinyworld.vocabulary import COLOURS, OPPOSITE, SHAPES, SIZES


class Placed(Protocol):
    """Anything that has a place in the picture: an `Object`, or what a model sees of one."""

    @property
    def x(self) -> float: ...

    @property
    def y(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Object:
    """One coloured shape. `x` and `y` are its centre in [0, 1], from the left and from the top.

    Raises ValueError for a word the world does not know or a centre outside the picture.
    """

    shape: str
    colour: str
    size: str
    x: float
    y: float

    def __post_init__(self) -> None:
        one_of("shape", self.shape, SHAPES)
        one_of("colour", self.colour, COLOURS)
        one_of("size", self.size, SIZES)
        _in_picture("x", self.x)
        _in_picture("y", self.y)


def direction(first: Placed, second: Placed) -> str:
    """Where `first` lies, seen from `second`: one of RELATIONS."""
    dx, dy = first.x - second.x, first.y - second.y
    name = "right of" if abs(dx) >= abs(dy) else "below"
    forwards = dx > 0 if abs(dx) >= abs(dy) else dy > 0
    return name if forwards else OPPOSITE[name]


def relation(objects: Sequence[Object]) -> tuple[Object, str, Object] | None:
    """How the first of two objects lies to the second, e.g. (star, "left of", circle).

    The axis on which the centres are farther apart decides; sampled scenes keep it at least twice as far apart as the
    other. None unless there are exactly two objects.
    """
    if len(objects) != 2:
        return None
    first, second = objects
    return first, direction(first, second), second


def one_of(field: str, value: object, allowed: Collection[str]) -> None:
    """Raise ValueError unless `value` is one of the words that are allowed for a field."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{field} must be one of {', '.join(allowed)}; got {value!r}")


def _in_picture(field: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:  # NaN fails too
        raise ValueError(f"{field} must be a number in [0, 1], got {value!r}")
