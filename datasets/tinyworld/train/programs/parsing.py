"""Programs as texts, read by a parser that knows their small language and nothing else; nothing is ever run as code.

It lies here, out of reach of a notebook that is graded: reading programs is an exercise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from tinyworld.programs import SIDE, Program, Use
from tinyworld.vocabulary import BACKGROUNDS, COLOURS, SHAPES, SIZES

MOST = 8  # objects in a program
LONGEST = 1000  # characters of a program
_USE = re.compile(r"<use\b[^<>&]*/>")  # one element without content: nothing else is given to the XML parser


class ProgramError(ValueError):
    """A text that is no program, with the line that is wrong."""


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
