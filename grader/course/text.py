"""Text for people: what a page, a terminal and a file can show, and numbers as a person writes them."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

MAX_TEXT = 6000
LONGEST = 4000  # characters of a line in a record

ANSI = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\))")  # colours and titles of terminals
# C0 and C1 controls but tab and newline, the marks that change the direction of writing, and half characters
NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(value: Any) -> Any:
    """Text as it may be shown: without control characters, terminal colours and changes of direction; not endless."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    value = NOT_TEXT.sub("", ANSI.sub("", value))
    return value if len(value) <= MAX_TEXT else value[:MAX_TEXT] + " … (cut here)"


def number(value: float, digits: int = 2) -> str:
    """Points as a person writes them: 2, 1.5, 0.67."""
    return f"{round(value, digits):g}"


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def printable(text: str, most: int | None = None) -> str:
    """Text that can be written as UTF-8: half characters (lone surrogates) become question marks. most: characters."""
    return text[:most].encode("utf-8", "replace").decode()
